import { expect, test } from 'vitest';
import { cellOf } from '../model/knobs.js';
import { cellSummarySchema } from '../model/result.js';
import { MADE_UP_CALIBRATION, madeUpRun } from './made-up.js';
import { summarizeCell } from './summarize.js';

const cell = cellOf({ target: 'cluster', partitions: 4, replicationFactor: 3 });

test('estimates over repeats, roles added up, and a document that fits its schema', () => {
  const rates = [100e6, 110e6, 90e6];
  const runs = rates.map((bytesPerSecond, repeat) =>
    madeUpRun(cell, { bytesPerSecond, repeat, seconds: 2, diskBytesPerSecond: 3 * bytesPerSecond }),
  );
  const summary = summarizeCell(cell, runs, MADE_UP_CALIBRATION, null);
  expect(cellSummarySchema.parse(summary)).toEqual(summary);
  expect(summary.producedBytesPerSecond.median).toBeCloseTo(100e6, -4);
  expect(summary.producedBytesPerSecond.low).toBeCloseTo(90e6, -4);
  expect(summary.producedBytesPerSecond.confidence).toBe(0.75);
  expect(summary.diskBytesPerByte).toBeCloseTo(3, 3);
  // Three brokers of 0.4 core for 6 s in all, over 600 MB of 1 KiB.
  expect(summary.cpuSecondsPerMillionRecords.broker).toBeCloseTo((7.2 / (600e6 / 1024)) * 1e6, 2);
  expect(summary.peakRssBytes).toEqual({ producer: 100e6, consumer: 100e6, broker: 300e6 });
});

test('percentiles come from all samples, not from percentiles', () => {
  const runs = [
    madeUpRun(cell, { publishMs: Array<number>(99).fill(1) }),
    madeUpRun(cell, { publishMs: [...Array<number>(98).fill(1), 50, 60, 70] }),
  ];
  const { publish } = summarizeCell(cell, runs, null, null);
  expect(publish?.count).toBe(200);
  // The mean of the runs' p99 would be above 25 ms; two in a hundred of all are above 1 ms.
  expect(publish?.p99Us).toBeGreaterThan(49_900);
  expect(publish?.p90Us).toBeCloseTo(1000, -1);
  expect((publish?.maxUs ?? 0) / 70_000).toBeCloseTo(1, 2);
});

test('what was not measured is null', () => {
  const runs = [madeUpRun(cell, { serviceMs: null, consumedBytesPerSecond: null })];
  const summary = summarizeCell(cell, runs, null, null);
  expect(summary.publish).toBeNull();
  expect(summary.consumedBytesPerSecond).toBeNull();
  expect(summary.diskBytesPerByte).toBeNull();
  expect(() => summarizeCell(cell, [], null, null)).toThrow('a summary of no runs');
});
