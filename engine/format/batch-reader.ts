import { VarveError } from '../errors.js';
import type { LogRecord, RecordHeader } from '../types.js';
import {
  attributes,
  baseOffset,
  baseTimestamp,
  compressionOf,
  lastOffsetDelta,
  maxTimestamp,
  recordsCount,
  sizeInBytes,
} from './batch-header.js';
import { decompress } from './compression/index.js';
import {
  BATCH_OVERHEAD,
  CONTROL_BIT,
  DEFAULT_MAX_DECOMPRESSED_BYTES,
  MIN_RECORD_BODY_BYTES,
  MIN_RECORD_BYTES,
  TIMESTAMP_TYPE_BIT,
} from './layout.js';
import { VarintReader } from './varint.js';

export interface ReadOptions {
  /** Limit of the decompressed records of one batch, in bytes. Default 256 MiB. */
  readonly maxDecompressedBytes?: number;
}

const EMPTY = Buffer.alloc(0);
const MAX_KNOWN_HEADER_KEYS = 8;
const MAX_KNOWN_HEADER_KEY_UNITS = 64;
const NO_HEADERS: readonly RecordHeader[] = Object.freeze([]);
const DEFAULT_OPTIONS: ReadOptions = {};

/**
 * Walks the records of one batch without allocating: each `next()` moves the fields to the next record.
 * The batch itself must have passed `checkBatch`; everything inside the records is checked here, and
 * what does not hold throws CORRUPT_MESSAGE with the position in `buffer`.
 */
export class RecordCursor {
  /** What the positions count in: the batch's own buffer, or its decompressed records. */
  buffer: Buffer = EMPTY;
  offset = -1;
  offsetDelta = -1;
  /** Milliseconds since 1970, -1 for none; with LogAppendTime the batch's max timestamp. */
  timestamp = -1;
  /** First byte of the key, or -1 for a null key. */
  keyStart = -1;
  keyEnd = -1;
  /** First byte of the value, or -1 for a null value. */
  valueStart = -1;
  valueEnd = -1;
  /** First byte after the headers count. */
  headersStart = -1;
  headersCount = 0;
  /** Milliseconds from the batch's base timestamp, as stored. */
  timestampDelta = 0;
  /** Where the key's length is: what follows the record's deltas. */
  bodyStart = -1;
  /** First byte after the record. */
  recordEnd = -1;
  /** The batch holds control records (`control-record.ts`), which consumers do not see. */
  isControl = false;

  #reader = new VarintReader(EMPTY);
  // The memory behind `buffer`: asking the buffer for it costs as much as making a view of it.
  #memory: ArrayBufferLike = EMPTY.buffer;
  #memoryOffset = 0;
  /** Header keys seen last, by place: records of a batch mostly have the same. */
  #headerKeys: string[] = [];
  #end = 0;
  #left = 0;
  #baseOffset = 0;
  #baseTimestamp = 0;
  #lastOffsetDelta = 0;
  #isLogAppendTime = false;
  #maxTimestamp = 0;

  /**
   * Starts before the first record of the batch at byte `at`; decompresses a compressed one. `buffer`
   * and `view` cover the same memory. Throws CORRUPT_MESSAGE, DECOMPRESSION_LIMIT or
   * UNSUPPORTED_COMPRESSION_TYPE.
   */
  reset(buffer: Buffer, view: DataView, at: number, options: ReadOptions = DEFAULT_OPTIONS): this {
    this.#left = 0;
    this.#baseOffset = baseOffset(view, at);
    const bits = attributes(view, at);
    this.#baseTimestamp = baseTimestamp(view, at);
    this.#lastOffsetDelta = lastOffsetDelta(view, at);
    this.#isLogAppendTime = (bits & TIMESTAMP_TYPE_BIT) !== 0;
    this.#maxTimestamp = maxTimestamp(view, at);
    this.isControl = (bits & CONTROL_BIT) !== 0;
    this.offsetDelta = -1;
    this.offset = this.#baseOffset - 1;

    const start = at + BATCH_OVERHEAD;
    const end = at + sizeInBytes(view, at);
    if (end < start || end > buffer.length) {
      this.#corrupt(at, `batch of ${end - at} bytes in ${buffer.length - at} bytes left`);
    }
    const count = recordsCount(view, at);
    const compression = compressionOf(view, at);
    if (compression === null) {
      throw new VarveError(
        'UNSUPPORTED_COMPRESSION_TYPE',
        `batch at byte ${at} has unknown compression code ${bits & 7}`,
        { details: { position: at, code: bits & 7 } },
      );
    }
    if (compression === 'none' || count === 0) {
      this.#begin(buffer, start, end, count);
    } else {
      const records = decompress(compression, buffer.subarray(start, end), {
        maxBytes: options.maxDecompressedBytes ?? DEFAULT_MAX_DECOMPRESSED_BYTES,
      });
      this.#begin(records, 0, records.length, count);
    }
    return this;
  }

  #begin(buffer: Buffer, start: number, end: number, count: number): void {
    this.buffer = buffer;
    this.#memory = buffer.buffer;
    this.#memoryOffset = buffer.byteOffset;
    this.#reader.buffer = buffer;
    this.#reader.at = start;
    this.#reader.end = end;
    this.#end = end;
    this.#left = count;
    if (count < 0 || count * MIN_RECORD_BYTES > end - start) {
      this.#corrupt(start, `${end - start} bytes cannot hold the batch's ${count} records`);
    }
  }

  /** Lets go of the batch's memory, for a cursor that is kept for later. */
  release(): void {
    this.#begin(EMPTY, 0, 0, 0);
  }

  /** Moves to the next record; false after the last, when the batch's bytes must be used up. */
  next(): boolean {
    const reader = this.#reader;
    if (this.#left === 0) {
      if (reader.at !== this.#end) {
        this.#corrupt(reader.at, `${this.#end - reader.at} bytes are left after the last record`);
      }
      return false;
    }
    const start = reader.at;
    reader.end = this.#end;
    const length = reader.varint();
    const attributesAt = reader.at;
    if (length < MIN_RECORD_BODY_BYTES || length > this.#end - attributesAt) {
      this.#corrupt(start, `record length ${length} with ${this.#end - attributesAt} bytes left`);
    }
    const end = attributesAt + length;
    reader.end = end;
    // The attributes byte has no bits in use yet, and Kafka's readers ignore it.
    reader.at = attributesAt + 1;
    const timestampDelta = reader.varlong();
    const offsetDelta = reader.varint();
    if (offsetDelta <= this.offsetDelta || offsetDelta > this.#lastOffsetDelta) {
      this.#corrupt(
        start,
        `offset delta ${offsetDelta} is not between ${this.offsetDelta + 1} and ${this.#lastOffsetDelta}`,
      );
    }

    this.bodyStart = reader.at;
    this.recordEnd = end;
    const keyLength = reader.varint();
    let at = reader.at;
    if (keyLength < 0) {
      if (keyLength !== -1) this.#corrupt(start, `key length ${keyLength}`);
      this.keyStart = -1;
      this.keyEnd = -1;
    } else {
      if (keyLength > end - at) this.#corrupt(start, `key length ${keyLength} passes the record`);
      this.keyStart = at;
      at += keyLength;
      this.keyEnd = at;
      reader.at = at;
    }

    const valueLength = reader.varint();
    at = reader.at;
    if (valueLength < 0) {
      if (valueLength !== -1) this.#corrupt(start, `value length ${valueLength}`);
      this.valueStart = -1;
      this.valueEnd = -1;
    } else {
      if (valueLength > end - at) {
        this.#corrupt(start, `value length ${valueLength} passes the record`);
      }
      this.valueStart = at;
      at += valueLength;
      this.valueEnd = at;
      reader.at = at;
    }

    const headersCount = reader.varint();
    this.headersCount = headersCount;
    this.headersStart = reader.at;
    if (headersCount !== 0) this.#skipHeaders(start, headersCount);
    if (reader.at !== end) {
      this.#corrupt(start, `record ends at byte ${reader.at}, its length says ${end}`);
    }

    this.timestampDelta = timestampDelta;
    this.offsetDelta = offsetDelta;
    this.offset = this.#baseOffset + offsetDelta;
    this.timestamp = this.#isLogAppendTime
      ? this.#maxTimestamp
      : this.#baseTimestamp + timestampDelta;
    this.#left--;
    return true;
  }

  /** Moves to the first record, from the present one on, with this offset or a higher one. */
  seek(offset: number): boolean {
    if (this.offset >= offset && this.offsetDelta >= 0) return true;
    while (this.next()) if (this.offset >= offset) return true;
    return false;
  }

  /** The key as a view, or null. */
  key(): Uint8Array | null {
    return this.#viewOf(this.keyStart, this.keyEnd);
  }

  /** The value as a view, or null. */
  value(): Uint8Array | null {
    return this.#viewOf(this.valueStart, this.valueEnd);
  }

  /** The headers, values as views. */
  headers(): readonly RecordHeader[] {
    return this.headersCount === 0 ? NO_HEADERS : this.#readHeaders();
  }

  /** The present record as an object whose byte arrays are views of `buffer`. */
  record(): LogRecord {
    return {
      offset: this.offset,
      timestamp: this.timestamp,
      key: this.#viewOf(this.keyStart, this.keyEnd),
      value: this.#viewOf(this.valueStart, this.valueEnd),
      headers: this.headersCount === 0 ? NO_HEADERS : this.#readHeaders(),
    };
  }

  #skipHeaders(start: number, count: number): void {
    const reader = this.#reader;
    if (count < 0 || count > reader.end - reader.at) {
      this.#corrupt(start, `headers count ${count} with ${reader.end - reader.at} bytes left`);
    }
    for (let i = 0; i < count; i++) {
      const keyLength = reader.varint();
      if (keyLength < 0 || keyLength > reader.end - reader.at) {
        this.#corrupt(start, `key length ${keyLength} of header ${i} passes the record`);
      }
      reader.at += keyLength;
      const valueLength = reader.varint();
      if (valueLength < -1 || valueLength > reader.end - reader.at) {
        this.#corrupt(start, `value length ${valueLength} of header ${i} passes the record`);
      }
      if (valueLength > 0) reader.at += valueLength;
    }
  }

  /** `next()` has checked these bytes. */
  #readHeaders(): RecordHeader[] {
    const { buffer } = this;
    const reader = new VarintReader(buffer, this.headersStart);
    const headers: RecordHeader[] = [];
    for (let i = 0; i < this.headersCount; i++) {
      const keyLength = reader.varint();
      const keyEnd = reader.at + keyLength;
      const key = this.#headerKey(i, reader.at, keyEnd);
      reader.at = keyEnd;
      const valueLength = reader.varint();
      if (valueLength < 0) {
        headers.push({ key, value: null });
      } else {
        headers.push({ key, value: this.#viewOf(reader.at, reader.at + valueLength) });
        reader.at += valueLength;
      }
    }
    return headers;
  }

  #viewOf(start: number, end: number): Uint8Array | null {
    return start < 0 ? null : new Uint8Array(this.#memory, this.#memoryOffset + start, end - start);
  }

  #headerKey(place: number, start: number, end: number): string {
    const { buffer } = this;
    const known = this.#headerKeys[place];
    if (known !== undefined && known.length === end - start) {
      let at = start;
      while (at < end && buffer[at]! < 0x80 && buffer[at] === known.charCodeAt(at - start)) at++;
      if (at === end) return known;
    }
    const key = buffer.toString('utf8', start, end);
    if (place < MAX_KNOWN_HEADER_KEYS && key.length <= MAX_KNOWN_HEADER_KEY_UNITS) {
      this.#headerKeys[place] = key;
    }
    return key;
  }

  #corrupt(position: number, reason: string): never {
    throw new VarveError(
      'CORRUPT_MESSAGE',
      `byte ${position}, batch with base offset ${this.#baseOffset}: ${reason}`,
      { details: { position, baseOffset: this.#baseOffset } },
    );
  }
}

/** The records of the batch at byte `at`, which has passed `checkBatch`, as views. */
export function readRecords(buffer: Buffer, at: number, options?: ReadOptions): LogRecord[] {
  const cursor = new RecordCursor().reset(buffer, viewOfBuffer(buffer), at, options);
  const all: LogRecord[] = [];
  while (cursor.next()) all.push(cursor.record());
  return all;
}

/** The same, one at a time. */
export function* records(
  buffer: Buffer,
  at: number,
  options?: ReadOptions,
): Generator<LogRecord, void, undefined> {
  const cursor = new RecordCursor().reset(buffer, viewOfBuffer(buffer), at, options);
  while (cursor.next()) yield cursor.record();
}

function viewOfBuffer(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
