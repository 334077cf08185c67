import { expect, it } from 'vitest';
import { ceilingRows, type LoadRun, type Side, timesRows } from './ceiling-table.js';

const run = (side: Side, round: number, recordsPerSecond: number, ran = 0.5): LoadRun => ({
  row: 'produce',
  side,
  round,
  recordsPerSecond,
  clientCpuSeconds: 2 + round,
  brokerCpuSeconds: 0.5,
  main: { name: 'java', elapsedMs: 1000, ran, waited: 0.25 },
  network: null,
});

it('compares what was measured in the same round', () => {
  // The second round had half a machine; written out of order.
  const runs = [
    run('kafka', 1, 100),
    run('kafka', 0, 200),
    run('varve', 0, 300),
    run('varve', 1, 150),
    run('nothing', 0, 400),
    run('nothing', 1, 200),
  ];
  expect(ceilingRows(runs)).toEqual([
    {
      row: 'produce',
      recordsPerSecond: { kafka: 150, varve: 225, nothing: 300 },
      varveToKafka: 1.5,
      ceilingToKafka: 2,
      varveToCeiling: 0.75,
    },
  ]);
  expect(() => ceilingRows(runs.slice(1))).toThrow('every run needs its control');
});

it('says how the threads of the clients spent their time', () => {
  const runs = [run('kafka', 0, 1, 0.25), run('varve', 0, 1, 0.75), run('nothing', 0, 1, 0.8)];
  const [kafka, varve, nothing] = timesRows(runs);
  expect(kafka).toEqual({
    row: 'produce',
    side: 'kafka',
    clientCpuSeconds: 2,
    brokerCpuSeconds: 0.5,
    main: { ran: 0.25, waited: 0.25, slept: 0.5 },
    network: null,
  });
  expect(varve?.main?.slept).toBe(0);
  // Clocks that do not agree by a little are no negative sleep.
  expect(nothing?.main?.slept).toBe(0);
});
