import { beforeEach, describe, expect, it } from 'vitest';
import { withView } from '../testing/kafka-vectors.js';
import { BatchProblem, checkBatch } from './batch-check.js';
import {
  addToSequence,
  assignOffsetAndEpoch,
  compressionOf,
  crc,
  hasDeleteHorizon,
  isControl,
  isLogAppendTime,
  isTransactional,
  lastOffset,
  lastSequence,
  maxTimestamp,
  readBatchHeader,
  setMaxTimestamp,
} from './batch-header.js';
import { readRecords } from './batch-reader.js';
import { BatchOptions, writeBatch } from './batch-writer.js';
import { ATTRIBUTES_AT, BASE_SEQUENCE_AT } from './layout.js';

const { buffer, view } = withView(Buffer.alloc(400));
const at = 11;
let size = 0;

function problem(): BatchProblem {
  return checkBatch(buffer, view, at, at + size, { crc: true, maxBytes: 400 });
}

beforeEach(() => {
  const options = new BatchOptions();
  Object.assign(options, { baseOffset: 2 ** 40, leaderEpoch: 7, baseSequence: 0x7fff_fffe });
  Object.assign(options, { producerId: 2 ** 33, producerEpoch: 3, isTransactional: true });
  const inputs = [5, 90, 20].map((timestamp) => ({ value: 'v', timestamp }));
  size = writeBatch(buffer, view, at, inputs, 0, 3, options);
});

describe('batch header', () => {
  it('decodes every field', () => {
    expect(readBatchHeader(view, at)).toEqual({
      baseOffset: 2 ** 40,
      lastOffset: 2 ** 40 + 2,
      lastOffsetDelta: 2,
      batchLength: size - 12,
      sizeInBytes: size,
      partitionLeaderEpoch: 7,
      magic: 2,
      crc: view.getUint32(at + 17),
      attributes: 0x10,
      compression: 'none',
      timestampType: 'CreateTime',
      isTransactional: true,
      isControl: false,
      hasDeleteHorizon: false,
      baseTimestamp: 5,
      maxTimestamp: 90,
      producerId: 2 ** 33,
      producerEpoch: 3,
      baseSequence: 0x7fff_fffe,
      lastSequence: 0,
      recordsCount: 3,
    });
  });

  it.each([
    [0, 'none', false, false, false, false],
    [1, 'gzip', false, false, false, false],
    [0x0a, 'snappy', true, false, false, false],
    [0x13, 'lz4', false, true, false, false],
    [0x24, 'zstd', false, false, true, false],
    [0x45, null, false, false, false, true],
    [0x07, null, false, false, false, false],
  ] as const)('attributes %d', (bits, codec, logAppend, transactional, control, horizon) => {
    view.setInt16(at + ATTRIBUTES_AT, bits);
    expect(compressionOf(view, at)).toBe(codec);
    expect(isLogAppendTime(view, at)).toBe(logAppend);
    expect(isTransactional(view, at)).toBe(transactional);
    expect(isControl(view, at)).toBe(control);
    expect(hasDeleteHorizon(view, at)).toBe(horizon);
  });

  it('wraps sequences to 0 after 2147483647', () => {
    expect(addToSequence(0x7fff_ffff, 1)).toBe(0);
    expect(addToSequence(0x7fff_ffff, 0)).toBe(0x7fff_ffff);
    expect(addToSequence(0x7fff_fff0, 20)).toBe(4);
    view.setInt32(at + BASE_SEQUENCE_AT, -1);
    expect(lastSequence(view, at)).toBe(-1);
  });

  it('takes a new offset and epoch without a new checksum', () => {
    const before = crc(view, at);
    assignOffsetAndEpoch(view, at, 2 ** 45, 9);
    expect(readBatchHeader(view, at)).toMatchObject({
      baseOffset: 2 ** 45,
      partitionLeaderEpoch: 9,
      crc: before,
    });
    expect(lastOffset(view, at)).toBe(2 ** 45 + 2);
    expect(problem()).toBe(BatchProblem.BATCH_OK);
  });

  it('turns to LogAppendTime with a valid checksum, and every record then has that time', () => {
    setMaxTimestamp(buffer, view, at, true, 1234);
    expect(problem()).toBe(BatchProblem.BATCH_OK);
    expect(isLogAppendTime(view, at)).toBe(true);
    expect(isTransactional(view, at)).toBe(true);
    expect(readRecords(buffer, at).map(({ timestamp }) => timestamp)).toEqual([1234, 1234, 1234]);
    setMaxTimestamp(buffer, view, at, false, 90);
    expect(problem()).toBe(BatchProblem.BATCH_OK);
    expect(readRecords(buffer, at).map(({ timestamp }) => timestamp)).toEqual([5, 90, 20]);
  });

  it('leaves the checksum alone when type and max timestamp stay, right or wrong', () => {
    view.setUint32(at + 17, 0xdead_beef);
    setMaxTimestamp(buffer, view, at, false, 90);
    expect(crc(view, at)).toBe(0xdead_beef);
    setMaxTimestamp(buffer, view, at, false, 91);
    expect(maxTimestamp(view, at)).toBe(91);
    expect(problem()).toBe(BatchProblem.BATCH_OK);
  });
});
