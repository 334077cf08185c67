import { VarveError } from '../errors.js';
import {
  attributes,
  baseTimestamp,
  compressionOf,
  hasDeleteHorizon,
  isLogAppendTime,
  maxTimestamp,
  recordsCount,
  sizeInBytes,
  writeCrc,
} from './batch-header.js';
import { RecordCursor } from './batch-reader.js';
import { BatchOptions, compressRecords } from './batch-writer.js';
import { writeInt64 } from './int64.js';
import {
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD,
  COMPRESSION_MASK,
  DELETE_HORIZON_BIT,
  LOG_OVERHEAD,
  MAX_RECORD_OVERHEAD,
  MAX_TIMESTAMP_AT,
  NO_TIMESTAMP,
  RECORDS_COUNT_AT,
} from './layout.js';
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from './varint.js';

export interface FilterOptions {
  /**
   * Stamps this time, in milliseconds since 1970, as the delete horizon of a batch that has none yet.
   * A batch that has one keeps it.
   */
  readonly deleteHorizonMs?: number;
  readonly compressionLevel?: number;
  readonly maxDecompressedBytes?: number;
}

/**
 * Makes batches with only some of their records, as compaction leaves them (Kafka's
 * `MemoryRecords.filterTo`): offsets, last offset, producer, sequence, leader epoch, codec and flags
 * stay. Records are copied as bytes, so their headers come out exactly as they were. Reuses one buffer.
 */
export class BatchFilter {
  /** Results of the last `filter`: records kept, their max timestamp, and the first offset with it. */
  retained = 0;
  maxTimestamp: number = NO_TIMESTAMP;
  offsetOfMaxTimestamp = -1;

  #cursor = new RecordCursor();
  #options = new BatchOptions();
  #scratch = Buffer.alloc(0);

  /**
   * The batch at byte `at`, which has passed `checkBatch`, with the records for which `keep` says true;
   * null when it keeps none (`writeEmptyBatch` is for those whose producer must be remembered). The
   * bytes are the source's own where nothing changes, else valid until the next call.
   * Throws what reading records throws.
   */
  filter(
    source: Buffer,
    sourceView: DataView,
    at: number,
    keep: (record: RecordCursor) => boolean,
    options: FilterOptions = {},
  ): Buffer | null {
    const stamps = options.deleteHorizonMs !== undefined && !hasDeleteHorizon(sourceView, at);
    const oldBase = baseTimestamp(sourceView, at);
    let newBase = stamps ? options.deleteHorizonMs : oldBase;
    const keepsBase = stamps || hasDeleteHorizon(sourceView, at);
    this.retained = 0;
    this.maxTimestamp = NO_TIMESTAMP;
    this.offsetOfMaxTimestamp = -1;
    const cursor = this.#cursor.reset(source, sourceView, at, options);
    let position = BATCH_OVERHEAD;
    while (cursor.next()) {
      if (!keep(cursor)) continue;
      const timestamp = oldBase + cursor.timestampDelta;
      // Kafka lets deltas count from the first record kept, unless they count from the horizon.
      if (this.retained === 0 && !keepsBase) newBase = timestamp;
      position = this.#copyRecord(position, cursor, timestamp - newBase!);
      if (cursor.timestamp > this.maxTimestamp || this.retained === 0) {
        this.maxTimestamp = cursor.timestamp;
        this.offsetOfMaxTimestamp = cursor.offset;
      }
      this.retained++;
    }
    cursor.release();
    if (this.retained === 0) return null;
    if (this.retained === recordsCount(sourceView, at) && !stamps) {
      return source.subarray(at, at + sizeInBytes(sourceView, at));
    }
    return this.#finish(source, sourceView, at, position, newBase!, stamps, options);
  }

  #copyRecord(at: number, cursor: RecordCursor, timestampDelta: number): number {
    if (!Number.isSafeInteger(timestampDelta)) {
      throw new VarveError(
        'CORRUPT_MESSAGE',
        `record at offset ${cursor.offset} is ${timestampDelta} ms from its batch's base timestamp, beyond what varve can store`,
        { details: { offset: cursor.offset, timestampDelta } },
      );
    }
    const copied = cursor.recordEnd - cursor.bodyStart;
    const scratch = this.#withRoom(at, at + copied + MAX_RECORD_OVERHEAD);
    const { offsetDelta } = cursor;
    const body = 1 + sizeOfVarlong(timestampDelta) + sizeOfVarint(offsetDelta) + copied;
    at = writeVarint(scratch, at, body);
    scratch[at++] = 0;
    at = writeVarlong(scratch, at, timestampDelta);
    at = writeVarint(scratch, at, offsetDelta);
    cursor.buffer.copy(scratch, at, cursor.bodyStart, cursor.recordEnd);
    return at + copied;
  }

  #finish(
    source: Buffer,
    sourceView: DataView,
    at: number,
    end: number,
    newBase: number,
    stamps: boolean,
    options: FilterOptions,
  ): Buffer {
    const scratch = this.#scratch;
    const view = new DataView(scratch.buffer, scratch.byteOffset, scratch.byteLength);
    this.#options.compression = compressionOf(sourceView, at) ?? 'none';
    this.#options.compressionLevel = options.compressionLevel;
    const packed = compressRecords(scratch, BATCH_OVERHEAD, end, this.#options);
    source.copy(scratch, 0, at, at + BATCH_OVERHEAD);
    const flags = (attributes(sourceView, at) & ~COMPRESSION_MASK) | packed.codec;
    view.setInt32(BATCH_LENGTH_AT, packed.end - LOG_OVERHEAD);
    view.setInt16(ATTRIBUTES_AT, stamps ? flags | DELETE_HORIZON_BIT : flags);
    writeInt64(view, BASE_TIMESTAMP_AT, newBase);
    const newest = isLogAppendTime(sourceView, at)
      ? maxTimestamp(sourceView, at)
      : this.maxTimestamp;
    writeInt64(view, MAX_TIMESTAMP_AT, newest);
    view.setInt32(RECORDS_COUNT_AT, this.retained);
    writeCrc(scratch, view, 0);
    return scratch.subarray(0, packed.end);
  }

  #withRoom(used: number, bytes: number): Buffer {
    const old = this.#scratch;
    if (bytes <= old.length) return old;
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, old.length * 2, 64 * 1024));
    old.copy(grown, 0, 0, Math.min(used, old.length));
    this.#scratch = grown;
    return grown;
  }
}
