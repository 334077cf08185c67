import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Cell } from '../model/knobs.js';
import { measureHere, planOf } from './load-tests.js';
import type { LoadResult } from './plan.js';

const directory = mkdtempSync(join(tmpdir(), 'varve-load-engine-'));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function measure(knobs: Partial<Cell>, rate: number | null = null): Promise<LoadResult> {
  const plan = planOf(
    { target: 'engine', consumers: 0, recordBytes: 200, ...knobs },
    { kind: 'engine', directory },
    {
      payload: { file: null, seed: 1, spread: 'mixed', compressibility: null },
      rateBytesPerSecond: rate,
    },
  );
  return measureHere(plan, { warmup: 0.05, measure: 0.3 });
}

test.each<Partial<Cell>>([
  { partitions: 3 },
  { flush: 'batch', producers: 4 },
  { flush: '20ms', codec: 'lz4' },
  { keys: 'hot', partitions: 4, recordBytes: 10, batchBytes: 1000 },
])('a closed loop of %o: what is read back is what was written', async (knobs) => {
  const { records, readBack, corrected, byPartition, errors } = await measure(knobs);
  expect(records).toBeGreaterThan(0);
  expect(readBack?.records).toBe(byPartition.reduce((sum, each) => sum + each, 0));
  expect(readBack?.records).toBeGreaterThanOrEqual(records);
  expect(corrected?.count).toBe(records);
  expect(errors).toBe(0);
  if (knobs.keys === undefined) return;
  const [first = 0, second = 0] = byPartition;
  expect(first).toBeGreaterThan(second * 3);
});

test('an open loop keeps its rate', async () => {
  const { records, dueRecords, readBack } = await measure({ partitions: 2 }, 1e6);
  expect(records).toBeGreaterThan((dueRecords ?? 0) * 0.9);
  expect(records).toBeLessThanOrEqual(dueRecords ?? 0);
  expect(readBack?.records).toBeGreaterThanOrEqual(records);
});
