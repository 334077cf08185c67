import { expect, test } from 'vitest';
import { createProgress } from './progress.js';

function collect(isTTY: boolean, stepMs: number): string {
  let text = '';
  let clockMs = 0;
  const stream = { isTTY, columns: 60, write: (more: string) => (text += more) };
  const progress = createProgress(stream, () => clockMs);
  progress.begin(8);
  for (let at = 0; at < 8; at++) {
    progress.step(`cell ${at}`);
    clockMs += stepMs;
  }
  progress.end();
  return text;
}

test('a terminal gets one line that rewrites itself and is cleared at the end', () => {
  const text = collect(true, 1000);
  expect(text).not.toContain('\n');
  expect(text).toContain('[8/8] cell 7, about 1 s left');
  expect(text.endsWith('\r\x1b[2K')).toBe(true);
});

test('elsewhere plain lines, at most one in five seconds, without control codes', () => {
  const lines = collect(false, 2000).trim().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines.join()).not.toContain('\x1b');
});
