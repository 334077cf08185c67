import { isVarveError, VarveError } from '../errors.js';
import type { Clock } from '../io/port.js';
import { KafkaError } from '../protocol/error-codes.js';
import type { FetchPartitionData } from '../protocol/messages/data.js';
import type { Timers } from '../timers.js';
import { appendAsFollower } from './follower-append.js';
import {
  type FollowerState,
  followerHighWatermark,
  onFetchError,
  onOutOfRange,
  truncationFor,
} from './follower-state.js';
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from './offset-lookup.js';
import type { ReplicaTransport } from './ports.js';
import { isLogFailure, type Replica } from './replica.js';
import { ReplicaFetcher, type SentPartition } from './replica-fetcher.js';
import type { ReplicationConfig, ReplicationEvent } from './types.js';

export interface FollowingContext {
  readonly brokerId: number;
  readonly brokerEpoch: () => number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly config: ReplicationConfig;
  readonly transport: ReplicaTransport;
  readonly logFailed: (replica: Replica, cause: unknown) => void;
  readonly emit: (event: ReplicationEvent) => void;
}

/** The following side of this broker: fetchers, and what their answers do to the logs. Kafka: ReplicaFetcherThread. */
export class Following {
  readonly #context: FollowingContext;
  readonly #fetchers = new Map<number, ReplicaFetcher>();
  readonly #stop = new AbortController();

  constructor(context: FollowingContext) {
    this.#context = context;
  }

  /** Its log is open, nothing else works on it, and `replica.follower` says whom to follow. */
  async start(replica: Replica, follower: FollowerState): Promise<void> {
    if (follower.phase === 'truncating') {
      follower.started();
      await this.#truncate(replica, replica.log!.highWatermark);
      follower.finished();
    }
    if (replica.follower !== follower) return;
    const fetcher = this.#fetcherOf(follower.leaderId);
    // What a killed process left to the kernel, or another leader sent a moment ago.
    this.#syncFirst(fetcher, replica, follower);
    fetcher.add(replica, follower);
  }

  stop(replica: Replica, follower: FollowerState): void {
    const fetcher = this.#fetchers.get(follower.leaderId);
    if (fetcher === undefined) return;
    fetcher.remove(replica);
    if (fetcher.size > 0) return;
    this.#fetchers.delete(follower.leaderId);
    fetcher.close();
  }

  close(): void {
    this.#stop.abort();
    for (const fetcher of this.#fetchers.values()) fetcher.close();
    this.#fetchers.clear();
  }

  #fetcherOf(leaderId: number): ReplicaFetcher {
    let fetcher = this.#fetchers.get(leaderId);
    if (fetcher === undefined) {
      const { brokerId, brokerEpoch, clock, timers, config, transport } = this.#context;
      fetcher = new ReplicaFetcher(leaderId, transport.connect(leaderId), {
        brokerId,
        brokerEpoch,
        clock,
        timers,
        config,
        onData: (its, sent, data) => this.#take(its, sent, data),
        onFailure: (_, sent, cause) => this.#retryAll(leaderId, sent, cause),
      });
      this.#fetchers.set(leaderId, fetcher);
    }
    return fetcher;
  }

  #retryAll(leaderId: number, sent: readonly SentPartition[], cause: unknown): void {
    const nowMs = this.#context.clock.monotonic();
    for (const { replica, follower } of sent) {
      if (replica.follower === follower && follower.phase === 'fetching') follower.delay(nowMs);
    }
    const first = sent[0]?.replica;
    if (first !== undefined) this.#emit(first, { kind: 'fetch-failed', leaderId, cause });
  }

  #take(fetcher: ReplicaFetcher, sent: SentPartition, data: FetchPartitionData): void {
    const { replica, follower, fetchOffset } = sent;
    const log = replica.log!;
    if (follower.phase !== 'fetching' || log.logEndOffset !== fetchOffset) return;
    if (data.errorCode !== KafkaError.NONE) {
      this.#takeError(fetcher, replica, follower, data.errorCode);
      return;
    }
    if (data.divergingEpoch.epoch >= 0 || data.divergingEpoch.endOffset >= 0) {
      const cut = truncationFor(data.divergingEpoch, {
        logEndOffset: log.logEndOffset,
        highWatermark: log.highWatermark,
        endOffsetForEpoch: (epoch) => log.endOffsetForEpoch(epoch),
      });
      this.#whileBusy(fetcher, replica, follower, () => this.#truncate(replica, cut.offset));
      return;
    }
    try {
      if (data.records !== null && data.records.length > 0) {
        const outcome = appendAsFollower(log, data.records, follower.leaderEpoch);
        if (outcome.kind === 'nothing') throw unusable(fetchOffset, data.records.length);
        if (outcome.kind === 'restart') {
          // Kept until then: the connection may use its memory again.
          const records = Buffer.from(data.records);
          this.#whileBusy(fetcher, replica, follower, async () => {
            // Together with the append: below the leader's start there is nothing to fetch.
            await this.#restart(replica, outcome.offset);
            appendAsFollower(log, records, follower.leaderEpoch);
            await log.syncBeforeAck(log.logEndOffset);
          });
          return;
        }
      }
      const mark = followerHighWatermark(data.highWatermark, log);
      if (mark !== log.highWatermark) log.setHighWatermark(mark);
    } catch (error) {
      this.#failed(replica, follower, error);
      return;
    }
    follower.progressed();
    this.#syncFirst(fetcher, replica, follower);
    this.#followLogStart(replica, follower, data.logStartOffset);
  }

  /**
   * The offset of the next fetch tells the leader what is here. Kafka's follower syncs inside its append; here the
   * partition takes part in no fetch until its records are on disk.
   */
  #syncFirst(fetcher: ReplicaFetcher, replica: Replica, follower: FollowerState): void {
    const log = replica.log!;
    const sync = log.syncBeforeAck(log.logEndOffset);
    if (sync === null) return;
    follower.syncs();
    fetcher.syncStarted(follower);
    sync
      .then(
        () => follower.finished(),
        (error: unknown) => this.#failed(replica, follower, error),
      )
      .finally(() => fetcher.syncEnded(follower));
  }

  #takeError(
    fetcher: ReplicaFetcher,
    replica: Replica,
    follower: FollowerState,
    errorCode: number,
  ): void {
    switch (onFetchError(errorCode)) {
      case 'find-offset':
        this.#whileBusy(fetcher, replica, follower, () =>
          this.#findOffset(fetcher, replica, follower),
        );
        return;
      case 'fenced':
        follower.fenced();
        return;
      case 'retry':
        follower.delay(this.#context.clock.monotonic());
        return;
    }
  }

  /** Works on the log, which takes part in no fetch meanwhile, unless the role has changed before its turn. */
  #whileBusy(
    fetcher: ReplicaFetcher,
    replica: Replica,
    follower: FollowerState,
    work: () => Promise<void>,
  ): void {
    follower.started();
    replica
      .exclusive(async () => {
        if (replica.follower === follower) await work();
      })
      .then(
        () => follower.finished(),
        (error: unknown) => this.#failed(replica, follower, error),
      )
      .finally(() => {
        if (replica.follower === follower) fetcher.wake();
      });
  }

  /** The fetch offset is outside the leader's log. */
  async #findOffset(
    fetcher: ReplicaFetcher,
    replica: Replica,
    follower: FollowerState,
  ): Promise<void> {
    const [start, end] = await Promise.all([
      this.#leaderOffset(fetcher, replica, follower, EARLIEST_TIMESTAMP),
      this.#leaderOffset(fetcher, replica, follower, LATEST_TIMESTAMP),
    ]);
    if (replica.follower !== follower) return;
    if (start === null || end === null) {
      follower.delay(this.#context.clock.monotonic());
      return;
    }
    const action = onOutOfRange(
      { logStartOffset: start, logEndOffset: end },
      replica.log!.logEndOffset,
    );
    if (action.kind === 'truncate') await this.#truncate(replica, action.offset);
    else if (action.kind === 'restart') await this.#restart(replica, action.offset);
    // Both logs agree on the range now, but not an instant ago.
    else follower.delay(this.#context.clock.monotonic());
  }

  /** Null: the leader cannot say now. */
  async #leaderOffset(
    fetcher: ReplicaFetcher,
    replica: Replica,
    follower: FollowerState,
    timestamp: number,
  ): Promise<number | null> {
    const { topic, partition } = replica;
    const request = {
      replicaId: this.#context.brokerId,
      isolationLevel: 0,
      topics: [
        {
          name: topic,
          partitions: [
            { partitionIndex: partition, currentLeaderEpoch: follower.leaderEpoch, timestamp },
          ],
        },
      ],
    };
    try {
      const response = await fetcher.connection.listOffsets(request, this.#stop.signal);
      const answer = response.topics
        .find(({ name }) => name === topic)
        ?.partitions.find(({ partitionIndex }) => partitionIndex === partition);
      if (answer === undefined || answer.errorCode !== KafkaError.NONE) return null;
      return Number.isSafeInteger(answer.offset) && answer.offset >= 0 ? answer.offset : null;
    } catch (cause) {
      this.#emit(replica, { kind: 'fetch-failed', leaderId: follower.leaderId, cause });
      return null;
    }
  }

  async #truncate(replica: Replica, offset: number): Promise<void> {
    const from = replica.log!.logEndOffset;
    await replica.log!.truncateTo(offset);
    if (from > offset) this.#emit(replica, { kind: 'truncated', from, to: offset });
  }

  async #restart(replica: Replica, offset: number): Promise<void> {
    const from = replica.log!.logEndOffset;
    await replica.log!.truncateFullyAndStartAt(offset);
    this.#emit(replica, { kind: 'restarted', from, to: offset });
  }

  /** What the leader has deleted goes here too. It is only space: the next answer says it again. */
  #followLogStart(replica: Replica, follower: FollowerState, leaderStart: number): void {
    const log = replica.log!;
    if (
      leaderStart <= log.logStartOffset ||
      leaderStart > log.highWatermark ||
      replica.isMovingLogStart
    ) {
      return;
    }
    replica.isMovingLogStart = true;
    log
      .deleteRecordsBefore(leaderStart, { asLeader: true })
      .catch((error: unknown) => {
        if (isLogFailure(error)) this.#failed(replica, follower, error);
      })
      .finally(() => {
        replica.isMovingLogStart = false;
      });
  }

  #failed(replica: Replica, follower: FollowerState, error: unknown): void {
    if (isVarveError(error, 'CLOSED')) {
      follower.failed();
      return;
    }
    if (isLogFailure(error)) {
      follower.failed();
      this.#context.logFailed(replica, error);
      return;
    }
    // Damaged bytes, a log that is being cut: the same fetch may bring what fits.
    follower.finished();
    follower.delay(this.#context.clock.monotonic());
    this.#emit(replica, { kind: 'fetch-failed', leaderId: follower.leaderId, cause: error });
  }

  #emit(replica: Replica, event: WithoutPartition<ReplicationEvent>): void {
    const { topic, partition } = replica;
    this.#context.emit({ topic, partition, ...event } as ReplicationEvent);
  }
}

function unusable(offset: number, bytes: number): VarveError {
  return new VarveError(
    'CORRUPT_MESSAGE',
    `the leader sent ${bytes} bytes for offset ${offset}, but no whole batch of an epoch that it may lead`,
    { details: { offset, bytes } },
  );
}

type WithoutPartition<E> = E extends unknown ? Omit<E, 'topic' | 'partition'> : never;
