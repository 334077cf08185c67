import { expect, it } from 'vitest';
import { fuzzCodecs, fuzzFormat } from './fuzz-format.js';

it('damaged batches are read or refused, and nothing else', () => {
  const { inputs, outcomes, slowestMs } = fuzzFormat(6000, 20_260_101);
  const count = (kind: string) => outcomes[kind] ?? 0;
  expect(Object.values(outcomes).reduce((sum, each) => sum + each, 0)).toBe(inputs);
  expect(slowestMs).toBeLessThan(1000);
  // A fuzzer that never gets past the header, or never finds damage, would test nothing.
  expect(count('read')).toBeGreaterThan(200);
  expect(count('CORRUPT_MESSAGE')).toBeGreaterThan(1000);
  for (const kind of ['BAD_CRC', 'BAD_COUNT', 'BAD_OFFSET', 'TRUNCATED', 'UNKNOWN_COMPRESSION']) {
    expect(count(kind), kind).toBeGreaterThan(0);
  }
});

it('bytes that are no compressed stream are refused by every codec', () => {
  const outcomes = fuzzCodecs(2000, 7);
  for (const type of ['gzip', 'snappy', 'lz4', 'zstd']) {
    expect(outcomes[`${type} CORRUPT_MESSAGE`], type).toBeGreaterThan(100);
  }
});

it('the same seed gives the same run', () => {
  const runs = [fuzzFormat(300, 5), fuzzFormat(300, 5), fuzzFormat(300, 6)];
  expect(runs[0]!.outcomes).toEqual(runs[1]!.outcomes);
  expect(runs[0]!.outcomes).not.toEqual(runs[2]!.outcomes);
});
