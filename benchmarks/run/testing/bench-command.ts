import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../environment.js';

/* Runs the built command as people do, and looks for what it leaves behind. */

export interface CommandRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** In the environment of all its processes. */
  readonly mark: string;
  /** Its processes that were still there when it had ended. */
  readonly left: readonly string[];
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Once this is in its error output: do that to it. */
  readonly when?: { readonly text: string; readonly act: (pid: number) => void };
  /** Done beside it; what fails in it fails the run. */
  readonly meanwhile?: (run: { readonly pid: number; readonly mark: string }) => Promise<void>;
}

export interface MarkedProcess {
  readonly pid: number;
  readonly commandLine: string;
}

export async function runCommand(
  args: readonly string[],
  { env = {}, when, meanwhile }: CommandOptions = {},
): Promise<CommandRun> {
  const mark = `VARVE_TEST_MARK_${process.pid}_${Math.random().toString(36).slice(2)}`;
  const main = join(packageRoot(), 'dist/cli/main.js');
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, ...env, VARVE_MARK: mark },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  let acted = false;
  child.stdout.on('data', (data) => {
    stdout += String(data);
  });
  child.stderr.on('data', (data) => {
    stderr += String(data);
    if (when === undefined || acted || !stderr.includes(when.text)) return;
    acted = true;
    when.act(child.pid ?? -1);
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const done = meanwhile?.({ pid: child.pid ?? -1, mark });
  // It is awaited when the run is over.
  done?.catch(() => {});
  const status = await ended;
  const left = processesMarked(mark).map(({ commandLine }) => commandLine);
  await done;
  return { status, stdout, stderr, mark, left };
}

/** Processes whose environment has the mark. */
export function processesMarked(mark: string): MarkedProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
        if (!environment.includes(mark)) return [];
        const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(pid), commandLine }];
      } catch {
        // It ended meanwhile, or is somebody else's.
        return [];
      }
    });
}
