import type { Codec } from '../model/knobs.js';
import type { LoadPlan } from './plan.js';
import { clearStamp, STAMP_BYTES, writeStamp } from './stamp.js';
import {
  ATTRIBUTES_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD,
  BatchOptions,
  batchSizeBound,
  COMPRESSION_MASK,
  compressRecords,
  LAST_OFFSET_DELTA_AT,
  LOG_OVERHEAD,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  RECORDS_COUNT_AT,
  RecordCursor,
  type RecordInput,
  writeBatch,
  writeCrc,
  writeInt64,
} from './varve.js';

const TWO_32 = 2 ** 32;

/** What batches are copied from: values that took long to draw, encoded, with where everything is. */
export class BatchTemplate {
  /** Records that it has. */
  readonly capacity: number;
  /** Which free list of the pool its batches belong to. */
  readonly kind: number;
  readonly codec: Codec;
  readonly keys: readonly Buffer[] | null;
  /** The whole batch, not compressed, not stamped. */
  readonly plain: Buffer;
  /** Compressed once and for all; null: not, or anew each time. */
  readonly packed: Buffer | null;
  readonly valueStarts: Uint32Array;
  readonly recordEnds: Uint32Array;
  /** Bytes of the values before each record. */
  readonly valueBytesBefore: Float64Array;
  readonly #lastBytesBefore = [0];

  constructor(options: {
    readonly values: readonly Buffer[];
    readonly keys: readonly Buffer[] | null;
    readonly codec: Codec;
    /** Compress now, and never again: then the time is in the header (`batchStampNs`) and records are not numbered. */
    readonly isPacked: boolean;
    readonly kind: number;
  }) {
    const { values, keys, codec } = options;
    const records = values.map((value, at) => ({ value, key: keys?.[at] ?? null }));
    const bound = Buffer.allocUnsafeSlow(batchSizeBound(records, 0, records.length));
    const writer = new BatchOptions();
    writer.now = Date.now();
    const view = new DataView(bound.buffer);
    const size = writeBatch(bound, view, 0, records, 0, records.length, writer);
    this.plain = copyOf(bound.subarray(0, size));
    this.capacity = records.length;
    this.kind = options.kind;
    this.keys = keys;
    this.codec = codec;
    this.valueStarts = new Uint32Array(records.length);
    this.recordEnds = new Uint32Array(records.length);
    this.valueBytesBefore = new Float64Array(records.length + 1);
    const cursor = new RecordCursor().reset(this.plain, new DataView(this.plain.buffer), 0);
    for (let at = 0; cursor.next(); at++) {
      const { valueStart, valueEnd } = cursor;
      this.valueStarts[at] = valueStart;
      this.recordEnds[at] = cursor.recordEnd;
      this.valueBytesBefore[at + 1] = this.valueBytesBefore[at]! + valueEnd - valueStart;
      if (valueEnd - valueStart >= STAMP_BYTES) clearStamp(this.plain, valueStart);
    }
    this.packed = options.isPacked ? pack(this.plain, codec) : null;
  }

  /** Sum of the last byte of each of the first values, as far as they are longer than their stamp. */
  lastBytesOfFirst(records: number): number {
    const sums = this.#lastBytesBefore;
    for (let at = sums.length - 1; at < records; at++) {
      const length = this.valueBytesBefore[at + 1]! - this.valueBytesBefore[at]!;
      const last = length > STAMP_BYTES ? this.plain[this.valueStarts[at]! + length - 1]! : 0;
      sums.push(sums[at]! + last);
    }
    return sums[records]!;
  }
}

/**
 * A batch made ahead, which is sent again and again: only stamps, times, its length and its checksum are written anew.
 * An open loop may send fewer than all of its records. Not to be touched from its sending to its answer.
 */
export class Batch {
  /** Records that it has room for. */
  readonly capacity: number;
  /** When each of its records was due: only what is below `records` means something. */
  readonly dueNs: Float64Array;
  /** Which free list of the pool it belongs to. */
  readonly kind: number;
  /** Of this sending. */
  partition = -1;
  records = 0;
  /** Of values. */
  valueBytes = 0;
  /** Number of its first record among those of this producer in this partition. */
  sequence = 0;
  /** When it should have left. */
  plannedNs = 0;
  /** Last handed to the driver. */
  sentNs = 0;
  attempts = 0;
  /** A driver that answers later than it knows says when it knew; 0: when it answers. */
  answeredNs = 0;
  /** Of the record batch as it is sent. A client library's: as if it were not compressed, unless its driver knows more. */
  wireBytes = 0;

  readonly #template: BatchTemplate;
  readonly #plain: Buffer;
  readonly #view: DataView;
  readonly #inputs: RecordInput[] = [];
  readonly #packed: Packed | null;
  /** What is sent now. */
  #wire: Buffer;

  constructor(template: BatchTemplate) {
    this.#template = template;
    this.#plain = copyOf(template.plain);
    this.#view = new DataView(this.#plain.buffer);
    this.#wire = this.#plain;
    this.capacity = template.capacity;
    this.dueNs = new Float64Array(template.capacity);
    this.kind = template.kind;
    this.#packed = template.packed === null ? null : new Packed(copyOf(template.packed));
  }

  /** Bytes of the value of one of its records. */
  valueBytesOf(record: number): number {
    const { valueBytesBefore } = this.#template;
    return valueBytesBefore[record + 1]! - valueBytesBefore[record]!;
  }

  /** Bytes of the values of its first `records` records. */
  valueBytesOfFirst(records: number): number {
    return this.#template.valueBytesBefore[records]!;
  }

  /** The record batch as it is sent, valid after `finish`. */
  get wire(): Buffer {
    return this.#wire;
  }

  /**
   * Makes it ready to be sent: its first `records` records. Closed loop: all are due at `dueNs[0]`, and the first says so.
   * Open loop: each has its own time.
   */
  finish(options: {
    readonly records: number;
    readonly producer: number;
    readonly isEachDue: boolean;
    readonly isNumbered: boolean;
    readonly nowMs: number;
    /** A client library encodes the values itself: only the stamps are written. */
    readonly isEncoded: boolean;
  }): void {
    const { records, producer, nowMs } = options;
    this.records = records;
    this.valueBytes = this.valueBytesOfFirst(records);
    if (this.#packed !== null) {
      this.#wire = this.#packed.finish(this.dueNs[0]!, nowMs);
      this.wireBytes = this.#wire.length;
      return;
    }
    this.#stamp(options.isEachDue || options.isNumbered ? records : 1, options.isEachDue, producer);
    const plain = this.#plain;
    const view = this.#view;
    const size = this.#template.recordEnds[records - 1]!;
    this.wireBytes = size;
    if (!options.isEncoded) return;
    view.setInt32(BATCH_LENGTH_AT, size - LOG_OVERHEAD);
    view.setInt32(LAST_OFFSET_DELTA_AT, records - 1);
    view.setInt32(RECORDS_COUNT_AT, records);
    writeInt64(view, BASE_TIMESTAMP_AT, nowMs);
    writeInt64(view, MAX_TIMESTAMP_AT, nowMs);
    const { codec } = this.#template;
    if (codec === 'none') {
      writeCrc(plain, view, 0);
      this.#wire = size === plain.length ? plain : plain.subarray(0, size);
    } else {
      this.#wire = new Packed(pack(plain.subarray(0, size), codec)).finish(null, nowMs);
      this.wireBytes = this.#wire.length;
    }
  }

  /** The records as client libraries take them: views that change when the batch is stamped anew. */
  inputs(): readonly RecordInput[] {
    const { valueStarts, keys } = this.#template;
    for (let at = this.#inputs.length; at < this.records; at++) {
      const start = valueStarts[at]!;
      const value = this.#plain.subarray(start, start + this.valueBytesOf(at));
      this.#inputs.push({ key: keys?.[at] ?? null, value });
    }
    return this.records === this.#inputs.length
      ? this.#inputs
      : this.#inputs.slice(0, this.records);
  }

  /** Sum of the last byte of each value that is longer than its stamp: cheap, and wrong bytes show. */
  lastBytes(): number {
    return this.#template.lastBytesOfFirst(this.records);
  }

  #stamp(count: number, isEachDue: boolean, producer: number): void {
    for (let at = 0; at < count; at++) {
      if (this.valueBytesOf(at) < STAMP_BYTES) continue;
      const dueNs = this.dueNs[isEachDue ? at : 0]!;
      writeStamp(this.#plain, this.#template.valueStarts[at]!, dueNs, producer, this.sequence + at);
    }
  }
}

/** A batch whose records are compressed. */
class Packed {
  readonly #bytes: Buffer;
  readonly #view: DataView;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  finish(intendedNs: number | null, nowMs: number): Buffer {
    const view = this.#view;
    writeInt64(view, BASE_TIMESTAMP_AT, nowMs);
    writeInt64(view, MAX_TIMESTAMP_AT, nowMs);
    if (intendedNs !== null) writeBatchStamp(view, intendedNs);
    writeCrc(this.#bytes, view, 0);
    return this.#bytes;
  }
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

function pack(plain: Buffer, codec: Codec): Buffer {
  const bytes = copyOf(plain);
  const options = new BatchOptions();
  options.compression = codec;
  const { end, codec: code } = compressRecords(bytes, BATCH_OVERHEAD, bytes.length, options);
  const view = new DataView(bytes.buffer);
  view.setInt32(BATCH_LENGTH_AT, end - LOG_OVERHEAD);
  view.setInt16(ATTRIBUTES_AT, (view.getInt16(ATTRIBUTES_AT) & ~COMPRESSION_MASK) | code);
  return bytes.subarray(0, end);
}

/*
 * Values inside a compressed batch cannot be stamped without compressing it again, which would make the generator the
 * bottleneck. A closed loop of ready batches sends compressed ones as they are, with the low 48 bits of the time where
 * the header has producer epoch and base sequence: without a producer id they mean nothing, and brokers keep them.
 */

export function writeBatchStamp(view: DataView, intendedNs: number): void {
  const ns = Math.floor(intendedNs);
  view.setUint16(PRODUCER_EPOCH_AT, Math.floor(ns / TWO_32) & 0xffff);
  view.setUint32(BASE_SEQUENCE_AT, ns >>> 0);
}

/** Whether times are there, and not in the values. */
export function usesBatchStamps(plan: LoadPlan): boolean {
  const { cell, rateBytesPerSecond, isNumbered } = plan;
  return (
    cell.codec !== 'none' && cell.client === 'ready' && rateBytesPerSecond === null && !isNumbered
  );
}

/** Neither epoch nor sequence: what a broker leaves that makes batches anew. */
const NO_BATCH_STAMP = 2 ** 48 - 1;

/** The time in the header of a compressed batch of a closed loop, given a later time (less than three days later); 0: none. */
export function batchStampNs(view: DataView, at: number, nowNs: number): number {
  const low =
    view.getUint16(at + PRODUCER_EPOCH_AT) * TWO_32 + view.getUint32(at + BASE_SEQUENCE_AT);
  if (low === NO_BATCH_STAMP) return 0;
  const span = 2 ** 48;
  const high = Math.floor(nowNs / span) * span;
  return high + low <= nowNs ? high + low : high - span + low;
}
