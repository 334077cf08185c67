import { COMPRESSION_TYPES, type CompressionType } from '../types.js';
import { crc32c } from './crc32c.js';
import { readInt64, writeInt64 } from './int64.js';
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  COMPRESSION_MASK,
  CONTROL_BIT,
  CRC_AT,
  CRC_START,
  DELETE_HORIZON_BIT,
  LAST_OFFSET_DELTA_AT,
  LOG_OVERHEAD,
  MAGIC_AT,
  MAX_SEQUENCE,
  MAX_TIMESTAMP_AT,
  NO_SEQUENCE,
  PARTITION_LEADER_EPOCH_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORDS_COUNT_AT,
  TIMESTAMP_TYPE_BIT,
  TRANSACTIONAL_BIT,
} from './layout.js';

/*
 * One field of the batch that starts at byte `at` of `view`, without allocating. None of these check
 * anything: call `checkBatch` first on bytes that come from a disk or a network.
 */

export function baseOffset(view: DataView, at: number): number {
  return readInt64(view, at + BASE_OFFSET_AT);
}

/** Bytes after the length field. */
export function batchLength(view: DataView, at: number): number {
  return view.getInt32(at + BATCH_LENGTH_AT);
}

/** Bytes of the whole batch. */
export function sizeInBytes(view: DataView, at: number): number {
  return view.getInt32(at + BATCH_LENGTH_AT) + LOG_OVERHEAD;
}

export function partitionLeaderEpoch(view: DataView, at: number): number {
  return view.getInt32(at + PARTITION_LEADER_EPOCH_AT);
}

export function magic(view: DataView, at: number): number {
  return view.getInt8(at + MAGIC_AT);
}

/** The stored checksum, as an unsigned int32. */
export function crc(view: DataView, at: number): number {
  return view.getUint32(at + CRC_AT);
}

export function attributes(view: DataView, at: number): number {
  return view.getInt16(at + ATTRIBUTES_AT);
}

export function lastOffsetDelta(view: DataView, at: number): number {
  return view.getInt32(at + LAST_OFFSET_DELTA_AT);
}

/** Kept by compaction, so it may lie above the last record that is present. */
export function lastOffset(view: DataView, at: number): number {
  return baseOffset(view, at) + lastOffsetDelta(view, at);
}

/** What the records' timestamp deltas count from; with `hasDeleteHorizon` that horizon. */
export function baseTimestamp(view: DataView, at: number): number {
  return readInt64(view, at + BASE_TIMESTAMP_AT);
}

export function maxTimestamp(view: DataView, at: number): number {
  return readInt64(view, at + MAX_TIMESTAMP_AT);
}

/** -1 when the producer is not idempotent; only then do epoch and sequence mean nothing. */
export function producerId(view: DataView, at: number): number {
  return readInt64(view, at + PRODUCER_ID_AT);
}

export function producerEpoch(view: DataView, at: number): number {
  return view.getInt16(at + PRODUCER_EPOCH_AT);
}

export function baseSequence(view: DataView, at: number): number {
  return view.getInt32(at + BASE_SEQUENCE_AT);
}

/** Sequence of the last record; after 2147483647 comes 0. -1 when the batch has no sequence. */
export function lastSequence(view: DataView, at: number): number {
  const first = baseSequence(view, at);
  return first === NO_SEQUENCE ? NO_SEQUENCE : addToSequence(first, lastOffsetDelta(view, at));
}

/** `sequence + increment` with Kafka's wrap: after 2147483647 comes 0. */
export function addToSequence(sequence: number, increment: number): number {
  const sum = sequence + increment;
  return sum > MAX_SEQUENCE ? sum - MAX_SEQUENCE - 1 : sum;
}

/** Records present; compaction may have removed some. */
export function recordsCount(view: DataView, at: number): number {
  return view.getInt32(at + RECORDS_COUNT_AT);
}

/** The codec, or null for a code that no codec has. */
export function compressionOf(view: DataView, at: number): CompressionType | null {
  return COMPRESSION_TYPES[attributes(view, at) & COMPRESSION_MASK] ?? null;
}

export function isLogAppendTime(view: DataView, at: number): boolean {
  return (attributes(view, at) & TIMESTAMP_TYPE_BIT) !== 0;
}

export function isTransactional(view: DataView, at: number): boolean {
  return (attributes(view, at) & TRANSACTIONAL_BIT) !== 0;
}

/** Control batches hold transaction markers and the like: consumers hide them, offsets count them. */
export function isControl(view: DataView, at: number): boolean {
  return (attributes(view, at) & CONTROL_BIT) !== 0;
}

/** Compaction has stamped the time from which this batch's tombstones may go into `baseTimestamp`. */
export function hasDeleteHorizon(view: DataView, at: number): boolean {
  return (attributes(view, at) & DELETE_HORIZON_BIT) !== 0;
}

/** Every field of a batch header, for code that is not in a hurry. */
export interface BatchHeader {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly lastOffsetDelta: number;
  readonly batchLength: number;
  readonly sizeInBytes: number;
  readonly partitionLeaderEpoch: number;
  readonly magic: number;
  readonly crc: number;
  readonly attributes: number;
  /** Null for a code that no codec has. */
  readonly compression: CompressionType | null;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly hasDeleteHorizon: boolean;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly recordsCount: number;
}

/** Decodes the header at `at`; unchecked, like the accessors. */
export function readBatchHeader(view: DataView, at: number): BatchHeader {
  return {
    baseOffset: baseOffset(view, at),
    lastOffset: lastOffset(view, at),
    lastOffsetDelta: lastOffsetDelta(view, at),
    batchLength: batchLength(view, at),
    sizeInBytes: sizeInBytes(view, at),
    partitionLeaderEpoch: partitionLeaderEpoch(view, at),
    magic: magic(view, at),
    crc: crc(view, at),
    attributes: attributes(view, at),
    compression: compressionOf(view, at),
    timestampType: isLogAppendTime(view, at) ? 'LogAppendTime' : 'CreateTime',
    isTransactional: isTransactional(view, at),
    isControl: isControl(view, at),
    hasDeleteHorizon: hasDeleteHorizon(view, at),
    baseTimestamp: baseTimestamp(view, at),
    maxTimestamp: maxTimestamp(view, at),
    producerId: producerId(view, at),
    producerEpoch: producerEpoch(view, at),
    baseSequence: baseSequence(view, at),
    lastSequence: lastSequence(view, at),
    recordsCount: recordsCount(view, at),
  };
}

/** What a leader does to a batch it appends. Both fields lie outside the checksum. */
export function assignOffsetAndEpoch(
  view: DataView,
  at: number,
  newBaseOffset: number,
  leaderEpoch: number,
): void {
  writeInt64(view, at + BASE_OFFSET_AT, newBaseOffset);
  view.setInt32(at + PARTITION_LEADER_EPOCH_AT, leaderEpoch);
}

/**
 * Sets timestamp type and max timestamp, and the checksum if either changed. Kafka's
 * `DefaultRecordBatch.setMaxTimestamp`: the leader's correction (CreateTime) or clock (LogAppendTime).
 * `buffer` and `view` cover the same memory.
 */
export function setMaxTimestamp(
  buffer: Buffer,
  view: DataView,
  at: number,
  logAppendTime: boolean,
  newMaxTimestamp: number,
): void {
  const before = attributes(view, at);
  const after = logAppendTime ? before | TIMESTAMP_TYPE_BIT : before & ~TIMESTAMP_TYPE_BIT;
  if (before === after && maxTimestamp(view, at) === newMaxTimestamp) return;
  view.setInt16(at + ATTRIBUTES_AT, after);
  writeInt64(view, at + MAX_TIMESTAMP_AT, newMaxTimestamp);
  writeCrc(buffer, view, at);
}

/** Computes the checksum of the batch at `at`, whose length field is already right, and stores it. */
export function writeCrc(buffer: Buffer, view: DataView, at: number): void {
  const end = at + sizeInBytes(view, at);
  view.setUint32(at + CRC_AT, crc32c(buffer, at + CRC_START, end, view));
}
