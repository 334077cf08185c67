import { describe, expect, it } from 'vitest';
import {
  busiestThread,
  parseSchedstat,
  ranSeconds,
  samplesSince,
  sampleThreads,
  type ThreadSample,
} from './thread-times.js';

const ms = 1e6;
const sample = (
  atMs: number,
  threads: Record<number, [name: string, ranMs: number, waitedMs: number]>,
): ThreadSample => ({
  atMs,
  threads: new Map(
    Object.entries(threads).map(([id, [name, ranMs, waitedMs]]) => [
      Number(id),
      { name, ranNs: ranMs * ms, waitedNs: waitedMs * ms },
    ]),
  ),
});

const SAMPLES = [
  sample(0, { 1: ['java', 0, 0], 2: ['java', 100, 10] }),
  sample(1000, { 1: ['java', 0, 0], 2: ['java', 900, 60], 3: ['kafka-producer-', 10, 0] }),
  sample(2000, { 1: ['java', 0, 0], 2: ['java', 1400, 160], 3: ['kafka-producer-', 260, 50] }),
  sample(3000, { 1: ['java', 5, 0], 2: ['java', 2100, 260] }),
];

describe('times of threads', () => {
  it('are read as Linux writes them', () => {
    expect(parseSchedstat('41302064 395987773 133\n')).toEqual({
      ranNs: 41302064,
      waitedNs: 395987773,
    });
    expect(() => parseSchedstat('')).toThrow('not a schedstat');
    expect(() => parseSchedstat('x 1 2')).toThrow('not a schedstat');
  });

  it('say of the busiest thread how it spent its time', () => {
    expect(busiestThread(SAMPLES, 'java')).toEqual({
      name: 'java',
      elapsedMs: 3000,
      ran: 2 / 3,
      waited: 1 / 12,
    });
    expect(busiestThread(SAMPLES, 'kafka-')).toMatchObject({ elapsedMs: 1000, ran: 0.25 });
    expect(busiestThread(SAMPLES, 'other')).toBeNull();
    expect(busiestThread(SAMPLES.slice(0, 1), 'java')).toBeNull();
  });

  it('can begin where the work begins', () => {
    const working = samplesSince(SAMPLES, 'kafka-producer-');
    expect(working.map(({ atMs }) => atMs)).toEqual([1000, 2000, 3000]);
    expect(busiestThread(working, 'java')).toMatchObject({ ran: 0.6, waited: 0.1 });
    expect(samplesSince(SAMPLES, 'other')).toEqual([]);
  });

  it('add up, those of threads that ended too', () => {
    expect(ranSeconds(SAMPLES)).toBeCloseTo(0.005 + 2.1 + 0.26);
    expect(ranSeconds([])).toBe(0);
  });

  it.runIf(process.platform === 'linux')('are found of a running process', () => {
    const before = sampleThreads(process.pid);
    const until = performance.now() + 30;
    while (performance.now() < until);
    const after = sampleThreads(process.pid);
    const own = busiestThread([before, after], '');
    expect(own?.ran).toBeGreaterThan(0);
    expect(ranSeconds([after])).toBeGreaterThan(ranSeconds([before]));
  });
});
