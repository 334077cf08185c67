import type { Clock } from '../io/port.js';
import type { MetadataImage, TopicImage } from '../metadata/image.js';
import type { PartitionState } from '../metadata/records.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { FollowerState } from './follower-state.js';
import type { Following } from './following.js';
import type { HighWatermarkCheckpoint } from './high-watermark-checkpoint.js';
import { LeaderState } from './leader-state.js';
import type { LogProvider } from './ports.js';
import { Replica } from './replica.js';
import type { ReplicaTable } from './replica-table.js';
import type { LeadershipListener, ReplicationConfig, ReplicationEvent } from './types.js';

export interface RolesContext {
  readonly brokerId: number;
  readonly clock: Clock;
  readonly config: ReplicationConfig;
  readonly logs: LogProvider;
  readonly replicas: ReplicaTable;
  readonly following: Following;
  readonly checkpoint: HighWatermarkCheckpoint;
  readonly listeners: ReadonlySet<LeadershipListener>;
  readonly isEligible: (brokerId: number, brokerEpoch: number) => boolean;
  readonly emit: (event: ReplicationEvent) => void;
}

/**
 * Gives this broker's replicas the roles that the metadata says. What ends, ends at once; what begins, begins when
 * the log is open and nothing works on it any more. Kafka: ReplicaManager.applyDelta, Partition.makeLeader.
 */
export class ReplicaRoles {
  readonly #context: RolesContext;
  /** Deletions under way, by topic name: one of the same name is made after it. */
  readonly #dropping = new Map<string, Promise<unknown>>();
  readonly #tasks = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(context: RolesContext) {
    this.#context = context;
  }

  /** Resolves when the roles are in place. Several images may be on their way; each partition follows them in order. */
  async apply(image: MetadataImage): Promise<void> {
    const { replicas } = this.#context;
    const before = replicas.image;
    if (image === before || this.#isClosed) return;
    replicas.image = image;
    const work: Promise<unknown>[] = [];
    if (image.topics !== before.topics) {
      for (const topic of before.topics.values()) {
        if (image.topics.get(topic.name)?.topicId !== topic.topicId) work.push(this.#drop(topic));
      }
      for (const topic of image.topics.values()) {
        const old = before.topics.get(topic.name);
        if (old !== topic) this.#applyTopic(topic, old, work);
      }
    }
    if (image.brokers !== before.brokers) this.#brokersChanged();
    await Promise.all(work);
  }

  /** Takes all roles away; what is under way comes to its end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const replica of this.#context.replicas) {
      this.#resign(replica, KafkaError.NOT_LEADER_OR_FOLLOWER);
    }
    await Promise.all([...this.#tasks, ...this.#dropping.values()]);
  }

  /** The log has failed: the replica has no role until the broker starts again. */
  fail(replica: Replica, cause: unknown): void {
    if (replica.offline !== null) return;
    replica.offline = { cause };
    this.#resign(replica, KafkaError.KAFKA_STORAGE_ERROR);
    const { topic, partition } = replica;
    this.#context.emit({ kind: 'offline', topic, partition, cause });
  }

  #applyTopic(topic: TopicImage, old: TopicImage | undefined, work: Promise<unknown>[]): void {
    const { replicas, brokerId } = this.#context;
    const isSame = old?.topicId === topic.topicId;
    let isHere = false;
    for (const [partition, state] of topic.partitions.entries()) {
      const replica = replicas.get(topic.name, partition);
      const isMine = state.replicas.includes(brokerId);
      isHere ||= isMine;
      if (replica === undefined) {
        if (isMine) work.push(this.#begin(topic, partition, state));
      } else if (!isMine) work.push(this.#leave(replica));
      else if (replica.state !== state) this.#change(replica, state, work);
    }
    if (isHere && isSame && old.config !== topic.config) work.push(this.#configure(topic));
  }

  #begin(topic: TopicImage, partition: number, state: PartitionState): Promise<void> {
    const replica = new Replica(topic.name, topic.topicId, partition, state);
    this.#context.replicas.add(replica);
    return this.#takeRole(replica);
  }

  #change(replica: Replica, state: PartitionState, work: Promise<unknown>[]): void {
    const { leader, follower } = replica;
    const isNewEpoch = state.leaderEpoch !== replica.state.leaderEpoch;
    replica.state = state;
    if (!isNewEpoch && (leader !== null || follower !== null)) {
      if (leader?.committed(state)) this.#advance(replica, leader);
      return;
    }
    if (leader !== null && state.leader === this.#context.brokerId) {
      // The same leader goes on under a new epoch: who waits for followers goes on waiting.
      this.#tell('resigned', replica, leader.leaderEpoch);
      try {
        this.#lead(replica);
        replica.recheckFetches();
      } catch (error) {
        this.fail(replica, error);
      }
      return;
    }
    this.#resign(replica, KafkaError.NOT_LEADER_OR_FOLLOWER);
    work.push(this.#takeRole(replica));
  }

  #resign(replica: Replica, errorCode: KafkaErrorCode): void {
    const { leader, follower } = replica;
    replica.leader = null;
    replica.follower = null;
    if (follower !== null) this.#context.following.stop(replica, follower);
    if (leader !== null) {
      this.#tell('resigned', replica, leader.leaderEpoch);
      replica.dismiss(errorCode);
    }
  }

  /** Opens the log where it is not, and takes up the role of the moment when it is this one's turn. */
  #takeRole(replica: Replica): Promise<void> {
    return this.#tracked(
      replica
        .exclusive(async () => {
          if (replica.log === null && replica.offline === null) await this.#open(replica);
          if (this.#isClosed || replica.isRemoved || replica.offline !== null) return;
          if (replica.leader !== null || replica.follower !== null) return;
          const { leader, leaderEpoch } = replica.state;
          if (leader === this.#context.brokerId) this.#lead(replica);
          else if (leader >= 0) await this.#follow(replica, leader, leaderEpoch);
        })
        .catch((error: unknown) => this.fail(replica, error)),
    );
  }

  async #open(replica: Replica): Promise<void> {
    const { logs, replicas, checkpoint } = this.#context;
    const { topic, topicId, partition } = replica;
    await this.#dropping.get(topic);
    if (replica.isRemoved || this.#isClosed) return;
    const config = replicas.image.topics.get(topic)?.config ?? {};
    const log = await logs.hostPartition({ topic, topicId, partition, config });
    log.setHighWatermark(checkpoint.initial(topic, partition, log));
    replica.log = log;
  }

  #lead(replica: Replica): void {
    const { brokerId, clock, config, isEligible, emit } = this.#context;
    const log = replica.log!;
    const { state, topic, partition } = replica;
    log.setLeaderEpoch(state.leaderEpoch);
    const leader = new LeaderState({
      brokerId,
      leaderEpoch: state.leaderEpoch,
      partitionEpoch: state.partitionEpoch,
      replicas: state.replicas,
      isr: state.isr,
      logEndOffset: log.logEndOffset,
      highWatermark: log.highWatermark,
      minInsyncReplicas: log.config.minInsyncReplicas,
      replicaLagTimeMaxMs: config.replicaLagTimeMaxMs,
      nowMs: clock.monotonic(),
      isEligible,
    });
    replica.leader = leader;
    if (leader.highWatermark !== log.highWatermark) replica.markMoved();
    replica.wake();
    const { leaderEpoch, epochStartOffset } = leader;
    emit({ kind: 'leader', topic, partition, leaderEpoch, startOffset: epochStartOffset });
    this.#tell('elected', replica, leaderEpoch);
  }

  async #follow(replica: Replica, leaderId: number, leaderEpoch: number): Promise<void> {
    const { config, emit, following } = this.#context;
    const { topic, partition } = replica;
    const follower = new FollowerState({
      leaderId,
      leaderEpoch,
      latestEpoch: replica.log!.latestEpoch,
      maxBackoffMs: config.replicaFetchBackoffMs,
    });
    replica.follower = follower;
    emit({ kind: 'follower', topic, partition, leaderEpoch, leaderId });
    await following.start(replica, follower);
  }

  /** This broker is no replica any more. */
  #leave(replica: Replica): Promise<void> {
    const { logs, replicas } = this.#context;
    replica.isRemoved = true;
    this.#resign(replica, KafkaError.NOT_LEADER_OR_FOLLOWER);
    replicas.remove(replica);
    const dropped = this.#tracked(
      replica
        .exclusive(() => logs.dropPartition(replica.topic, replica.partition))
        .catch((cause: unknown) => this.#taskFailed(replica, 'drop partition', cause)),
    );
    return this.#untilDropped(replica.topic, dropped);
  }

  #drop(topic: TopicImage): Promise<void> {
    const { logs, replicas } = this.#context;
    const gone = [...replicas.ofTopic(topic.name)];
    if (gone.length === 0) return Promise.resolve();
    for (const replica of gone) {
      replica.isRemoved = true;
      this.#resign(replica, KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
      replicas.remove(replica);
    }
    const first = gone[0]!;
    const dropped = Promise.all(gone.map((replica) => replica.exclusive(async () => undefined)))
      .then(() => logs.dropTopic(topic.topicId))
      .catch((cause: unknown) => this.#taskFailed(first, 'drop topic', cause));
    return this.#untilDropped(topic.name, this.#tracked(dropped));
  }

  /** Whatever is made under this name waits for it. */
  #untilDropped(topic: string, dropped: Promise<unknown>): Promise<void> {
    const all = Promise.all([this.#dropping.get(topic), dropped]).then(() => {
      if (this.#dropping.get(topic) === all) this.#dropping.delete(topic);
    });
    this.#dropping.set(topic, all);
    return all;
  }

  async #configure(topic: TopicImage): Promise<void> {
    const { logs, replicas } = this.#context;
    // A log that is being opened may have seen the settings from before.
    const here = [...replicas.ofTopic(topic.name)];
    await Promise.all(here.map((replica) => replica.exclusive(async () => undefined)));
    const now = replicas.image.topics.get(topic.name);
    if (now?.topicId !== topic.topicId) return;
    try {
      await logs.setTopicConfig(topic.name, now.config);
    } catch (cause) {
      for (const replica of replicas.ofTopic(topic.name)) {
        this.#taskFailed(replica, 'set topic config', cause);
        return;
      }
    }
    for (const replica of replicas.ofTopic(topic.name)) {
      const { leader, log } = replica;
      if (leader === null || log === null) continue;
      leader.minInsyncReplicas = log.config.minInsyncReplicas;
      this.#advance(replica, leader);
    }
  }

  /** A follower that may not join the ISR any more is not waited for. */
  #brokersChanged(): void {
    for (const replica of this.#context.replicas) {
      if (replica.leader === null) continue;
      this.#advance(replica, replica.leader);
      // A dead broker's log start does not hold up deletions.
      for (const [waiter, index] of replica.logStartWaiters) waiter.touched(replica, index);
    }
  }

  #advance(replica: Replica, leader: LeaderState): void {
    if (!leader.advance(this.#context.clock.monotonic())) return;
    replica.markMoved();
    replica.wake();
  }

  #tell(what: 'elected' | 'resigned', replica: Replica, leaderEpoch: number): void {
    for (const listener of this.#context.listeners) {
      listener[what](replica.topic, replica.partition, leaderEpoch);
    }
  }

  #taskFailed(replica: Replica, task: string, cause: unknown): void {
    const { topic, partition } = replica;
    this.#context.emit({ kind: 'task-failed', topic, partition, task, cause });
  }

  #tracked<T>(task: Promise<T>): Promise<T> {
    this.#tasks.add(task);
    const forget = () => this.#tasks.delete(task);
    task.then(forget, forget);
    return task;
  }
}
