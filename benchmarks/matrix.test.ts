import { expect, test } from 'vitest';
import { cellName, crossAxes } from './matrix.js';
import { createRandom, shuffled } from './random.js';

const axes = {
  partitions: [1, 16],
  recordBytes: [100, 1024],
  batchRecords: [1, 1000],
  durability: ['none', 'batch'],
} as const;

test('every combination once', () => {
  const cells = crossAxes(axes);
  expect(cells).toHaveLength(16);
  expect(new Set(cells.map(cellName)).size).toBe(16);
});

test('a payload file takes the place of record sizes', () => {
  const cells = crossAxes({ ...axes, recordBytes: [] });
  expect(cells).toHaveLength(8);
  expect(cells.every((cell) => cell.recordBytes === null)).toBe(true);
});

test('a shuffle keeps every item, follows its seed, and moves things', () => {
  const items = Array.from({ length: 100 }, (_, at) => at);
  const once = shuffled(items, createRandom(42));
  expect(shuffled(items, createRandom(42))).toEqual(once);
  expect(shuffled(items, createRandom(43))).not.toEqual(once);
  expect(once).not.toEqual(items);
  expect([...once].sort((a, b) => a - b)).toEqual(items);
});
