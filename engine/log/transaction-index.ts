import { assert } from '../assert.js';
import { corruptIndex, entryCount, viewOf } from './corrupt-index.js';

/** int16 version 0, then int64 producerId, firstOffset, lastOffset, lastStableOffset, big-endian. */
export const TRANSACTION_INDEX_ENTRY_BYTES = 34;
const VERSION = 0;
const NONE: readonly AbortedTransaction[] = [];

/** An aborted transaction, kept in the segment that holds its ABORT marker. */
export interface AbortedTransaction {
  readonly producerId: number;
  /** First offset of the transaction's records; may lie in an earlier segment. */
  readonly firstOffset: number;
  /** Offset of the ABORT marker. */
  readonly lastOffset: number;
  /** Last stable offset when the marker was written. */
  readonly lastStableOffset: number;
}

export interface AbortedSearch {
  /** Transactions that overlap the fetched range, by ascending marker offset. */
  readonly aborted: AbortedTransaction[];
  /** True: no later segment can hold more. False: go on in the next segment's index. */
  readonly complete: boolean;
}

/**
 * The aborted transactions of one segment (`.txnindex`), for consumers that read committed data only.
 * Aborts are rare: plain objects, and nothing at all until the first one. Kafka's `TransactionIndex`.
 */
export class TransactionIndex {
  readonly baseOffset: number;
  #entries: AbortedTransaction[] | null = null;

  constructor(baseOffset: number) {
    this.baseOffset = baseOffset;
  }

  get count(): number {
    return this.#entries === null ? 0 : this.#entries.length;
  }

  get entries(): readonly AbortedTransaction[] {
    return this.#entries ?? NONE;
  }

  /** Adds a transaction. Marker offsets must ascend and belong to the segment. */
  append(aborted: AbortedTransaction): void {
    assert(aborted.lastOffset >= this.baseOffset, 'abort marker below its segment');
    assert(aborted.firstOffset <= aborted.lastOffset, 'transaction ends before it begins');
    if (this.#entries === null) this.#entries = [];
    const last = this.#entries.at(-1);
    assert(
      last === undefined || aborted.lastOffset > last.lastOffset,
      'abort markers must ascend in the transaction index',
    );
    this.#entries.push(aborted);
  }

  /** Removes every transaction whose marker is at or above `offset`. */
  truncateTo(offset: number): void {
    const entries = this.#entries;
    if (entries === null) return;
    const keep = entries.findIndex((entry) => entry.lastOffset >= offset);
    if (keep >= 0) entries.length = keep;
    if (entries.length === 0) this.#entries = null;
  }

  /** Puts `kept` in the place of the transactions whose marker is in [from, to): compaction dropped the others. */
  replaceRange(from: number, to: number, kept: readonly AbortedTransaction[]): void {
    const entries = this.#entries;
    if (entries === null) return;
    const first = entries.findIndex((entry) => entry.lastOffset >= from);
    if (first < 0) return;
    const next = entries.findIndex((entry) => entry.lastOffset >= to);
    entries.splice(first, (next < 0 ? entries.length : next) - first, ...kept);
    if (entries.length === 0) this.#entries = null;
  }

  /**
   * Aborted transactions that overlap [fetchOffset, upperBound). An entry whose last stable offset
   * reaches `upperBound` ends the search: every later abort began above the range.
   */
  collectAborted(fetchOffset: number, upperBound: number): AbortedSearch {
    const aborted: AbortedTransaction[] = [];
    for (const entry of this.entries) {
      if (entry.lastOffset >= fetchOffset && entry.firstOffset < upperBound) aborted.push(entry);
      if (entry.lastStableOffset >= upperBound) return { aborted, complete: true };
    }
    return { aborted, complete: false };
  }

  /** The content of the `.txnindex` file, from entry `from` on. */
  encode(from = 0): Buffer {
    const entries = this.entries;
    const bytes = Buffer.alloc(Math.max(0, entries.length - from) * TRANSACTION_INDEX_ENTRY_BYTES);
    for (let entry = from, at = 0; entry < entries.length; entry++) {
      const { producerId, firstOffset, lastOffset, lastStableOffset } = entries[
        entry
      ] as AbortedTransaction;
      bytes.writeInt16BE(VERSION, at);
      bytes.writeBigInt64BE(BigInt(producerId), at + 2);
      bytes.writeBigInt64BE(BigInt(firstOffset), at + 10);
      bytes.writeBigInt64BE(BigInt(lastOffset), at + 18);
      bytes.writeBigInt64BE(BigInt(lastStableOffset), at + 26);
      at += TRANSACTION_INDEX_ENTRY_BYTES;
    }
    return bytes;
  }

  /**
   * Reads a `.txnindex` file. Fails with CORRUPT_INDEX, `details.entry` naming the entry: an unknown
   * version, a value that is no offset, markers below the segment or not ascending.
   */
  static decode(bytes: Uint8Array, baseOffset: number): TransactionIndex {
    const view = viewOf(bytes);
    const count = entryCount('transaction index', bytes, TRANSACTION_INDEX_ENTRY_BYTES);
    const index = new TransactionIndex(baseOffset);
    let lastMarker = baseOffset - 1;
    for (let entry = 0; entry < count; entry++) {
      const at = entry * TRANSACTION_INDEX_ENTRY_BYTES;
      const version = view.getInt16(at);
      if (version !== VERSION) {
        const problem = `version ${version} is unknown, expected ${VERSION}`;
        throw corruptIndex('transaction index', entry, problem, { version });
      }
      const aborted: AbortedTransaction = {
        producerId: offsetAt(view, at + 2, entry, 'producer id'),
        firstOffset: offsetAt(view, at + 10, entry, 'first offset'),
        lastOffset: offsetAt(view, at + 18, entry, 'last offset'),
        lastStableOffset: offsetAt(view, at + 26, entry, 'last stable offset'),
      };
      if (aborted.lastOffset <= lastMarker) {
        const floor = entry === 0 ? `the segment's base offset ${baseOffset}` : `${lastMarker + 1}`;
        const problem = `last offset ${aborted.lastOffset} is below ${floor}`;
        throw corruptIndex('transaction index', entry, problem, { ...aborted });
      }
      if (aborted.firstOffset > aborted.lastOffset) {
        const problem = `first offset ${aborted.firstOffset} is above last offset ${aborted.lastOffset}`;
        throw corruptIndex('transaction index', entry, problem, { ...aborted });
      }
      lastMarker = aborted.lastOffset;
      index.append(aborted);
    }
    return index;
  }
}

function offsetAt(view: DataView, at: number, entry: number, name: string): number {
  const value = view.getBigInt64(at);
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    const problem = `${name} ${value} is not between 0 and ${Number.MAX_SAFE_INTEGER}`;
    throw corruptIndex('transaction index', entry, problem, { value });
  }
  return Number(value);
}
