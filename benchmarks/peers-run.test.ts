import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Estimate } from './stats.js';

const directory = mkdtempSync(join(tmpdir(), 'varve-peers-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Uses `dist`, which `npm test` builds first. */
const program = join(import.meta.dirname, 'peers', 'main.js');

interface Document {
  readonly missing: readonly { readonly module: string; readonly reason: string }[];
  readonly results: readonly {
    readonly stores: readonly {
      readonly name: string;
      readonly settings: string;
      readonly append: { readonly runs: readonly number[]; readonly varveTimes: Estimate };
    }[];
  }[];
}

test('peers run tiny: what is installed is compared, what is not is named, nothing is left', async () => {
  const args = ['--rounds', '3', '--scale', '0.01', '--json', '--directory', directory];
  const text = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, [program, ...args], (error, out, err) =>
      error === null ? resolve(out) : reject(new Error(`${err}\n${error.message}`)),
    );
  });
  const { missing, results } = JSON.parse(text) as Document;
  expect(results).toHaveLength(5);
  for (const { stores } of results) {
    expect(stores.length + missing.length).toBe(5);
    expect(stores.slice(0, 2).map(({ name }) => name)).toEqual(['varve', 'raw file']);
    for (const { settings, append } of stores) {
      expect(settings).not.toBe('');
      expect(append.runs).toHaveLength(3);
      expect(append.varveTimes.median).toBeGreaterThan(0);
    }
    expect(stores[0]?.append.varveTimes).toMatchObject({ median: 1, low: 1, high: 1 });
  }
  for (const { reason } of missing) expect(reason).not.toBe('');
  expect(readdirSync(directory)).toEqual([]);
});
