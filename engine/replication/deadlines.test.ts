import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { SimulatedTimers } from '../testing/simulated-timers.js';
import { Deadlines } from './deadlines.js';

function setUp() {
  const clock = new SimulatedClock({ monotonicMs: 0 });
  const timers = new SimulatedTimers(clock);
  return { clock, timers, deadlines: new Deadlines(clock, timers) };
}

test('ten thousand that wait need one timer, and none when nobody waits any more', () => {
  const { timers, deadlines } = setUp();
  const waiting = Array.from({ length: 10_000 }, (_, i) => {
    const operation = { expire: () => undefined };
    return { operation, deadline: deadlines.add(operation, 100 + (i % 1000)) };
  });
  expect(timers.count).toBe(1);
  expect(deadlines.count).toBe(10_000);
  for (const { operation, deadline } of waiting) deadlines.remove(operation, deadline);
  expect(deadlines.count).toBe(0);
  timers.advance(101);
  expect(timers.count).toBe(0);
});

test('closing expires all that wait', () => {
  const { timers, deadlines } = setUp();
  const expired: number[] = [];
  for (const ms of [500, 100]) deadlines.add({ expire: () => expired.push(ms) }, ms);
  deadlines.close();
  expect(expired.sort()).toEqual([100, 500]);
  expect(timers.count).toBe(0);
});

test('what expires may wait again at once', () => {
  const { clock, timers, deadlines } = setUp();
  const times: number[] = [];
  const again = {
    expire: () => {
      times.push(clock.monotonic());
      if (times.length < 3) deadlines.add(again, 50);
    },
  };
  deadlines.add(again, 50);
  timers.advance(1000);
  expect(times).toEqual([50, 100, 150]);
});

test('property: each expires once, never early and at most a step late, unless it was removed', () => {
  const operation = fc.record({
    startMs: fc.integer({ min: 0, max: 300 }),
    delayMs: fc.integer({ min: 0, max: 400 }),
    removedAfterMs: fc.option(fc.integer({ min: 0, max: 400 })),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const { clock, timers, deadlines } = setUp();
      const expired = operations.map((): number[] => []);
      for (const [i, { startMs, delayMs, removedAfterMs }] of operations.entries()) {
        timers.after(startMs, () => {
          const waiting = { expire: () => expired[i]!.push(clock.monotonic()) };
          const deadline = deadlines.add(waiting, delayMs);
          if (removedAfterMs !== null) {
            timers.after(removedAfterMs, () => deadlines.remove(waiting, deadline));
          }
        });
      }
      timers.advance(2000);
      for (const [i, { startMs, delayMs, removedAfterMs }] of operations.entries()) {
        const times = expired[i]!;
        if (removedAfterMs !== null && removedAfterMs < delayMs) expect(times).toEqual([]);
        else if (removedAfterMs === null || removedAfterMs > delayMs + 5) {
          expect(times.length).toBe(1);
          expect(times[0]! - startMs - delayMs).toBeGreaterThanOrEqual(0);
          expect(times[0]! - startMs - delayMs).toBeLessThan(5);
        }
      }
      expect(deadlines.count).toBe(0);
    }),
  );
});
