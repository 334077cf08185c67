import { expect, it } from 'vitest';
import { PARTITION_COUNTS, protocolBench } from './protocol.bench.js';

it('the protocol micro-benchmark runs', () => {
  const bench = protocolBench(PARTITION_COUNTS[0]!, 2);
  bench.runSync();
  expect(bench.tasks.length).toBeGreaterThan(10);
  for (const { name, result } of bench.tasks) {
    expect(result.state, name).toBe('completed');
  }
});
