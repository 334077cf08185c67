import { fork } from 'node:child_process';
import { join } from 'node:path';

const LIMIT_MS = 300_000;

/**
 * Runs one job in a process of its own, so that no client's heap or warm code is another's burden or gain.
 * @param {import('./load.js').Job} job
 * @returns {Promise<any>}
 */
export function runLoad(job) {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'load.js'), [], { execArgv: ['--expose-gc'] });
    /** @type {{ result?: unknown, error?: string }} */ let answer = {
      error: 'the load process ended without a result',
    };
    const timer = setTimeout(() => {
      answer = { error: `no result after ${LIMIT_MS} ms` };
      child.kill('SIGKILL');
    }, LIMIT_MS);
    child.on('message', (message) => {
      answer = message;
    });
    child.on('error', reject);
    child.on('exit', () => {
      clearTimeout(timer);
      if (answer.error === undefined) resolve(answer.result);
      else reject(new Error(answer.error));
    });
    child.send(job);
  });
}
