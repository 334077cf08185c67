import { spawn } from 'node:child_process';
import { profilesProgram } from './agent-plan.js';
import type { RenderAnswer, RenderOrder } from './clinic-render.js';

const LIMIT_MS = 5 * 60_000;
const HEAP_MIB = 4096;
const STDERR_CHARACTERS = 1000;

/** Writes clinic's page. Resolves with what makes its output worthless, or null. */
export function renderWithClinic(order: RenderOrder, signal: AbortSignal): Promise<string | null> {
  const program = profilesProgram('clinic-render.js');
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${HEAP_MIB}`, '--no-warnings', program, JSON.stringify(order)],
    { stdio: ['ignore', 'pipe', 'pipe'], signal, timeout: LIMIT_MS, killSignal: 'SIGKILL' },
  );
  let answer = '';
  let words = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-STDERR_CHARACTERS);
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(signal.aborted ? signal.reason : error));
    child.once('close', (code, ended) => {
      if (signal.aborted) reject(signal.reason);
      else if (code === 0) resolve((JSON.parse(answer) as RenderAnswer).problem);
      else if (ended !== null) {
        resolve(`clinic's page took more than ${LIMIT_MS / 60_000} minutes to make`);
      } else resolve(`clinic failed: ${lastLines(words)}`);
    });
  });
}

function lastLines(text: string): string {
  const error = text.split('\n').find((line) => /^\w*Error\b/.test(line.trim()));
  return (error ?? text).trim().replaceAll(/\s+/g, ' ');
}
