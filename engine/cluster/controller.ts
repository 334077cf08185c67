import { isVarveError, VarveError } from '../errors.js';
import { randomUuid } from '../format/uuid.js';
import type { Clock } from '../io/port.js';
import type {
  AlterPartitionAnswer,
  AlterPartitionsRequest,
  BrokerHeartbeat,
  BrokerHeartbeatAnswer,
  ControllerPort,
  CreateTopicAnswer,
  CreateTopicsCommand,
  FetchMetadataAnswer,
  FetchMetadataRequest,
  RegisterBrokerRequest,
  TopicAnswer,
} from '../metadata/controller-port.js';
import type { MetadataImage, TopicImage } from '../metadata/image.js';
import type { BrokerState } from '../metadata/records.js';
import type { Timers } from '../timers.js';
import { adoptTopics, type FoundTopics } from './adopt-topics.js';
import {
  electLeaderless,
  fenceBrokers,
  leaveOffline,
  registerBroker,
  shutDownBroker,
  unfenceBroker,
} from './broker-decisions.js';
import { BrokerSessions } from './broker-sessions.js';
import { alterConfigs, type ConfigValidator } from './config-decisions.js';
import {
  type ControllerConfig,
  type ControllerConfigInput,
  completeControllerConfig,
} from './controller-config.js';
import { type ClusterRules, type Decision, Draft } from './decision.js';
import { DecisionLog } from './decision-log.js';
import { NO_LEADER } from './elections.js';
import {
  alterPartitions,
  balanceLeaders,
  electLeaders,
  reassignPartitions,
} from './isr-decisions.js';
import type { MetadataLog } from './ports.js';
import { createPartitions, createTopics, deleteTopics } from './topic-decisions.js';

/** Producer ids given to a broker at a time [Kafka `ProducerIdsBlock`]. */
export const PRODUCER_ID_BLOCK = 1_000;
/** Leaders moved back in one decision [Kafka `MAX_ELECTIONS_PER_IMBALANCE`]. */
const MAX_MOVES_PER_DECISION = 1_000;
const RETRY_MS = 1_000;

/** For logs and metrics. */
export type ControllerEvent =
  | {
      readonly kind: 'broker-registered';
      readonly broker: BrokerState;
      readonly wasCleanStop: boolean;
    }
  | { readonly kind: 'broker-unfenced'; readonly brokerId: number }
  | {
      readonly kind: 'broker-fenced';
      readonly brokerId: number;
      readonly reason: 'session-timeout' | 'failed' | 'shutdown';
    }
  | {
      readonly kind: 'unclean-election';
      readonly topic: string;
      readonly partition: number;
      readonly leader: number;
    }
  /** A decision that nobody asked for could not be written; it is tried again. */
  | { readonly kind: 'postponed'; readonly cause: unknown }
  /** The log failed: this controller decides nothing any more. */
  | { readonly kind: 'failed'; readonly cause: unknown };

export interface ControllerOptions {
  readonly log: MetadataLog;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly config?: ControllerConfigInput;
  /** Settings of brokers and groups are checked by whoever knows them. */
  readonly validateConfig: ConfigValidator;
  /** In [0, 1): where replicas are placed. */
  readonly random: () => number;
  /** Default: random ids. */
  readonly newTopicId?: () => string;
  /** Of a cluster that begins with this log. Default: a random id. */
  readonly clusterId?: string;
  /** No broker can be alive: it is the caller that starts them. Then leaders are elected as they come. */
  readonly isColdStart?: boolean;
  readonly onEvent?: (event: ControllerEvent) => void;
}

/**
 * Decides who leads, who is in sync and what topics there are, for all brokers of one cluster. One controller owns
 * one log, so there is no election among controllers. Every answer is about something that survives power loss.
 */
export class Controller implements ControllerPort {
  readonly config: ControllerConfig;
  readonly #options: ControllerOptions;
  readonly #decisions: DecisionLog;
  readonly #sessions: BrokerSessions;
  readonly #rules: ClusterRules;
  /** Partitions that brokers said they cannot write: `topicId/partition` by broker. */
  readonly #offline = new Map<number, ReadonlySet<string>>();
  readonly #onEvent: (event: ControllerEvent) => void;
  #cancelBalance: (() => void) | null = null;
  readonly #cancelRetries = new Set<() => void>();

  private constructor(
    options: ControllerOptions,
    config: ControllerConfig,
    decisions: DecisionLog,
  ) {
    this.#options = options;
    this.config = config;
    this.#decisions = decisions;
    this.#onEvent = options.onEvent ?? (() => undefined);
    this.#sessions = new BrokerSessions({
      clock: options.clock,
      timers: options.timers,
      timeoutMs: config.sessionTimeoutMs,
      onExpired: (brokerIds) => this.#inBackground(() => this.#fence(brokerIds, 'session-timeout')),
    });
    this.#rules = {
      isOffline: (brokerId, topicId, partition) =>
        this.#offline.get(brokerId)?.has(`${topicId}/${partition}`) ?? false,
      allowsUnclean: (image, topic) => this.#allowsUnclean(image, topic),
    };
  }

  /** Replays the log. Fails with CORRUPT_MESSAGE, INVALID_CONFIG, or as the log does. */
  static async open(options: ControllerOptions): Promise<Controller> {
    const config = completeControllerConfig(options.config ?? {});
    const onFailed = (cause: unknown): void => options.onEvent?.({ kind: 'failed', cause });
    const decisions = await DecisionLog.load(options.log, options.timers, onFailed);
    const controller = new Controller(options, config, decisions);
    await controller.#start();
    return controller;
  }

  /** What is durable. */
  get image(): MetadataImage {
    return this.#decisions.feed.image;
  }

  /** Why this controller decides nothing any more, or null. */
  get stopped(): VarveError | null {
    return this.#decisions.stopped;
  }

  async #start(): Promise<void> {
    const { isColdStart = false, clusterId = randomUuid() } = this.#options;
    await this.#decide((draft) => {
      if (draft.image.clusterId === '') draft.records.push({ type: 'cluster', clusterId });
      const live = [...draft.image.brokers.values()].filter(({ isFenced }) => !isFenced);
      if (isColdStart && live.length > 0) fenceBrokers(draft, live);
    });
    for (const { brokerId } of this.image.liveBrokers()) this.#sessions.heard(brokerId);
    this.#scheduleBalance(this.config.leaderImbalanceCheckIntervalMs);
  }

  /** Stops deciding. Requests under way are answered or rejected with NOT_CONTROLLER. */
  async close(): Promise<void> {
    this.#sessions.close();
    this.#cancelBalance?.();
    for (const cancel of this.#cancelRetries) cancel();
    this.#cancelRetries.clear();
    await this.#decisions.close();
  }

  // --- brokers

  async registerBroker(request: RegisterBrokerRequest): Promise<{ brokerEpoch: number }> {
    const { brokerId, wasCleanStop } = request;
    const broker = await this.#decide((draft) => registerBroker(draft, request));
    this.#endSession(brokerId);
    this.#offline.delete(brokerId);
    this.#onEvent({ kind: 'broker-registered', broker, wasCleanStop });
    return { brokerEpoch: broker.brokerEpoch };
  }

  async heartbeat(request: BrokerHeartbeat): Promise<BrokerHeartbeatAnswer> {
    if (this.#decisions.stopped !== null) throw this.#decisions.stopped;
    const { brokerId, brokerEpoch, version, wantsShutdown } = request;
    const broker = this.#decisions.latest.brokers.get(brokerId);
    if (broker?.brokerEpoch !== brokerEpoch) {
      return { isFenced: true, mayShutDown: true, isStale: true };
    }
    if (!broker.isFenced) this.#sessions.heard(brokerId);
    this.#updateOffline(request);
    if (wantsShutdown) {
      if (!broker.isShuttingDown) await this.#shutDown(broker);
      return { isFenced: true, mayShutDown: true, isStale: false };
    }
    const mayUnfence = broker.isFenced && !broker.isShuttingDown && version >= brokerEpoch;
    if (mayUnfence) await this.#unfence(brokerId, brokerEpoch);
    const isFenced = this.#decisions.latest.brokers.get(brokerId)?.isFenced ?? true;
    return { isFenced, mayShutDown: false, isStale: false };
  }

  /** The broker's process is seen to have ended: nothing is waited for. */
  async brokerFailed(brokerId: number): Promise<void> {
    await this.#fence([brokerId], 'failed');
    this.#endSession(brokerId);
  }

  async allocateProducerIds(request: {
    readonly brokerId: number;
    readonly brokerEpoch: number;
  }): Promise<{ first: number; count: number }> {
    return this.#decide((draft) => {
      const { brokerId, brokerEpoch } = request;
      if (draft.brokers.get(brokerId)?.brokerEpoch !== brokerEpoch) {
        throw new VarveError(
          'NOT_CONTROLLER',
          `broker ${brokerId} is not registered with epoch ${brokerEpoch}: it must register again`,
          { retriable: true, details: { brokerId, brokerEpoch } },
        );
      }
      const first = draft.image.nextProducerId;
      draft.records.push({ type: 'producer-ids', next: first + PRODUCER_ID_BLOCK });
      return { first, count: PRODUCER_ID_BLOCK };
    });
  }

  async #unfence(brokerId: number, brokerEpoch: number): Promise<void> {
    const done = await this.#decide((draft) => {
      const broker = draft.brokers.get(brokerId);
      if (broker?.brokerEpoch !== brokerEpoch || !broker.isFenced || broker.isShuttingDown) {
        return false;
      }
      unfenceBroker(draft, broker);
      this.#sessions.heard(brokerId);
      return true;
    });
    if (done) this.#onEvent({ kind: 'broker-unfenced', brokerId });
  }

  async #shutDown({ brokerId, brokerEpoch }: BrokerState): Promise<void> {
    await this.#decide((draft) => {
      const broker = draft.brokers.get(brokerId);
      if (broker?.brokerEpoch === brokerEpoch) shutDownBroker(draft, broker);
    });
    this.#endSession(brokerId);
    this.#onEvent({ kind: 'broker-fenced', brokerId, reason: 'shutdown' });
  }

  /** After the decision: one that could not be written leaves the session to end by itself. */
  #endSession(brokerId: number): void {
    if (this.#decisions.latest.brokers.get(brokerId)?.isFenced ?? true) {
      this.#sessions.end(brokerId);
    }
  }

  async #fence(brokerIds: readonly number[], reason: 'session-timeout' | 'failed'): Promise<void> {
    const fenced = await this.#decide((draft) => {
      const live = brokerIds.flatMap((id) => {
        const broker = draft.brokers.get(id);
        return broker === undefined || broker.isFenced ? [] : [broker];
      });
      if (live.length > 0) fenceBrokers(draft, live);
      return live;
    });
    for (const { brokerId } of fenced) {
      this.#onEvent({ kind: 'broker-fenced', brokerId, reason });
    }
  }

  #updateOffline({ brokerId, offline }: BrokerHeartbeat): void {
    const before = this.#offline.get(brokerId) ?? new Set<string>();
    if (before.size === 0 && offline.length === 0) return;
    const now = new Set(offline.map(({ topicId, partition }) => `${topicId}/${partition}`));
    const lost = [...now].filter((id) => !before.has(id));
    const isBack = [...before].some((id) => !now.has(id));
    if (now.size === 0) this.#offline.delete(brokerId);
    else this.#offline.set(brokerId, now);
    if (lost.length > 0) {
      const isLost = new Set(lost);
      this.#inBackground(() =>
        this.#decide((draft) =>
          leaveOffline(draft, brokerId, (topicId, partition) =>
            isLost.has(`${topicId}/${partition}`),
          ),
        ),
      );
    }
    if (isBack) this.#inBackground(() => this.#decide(electLeaderless));
  }

  // --- partitions

  async fetchMetadata(request: FetchMetadataRequest): Promise<FetchMetadataAnswer> {
    if (this.#decisions.stopped !== null) throw this.#decisions.stopped;
    return this.#decisions.feed.fetch(request.fromVersion, request.maxWaitMs);
  }

  async alterPartitions(request: AlterPartitionsRequest): Promise<readonly AlterPartitionAnswer[]> {
    return this.#decide((draft) => alterPartitions(draft, request));
  }

  async electLeaders(request: Parameters<ControllerPort['electLeaders']>[0]) {
    return this.#decide((draft) => electLeaders(draft, request.type, request.partitions));
  }

  async reassignPartitions(request: Parameters<ControllerPort['reassignPartitions']>[0]) {
    return this.#decide((draft) => reassignPartitions(draft, request.partitions));
  }

  #scheduleBalance(afterMs: number): void {
    if (!this.config.autoLeaderRebalance) return;
    this.#cancelBalance = this.#options.timers.after(afterMs, () => {
      this.#cancelBalance = null;
      const next = (isMore: boolean): void => {
        if (this.#decisions.stopped !== null) return;
        this.#scheduleBalance(isMore ? 0 : this.config.leaderImbalanceCheckIntervalMs);
      };
      this.#decide((draft) => balanceLeaders(draft, MAX_MOVES_PER_DECISION)).then(next, (cause) => {
        this.#onEvent({ kind: 'postponed', cause });
        next(false);
      });
    });
  }

  // --- topics and settings

  async createTopics(request: CreateTopicsCommand): Promise<readonly CreateTopicAnswer[]> {
    const { random, newTopicId = randomUuid } = this.#options;
    const { numPartitions: partitions, defaultReplicationFactor: replicationFactor } = this.config;
    const defaults = { partitions, replicationFactor };
    return this.#decide((draft) => createTopics(draft, request, { defaults, random, newTopicId }));
  }

  /**
   * Before a cluster's first broker registers: the topics that its data directory has become the cluster's, with
   * that broker as their only replica. False, and nothing done, in a cluster that has had a broker or topics.
   */
  async adoptTopics(found: FoundTopics, brokerId: number): Promise<boolean> {
    return this.#decide((draft) => adoptTopics(draft, found, brokerId));
  }

  async deleteTopics(request: Parameters<ControllerPort['deleteTopics']>[0]) {
    return this.#decide((draft) => deleteTopics(draft, request.topics));
  }

  async createPartitions(
    request: Parameters<ControllerPort['createPartitions']>[0],
  ): Promise<readonly TopicAnswer[]> {
    const { topics, validateOnly } = request;
    const { random } = this.#options;
    return this.#decide((draft) => createPartitions(draft, topics, validateOnly, random));
  }

  async alterConfigs(request: Parameters<ControllerPort['alterConfigs']>[0]) {
    const { resources, validateOnly } = request;
    const { validateConfig } = this.#options;
    const answers = await this.#decide((draft) =>
      alterConfigs(draft, resources, validateOnly, validateConfig),
    );
    // Where losing records is allowed from now on, nobody has to lead no longer.
    const isLeaderless = [...this.#decisions.latest.topics.values()].some(({ partitions }) =>
      partitions.some(({ leader }) => leader === NO_LEADER),
    );
    if (!validateOnly && isLeaderless) await this.#decide(electLeaderless);
    return answers;
  }

  #allowsUnclean(image: MetadataImage, topic: TopicImage): boolean {
    const name = 'unclean.leader.election.enable';
    const text = topic.config[name] ?? image.configOf('broker', '')[name];
    return text === undefined
      ? this.config.allowsUncleanElection
      : text.trim().toLowerCase() === 'true';
  }

  // --- deciding

  #decide<T>(decider: (draft: Draft) => T): Promise<T> {
    return this.#decisions.decide((image): Decision<T> => {
      const draft = new Draft(image, this.#rules);
      const answer = decider(draft);
      this.#reportUnclean(draft);
      return draft.decide(answer);
    });
  }

  #reportUnclean({ image, records }: Draft): void {
    for (const record of records) {
      if (record.type !== 'partition' || !record.isRecovering) continue;
      const topic = image.topicById(record.topicId);
      const { partition, leader, leaderEpoch } = record;
      if (topic === undefined || topic.partitions[partition]?.leaderEpoch === leaderEpoch) continue;
      if (topic.partitions[partition]?.isr.includes(leader)) continue;
      this.#onEvent({ kind: 'unclean-election', topic: topic.name, partition, leader });
    }
  }

  /** For what nobody asked for: a full disk puts it off. */
  #inBackground(work: () => Promise<unknown>): void {
    work().catch((cause: unknown) => {
      if (this.#decisions.stopped !== null || !isVarveError(cause)) return;
      this.#onEvent({ kind: 'postponed', cause });
      const cancel = this.#options.timers.after(RETRY_MS, () => {
        this.#cancelRetries.delete(cancel);
        this.#inBackground(work);
      });
      this.#cancelRetries.add(cancel);
    });
  }
}
