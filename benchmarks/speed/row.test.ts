import { expect, test } from 'vitest';
import { alternate, ratioOutcome, valueOutcome } from './row.js';
import { SPEED_ROWS } from './rows.js';

const format = (value: number): string => `${value} x`;

test('a ratio is taken round by round, and its median decides', () => {
  const outcome = ratioOutcome({
    what: 'w',
    runs: [9, 90, 80],
    control: 'c',
    controlRuns: [10, 100, 100],
    unit: 'u',
    format,
    atLeast: 0.9,
  });
  expect(outcome.ratio).toMatchObject({ median: 0.9, low: 0.8, high: 0.9 });
  expect(outcome.pass).toBe(true);
  expect(outcome.control).toEqual({ name: 'c', figure: '100 x' });
});

test('a figure below its least, or above its most, is missed', () => {
  const base = { what: 'w', runs: [1, 2, 3], unit: 'u', format };
  expect(valueOutcome({ ...base, atLeast: 2 }).pass).toBe(true);
  expect(valueOutcome({ ...base, atLeast: 2.1 }).pass).toBe(false);
  expect(valueOutcome({ ...base, atMost: 2 }).pass).toBe(true);
  expect(valueOutcome({ ...base, atMost: 1.9 }).pass).toBe(false);
  expect(valueOutcome(base)).toMatchObject({ pass: null, target: '' });
});

test('subject and control alternate who goes first', async () => {
  const order: string[] = [];
  const of = (name: string) => async (round: number) => {
    order.push(`${name}${round}`);
    return round;
  };
  const { runs, controlRuns } = await alternate(3, of('s'), of('c'));
  expect(order).toEqual(['s0', 'c0', 'c1', 's1', 's2', 'c2']);
  expect([runs, controlRuns]).toEqual([
    [0, 1, 2],
    [0, 1, 2],
  ]);
});

test('rows have ids of their own', () => {
  expect(new Set(SPEED_ROWS.map(({ id }) => id)).size).toBe(SPEED_ROWS.length);
});
