import { assert } from '../assert.js';
import { corruptIndex, entryCount, viewOf } from './corrupt-index.js';
import {
  countBelow,
  grownCapacity,
  NO_INTS,
  resizedInts,
  withoutZeroTail,
} from './index-columns.js';

/** One entry of an `.index` file: int32 relative offset, int32 file position, big-endian. */
export const OFFSET_INDEX_ENTRY_BYTES = 8;

/**
 * Entries at the tail that are searched first. Readers mostly follow the head of the log, so their
 * searches stay in the same few pages (8192 bytes of entries, as Kafka's `AbstractIndex`).
 */
const WARM_ENTRIES = 8192 / OFFSET_INDEX_ENTRY_BYTES;
const MAX_INT32 = 0x7fffffff;

export interface OffsetIndexFile {
  readonly baseOffset: number;
  /** Size of the segment's data in bytes: every position must be below it. */
  readonly logSize: number;
  /** See {@link OffsetIndex.maxEntries}; a file that holds more makes an index that is just full. */
  readonly maxEntries: number;
  /** First offset that the segment cannot hold. Default: as far as a relative offset reaches. */
  readonly endOffset?: number;
}

/**
 * The sparse offset index of one segment, in memory: some batches' last offset -> file position of
 * that batch. Entries ascend in both. Kafka's `OffsetIndex`.
 */
export class OffsetIndex {
  readonly baseOffset: number;
  /** Entries that fit in `segment.index.bytes`; at that count the segment must roll. */
  readonly maxEntries: number;
  #count = 0;
  #offsets = NO_INTS;
  #positions = NO_INTS;

  constructor(baseOffset: number, maxEntries: number) {
    this.baseOffset = baseOffset;
    this.maxEntries = maxEntries;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count >= this.maxEntries;
  }

  /** Offset of the last entry; the base offset when there is none. */
  get lastOffset(): number {
    return this.#count === 0 ? this.baseOffset : this.offsetAt(this.#count - 1);
  }

  /** File position of the last entry in bytes; 0 when there is none. */
  get lastPosition(): number {
    return this.#count === 0 ? 0 : this.positionAt(this.#count - 1);
  }

  /** Bytes of memory held by the entries. */
  get memoryBytes(): number {
    return this.#offsets.byteLength + this.#positions.byteLength;
  }

  /**
   * Adds an entry: the batch that starts at `position` (bytes) ends with `offset`. Both must be above
   * the last entry's, the index must not be full and `offset` must be within 2^31-1 of the base: the
   * caller rolls first.
   */
  append(offset: number, position: number): void {
    const count = this.#count;
    const relative = offset - this.baseOffset;
    assert(!this.isFull, 'append to a full offset index');
    assert(relative >= 0 && relative <= MAX_INT32, 'indexed offset out of the segment');
    assert(position >= 0 && position <= MAX_INT32, 'indexed position out of the segment');
    assert(
      count === 0 ||
        (relative > (this.#offsets[count - 1] as number) &&
          position > (this.#positions[count - 1] as number)),
      'offset index entries must ascend',
    );
    if (count === this.#offsets.length) this.#resize(grownCapacity(count, this.maxEntries));
    this.#offsets[count] = relative;
    this.#positions[count] = position;
    this.#count = count + 1;
  }

  /** Number of the greatest entry whose offset is <= `target`, or -1: start at position 0 then. */
  lookup(target: number): number {
    const count = this.#count;
    const distance = target - this.baseOffset;
    if (count === 0 || !(distance >= 0)) return -1;
    const relative = Math.min(distance, MAX_INT32);
    const offsets = this.#offsets;
    let low = count > WARM_ENTRIES ? count - 1 - WARM_ENTRIES : 0;
    let high = count - 1;
    if (relative < (offsets[low] as number)) {
      if (relative < (offsets[0] as number)) return -1;
      high = low - 1;
      low = 0;
    }
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((offsets[middle] as number) <= relative) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Number of the greatest entry whose position is <= `position` (bytes), or -1. */
  lookupPosition(position: number): number {
    return countBelow(this.#positions, this.#count, position + 1) - 1;
  }

  /** File position from which a scan for `target` may start: the found entry's, or 0. In bytes. */
  positionFor(target: number): number {
    const entry = this.lookup(target);
    return entry < 0 ? 0 : (this.#positions[entry] as number);
  }

  offsetAt(entry: number): number {
    assert(entry >= 0 && entry < this.#count, 'no such offset index entry');
    return this.baseOffset + (this.#offsets[entry] as number);
  }

  positionAt(entry: number): number {
    assert(entry >= 0 && entry < this.#count, 'no such offset index entry');
    return this.#positions[entry] as number;
  }

  /** Removes every entry whose offset is >= `offset`. */
  truncateTo(offset: number): void {
    this.#count = this.lookup(offset - 1) + 1;
  }

  /** Removes every entry whose position is >= `position` (bytes). */
  truncateToPosition(position: number): void {
    this.#count = countBelow(this.#positions, this.#count, position);
  }

  /** Gives back memory beyond the entries: for a sealed segment. */
  trim(): void {
    if (this.#offsets.length > this.#count) this.#resize(this.#count);
  }

  /** The content of the `.index` file, from entry `from` on. */
  encode(from = 0): Buffer {
    const bytes = Buffer.allocUnsafe(Math.max(0, this.#count - from) * OFFSET_INDEX_ENTRY_BYTES);
    for (let entry = from, at = 0; entry < this.#count; entry++, at += OFFSET_INDEX_ENTRY_BYTES) {
      bytes.writeInt32BE(this.#offsets[entry] as number, at);
      bytes.writeInt32BE(this.#positions[entry] as number, at + 4);
    }
    return bytes;
  }

  /**
   * Reads an `.index` file. Zero entries at the tail (an index that was never trimmed) are cut: none
   * of them can be real, because a segment's first position is never indexed.
   * Fails with CORRUPT_INDEX, `details.entry` naming the entry, unless the rest ascends strictly in
   * offset and position and stays inside the segment: below `endOffset`, and below `logSize` bytes.
   */
  static decode(bytes: Uint8Array, file: OffsetIndexFile): OffsetIndex {
    const { baseOffset, logSize } = file;
    const view = viewOf(bytes);
    const entries = entryCount('offset index', bytes, OFFSET_INDEX_ENTRY_BYTES);
    const count = withoutZeroTail(view, entries, OFFSET_INDEX_ENTRY_BYTES);

    const index = new OffsetIndex(baseOffset, Math.max(count, file.maxEntries));
    index.#resize(count);
    const endRelative = (file.endOffset ?? Number.POSITIVE_INFINITY) - baseOffset;
    let lastRelative = -1;
    let lastPosition = -1;
    for (let entry = 0; entry < count; entry++) {
      const relative = view.getInt32(entry * OFFSET_INDEX_ENTRY_BYTES);
      const position = view.getInt32(entry * OFFSET_INDEX_ENTRY_BYTES + 4);
      let problem: string | null = null;
      if (relative <= lastRelative) {
        problem = `relative offset ${relative} is not above ${lastRelative} before it`;
      } else if (relative >= endRelative) {
        problem = `relative offset ${relative} is not below the segment's end ${endRelative}`;
      } else if (position <= lastPosition) {
        problem = `position ${position} is not above ${lastPosition} before it`;
      } else if (position >= logSize) {
        problem = `position ${position} is not below the log's ${logSize} bytes`;
      }
      if (problem !== null) {
        const values = { baseOffset, relativeOffset: relative, position, logSize };
        throw corruptIndex('offset index', entry, problem, values);
      }
      index.#offsets[entry] = relative;
      index.#positions[entry] = position;
      lastRelative = relative;
      lastPosition = position;
    }
    index.#count = count;
    return index;
  }

  #resize(capacity: number): void {
    this.#offsets = resizedInts(this.#offsets, this.#count, capacity);
    this.#positions = resizedInts(this.#positions, this.#count, capacity);
  }
}
