import { assert } from '../assert.js';
import { VarveError } from '../errors.js';
import { COMPRESSION_TYPES, type CompressionType, MAX_OFFSET, type RecordInput } from '../types.js';
import {
  attributes,
  baseOffset,
  baseSequence,
  lastOffsetDelta,
  maxTimestamp,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
  writeCrc,
} from './batch-header.js';
import { compress } from './compression/index.js';
import {
  encodeControlRecordKey,
  encodeTransactionMarkerValue,
  type TransactionMarkerType,
} from './control-record.js';
import { writeInt64 } from './int64.js';
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD,
  COMPRESSION_NONE,
  CONTROL_BIT,
  LAST_OFFSET_DELTA_AT,
  LOG_OVERHEAD,
  MAGIC_AT,
  MAGIC_V2,
  MAX_BATCH_BYTES,
  MAX_TIMESTAMP_AT,
  NO_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  PARTITION_LEADER_EPOCH_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORDS_COUNT_AT,
  TIMESTAMP_TYPE_BIT,
  TRANSACTIONAL_BIT,
} from './layout.js';
import { encodeRecord, recordSizeBound, timestampOf } from './record-encoder.js';

/**
 * What goes into a batch's header, and what the writer found out. A plain object to be reused from one
 * batch to the next. The settings are the caller's to check; the writer checks records.
 */
export class BatchOptions {
  baseOffset = 0;
  leaderEpoch: number = NO_LEADER_EPOCH;
  compression: CompressionType = 'none';
  /** The codec's own scale; undefined is the codec's default. */
  compressionLevel: number | undefined = undefined;
  timestampType: 'CreateTime' | 'LogAppendTime' = 'CreateTime';
  producerId: number = NO_PRODUCER_ID;
  producerEpoch: number = NO_PRODUCER_EPOCH;
  baseSequence: number = NO_SEQUENCE;
  isTransactional = false;
  isControl = false;
  /** Milliseconds since 1970: for records without a timestamp, and for all with LogAppendTime. */
  now: number = NO_TIMESTAMP;

  /** Result: the batch's max timestamp. */
  maxTimestamp: number = NO_TIMESTAMP;
  /** Result: offset of the first record that has the max timestamp. */
  offsetOfMaxTimestamp = -1;
}

/**
 * An upper bound of the bytes that `writeBatch` of the same records takes; what the destination needs
 * room for. Throws INVALID_RECORD for what cannot be a record and RECORD_LIST_TOO_LARGE when the bound
 * exceeds what a batch's length field can say.
 */
export function batchSizeBound(
  records: readonly RecordInput[],
  start: number,
  end: number,
): number {
  let size = BATCH_OVERHEAD;
  for (let index = start; index < end; index++) {
    size += recordSizeBound(records[index]!, index);
  }
  if (size > MAX_BATCH_BYTES) {
    throw new VarveError(
      'RECORD_LIST_TOO_LARGE',
      `${end - start} records may take ${size} bytes, above a batch's limit of ${MAX_BATCH_BYTES}; append fewer at a time`,
      { details: { records: end - start, bytes: size, maxBytes: MAX_BATCH_BYTES } },
    );
  }
  return size;
}

/**
 * Writes the records `start` to `end` (at least one) as one batch at byte `at` and returns its size in
 * bytes. `buffer` and `view` cover the same memory, with room for `batchSizeBound` of the same records,
 * which has also checked them. Encodes in place, and compresses what lies there; a batch that its codec
 * would not make smaller is stored plain, as librdkafka does.
 * Throws INVALID_RECORD naming the record's index; what was written of the batch is zeros then.
 */
export function writeBatch(
  buffer: Buffer,
  view: DataView,
  at: number,
  records: readonly RecordInput[],
  start: number,
  end: number,
  options: BatchOptions,
): number {
  assert(end > start, 'a batch is written of no records');
  const first = at + BATCH_OVERHEAD;
  let position = first;
  let packed = plain;
  let baseTimestamp = NO_TIMESTAMP;
  let newest = NO_TIMESTAMP;
  let indexOfMax = start;
  try {
    baseTimestamp = timestampOf(records[start]!, options.now, start);
    for (let index = start; index < end; index++) {
      const record = records[index]!;
      const timestamp = timestampOf(record, options.now, index);
      if (timestamp > newest) {
        newest = timestamp;
        indexOfMax = index;
      }
      position = encodeRecord(buffer, position, record, timestamp - baseTimestamp, index - start);
    }
    assert(position <= buffer.length, 'a batch was written beyond its destination');
    packed = compressRecords(buffer, first, position, options);
  } catch (error) {
    buffer.fill(0, first, Math.min(position, buffer.length));
    throw error;
  }
  // A log's end is known by the zeros after it: plain records must not stay behind the compressed.
  if (packed.end < position) buffer.fill(0, packed.end, position);
  options.maxTimestamp = newest;
  options.offsetOfMaxTimestamp = options.baseOffset + indexOfMax - start;
  const size = packed.end - at;
  writeHeader(buffer, view, at, size, baseTimestamp, end - start, packed.codec, options);
  return size;
}

interface PackedRecords {
  /** First byte after the records. */
  end: number;
  codec: number;
}

const plain: PackedRecords = { end: 0, codec: COMPRESSION_NONE };

/**
 * Replaces the plain records `start` to `end` by one compressed stream if that is smaller. Returns where
 * the batch ends and the codec's code.
 */
export function compressRecords(
  buffer: Buffer,
  start: number,
  end: number,
  options: BatchOptions,
): PackedRecords {
  // Kafka forbids compressed control batches.
  if (options.compression !== 'none' && !options.isControl) {
    const plainRecords = buffer.subarray(start, end);
    const packed = compress(options.compression, plainRecords, options.compressionLevel);
    if (packed.length < end - start) {
      buffer.set(packed, start);
      return {
        end: start + packed.length,
        codec: COMPRESSION_TYPES.indexOf(options.compression),
      };
    }
  }
  plain.end = end;
  return plain;
}

/** Fills in everything before the records, checksum included, once their bytes are in place. */
export function writeHeader(
  buffer: Buffer,
  view: DataView,
  at: number,
  size: number,
  baseTimestamp: number,
  count: number,
  codec: number,
  options: BatchOptions,
): void {
  const lastOffset = options.baseOffset + count - 1;
  assert(lastOffset <= MAX_OFFSET, 'a batch ends beyond the largest offset');
  let flags = codec;
  if (options.timestampType === 'LogAppendTime') {
    flags |= TIMESTAMP_TYPE_BIT;
    options.maxTimestamp = options.now;
    options.offsetOfMaxTimestamp = options.baseOffset;
  }
  if (options.isTransactional) flags |= TRANSACTIONAL_BIT;
  if (options.isControl) flags |= CONTROL_BIT;
  writeInt64(view, at + BASE_OFFSET_AT, options.baseOffset);
  view.setInt32(at + BATCH_LENGTH_AT, size - LOG_OVERHEAD);
  view.setInt32(at + PARTITION_LEADER_EPOCH_AT, options.leaderEpoch);
  view.setInt8(at + MAGIC_AT, MAGIC_V2);
  view.setInt16(at + ATTRIBUTES_AT, flags);
  view.setInt32(at + LAST_OFFSET_DELTA_AT, count - 1);
  writeInt64(view, at + BASE_TIMESTAMP_AT, baseTimestamp);
  writeInt64(view, at + MAX_TIMESTAMP_AT, options.maxTimestamp);
  writeInt64(view, at + PRODUCER_ID_AT, options.producerId);
  view.setInt16(at + PRODUCER_EPOCH_AT, options.producerEpoch);
  view.setInt32(at + BASE_SEQUENCE_AT, options.baseSequence);
  view.setInt32(at + RECORDS_COUNT_AT, count);
  writeCrc(buffer, view, at);
}

/** Bytes of a batch with one transaction marker. */
export const MARKER_BATCH_BYTES = 78;

/**
 * Writes the batch that ends a transaction (`ABORT` or `COMMIT`) at byte `at` and returns its size,
 * MARKER_BATCH_BYTES. Of `options`, offset, leader epoch, producer id and epoch, and `now` count.
 */
export function writeControlBatch(
  buffer: Buffer,
  view: DataView,
  at: number,
  marker: TransactionMarkerType,
  coordinatorEpoch: number,
  options: BatchOptions,
): number {
  const control = new BatchOptions();
  control.baseOffset = options.baseOffset;
  control.leaderEpoch = options.leaderEpoch;
  control.producerId = options.producerId;
  control.producerEpoch = options.producerEpoch;
  control.now = options.now;
  control.isTransactional = true;
  control.isControl = true;
  const record = {
    key: encodeControlRecordKey(marker),
    value: encodeTransactionMarkerValue(coordinatorEpoch),
  };
  const size = writeBatch(buffer, view, at, [record], 0, 1, control);
  options.maxTimestamp = control.maxTimestamp;
  options.offsetOfMaxTimestamp = control.offsetOfMaxTimestamp;
  return size;
}

/**
 * Writes at byte `at` what compaction leaves of the batch at byte `sourceAt` of `source` when all of its
 * records go but its producer's state must stay: a header without records (61 bytes, returned) that
 * keeps offsets, producer, sequence, max timestamp, leader epoch and flags. The codec becomes none and
 * the base timestamp -1 (Kafka's `DefaultRecordBatch.writeEmptyHeader`).
 */
export function writeEmptyBatch(
  buffer: Buffer,
  view: DataView,
  at: number,
  source: DataView,
  sourceAt: number,
): number {
  const kept = TIMESTAMP_TYPE_BIT | TRANSACTIONAL_BIT | CONTROL_BIT;
  writeInt64(view, at + BASE_OFFSET_AT, baseOffset(source, sourceAt));
  view.setInt32(at + BATCH_LENGTH_AT, BATCH_OVERHEAD - LOG_OVERHEAD);
  view.setInt32(at + PARTITION_LEADER_EPOCH_AT, partitionLeaderEpoch(source, sourceAt));
  view.setInt8(at + MAGIC_AT, MAGIC_V2);
  view.setInt16(at + ATTRIBUTES_AT, attributes(source, sourceAt) & kept);
  view.setInt32(at + LAST_OFFSET_DELTA_AT, lastOffsetDelta(source, sourceAt));
  writeInt64(view, at + BASE_TIMESTAMP_AT, NO_TIMESTAMP);
  writeInt64(view, at + MAX_TIMESTAMP_AT, maxTimestamp(source, sourceAt));
  writeInt64(view, at + PRODUCER_ID_AT, producerId(source, sourceAt));
  view.setInt16(at + PRODUCER_EPOCH_AT, producerEpoch(source, sourceAt));
  view.setInt32(at + BASE_SEQUENCE_AT, baseSequence(source, sourceAt));
  view.setInt32(at + RECORDS_COUNT_AT, 0);
  writeCrc(buffer, view, at);
  return BATCH_OVERHEAD;
}
