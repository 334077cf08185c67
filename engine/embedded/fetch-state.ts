import { VarveError } from '../errors.js';
import { BatchProblem, checkBatch, describeProblem } from '../format/batch-check.js';
import {
  baseOffset,
  isControl,
  isTransactional,
  lastOffset,
  producerId,
  sizeInBytes,
} from '../format/batch-header.js';
import { RecordCursor } from '../format/batch-reader.js';
import { decodeControlRecordKey } from '../format/control-record.js';
import type { PartitionLog } from '../log/partition-log.js';
import type { LogRecord } from '../types.js';

export type ConsumerIsolation = 'read_uncommitted' | 'read_committed';

export interface ConsumedRecord extends LogRecord {
  readonly topic: string;
  readonly partition: number;
}

export interface FetchSettings {
  readonly maxBytes: number;
  readonly checkCrcs: boolean;
  readonly isolation: ConsumerIsolation;
}

const NOTHING = Buffer.alloc(0);

/** One assigned partition: where the consumer is, and the batches read but not handed out yet. */
export class FetchState {
  readonly topic: string;
  readonly partition: number;
  readonly log: PartitionLog;
  /** Offset of the next record to hand out. */
  position: number;
  isPaused = false;
  readonly #settings: FetchSettings;
  readonly #cursor = new RecordCursor();
  #bytes: Buffer = NOTHING;
  #view: DataView = new DataView(NOTHING.buffer, 0, 0);
  /** Start of the batch in progress in `#bytes`; its cursor is open while `#inBatch`. */
  #at = 0;
  #inBatch = false;
  #batchEnd = 0;
  /** Producers whose records are being skipped, and the aborted transactions still to come. */
  readonly #aborting = new Set<number>();
  #aborted: { producerId: number; firstOffset: number }[] = [];

  constructor(
    place: { topic: string; partition: number; position: number },
    log: PartitionLog,
    settings: FetchSettings,
  ) {
    this.topic = place.topic;
    this.partition = place.partition;
    this.position = place.position;
    this.log = log;
    this.#settings = settings;
  }

  seek(offset: number): void {
    this.position = offset;
    this.#forget();
  }

  #forget(): void {
    this.#bytes = NOTHING;
    this.#at = 0;
    this.#inBatch = false;
    this.#aborting.clear();
    this.#aborted = [];
  }

  /** The end this consumer reads up to. */
  get end(): number {
    const { log } = this;
    return this.#settings.isolation === 'read_committed' ? log.lastStableOffset : log.highWatermark;
  }

  /** Appends up to `max` records to `into`. Returns how many. */
  take(max: number, into: ConsumedRecord[]): number {
    let taken = 0;
    while (taken < max) {
      if (this.#inBatch) {
        taken += this.#takeFromBatch(max - taken, into);
        continue;
      }
      if (this.#at < this.#bytes.length) this.#openBatch();
      else if (!this.#fetch()) break;
    }
    return taken;
  }

  #takeFromBatch(max: number, into: ConsumedRecord[]): number {
    const cursor = this.#cursor;
    let taken = 0;
    while (taken < max) {
      if (!cursor.next()) {
        this.#inBatch = false;
        this.position = Math.max(this.position, this.#batchEnd);
        break;
      }
      if (cursor.offset < this.position) continue;
      const record = cursor.record() as LogRecord & { topic: string; partition: number };
      record.topic = this.topic;
      record.partition = this.partition;
      into.push(record);
      this.position = cursor.offset + 1;
      taken += 1;
    }
    return taken;
  }

  #fetch(): boolean {
    const { isolation, maxBytes } = this.#settings;
    // A position beyond the log is left to `read`, which refuses it.
    if (this.position >= this.end && this.position <= this.log.logEndOffset) return false;
    const read = this.log.read(this.position, {
      maxBytes,
      isolation: isolation === 'read_committed' ? 'last_stable_offset' : 'high_watermark',
    });
    this.#bytes = read.bytes;
    this.#view = new DataView(read.bytes.buffer, read.bytes.byteOffset, read.bytes.length);
    this.#at = 0;
    if (isolation === 'read_committed') {
      this.#aborting.clear();
      this.#aborted = this.log.abortedTransactions(this.position, read.nextOffset);
    }
    if (read.bytes.length > 0) return true;
    // Nothing but a gap that compaction left: go on behind it.
    if (read.nextOffset <= this.position) return false;
    this.position = read.nextOffset;
    return true;
  }

  #openBatch(): void {
    const view = this.#view;
    const at = this.#at;
    const options = { crc: this.#settings.checkCrcs, maxBytes: this.#bytes.length };
    const problem = checkBatch(this.#bytes, view, at, this.#bytes.length, options);
    if (problem !== BatchProblem.BATCH_OK) {
      const reason = describeProblem(problem, this.#bytes, view, at, this.#bytes.length, options);
      throw new VarveError(
        'CORRUPT_MESSAGE',
        `${this.topic}-${this.partition} at offset ${this.position}: ${reason}; seek past it to go on`,
        { details: { topic: this.topic, partition: this.partition, offset: this.position } },
      );
    }
    this.#at = at + sizeInBytes(view, at);
    this.#batchEnd = lastOffset(view, at) + 1;
    if (isControl(view, at)) {
      this.#endTransaction(view, at);
      this.position = Math.max(this.position, this.#batchEnd);
      return;
    }
    if (this.#isAborted(view, at)) {
      this.position = Math.max(this.position, this.#batchEnd);
      return;
    }
    this.#cursor.reset(this.#bytes, view, at);
    this.#inBatch = true;
  }

  /** Kafka: CompletedFetch. A producer's records are skipped from its aborted transaction's start to its marker. */
  #isAborted(view: DataView, at: number): boolean {
    if (this.#settings.isolation !== 'read_committed' || !isTransactional(view, at)) return false;
    const offset = lastOffset(view, at);
    for (const entry of this.#aborted) {
      if (entry.firstOffset <= offset) this.#aborting.add(entry.producerId);
    }
    this.#aborted = this.#aborted.filter(({ firstOffset }) => firstOffset > offset);
    return this.#aborting.has(producerId(view, at)) && baseOffset(view, at) <= offset;
  }

  #endTransaction(view: DataView, at: number): void {
    if (this.#aborting.size === 0) return;
    this.#cursor.reset(this.#bytes, view, at);
    if (!this.#cursor.next()) return;
    const { type } = decodeControlRecordKey(this.#cursor.record().key);
    if (type === 'ABORT') this.#aborting.delete(producerId(view, at));
  }
}
