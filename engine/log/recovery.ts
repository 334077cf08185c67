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
import type { Window } from '../io/port.js';
import type { LeaderEpochCache } from './leader-epoch-cache.js';
import type { ProducerReload } from './producer-reload.js';
import type { Segment } from './segment.js';

const NO_WINDOW: Window = {
  buffer: Buffer.alloc(0),
  view: new DataView(new ArrayBuffer(0)),
  start: 0,
  end: 0,
};

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
/** A window is asked for again after so many bytes, so that the file can see how far the scan has come. */
const LOOK_BYTES = 2 * 1024 * 1024;

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
    /** Told of every batch that is kept. */
    readonly producers: ProducerReload;
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
  let window = NO_WINDOW;
  let windowEnd = 0;
  while (position < fileBytes) {
    if (position >= sliceEnd) {
      sliceEnd = position + SLICE_BYTES;
      options.onProgress?.(position);
      await nextTurn();
      windowEnd = 0;
    }
    const available = fileBytes - position;
    if (available < LOG_OVERHEAD) {
      problem = `${available} bytes are left, too few for a batch`;
      break;
    }
    if (position + LOG_OVERHEAD > windowEnd) {
      window = file.window(position, LOG_OVERHEAD);
      windowEnd = Math.min(window.end, position + LOOK_BYTES);
    }
    const size = sizeInBytes(window.view, position - window.start);
    const inside = size > LOG_OVERHEAD && size <= available && size <= check.maxBytes;
    if (inside && position + size > windowEnd) {
      window = file.window(position, size);
      windowEnd = Math.min(window.end, position + Math.max(size, LOOK_BYTES));
    }
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
    options.producers.visit(window.buffer, window.view, at);
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
  const step = 256 * 1024;
  const zeros = Buffer.alloc(Math.min(step, to - from));
  let last = from;
  for (let position = from; position < to; position += step) {
    const length = Math.min(step, to - position);
    const window = segment.file.window(position, length);
    const bytes = window.buffer.subarray(position - window.start, position - window.start + length);
    if (!bytes.equals(zeros.subarray(0, length))) {
      let end = length;
      while (bytes[end - 1] === 0) end -= 1;
      last = position + end;
    }
    await nextTurn();
  }
  return last - from;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
