import { expect, test } from 'vitest';
import type { Sample } from '../compare/ratio-test.js';
import { createRandom } from '../random.js';
import { normal } from './noise.js';
import { pooledRatio } from './pooled-ratio.js';

const samples = (...values: number[]): Sample[] =>
  values.map((value, repeat) => ({ repeat, value }));

test('two pairs of three repeats tell a twentyfold change that neither tells alone', () => {
  const pooled = pooledRatio([
    { a: samples(80, 56, 118), b: samples(8, 3.8, 3) },
    { a: samples(41, 43, 77), b: samples(6.2, 19, 20) },
  ])!;
  expect(pooled.pairs).toBe(2);
  expect(pooled.ratio).toBeLessThan(0.2);
  expect(pooled.high).toBeLessThan(1);
  expect(pooled.p).toBeLessThan(0.01);
});

test('a pair with a run of zero is left out and counted; one pair alone is not judged', () => {
  const fine = { a: samples(10, 11, 12), b: samples(20, 22, 24) };
  const zero = { a: samples(10, 11, 12), b: samples(0, 22, 24) };
  expect(pooledRatio([fine, zero])).toBeNull();
  const pooled = pooledRatio([fine, zero, fine])!;
  expect(pooled.pairs).toBe(2);
  expect(pooled.ratio).toBeCloseTo(2, 9);
});

test('where nothing changes, alarms are as rare as the chance they are called at', () => {
  const random = createRandom(7);
  let alarms = 0;
  const rounds = 2000;
  for (let round = 0; round < rounds; round++) {
    // Spreads that differ from pair to pair, as they do on a busy machine.
    const pairs = [0.05, 0.2, 0.5].map((spread) => ({
      a: samples(...[0, 1, 2].map(() => Math.exp(spread * normal(random)))),
      b: samples(...[0, 1, 2].map(() => Math.exp(spread * normal(random)))),
    }));
    if (pooledRatio(pairs)!.p < 0.01) alarms++;
  }
  expect(alarms / rounds).toBeLessThan(0.015);
});
