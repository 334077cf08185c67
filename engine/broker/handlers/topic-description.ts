import type { MetadataImage, TopicImage } from '../../metadata/image.js';
import type { BrokerState, PartitionState } from '../../metadata/records.js';
import { KafkaError, type KafkaErrorCode } from '../../protocol/error-codes.js';

/** A broker that clients can be sent to; null while it is fenced or unknown. */
export function aliveBroker(image: MetadataImage, brokerId: number): BrokerState | null {
  const broker = image.brokers.get(brokerId);
  return broker === undefined || broker.isFenced ? null : broker;
}

/** A partition as Metadata and DescribeTopicPartitions show it. */
export interface PartitionView {
  readonly errorCode: KafkaErrorCode;
  readonly partitionIndex: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicaNodes: readonly number[];
  readonly isrNodes: readonly number[];
  readonly offlineReplicas: readonly number[];
}

const NONE: readonly number[] = [];

export function describePartition(
  image: MetadataImage,
  index: number,
  partition: PartitionState,
): PartitionView {
  const { leader, leaderEpoch, replicas, isr } = partition;
  const hasLeader = aliveBroker(image, leader) !== null;
  const isAnyOffline = replicas.some((id) => aliveBroker(image, id) === null);
  return {
    errorCode: hasLeader ? KafkaError.NONE : KafkaError.LEADER_NOT_AVAILABLE,
    partitionIndex: index,
    leaderId: hasLeader ? leader : -1,
    leaderEpoch,
    replicaNodes: replicas,
    isrNodes: isr,
    offlineReplicas: isAnyOffline ? replicas.filter((id) => aliveBroker(image, id) === null) : NONE,
  };
}

/** Metadata version 0: brokers that are not there are not named, and their absence is an error. */
export function describePartitionV0(
  image: MetadataImage,
  index: number,
  partition: PartitionState,
): PartitionView {
  const view = describePartition(image, index, partition);
  if (view.offlineReplicas.length === 0) return view;
  const isAlive = (id: number) => aliveBroker(image, id) !== null;
  return {
    ...view,
    errorCode:
      view.errorCode === KafkaError.NONE ? KafkaError.REPLICA_NOT_AVAILABLE : view.errorCode,
    replicaNodes: view.replicaNodes.filter(isAlive),
    isrNodes: view.isrNodes.filter(isAlive),
  };
}

/** Whether every partition is led by a broker that clients can reach. */
export function hasLeaders(image: MetadataImage, topic: TopicImage): boolean {
  return (
    topic.partitions.length > 0 &&
    topic.partitions.every(({ leader }) => aliveBroker(image, leader) !== null)
  );
}
