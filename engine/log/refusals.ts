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
