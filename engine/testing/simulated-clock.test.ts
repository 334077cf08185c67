import { expect, it } from 'vitest';
import { SimulatedClock } from './simulated-clock.js';

it('stands still until told to move', () => {
  const clock = new SimulatedClock({ nowMs: 5_000, monotonicMs: 10 });
  expect([clock.now(), clock.monotonic()]).toEqual([5_000, 10]);
  expect([clock.now(), clock.monotonic()]).toEqual([5_000, 10]);
});

it('advances both clocks', () => {
  const clock = new SimulatedClock({ nowMs: 5_000, monotonicMs: 10 });
  clock.advance(250);
  expect([clock.now(), clock.monotonic()]).toEqual([5_250, 260]);
});

it('jumps only the wall clock, also backwards', () => {
  const clock = new SimulatedClock({ nowMs: 5_000, monotonicMs: 10 });
  clock.jump(-4_000);
  expect([clock.now(), clock.monotonic()]).toEqual([1_000, 10]);
  clock.jump(60_000);
  expect([clock.now(), clock.monotonic()]).toEqual([61_000, 10]);
});

it('refuses to advance backwards or by nothing that is a number', () => {
  const clock = new SimulatedClock();
  expect(() => clock.advance(-1)).toThrow(RangeError);
  expect(() => clock.advance(Number.NaN)).toThrow(RangeError);
  expect(() => clock.jump(Number.NaN)).toThrow(RangeError);
});
