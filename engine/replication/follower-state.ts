import { KafkaError } from '../protocol/error-codes.js';

/*
 * The follower's side of one partition. Pure: the fetcher tells what the leader said, and gets what to do.
 * Kafka: AbstractFetcherThread, PartitionFetchState, OffsetTruncationState.
 */

export type FollowerPhase =
  /** May be asked for in the next fetch. */
  | 'fetching'
  /** The log has no epochs: it is cut to the high watermark before the first fetch. */
  | 'truncating'
  /** Work on the log is under way; it takes no part in fetches. */
  | 'busy'
  /** flush.messages wants the log's end on disk before the next fetch says that it is here. */
  | 'syncing'
  /** Waits before it tries again. */
  | 'delayed'
  /** The leader knows a later epoch: waits for metadata. */
  | 'fenced'
  /** The log failed. */
  | 'failed';

const FIRST_BACKOFF_MS = 10;

export class FollowerState {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly #maxBackoffMs: number;
  #phase: FollowerPhase;
  #backoffMs = 0;
  #retryAtMs = 0;

  /** `latestEpoch` of the log, -1 when it has none. */
  constructor(start: {
    readonly leaderId: number;
    readonly leaderEpoch: number;
    readonly latestEpoch: number;
    readonly maxBackoffMs: number;
  }) {
    this.leaderId = start.leaderId;
    this.leaderEpoch = start.leaderEpoch;
    this.#maxBackoffMs = start.maxBackoffMs;
    this.#phase = start.latestEpoch >= 0 ? 'fetching' : 'truncating';
  }

  get phase(): FollowerPhase {
    return this.#phase;
  }

  /** When `delayed` ends, in monotonic milliseconds. */
  get retryAtMs(): number {
    return this.#retryAtMs;
  }

  /** May take part in a fetch now. */
  isReady(nowMs: number): boolean {
    if (this.#phase === 'delayed' && nowMs >= this.#retryAtMs) this.#phase = 'fetching';
    return this.#phase === 'fetching';
  }

  /** The leader answered without an error. */
  progressed(): void {
    this.#backoffMs = 0;
  }

  started(): void {
    this.#phase = 'busy';
  }

  /** Waits for the disk. */
  syncs(): void {
    this.#phase = 'syncing';
  }

  /** Work on the log is done. */
  finished(): void {
    if (this.#phase === 'busy' || this.#phase === 'syncing') this.#phase = 'fetching';
  }

  /** Try again later: 10 ms, then twice as long each time up to the limit. */
  delay(nowMs: number): void {
    this.#backoffMs = Math.min(this.#maxBackoffMs, Math.max(FIRST_BACKOFF_MS, this.#backoffMs * 2));
    this.#retryAtMs = nowMs + this.#backoffMs;
    this.#phase = 'delayed';
  }

  fenced(): void {
    this.#phase = 'fenced';
  }

  failed(): void {
    this.#phase = 'failed';
  }
}

/** What to do about a partition's error in the leader's answer. */
export function onFetchError(errorCode: number): 'find-offset' | 'fenced' | 'retry' {
  if (errorCode === KafkaError.OFFSET_OUT_OF_RANGE) return 'find-offset';
  if (errorCode === KafkaError.FENCED_LEADER_EPOCH) return 'fenced';
  return 'retry';
}

export interface EpochAndOffset {
  readonly epoch: number;
  readonly endOffset: number;
}

export interface Truncation {
  readonly offset: number;
  /** False: the leader must be asked again from there. A fetch does that by itself. */
  readonly isComplete: boolean;
}

/**
 * Where a log that differs from its leader's is cut. `leader` is the largest epoch the leader has at or below the
 * one asked for, and where it ends there; -1 for what it cannot tell. Kafka: getOffsetTruncationState.
 */
export function truncationFor(
  leader: EpochAndOffset,
  own: {
    readonly logEndOffset: number;
    readonly highWatermark: number;
    readonly endOffsetForEpoch: (epoch: number) => EpochAndOffset;
  },
): Truncation {
  if (leader.endOffset < 0) return { offset: own.highWatermark, isComplete: true };
  if (leader.epoch < 0) {
    return { offset: Math.min(leader.endOffset, own.logEndOffset), isComplete: true };
  }
  const mine = own.endOffsetForEpoch(leader.epoch);
  if (mine.endOffset < 0) {
    return { offset: Math.min(leader.endOffset, own.logEndOffset), isComplete: true };
  }
  if (mine.epoch !== leader.epoch) {
    return { offset: Math.min(mine.endOffset, own.logEndOffset), isComplete: false };
  }
  return {
    offset: Math.min(mine.endOffset, leader.endOffset, own.logEndOffset),
    isComplete: true,
  };
}

export type OutOfRangeAction =
  | { readonly kind: 'truncate'; readonly offset: number }
  /** Nothing of the log is left at the leader: it starts again, empty. */
  | { readonly kind: 'restart'; readonly offset: number }
  | { readonly kind: 'continue' };

/** The fetch offset is not in the leader's log. Kafka: fetchOffsetAndTruncate. */
export function onOutOfRange(
  leader: { readonly logStartOffset: number; readonly logEndOffset: number },
  ownLogEndOffset: number,
): OutOfRangeAction {
  if (leader.logEndOffset < ownLogEndOffset) {
    return { kind: 'truncate', offset: leader.logEndOffset };
  }
  if (leader.logStartOffset > ownLogEndOffset) {
    return { kind: 'restart', offset: leader.logStartOffset };
  }
  return { kind: 'continue' };
}

/** Kafka: min of the leader's high watermark and the own log end, at least the log start. It never falls but by truncation. */
export function followerHighWatermark(
  leaderHighWatermark: number,
  own: {
    readonly logStartOffset: number;
    readonly logEndOffset: number;
    readonly highWatermark: number;
  },
): number {
  return Math.max(
    own.logStartOffset,
    own.highWatermark,
    Math.min(leaderHighWatermark, own.logEndOffset),
  );
}
