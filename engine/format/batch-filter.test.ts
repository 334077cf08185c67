import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withView } from '../testing/kafka-vectors.js';
import { COMPRESSION_TYPES, type RecordInput } from '../types.js';
import { BatchProblem, checkBatch } from './batch-check.js';
import { BatchFilter } from './batch-filter.js';
import { readBatchHeader } from './batch-header.js';
import { readRecords } from './batch-reader.js';
import { BatchOptions, batchSizeBound, writeBatch } from './batch-writer.js';

const NOW = 1_700_000_000_000;
const filter = new BatchFilter();

function batchOf(inputs: readonly RecordInput[], values: Partial<BatchOptions> = {}) {
  const made = withView(Buffer.alloc(batchSizeBound(inputs, 0, inputs.length) + 3));
  const options = Object.assign(new BatchOptions(), { now: NOW, baseOffset: 1000 }, values);
  const size = writeBatch(made.buffer, made.view, 3, inputs, 0, inputs.length, options);
  return { ...made, size };
}

function header(batch: Buffer) {
  const { view } = withView(batch);
  const options = { crc: true, maxBytes: 1 << 24 };
  expect(checkBatch(batch, view, 0, batch.length, options)).toBe(BatchProblem.BATCH_OK);
  return readBatchHeader(view, 0);
}

const record = fc.record({
  key: fc.option(fc.uint8Array({ maxLength: 10 })),
  value: fc.option(fc.string({ maxLength: 100 })),
  timestamp: fc.integer({ min: 0, max: NOW * 2 }),
  headers: fc.array(fc.record({ key: fc.string(), value: fc.constant(null) }), { maxLength: 2 }),
});

describe('BatchFilter', () => {
  it('keeps the chosen records as they were, and the header where Kafka does, by property', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(record, fc.boolean()), { minLength: 1, maxLength: 30 }),
        fc.constantFrom(...COMPRESSION_TYPES),
        fc.constantFrom('CreateTime' as const, 'LogAppendTime' as const),
        fc.option(fc.integer({ min: 0, max: NOW * 2 }), { nil: undefined }),
        (chosen, compression, timestampType, horizon) => {
          const producer = { producerId: 77, producerEpoch: 4, baseSequence: 9, leaderEpoch: 5 };
          const values = { ...producer, compression, timestampType, isTransactional: true };
          const inputs = chosen.map(([input]) => input);
          const { buffer, view } = batchOf(inputs, values);
          const all = readRecords(buffer, 3);
          const wanted = all.filter((_, index) => chosen[index]![1]);
          const kept = filter.filter(
            buffer,
            view,
            3,
            ({ offsetDelta }) => chosen[offsetDelta]![1],
            horizon === undefined ? {} : { deleteHorizonMs: horizon },
          );
          expect(filter.retained).toBe(wanted.length);
          if (wanted.length === 0) {
            expect(kept).toBeNull();
            return;
          }
          expect(readRecords(kept!, 0)).toEqual(wanted);
          const before = readBatchHeader(view, 3);
          const after = header(kept!);
          const { baseOffset, lastOffset, producerId, producerEpoch, baseSequence } = before;
          const stays = { baseOffset, lastOffset, producerId, producerEpoch, baseSequence };
          expect(after).toMatchObject({ ...stays, isTransactional: true, timestampType });
          expect(after).toMatchObject({ partitionLeaderEpoch: 5, recordsCount: wanted.length });
          const times = wanted.map(({ timestamp }) => timestamp);
          expect(after.maxTimestamp).toBe(Math.max(...times));
          expect(filter.maxTimestamp).toBe(after.maxTimestamp);
          expect(filter.offsetOfMaxTimestamp).toBe(
            wanted[times.indexOf(after.maxTimestamp)]!.offset,
          );
          expect(after.hasDeleteHorizon).toBe(horizon !== undefined);
          if (horizon !== undefined) expect(after.baseTimestamp).toBe(horizon);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives the source itself when nothing changes', () => {
    const { buffer, view, size } = batchOf([{ value: 'a' }, { value: 'b' }]);
    const kept = filter.filter(buffer, view, 3, () => true);
    expect(kept!.buffer).toBe(buffer.buffer);
    expect(kept!.equals(buffer.subarray(3, 3 + size))).toBe(true);
  });

  it('keeps the delete horizon that a batch already has', () => {
    const { buffer, view } = batchOf([{ timestamp: 5 }, { timestamp: 6 }]);
    const once = Buffer.from(filter.filter(buffer, view, 3, () => true, { deleteHorizonMs: 50 })!);
    const again = filter.filter(once, withView(once).view, 0, ({ offset }) => offset === 1001, {
      deleteHorizonMs: 99,
    });
    expect(header(again!)).toMatchObject({ baseTimestamp: 50, hasDeleteHorizon: true });
    expect(readRecords(again!, 0).map(({ timestamp }) => timestamp)).toEqual([6]);
  });
});
