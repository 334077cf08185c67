import type { PartitionLog } from '../log/partition-log.js';

/** Where the embedded clients find partitions: a data directory, or anything that has logs by name. */
export interface PartitionSource {
  /** Number of partitions of a topic. Fails with UNKNOWN_TOPIC_OR_PARTITION. */
  partitionCount(topic: string): number;
  /** An open partition's log. Fails with UNKNOWN_TOPIC_OR_PARTITION or PARTITION_OFFLINE. */
  partition(topic: string, partition: number): PartitionLog;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A key for maps. Topic names hold no slash. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
