import { BatchProblem, checkBatch } from '../format/batch-check.js';
import { isControl, sizeInBytes } from '../format/batch-header.js';
import { readRecords } from '../format/batch-reader.js';
import type { PartitionLog } from '../log/partition-log.js';
import type { LogRecord } from '../types.js';
import { type CrashPlan, endsOfAppend, keyOf, recordOf, timestampOfOffset } from './crash-plan.js';

/** The last batch acknowledged to an idempotent producer: what the next process sends again. */
export interface LastBatch {
  readonly base: number;
  readonly end: number;
  readonly generation: number;
  readonly sequence: number;
}

/**
 * What one partition must hold, from what the writer said. It says what it is about to do where that can be cut
 * short (lower case letters) and what it has done (capitals); see `crash-writer.ts`.
 */
export class PartitionModel {
  readonly partition: number;
  readonly #plan: CrashPlan;
  /** Generation of the record at each offset. */
  readonly #generations: number[] = [];
  end = 0;
  start = 0;
  acknowledged = 0;
  lastBatch: LastBatch | null = null;
  /** The end of the log before a crash cut it: what compaction removed older records for. */
  #everEnd = 0;
  #startAsked = 0;
  #isRetaining = false;
  #truncatingTo: number | null = null;
  #wasCompacted = false;
  /** Of the process that writes now or was killed; null: none has opened the partition since the last check. */
  #writer: number | null = null;

  constructor(plan: CrashPlan, partition: number) {
    this.#plan = plan;
    this.partition = partition;
  }

  /** Takes note of one line of the writer's; `args` are the numbers after letter and partition. */
  said(letter: string, args: readonly number[]): void {
    const [a = Number.NaN, b = Number.NaN, c = Number.NaN, d = Number.NaN] = args;
    switch (letter) {
      case 'O':
        this.#opened(a, b);
        this.#writer = c;
        break;
      case 'A':
        this.#appended(a, b, c, d);
        break;
      case 't':
        this.#truncatingTo = a;
        if (this.lastBatch !== null && this.lastBatch.end > a) this.lastBatch = null;
        break;
      case 'T':
        this.#cutTo(a);
        this.#writer = b;
        break;
      case 'd':
        this.#startAsked = Math.max(this.#startAsked, a);
        break;
      case 'D':
        this.#requireStart(a);
        break;
      case 'r':
        this.#isRetaining = true;
        break;
      case 'R':
        this.#requireStart(a);
        this.#isRetaining = false;
        break;
      case 'c':
        this.#wasCompacted = true;
        break;
      default:
        throw new Error(`the writer said ${letter}, which is nothing`);
    }
  }

  #appended(base: number, end: number, generation: number, sequence: number): void {
    if (base !== this.end) throw this.#wrong(`appended at ${base}, the log ended at ${this.end}`);
    const ends = endsOfAppend(this.#plan, this.partition, base, generation);
    if (end !== ends.at(-1)) throw this.#wrong(`appended up to ${end}, not ${ends.at(-1)}`);
    this.#grow(end, generation);
    this.lastBatch = { base, end, generation, sequence };
    this.acknowledged += end - base;
  }

  /** The append that was under way when the process was killed is there, whole or its first batches. */
  #grewUnacknowledged(end: number, generation: number): void {
    const last = this.lastBatch;
    const continues = last !== null && last.generation === generation && last.end === this.end;
    const sequence = continues ? last.sequence + (last.end - last.base) : 0;
    this.lastBatch = { base: this.end, end, generation, sequence };
    this.#grow(end, generation);
  }

  #grow(end: number, generation: number): void {
    for (let offset = this.end; offset < end; offset += 1) this.#generations[offset] = generation;
    this.end = end;
    this.#everEnd = Math.max(this.#everEnd, end);
  }

  #cutTo(offset: number): void {
    this.#generations.length = offset;
    this.end = offset;
    this.#truncatingTo = null;
  }

  #requireStart(start: number): void {
    const most = this.#isRetaining ? this.end : this.#startAsked;
    if (start < this.start || start > Math.max(most, this.start)) {
      throw this.#wrong(`the log starts at ${start}, not within ${this.start} and ${most}`);
    }
    this.start = start;
    this.#startAsked = Math.max(this.#startAsked, start);
  }

  /** Checks where a log begins and ends that was opened after a crash, and goes on from there. */
  #opened(start: number, end: number): void {
    if (this.#truncatingTo !== null) {
      if (end < this.#truncatingTo || end > this.end) {
        throw this.#wrong(`it ends at ${end}, cut from ${this.end} to ${this.#truncatingTo}`);
      }
      this.#cutTo(end);
    } else {
      const writer = this.#writer;
      const ends =
        writer === null ? [this.end] : endsOfAppend(this.#plan, this.partition, this.end, writer);
      if (!ends.includes(end)) {
        throw this.#wrong(`it ends at ${end}, acknowledged is ${this.end} (or ${ends.join(', ')})`);
      }
      if (writer !== null && end > this.end) this.#grewUnacknowledged(end, writer);
    }
    this.#requireStart(start);
    this.#startAsked = start;
    this.#isRetaining = false;
    this.#writer = null;
  }

  /** Reads the whole log and compares every record. */
  check(log: PartitionLog): number {
    this.#opened(log.logStartOffset, log.logEndOffset);
    const lastOfKey = this.#wasCompacted ? this.#lastOffsets() : null;
    let expected = log.logStartOffset;
    let records = 0;
    const maxBytes = 256 * 1024;
    for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
      const { bytes, nextOffset } = log.read(offset, { maxBytes });
      if (nextOffset <= offset) throw this.#wrong(`reading from ${offset} does not get on`);
      for (const record of this.#decoded(bytes)) {
        if (record.offset < log.logStartOffset) continue;
        if (record.offset >= log.logEndOffset)
          throw this.#wrong(`${record.offset} is past the end`);
        this.#requireAbsent(expected, record.offset, lastOfKey);
        this.#compare(record);
        expected = record.offset + 1;
        records += 1;
        // Points and times now and then: each costs a search.
        if (record.offset % 997 === 0) this.#lookUp(log, record.offset);
      }
      offset = nextOffset;
    }
    this.#requireAbsent(expected, log.logEndOffset, lastOfKey);
    return records;
  }

  #decoded(bytes: Buffer): LogRecord[] {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const all: LogRecord[] = [];
    for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
      const problem = checkBatch(bytes, view, at, bytes.length, {
        crc: true,
        maxBytes: bytes.length,
      });
      if (problem !== BatchProblem.BATCH_OK) throw this.#wrong(`a batch has problem ${problem}`);
      if (isControl(view, at)) throw this.#wrong('a control batch nobody wrote');
      all.push(...readRecords(bytes, at));
    }
    return all;
  }

  /** Records are missing only where compaction ran and a later record has the key. */
  #requireAbsent(from: number, to: number, lastOfKey: Map<string, number> | null): void {
    if (to < from) throw this.#wrong(`offset ${to} comes after ${from - 1}`);
    for (let offset = from; offset < to; offset += 1) {
      const last = lastOfKey?.get(keyOf(this.#plan, offset)) ?? offset;
      if (last <= offset) throw this.#wrong(`offset ${offset} is missing (next is ${to})`);
    }
  }

  #lastOffsets(): Map<string, number> {
    const last = new Map<string, number>();
    for (let offset = 0; offset < this.#everEnd; offset += 1) {
      last.set(keyOf(this.#plan, offset), offset);
    }
    return last;
  }

  #compare(record: LogRecord): void {
    const generation = this.#generations[record.offset]!;
    const wanted = recordOf(this.#plan, this.partition, record.offset, generation);
    const key = record.key === null ? null : Buffer.from(record.key).toString();
    const isSame =
      record.timestamp === wanted.timestamp &&
      key === wanted.key &&
      (record.value === null
        ? wanted.value === null
        : wanted.value !== null && Buffer.compare(record.value, wanted.value as Buffer) === 0) &&
      record.headers.length === wanted.headers.length;
    if (isSame) return;
    const value = Buffer.from(record.value ?? []).toString('latin1', 0, 40);
    throw this.#wrong(
      `offset ${record.offset} holds key ${key}, time ${record.timestamp}, value ${value}; generation ${generation} wrote key ${wanted.key}, time ${wanted.timestamp}`,
    );
  }

  #lookUp(log: PartitionLog, offset: number): void {
    const record = log.readRecord(offset, { checkCrcs: true });
    if (record?.offset !== offset) throw this.#wrong(`offset ${offset} is not found by itself`);
    const found = log.findByTimestamp(timestampOfOffset(this.#plan, offset));
    if (found?.offset !== offset) {
      throw this.#wrong(`time of offset ${offset} is found at ${found?.offset}`);
    }
  }

  #wrong(reason: string): Error {
    return new Error(`partition ${this.partition}: ${reason}`);
  }
}
