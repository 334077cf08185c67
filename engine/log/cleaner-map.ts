import { VarveError } from '../errors.js';
import {
  BatchProblem,
  type CheckOptions,
  checkBatch,
  describeProblem,
} from '../format/batch-check.js';
import { isControl, lastOffset, recordsCount, sizeInBytes } from '../format/batch-header.js';
import { RecordCursor } from '../format/batch-reader.js';
import { LOG_OVERHEAD, MAX_BATCH_BYTES } from '../format/layout.js';
import type { Slices } from './cleaner-slices.js';
import type { CleanedTransactions } from './cleaner-transactions.js';
import type { OffsetMap } from './key-map.js';
import { OffsetSet } from './offset-set.js';
import type { Segment } from './segment.js';

/** Records between two looks at the clock within one batch. */
const RECORDS_PER_LOOK = 512;
const SLOTS_PER_LOOK = 8192;
/** A batch with more than this is kept by a view while other work gets its turn in the middle of it. */
const LARGE_BATCH_RECORDS = 2048;

/**
 * What the dirty part of a log says about its keys: the latest offset of each, and for the dirty part itself
 * which offsets are a latest one, so that it is rewritten without looking any key up again.
 */
export class DirtyKeys {
  readonly firstOffset: number;
  readonly map: OffsetMap;
  /** Offsets below it have been seen; less than asked for when the map was full. */
  endOffset: number;
  isMapFull = false;
  /** Offsets in [firstOffset, endOffset) that are the latest of their key. */
  readonly latest: OffsetSet;
  /** Those among them that are tombstones. */
  readonly tombstones: OffsetSet;
  /** Records without a key, which a compacted log has no place for. */
  keylessRecords = 0;
  readonly #cursor = new RecordCursor();

  constructor(firstOffset: number, map: OffsetMap) {
    this.firstOffset = firstOffset;
    this.map = map;
    this.endOffset = firstOffset;
    this.latest = new OffsetSet(firstOffset);
    this.tombstones = new OffsetSet(firstOffset);
  }

  /** True: `latest` and `tombstones` know every record of [first, last]. */
  covers(first: number, last: number): boolean {
    return first >= this.firstOffset && last < this.endOffset;
  }

  /**
   * Reads `segments`, which hold [firstOffset, endOffset), in order. Every batch is checked, its CRC too:
   * what is damaged must not be rewritten under a fresh checksum. Stops where the map is full.
   * Kafka: Cleaner.buildOffsetMap.
   */
  async build(
    segments: readonly Segment[],
    endOffset: number,
    transactions: CleanedTransactions,
    slices: Slices,
  ): Promise<void> {
    for (let i = 0; i < segments.length && !this.isMapFull; i += 1) {
      await slices.pause();
      await this.#addSegment(segments[i]!, transactions, slices);
      // A gap at a segment's end, left by an earlier round, has been seen too.
      if (!this.isMapFull) this.endOffset = segments[i + 1]?.baseOffset ?? endOffset;
    }
    if (!this.isMapFull || this.map.size > 0) return;
    throw new VarveError(
      'INVALID_ARGUMENT',
      `a key map of ${this.map.maxBytes} bytes has no room for the first key after offset ${this.firstOffset}; give mapBytes more`,
      { details: { mapBytes: this.map.maxBytes, offset: this.firstOffset } },
    );
  }

  async #addSegment(
    segment: Segment,
    transactions: CleanedTransactions,
    slices: Slices,
  ): Promise<void> {
    const { file, size } = segment;
    let position = segment.positionOf(this.firstOffset);
    if (position < 0) return;
    file.willRead(position, size - position);
    while (position < size && !this.isMapFull) {
      if (slices.isOver) await slices.pause();
      if (this.map.needsGrowth) await this.#growMap(slices);
      const bytes = batchSizeAt(segment, position);
      const { buffer, view, start } = file.window(position, bytes);
      const at = position - start;
      requireIntact(segment, position, bytes, { buffer, view, at });
      const last = lastOffset(view, at);
      if (isControl(view, at)) transactions.onMarker(buffer, view, at);
      else if (!transactions.onBatch(view, at)) {
        if (recordsCount(view, at) > LARGE_BATCH_RECORDS) {
          await this.#addLargeBatch(file.bytes(position, bytes), slices);
        } else {
          this.#cursor.reset(buffer, view, at);
          this.#addRecords(Number.POSITIVE_INFINITY);
        }
      }
      if (!this.isMapFull && last >= this.endOffset) this.endOffset = last + 1;
      position += bytes;
    }
    this.#cursor.release();
  }

  async #addLargeBatch(batch: Buffer, slices: Slices): Promise<void> {
    const view = new DataView(batch.buffer, batch.byteOffset, batch.length);
    this.#cursor.reset(batch, view, 0);
    while (this.#addRecords(RECORDS_PER_LOOK)) {
      if (slices.isOver) await slices.pause();
      if (this.map.needsGrowth) await this.#growMap(slices);
    }
  }

  async #growMap(slices: Slices): Promise<void> {
    while (!this.map.grow(SLOTS_PER_LOOK)) if (slices.isOver) await slices.pause();
  }

  /** Adds up to `count` records of the cursor's batch; false when there are no more, or no room for them. */
  #addRecords(count: number): boolean {
    const { map, latest, tombstones, firstOffset } = this;
    const cursor = this.#cursor;
    for (let i = 0; i < count; i += 1) {
      if (!cursor.next()) return false;
      const { offset, keyStart } = cursor;
      if (offset < firstOffset) continue;
      if (keyStart < 0) {
        this.keylessRecords += 1;
        continue;
      }
      if (!map.put(cursor.buffer, keyStart, cursor.keyEnd, offset)) {
        this.isMapFull = true;
        this.endOffset = offset;
        return false;
      }
      const previous = map.previousOffset;
      if (previous >= 0) {
        latest.delete(previous);
        tombstones.delete(previous);
      }
      latest.add(offset);
      if (cursor.valueStart < 0) tombstones.add(offset);
    }
    return true;
  }
}

const CHECK_ALL = { crc: true, maxBytes: MAX_BATCH_BYTES };
const CHECK_STRUCTURE = { crc: false, maxBytes: MAX_BATCH_BYTES };

/** Size of the batch at `position` once it is known to be whole. Throws CORRUPT_MESSAGE. */
export function batchSizeAt(segment: Segment, position: number): number {
  const { file, size } = segment;
  const left = size - position;
  const header = file.window(position, Math.min(LOG_OVERHEAD, left));
  const claimed = left < LOG_OVERHEAD ? 0 : sizeInBytes(header.view, position - header.start);
  const inside = claimed > LOG_OVERHEAD && claimed <= left;
  const { buffer, view, start } = file.window(position, inside ? claimed : left && 1);
  const at = position - start;
  requireGood(segment, position, { buffer, view, at, end: at + left }, CHECK_STRUCTURE);
  return claimed;
}

/** Throws CORRUPT_MESSAGE unless the whole batch at byte `at`, of `bytes` bytes, has the checksum it claims. */
export function requireIntact(
  segment: Segment,
  position: number,
  bytes: number,
  batch: { readonly buffer: Buffer; readonly view: DataView; readonly at: number },
): void {
  requireGood(segment, position, { ...batch, end: batch.at + bytes }, CHECK_ALL);
}

function requireGood(
  segment: Segment,
  position: number,
  batch: {
    readonly buffer: Buffer;
    readonly view: DataView;
    readonly at: number;
    readonly end: number;
  },
  check: CheckOptions,
): void {
  const { buffer, view, at } = batch;
  const end = Math.min(batch.end, buffer.length);
  const problem = checkBatch(buffer, view, at, end, check);
  if (problem === BatchProblem.BATCH_OK) return;
  const reason = describeProblem(problem, buffer, view, at, end, check);
  throw new VarveError(
    'CORRUPT_MESSAGE',
    `${segment.path} at position ${position} is not compacted: ${reason}; run \`varve log verify\` on the directory`,
    { details: { path: segment.path, position, problem } },
  );
}
