import type { KafkaErrorCode } from '../protocol/error-codes.js';

/** The topic in which the coordinator keeps groups and committed offsets: compacted, never expired. */
export const OFFSETS_TOPIC = '__consumer_offsets';

/**
 * Where a coordinator keeps what it must not lose: the partitions of `__consumer_offsets` that this
 * broker leads. All methods may be called while others are under way.
 */
export interface GroupStorage {
  /** How many partitions the topic has; `offsets.topic.num.partitions` while it does not exist. */
  partitionCount(): number;

  /**
   * Appends one ready batch (offsets from 0, to be assigned) in the order of the calls, as its leader and with
   * acks=all. The batch belongs to the storage from the call on.
   */
  append(partition: number, batch: Buffer): GroupAppend;

  /** The first offset of the partition's log. */
  startOffset(partition: number): number;

  /**
   * Whole batches from the one with `fromOffset` on, up to the log end and not only to the high watermark: about
   * `maxBytes` of them, at least one, none at the log end. They must stay unchanged until the next call of the
   * same partition. Rejects with a VarveError; a retriable one is tried again later.
   */
  read(partition: number, fromOffset: number, maxBytes: number): Promise<Buffer>;

  /**
   * True when the high watermark has reached `offset`, false when this broker has stopped being the leader. A
   * coordinator serves what it loaded only then: what has not reached the in-sync replicas could still be lost with this
   * broker, and a committed offset would go back.
   */
  waitForHighWatermark(partition: number, offset: number): Promise<boolean>;

  /** Whether offsets of this partition may be committed. */
  topicExists(topic: string, partition: number): boolean;
}

/** What became of an append. Neither promise rejects. */
export interface GroupAppend {
  /**
   * What a client is told: NONE when every in-sync replica has the batch, else the code that a producer would get:
   * NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, REQUEST_TIMED_OUT (after `offsets.commit.timeout.ms`) and so on.
   */
  readonly answered: Promise<KafkaErrorCode>;
  /**
   * What the log says in the end. Differs from `answered` where that gave up on a batch that is in the log: NONE once
   * the high watermark has passed it, an error when this broker has stopped being the leader.
   */
  readonly settled: Promise<KafkaErrorCode>;
}

/** Who asks. */
export interface GroupRequestContext {
  readonly clientId: string;
  /** As it is stored and shown; Kafka writes `/127.0.0.1`. */
  readonly clientHost: string;
  readonly apiVersion: number;
}

/** What happened, for logs and metrics. */
export type GroupEvent =
  | {
      readonly type: 'group-partition-loaded';
      readonly partition: number;
      readonly leaderEpoch: number;
      readonly groups: number;
      readonly offsets: number;
      /** Records of kinds that varve does not keep, such as those of KIP-848 groups. */
      readonly skippedRecords: number;
      /** Offsets of transactions that never ended; they are not taken over. */
      readonly openTransactions: number;
      readonly durationMs: number;
    }
  | {
      readonly type: 'group-partition-load-failed';
      readonly partition: number;
      readonly leaderEpoch: number;
      readonly error: unknown;
      readonly willRetry: boolean;
    }
  | {
      readonly type: 'group-partition-unloaded';
      readonly partition: number;
      readonly groups: number;
    }
  | {
      readonly type: 'group-rebalance';
      readonly group: string;
      readonly generation: number;
      readonly reason: string;
    }
  | {
      readonly type: 'group-generation';
      readonly group: string;
      readonly generation: number;
      readonly members: number;
      readonly protocol: string | null;
      readonly leader: string | null;
    }
  | { readonly type: 'group-stable'; readonly group: string; readonly generation: number }
  | {
      readonly type: 'group-member-removed';
      readonly group: string;
      readonly member: string;
      readonly reason: string;
    }
  | { readonly type: 'group-deleted'; readonly group: string; readonly reason: string }
  | { readonly type: 'group-offsets-expired'; readonly group: string; readonly offsets: number }
  | {
      readonly type: 'group-append-failed';
      readonly partition: number;
      readonly group: string;
      readonly errorCode: KafkaErrorCode;
    };
