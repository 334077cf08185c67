import type { Clock } from '../io/port.js';
import type { PartitionLog } from '../log/partition-log.js';
import { MetadataImage } from '../metadata/image.js';
import type { Timers } from '../timers.js';
import { Deadlines } from './deadlines.js';
import { deleteRecords } from './deleting.js';
import { Fetching } from './fetching.js';
import { Following } from './following.js';
import { HighWatermarkCheckpoint } from './high-watermark-checkpoint.js';
import { IsrUpdates } from './isr-updates.js';
import type { LeaderState } from './leader-state.js';
import { listOffset, offsetForLeaderEpoch } from './offset-lookup.js';
import type { HostedPartition, LogProvider } from './ports.js';
import { Producing } from './producing.js';
import type { CommitWaiter, Replica } from './replica.js';
import { ReplicaRoles } from './replica-roles.js';
import { statusOf } from './replica-status.js';
import { ReplicaTable } from './replica-table.js';
import {
  type DeleteRecordsPartition,
  type DeleteRecordsResult,
  type FetchOptions,
  type FetchPartitionResult,
  type LeadershipListener,
  type ListOffsetOptions,
  type ListOffsetRequest,
  type ListOffsetResult,
  type OfflineReplica,
  type OffsetForEpochRequest,
  type OffsetForEpochResult,
  type PartitionProduceResult,
  type PartitionStatus,
  type ProduceOptions,
  type ProducePartition,
  REPLICATION_DEFAULTS,
  type ReplicaManagerOptions,
  type Replicas,
  type ReplicationConfig,
  type ReplicationEvent,
} from './types.js';

/** After a refused ISR, until the next is asked for. */
const REFUSED_ISR_PAUSE_MS = 1000;

/** All replicas of one broker: what it leads, what it follows. Kafka: ReplicaManager. */
export class ReplicaManager implements Replicas {
  readonly #brokerId: number;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #logs: LogProvider;
  readonly #config: ReplicationConfig;
  readonly #emit: (event: ReplicationEvent) => void;
  readonly #replicas = new ReplicaTable(MetadataImage.EMPTY);
  readonly #listeners = new Set<LeadershipListener>();
  readonly #deadlines: Deadlines;
  readonly #following: Following;
  readonly #roles: ReplicaRoles;
  readonly #isrUpdates: IsrUpdates;
  readonly #checkpoint: HighWatermarkCheckpoint;
  readonly #producing: Producing;
  readonly #fetching: Fetching;
  readonly #stopTimers: (() => void)[] = [];
  /** Replicas whose proposal was refused, and when they may ask again. */
  readonly #isrPauses = new WeakMap<Replica, number>();
  #closing: Promise<void> | null = null;

  constructor(options: ReplicaManagerOptions) {
    const { brokerId, brokerEpoch, clock, timers, logs, transport, controller } = options;
    this.#brokerId = brokerId;
    this.#clock = clock;
    this.#timers = timers;
    this.#logs = logs;
    this.#config = { ...REPLICATION_DEFAULTS, ...options.config };
    this.#emit = options.onEvent ?? (() => undefined);
    const replicas = this.#replicas;
    const config = this.#config;
    const emit = this.#emit;
    const logFailed = (replica: Replica, cause: unknown) => this.#roles.fail(replica, cause);
    this.#deadlines = new Deadlines(clock, timers);
    const deadlines = this.#deadlines;
    this.#checkpoint = new HighWatermarkCheckpoint(logs, replicas);
    this.#following = new Following({
      brokerId,
      brokerEpoch,
      clock,
      timers,
      config,
      transport,
      logFailed,
      emit,
    });
    this.#roles = new ReplicaRoles({
      brokerId,
      clock,
      config,
      logs,
      replicas,
      following: this.#following,
      checkpoint: this.#checkpoint,
      listeners: this.#listeners,
      isEligible: (id, epoch) => this.#isEligible(id, epoch),
      emit,
    });
    this.#isrUpdates = new IsrUpdates({
      brokerId,
      brokerEpoch,
      controller,
      timers,
      brokerEpochOf: (id) => replicas.image.brokers.get(id)?.brokerEpoch ?? -1,
      onDecided: (replica, leader, errorCode) => this.#isrDecided(replica, leader, errorCode),
    });
    this.#producing = new Producing({ clock, replicas, deadlines, logFailed });
    this.#fetching = new Fetching({
      clock,
      replicas,
      deadlines,
      logFailed,
      followerFetched: (replica, id) => this.#proposeExpansion(replica, id),
    });
    this.#every(Math.max(1, config.replicaLagTimeMaxMs / 2), () => this.#shrinkRound());
    this.#every(config.highWatermarkCheckpointIntervalMs, () => this.#saveHighWatermarks());
  }

  applyImage(image: MetadataImage): Promise<void> {
    return this.#roles.apply(image);
  }

  onLeadership(listener: LeadershipListener): () => void {
    this.#listeners.add(listener);
    for (const { leader, topic, partition } of this.#replicas) {
      if (leader !== null) listener.elected(topic, partition, leader.leaderEpoch);
    }
    return () => {
      this.#listeners.delete(listener);
    };
  }

  produce(
    requests: readonly ProducePartition[],
    options: ProduceOptions,
  ): PartitionProduceResult[] | Promise<PartitionProduceResult[]> {
    return this.#producing.produce(requests, options);
  }

  async appendLocal(
    topic: string,
    partition: number,
    records: Buffer,
    options: { readonly timeoutMs: number },
  ): Promise<PartitionProduceResult> {
    const results = await this.#producing.produce([{ topic, partition, records }], {
      acks: -1,
      timeoutMs: options.timeoutMs,
      origin: 'coordinator',
    });
    return results[0]!;
  }

  fetch(options: FetchOptions): FetchPartitionResult[] | Promise<FetchPartitionResult[]> {
    return this.#fetching.fetch(options);
  }

  listOffset(request: ListOffsetRequest, options: ListOffsetOptions): ListOffsetResult {
    return listOffset(this.#replicas, request, options);
  }

  offsetForLeaderEpoch(request: OffsetForEpochRequest): OffsetForEpochResult {
    return offsetForLeaderEpoch(this.#replicas, request);
  }

  deleteRecords(
    requests: readonly DeleteRecordsPartition[],
    options: { readonly timeoutMs: number },
  ): Promise<DeleteRecordsResult[]> {
    const context = {
      replicas: this.#replicas,
      deadlines: this.#deadlines,
      logFailed: (replica: Replica, cause: unknown) => this.#roles.fail(replica, cause),
    };
    return Promise.all(
      requests.map((request) => deleteRecords(context, request, options.timeoutMs)),
    );
  }

  waitForHighWatermark(topic: string, partition: number, offset: number): Promise<boolean> {
    const replica = this.#replicas.get(topic, partition);
    const isCommitted = () => (replica?.leader?.highWatermark ?? -1) >= offset;
    if (replica === undefined || replica.leader === null || isCommitted()) {
      return Promise.resolve(isCommitted());
    }
    return new Promise((resolve) => {
      const waiter: CommitWaiter = {
        requiredOffset: offset,
        isGone: false,
        committed: () => resolve(isCommitted()),
      };
      replica.waitForCommit(waiter);
    });
  }

  leaderLog(topic: string, partition: number): PartitionLog | null {
    const log = this.#replicas.get(topic, partition)?.leaderLog(-1);
    return log === undefined || typeof log === 'number' ? null : log;
  }

  partition(topic: string, partition: number): PartitionStatus | null {
    const replica = this.#replicas.get(topic, partition);
    return replica === undefined ? null : statusOf(replica, this.#clock.monotonic());
  }

  *partitions(): Generator<PartitionStatus, void, void> {
    const nowMs = this.#clock.monotonic();
    for (const replica of this.#replicas) yield statusOf(replica, nowMs);
  }

  offlinePartitions(): OfflineReplica[] {
    const offline: OfflineReplica[] = [];
    for (const replica of this.#replicas) {
      const { topic, topicId, partition } = replica;
      const cause = replica.offline?.cause ?? replica.log?.poisoned ?? null;
      if (cause !== null) offline.push({ topic, topicId, partition, cause });
    }
    return offline;
  }

  async removeStrays(): Promise<HostedPartition[]> {
    const isStray = ({ topic, topicId, partition }: HostedPartition) => {
      const { image } = this.#replicas;
      return (
        image.topics.get(topic)?.topicId !== topicId ||
        !image.partition(topic, partition)?.replicas.includes(this.#brokerId)
      );
    };
    const removed: HostedPartition[] = [];
    const topics = new Set<string>();
    for (const hosted of [...this.#logs.hosted()].filter(isStray)) {
      // The metadata may have changed during the deletions before.
      if (!isStray(hosted)) continue;
      removed.push(hosted);
      if (!this.#replicas.image.topicNames.has(hosted.topicId)) topics.add(hosted.topicId);
      else await this.#logs.dropPartition(hosted.topic, hosted.partition);
    }
    for (const topicId of topics) await this.#logs.dropTopic(topicId);
    return removed;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const stop of this.#stopTimers.splice(0)) stop();
    this.#isrUpdates.close();
    const roles = this.#roles.close();
    this.#following.close();
    this.#deadlines.close();
    await roles;
    await this.#checkpoint.save();
  }

  #isEligible(brokerId: number, brokerEpoch: number): boolean {
    const broker = this.#replicas.image.brokers.get(brokerId);
    return (
      broker !== undefined &&
      !broker.isFenced &&
      !broker.isShuttingDown &&
      (brokerEpoch < 0 || brokerEpoch === broker.brokerEpoch)
    );
  }

  #proposeExpansion(replica: Replica, brokerId: number): void {
    const leader = replica.leader!;
    // First what costs nothing: this comes with each fetch.
    if (leader.proposal !== null || leader.isr.includes(brokerId)) return;
    if ((this.#isrPauses.get(replica) ?? 0) > this.#clock.monotonic()) return;
    this.#propose(replica, leader, leader.proposeExpansion(brokerId));
  }

  #propose(replica: Replica, leader: LeaderState, proposal: LeaderState['proposal']): void {
    if (proposal === null) return;
    const { topic, partition } = replica;
    const kind = proposal.kind === 'expand' ? 'isr-expanding' : 'isr-shrinking';
    this.#emit({ kind, topic, partition, isr: proposal.isr });
    this.#isrUpdates.add(replica, leader, proposal);
  }

  #isrDecided(replica: Replica, leader: LeaderState, errorCode: number): void {
    const { topic, partition } = replica;
    const nowMs = this.#clock.monotonic();
    if (errorCode === 0) this.#emit({ kind: 'isr-changed', topic, partition, isr: leader.isr });
    else {
      this.#isrPauses.set(replica, nowMs + REFUSED_ISR_PAUSE_MS);
      this.#emit({ kind: 'isr-refused', topic, partition, errorCode });
    }
    if (!leader.advance(nowMs)) return;
    replica.markMoved();
    replica.wake();
  }

  #shrinkRound(): void {
    const nowMs = this.#clock.monotonic();
    for (const replica of this.#replicas) {
      const { leader } = replica;
      if (leader === null) continue;
      this.#propose(replica, leader, leader.proposeShrink(nowMs));
      // One outside the ISR that was waited for may have fallen too far behind.
      if (leader.advance(nowMs)) {
        replica.markMoved();
        replica.wake();
      }
    }
  }

  #saveHighWatermarks(): void {
    this.#checkpoint.save().catch((cause: unknown) => {
      this.#emit({
        kind: 'task-failed',
        topic: '',
        partition: -1,
        task: 'save high watermarks',
        cause,
      });
    });
  }

  #every(ms: number, run: () => void): void {
    let cancel: () => void = () => undefined;
    const next = () => {
      cancel = this.#timers.after(ms, () => {
        next();
        run();
      });
    };
    next();
    this.#stopTimers.push(() => cancel());
  }
}
