import { BatchFilter } from '../format/batch-filter.js';
import {
  baseOffset,
  baseTimestamp,
  hasDeleteHorizon,
  isControl,
  lastOffset,
  maxTimestamp,
  producerEpoch,
  producerId,
  recordsCount,
  sizeInBytes,
} from '../format/batch-header.js';
import type { RecordCursor } from '../format/batch-reader.js';
import { writeEmptyBatch } from '../format/batch-writer.js';
import { BATCH_OVERHEAD } from '../format/layout.js';
import { batchSizeAt, type DirtyKeys, requireIntact } from './cleaner-map.js';
import type { Slices } from './cleaner-slices.js';
import type { CleanedTransactions } from './cleaner-transactions.js';
import type { Segment } from './segment.js';

/** A producer's last data batch in the log, or its epoch where only markers are known of it. */
export interface LastOfProducer {
  /** -1: no data batch is known. */
  readonly lastOffset: number;
  readonly producerEpoch: number;
}

export interface CleaningRound {
  readonly keys: DirtyKeys;
  readonly transactions: CleanedTransactions;
  /** Where the round ends: the last batch below it stays, empty if need be, so that the offset does. */
  readonly endOffset: number;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
}

/** What one round read and wrote. */
export class CleaningCounts {
  bytesRead = 0;
  recordsRead = 0;
  bytesWritten = 0;
  recordsWritten = 0;
}

const keepAll = () => true;

/**
 * Writes what compaction leaves of segments into a new one, batch by batch. Kafka: Cleaner.cleanInto,
 * MemoryRecords.filterTo.
 */
export class BatchCleaner {
  readonly counts = new CleaningCounts();
  readonly #round: CleaningRound;
  readonly #filter = new BatchFilter();
  #lastOfProducer: ReadonlyMap<number, LastOfProducer> = new Map();
  #destination: Segment | null = null;
  /** Of the batch at hand. */
  #isExpired = false;
  #keptTombstone = false;

  constructor(round: CleaningRound) {
    this.#round = round;
  }

  async clean(
    source: Segment,
    destination: Segment,
    lastOfProducer: ReadonlyMap<number, LastOfProducer>,
    slices: Slices,
  ): Promise<void> {
    const { file, size } = source;
    this.#destination = destination;
    this.#lastOfProducer = lastOfProducer;
    await slices.pause();
    file.willRead(0, size);
    for (let position = 0; position < size; ) {
      if (slices.isOver) await slices.pause();
      const bytes = batchSizeAt(source, position);
      const window = file.window(position, bytes);
      this.#cleanBatch(source, position, window.buffer, window.view, position - window.start);
      position += bytes;
    }
  }

  #cleanBatch(source: Segment, position: number, buffer: Buffer, view: DataView, at: number): void {
    const { counts } = this;
    const { keys, transactions, nowMs } = this.#round;
    const count = recordsCount(view, at);
    counts.bytesRead += sizeInBytes(view, at);
    counts.recordsRead += count;
    const isMarker = isControl(view, at);
    const isFinished = isMarker
      ? transactions.onMarker(buffer, view, at)
      : transactions.onBatch(view, at);
    const hasHorizon = hasDeleteHorizon(view, at);
    this.#isExpired = hasHorizon && baseTimestamp(view, at) <= nowMs;
    if (count === 0 || (isFinished && (!isMarker || this.#isExpired))) {
      this.#writeEmpty(view, at);
      return;
    }
    if (isMarker) {
      this.#writeKept(buffer, view, at, isFinished && !hasHorizon);
      return;
    }
    const first = baseOffset(view, at);
    const last = lastOffset(view, at);
    if (keys.covers(first, last) && !this.#isExpired) {
      const kept = keys.latest.count(first, last);
      const stamps = !hasHorizon && keys.tombstones.count(first, last) > 0;
      if (kept === 0) this.#writeEmpty(view, at);
      else if (kept === count) this.#writeKept(buffer, view, at, stamps);
      else this.#writeFiltered(buffer, view, at, this.#isLatest, stamps);
      return;
    }
    this.#keptTombstone = false;
    // What is rewritten gets a new checksum: the old one is the last chance to see damage.
    requireIntact(source, position, sizeInBytes(view, at), { buffer, view, at });
    const filtered = this.#filter.filter(buffer, view, at, this.#isKept);
    if (filtered === null) this.#writeEmpty(view, at);
    else if (this.#keptTombstone && !hasHorizon) {
      this.#writeFiltered(buffer, view, at, this.#isKept, true);
    } else this.#append(filtered, this.#filter.retained);
  }

  readonly #isLatest = (record: RecordCursor): boolean =>
    this.#round.keys.latest.has(record.offset);

  /** Kafka: Cleaner.shouldRetainRecord. */
  readonly #isKept = (record: RecordCursor): boolean => {
    const { keys } = this.#round;
    const { offset, keyStart } = record;
    const isTombstone = record.valueStart < 0;
    if (offset < keys.endOffset) {
      if (keyStart < 0) return false;
      if (isTombstone && this.#isExpired) return false;
      if (offset < keys.map.get(record.buffer, keyStart, record.keyEnd)) return false;
    }
    if (isTombstone) this.#keptTombstone = true;
    return true;
  };

  #writeFiltered(
    buffer: Buffer,
    view: DataView,
    at: number,
    keep: (record: RecordCursor) => boolean,
    stamps: boolean,
  ): void {
    const { nowMs, deleteRetentionMs } = this.#round;
    const options = stamps ? { deleteHorizonMs: nowMs + deleteRetentionMs } : {};
    const filtered = this.#filter.filter(buffer, view, at, keep, options);
    if (filtered === null) this.#writeEmpty(view, at);
    else this.#append(filtered, this.#filter.retained);
  }

  #writeKept(buffer: Buffer, view: DataView, at: number, stamps: boolean): void {
    if (stamps) this.#writeFiltered(buffer, view, at, keepAll, true);
    else this.#append(buffer.subarray(at, at + sizeInBytes(view, at)), recordsCount(view, at));
  }

  /** Nothing of the batch is left; its header stays where it says what no other one does. */
  #writeEmpty(view: DataView, at: number): void {
    if (!this.#isNeeded(view, at)) return;
    const { file } = this.#destination!;
    file.reserve(BATCH_OVERHEAD);
    writeEmptyBatch(file.buffer, file.view, file.at, view, at);
    this.#commit(BATCH_OVERHEAD, 0);
  }

  /** Its last offset ends the round, or it has its producer's last sequence or epoch. */
  #isNeeded(view: DataView, at: number): boolean {
    const last = lastOffset(view, at);
    if (last + 1 === this.#round.endOffset) return true;
    const id = producerId(view, at);
    const known = id < 0 ? undefined : this.#lastOfProducer.get(id);
    if (known === undefined) return false;
    return known.lastOffset >= 0
      ? known.lastOffset === last
      : isControl(view, at) && known.producerEpoch === producerEpoch(view, at);
  }

  #append(batch: Uint8Array, records: number): void {
    const { file } = this.#destination!;
    file.reserve(batch.length);
    file.buffer.set(batch, file.at);
    this.#commit(batch.length, records);
  }

  #commit(bytes: number, records: number): void {
    const destination = this.#destination!;
    const { file } = destination;
    const { view, at } = file;
    const last = lastOffset(view, at);
    const newest = maxTimestamp(view, at);
    file.commit(bytes);
    destination.accept(bytes, last, newest);
    this.counts.bytesWritten += bytes;
    this.counts.recordsWritten += records;
  }
}
