import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const live = new Set<string>();

/** A new empty directory below `parent`, deleted by `removeTempDirectory` and at the latest at exit. */
export function createTempDirectory(parent: string): string {
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, 'varve-bench-'));
  live.add(directory);
  return directory;
}

export function removeTempDirectory(directory: string): void {
  // A process that is just ending may still write there.
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  live.delete(directory);
}

export function removeAllTempDirectories(): void {
  for (const directory of live) removeTempDirectory(directory);
}

const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** After this, Ctrl-C and friends leave no directory behind and exit with the shell's code for them. */
export function cleanUpOnSignals(): void {
  for (const [signal, code] of Object.entries(SIGNAL_EXIT_CODES)) {
    process.once(signal, () => {
      removeAllTempDirectories();
      process.stderr.write(
        `\ninterrupted (${signal}): temporary data removed, no result written\n`,
      );
      process.exit(code);
    });
  }
  process.once('exit', removeAllTempDirectories);
}
