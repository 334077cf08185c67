import { expect, test } from 'vitest';
import { Latencies } from './latency.js';

test('percentiles come from every sample, in microseconds', () => {
  const latencies = new Latencies();
  for (let us = 1; us <= 1000; us++) latencies.recordMs(us / 1000);
  const summary = latencies.summary();
  expect(summary?.count).toBe(1000);
  expect(summary?.p50Us).toBeCloseTo(500, -1);
  expect(summary?.p99Us).toBeCloseTo(990, -1);
  expect(summary?.maxUs).toBeCloseTo(1000, -1);
});

test('merging is not averaging: one slow run decides the tail of both', () => {
  const fast = new Latencies();
  const slow = new Latencies();
  for (let at = 0; at < 900; at++) fast.recordMs(0.001);
  for (let at = 0; at < 100; at++) slow.recordMs(10);
  fast.merge(slow);
  const summary = fast.summary();
  expect(summary?.count).toBe(1000);
  expect(summary?.p50Us).toBeLessThan(1.1);
  expect(summary?.p99Us).toBeGreaterThan(9900);
});

test('a sample of seconds is kept, and no samples is null', () => {
  const latencies = new Latencies();
  expect(latencies.summary()).toBeNull();
  latencies.recordMs(90_000);
  expect(latencies.summary()?.maxUs).toBeGreaterThan(89.9e6);
});
