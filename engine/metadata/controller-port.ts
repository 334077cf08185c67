import type { KafkaErrorCode } from '../protocol/error-codes.js';
import type { ConfigResource, MetadataRecord, PartitionState } from './records.js';

/*
 * What brokers ask of the controller. The controller itself implements it, and so does its stub in another process.
 * Every method may be called while others are under way. A method rejects with VarveError NOT_CONTROLLER (retriable)
 * while the controller cannot be reached or is stopping; refusals of what was asked are error codes in the answer.
 */
export interface ControllerPort {
  /**
   * A broker's process has started. It is fenced until its heartbeats say that it has caught up with the metadata.
   * Replaces an earlier life of the same broker. `wasCleanStop` false: what it held may be lost in part, so it leaves
   * every ISR that has another member (Kafka: KIP-966).
   */
  registerBroker(request: RegisterBrokerRequest): Promise<{ readonly brokerEpoch: number }>;
  /** Missing for the session timeout: the broker is fenced. */
  heartbeat(request: BrokerHeartbeat): Promise<BrokerHeartbeatAnswer>;
  /**
   * Batches from `fromVersion` on; waits up to `maxWaitMs` when there are none. When `fromVersion` is older than the
   * log's start, the first batch begins with a `snapshot` record.
   */
  fetchMetadata(request: FetchMetadataRequest): Promise<FetchMetadataAnswer>;
  /** The leader changes its partition's ISR: compare-and-set on partition epoch and leader epoch. */
  alterPartitions(request: AlterPartitionsRequest): Promise<readonly AlterPartitionAnswer[]>;
  /** A block of producer ids that no other broker is given, ever. */
  allocateProducerIds(request: {
    readonly brokerId: number;
    readonly brokerEpoch: number;
  }): Promise<{ readonly first: number; readonly count: number }>;

  createTopics(request: CreateTopicsCommand): Promise<readonly CreateTopicAnswer[]>;
  deleteTopics(request: {
    /** Each by name or by id. */
    readonly topics: readonly { readonly name: string | null; readonly topicId: string | null }[];
  }): Promise<readonly (TopicAnswer & { readonly topicId: string })[]>;
  createPartitions(request: {
    readonly topics: readonly {
      readonly name: string;
      readonly count: number;
      /** Replicas of each new partition; null: the controller chooses. */
      readonly assignments: readonly (readonly number[])[] | null;
    }[];
    readonly validateOnly: boolean;
  }): Promise<readonly TopicAnswer[]>;
  alterConfigs(request: {
    readonly resources: readonly {
      readonly resource: ConfigResource;
      readonly name: string;
      /** Null: back to the default. With `replaceAll` every key that is not named goes back too. */
      readonly changes: Readonly<Record<string, string | null>>;
      readonly replaceAll: boolean;
    }[];
    readonly validateOnly: boolean;
  }): Promise<readonly ({ readonly resource: ConfigResource; readonly name: string } & Refusal)[]>;
  electLeaders(request: {
    readonly type: 'preferred' | 'unclean';
    /** Null: every partition. */
    readonly partitions: readonly { readonly topic: string; readonly partition: number }[] | null;
  }): Promise<readonly ({ readonly topic: string; readonly partition: number } & Refusal)[]>;
  /** New replicas are added, caught up, and then the old ones removed. `replicas` null: the reassignment under way is undone. */
  reassignPartitions(request: {
    readonly partitions: readonly {
      readonly topic: string;
      readonly partition: number;
      readonly replicas: readonly number[] | null;
    }[];
  }): Promise<readonly ({ readonly topic: string; readonly partition: number } & Refusal)[]>;
}

/** `errorCode` NONE and `errorMessage` null: done. */
export interface Refusal {
  readonly errorCode: KafkaErrorCode;
  readonly errorMessage: string | null;
}

export interface TopicAnswer extends Refusal {
  readonly name: string;
}

export interface RegisterBrokerRequest {
  readonly brokerId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
  /** It has all that it had when it stopped. A broker that has nothing says no: its disk may have been replaced. */
  readonly wasCleanStop: boolean;
}

export interface BrokerHeartbeat {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  /** How far this broker has applied the metadata. */
  readonly version: number;
  /** It wants to stop: its partitions are led elsewhere first. */
  readonly wantsShutdown: boolean;
  /** Partitions whose log this broker cannot write any more: it must not lead them. */
  readonly offline: readonly { readonly topicId: string; readonly partition: number }[];
}

export interface BrokerHeartbeatAnswer {
  readonly isFenced: boolean;
  /** It leads nothing any more that another replica could lead: it may stop now. */
  readonly mayShutDown: boolean;
  /** This life of the broker is over: another registration has its id. It must stop serving and register again. */
  readonly isStale: boolean;
}

export interface FetchMetadataRequest {
  readonly fromVersion: number;
  readonly maxWaitMs: number;
}

export interface FetchMetadataAnswer {
  /** Each is applied as a whole; `version` is that of the image after it. */
  readonly batches: readonly {
    readonly records: readonly MetadataRecord[];
    readonly version: number;
  }[];
}

export interface AlterPartitionsRequest {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  readonly changes: readonly {
    readonly topicId: string;
    readonly partition: number;
    readonly leaderEpoch: number;
    readonly partitionEpoch: number;
    /** Each with the epoch of the life that the leader saw fetching: a later life has not caught up yet. */
    readonly newIsr: readonly { readonly brokerId: number; readonly brokerEpoch: number }[];
    readonly isRecovering: boolean;
  }[];
}

export interface AlterPartitionAnswer {
  readonly topicId: string;
  readonly partition: number;
  /** NONE, FENCED_LEADER_EPOCH, INELIGIBLE_REPLICA, UNKNOWN_TOPIC_ID, STALE_BROKER_EPOCH, NOT_CONTROLLER ... */
  readonly errorCode: KafkaErrorCode;
  /** The state now in force, when the partition is known. */
  readonly state: PartitionState | null;
}

export interface CreateTopicsCommand {
  readonly topics: readonly {
    readonly name: string;
    /** -1: the broker's default. Both -1 with `assignments`. */
    readonly partitions: number;
    readonly replicationFactor: number;
    readonly assignments: readonly (readonly number[])[] | null;
    readonly config: Readonly<Record<string, string>>;
  }[];
  readonly validateOnly: boolean;
}

export interface CreateTopicAnswer extends TopicAnswer {
  /** The rest is meaningful without an error. */
  readonly topicId: string;
  readonly partitions: number;
  readonly replicationFactor: number;
}
