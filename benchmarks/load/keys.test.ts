import { expect, test } from 'vitest';
import { Keys, weightsOf } from './keys.js';
import { partitionForKey } from './varve.js';

test.each(['uniform', 'zipf', 'hot'] as const)('%s keys: draws follow their weights', (kind) => {
  const partitions = 12;
  const keys = new Keys(kind, partitions, 42);
  const draws = 60_000;
  const counts = new Array<number>(partitions).fill(0);
  for (let at = 0; at < draws; at++) counts[keys.draw()]! += 1;
  const weights = weightsOf(kind, partitions);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  let chiSquare = 0;
  for (let partition = 0; partition < partitions; partition++) {
    const expected = (draws * weights[partition]!) / sum;
    chiSquare += (counts[partition]! - expected) ** 2 / expected;
  }
  // 11 degrees of freedom: one in a thousand is above 31.3, and the seed is fixed.
  expect(chiSquare).toBeLessThan(31.3);
  if (kind === 'hot') expect(counts[0]! / draws).toBeCloseTo(0.9, 2);
});

test("keys are those that Kafka's partitioner sends there, and several of them", () => {
  const keys = new Keys('uniform', 30, 1);
  for (let partition = 0; partition < 30; partition++) {
    const some = keys.of(partition, 100);
    for (const key of some) expect(partitionForKey(key, 30)).toBe(partition);
    expect(new Set(some.map(String)).size).toBeGreaterThan(20);
  }
});

test('ten thousand partitions have keys too', () => {
  expect(new Keys('hot', 10_000, 1).of(9999, 1)).toHaveLength(1);
});
