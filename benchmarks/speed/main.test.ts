import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Outcome } from './row.js';
import { SPEED_ROWS } from './rows.js';

const directory = mkdtempSync(join(tmpdir(), 'varve-speed-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** As built by `npm run build`, which `npm test` runs first. */
const program = join(import.meta.dirname, '..', '..', 'dist', 'benchmarks', 'speed', 'main.js');

function run(...args: string[]): Promise<{ code: unknown; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--expose-gc', program, ...args],
      { maxBuffer: 2 ** 24 },
      (error, out, err) => resolve({ code: error === null ? 0 : error.code, out, err }),
    );
  });
}

test('every row runs tiny, gives figures, and leaves nothing behind', async () => {
  const { code, out, err } = await run(
    ...['--scale', '0.001', '--rounds', '3', '--json', '--directory', directory],
  );
  expect(err).not.toContain('failed');
  // Whether targets are met at this size says nothing.
  expect([0, 3]).toContain(code);
  const { rows } = JSON.parse(out) as {
    rows: { id: string; outcomes: Outcome[]; skipped: string | null }[];
  };
  expect(rows.map(({ id }) => id)).toEqual(SPEED_ROWS.map(({ id }) => id));
  for (const { id, outcomes, skipped } of rows) {
    expect(skipped, id).toBeNull();
    expect(outcomes.length, id).toBeGreaterThan(0);
    for (const outcome of outcomes) {
      expect(outcome.runs.length, outcome.what).toBe(3);
      for (const figure of outcome.runs) expect(Number.isFinite(figure), outcome.what).toBe(true);
    }
  }
  expect(readdirSync(directory)).toEqual([]);
});

test('an unknown row is refused with the list of rows', async () => {
  const { code, err } = await run('--only', 'nonsense');
  expect(code).toBe(2);
  expect(err).toContain('ready-no-crc');
});
