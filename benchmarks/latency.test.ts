import { build, decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { expect, test } from 'vitest';
import { Latencies, mergeLatencies } from './latency.js';
import { createRandom } from './random.js';

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

test('counted in bulk is recorded one by one: the same buckets as the histogram itself', () => {
  const latencies = new Latencies();
  const reference = build({
    bitBucketSize: 64,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 3600e9,
    numberOfSignificantValueDigits: 3,
  });
  const random = createRandom(7);
  const edges = [0, 1, 2047, 2048, 2049, 4095, 4096, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 3600e9];
  const drawn = Array.from({ length: 2000 }, () => Math.floor(2 ** (random.next() * 41)));
  for (const ns of [...edges, ...drawn]) {
    latencies.recordNs(ns, 3);
    reference.recordValueWithCount(ns, 3);
  }
  const encoded = latencies.encoded();
  expect(encoded?.count).toBe(reference.totalCount);
  const back = decodeFromCompressedBase64(encoded?.histogram ?? '', 64);
  for (let percentile = 0; percentile <= 100; percentile += 0.5) {
    expect(back.getValueAtPercentile(percentile)).toBe(reference.getValueAtPercentile(percentile));
  }
  expect((encoded?.maxUs ?? 0) / 3600e6).toBeCloseTo(1, 2);
});

test('encoded histograms of several processes merge into what one would have recorded', () => {
  const [first, second, both] = [new Latencies(), new Latencies(), new Latencies()];
  for (let us = 1; us <= 500; us++) {
    first.recordNs(us * 1000, 2);
    second.recordNs(us * 50_000, 1);
    both.recordNs(us * 1000, 2);
    both.recordNs(us * 50_000, 1);
  }
  expect(mergeLatencies([first.encoded(), null, second.encoded()])).toEqual(both.encoded());
  expect(mergeLatencies([null])).toBeNull();
});

test('a summary can be taken in between', () => {
  const latencies = new Latencies();
  latencies.recordNs(1000, 1);
  expect(latencies.summary()?.count).toBe(1);
  latencies.recordNs(3000, 1);
  expect(latencies.encoded()?.meanUs).toBeCloseTo(2, 1);
});

test('percentiles of the last moment are those of the histogram, and forgotten', () => {
  const [recent, whole, random] = [new Latencies(), new Latencies(), createRandom(3)];
  for (let at = 0; at < 5000; at++) {
    const ns = 2 ** (random.next() * 36);
    recent.recordNs(ns, 1 + (at % 7));
    whole.recordNs(ns, 1 + (at % 7));
  }
  const { p50Us, p99Us } = whole.encoded() ?? {};
  expect(recent.takePercentilesUs([50, 99])).toEqual([p50Us, p99Us]);
  expect(recent.takePercentilesUs([50])).toBeNull();
  recent.recordNs(5000, 1);
  expect(recent.takePercentilesUs([50])?.[0]).toBeCloseTo(5, 1);
});
