import { VarveError } from '../errors.js';
import type { LeaderEpochCache } from './leader-epoch-cache.js';
import type { ProducerState } from './producer-state.js';
import type { SegmentContext } from './segment.js';
import type { SegmentList } from './segment-list.js';
import type { TransactionIndex } from './transaction-index.js';

/**
 * One log's state, shared by the parts of this folder: the append path changes it synchronously, everything
 * else one at a time under the log's maintenance lock. In offset order:
 * logStartOffset <= recoveryPoint <= nextOffset, logStartOffset <= highWatermark <= nextOffset.
 */
export interface LogState {
  readonly context: SegmentContext & { config: SegmentContext['config'] };
  readonly segments: SegmentList;
  readonly epochs: LeaderEpochCache;
  readonly producers: ProducerState;
  /** Aborted transactions, all segments together, ascending by last offset. */
  readonly transactions: TransactionIndex;
  /** Earliest readable offset; may lie inside a batch. */
  logStartOffset: number;
  /** Log end offset: the next offset to assign. */
  nextOffset: number;
  /** Everything below it is on disk. */
  recoveryPoint: number;
  /** Everything below it has been compacted; 0 when nothing has. May lie outside the log: see cleaner-plan. */
  cleanerOffset: number;
  /** Set by replication; null while the log stands alone and its end is readable at once. */
  highWatermark: number | null;
  /** Why the log refuses writes, or null. */
  poisoned: VarveError | null;
  closed: boolean;
}

/** Readers see offsets below it. */
export function readableEnd(state: LogState): number {
  return state.highWatermark ?? state.nextOffset;
}

export function outOfRange(state: LogState, offset: number): VarveError {
  return new VarveError(
    'OFFSET_OUT_OF_RANGE',
    `offset ${offset} is outside ${state.context.directory}: it holds [${state.logStartOffset}, ${state.nextOffset})`,
    {
      details: { offset, logStartOffset: state.logStartOffset, logEndOffset: state.nextOffset },
    },
  );
}

/** Offsets come from callers and must be whole numbers a double holds exactly. */
export function requireOffset(offset: number, name = 'offset'): void {
  if (Number.isSafeInteger(offset) && offset >= 0) return;
  throw new VarveError(
    'INVALID_ARGUMENT',
    `${name} ${offset} is not an offset: it must be a whole number in [0, ${Number.MAX_SAFE_INTEGER}]`,
    { details: { [name]: offset } },
  );
}
