import type { BatchOptions } from '../format/batch-writer.js';
import { writeHeader } from '../format/batch-writer.js';
import { BATCH_OVERHEAD, COMPRESSION_NONE } from '../format/layout.js';
import { encodeRecord, timestampOf } from '../format/record-encoder.js';
import { type Scratch, ScratchPool } from '../io/scratch.js';
import type { RecordInput } from '../types.js';
import { AppendResult } from './log-options.js';

/** Most bytes of one joined batch. What does not fit starts the next one. */
export const JOINED_BATCH_BYTES = 64 * 1024;
/** Above this an append gains nothing from sharing a write and a header. */
export const JOINED_APPEND_BYTES = 4 * 1024;

/** Shared by all logs: a log holds one only between the first append of a batch and its end. */
const scratch = new ScratchPool();

/** The callers whose records are in one joined batch. */
class JoinedCallers {
  readonly #firstDeltas: number[] = [];
  readonly #lastDeltas: number[] = [];
  #resolves: ((result: AppendResult) => void)[] = [];
  #rejects: ((error: unknown) => void)[] = [];
  /** Known when the batch is in the log. */
  baseOffset = -1;

  add(firstDelta: number, lastDelta: number): Promise<AppendResult> {
    this.#firstDeltas.push(firstDelta);
    this.#lastDeltas.push(lastDelta);
    return new Promise((resolve, reject) => {
      this.#resolves.push(resolve);
      this.#rejects.push(reject);
    });
  }

  resolve(): void {
    const resolves = this.#resolves;
    this.#forget();
    for (let i = 0; i < resolves.length; i++) {
      const first = this.baseOffset + this.#firstDeltas[i]!;
      resolves[i]!(new AppendResult(first, this.baseOffset + this.#lastDeltas[i]!, false));
    }
  }

  reject(error: unknown): void {
    const rejects = this.#rejects;
    this.#forget();
    for (const reject of rejects) reject(error);
  }

  #forget(): void {
    this.#resolves = [];
    this.#rejects = [];
  }
}

/**
 * Small durable appends that will share a sync, encoded one after the other into one batch. They are not
 * in the log until that batch is: nobody has been told that they are, and one write serves them all.
 */
export class JoinedBatch {
  /** Records so far; 0: there is no batch. */
  count = 0;
  /** Largest timestamp of its records. */
  maxTimestampMs = -1;
  #space: Scratch | null = null;
  #position = 0;
  #baseTimestamp = 0;
  #callers = new JoinedCallers();
  /** Told of the callers of each new batch, to settle them once a sync has covered it. */
  readonly #started: (callers: JoinedCallers) => void;

  constructor(started: (callers: JoinedCallers) => void) {
    this.#started = started;
  }

  /** Bytes of the batch. */
  get sizeInBytes(): number {
    return this.#position;
  }

  /** Whether `bytes` more, headers apart, stay within a batch of `limit` bytes. */
  hasRoomFor(bytes: number, limit: number): boolean {
    const used = this.count === 0 ? BATCH_OVERHEAD : this.#position;
    return used + bytes <= Math.min(limit, JOINED_BATCH_BYTES);
  }

  /** Encodes the records, which `recordSizeBound` has checked. A record that throws leaves the batch as it was. */
  add(records: readonly RecordInput[], nowMs: number): Promise<AppendResult> {
    const space = this.#space ?? scratch.take(JOINED_BATCH_BYTES);
    this.#space = space;
    const first = this.count;
    let position = first === 0 ? BATCH_OVERHEAD : this.#position;
    let base = this.#baseTimestamp;
    let newest = first === 0 ? -1 : this.maxTimestampMs;
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!;
      const timestamp = timestampOf(record, nowMs, i);
      if (first + i === 0) base = timestamp;
      if (timestamp > newest) newest = timestamp;
      position = encodeRecord(space.buffer, position, record, timestamp - base, first + i);
    }
    if (first === 0) this.#started(this.#callers);
    this.#position = position;
    this.#baseTimestamp = base;
    this.maxTimestampMs = newest;
    this.count = first + records.length;
    return this.#callers.add(first, this.count - 1);
  }

  /** Writes the whole batch at byte `at`. Of `options`, offset, epoch and the fields of every batch count. */
  writeTo(buffer: Buffer, view: DataView, at: number, options: BatchOptions): void {
    const size = this.#position;
    this.#space!.buffer.copy(buffer, at + BATCH_OVERHEAD, BATCH_OVERHEAD, size);
    options.maxTimestamp = this.maxTimestampMs;
    writeHeader(buffer, view, at, size, this.#baseTimestamp, this.count, COMPRESSION_NONE, options);
  }

  /** The batch is in the log at `baseOffset`: its callers wait for the sync only. */
  ended(baseOffset: number): void {
    this.#callers.baseOffset = baseOffset;
    this.#startAgain();
  }

  /** The batch did not get into the log. */
  failed(error: unknown): void {
    const callers = this.#callers;
    this.#startAgain();
    callers.reject(error);
  }

  #startAgain(): void {
    if (this.#space !== null) scratch.give(this.#space);
    this.#space = null;
    this.count = 0;
    this.#callers = new JoinedCallers();
  }
}
