import { assert } from '../assert.js';
import { VarveError } from '../errors.js';
import type { RecordInput } from '../types.js';
import { type BatchOptions, compressRecords, writeHeader } from './batch-writer.js';
import { BATCH_OVERHEAD, MAX_BATCH_BYTES, NO_TIMESTAMP } from './layout.js';
import { encodeRecord, recordSizeBound, textSlack, timestampOf } from './record-encoder.js';

const DEFAULT_INITIAL_BYTES = 16 * 1024;

export interface BatchBuilderOptions {
  /** Size of the first buffer, in bytes; it doubles when full. Default 16 KiB, Kafka's `batch.size`. */
  readonly initialBytes?: number;
}

/**
 * Collects records one by one into a ready batch, for a producer that does not know yet how many will
 * come. Each record is encoded when it is appended, so the caller may change or reuse it afterwards.
 */
export class BatchBuilder {
  #initialBytes: number;
  #buffer: Buffer | null = null;
  #position = BATCH_OVERHEAD;
  #count = 0;
  #baseTimestamp = NO_TIMESTAMP;
  #maxTimestamp = NO_TIMESTAMP;
  #indexOfMax = 0;

  constructor(options: BatchBuilderOptions = {}) {
    this.#initialBytes = Math.max(options.initialBytes ?? DEFAULT_INITIAL_BYTES, BATCH_OVERHEAD);
  }

  /** Records appended so far. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the batch if it were finished now without compression. */
  get sizeInBytes(): number {
    return this.#position;
  }

  /** True if the batch, with this record too, certainly stays within `maxBytes` uncompressed. */
  hasRoomFor(record: RecordInput, maxBytes: number): boolean {
    const bound = this.#position + recordSizeBound(record, this.#count);
    return bound <= maxBytes || bound - textSlack(record) <= maxBytes;
  }

  /**
   * Encodes `record` and returns the batch's size so far, uncompressed. `now` (milliseconds since 1970)
   * is its timestamp if it has none. A record that throws (INVALID_RECORD naming its place in the batch,
   * RECORD_LIST_TOO_LARGE where a batch cannot grow further) leaves the batch as it was.
   */
  append(record: RecordInput, now: number): number {
    const needed = this.#position + recordSizeBound(record, this.#count);
    if (needed > MAX_BATCH_BYTES) {
      throw new VarveError(
        'RECORD_LIST_TOO_LARGE',
        `batch of ${this.#count} records may grow to ${needed} bytes with the next, above the limit of ${MAX_BATCH_BYTES}; finish it first`,
        { details: { records: this.#count, bytes: needed, maxBytes: MAX_BATCH_BYTES } },
      );
    }
    const timestamp = timestampOf(record, now, this.#count);
    const buffer = this.#withRoom(needed);
    if (this.#count === 0) this.#baseTimestamp = timestamp;
    this.#position = encodeRecord(
      buffer,
      this.#position,
      record,
      timestamp - this.#baseTimestamp,
      this.#count,
    );
    if (timestamp > this.#maxTimestamp) {
      this.#maxTimestamp = timestamp;
      this.#indexOfMax = this.#count;
    }
    this.#count++;
    return this.#position;
  }

  /**
   * The batch of all records appended since the last `finish`, which the caller owns from now on; the
   * builder starts empty again. At least one record must have been appended. Every field of `options`
   * counts as in `writeBatch`, results included.
   */
  finish(options: BatchOptions): Buffer {
    const buffer = this.#buffer;
    assert(buffer !== null && this.#count > 0, 'a batch is finished without records');
    const packed = compressRecords(buffer, BATCH_OVERHEAD, this.#position, options);
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    options.maxTimestamp = this.#maxTimestamp;
    options.offsetOfMaxTimestamp = options.baseOffset + this.#indexOfMax;
    writeHeader(
      buffer,
      view,
      0,
      packed.end,
      this.#baseTimestamp,
      this.#count,
      packed.codec,
      options,
    );
    this.reset();
    return buffer.subarray(0, packed.end);
  }

  /** Drops what was appended. */
  reset(): void {
    this.#buffer = null;
    this.#position = BATCH_OVERHEAD;
    this.#count = 0;
    this.#maxTimestamp = NO_TIMESTAMP;
    this.#indexOfMax = 0;
  }

  #withRoom(bytes: number): Buffer {
    const old = this.#buffer;
    if (old !== null && bytes <= old.length) return old;
    const size = Math.max(bytes, old === null ? this.#initialBytes : old.length * 2);
    const grown = Buffer.allocUnsafeSlow(size);
    if (old !== null) old.copy(grown, 0, 0, this.#position);
    this.#buffer = grown;
    return grown;
  }
}
