import { VarveError } from '../errors.js';
import { BatchProblem, checkBatch, describeProblem } from '../format/batch-check.js';
import { isControl, lastOffset, maxTimestamp, sizeInBytes } from '../format/batch-header.js';
import { RecordCursor } from '../format/batch-reader.js';
import { BATCH_OVERHEAD } from '../format/layout.js';
import type { LogRecord } from '../types.js';
import { type LogState, outOfRange, readableEnd, requireOffset } from './log-state.js';
import type { Segment } from './segment.js';

/** What a read may see. Kafka: FetchIsolation. */
export type ReadIsolation = 'log_end' | 'high_watermark' | 'last_stable_offset';

export interface ReadOptions {
  /** Bytes to return at most, but always one whole batch. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Default `high_watermark`, which is the log end for a log that stands alone. */
  readonly isolation?: ReadIsolation;
}

export interface LogRead {
  /** Whole batches, a view; empty when there is nothing to read yet. The first one may begin below the offset asked for. */
  readonly bytes: Buffer;
  /** Offset to read next: the one after the last batch in `bytes`, or the one asked for. */
  readonly nextOffset: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly highWatermark: number;
}

const DEFAULT_MAX_BYTES = 1024 * 1024;
const EMPTY = Buffer.alloc(0);

function endFor(state: LogState, isolation: ReadIsolation): number {
  if (isolation === 'log_end') return state.nextOffset;
  const end = readableEnd(state);
  if (isolation === 'high_watermark') return end;
  return Math.min(end, state.producers.firstUnstableOffset ?? end);
}

/**
 * Reads whole batches from the one that holds `offset` on. Kafka: LocalLog.read; the whole batch is returned
 * and the client filters. Fails with OFFSET_OUT_OF_RANGE below the log start or above the log end.
 */
export function readBatches(state: LogState, offset: number, options: ReadOptions = {}): LogRead {
  requireOffset(offset);
  if (offset < state.logStartOffset || offset > state.nextOffset) throw outOfRange(state, offset);
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  const end = endFor(state, options.isolation ?? 'high_watermark');
  const { segments } = state;
  let nextOffset = offset;
  for (let i = segments.floorIndex(offset); offset < end && i >= 0 && i < segments.count; i += 1) {
    const segment = segments.at(i);
    const from = segment.positionOf(offset);
    if (from < 0) {
      // A gap reaches to the segment's end: there is nothing to come back for.
      nextOffset = Math.min(end, segments.endOffset(i, state.nextOffset));
      continue;
    }
    const limit =
      end < segments.endOffset(i, state.nextOffset) ? readLimit(segment, end) : segment.size;
    if (limit <= from) break;
    const firstBytes = segment.batchBytesAt(from);
    const to = segment.boundaryAtOrBelow(
      Math.min(limit, from + Math.max(maxBytes, firstBytes)),
      from,
    );
    const bytes = segment.file.bytes(from, to - from);
    return result(
      state,
      bytes,
      to < segment.size ? offset : segments.endOffset(i, state.nextOffset),
    );
  }
  return result(state, EMPTY, nextOffset);
}

/** Position up to which batches lie wholly below offset `end`. */
function readLimit(segment: Segment, end: number): number {
  const position = segment.positionOf(end);
  return position < 0 ? segment.size : position;
}

function result(state: LogState, found: Buffer, fallback: number): LogRead {
  let bytes = found;
  let nextOffset = fallback;
  if (found.length > 0) {
    const view = new DataView(found.buffer, found.byteOffset, found.length);
    let end = 0;
    let at = 0;
    while (at + BATCH_OVERHEAD <= found.length) {
      const size = sizeInBytes(view, at);
      if (size < BATCH_OVERHEAD || at + size > found.length) break;
      end = Math.max(end, lastOffset(view, at) + 1);
      at += size;
    }
    if (at === found.length) nextOffset = Math.max(fallback, end);
    else {
      // The index led past a batch whose length cannot be. The next read begins there, and tells.
      bytes = found.subarray(0, at);
      nextOffset = end;
    }
  }
  return {
    bytes,
    nextOffset,
    logStartOffset: state.logStartOffset,
    logEndOffset: state.nextOffset,
    highWatermark: readableEnd(state),
  };
}

/** Let go after each use: what it looks at would stay mapped, and a deleted segment's blocks with it. */
const cursor = new RecordCursor();

/**
 * The record at `offset`, or the next one there is (compaction leaves gaps), or null at the end.
 * Its bytes are views. CRCs are checked only with `checkCrcs`: a point read costs less than its batch's CRC.
 */
export function readRecord(
  state: LogState,
  offset: number,
  options: { readonly checkCrcs?: boolean } = {},
): LogRecord | null {
  requireOffset(offset);
  if (offset < state.logStartOffset || offset > state.nextOffset) throw outOfRange(state, offset);
  const end = readableEnd(state);
  const { segments } = state;
  for (let i = segments.floorIndex(offset); offset < end && i >= 0 && i < segments.count; i += 1) {
    const segment = segments.at(i);
    let position = segment.positionOf(offset);
    while (position >= 0 && position < segment.size) {
      const bytes = segment.batchBytesAt(position);
      const batch = segment.file.bytes(position, bytes);
      const view = new DataView(batch.buffer, batch.byteOffset, bytes);
      if (!isControl(view, 0)) {
        if (options.checkCrcs) requireIntact(segment, batch, view, position);
        try {
          cursor.reset(batch, view, 0);
          if (cursor.seek(offset)) return cursor.offset < end ? cursor.record() : null;
        } finally {
          cursor.release();
        }
      }
      position += bytes;
    }
  }
  return null;
}

function requireIntact(segment: Segment, batch: Buffer, view: DataView, position: number): void {
  const options = { crc: true, maxBytes: batch.length };
  const problem = checkBatch(batch, view, 0, batch.length, options);
  if (problem === BatchProblem.BATCH_OK) return;
  throw new VarveError(
    'CORRUPT_MESSAGE',
    `${segment.path} at position ${position}: ${describeProblem(problem, batch, view, 0, batch.length, options)}`,
    { details: { path: segment.path, position, problem } },
  );
}

export interface TimestampAndOffset {
  readonly timestampMs: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

/**
 * The first record with a timestamp at or above `timestampMs`, or null. Kafka:
 * UnifiedLog.fetchOffsetByTimestamp, LogSegment.findOffsetByTimestamp.
 */
export function findByTimestamp(state: LogState, timestampMs: number): TimestampAndOffset | null {
  if (!Number.isSafeInteger(timestampMs)) {
    throw new VarveError('INVALID_ARGUMENT', `timestamp ${timestampMs} is not whole milliseconds`, {
      details: { timestampMs },
    });
  }
  const end = readableEnd(state);
  const { segments } = state;
  for (let i = 0; i < segments.count; i += 1) {
    const segment = segments.at(i);
    if (segments.endOffset(i, state.nextOffset) <= state.logStartOffset) continue;
    if (segment.size === 0 || segment.largestTimestampMs < timestampMs) continue;
    const found = findInSegment(state, segment, timestampMs);
    if (found !== null) return found.offset < end ? found : null;
  }
  return null;
}

function findInSegment(
  state: LogState,
  segment: Segment,
  timestampMs: number,
): TimestampAndOffset | null {
  const times = segment.timeIndex;
  const entry = times.lookup(timestampMs);
  const startOffset = Math.max(
    entry < 0 ? segment.baseOffset : times.offsetAt(entry),
    state.logStartOffset,
  );
  let position = segment.positionOf(startOffset);
  while (position >= 0 && position < segment.size) {
    const bytes = segment.batchBytesAt(position);
    const header = segment.file.window(position, BATCH_OVERHEAD);
    if (maxTimestamp(header.view, position - header.start) >= timestampMs) {
      const window = segment.file.window(position, bytes);
      try {
        cursor.reset(window.buffer, window.view, position - window.start);
        while (cursor.next()) {
          if (cursor.timestamp < timestampMs || cursor.offset < state.logStartOffset) continue;
          return {
            timestampMs: cursor.timestamp,
            offset: cursor.offset,
            leaderEpoch: state.epochs.epochFor(cursor.offset) ?? -1,
          };
        }
      } finally {
        cursor.release();
      }
    }
    position += bytes;
  }
  return null;
}
