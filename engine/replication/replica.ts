import { isVarveError } from '../errors.js';
import type { PartitionLog } from '../log/partition-log.js';
import type { PartitionState } from '../metadata/records.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { outcomeAfterAppend } from './acks.js';
import type { FollowerState } from './follower-state.js';
import type { LeaderState } from './leader-state.js';

/** Waits until everything below `requiredOffset` is committed. */
export interface CommitWaiter {
  readonly requiredOffset: number;
  /** Nobody wants to know any more. */
  readonly isGone: boolean;
  committed(errorCode: KafkaErrorCode): void;
}

/** Waits for something new of this partition. */
export interface ProgressWaiter {
  /** There may be more to read, or the partition cannot be read here any more. `index` is the caller's own. */
  touched(replica: Replica, index: number): void;
}

/**
 * This broker's replica of one partition: its log, its role, and who waits for it. Roles change through
 * `ReplicaRoles`; whatever must not overlap with such a change runs in `exclusive`. Kafka: Partition.
 */
export class Replica {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** As the cluster has it; the epochs that requests are compared with. */
  state: PartitionState;
  /** Null until it is open. */
  log: PartitionLog | null = null;
  /** Set while this replica leads. */
  leader: LeaderState | null = null;
  /** Set while this replica follows. */
  follower: FollowerState | null = null;
  /** Why the log does not serve, or null. */
  offline: { readonly cause: unknown } | null = null;
  isRemoved = false;
  isMovingLogStart = false;
  /** Fetches of followers, which read up to the log end. */
  readonly followerFetches = new Map<ProgressWaiter, number>();
  /** Fetches of consumers, which read up to the high watermark. */
  readonly consumerFetches = new Map<ProgressWaiter, number>();
  readonly logStartWaiters = new Map<ProgressWaiter, number>();
  readonly #commitWaiters: CommitWaiter[] = [];
  #goneWaiters = 0;
  #endMoved = false;
  #markMoved = false;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(topic: string, topicId: string, partition: number, state: PartitionState) {
    this.topic = topic;
    this.topicId = topicId;
    this.partition = partition;
    this.state = state;
  }

  get leaderEpoch(): number {
    return this.state.leaderEpoch;
  }

  /** Runs work that changes the role or cuts the log: one at a time. Rejects with what the work rejects with. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#tail.then(work);
    this.#tail = run.catch(() => undefined);
    return run;
  }

  /**
   * The log of the leader for a request that knows `currentLeaderEpoch` (-1: unknown), or the error to answer.
   * Kafka: Partition.localLogWithEpochOrThrow.
   */
  leaderLog(currentLeaderEpoch: number): PartitionLog | KafkaErrorCode {
    if (this.offline !== null) return KafkaError.KAFKA_STORAGE_ERROR;
    if (currentLeaderEpoch >= 0 && currentLeaderEpoch !== this.state.leaderEpoch) {
      return currentLeaderEpoch < this.state.leaderEpoch
        ? KafkaError.FENCED_LEADER_EPOCH
        : KafkaError.UNKNOWN_LEADER_EPOCH;
    }
    if (this.leader === null || this.log === null) return KafkaError.NOT_LEADER_OR_FOLLOWER;
    return this.log;
  }

  /** The leader's log has grown. Who waits is told by `wake`. */
  appended(nowMs: number): void {
    const leader = this.leader!;
    this.#endMoved = true;
    if (leader.appended(this.log!.logEndOffset, nowMs)) this.markMoved();
  }

  /** The leader's high watermark has moved: readers see it at once, who waits is told by `wake`. */
  markMoved(): void {
    this.#markMoved = true;
    this.log!.setHighWatermark(this.leader!.highWatermark);
  }

  /** Tells those who wait what has happened since the last time. */
  wake(): void {
    if (this.#endMoved) {
      this.#endMoved = false;
      if (this.followerFetches.size > 0) touchAll(this, this.followerFetches);
    }
    if (this.#markMoved) {
      this.#markMoved = false;
      if (this.#commitWaiters.length > 0) this.#tellCommitted();
      if (this.consumerFetches.size > 0) touchAll(this, this.consumerFetches);
    }
  }

  /** Tells everyone that this replica does not lead any more, or has failed. */
  dismiss(errorCode: KafkaErrorCode): void {
    for (const waiter of this.#commitWaiters.splice(0)) waiter.committed(errorCode);
    this.#goneWaiters = 0;
    this.recheckFetches();
    touchAll(this, this.logStartWaiters);
  }

  /** Fetches that wait may not be allowed any more. */
  recheckFetches(): void {
    touchAll(this, this.followerFetches);
    touchAll(this, this.consumerFetches);
  }

  /** `waiter` is told once, also when this replica stops leading. Not for offsets that are committed already. */
  waitForCommit(waiter: CommitWaiter): void {
    const waiters = this.#commitWaiters;
    let at = waiters.length;
    // In the order of offsets; only a producer's duplicate comes out of it.
    while (at > 0 && waiters[at - 1]!.requiredOffset > waiter.requiredOffset) at -= 1;
    if (at === waiters.length) waiters.push(waiter);
    else waiters.splice(at, 0, waiter);
  }

  /** A waiter's `isGone` became true: it is forgotten, at the latest when half of them are. */
  commitWaiterGone(): void {
    this.#goneWaiters += 1;
    if (this.#goneWaiters * 2 <= this.#commitWaiters.length) return;
    const left = this.#commitWaiters.filter((waiter) => !waiter.isGone);
    this.#commitWaiters.length = 0;
    this.#commitWaiters.push(...left);
    this.#goneWaiters = 0;
  }

  get commitWaiters(): number {
    return this.#commitWaiters.length;
  }

  #tellCommitted(): void {
    const leader = this.leader;
    if (leader === null) return;
    const waiters = this.#commitWaiters;
    let done = 0;
    while (done < waiters.length && waiters[done]!.requiredOffset <= leader.highWatermark)
      done += 1;
    if (done === 0) return;
    for (const waiter of waiters.splice(0, done)) {
      if (waiter.isGone) this.#goneWaiters -= 1;
      else waiter.committed(outcomeAfterAppend(leader, waiter.requiredOffset)!);
    }
  }
}

function touchAll(replica: Replica, waiters: ReadonlyMap<ProgressWaiter, number>): void {
  for (const [waiter, index] of waiters) waiter.touched(replica, index);
}

/** What a log can fail with that a new try will not cure: the replica goes offline. */
export function isLogFailure(error: unknown): boolean {
  return (
    isVarveError(error) &&
    (error.code === 'LOG_POISONED' ||
      error.code === 'IO_FAILED' ||
      error.code === 'DISK_FULL' ||
      error.code === 'READ_ONLY' ||
      error.code === 'CORRUPT_INDEX' ||
      error.code === 'PARTITION_OFFLINE')
  );
}
