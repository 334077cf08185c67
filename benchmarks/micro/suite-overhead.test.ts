import { expect, test } from 'vitest';
import { madeUpCell } from '../explain/made-up.js';
import { cellOf } from '../model/knobs.js';
import { measuringCosts, overheadOf } from './suite-overhead.js';

test('measuring a batch costs something, more with a time for each record, and far less than a millisecond', () => {
  const closed = cellOf({ recordBytes: 100 });
  const open = cellOf({ recordBytes: 100, rate: 50e6 });
  const ofClosed = measuringCosts(closed);
  const ofOpen = measuringCosts(open);
  expect(ofClosed.producerNs).toBeGreaterThan(0);
  expect(ofClosed.consumerNs).toBeGreaterThan(0);
  expect(ofOpen.producerNs).toBeGreaterThan(ofClosed.producerNs);
  expect(ofOpen.producerNs).toBeLessThan(1e6);
});

test('the share is of the processes of the cell: of the generator alone it is larger', () => {
  const cell = cellOf({});
  const { runs } = madeUpCell(cell, [{}, {}]);
  const { shareOfCell, shareOfGenerator, producerNsPerBatch, consumerNsPerBatch } = overheadOf(
    cell,
    runs,
  );
  const [run] = runs;
  const perBatch = producerNsPerBatch + consumerNsPerBatch;
  const seconds = run!.processes.reduce(
    (sum, { userSeconds, systemSeconds }) => sum + userSeconds + systemSeconds,
    0,
  );
  expect(shareOfCell).toBeCloseTo((run!.produced.batches * perBatch) / 1e9 / seconds, 9);
  expect(shareOfGenerator).toBeGreaterThan(shareOfCell);
});
