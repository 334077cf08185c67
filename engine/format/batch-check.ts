import { MAX_OFFSET } from '../types.js';
import {
  attributes,
  baseOffset,
  batchLength,
  lastOffsetDelta,
  magic,
  recordsCount,
  crc as storedCrc,
} from './batch-header.js';
import { crc32c } from './crc32c.js';
import {
  BATCH_OVERHEAD,
  COMPRESSION_MASK,
  COMPRESSION_NONE,
  COMPRESSION_ZSTD,
  CRC_START,
  LOG_OVERHEAD,
  MAGIC_AT,
  MAGIC_V2,
  MIN_BATCH_LENGTH,
  MIN_LEGACY_LENGTH,
  MIN_RECORD_BYTES,
} from './layout.js';

/** What `checkBatch` found. 0 is a good batch; the others are in the order they are looked for. */
export const BatchProblem = {
  BATCH_OK: 0,
  /** The header or the body reaches beyond the end of the data. */
  TRUNCATED: 1,
  /** The length is below what any batch needs; zeros, as in prepared space, read as this. */
  TOO_SMALL: 2,
  /** A message of magic 0 or 1, from before Kafka 0.11. */
  OLD_MAGIC: 3,
  BAD_MAGIC: 4,
  TOO_LARGE: 5,
  BAD_CRC: 6,
  /** Negative offset or delta, or an offset that is not a safe integer. */
  BAD_OFFSET: 7,
  /** The records count cannot be true of this length or these offsets. */
  BAD_COUNT: 8,
  UNKNOWN_COMPRESSION: 9,
} as const;
export type BatchProblem = (typeof BatchProblem)[keyof typeof BatchProblem];

export interface CheckOptions {
  /** Compare the checksum: reads every byte of the batch. */
  readonly crc: boolean;
  /** Largest size of a whole batch. */
  readonly maxBytes: number;
}

/**
 * Checks the batch at byte `at`, reading nothing at or beyond `end`, and allocates nothing. After
 * BATCH_OK the header accessors and the size can be trusted; the records inside are checked when read.
 * `buffer` and `view` cover the same memory.
 */
export function checkBatch(
  buffer: Buffer,
  view: DataView,
  at: number,
  end: number,
  options: CheckOptions,
): BatchProblem {
  if (end - at < LOG_OVERHEAD) return BatchProblem.TRUNCATED;
  const length = batchLength(view, at);
  if (length < MIN_LEGACY_LENGTH) return BatchProblem.TOO_SMALL;
  if (end - at <= MAGIC_AT) return BatchProblem.TRUNCATED;
  const version = magic(view, at);
  if (version !== MAGIC_V2) {
    return version === 0 || version === 1 ? BatchProblem.OLD_MAGIC : BatchProblem.BAD_MAGIC;
  }
  if (length < MIN_BATCH_LENGTH) return BatchProblem.TOO_SMALL;
  const size = length + LOG_OVERHEAD;
  if (size > options.maxBytes) return BatchProblem.TOO_LARGE;
  if (size > end - at) return BatchProblem.TRUNCATED;
  if (options.crc && crc32c(buffer, at + CRC_START, at + size, view) !== storedCrc(view, at)) {
    return BatchProblem.BAD_CRC;
  }
  const first = baseOffset(view, at);
  const lastDelta = lastOffsetDelta(view, at);
  if (first < 0 || lastDelta < 0 || first + lastDelta > MAX_OFFSET) return BatchProblem.BAD_OFFSET;
  const codec = attributes(view, at) & COMPRESSION_MASK;
  if (codec > COMPRESSION_ZSTD) return BatchProblem.UNKNOWN_COMPRESSION;
  const count = recordsCount(view, at);
  if (count < 0 || count > lastDelta + 1) return BatchProblem.BAD_COUNT;
  if (codec === COMPRESSION_NONE) {
    const bytes = size - BATCH_OVERHEAD;
    if (count === 0 ? bytes !== 0 : bytes < count * MIN_RECORD_BYTES) return BatchProblem.BAD_COUNT;
  }
  return BatchProblem.BATCH_OK;
}

/** One line for people about `problem` of the batch at byte `at`, with the values behind it. */
export function describeProblem(
  problem: BatchProblem,
  buffer: Buffer,
  view: DataView,
  at: number,
  end: number,
  options: CheckOptions,
): string {
  const reason = reasonOf(problem, buffer, view, at, end, options);
  return problem === BatchProblem.BATCH_OK ? reason : `batch at byte ${at}: ${reason}`;
}

function reasonOf(
  problem: BatchProblem,
  buffer: Buffer,
  view: DataView,
  at: number,
  end: number,
  options: CheckOptions,
): string {
  switch (problem) {
    case BatchProblem.BATCH_OK:
      return 'no problem';
    case BatchProblem.TRUNCATED: {
      const needed = end - at <= MAGIC_AT ? BATCH_OVERHEAD : batchLength(view, at) + LOG_OVERHEAD;
      return `needs ${needed} bytes, but the data ends after ${end - at}`;
    }
    case BatchProblem.TOO_SMALL:
      return `length field is ${batchLength(view, at)}, below the smallest batch's ${MIN_BATCH_LENGTH}`;
    case BatchProblem.OLD_MAGIC:
      return `message format ${magic(view, at)} of Kafka before 0.11; only format 2 is supported`;
    case BatchProblem.BAD_MAGIC:
      return `magic byte is ${magic(view, at)}, not 2`;
    case BatchProblem.TOO_LARGE:
      return `${batchLength(view, at) + LOG_OVERHEAD} bytes, above the limit of ${options.maxBytes}`;
    case BatchProblem.BAD_CRC: {
      const size = batchLength(view, at) + LOG_OVERHEAD;
      const computed = crc32c(buffer, at + CRC_START, at + size, view);
      return `checksum is ${hex(storedCrc(view, at))}, the bytes give ${hex(computed)}`;
    }
    case BatchProblem.BAD_OFFSET:
      return `base offset ${baseOffset(view, at)} with last offset delta ${lastOffsetDelta(view, at)} is outside 0..${MAX_OFFSET}`;
    case BatchProblem.BAD_COUNT:
      return `records count ${recordsCount(view, at)} does not fit last offset delta ${lastOffsetDelta(view, at)} and ${batchLength(view, at) + LOG_OVERHEAD - BATCH_OVERHEAD} bytes of records`;
    case BatchProblem.UNKNOWN_COMPRESSION:
      return `compression code ${attributes(view, at) & COMPRESSION_MASK} is unknown`;
  }
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
