import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { interruptSignal, UsageError } from '../cli/run-program.js';
import { VarveError } from '../engine/errors.js';
import { clinicDirectory } from './profile-cell.js';

/** What is in `profiles/clinic/package-lock.json`, into `profiles/clinic/node_modules`. */
export async function installClinic(): Promise<void> {
  const directory = clinicDirectory();
  if (!existsSync(join(directory, 'package-lock.json'))) {
    throw new UsageError(
      'the list of packages (profiles/clinic/package-lock.json) is in a clone of varve only; --tool node needs none of them',
    );
  }
  process.stderr.write(
    'npm ci --prefix profiles/clinic: clinic 13.0.0 and what it needs, some 700 packages, from your npm registry\n',
  );
  const signal = interruptSignal();
  const npm = spawn(
    'npm',
    ['ci', '--prefix', directory, '--no-audit', '--no-fund', '--ignore-scripts'],
    { stdio: ['ignore', 'inherit', 'inherit'], shell: process.platform === 'win32', signal },
  );
  await new Promise<void>((resolve, reject) => {
    npm.once('error', (cause) => {
      if (signal.aborted) reject(signal.reason);
      else reject(new VarveError('IO_FAILED', `npm could not be run: ${cause.message}`, { cause }));
    });
    npm.once('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new VarveError('IO_FAILED', `npm ci --prefix profiles/clinic ended with code ${code}`),
        );
    });
  });
}
