import { describe, expect, it } from 'vitest';
import { bytesOf, kafkaVectors, withView } from '../testing/kafka-vectors.js';
import { readBatchHeader } from './batch-header.js';
import { RecordCursor, readRecords } from './batch-reader.js';
import {
  BatchOptions,
  MARKER_BATCH_BYTES,
  writeBatch,
  writeControlBatch,
  writeEmptyBatch,
} from './batch-writer.js';
import { decodeControlRecordKey, decodeTransactionMarkerValue } from './control-record.js';

const { commitMarkerBatch, abortMarkerBatch, emptyRetainedBatch } = kafkaVectors.constructed;

describe('transaction markers', () => {
  it.each([
    ['COMMIT', 10, commitMarkerBatch],
    ['ABORT', 11, abortMarkerBatch],
  ] as const)('%s is written as the vector has it, and read back', (marker, offset, hex) => {
    const { buffer, view } = withView(Buffer.alloc(90));
    const options = new BatchOptions();
    Object.assign(options, { baseOffset: offset, leaderEpoch: 3, now: 1_700_000_000_000 });
    Object.assign(options, { producerId: 4000, producerEpoch: 2, compression: 'gzip' });
    expect(writeControlBatch(buffer, view, 8, marker, 7, options)).toBe(MARKER_BATCH_BYTES);
    expect(buffer.subarray(8, 86).toString('hex')).toBe(hex);
    expect(options.maxTimestamp).toBe(1_700_000_000_000);
    expect(options.offsetOfMaxTimestamp).toBe(offset);

    const cursor = new RecordCursor().reset(buffer, view, 8);
    expect(cursor.isControl).toBe(true);
    expect(cursor.next()).toBe(true);
    expect(cursor.offset).toBe(offset);
    expect(decodeControlRecordKey(cursor.key()).type).toBe(marker);
    expect(decodeTransactionMarkerValue(cursor.value()).coordinatorEpoch).toBe(7);
    expect(cursor.next()).toBe(false);
  });
});

describe('an emptied batch', () => {
  it('keeps offsets, producer, sequence and max timestamp, as the vector has it', () => {
    const source = withView(Buffer.alloc(600));
    const options = new BatchOptions();
    Object.assign(options, { baseOffset: 20, leaderEpoch: 3, producerId: 4000, producerEpoch: 2 });
    Object.assign(options, { baseSequence: 0, compression: 'gzip', now: 1_700_000_000_000 });
    const inputs = Array.from({ length: 5 }, () => ({ value: Buffer.alloc(80, 1) }));
    writeBatch(source.buffer, source.view, 3, inputs, 0, 5, options);
    expect(readBatchHeader(source.view, 3).compression).toBe('gzip');

    const { buffer, view } = withView(Buffer.alloc(70));
    expect(writeEmptyBatch(buffer, view, 9, source.view, 3)).toBe(61);
    expect(buffer.subarray(9).toString('hex')).toBe(emptyRetainedBatch);
    expect(readRecords(buffer, 9)).toEqual([]);
  });

  it('keeps the transactional, control and timestamp type bits, not codec and delete horizon', () => {
    const source = bytesOf(commitMarkerBatch);
    source.view.setInt16(21, 0x7c);
    const { buffer, view } = withView(Buffer.alloc(61));
    writeEmptyBatch(buffer, view, 0, source.view, 0);
    expect(readBatchHeader(view, 0).attributes).toBe(0x38);
  });
});
