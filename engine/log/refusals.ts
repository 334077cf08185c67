import { VarveError } from '../errors.js';
import type { RecordInput } from '../types.js';

/** What an append or a call on a log is refused with. */

export function requireKeys(records: readonly RecordInput[]): void {
  for (let i = 0; i < records.length; i += 1) {
    if (records[i]!.key !== null && records[i]!.key !== undefined) continue;
    throw new VarveError(
      'INVALID_RECORD',
      `record ${i} has no key, which a topic with cleanup.policy=compact needs`,
      { details: { record: i } },
    );
  }
}

/** A segment's indexes count offsets from its base in an int32. */
export const MAX_OFFSET_SPAN = 0x7fff_ffff;

/** What is appended at a time must fit one segment, and leave the log an end that is an offset. */
export function requireOffsetSpan(first: number, last: number): void {
  if (last - first > MAX_OFFSET_SPAN) {
    throw new VarveError(
      'RECORD_LIST_TOO_LARGE',
      `batches with offsets ${first}..${last} do not fit a segment, which spans ${MAX_OFFSET_SPAN}; send them in smaller pieces`,
      { details: { first, last, limit: MAX_OFFSET_SPAN } },
    );
  }
  if (last < Number.MAX_SAFE_INTEGER) return;
  throw new VarveError(
    'OFFSET_OUT_OF_RANGE',
    `offset ${last} is refused: the largest that a record may have is ${Number.MAX_SAFE_INTEGER - 1}`,
    { details: { offset: last, limit: Number.MAX_SAFE_INTEGER - 1 } },
  );
}

export function tooLarge(bytes: number, limit: number): VarveError {
  return new VarveError(
    'MESSAGE_TOO_LARGE',
    `the batch has ${bytes} bytes, more than max.message.bytes ${limit}; append fewer or smaller records at a time`,
    { details: { bytes, limit } },
  );
}

export function largerThanSegment(bytes: number, limit: number): VarveError {
  return new VarveError(
    'RECORD_LIST_TOO_LARGE',
    `the batch has ${bytes} bytes, more than segment.bytes ${limit}; append fewer or smaller records at a time`,
    { details: { bytes, limit } },
  );
}

export function closedError(directory: string): VarveError {
  return new VarveError('CLOSED', `${directory} is closed`);
}

export function busy(directory: string): VarveError {
  return new VarveError(
    'LOG_BUSY',
    `${directory} is being truncated; append again when it is done`,
    {
      retriable: true,
    },
  );
}
