import { VarveError } from '../errors.js';
import { BatchProblem, checkBatch, describeProblem } from '../format/batch-check.js';
import { isControl, sizeInBytes } from '../format/batch-header.js';
import { RecordCursor } from '../format/batch-reader.js';
import type { LogRecord } from '../types.js';
import { readBatches } from './log-reader.js';
import { type LogState, readableEnd } from './log-state.js';
import { closedError } from './refusals.js';

export interface RecordsOptions {
  /** First offset. Default: the log start. */
  readonly from?: number;
  /** Offset to stop before. Default: the end of what can be read when the iteration gets there. */
  readonly to?: number;
  /** Bytes read at a time. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Default true. */
  readonly checkCrcs?: boolean;
}

/**
 * Records in offset order; control records are passed over. Fails with CORRUPT_MESSAGE at the first batch that is
 * damaged, after the records before it, and with CLOSED when it is to read from a log that was closed meanwhile.
 * `progress.nextOffset` is, after the end, where to go on.
 */
export function* iterateRecords(
  state: LogState,
  options: RecordsOptions,
  progress: { nextOffset: number } = { nextOffset: 0 },
): Generator<LogRecord, void, void> {
  const check = options.checkCrcs ?? true;
  const cursor = new RecordCursor();
  let offset = options.from ?? state.logStartOffset;
  const to = options.to ?? Number.POSITIVE_INFINITY;
  while (offset < Math.min(to, readableEnd(state))) {
    if (state.closed) throw closedError(state.context.directory);
    const { bytes, nextOffset } = readBatches(state, offset, options);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
      requireIntact(bytes, view, at, check, state.context.directory, offset);
      if (isControl(view, at)) continue;
      cursor.reset(bytes, view, at);
      while (cursor.next()) {
        if (cursor.offset < offset) continue;
        if (cursor.offset >= to) {
          progress.nextOffset = to;
          return;
        }
        yield cursor.record();
      }
    }
    if (nextOffset <= offset) return;
    offset = nextOffset;
    progress.nextOffset = nextOffset;
  }
}

function requireIntact(
  bytes: Buffer,
  view: DataView,
  at: number,
  crc: boolean,
  directory: string,
  offset: number,
): void {
  const options = { crc, maxBytes: bytes.length };
  const problem = checkBatch(bytes, view, at, bytes.length, options);
  if (problem === BatchProblem.BATCH_OK) return;
  const reason = describeProblem(problem, bytes, view, at, bytes.length, options);
  throw new VarveError(
    'CORRUPT_MESSAGE',
    `${directory}, reading from offset ${offset}: ${reason}; run \`varve log verify\` on the directory`,
    { details: { directory, offset, problem } },
  );
}
