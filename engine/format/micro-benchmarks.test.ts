import { expect, it } from 'vitest';
import { CRC_SIZES, crc32cBench } from './crc32c.bench.js';
import { primitivesBench } from './record-encoder.bench.js';

it.each([
  ['crc32c', () => crc32cBench(CRC_SIZES[0]!, 2)],
  ['record encoder', () => primitivesBench(16, 2)],
])('the %s micro-benchmark runs', (_, make) => {
  const bench = make();
  bench.runSync();
  expect(bench.tasks.length).toBeGreaterThan(5);
  for (const { name, result } of bench.tasks) {
    expect(result.state, name).toBe('completed');
  }
});
