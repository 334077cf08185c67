import type { MetadataImage } from '../metadata/image.js';
import type { PartitionState } from '../metadata/records.js';
import { NO_LEADER } from './elections.js';

export interface PartitionCounts {
  readonly topics: number;
  readonly partitions: number;
  /** Without a leader. */
  readonly leaderless: number;
  /** With replicas that are not in sync. */
  readonly underReplicated: number;
  /** Led by another than their first replica. */
  readonly movedLeaders: number;
}

export interface BrokerCounts {
  readonly leaders: number;
  readonly replicas: number;
}

function* partitionsOf(image: MetadataImage): Generator<PartitionState> {
  for (const { partitions } of image.topics.values()) yield* partitions;
}

export function countPartitions(image: MetadataImage): PartitionCounts {
  let partitions = 0;
  let leaderless = 0;
  let underReplicated = 0;
  let movedLeaders = 0;
  for (const { leader, replicas, isr } of partitionsOf(image)) {
    partitions += 1;
    if (leader === NO_LEADER) leaderless += 1;
    else if (leader !== replicas[0]) movedLeaders += 1;
    if (isr.length < replicas.length) underReplicated += 1;
  }
  const topics = image.topics.size;
  return { topics, partitions, leaderless, underReplicated, movedLeaders };
}

export function countOf(image: MetadataImage, brokerId: number): BrokerCounts {
  let leaders = 0;
  let replicas = 0;
  for (const partition of partitionsOf(image)) {
    if (partition.leader === brokerId) leaders += 1;
    if (partition.replicas.includes(brokerId)) replicas += 1;
  }
  return { leaders, replicas };
}

/** Partitions that could be led by their first replica at once and are not. */
export function hasMovableLeader(image: MetadataImage): boolean {
  for (const { leader, replicas, isr } of partitionsOf(image)) {
    const first = replicas[0];
    if (first !== undefined && leader !== first && isr.includes(first)) return true;
  }
  return false;
}
