import type { TopicConfig } from '../config.js';
import { VarveError } from '../errors.js';
import {
  BatchProblem,
  type CheckOptions,
  checkBatch,
  describeProblem,
} from '../format/batch-check.js';
import {
  baseOffset,
  baseSequence,
  compressionOf,
  isControl,
  isLogAppendTime,
  lastOffset,
  lastOffsetDelta,
  maxTimestamp,
  partitionLeaderEpoch,
  producerId,
  recordsCount,
  sizeInBytes,
} from '../format/batch-header.js';
import { RecordCursor } from '../format/batch-reader.js';
import { decodeControlRecordKey, decodeTransactionMarkerValue } from '../format/control-record.js';

/** Where ready batches come from. */
export type BatchOrigin =
  /** A client: the rules of Kafka's LogValidator; offsets and epoch are assigned here. */
  | 'client'
  /** This broker's own coordinator code: as a client, but control batches are allowed. */
  | 'coordinator'
  /** The leader, by replication: kept byte for byte; offsets must continue this log. */
  | 'replication';

export interface ValidationInput {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly config: TopicConfig;
  readonly origin: BatchOrigin;
  readonly nextOffset: number;
  readonly nowMs: number;
  readonly checkCrcs: boolean;
  /** Look at every record, not only where the header cannot tell. */
  readonly checkRecords: boolean;
}

/**
 * Checks every batch in `bytes` before anything is copied, and returns their number.
 * Kafka: LogValidator and UnifiedLog.analyzeAndValidateRecords.
 */
export function validateBatches(input: ValidationInput): number {
  const { bytes, view, config, origin } = input;
  if (bytes.length > config.segmentBytes) {
    throw new VarveError(
      'RECORD_LIST_TOO_LARGE',
      `batches of ${bytes.length} bytes do not fit a segment (segment.bytes ${config.segmentBytes}); send them in smaller pieces`,
      { details: { bytes: bytes.length, limit: config.segmentBytes } },
    );
  }
  let at = 0;
  let count = 0;
  let expectedOffset = input.nextOffset;
  const options: CheckOptions = { crc: input.checkCrcs, maxBytes: bytes.length };
  while (at < bytes.length) {
    const problem = checkBatch(bytes, view, at, bytes.length, options);
    if (problem !== BatchProblem.BATCH_OK) {
      throw new VarveError(
        'CORRUPT_MESSAGE',
        `batch ${count}: ${describeProblem(problem, bytes, view, at, bytes.length, options)}`,
        { details: { batch: count, position: at, problem } },
      );
    }
    const size = sizeInBytes(view, at);
    if (size > config.maxMessageBytes && origin !== 'replication') {
      throw new VarveError(
        'MESSAGE_TOO_LARGE',
        `batch ${count} has ${size} bytes, more than max.message.bytes ${config.maxMessageBytes}`,
        { details: { batch: count, bytes: size, limit: config.maxMessageBytes } },
      );
    }
    if (origin === 'replication') {
      if (baseOffset(view, at) < expectedOffset) {
        throw new VarveError(
          'OFFSET_OUT_OF_RANGE',
          `batch ${count} starts at offset ${baseOffset(view, at)}, but the log ends at ${expectedOffset}`,
          { details: { offset: baseOffset(view, at), logEndOffset: expectedOffset } },
        );
      }
      if (partitionLeaderEpoch(view, at) < 0) invalid(count, 'it has no leader epoch');
      expectedOffset = lastOffset(view, at) + 1;
    } else {
      validateClientBatch(input, at, count);
    }
    if (isControl(view, at)) validateControlRecord(bytes, view, at);
    at += size;
    count += 1;
  }
  if (count === 0) throw new VarveError('INVALID_RECORD', 'there is no batch to append');
  return count;
}

function validateClientBatch(input: ValidationInput, at: number, batch: number): void {
  const { bytes, view, config, origin, nowMs } = input;
  const records = recordsCount(view, at);
  if (baseOffset(view, at) !== 0) {
    invalid(batch, `its base offset is ${baseOffset(view, at)}; a producer sends 0`);
  }
  if (records <= 0 || records !== lastOffsetDelta(view, at) + 1) {
    invalid(
      batch,
      `it says ${records} records but a last offset delta of ${lastOffsetDelta(view, at)}`,
    );
  }
  if (isControl(view, at) && origin !== 'coordinator')
    invalid(batch, 'clients may not write control batches');
  if (producerId(view, at) >= 0 && baseSequence(view, at) < 0 && !isControl(view, at)) {
    invalid(
      batch,
      `it has producer id ${producerId(view, at)} but base sequence ${baseSequence(view, at)}`,
    );
  }
  if (isLogAppendTime(view, at)) {
    throw new VarveError(
      'INVALID_TIMESTAMP',
      `batch ${batch}: the producer set the timestamp type to LogAppendTime, which only the log does`,
    );
  }
  if (config.messageTimestampType === 'CreateTime') {
    checkTimestamp(maxTimestamp(view, at), nowMs, config, batch);
  }
  const compacted = config.cleanupPolicy.includes('compact');
  if (
    input.checkRecords ||
    compacted ||
    compressionOf(view, at) !== 'none' ||
    Number.isFinite(config.messageTimestampBeforeMaxMs)
  ) {
    validateRecords(bytes, view, at, batch, records, nowMs, config, compacted);
  }
}

/** Let go after each use: it would keep the sender's bytes alive. */
const cursor = new RecordCursor();

/** The record will be read once the batch is in the log, when it is too late to refuse it. */
function validateControlRecord(bytes: Buffer, view: DataView, at: number): void {
  try {
    cursor.reset(bytes, view, at);
    // Compaction leaves control batches empty.
    if (!cursor.next()) return;
    const { type } = decodeControlRecordKey(cursor.key());
    if (type === 'ABORT' || type === 'COMMIT') decodeTransactionMarkerValue(cursor.value());
  } finally {
    cursor.release();
  }
}

/**
 * Looks at each record where the header alone cannot tell: a compressed batch may hold anything, a compacted
 * topic needs keys. Offset deltas must run 0..n-1: Kafka rebuilds such a batch, varve refuses it, because no
 * client sends one and the engine never recompresses.
 */
function validateRecords(
  bytes: Buffer,
  view: DataView,
  at: number,
  batch: number,
  records: number,
  nowMs: number,
  config: TopicConfig,
  needKeys: boolean,
): void {
  let seen = 0;
  try {
    cursor.reset(bytes, view, at);
    while (cursor.next()) {
      if (cursor.offsetDelta !== seen) {
        invalid(batch, `record ${seen} has offset delta ${cursor.offsetDelta}`);
      }
      if (needKeys && cursor.keyStart < 0) {
        invalid(
          batch,
          `record ${seen} has no key, which a topic with cleanup.policy=compact needs`,
        );
      }
      if (config.messageTimestampType === 'CreateTime') {
        checkTimestamp(cursor.timestamp, nowMs, config, batch);
      }
      seen += 1;
    }
  } finally {
    cursor.release();
  }
  if (seen !== records) invalid(batch, `it holds ${seen} records but its header says ${records}`);
}

/** Kafka: message.timestamp.before.max.ms and message.timestamp.after.max.ms. */
export function checkTimestamp(
  timestampMs: number,
  nowMs: number,
  config: TopicConfig,
  batch: number,
): void {
  if (timestampMs < 0) return;
  const earliest = nowMs - config.messageTimestampBeforeMaxMs;
  const latest = nowMs + config.messageTimestampAfterMaxMs;
  if (timestampMs >= earliest && timestampMs <= latest) return;
  throw new VarveError(
    'INVALID_TIMESTAMP',
    `batch ${batch}: timestamp ${timestampMs} is outside [${earliest}, ${latest}] (message.timestamp.before.max.ms ${config.messageTimestampBeforeMaxMs}, message.timestamp.after.max.ms ${config.messageTimestampAfterMaxMs})`,
    { details: { timestampMs, earliest, latest } },
  );
}

function invalid(batch: number, reason: string): never {
  throw new VarveError('INVALID_RECORD', `batch ${batch}: ${reason}`, {
    details: { batch, reason },
  });
}
