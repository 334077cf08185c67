import type { Clock } from '../io/port.js';
import type { PartitionLog } from '../log/partition-log.js';
import type { ControllerPort } from '../metadata/controller-port.js';
import type { MetadataImage } from '../metadata/image.js';
import type { KafkaErrorCode } from '../protocol/error-codes.js';
import type { Timers } from '../timers.js';
import type { FollowerPhase } from './follower-state.js';
import type { HostedPartition, LogProvider, ReplicaTransport } from './ports.js';

/** Kafka's broker settings of replication; Kafka's defaults where nothing else is said. */
export interface ReplicationConfig {
  /** replica.lag.time.max.ms: 30000 */
  readonly replicaLagTimeMaxMs: number;
  /** replica.fetch.wait.max.ms: 500 */
  readonly replicaFetchWaitMaxMs: number;
  /** replica.fetch.min.bytes: 1 */
  readonly replicaFetchMinBytes: number;
  /** replica.fetch.max.bytes: 1 MiB, for one partition */
  readonly replicaFetchMaxBytes: number;
  /** replica.fetch.response.max.bytes: 10 MiB */
  readonly replicaFetchResponseMaxBytes: number;
  /** replica.fetch.backoff.ms: 1000. Here the longest; the first is 10 ms, then twice the one before. */
  readonly replicaFetchBackoffMs: number;
  /** replica.high.watermark.checkpoint.interval.ms: 5000 */
  readonly highWatermarkCheckpointIntervalMs: number;
}

export const REPLICATION_DEFAULTS: ReplicationConfig = {
  replicaLagTimeMaxMs: 30_000,
  replicaFetchWaitMaxMs: 500,
  replicaFetchMinBytes: 1,
  replicaFetchMaxBytes: 1024 * 1024,
  replicaFetchResponseMaxBytes: 10 * 1024 * 1024,
  replicaFetchBackoffMs: 1000,
  highWatermarkCheckpointIntervalMs: 5000,
};

export interface ReplicaManagerOptions {
  readonly brokerId: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logs: LogProvider;
  readonly transport: ReplicaTransport;
  readonly controller: Pick<ControllerPort, 'alterPartitions'>;
  readonly config?: Partial<ReplicationConfig>;
  /** Of this life of the broker; asked at each request, as a new registration changes it. */
  readonly brokerEpoch: () => number;
  readonly onEvent?: (event: ReplicationEvent) => void;
}

/** For logs and metrics. */
export type ReplicationEvent = { readonly topic: string; readonly partition: number } & (
  | { readonly kind: 'leader'; readonly leaderEpoch: number; readonly startOffset: number }
  | { readonly kind: 'follower'; readonly leaderEpoch: number; readonly leaderId: number }
  | { readonly kind: 'isr-expanding' | 'isr-shrinking'; readonly isr: readonly number[] }
  | { readonly kind: 'isr-changed'; readonly isr: readonly number[] }
  | { readonly kind: 'isr-refused'; readonly errorCode: number }
  | { readonly kind: 'truncated'; readonly from: number; readonly to: number }
  | { readonly kind: 'restarted'; readonly from: number; readonly to: number }
  | { readonly kind: 'fetch-failed'; readonly leaderId: number; readonly cause: unknown }
  | { readonly kind: 'offline'; readonly cause: unknown }
  | { readonly kind: 'task-failed'; readonly task: string; readonly cause: unknown }
);

export interface CurrentLeader {
  /** -1: none. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

export interface ProducePartition {
  readonly topic: string;
  readonly partition: number;
  /** Whole batches. Copied before `produce` returns. */
  readonly records: Buffer | null;
}

export interface ProduceOptions {
  /** 0, 1 or -1 (all in-sync replicas). */
  readonly acks: number;
  /** How long acks=-1 waits for followers. A sync that flush.messages asks for is waited for to its end. */
  readonly timeoutMs: number;
  /** Default `client`, which may not write internal topics. */
  readonly origin?: 'client' | 'coordinator';
}

/** Named as the fields of Kafka's produce response, so that it can be encoded as it is. */
export interface PartitionProduceResult {
  readonly topic: string;
  readonly index: number;
  readonly errorCode: KafkaErrorCode;
  /** -1 with an error. */
  readonly baseOffset: number;
  /** -1 unless the topic's timestamps are LogAppendTime. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  readonly errorMessage: string | null;
  /** With NOT_LEADER_OR_FOLLOWER, where it is known. */
  readonly currentLeader?: CurrentLeader;
}

export interface FetchPartitionRequest {
  readonly topic: string;
  /** Zero UUID or '': not given. */
  readonly topicId: string;
  readonly partition: number;
  /** -1: not checked. */
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: number;
  /** -1: not checked. */
  readonly lastFetchedEpoch: number;
  /** Of the follower; -1 from consumers. */
  readonly logStartOffset: number;
  readonly partitionMaxBytes: number;
}

export interface FetchOptions {
  /** -1: a consumer. */
  readonly replicaId: number;
  /** Broker epoch of the follower, which must be the one it is registered with: since version 15 of Fetch. */
  readonly replicaEpoch: number;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  /** 0 read_uncommitted, 1 read_committed. Followers read to the log end. */
  readonly isolationLevel: number;
  readonly partitions: readonly FetchPartitionRequest[];
  /** Aborted: nobody waits for the answer any more; what is returned then may be empty. */
  readonly signal?: AbortSignal;
}

/** Named as the fields of Kafka's fetch response, so that it can be encoded as it is. */
export interface FetchPartitionResult {
  readonly topic: string;
  readonly topicId: string;
  readonly partitionIndex: number;
  readonly errorCode: KafkaErrorCode;
  /** This and the next two: -1 with an error. */
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** The follower has something else than this leader: it must truncate. */
  readonly divergingEpoch?: { readonly epoch: number; readonly endOffset: number };
  /** With NOT_LEADER_OR_FOLLOWER and FENCED_LEADER_EPOCH, where it is known. */
  readonly currentLeader?: CurrentLeader;
  /** Null for read_uncommitted and followers. */
  readonly abortedTransactions:
    | readonly { readonly producerId: number; readonly firstOffset: number }[]
    | null;
  /** Whole batches: a view that stays as it is for as long as it is held. */
  readonly records: Buffer;
}

export interface ListOffsetRequest {
  readonly topic: string;
  readonly partition: number;
  /** -1: not checked. */
  readonly currentLeaderEpoch: number;
  /** Milliseconds since 1970, or -1 latest, -2 earliest, -3 largest timestamp, -4 earliest local, -5 latest tiered. */
  readonly timestamp: number;
}

export interface ListOffsetOptions {
  /** -1: a consumer; a follower sees the log end. */
  readonly replicaId: number;
  readonly isolationLevel: number;
}

/** `offset` -1 without an error: there is none. */
export interface ListOffsetResult {
  readonly partitionIndex: number;
  /** OFFSET_NOT_AVAILABLE: clients before version 5 are told LEADER_NOT_AVAILABLE by the caller. */
  readonly errorCode: KafkaErrorCode;
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

export interface OffsetForEpochRequest {
  readonly topic: string;
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly leaderEpoch: number;
}

export interface OffsetForEpochResult {
  readonly partition: number;
  readonly errorCode: KafkaErrorCode;
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

export interface DeleteRecordsPartition {
  readonly topic: string;
  readonly partition: number;
  /** -1: the high watermark. */
  readonly offset: number;
}

export interface DeleteRecordsResult {
  readonly topic: string;
  readonly partitionIndex: number;
  readonly errorCode: KafkaErrorCode;
  /** Least log start of all live replicas; -1 with an error. */
  readonly lowWatermark: number;
}

export interface FollowerStatus {
  readonly brokerId: number;
  /** -1: has not fetched under this leader. */
  readonly logEndOffset: number;
  /** Records behind the leader; -1: unknown. */
  readonly lag: number;
  readonly isInSync: boolean;
  /** Milliseconds since it was last caught up. */
  readonly behindMs: number;
}

export interface PartitionStatus {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly role: 'leader' | 'follower' | 'none' | 'offline';
  /** -1: none. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly highWatermark: number;
  readonly sizeBytes: number;
  /** Of a leader only. */
  readonly followers: readonly FollowerStatus[];
  readonly isUnderReplicated: boolean;
  readonly isUnderMinIsr: boolean;
  /** Of a follower only: what it is doing. */
  readonly fetchPhase: FollowerPhase | null;
}

export interface OfflineReplica {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly cause: unknown;
}

/** Told, in this order, as soon as a role is in place or given up. Must not throw. */
export interface LeadershipListener {
  elected(topic: string, partition: number, leaderEpoch: number): void;
  resigned(topic: string, partition: number, leaderEpoch: number): void;
}

/** What `ReplicaManager` (replica-manager.ts) offers the broker, the coordinator and metrics. */
export interface Replicas {
  /**
   * Takes up the roles that the image gives this broker. Resolves when they are in place; partitions whose log
   * cannot be opened are offline then. Calls run one after another. Leaderships that end, end before it returns.
   */
  applyImage(image: MetadataImage): Promise<void>;
  /** Partitions led now are told at once. Returns how to stop listening. */
  onLeadership(listener: LeadershipListener): () => void;
  /**
   * Appends to partitions led here. One result for each request, in order; an array at once unless acks=-1 has to
   * wait for followers, or acks=1 and -1 for a sync that flush.messages asks for. Never rejects.
   */
  produce(
    requests: readonly ProducePartition[],
    options: ProduceOptions,
  ): PartitionProduceResult[] | Promise<PartitionProduceResult[]>;
  /** For the coordinator: appends one ready batch with acks=-1. */
  appendLocal(
    topic: string,
    partition: number,
    records: Buffer,
    options: { readonly timeoutMs: number },
  ): Promise<PartitionProduceResult>;
  /**
   * Reads from partitions led here, up to the log end for followers, the high watermark or the last stable offset
   * for consumers. One result for each request, in order; at once when `minBytes` are there, else when they are, a
   * partition cannot be read any more, or `maxWaitMs` is over. Never rejects.
   */
  fetch(options: FetchOptions): FetchPartitionResult[] | Promise<FetchPartitionResult[]>;
  listOffset(request: ListOffsetRequest, options: ListOffsetOptions): ListOffsetResult;
  offsetForLeaderEpoch(request: OffsetForEpochRequest): OffsetForEpochResult;
  /** Moves log starts up; resolves when every live replica has, or with REQUEST_TIMED_OUT. Never rejects. */
  deleteRecords(
    requests: readonly DeleteRecordsPartition[],
    options: { readonly timeoutMs: number },
  ): Promise<DeleteRecordsResult[]>;
  /** True when everything below `offset` is committed, false when the partition is not led here (any more). */
  waitForHighWatermark(topic: string, partition: number, offset: number): Promise<boolean>;
  /** The log of a partition led here, to read up to its end; null otherwise. */
  leaderLog(topic: string, partition: number): PartitionLog | null;
  /** Null: no replica here. */
  partition(topic: string, partition: number): PartitionStatus | null;
  partitions(): Iterable<PartitionStatus>;
  /** Replicas whose log cannot be opened or written: for the heartbeat. */
  offlinePartitions(): OfflineReplica[];
  /**
   * Deletes logs that the image gives this broker no replica of, and says which. For once the metadata has been
   * caught up with after a start: what a removed topic or an ended reassignment left behind. Kafka: stray logs.
   */
  removeStrays(): Promise<HostedPartition[]>;
  /** Gives up all roles, answers what waits, saves high watermarks. The logs are their owner's to close. */
  close(): Promise<void>;
}
