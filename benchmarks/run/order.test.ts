import { describe, expect, test } from 'vitest';
import { cellOf } from '../model/knobs.js';
import { crossAxes } from '../model/matrix.js';
import { fitBudget, secondsOf } from './budget.js';
import { orderRuns, referenceOf } from './order.js';

const options = { repeats: 3, seed: 7, maxOpen: 3 };

describe('the order of runs', () => {
  test('every repeat of every cell once, a round of all before the next', () => {
    const cells = crossAxes({ partitions: [1, 2, 4], acks: [0, 1] });
    const runs = orderRuns(cells, { ...options, openKeys: cells.map(() => 'a') });
    expect(runs).toHaveLength(18);
    for (let repeat = 0; repeat < 3; repeat++) {
      const round = runs.slice(repeat * 6, repeat * 6 + 6);
      expect(round.map((run) => run.repeat)).toEqual(Array(6).fill(repeat));
      expect(round.map(({ cell }) => cell).sort()).toEqual([0, 1, 2, 3, 4, 5]);
    }
  });

  test('rounds differ in order; the same seed gives the same order', () => {
    const cells = crossAxes({ partitions: [1, 2, 3, 4, 5, 6, 7, 8] });
    const order = () => orderRuns(cells, { ...options, openKeys: cells.map(() => 'a') });
    const [first, second] = [order().slice(0, 8), order().slice(8, 16)];
    expect(order()).toEqual(order());
    expect(first.map(({ cell }) => cell)).not.toEqual(second.map(({ cell }) => cell));
  });

  test('a cell of two targets: one right after the other, either first', () => {
    const cells = crossAxes({ target: ['cluster', 'local-kafka'], partitions: [1, 2, 4, 8] });
    const runs = orderRuns(cells, { ...options, openKeys: cells.map(({ target }) => target) });
    const firsts = new Set<string | undefined>();
    for (let at = 0; at < runs.length; at += 2) {
      const pair = [runs[at], runs[at + 1]].map((run) => cells[run?.cell ?? -1]);
      expect(pair[0]?.partitions).toBe(pair[1]?.partitions);
      expect(new Set(pair.map((cell) => cell?.target)).size).toBe(2);
      firsts.add(pair[0]?.target);
    }
    expect(firsts).toEqual(new Set(['cluster', 'local-kafka']));
  });

  test('more clusters than may be open are visited one after the other in a round', () => {
    const cells = crossAxes({ brokers: [1, 3, 5, 7], partitions: [1, 2] });
    const openKeys = cells.map(({ brokers }) => String(brokers));
    const round = orderRuns(cells, { ...options, repeats: 1, openKeys });
    const keys = round.map(({ cell }) => openKeys[cell]);
    const changes = keys.filter((key, at) => at > 0 && key !== keys[at - 1]).length;
    expect(changes).toBe(3);
  });

  test('a share of the highest rate comes after what says how much that is', () => {
    const cells = crossAxes({ partitions: [1, 2], rate: ['50%', 'max', '90%'] });
    const round = orderRuns(cells, { ...options, repeats: 1, openKeys: cells.map(() => 'a') });
    expect(round.slice(0, 2).map(({ cell }) => cells[cell]?.rate)).toEqual(['max', 'max']);
    expect(referenceOf(cellOf({ rate: '50%', partitions: 2 }))).toEqual(cellOf({ partitions: 2 }));
  });
});

describe('budgets', () => {
  const asked = { repeats: 5, warmupSeconds: 1, measureSeconds: 3 };

  test('none: as asked', () => {
    expect(fitBudget(10, asked, null)).toEqual(asked);
  });

  test.each([60, 300, 3600])('%d s for 10 cells are used up and not passed', (budget) => {
    const fitted = fitBudget(10, asked, budget);
    expect(secondsOf(10, fitted)).toBeLessThanOrEqual(budget * 1.001);
    expect(secondsOf(10, fitted)).toBeGreaterThan(budget * 0.95);
  });

  test('fewer repeats, three at least, before windows are too short', () => {
    expect(fitBudget(10, asked, 40).repeats).toBeLessThan(5);
    expect(fitBudget(10, asked, 40).repeats).toBeGreaterThanOrEqual(3);
  });

  test('too little is refused with what would do', () => {
    expect(() => fitBudget(100, asked, 10)).toThrow(
      /--time 10s is too little for 100 cells: at least 330s/,
    );
  });
});
