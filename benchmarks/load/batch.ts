import type { Codec } from '../model/knobs.js';
import type { LoadPlan } from './plan.js';
import { STAMP_BYTES, stampedNs, writeStamp } from './stamp.js';
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

  readonly #plain: Buffer;
  readonly #view: DataView;
  readonly #valueStarts: Uint32Array;
  readonly #recordEnds: Uint32Array;
  /** Bytes of the values before each record. */
  readonly #valueBytesBefore: Float64Array;
  readonly #inputs: RecordInput[] = [];
  readonly #lastBytesBefore = [0];
  readonly #codec: Codec;
  /** Compressed once and for all: the whole batch, unstamped. */
  readonly #packed: Packed | null;
  /** What is sent now. */
  #wire: Buffer;
  readonly #keys: readonly Buffer[] | null;

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
    const boundView = new DataView(bound.buffer);
    const writer = new BatchOptions();
    writer.now = Date.now();
    const size = writeBatch(bound, boundView, 0, records, 0, records.length, writer);
    this.#plain = Buffer.allocUnsafeSlow(size);
    bound.copy(this.#plain, 0, 0, size);
    this.#view = new DataView(this.#plain.buffer);
    this.#wire = this.#plain;
    this.capacity = records.length;
    this.dueNs = new Float64Array(records.length);
    this.kind = options.kind;
    this.#keys = keys;
    this.#codec = codec;
    this.#valueStarts = new Uint32Array(records.length);
    this.#recordEnds = new Uint32Array(records.length);
    this.#valueBytesBefore = new Float64Array(records.length + 1);
    const cursor = new RecordCursor().reset(this.#plain, this.#view, 0);
    for (let at = 0; cursor.next(); at++) {
      this.#valueStarts[at] = cursor.valueStart;
      this.#recordEnds[at] = cursor.recordEnd;
      const length = cursor.valueEnd - cursor.valueStart;
      this.#valueBytesBefore[at + 1] = this.#valueBytesBefore[at]! + length;
      if (length >= STAMP_BYTES) {
        this.#plain.fill(0, cursor.valueStart, cursor.valueStart + STAMP_BYTES);
      }
    }
    this.#packed = options.isPacked ? pack(this.#plain, codec) : null;
  }

  /** Bytes of the value of one of its records. */
  valueBytesOf(record: number): number {
    return this.#valueBytesBefore[record + 1]! - this.#valueBytesBefore[record]!;
  }

  /** Bytes of the values of its first `records` records. */
  valueBytesOfFirst(records: number): number {
    return this.#valueBytesBefore[records]!;
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
    this.valueBytes = this.#valueBytesBefore[records]!;
    if (this.#packed !== null) {
      this.#wire = this.#packed.finish(this.dueNs[0]!, nowMs);
      this.wireBytes = this.#wire.length;
      return;
    }
    this.#stamp(options.isEachDue || options.isNumbered ? records : 1, options.isEachDue, producer);
    const plain = this.#plain;
    const view = this.#view;
    const size = this.#recordEnds[records - 1]!;
    this.wireBytes = size;
    if (!options.isEncoded) return;
    view.setInt32(BATCH_LENGTH_AT, size - LOG_OVERHEAD);
    view.setInt32(LAST_OFFSET_DELTA_AT, records - 1);
    view.setInt32(RECORDS_COUNT_AT, records);
    writeInt64(view, BASE_TIMESTAMP_AT, nowMs);
    writeInt64(view, MAX_TIMESTAMP_AT, nowMs);
    if (this.#codec === 'none') {
      writeCrc(plain, view, 0);
      this.#wire = size === plain.length ? plain : plain.subarray(0, size);
    } else {
      this.#wire = pack(plain.subarray(0, size), this.#codec).finish(null, nowMs);
      this.wireBytes = this.#wire.length;
    }
  }

  /** The records as client libraries take them: views that change when the batch is stamped anew. */
  inputs(): readonly RecordInput[] {
    for (let at = this.#inputs.length; at < this.records; at++) {
      const start = this.#valueStarts[at]!;
      const value = this.#plain.subarray(start, start + this.valueBytesOf(at));
      this.#inputs.push({ key: this.#keys?.[at] ?? null, value });
    }
    return this.records === this.#inputs.length
      ? this.#inputs
      : this.#inputs.slice(0, this.records);
  }

  /** Sum of the last byte of each value that is longer than its stamp: cheap, and wrong bytes show. */
  lastBytes(): number {
    for (let at = this.#lastBytesBefore.length - 1; at < this.records; at++) {
      const length = this.valueBytesOf(at);
      const last = length > STAMP_BYTES ? this.#plain[this.#valueStarts[at]! + length - 1]! : 0;
      this.#lastBytesBefore.push(this.#lastBytesBefore[at]! + last);
    }
    return this.#lastBytesBefore[this.records]!;
  }

  #stamp(count: number, isEachDue: boolean, producer: number): void {
    for (let at = 0; at < count; at++) {
      if (this.valueBytesOf(at) < STAMP_BYTES) continue;
      const dueNs = this.dueNs[isEachDue ? at : 0]!;
      writeStamp(this.#plain, this.#valueStarts[at]!, dueNs, producer, this.sequence + at);
    }
  }

  /** For tests: the time of its first record. */
  get firstStampNs(): number {
    return stampedNs(this.#plain, this.#valueStarts[0]!);
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

function pack(plain: Buffer, codec: Codec): Packed {
  const bytes = Buffer.allocUnsafeSlow(plain.length);
  plain.copy(bytes);
  const options = new BatchOptions();
  options.compression = codec;
  const { end, codec: code } = compressRecords(bytes, BATCH_OVERHEAD, bytes.length, options);
  const view = new DataView(bytes.buffer);
  view.setInt32(BATCH_LENGTH_AT, end - LOG_OVERHEAD);
  view.setInt16(ATTRIBUTES_AT, (view.getInt16(ATTRIBUTES_AT) & ~COMPRESSION_MASK) | code);
  return new Packed(bytes.subarray(0, end));
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
