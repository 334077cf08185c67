import { isTransactional, lastOffset, producerId } from '../format/batch-header.js';
import { RecordCursor } from '../format/batch-reader.js';
import { decodeControlRecordKey } from '../format/control-record.js';
import type { AbortedTransaction } from './transaction-index.js';

interface Ongoing {
  readonly entry: AbortedTransaction;
  /** A batch of it is still in the log. */
  isSeen: boolean;
}

/**
 * Follows transactions while a log is read in order: which batches were aborted, and which markers have
 * nothing left to say. Kafka: CleanedTransactionMetadata.
 */
export class CleanedTransactions {
  /** Aborted transactions whose marker stays, in marker order: what the transaction index keeps. */
  kept: AbortedTransaction[] = [];
  readonly #byFirstOffset: readonly AbortedTransaction[];
  #next = 0;
  readonly #aborted = new Map<number, Ongoing>();
  readonly #committed = new Set<number>();
  readonly #cursor = new RecordCursor();

  /** `entries`: the log's aborted transactions. Reading begins at offset `from`. */
  constructor(entries: readonly AbortedTransaction[], from: number) {
    this.#byFirstOffset = entries
      .filter((entry) => entry.lastOffset >= from)
      .sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** A data batch. True: it was aborted, so none of its records count. */
  onBatch(view: DataView, at: number): boolean {
    if (!isTransactional(view, at)) return false;
    this.#beginUpTo(lastOffset(view, at));
    const id = producerId(view, at);
    const ongoing = this.#aborted.get(id);
    if (ongoing === undefined) {
      this.#committed.add(id);
      return false;
    }
    ongoing.isSeen = true;
    return true;
  }

  /** A control batch. True: no batch of its transaction is left, so it can go after its delete horizon. */
  onMarker(buffer: Buffer, view: DataView, at: number): boolean {
    this.#beginUpTo(lastOffset(view, at));
    const cursor = this.#cursor.reset(buffer, view, at);
    // An emptied control batch has been through this.
    if (!cursor.next()) return true;
    const { type } = decodeControlRecordKey(cursor.key());
    cursor.release();
    const id = producerId(view, at);
    if (type === 'COMMIT') return !this.#committed.delete(id);
    if (type !== 'ABORT') return false;
    const ended = this.#aborted.get(id);
    this.#aborted.delete(id);
    if (ended === undefined || !ended.isSeen) return true;
    this.kept.push(ended.entry);
    return false;
  }

  #beginUpTo(offset: number): void {
    const entries = this.#byFirstOffset;
    while (this.#next < entries.length && entries[this.#next]!.firstOffset <= offset) {
      const entry = entries[this.#next++]!;
      if (!this.#aborted.has(entry.producerId)) {
        this.#aborted.set(entry.producerId, { entry, isSeen: false });
      }
    }
  }
}
