import { describe, expect, it } from 'vitest';
import { baseOffset, lastOffset, sizeInBytes } from '../../engine/format/batch-header.js';
import { batch } from '../../engine/testing/produce-batch.js';
import { KeepsNothing } from './keeps-nothing.js';

const request = { topicId: '', currentLeaderEpoch: -1, lastFetchedEpoch: -1, logStartOffset: -1 };
const options = {
  replicaId: -1,
  replicaEpoch: -1,
  maxWaitMs: 1,
  minBytes: 1,
  maxBytes: 50_000_000,
  isolationLevel: 0,
};

function fetch(nothing: KeepsNothing, offsets: readonly number[], its = {}) {
  return nothing.fetch({
    ...options,
    partitions: offsets.map((fetchOffset, partition) => ({
      ...request,
      topic: 't',
      partition,
      fetchOffset,
      partitionMaxBytes: 1_000_000,
    })),
    ...its,
  });
}

/** First and last offset of each batch. */
function offsetsIn(records: Buffer): [number, number][] {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  const offsets: [number, number][] = [];
  for (let at = 0; at < records.length; at += sizeInBytes(view, at)) {
    offsets.push([baseOffset(view, at), lastOffset(view, at)]);
  }
  return offsets;
}

describe('a broker that keeps nothing', () => {
  it('acknowledges each batch at the offset it would have', () => {
    const nothing = new KeepsNothing();
    const produce = (partition: number, records: Buffer) =>
      nothing.produce([{ topic: 't', partition, records }])[0];
    expect(produce(0, batch(['a', 'b', 'c']))).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(produce(0, batch(['d']))).toMatchObject({ index: 0, baseOffset: 3 });
    expect(produce(1, batch(['e']))).toMatchObject({ index: 1, baseOffset: 0 });
    expect(produce(0, batch(['f']))).toMatchObject({ baseOffset: 4 });
  });

  it('sends its largest batch until a reader has at least as many records as came', async () => {
    const nothing = new KeepsNothing();
    for (const values of [['a'], ['b', 'c', 'd'], ['e'], ['f']]) {
      nothing.produce([{ topic: 't', partition: 0, records: batch(values) }]);
    }
    const [first] = await fetch(nothing, [0]);
    expect(first?.highWatermark).toBe(6);
    expect(offsetsIn(first!.records)).toEqual([
      [0, 2],
      [3, 5],
    ]);
    // A reader in the midst of a batch is sent all of it, as by a log.
    const [second] = await fetch(nothing, [4]);
    expect(offsetsIn(second!.records)).toEqual([[3, 5]]);
    const [end] = await fetch(nothing, [6]);
    expect(end).toMatchObject({ errorCode: 0, highWatermark: 6 });
    expect(end?.records.length).toBe(0);
  });

  it('keeps to the sizes that a reader asks for, with one batch at least', async () => {
    const nothing = new KeepsNothing();
    const records = batch(['x'.repeat(1000)]);
    for (let i = 0; i < 10; i += 1) {
      nothing.produce([0, 1].map((partition) => ({ topic: 't', partition, records })));
    }
    const [all] = await fetch(nothing, [0, 0], { maxBytes: 1 });
    expect(offsetsIn(all!.records)).toEqual([[0, 0]]);
    const parts = await fetch(nothing, [0, 5], { maxBytes: records.length * 3 });
    expect(parts.map((part) => part.records.length / records.length)).toEqual([3, 0]);
    const both = await fetch(nothing, [8, 5]);
    expect(both.map((part) => offsetsIn(part.records).length)).toEqual([2, 5]);
  });
});
