import { isVarveError, VarveError } from '../errors.js';
import { ASSIGNORS, type AssignorName } from '../groups/assignors/index.js';
import type { Assignor, TopicPartitions } from '../groups/assignors/types.js';
import { Consumer, type ConsumerOptions, type PollOptions, type SeekTarget } from './consumer.js';
import type { ConsumedRecord } from './fetch-state.js';
import { type CommittedOffset, GroupMember, type JoinedGroup } from './group-member.js';
import { type PartitionSource, partitionKey, type TopicPartition } from './partition-source.js';
import type { StoreGroups } from './store-groups.js';

export interface GroupConsumerOptions extends ConsumerOptions {
  /** Members of the same group share the topics' partitions: each partition has one member at a time. */
  readonly group: string;
  readonly topics: readonly string[];
  /**
   * How the partitions are divided; members of one group need one in common. Kafka: partition.assignment.strategy.
   * Default `cooperative-sticky`: members keep reading what stays theirs while the group changes.
   */
  readonly assignor?: AssignorName | Assignor;
  /** A name that stays the same when the program starts again: it gets its partitions back without a rebalance. */
  readonly instanceId?: string;
  /** A member that is silent for longer is given up. Kafka: session.timeout.ms. Default 45 s. */
  readonly sessionTimeoutMs?: number;
  /** Kafka: heartbeat.interval.ms. Default 3 s. */
  readonly heartbeatMs?: number;
  /** A program that does not poll for longer loses its partitions. Kafka: max.poll.interval.ms. Default 5 min. */
  readonly maxPollIntervalMs?: number;
  /**
   * `poll` commits what earlier polls handed out when this much time has passed since the last commit, and before
   * partitions are given away; `close` commits too. False: only `commit` does. Kafka: auto.commit.interval.ms. Default 5 s.
   */
  readonly autoCommitMs?: number | false;
  /** Called inside `poll` with partitions that are new, and with those that go to others. What they return is waited for. */
  readonly onAssigned?: (partitions: readonly TopicPartition[]) => void | Promise<void>;
  readonly onRevoked?: (partitions: readonly TopicPartition[]) => void | Promise<void>;
  /** The partitions are gone already: others may be reading them, and committing is refused. Default: `onRevoked`. */
  readonly onLost?: (partitions: readonly TopicPartition[]) => void | Promise<void>;
}

const KEEP_ALIVE_MS = 1000;

/**
 * A member of a consumer group, in this process: reads the partitions it is given, from the offsets that the
 * group has committed. Groups are Kafka's: the same rules and the same `__consumer_offsets`.
 *
 * What `poll` hands out counts as done at the next `poll`, so that after a crash records may come again and
 * none is left out.
 */
export class GroupConsumer {
  readonly #consumer: Consumer;
  readonly #member: GroupMember;
  readonly #groups: StoreGroups;
  readonly #options: GroupConsumerOptions;
  readonly #isCooperative: boolean;
  readonly #autoCommitMs: number;
  readonly #onClose: () => void;
  #rebalancing: Promise<void> | null = null;
  #isLost = false;
  #failure: Error | null = null;
  #wake = new AbortController();
  #isInPoll = false;
  #lastPollMs: number;
  #lastCommitMs: number;
  #closing: Promise<void> | null = null;

  constructor(
    source: PartitionSource,
    groups: StoreGroups,
    options: GroupConsumerOptions,
    onClose: () => void = () => {},
  ) {
    const { group, topics, assignor = 'cooperative-sticky' } = options;
    requireText('group', group);
    if (topics.length === 0)
      throw new VarveError('INVALID_ARGUMENT', 'there are no topics to consume');
    const chosen = typeof assignor === 'string' ? ASSIGNORS[assignor] : assignor;
    if (chosen === undefined) {
      throw new VarveError(
        'INVALID_CONFIG',
        `there is no assignor ${String(assignor)}; there are ${Object.keys(ASSIGNORS).join(', ')}`,
        { details: { assignor } },
      );
    }
    const maxPollIntervalMs = duration('maxPollIntervalMs', options.maxPollIntervalMs ?? 300_000);
    this.#consumer = new Consumer(source, options);
    this.#groups = groups;
    this.#options = options;
    this.#onClose = onClose;
    this.#isCooperative = chosen.isCooperative;
    this.#autoCommitMs =
      options.autoCommitMs === false
        ? Number.POSITIVE_INFINITY
        : duration('autoCommitMs', options.autoCommitMs ?? 5000);
    this.#lastPollMs = this.#lastCommitMs = groups.clock.monotonic();
    this.#member = new GroupMember(groups, {
      group,
      topics,
      assignors: [chosen],
      instanceId: options.instanceId ?? null,
      sessionTimeoutMs: duration('sessionTimeoutMs', options.sessionTimeoutMs ?? 45_000),
      heartbeatMs: duration('heartbeatMs', options.heartbeatMs ?? 3000),
      maxPollIntervalMs,
      partitionCount: (topic) => countOf(source, topic),
      onRejoin: (isLost) => {
        this.#isLost ||= isLost;
        this.#wake.abort();
      },
      onFailed: (error) => {
        this.#failure = error;
        this.#wake.abort();
      },
      isPolling: () =>
        this.#isInPoll || groups.clock.monotonic() - this.#lastPollMs <= maxPollIntervalMs,
    });
  }

  /** What this member has now. Empty until the first `poll` has joined, and for members in surplus. */
  get assignment(): TopicPartition[] {
    return this.#consumer.assignment;
  }

  /** Empty until it has joined. */
  get memberId(): string {
    return this.#member.memberId;
  }

  /** Grows with every rebalance; -1 until it has joined. */
  get generation(): number {
    return this.#member.generation;
  }

  /**
   * The next records of the partitions that this member has; joins the group, and joins it again when it has changed.
   * Waits as long as `timeoutMs` says, and goes on joining behind that. Rejects as `Consumer.poll`, and with
   * FENCED_INSTANCE_ID, INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED, INVALID_SESSION_TIMEOUT.
   */
  async poll(options: PollOptions = {}): Promise<ConsumedRecord[]> {
    const { signal } = options;
    const deadline = performance.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
    this.#isInPoll = true;
    try {
      for (;;) {
        this.#requireUsable();
        if (this.#member.needsJoin) {
          if (!(await this.#joinUntil(deadline, signal))) return [];
          continue;
        }
        await this.#autoCommit();
        const left = Math.max(0, deadline - performance.now());
        const records = await this.#pollAssigned(left, options);
        if (records === null) continue;
        if (records.length > 0 || performance.now() >= deadline) return records;
      }
    } finally {
      this.#isInPoll = false;
      this.#lastPollMs = this.#groups.clock.monotonic();
    }
  }

  /** Null: the group has to be joined again first. */
  async #pollAssigned(timeoutMs: number, options: PollOptions): Promise<ConsumedRecord[] | null> {
    const { signal } = options;
    const wake = new AbortController();
    this.#wake = wake;
    if (this.#member.needsJoin || this.#failure !== null) return null;
    const stop = () => wake.abort();
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return await this.#consumer.poll({ ...options, timeoutMs, signal: wake.signal });
    } catch (error) {
      const isOurs = isVarveError(error, 'ABORTED') && !signal?.aborted;
      if (!isOurs) throw error;
      return null;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** False: the time was over first; joining goes on. */
  async #joinUntil(deadline: number, signal: AbortSignal | undefined): Promise<boolean> {
    this.#rebalancing ??= this.#rebalance().finally(() => {
      this.#rebalancing = null;
    });
    const joining = this.#rebalancing;
    // The coordinator's timers do not keep the process alive; a program that waits for its first records should go on.
    const keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
    let cancel: () => void = () => {};
    const over = new Promise<boolean>((resolve, reject) => {
      const left = deadline - performance.now();
      const cancelTimer =
        left === Number.POSITIVE_INFINITY
          ? () => {}
          : this.#groups.timers.after(left, () => resolve(false));
      const abort = () =>
        reject(
          new VarveError('ABORTED', 'polling was aborted by its signal', { cause: signal?.reason }),
        );
      if (signal?.aborted) abort();
      signal?.addEventListener('abort', abort, { once: true });
      cancel = () => {
        cancelTimer();
        signal?.removeEventListener('abort', abort);
      };
    });
    try {
      return await Promise.race([joining.then(() => true), over]);
    } finally {
      clearInterval(keepAlive);
      cancel();
      // Its failure is met by the next poll's own attempt.
      joining.catch(() => {});
    }
  }

  async #rebalance(): Promise<void> {
    if (this.#isLost) await this.#loseAll();
    else if (!this.#isCooperative) {
      await this.#giveUp(this.assignment);
      this.#consumer.assign([]);
    } else await this.#commitQuietly();
    const joined = await this.#member.join(byTopic(this.assignment));
    if (this.#closing !== null) return;
    try {
      await this.#take(joined);
    } catch (error) {
      // Half of it is done: the next poll does it again.
      this.#member.rejoin();
      throw error;
    }
  }

  async #take(joined: JoinedGroup): Promise<void> {
    if (joined.isLost) await this.#loseAll();
    const given = flatten(joined.given);
    const keep = new Set(given.map(({ topic, partition }) => partitionKey(topic, partition)));
    const revoked = this.assignment.filter((place) => !keep.has(keyOf(place)));
    if (revoked.length > 0) await this.#giveUp(revoked);
    const held = new Set(this.assignment.map(keyOf));
    const added = given.filter((place) => !held.has(keyOf(place)));
    const committed = added.length === 0 ? [] : await this.#member.committed(added);
    const offsets = new Map(added.map((place, i) => [keyOf(place), committed[i]?.offset]));
    this.#consumer.assign(
      given.map((place) => {
        const offset = offsets.get(keyOf(place));
        return offset === undefined ? place : { ...place, offset };
      }),
    );
    if (added.length > 0) await this.#options.onAssigned?.(added);
    // What was taken from this member is given out when everybody has let go.
    if (this.#isCooperative && revoked.length > 0) this.#member.rejoin();
  }

  async #loseAll(): Promise<void> {
    this.#isLost = false;
    const lost = this.assignment;
    this.#consumer.assign([]);
    const { onLost = this.#options.onRevoked } = this.#options;
    if (lost.length > 0) await onLost?.(lost);
  }

  async #giveUp(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    await this.#commitQuietly();
    await this.#options.onRevoked?.(partitions);
  }

  /** Before others take over: what cannot be committed any more comes again there, which is allowed. */
  async #commitQuietly(): Promise<void> {
    if (this.#autoCommitMs === Number.POSITIVE_INFINITY || this.#member.generation < 0) return;
    try {
      await this.commit();
    } catch (error) {
      if (!isVarveError(error)) throw error;
    }
  }

  async #autoCommit(): Promise<void> {
    const now = this.#groups.clock.monotonic();
    if (now - this.#lastCommitMs < this.#autoCommitMs) return;
    try {
      await this.commit();
    } catch (error) {
      // The group is changing: joining again commits, or finds the partitions gone.
      const isChanging =
        isVarveError(error, 'REBALANCE_IN_PROGRESS') ||
        isVarveError(error, 'ILLEGAL_GENERATION') ||
        isVarveError(error, 'UNKNOWN_MEMBER_ID');
      if (!isChanging) throw error;
    }
  }

  /**
   * Stores offsets for the group: those given, or where this member is, which is behind everything that `poll`
   * has handed out. They survive the death of the process when it resolves; with `durability: 'disk'`, power loss.
   * Fails with REBALANCE_IN_PROGRESS, ILLEGAL_GENERATION or UNKNOWN_MEMBER_ID when the partitions are, or may be, others'.
   */
  async commit(
    offsets?: readonly (TopicPartition & { readonly offset: number; readonly metadata?: string })[],
    options: { readonly durability?: 'disk' | 'process' } = {},
  ): Promise<void> {
    this.#lastCommitMs = this.#groups.clock.monotonic();
    const rows = offsets ?? this.#consumer.positions();
    if (rows.length === 0) return;
    await this.#member.commit(rows);
    if (options.durability === 'disk') await this.#groups.flush(this.#options.group);
  }

  /** What the group has committed; null: nothing. */
  committed(partitions: readonly TopicPartition[]): Promise<(CommittedOffset | null)[]> {
    return this.#member.committed(partitions);
  }

  seek(place: TopicPartition, target: SeekTarget): void {
    this.#consumer.seek(place, target);
  }

  position(place: TopicPartition): number {
    return this.#consumer.position(place);
  }

  positions(): (TopicPartition & { offset: number })[] {
    return this.#consumer.positions();
  }

  /** Records between this member's positions and the ends. */
  lag(): (TopicPartition & { lag: number })[] {
    return this.#consumer.lag();
  }

  pause(...places: TopicPartition[]): void {
    this.#consumer.pause(...places);
  }

  resume(...places: TopicPartition[]): void {
    this.#consumer.resume(...places);
  }

  /** Records one by one, for ever: ends when the consumer is closed or the signal aborts. */
  async *records(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<ConsumedRecord> {
    while (this.#closing === null && !options.signal?.aborted) {
      let batch: ConsumedRecord[];
      try {
        batch = await this.poll(options);
      } catch (error) {
        const isEnd = isVarveError(error, 'ABORTED') || isVarveError(error, 'CLOSED');
        if (isEnd && (this.#closing !== null || options.signal?.aborted)) return;
        throw error;
      }
      yield* batch;
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<ConsumedRecord> {
    return this.records();
  }

  /** Commits, unless that is left to the program, and leaves the group. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (!this.#isLost) await this.#commitQuietly();
    await this.#member.close();
    await this.#consumer.close();
    this.#wake.abort();
    this.#onClose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #requireUsable(): void {
    if (this.#closing !== null) throw new VarveError('CLOSED', 'the consumer is closed');
    if (this.#failure !== null) throw this.#failure;
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return partitionKey(topic, partition);
}

function flatten(owned: readonly TopicPartitions[]): TopicPartition[] {
  return owned.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}

function byTopic(places: readonly TopicPartition[]): TopicPartitions[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of places) {
    topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

function countOf(source: PartitionSource, topic: string): number | null {
  try {
    return source.partitionCount(topic);
  } catch (error) {
    if (isVarveError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) return null;
    throw error;
  }
}

function requireText(name: string, value: string): void {
  if (typeof value === 'string' && value !== '') return;
  throw new VarveError('INVALID_ARGUMENT', `${name} must be a text that is not empty`, {
    details: { [name]: value },
  });
}

function duration(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new VarveError('INVALID_CONFIG', `${name} ${value} must be above 0 milliseconds`, {
    details: { [name]: value },
  });
}
