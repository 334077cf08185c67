import { describe, expect, it } from 'vitest';
import { isVarveError, type VarveError } from '../errors.js';
import { withView } from '../testing/kafka-vectors.js';
import type { RecordInput } from '../types.js';
import { RecordCursor, readRecords } from './batch-reader.js';
import { BatchOptions, batchSizeBound, writeBatch } from './batch-writer.js';
import { readInt64, writeInt64 } from './int64.js';
import { BASE_TIMESTAMP_AT } from './layout.js';

function batchOf(inputs: readonly RecordInput[], values: Partial<BatchOptions> = {}) {
  const made = withView(Buffer.alloc(batchSizeBound(inputs, 0, inputs.length)));
  const options = Object.assign(new BatchOptions(), { now: 1000 }, values);
  const size = writeBatch(made.buffer, made.view, 0, inputs, 0, inputs.length, options);
  return withView(made.buffer.subarray(0, size));
}

/** A batch around record bytes made by hand. The checksum is not right: readers do not look at it. */
function batchAround(recordsHex: string, count: number, lastOffsetDelta = count - 1) {
  const records = Buffer.from(recordsHex, 'hex');
  const { buffer, view } = withView(Buffer.concat([batchOf([{}]).buffer.subarray(0, 61), records]));
  view.setInt32(8, 49 + records.length);
  view.setInt32(23, lastOffsetDelta);
  view.setInt32(57, count);
  return { buffer, view };
}

function failure(action: () => unknown): VarveError {
  try {
    action();
  } catch (error) {
    if (isVarveError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('RecordCursor', () => {
  it('says where each part is, and null apart from empty', () => {
    const { buffer, view } = batchOf([
      { key: 'k', value: 'value', timestamp: 7 },
      { key: null, value: '', headers: [{ key: 'h', value: null }], timestamp: 3 },
      { key: '', value: null, timestamp: 12 },
    ]);
    const cursor = new RecordCursor().reset(buffer, view, 0);
    expect(cursor.next()).toBe(true);
    expect(cursor.buffer).toBe(buffer);
    expect(buffer.toString('utf8', cursor.keyStart, cursor.keyEnd)).toBe('k');
    expect(buffer.toString('utf8', cursor.valueStart, cursor.valueEnd)).toBe('value');
    expect([cursor.offset, cursor.offsetDelta, cursor.timestamp]).toEqual([0, 0, 7]);
    expect(cursor.next()).toBe(true);
    expect([cursor.keyStart, cursor.keyEnd]).toEqual([-1, -1]);
    expect(cursor.valueStart).toBeGreaterThan(0);
    expect(cursor.valueEnd).toBe(cursor.valueStart);
    expect([cursor.headersCount, cursor.timestamp]).toEqual([1, 3]);
    expect(cursor.headers()).toEqual([{ key: 'h', value: null }]);
    expect(cursor.next()).toBe(true);
    expect(cursor.key()).toEqual(new Uint8Array(0));
    expect(cursor.value()).toBeNull();
    expect([cursor.headersCount, cursor.timestamp]).toEqual([0, 12]);
    expect(cursor.next()).toBe(false);
    expect(cursor.next()).toBe(false);
  });

  it('gives views of the batch itself', () => {
    const { buffer } = batchOf([{ key: 'k', value: 'v', headers: [{ key: 'h', value: 'x' }] }]);
    const [record] = readRecords(buffer, 0);
    for (const view of [record!.key!, record!.value!, record!.headers[0]!.value!]) {
      expect(view.buffer).toBe(buffer.buffer);
      expect(Object.getPrototypeOf(view)).toBe(Uint8Array.prototype);
    }
    buffer.fill('y');
    expect(Buffer.from(record!.value!).toString()).toBe('y');
  });

  it('reads header keys right when they change, shorten, leave ASCII or come back', () => {
    const keys = ['trace', 'trade', 'tra', 'é', 'trace', '', 'tracé', 'trace', 'x'.repeat(200)];
    const inputs = keys.map((key) => ({
      headers: [
        { key, value: 'v' },
        { key: 'same', value: null },
      ],
    }));
    const read = readRecords(batchOf(inputs).buffer, 0);
    expect(read.map(({ headers }) => headers.map(({ key }) => key))).toEqual(
      keys.map((key) => [key, 'same']),
    );
  });

  it('seeks to an offset, to the next one where it is missing, and from where it stands', () => {
    // Offset deltas 0, 2, 5, as compaction leaves them.
    const { buffer, view } = batchAround(
      '0c000000010100' + '0c000004010100' + '0c00000a010100',
      3,
      6,
    );
    writeInt64(view, 0, 100);
    const cursor = new RecordCursor();
    for (const [wanted, found] of [
      [0, 100],
      [100, 100],
      [101, 102],
      [102, 102],
      [103, 105],
      [105, 105],
    ] as const) {
      expect(cursor.reset(buffer, view, 0).seek(wanted)).toBe(true);
      expect(cursor.offset).toBe(found);
      expect(cursor.seek(wanted)).toBe(true);
      expect(cursor.offset).toBe(found);
    }
    expect(cursor.reset(buffer, view, 0).seek(106)).toBe(false);
  });

  it('has LogAppendTime give every record the max timestamp', () => {
    const { buffer } = batchOf([{ timestamp: 5 }, { timestamp: 9 }], {
      timestampType: 'LogAppendTime',
      now: 77,
    });
    expect(readRecords(buffer, 0).map(({ timestamp }) => timestamp)).toEqual([77, 77]);
  });

  it('counts timestamps from a delete horizon where there is one', () => {
    const { buffer, view } = batchOf([{ timestamp: 100 }, { timestamp: 90 }]);
    view.setInt16(21, 0x40);
    writeInt64(view, BASE_TIMESTAMP_AT, readInt64(view, BASE_TIMESTAMP_AT) + 1000);
    expect(readRecords(buffer, 0).map(({ timestamp }) => timestamp)).toEqual([1100, 1090]);
  });

  it('lets go of the memory on release', () => {
    const { buffer, view } = batchOf([{}, {}]);
    const cursor = new RecordCursor().reset(buffer, view, 0);
    cursor.release();
    expect(cursor.buffer.length).toBe(0);
    expect(cursor.next()).toBe(false);
  });

  it('does not decompress beyond the limit', () => {
    const inputs = Array.from({ length: 20 }, () => ({ value: new Uint8Array(1000) }));
    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const { buffer } = batchOf(inputs, { compression });
      expect(buffer.length).toBeLessThan(3000);
      expect(readRecords(buffer, 0, { maxDecompressedBytes: 30_000 })).toHaveLength(20);
      const error = failure(() => readRecords(buffer, 0, { maxDecompressedBytes: 10_000 }));
      expect(error.code).toBe('DECOMPRESSION_LIMIT');
    }
  });
});

const damaged: readonly (readonly [string, string, number, RegExp])[] = [
  ['a record of no length', '00000000010100', 1, /record length 0 /],
  ['a negative length', '01000000010100', 1, /record length -1 /],
  ['a length one more than there is', '0e000000010100', 1, /record length 7 with 6 bytes left/],
  ['a length one less', '0a000000010100', 1, /record length 5 /],
  ['an over-long length', 'ffffffffff01000000010100', 1, /longer than 5 bytes/],
  [
    'an over-long timestamp delta',
    '2000ffffffffffffffffffff010000000000',
    1,
    /longer than 10 bytes/,
  ],
  ['a key length of -2', '0c000000030100', 1, /key length -2/],
  ['a key that passes the record', '0c000000060100', 1, /key length 3 passes the record/],
  ['a key that leaves no value length', '0c000000040100', 1, /is not finished/],
  ['the largest key length', '14000000feffffff0f0100', 1, /key length 2147483647 passes/],
  ['a value length of -2', '0c000000010300', 1, /value length -2/],
  ['a value that passes the record', '0c000000010400', 1, /value length 2 passes the record/],
  ['a negative headers count', '0c000000010101', 1, /headers count -1/],
  ['a headers count above the bytes', '0c000000010102', 1, /headers count 1 with 0 bytes left/],
  ['the largest headers count', '140000000101feffffff0f', 1, /headers count 2147483647/],
  ['a null header key', '100000000101020101', 1, /key length -1 of header 0/],
  ['a header key that passes the record', '100000000101020601', 1, /key length 3 of header 0/],
  ['a header value of length -2', '100000000101020003', 1, /value length -2 of header 0/],
  ['a header value that passes the record', '100000000101020002', 1, /value length 1 of header 0/],
  ['bytes left in the record', '0e00000001010000', 1, /record ends at byte 68, its length says 69/],
  ['bytes left in the batch', '0c00000001010000', 1, /1 bytes are left after the last record/],
  ['fewer records than counted', '0c000000010100', 2, /7 bytes cannot hold the batch's 2 records/],
  [
    'the same offset delta twice',
    '0c0000000101000c000000010100',
    2,
    /offset delta 0 is not between 1 and 1/,
  ],
  ['a negative offset delta', '0c000001010100', 1, /offset delta -1 is not between 0 and 0/],
  ['an offset delta above the last', '0c000002010100', 1, /offset delta 1 is not between 0 and 0/],
];

describe('damaged records', () => {
  it.each(damaged)('%s', (_, hex, count, message) => {
    const error = failure(() => readRecords(batchAround(hex, count).buffer, 0));
    expect(error.code).toBe('CORRUPT_MESSAGE');
    expect(error.message).toMatch(message);
    expect(error.details.position).toBeTypeOf('number');
  });

  it('the record that the rows damage is good', () => {
    expect(readRecords(batchAround('0c000000010100', 1).buffer, 0)).toEqual([
      { offset: 0, timestamp: 1000, key: null, value: null, headers: [] },
    ]);
  });

  it('a size beyond the buffer and a negative count are refused without checkBatch too', () => {
    const long = batchOf([{}]);
    long.view.setInt32(8, 1000);
    expect(failure(() => readRecords(long.buffer, 0)).message).toMatch(/batch of 1012 bytes in 68/);
    const short = batchOf([{}]);
    short.view.setInt32(8, -100);
    expect(failure(() => readRecords(short.buffer, 0)).code).toBe('CORRUPT_MESSAGE');
    const negative = batchOf([{}]);
    negative.view.setInt32(57, -1);
    expect(failure(() => readRecords(negative.buffer, 0)).code).toBe('CORRUPT_MESSAGE');
  });

  it('an unknown codec is named', () => {
    const { buffer, view } = batchOf([{}]);
    view.setInt16(21, 6);
    const error = failure(() => readRecords(buffer, 0));
    expect(error.code).toBe('UNSUPPORTED_COMPRESSION_TYPE');
    expect(error.message).toContain('code 6');
  });
});
