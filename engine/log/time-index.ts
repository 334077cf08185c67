import { assert } from '../assert.js';
import { readInt64, writeInt64 } from '../format/int64.js';
import { corruptIndex, entryCount, viewOf } from './corrupt-index.js';
import {
  countBelow,
  grownCapacity,
  NO_DOUBLES,
  NO_INTS,
  resizedDoubles,
  resizedInts,
  withoutZeroTail,
} from './index-columns.js';

/** One entry of a `.timeindex` file: int64 timestamp, int32 relative offset, big-endian. */
export const TIME_INDEX_ENTRY_BYTES = 12;

/** As for the offset index: the entries in the last 8192 bytes are searched first. */
const WARM_ENTRIES = Math.floor(8192 / TIME_INDEX_ENTRY_BYTES);
const MAX_INT32 = 0x7fffffff;

export interface TimeIndexFile {
  readonly baseOffset: number;
  /** See {@link TimeIndex.maxEntries}; a file that holds more makes an index that is just full. */
  readonly maxEntries: number;
  /** First offset that the segment cannot hold. Default: as far as a relative offset reaches. */
  readonly endOffset?: number;
}

/**
 * The sparse time index of one segment, in memory: (timestamp, offset) says that no batch up to
 * `offset` has a larger timestamp. Timestamps (milliseconds since 1970) ascend strictly. Kafka's
 * `TimeIndex`.
 */
export class TimeIndex {
  readonly baseOffset: number;
  /** Entries that fit in `segment.index.bytes`. */
  readonly maxEntries: number;
  #count = 0;
  #timestamps = NO_DOUBLES;
  #offsets = NO_INTS;

  constructor(baseOffset: number, maxEntries: number) {
    this.baseOffset = baseOffset;
    this.maxEntries = maxEntries;
  }

  get count(): number {
    return this.#count;
  }

  /** One place is kept for the entry that is forced when the segment rolls or closes. */
  get isFull(): boolean {
    return this.#count >= this.maxEntries - 1;
  }

  /** Timestamp of the last entry in milliseconds; -1 when there is none. */
  get lastTimestamp(): number {
    return this.#count === 0 ? -1 : this.timestampAt(this.#count - 1);
  }

  /** Offset of the last entry; the base offset when there is none. */
  get lastOffset(): number {
    return this.#count === 0 ? this.baseOffset : this.offsetAt(this.#count - 1);
  }

  /** Bytes of memory held by the entries. */
  get memoryBytes(): number {
    return this.#timestamps.byteLength + this.#offsets.byteLength;
  }

  /**
   * Adds (timestamp, offset) if the timestamp is above the last entry's; says whether it did.
   * `timestamp` is the largest in the segment so far, `offset` the last offset of the batch that has
   * it. `final` marks the entry at roll or close, which may take the place that is kept for it.
   */
  maybeAppend(timestamp: number, offset: number, options?: { readonly final: boolean }): boolean {
    const count = this.#count;
    if (!(timestamp > (count === 0 ? -1 : (this.#timestamps[count - 1] as number)))) return false;
    const relative = offset - this.baseOffset;
    assert(
      options?.final === true ? count < this.maxEntries : !this.isFull,
      'append to a full time index',
    );
    assert(Number.isSafeInteger(timestamp), 'indexed timestamp is not a safe integer');
    assert(relative >= 0 && relative <= MAX_INT32, 'indexed offset out of the segment');
    assert(
      count === 0 || relative >= (this.#offsets[count - 1] as number),
      'time index offsets must not descend',
    );
    if (count === this.#offsets.length) this.#resize(grownCapacity(count, this.maxEntries));
    this.#timestamps[count] = timestamp;
    this.#offsets[count] = relative;
    this.#count = count + 1;
    return true;
  }

  /** Number of the greatest entry whose timestamp is <= `target`, or -1: start at the base offset then. */
  lookup(target: number): number {
    const count = this.#count;
    if (count === 0) return -1;
    const timestamps = this.#timestamps;
    let low = count > WARM_ENTRIES ? count - 1 - WARM_ENTRIES : 0;
    let high = count - 1;
    if (!(target >= (timestamps[low] as number))) {
      if (!(target >= (timestamps[0] as number))) return -1;
      high = low - 1;
      low = 0;
    }
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((timestamps[middle] as number) <= target) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Offset from which a scan for `target` (milliseconds) may start: the found entry's, or the base. */
  offsetFor(target: number): number {
    const entry = this.lookup(target);
    return this.baseOffset + (entry < 0 ? 0 : (this.#offsets[entry] as number));
  }

  timestampAt(entry: number): number {
    assert(entry >= 0 && entry < this.#count, 'no such time index entry');
    return this.#timestamps[entry] as number;
  }

  offsetAt(entry: number): number {
    assert(entry >= 0 && entry < this.#count, 'no such time index entry');
    return this.baseOffset + (this.#offsets[entry] as number);
  }

  /** Removes every entry whose offset is >= `offset`. */
  truncateTo(offset: number): void {
    this.#count = countBelow(this.#offsets, this.#count, offset - this.baseOffset);
  }

  /** Gives back memory beyond the entries: for a sealed segment. */
  trim(): void {
    if (this.#offsets.length > this.#count) this.#resize(this.#count);
  }

  /** The content of the `.timeindex` file, from entry `from` on. */
  encode(from = 0): Buffer {
    const bytes = Buffer.allocUnsafe(Math.max(0, this.#count - from) * TIME_INDEX_ENTRY_BYTES);
    const view = viewOf(bytes);
    for (let entry = from, at = 0; entry < this.#count; entry++, at += TIME_INDEX_ENTRY_BYTES) {
      writeInt64(view, at, this.#timestamps[entry] as number);
      view.setInt32(at + 8, this.#offsets[entry] as number);
    }
    return bytes;
  }

  /**
   * Reads a `.timeindex` file. Zero entries at the tail (an index that was never trimmed) are cut; a
   * file of one zero entry is kept as the entry (timestamp 0, base offset), which is a possible one.
   * Fails with CORRUPT_INDEX, `details.entry` naming the entry, unless timestamps are >= 0 and ascend
   * strictly and offsets do not descend or leave the segment.
   */
  static decode(bytes: Uint8Array, file: TimeIndexFile): TimeIndex {
    const { baseOffset } = file;
    const view = viewOf(bytes);
    const entries = entryCount('time index', bytes, TIME_INDEX_ENTRY_BYTES);
    const count = entries <= 1 ? entries : withoutZeroTail(view, entries, TIME_INDEX_ENTRY_BYTES);

    // The place for the final entry stays: a segment of another limit rolls as any other.
    const index = new TimeIndex(baseOffset, Math.max(count + 1, file.maxEntries));
    index.#resize(count);
    const endRelative = (file.endOffset ?? Number.POSITIVE_INFINITY) - baseOffset;
    let lastTimestamp = -1;
    let lastRelative = 0;
    for (let entry = 0; entry < count; entry++) {
      const at = entry * TIME_INDEX_ENTRY_BYTES;
      const timestamp = readInt64(view, at);
      const relative = view.getInt32(at + 8);
      let problem: string | null = null;
      if (!Number.isSafeInteger(timestamp)) {
        problem = `timestamp ${timestamp} is beyond a safe integer`;
      } else if (timestamp <= lastTimestamp) {
        problem = `timestamp ${timestamp} is not above ${lastTimestamp} before it`;
      } else if (relative < lastRelative) {
        problem = `relative offset ${relative} is below ${lastRelative} before it`;
      } else if (relative >= endRelative) {
        problem = `relative offset ${relative} is not below the segment's end ${endRelative}`;
      }
      if (problem !== null) {
        const values = { baseOffset, timestamp, relativeOffset: relative };
        throw corruptIndex('time index', entry, problem, values);
      }
      index.#timestamps[entry] = timestamp;
      index.#offsets[entry] = relative;
      lastTimestamp = timestamp;
      lastRelative = relative;
    }
    index.#count = count;
    return index;
  }

  #resize(capacity: number): void {
    this.#timestamps = resizedDoubles(this.#timestamps, this.#count, capacity);
    this.#offsets = resizedInts(this.#offsets, this.#count, capacity);
  }
}
