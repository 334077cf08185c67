import { VarveError } from '../errors.js';
import { MAX_OFFSET } from '../types.js';
import { readInt64, writeInt64 } from './int64.js';

/*
 * Entries of a segment's index files, all big-endian. None has a checksum: after a crash indexes are
 * rebuilt from the log, never trusted.
 *
 *   .index     | relative offset int32 | position int32 |                                   8 bytes
 *   .timeindex | timestamp int64 | relative offset int32 |                                 12 bytes
 *   .txnindex  | version int16 = 0 | producer id int64 | first offset int64 |
 *              | last offset int64 | last stable offset int64 |                            34 bytes
 *
 * A relative offset is the offset minus the segment's base offset. Example: offset 105 at position
 * 4096 of segment 100 is 00000005 00001000.
 */
export const OFFSET_INDEX_ENTRY_BYTES = 8;
export const TIME_INDEX_ENTRY_BYTES = 12;
export const TRANSACTION_INDEX_ENTRY_BYTES = 34;

const TRANSACTION_INDEX_VERSION = 0;
const MAX_INT32 = 0x7fffffff;

export interface OffsetIndexEntry {
  readonly relativeOffset: number;
  /** Bytes from the start of the `.log` file. */
  readonly position: number;
}

export interface TimeIndexEntry {
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly relativeOffset: number;
}

/** An aborted transaction, as read-committed consumers need it. */
export interface TransactionIndexEntry {
  readonly producerId: number;
  /** Offset of the transaction's first record. */
  readonly firstOffset: number;
  /** Offset of its ABORT marker. */
  readonly lastOffset: number;
  readonly lastStableOffset: number;
}

/** Bytes of whole entries in a file of `fileBytes`. */
export function wholeEntryBytes(fileBytes: number, entryBytes: number): number {
  return fileBytes - (fileBytes % entryBytes);
}

export function writeOffsetIndexEntry(view: DataView, at: number, entry: OffsetIndexEntry): void {
  view.setInt32(at, entry.relativeOffset);
  view.setInt32(at + 4, entry.position);
}

/** The field alone and unchecked, for a binary search. */
export function offsetIndexRelativeOffset(view: DataView, at: number): number {
  return view.getInt32(at);
}

/** The field alone and unchecked. */
export function offsetIndexPosition(view: DataView, at: number): number {
  return view.getInt32(at + 4);
}

/** @throws VarveError CORRUPT_INDEX for a negative offset or position, or an entry cut short. */
export function readOffsetIndexEntry(view: DataView, at: number): OffsetIndexEntry {
  requireEntry(view, at, OFFSET_INDEX_ENTRY_BYTES);
  const relativeOffset = view.getInt32(at);
  const position = view.getInt32(at + 4);
  if (relativeOffset < 0) throw corrupt(at, 'relative offset', relativeOffset);
  if (position < 0) throw corrupt(at, 'position', position);
  return { relativeOffset, position };
}

export function writeTimeIndexEntry(view: DataView, at: number, entry: TimeIndexEntry): void {
  writeInt64(view, at, entry.timestamp);
  view.setInt32(at + 8, entry.relativeOffset);
}

/** The field alone and unchecked, for a binary search. */
export function timeIndexTimestamp(view: DataView, at: number): number {
  return readInt64(view, at);
}

/** The field alone and unchecked. */
export function timeIndexRelativeOffset(view: DataView, at: number): number {
  return view.getInt32(at + 8);
}

/**
 * @throws VarveError CORRUPT_INDEX for a negative offset, a timestamp below -1 or beyond the safe
 * integers, or an entry cut short.
 */
export function readTimeIndexEntry(view: DataView, at: number): TimeIndexEntry {
  requireEntry(view, at, TIME_INDEX_ENTRY_BYTES);
  const timestamp = readInt64(view, at);
  const relativeOffset = view.getInt32(at + 8);
  if (timestamp < -1 || timestamp > MAX_OFFSET) throw corrupt(at, 'timestamp', timestamp);
  if (relativeOffset < 0) throw corrupt(at, 'relative offset', relativeOffset);
  return { timestamp, relativeOffset };
}

export function writeTransactionIndexEntry(
  view: DataView,
  at: number,
  entry: TransactionIndexEntry,
): void {
  view.setInt16(at, TRANSACTION_INDEX_VERSION);
  writeInt64(view, at + 2, entry.producerId);
  writeInt64(view, at + 10, entry.firstOffset);
  writeInt64(view, at + 18, entry.lastOffset);
  writeInt64(view, at + 26, entry.lastStableOffset);
}

/**
 * @throws VarveError CORRUPT_INDEX for another version, a number that is negative or not a safe
 * integer, a last offset below the first, or an entry cut short.
 */
export function readTransactionIndexEntry(view: DataView, at: number): TransactionIndexEntry {
  requireEntry(view, at, TRANSACTION_INDEX_ENTRY_BYTES);
  const version = view.getInt16(at);
  if (version !== TRANSACTION_INDEX_VERSION) throw corrupt(at, 'version', version);
  const firstOffset = wholeNumber(view, at, 10, 'first offset');
  const lastOffset = wholeNumber(view, at, 18, 'last offset');
  if (lastOffset < firstOffset) {
    throw corrupt(at, `last offset below first offset ${firstOffset}:`, lastOffset);
  }
  return {
    producerId: wholeNumber(view, at, 2, 'producer id'),
    firstOffset,
    lastOffset,
    lastStableOffset: wholeNumber(view, at, 26, 'last stable offset'),
  };
}

/** True where `offset` can be written relative to `baseOffset`: the span of one segment. */
export function fitsRelativeOffset(offset: number, baseOffset: number): boolean {
  return offset >= baseOffset && offset - baseOffset <= MAX_INT32;
}

function wholeNumber(view: DataView, at: number, field: number, name: string): number {
  const value = readInt64(view, at + field);
  if (value < 0 || value > MAX_OFFSET) throw corrupt(at, name, value);
  return value;
}

function requireEntry(view: DataView, at: number, entryBytes: number): void {
  if (at < 0 || at + entryBytes > view.byteLength) {
    throw new VarveError(
      'CORRUPT_INDEX',
      `index entry at byte ${at} needs ${entryBytes} bytes, the index has ${view.byteLength}`,
      { details: { at, entryBytes, indexBytes: view.byteLength } },
    );
  }
}

function corrupt(at: number, field: string, value: number): VarveError {
  return new VarveError('CORRUPT_INDEX', `index entry at byte ${at}: ${field} ${value}`, {
    details: { at, field, value },
  });
}
