import type { PartitionLog } from '../log/partition-log.js';
import type {
  FetchRequestInput,
  FetchResponse,
  ListOffsetsRequestInput,
  ListOffsetsResponse,
} from '../protocol/messages/data.js';

export interface HostedPartition {
  readonly topic: string;
  /** Kafka's text form of a UUID. */
  readonly topicId: string;
  readonly partition: number;
}

export interface HighWatermarkEntry {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** Where replicas are kept: the data directory. Calls for different partitions may overlap. */
export interface LogProvider {
  /**
   * The log of a replica, opened or made; durable when it resolves. A topic of that name with another id is deleted
   * first: it was removed from the cluster while this broker was away. Rejects with VarveError (PARTITION_OFFLINE,
   * DISK_FULL, IO_FAILED ...) where this broker cannot serve the partition.
   */
  hostPartition(
    request: HostedPartition & { readonly config: Readonly<Record<string, string>> },
  ): Promise<PartitionLog>;
  /** Closes and deletes the topic's logs here. Nothing to do for one that is not there. */
  dropTopic(topicId: string): Promise<void>;
  dropPartition(topic: string, partition: number): Promise<void>;
  /** Replaces what the topic sets itself, in force at once. */
  setTopicConfig(topic: string, config: Readonly<Record<string, string>>): Promise<void>;
  /** Every partition there is a directory of, whether the cluster still wants it or not. */
  hosted(): Iterable<HostedPartition>;
  /** As saved last, by `<topic>-<partition>`. Kafka: replication-offset-checkpoint. */
  highWatermarks(): ReadonlyMap<string, number>;
  /** Replaces what was saved. Calls do not overlap. */
  saveHighWatermarks(entries: readonly HighWatermarkEntry[]): Promise<void>;
}

/** The way to the leaders on other brokers. */
export interface ReplicaTransport {
  /** Connects with the first request and again after a failure. */
  connect(brokerId: number): ReplicaConnection;
}

/**
 * Requests of one follower broker to one leader broker, answered in order. Each rejects when the broker cannot be
 * reached or its answer is not one; an aborted `signal` rejects at once, and the next request works again.
 */
export interface ReplicaConnection {
  /**
   * Version 15 or later (`replicaState`, topic ids). Topics carry both name and id; answers are matched by id. The
   * memory of an answer is looked at until the next `fetch` and not after it.
   */
  fetch(request: FetchRequestInput, signal: AbortSignal): Promise<FetchResponse>;
  /** Version 4 or later (leader epochs). */
  listOffsets(request: ListOffsetsRequestInput, signal: AbortSignal): Promise<ListOffsetsResponse>;
  close(): void;
}
