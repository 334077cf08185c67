import type { Clock } from '../io/port.js';
import type {
  FetchPartitionData,
  FetchRequestInput,
  FetchResponse,
} from '../protocol/messages/data.js';
import type { Timers } from '../timers.js';
import type { FollowerState } from './follower-state.js';
import type { ReplicaConnection } from './ports.js';
import type { Replica } from './replica.js';
import type { ReplicationConfig } from './types.js';

/** How long a fetch that waits for records may hold up partitions that are not part of it. */
const JOIN_GRACE_MS = 5;
/** The same for the fetch after one that was given up: a large answer must get through, whatever comes meanwhile. */
const SECOND_GRACE_MS = 100;
/** How long the next fetch waits for partitions whose records are on their way to disk, so that they are in it. */
const SYNC_GRACE_MS = 5;
/** Slower disks: the leader holds fetches of the others no longer than this, so that those can join soon. */
const WAIT_BESIDE_SYNCS_MS = 2;

/** One partition of a fetch under way. */
export interface SentPartition {
  readonly replica: Replica;
  readonly follower: FollowerState;
  readonly fetchOffset: number;
}

interface Flight {
  readonly sent: ReadonlyMap<Replica, SentPartition>;
  /** The leader does not hold it for long: nothing is gained by giving it up. */
  readonly endsSoon: boolean;
}

export interface FetcherContext {
  readonly brokerId: number;
  readonly brokerEpoch: () => number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly config: ReplicationConfig;
  /** What the leader says of one partition. Must not throw. */
  readonly onData: (fetcher: ReplicaFetcher, sent: SentPartition, data: FetchPartitionData) => void;
  /** The whole fetch failed. */
  readonly onFailure: (
    fetcher: ReplicaFetcher,
    sent: readonly SentPartition[],
    cause: unknown,
  ) => void;
}

/**
 * Fetches from one leader broker, for all partitions that follow it: one request at a time with everything that is
 * ready. A partition that is not ready (its log is being cut, it waits after an error) is left out and does not
 * hold up the others. Kafka: AbstractFetcherThread.
 */
export class ReplicaFetcher {
  readonly leaderId: number;
  readonly connection: ReplicaConnection;
  readonly #context: FetcherContext;
  readonly #replicas = new Map<Replica, FollowerState>();
  #flight: Flight | null = null;
  /** Of the fetches from here on, until one is given up. */
  #abort = new AbortController();
  #cancelWake: (() => void) | null = null;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #cancelGrace: (() => void) | null = null;
  #hasGivenUp = false;
  /** Followers that wait for their disk. */
  readonly #syncing = new Set<FollowerState>();
  #cancelSyncGrace: (() => void) | null = null;
  /** Those that wait have been waited for long enough, until none is left. */
  #isSyncGraceOver = false;
  /** Where the next request begins, so that a full answer does not always leave out the same ones. */
  #rotation = 0;
  #isClosed = false;

  constructor(leaderId: number, connection: ReplicaConnection, context: FetcherContext) {
    this.leaderId = leaderId;
    this.connection = connection;
    this.#context = context;
  }

  get size(): number {
    return this.#replicas.size;
  }

  /** The replica follows this leader from now on. */
  add(replica: Replica, follower: FollowerState): void {
    this.#replicas.set(replica, follower);
    this.wake();
  }

  remove(replica: Replica): void {
    this.#replicas.delete(replica);
  }

  /** `follower` is not ready until its log is on disk, which ends soon. */
  syncStarted(follower: FollowerState): void {
    this.#syncing.add(follower);
  }

  syncEnded(follower: FollowerState): void {
    this.#syncing.delete(follower);
    this.wake();
  }

  close(): void {
    this.#isClosed = true;
    this.#replicas.clear();
    this.#cancelWake?.();
    this.#cancelGrace?.();
    this.#cancelSyncGrace?.();
    this.#abort.abort();
    this.connection.close();
  }

  /** Something is ready that was not: fetch, or let the fetch under way come to an end for it. */
  wake(): void {
    if (this.#isClosed) return;
    if (this.#flight === null) {
      this.#next();
      return;
    }
    if (this.#cancelGrace !== null || this.#flight.endsSoon) return;
    const flight = this.#flight;
    const graceMs = this.#hasGivenUp ? SECOND_GRACE_MS : JOIN_GRACE_MS;
    this.#cancelGrace = this.#context.timers.after(graceMs, () => {
      this.#cancelGrace = null;
      if (this.#flight === null || !this.#hasReadyOutside()) return;
      if (this.#flight !== flight) {
        // Another fetch by now: it has its own time.
        this.wake();
        return;
      }
      this.#hasGivenUp = true;
      this.#abort.abort();
    });
  }

  #hasReadyOutside(): boolean {
    const nowMs = this.#context.clock.monotonic();
    const { sent } = this.#flight!;
    for (const [replica, follower] of this.#replicas) {
      if (follower.isReady(nowMs) && sent.get(replica)?.follower !== follower) return true;
    }
    return false;
  }

  #send(): void {
    const sent = this.#ready();
    if (sent.size === 0) return;
    const endsSoon = this.#syncing.size > 0;
    const flight: Flight = { sent, endsSoon };
    this.#flight = flight;
    if (this.#abort.signal.aborted) this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.connection.fetch(this.#request(flight), signal).then(
      (response) => {
        if (this.#flight !== flight) return;
        this.#flight = null;
        this.#hasGivenUp = false;
        this.#deliver(sent, response);
        this.#next();
      },
      (cause: unknown) => {
        if (this.#flight !== flight) return;
        this.#flight = null;
        if (!signal.aborted) {
          this.#context.onFailure(this, [...sent.values()], cause);
        }
        this.#next();
      },
    );
  }

  #next(): void {
    if (!this.#isClosed && this.#flight === null && !this.#waitsForSyncs()) this.#send();
  }

  /** As a rule a sync takes no longer than it takes to fetch without its partition and to begin again. */
  #waitsForSyncs(): boolean {
    if (this.#syncing.size === 0) {
      this.#cancelSyncGrace?.();
      this.#cancelSyncGrace = null;
      this.#isSyncGraceOver = false;
      return false;
    }
    if (this.#isSyncGraceOver) return false;
    this.#cancelSyncGrace ??= this.#context.timers.after(SYNC_GRACE_MS, () => {
      this.#cancelSyncGrace = null;
      this.#isSyncGraceOver = true;
      this.#next();
    });
    return true;
  }

  /** What can be fetched now; also sees to it that what cannot is, in time. */
  #ready(): Map<Replica, SentPartition> {
    const nowMs = this.#context.clock.monotonic();
    const ready: SentPartition[] = [];
    let wakeAtMs = Number.POSITIVE_INFINITY;
    for (const [replica, follower] of this.#replicas) {
      if (follower.isReady(nowMs)) {
        ready.push({ replica, follower, fetchOffset: replica.log!.logEndOffset });
      } else if (follower.phase === 'delayed' && follower.retryAtMs < wakeAtMs) {
        wakeAtMs = follower.retryAtMs;
      }
    }
    this.#wakeAt(wakeAtMs, nowMs);
    this.#rotation = ready.length === 0 ? 0 : (this.#rotation + 1) % ready.length;
    const sent = new Map<Replica, SentPartition>();
    for (let i = 0; i < ready.length; i += 1) {
      const partition = ready[(i + this.#rotation) % ready.length]!;
      sent.set(partition.replica, partition);
    }
    return sent;
  }

  #wakeAt(atMs: number, nowMs: number): void {
    if (this.#cancelWake !== null && this.#wakeAtMs === atMs) return;
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#wakeAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.#cancelWake = this.#context.timers.after(Math.max(1, atMs - nowMs), () => {
      this.#cancelWake = null;
      this.wake();
    });
  }

  #request({ sent, endsSoon }: Flight): FetchRequestInput {
    const { brokerId, brokerEpoch, config } = this.#context;
    const { replicaFetchWaitMaxMs } = config;
    const topics = new Map<string, TopicRequest>();
    for (const { replica, follower, fetchOffset } of sent.values()) {
      const log = replica.log!;
      let topic = topics.get(replica.topicId);
      if (topic === undefined) {
        topic = { topic: replica.topic, topicId: replica.topicId, partitions: [] };
        topics.set(replica.topicId, topic);
      }
      topic.partitions.push({
        partition: replica.partition,
        currentLeaderEpoch: follower.leaderEpoch,
        fetchOffset,
        lastFetchedEpoch: log.latestEpoch,
        logStartOffset: log.logStartOffset,
        partitionMaxBytes: config.replicaFetchMaxBytes,
      });
    }
    return {
      replicaId: brokerId,
      replicaState: { replicaId: brokerId, replicaEpoch: brokerEpoch() },
      maxWaitMs: endsSoon
        ? Math.min(WAIT_BESIDE_SYNCS_MS, replicaFetchWaitMaxMs)
        : replicaFetchWaitMaxMs,
      minBytes: config.replicaFetchMinBytes,
      maxBytes: config.replicaFetchResponseMaxBytes,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [...topics.values()],
    };
  }

  /** Partitions that the answer leaves out are asked for again; ones that were not asked for are passed over. */
  #deliver(sent: ReadonlyMap<Replica, SentPartition>, response: FetchResponse): void {
    if (response.errorCode !== 0) {
      const cause = new Error(`the leader answered the fetch with error ${response.errorCode}`);
      this.#context.onFailure(this, [...sent.values()], cause);
      return;
    }
    const byPartition = new Map<string, Map<number, SentPartition>>();
    for (const partition of sent.values()) {
      const { topicId } = partition.replica;
      let ofTopic = byPartition.get(topicId);
      if (ofTopic === undefined) {
        ofTopic = new Map();
        byPartition.set(topicId, ofTopic);
      }
      ofTopic.set(partition.replica.partition, partition);
    }
    for (const { topicId, partitions } of response.responses) {
      const ofTopic = byPartition.get(topicId);
      if (ofTopic === undefined) continue;
      for (const data of partitions) {
        const partition = ofTopic.get(data.partitionIndex);
        if (partition === undefined) continue;
        ofTopic.delete(data.partitionIndex);
        if (this.#replicas.get(partition.replica) !== partition.follower) continue;
        this.#context.onData(this, partition, data);
      }
    }
  }
}

interface TopicRequest {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: {
    partition: number;
    currentLeaderEpoch: number;
    fetchOffset: number;
    lastFetchedEpoch: number;
    logStartOffset: number;
    partitionMaxBytes: number;
  }[];
}
