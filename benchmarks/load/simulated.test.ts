import { expect, test } from 'vitest';
import type { Cell } from '../model/knobs.js';
import { measureHere, planOf } from './load-tests.js';
import type { LoadResult, SimulatedConnection } from './plan.js';
import { simulatedBytesPerSecond } from './simulated-driver.js';

const SERVICE: SimulatedConnection = {
  kind: 'simulated',
  serviceMs: 2,
  bytesPerSecond: 1e9,
  stallAtMs: null,
  stallMs: 0,
  sigma: 0,
  kappa: 0,
  spread: 0,
  seed: 1,
};

async function measure(options: {
  readonly service?: Partial<SimulatedConnection>;
  readonly knobs?: Partial<Cell>;
  readonly rateBytesPerSecond?: number;
  readonly seconds?: number;
}): Promise<LoadResult> {
  const plan = planOf(
    { consumers: 0, ...options.knobs },
    { ...SERVICE, ...options.service },
    { rateBytesPerSecond: options.rateBytesPerSecond ?? null },
  );
  return measureHere(plan, { warmup: 0.2, measure: options.seconds ?? 1 });
}

test('a closed loop gets the rate that the service time allows, and its latency', async () => {
  const { records, seconds, corrected, service, meanInFlight } = await measure({
    service: { serviceMs: 20 },
    knobs: { inFlight: 4 },
  });
  const batches = records / 16 / seconds;
  expect(batches).toBeLessThan(4 / 0.02 + 8);
  expect(batches).toBeGreaterThan((4 / 0.02) * 0.4);
  expect(corrected?.p50Us).toBeGreaterThan(19_900);
  expect(service?.p50Us).toBe(corrected?.p50Us);
  expect(meanInFlight).toBeCloseTo(4, 0);
});

test('a service that takes so many bytes a second gets them', async () => {
  const { bytes, seconds } = await measure({ service: { bytesPerSecond: 2e6 } });
  // A busy machine may come too late to ask for more, but nothing gives it more.
  expect(bytes / seconds / 2e6).toBeGreaterThan(0.5);
  expect(bytes / seconds / 2e6).toBeLessThan(1.1);
});

test.each(['uniform', 'poisson'] as const)(
  'an open loop of %s arrivals keeps its rate',
  async (arrivals) => {
    const { bytes, seconds, dueRecords, records, corrected, requests, batches } = await measure({
      rateBytesPerSecond: 4e6,
      knobs: { arrivals, partitions: 4 },
      seconds: 2,
    });
    expect(records).toBe(dueRecords);
    const share = bytes / seconds / 4e6;
    expect(share).toBeGreaterThan(arrivals === 'uniform' ? 0.999 : 0.95);
    expect(share).toBeLessThan(arrivals === 'uniform' ? 1.001 : 1.05);
    expect(corrected?.count).toBe(records);
    expect(requests).toBeGreaterThan(0);
    // One batch at least in each; they count by when they were due, requests by when they were sent.
    expect(batches).toBeGreaterThanOrEqual(requests - 4);
  },
);

test('a stall shows in the latency from the intended time, and hardly in service time or a closed loop', async () => {
  const service = { stallAtMs: 500, stallMs: 400 };
  const open = await measure({ service, rateBytesPerSecond: 2e6, seconds: 2 });
  // A fifth of the time stands still, and what was due then waited for 200 ms on average.
  expect(open.corrected?.p90Us).toBeGreaterThan(50_000);
  expect(open.corrected?.maxUs).toBeGreaterThan(390_000);
  expect(open.behindMs).toBeGreaterThan(300);
  expect(open.records).toBeGreaterThan((open.dueRecords ?? 0) * 0.95);
  const closed = await measure({ service, seconds: 2 });
  expect(closed.corrected?.p90Us).toBeLessThan(50_000);
});

test('a rate above what the service takes is not reached, and what never left is not forgotten', async () => {
  const result = await measure({
    service: { bytesPerSecond: 1e6 },
    rateBytesPerSecond: 2e6,
    seconds: 2,
  });
  expect(result.records / (result.dueRecords ?? 0)).toBeLessThan(0.65);
  expect(result.bytes / result.seconds / 1e6).toBeGreaterThan(0.5);
  expect(result.bytes / result.seconds / 1e6).toBeLessThan(1.1);
  expect(result.corrected?.count).toBe(result.dueRecords);
});

test('partitions scale as the law says, and runs spread as they are told', () => {
  const law = { ...SERVICE, bytesPerSecond: 100, sigma: 0.1, kappa: 0.01 };
  expect(simulatedBytesPerSecond(law, 1)).toBe(100);
  expect(simulatedBytesPerSecond(law, 4)).toBeCloseTo(400 / (1 + 0.3 + 0.12), 9);
  const rates = Array.from({ length: 400 }, (_, seed) =>
    simulatedBytesPerSecond({ ...law, spread: 0.05, seed }, 1),
  );
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const deviation = Math.sqrt(rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / 400);
  expect(mean).toBeCloseTo(100, 0);
  expect(deviation).toBeGreaterThan(4);
  expect(deviation).toBeLessThan(6);
});

test('many small records at a high rate: what waits is copied, not drawn anew, so that a schedule can be caught up with', async () => {
  const { records, dueRecords, corrected } = await measure({
    rateBytesPerSecond: 10e6,
    knobs: { recordBytes: 100, inFlight: 5 },
    seconds: 2,
  });
  expect(dueRecords).toBeCloseTo(200_000, -2);
  expect(records / (dueRecords ?? 0)).toBeGreaterThan(0.9);
  expect(corrected?.p50Us).toBeLessThan(200_000);
});
