import { VarveError } from '../errors.js';
import type { ProducerSnapshotEntry } from '../format/producer-snapshot.js';
import {
  type AppendedBatch,
  checkSequence,
  type DuplicateBatch,
  findDuplicate,
  outsideTransaction,
  type ProducerBatch,
  type ProducerEntry,
  retain,
  staleEpoch,
} from './producer-entry.js';

export {
  type AppendedBatch,
  addSequence,
  BATCHES_TO_RETAIN,
  type DuplicateBatch,
  firstSequence,
  type ProducerBatch,
} from './producer-entry.js';

/** A COMMIT or ABORT marker at `offset`. */
export interface EndTransaction {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly aborted: boolean;
}

export interface CompletedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Offset of the marker. */
  readonly lastOffset: number;
  /** Everything below it was decided when the marker was written: what the transaction index keeps. */
  readonly lastStableOffset: number;
  readonly aborted: boolean;
}

export type ProducerOrigin = 'client' | 'coordinator' | 'replication';

interface Transactions {
  /** First offset of each open transaction -> its producer, ascending: new ones always start higher. */
  ongoing: Map<number, number>;
  /** First offset -> marker offset of the ended ones whose marker is not below the high watermark yet. */
  unreplicated: Map<number, number>;
}

/**
 * What idempotent and transactional producers have written to one partition, so that a batch sent
 * twice is stored once. Holds nothing until the first such producer. Pure: the clock is an argument.
 * Kafka: `ProducerStateManager`, `ProducerAppendInfo`.
 */
export class ProducerState {
  /** `producer.id.expiration.ms`. */
  expirationMs: number;
  #producers: Map<number, ProducerEntry> | null = null;
  #transactions: Transactions | null = null;
  #mapEndOffset = 0;
  #firstUnstable: number | null = null;

  constructor(expirationMs: number) {
    this.expirationMs = expirationMs;
  }

  get isEmpty(): boolean {
    return this.#producers === null;
  }

  /** Producers known. */
  get count(): number {
    return this.#producers?.size ?? 0;
  }

  /** The state covers every batch below this offset. */
  get mapEndOffset(): number {
    return this.#mapEndOffset;
  }

  /**
   * First offset of a transaction that is open, or ended by a marker not yet below the high
   * watermark; null when there is none. Readers of committed data stop there.
   */
  get firstUnstableOffset(): number | null {
    return this.#firstUnstable;
  }

  /** First offset of an open transaction, or null. */
  get firstUndecidedOffset(): number | null {
    return this.#firstOngoing();
  }

  /** Notes that the log, and so this state, now ends at `offset`. */
  advanceTo(offset: number): void {
    this.#mapEndOffset = offset;
  }

  /**
   * Checks a data batch before it is appended. Null: append it. Otherwise it is a retry of one of the
   * producer's last five batches, which is returned. Replicas do not check: the leader did.
   *
   * Fails with INVALID_PRODUCER_EPOCH when a newer instance of the producer has written, with
   * OUT_OF_ORDER_SEQUENCE_NUMBER when batches are missing before this one or a new epoch does not
   * begin at sequence 0, with INVALID_RECORD when it is outside the producer's open transaction.
   */
  check(batch: ProducerBatch, origin: ProducerOrigin): DuplicateBatch | null {
    if (this.#producers === null || batch.producerId < 0 || origin === 'replication') return null;
    const producer = this.#producers.get(batch.producerId);
    if (producer === undefined) return null;
    if (batch.producerEpoch < producer.epoch) throw staleEpoch(batch, producer.epoch);
    if (origin === 'client') {
      if (batch.producerEpoch === producer.epoch) {
        const duplicate = findDuplicate(producer, batch);
        if (duplicate !== null) return duplicate;
      }
      checkSequence(producer, batch);
    }
    if (producer.txnFirstOffset >= 0 && !batch.isTransactional) throw outsideTransaction(batch);
    return null;
  }

  /** Takes note of a data batch that was appended, by a client or by replication. */
  update(batch: AppendedBatch): void {
    if (batch.producerId < 0) return;
    const producer = this.#producer(batch.producerId);
    if (producer.epoch !== batch.producerEpoch) {
      producer.epoch = batch.producerEpoch;
      producer.batches.length = 0;
    }
    retain(producer, batch);
    this.#cover(batch.lastOffset);
    producer.lastTimestamp = batch.maxTimestamp;
    if (batch.isTransactional && producer.txnFirstOffset < 0) {
      producer.txnFirstOffset = batch.baseOffset;
      this.#begin(batch.baseOffset, batch.producerId);
    }
  }

  /**
   * Checks a transaction marker before it is appended: fails with INVALID_PRODUCER_EPOCH when the
   * producer's epoch, or the coordinator's, has moved on. Replicas do not check.
   */
  checkMarker(
    marker: Pick<EndTransaction, 'producerId' | 'producerEpoch' | 'coordinatorEpoch'>,
    origin: ProducerOrigin,
  ): void {
    const producer = this.#producers?.get(marker.producerId);
    if (producer === undefined || origin === 'replication') return;
    if (marker.producerEpoch < producer.epoch) throw staleEpoch(marker, producer.epoch);
    if (marker.coordinatorEpoch < producer.coordinatorEpoch) {
      throw new VarveError(
        'INVALID_PRODUCER_EPOCH',
        `marker of producer ${marker.producerId} comes from coordinator epoch ` +
          `${marker.coordinatorEpoch}, but epoch ${producer.coordinatorEpoch} has written; the ` +
          'sender is no longer the coordinator',
        { details: { ...marker, currentCoordinatorEpoch: producer.coordinatorEpoch } },
      );
    }
  }

  /**
   * Takes note of an appended marker. Returns the transaction it ended, for the transaction index if
   * it was aborted; null where the producer had none open here.
   */
  endTransaction(marker: EndTransaction): CompletedTransaction | null {
    if (marker.producerId < 0) return null;
    const producer = this.#producer(marker.producerId);
    if (producer.epoch !== marker.producerEpoch) {
      producer.epoch = marker.producerEpoch;
      producer.batches.length = 0;
    }
    this.#cover(marker.offset);
    producer.coordinatorEpoch = marker.coordinatorEpoch;
    producer.lastTimestamp = marker.timestamp;
    const firstOffset = producer.txnFirstOffset;
    producer.txnFirstOffset = -1;
    const transactions = this.#transactions;
    if (firstOffset < 0 || transactions === null) return null;
    transactions.ongoing.delete(firstOffset);
    transactions.unreplicated.set(firstOffset, marker.offset);
    this.#refreshUnstable();
    return {
      producerId: marker.producerId,
      firstOffset,
      lastOffset: marker.offset,
      lastStableOffset: this.#firstOngoing() ?? marker.offset + 1,
      aborted: marker.aborted,
    };
  }

  /** What is known of `lastOffset` must be forgotten by a truncation below it. */
  #cover(lastOffset: number): void {
    if (lastOffset >= this.#mapEndOffset) this.#mapEndOffset = lastOffset + 1;
  }

  /** Ended transactions become stable once their marker is below the high watermark. */
  onHighWatermark(highWatermark: number): void {
    this.#forgetEnded(highWatermark);
  }

  /** Ended transactions below the log start are gone; so is what the state covers below it. */
  onLogStart(logStartOffset: number): void {
    this.#forgetEnded(logStartOffset);
    if (this.#mapEndOffset < logStartOffset) this.#mapEndOffset = logStartOffset;
  }

  /** Forgets producers idle for `producer.id.expiration.ms` with no open transaction; says how many. */
  expire(nowMs: number): number {
    const producers = this.#producers;
    if (producers === null) return 0;
    const before = producers.size;
    for (const [id, producer] of producers) {
      if (this.#isExpired(producer.lastTimestamp, producer.txnFirstOffset, nowMs)) {
        producers.delete(id);
      }
    }
    const expired = before - producers.size;
    if (producers.size === 0) this.#producers = null;
    return expired;
  }

  /**
   * The log now ends at `offset`. True: the state is right as it is. False: it knew later batches and
   * has been emptied; load the newest snapshot at or below `offset` and replay the log from there.
   */
  truncateTo(offset: number): boolean {
    if (this.#mapEndOffset === offset) return true;
    if (this.#producers === null && this.#transactions === null) {
      this.#mapEndOffset = offset;
      return true;
    }
    this.clear(offset);
    return false;
  }

  /** Forgets everything; the state starts again at `offset`. */
  clear(offset: number): void {
    this.#producers = null;
    this.#transactions = null;
    this.#firstUnstable = null;
    this.#mapEndOffset = offset;
  }

  /** Every producer with its last batch, for the snapshot file named by {@link mapEndOffset}. */
  takeSnapshot(): ProducerSnapshotEntry[] {
    const entries: ProducerSnapshotEntry[] = [];
    if (this.#producers === null) return entries;
    for (const [producerId, producer] of this.#producers) {
      const last = producer.batches.at(-1);
      entries.push({
        producerId,
        producerEpoch: producer.epoch,
        lastSequence: last?.lastSequence ?? -1,
        lastOffset: last?.lastOffset ?? -1,
        offsetDelta: last?.offsetDelta ?? 0,
        timestamp: producer.lastTimestamp,
        coordinatorEpoch: producer.coordinatorEpoch,
        currentTxnFirstOffset: producer.txnFirstOffset,
      });
    }
    return entries;
  }

  /** Replaces the state by a snapshot that covers the log below `offset`, leaving out expired producers. */
  loadSnapshot(entries: Iterable<ProducerSnapshotEntry>, offset: number, nowMs: number): void {
    this.clear(offset);
    const open: ProducerSnapshotEntry[] = [];
    for (const entry of entries) {
      if (this.#isExpired(entry.timestamp, entry.currentTxnFirstOffset, nowMs)) continue;
      const producer = this.#producer(entry.producerId);
      producer.epoch = entry.producerEpoch;
      producer.coordinatorEpoch = entry.coordinatorEpoch;
      producer.lastTimestamp = entry.timestamp;
      producer.txnFirstOffset = entry.currentTxnFirstOffset;
      if (entry.lastOffset >= 0) {
        producer.batches.push({
          lastSequence: entry.lastSequence,
          lastOffset: entry.lastOffset,
          offsetDelta: entry.offsetDelta,
          timestamp: entry.timestamp,
        });
      }
      if (entry.currentTxnFirstOffset >= 0) open.push(entry);
    }
    open.sort((a, b) => a.currentTxnFirstOffset - b.currentTxnFirstOffset);
    for (const entry of open) this.#begin(entry.currentTxnFirstOffset, entry.producerId);
  }

  #producer(id: number): ProducerEntry {
    if (this.#producers === null) this.#producers = new Map();
    let producer = this.#producers.get(id);
    if (producer === undefined) {
      producer = {
        epoch: -1,
        coordinatorEpoch: -1,
        lastTimestamp: -1,
        txnFirstOffset: -1,
        batches: [],
      };
      this.#producers.set(id, producer);
    }
    return producer;
  }

  #isExpired(lastTimestamp: number, txnFirstOffset: number, nowMs: number): boolean {
    return txnFirstOffset < 0 && nowMs - lastTimestamp >= this.expirationMs;
  }

  #begin(firstOffset: number, producerId: number): void {
    if (this.#transactions === null) {
      this.#transactions = { ongoing: new Map(), unreplicated: new Map() };
    }
    this.#transactions.ongoing.set(firstOffset, producerId);
    this.#refreshUnstable();
  }

  #forgetEnded(offset: number): void {
    const transactions = this.#transactions;
    if (transactions === null || transactions.unreplicated.size === 0) return;
    for (const [first, marker] of transactions.unreplicated) {
      if (marker < offset) transactions.unreplicated.delete(first);
    }
    if (transactions.unreplicated.size === 0 && transactions.ongoing.size === 0) {
      this.#transactions = null;
    }
    this.#refreshUnstable();
  }

  #firstOngoing(): number | null {
    if (this.#transactions === null) return null;
    for (const first of this.#transactions.ongoing.keys()) return first;
    return null;
  }

  #refreshUnstable(): void {
    let first = this.#firstOngoing();
    if (this.#transactions !== null) {
      for (const offset of this.#transactions.unreplicated.keys()) {
        if (first === null || offset < first) first = offset;
      }
    }
    this.#firstUnstable = first;
  }
}
