import { expect, test } from 'vitest';
import { SimulatedClock } from './simulated-clock.js';
import { SimulatedTimers } from './simulated-timers.js';

function setUp() {
  const clock = new SimulatedClock({ monotonicMs: 0 });
  return { clock, timers: new SimulatedTimers(clock), ran: [] as string[] };
}

test('timers run in the order of their times, each at its own time', () => {
  const { clock, timers, ran } = setUp();
  timers.after(20, () => ran.push(`b ${clock.monotonic()}`));
  timers.after(10, () => ran.push(`a ${clock.monotonic()}`));
  timers.after(20, () => ran.push(`c ${clock.monotonic()}`));
  timers.advance(25);
  expect(ran).toEqual(['a 10', 'b 20', 'c 20']);
  expect(clock.monotonic()).toBe(25);
  expect(timers.count).toBe(0);
});

test('a cancelled timer does not run, one that is not due stays', () => {
  const { timers, ran } = setUp();
  timers.after(10, () => ran.push('cancelled'))();
  timers.after(11, () => ran.push('later'));
  timers.advance(10);
  expect(ran).toEqual([]);
  expect(timers.nextMs).toBe(11);
  expect(timers.runNext()).toBe(true);
  expect(ran).toEqual(['later']);
  expect(timers.runNext()).toBe(false);
});

test('what a timer starts within the time runs too, promises in between included', async () => {
  const { clock, timers, ran } = setUp();
  timers.after(10, () => {
    Promise.resolve().then(() => timers.after(10, () => ran.push(`second ${clock.monotonic()}`)));
  });
  await timers.advanceAsync(20);
  expect(ran).toEqual(['second 20']);
});
