import {
  BatchProblem,
  type CheckOptions,
  checkBatch,
  describeProblem,
} from '../format/batch-check.js';
import {
  baseOffset,
  lastOffset,
  maxTimestamp,
  partitionLeaderEpoch,
  sizeInBytes,
} from '../format/batch-header.js';
import { LOG_OVERHEAD } from '../format/layout.js';
import type { LeaderEpochCache } from './leader-epoch-cache.js';
import type { Segment } from './segment.js';

/** What recovering one segment found. */
export interface SegmentRecovery {
  readonly path: string;
  /** Bytes of whole, valid batches; the segment ends here now. */
  readonly validBytes: number;
  /** Bytes behind them that were not zeros and are cut. */
  readonly cutBytes: number;
  /** Why scanning stopped before the end of the file; null when all of it was good or only reserved space followed. */
  readonly problem: string | null;
  readonly nextOffset: number;
}

/** Largest batch recovery believes in; a length field beyond it is damage, not a batch. */
const MAX_RECOVERED_BATCH_BYTES = 1024 * 1024 * 1024;
/** Bytes scanned between two turns of the event loop: a few milliseconds. */
const SLICE_BYTES = 8 * 1024 * 1024;

/**
 * Scans one segment's log file from its start: every batch's structure, CRC and offsets are checked, both
 * indexes and the epoch cache are rebuilt, and scanning stops at the first bad batch.
 * Memory is constant but for the index. Kafka: LogSegment.recover.
 *
 * `fileBytes` is the length of the file; `segment.size` on return is what is valid. `offsetLimit` is the
 * next segment's base offset: what reaches it belongs to an append that moved on to that segment.
 */
export async function recoverSegment(
  segment: Segment,
  fileBytes: number,
  options: {
    readonly offsetLimit: number;
    readonly epochs: LeaderEpochCache;
    readonly onProgress?: (scannedBytes: number) => void;
  },
): Promise<SegmentRecovery> {
  const { file } = segment;
  let nextOffset = segment.baseOffset;
  let problem: string | null = null;
  let position = 0;
  let sliceEnd = SLICE_BYTES;
  const check: CheckOptions = { crc: true, maxBytes: MAX_RECOVERED_BATCH_BYTES };
  segment.resetForRecovery();
  file.willRead(0, fileBytes);
  while (position < fileBytes) {
    if (position >= sliceEnd) {
      sliceEnd = position + SLICE_BYTES;
      options.onProgress?.(position);
      await nextTurn();
    }
    const available = fileBytes - position;
    if (available < LOG_OVERHEAD) {
      problem = `${available} bytes are left, too few for a batch`;
      break;
    }
    const header = file.window(position, LOG_OVERHEAD);
    const size = sizeInBytes(header.view, position - header.start);
    const inside = size > LOG_OVERHEAD && size <= available && size <= check.maxBytes;
    const window = file.window(position, inside ? size : LOG_OVERHEAD);
    const at = position - window.start;
    const end = Math.min(window.end, fileBytes) - window.start;
    const found = checkBatch(window.buffer, window.view, at, end, check);
    if (found !== BatchProblem.BATCH_OK) {
      problem = describeProblem(found, window.buffer, window.view, at, end, check);
      break;
    }
    const first = baseOffset(window.view, at);
    const last = lastOffset(window.view, at);
    if (
      first < nextOffset ||
      last >= options.offsetLimit ||
      last - segment.baseOffset > 0x7fff_ffff
    ) {
      problem = `offsets ${first}..${last} do not follow ${nextOffset} (segment ${segment.baseOffset}, next segment at ${options.offsetLimit})`;
      break;
    }
    const epoch = partitionLeaderEpoch(window.view, at);
    if (epoch >= 0 && epoch > options.epochs.latestEpoch) options.epochs.assign(epoch, first);
    segment.accept(size, last, maxTimestamp(window.view, at));
    nextOffset = last + 1;
    position += size;
  }
  options.onProgress?.(fileBytes);
  const cutBytes = problem === null ? 0 : await bytesBeforeZeros(segment, position, fileBytes);
  return {
    path: segment.path,
    validBytes: position,
    cutBytes,
    problem: cutBytes === 0 ? null : problem,
    nextOffset,
  };
}

/** Bytes from `from` to the last one that is not zero: reserved space behind the data is not damage. */
async function bytesBeforeZeros(segment: Segment, from: number, to: number): Promise<number> {
  const step = 1024 * 1024;
  let last = from;
  for (let position = from; position < to; position += step) {
    const length = Math.min(step, to - position);
    const window = segment.file.window(position, length);
    const bytes = window.buffer.subarray(position - window.start, position - window.start + length);
    for (let i = length - 1; i >= 0; i -= 1) {
      if (bytes[i] !== 0) {
        last = position + i + 1;
        break;
      }
    }
    await nextTurn();
  }
  return last - from;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
