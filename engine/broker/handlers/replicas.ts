import { KafkaError } from '../../protocol/error-codes.js';
import type { DescribeProducersResponseInput } from '../../protocol/messages/index.js';
import type { BrokerServices } from '../services.js';
import { type Handler, refusalOf } from './answers.js';

/** Kafka: ReplicaManager.describeLogDirs. There is one directory. */
export const describeLogDirs: Handler<'DescribeLogDirs'> = (services, request) => {
  const { directory, metadata } = services;
  const topics: { name: string; partitions: readonly number[] }[] = [];
  if (request.topics === null) {
    for (const { name, partitions } of metadata.image.topics.values()) {
      topics.push({ name, partitions: partitions.map((_, index) => index) });
    }
  } else {
    const asked = new Map<string, Set<number>>();
    for (const { topic, partitions } of request.topics) {
      const all = asked.get(topic) ?? new Set();
      asked.set(topic, all);
      for (const partition of partitions) all.add(partition);
    }
    for (const [name, partitions] of asked) topics.push({ name, partitions: [...partitions] });
  }
  const described = topics
    .map(({ name, partitions }) => ({ name, partitions: sizes(services, name, partitions) }))
    .filter(({ partitions }) => partitions.length > 0);
  return {
    errorCode: KafkaError.NONE,
    results: [{ errorCode: KafkaError.NONE, logDir: directory, topics: described }],
  };
};

function sizes({ replicas }: BrokerServices, topic: string, partitions: readonly number[]) {
  const found: { partitionIndex: number; partitionSize: number; offsetLag: number }[] = [];
  for (const partitionIndex of partitions) {
    const status = replicas.partition(topic, partitionIndex);
    if (status === null || status.role === 'none' || status.role === 'offline') continue;
    const { sizeBytes, highWatermark, logEndOffset } = status;
    const offsetLag = Math.max(0, highWatermark - logEndOffset);
    found.push({ partitionIndex, partitionSize: sizeBytes, offsetLag });
  }
  return found;
}

type PartitionOfProducers = NonNullable<
  NonNullable<DescribeProducersResponseInput['topics']>[number]['partitions']
>[number];

/** Each partition is described once. Kafka: KafkaApis.handleDescribeProducersRequest. */
export const describeProducers: Handler<'DescribeProducers'> = (services, request) => {
  const asked = new Map<string, Set<number>>();
  for (const { name, partitionIndexes } of request.topics) {
    const indexes = asked.get(name) ?? new Set();
    asked.set(name, indexes);
    for (const index of partitionIndexes) indexes.add(index);
  }
  return {
    topics: [...asked].map(([name, indexes]) => ({
      name,
      partitions: [...indexes].map((index) => producersOf(services, name, index)),
    })),
  };
};

function producersOf(
  { metadata, replicas }: BrokerServices,
  topic: string,
  partitionIndex: number,
): PartitionOfProducers {
  if (metadata.image.partition(topic, partitionIndex) === undefined) {
    return { partitionIndex, errorCode: KafkaError.UNKNOWN_TOPIC_OR_PARTITION };
  }
  const log = replicas.leaderLog(topic, partitionIndex);
  if (log === null) return { partitionIndex, errorCode: KafkaError.NOT_LEADER_OR_FOLLOWER };
  const activeProducers = log.producers().map((producer) => ({
    producerId: producer.producerId,
    producerEpoch: producer.producerEpoch,
    lastSequence: producer.lastSequence,
    lastTimestamp: producer.timestamp,
    coordinatorEpoch: producer.coordinatorEpoch,
    currentTxnStartOffset: producer.currentTxnFirstOffset,
  }));
  return { partitionIndex, errorCode: KafkaError.NONE, activeProducers };
}

const ELECTION_TYPES = ['preferred', 'unclean'] as const;

/** Kafka: ControllerApis.handleElectLeaders. */
export const electLeaders: Handler<'ElectLeaders'> = async (services, request) => {
  const type = ELECTION_TYPES[request.electionType];
  if (type === undefined) return { errorCode: KafkaError.INVALID_REQUEST };
  const { controller, onEvent } = services;
  const partitions =
    request.topicPartitions?.flatMap(({ topic, partitions: indexes }) =>
      indexes.map((partition) => ({ topic, partition })),
    ) ?? null;
  try {
    const answers = await controller.electLeaders({ type, partitions });
    const byTopic = new Map<
      string,
      { partitionId: number; errorCode: number; errorMessage: string | null }[]
    >();
    for (const { topic, partition, errorCode, errorMessage } of answers) {
      // Asked for all, clients want to hear only of those where something was to be done.
      if (partitions === null && errorCode === KafkaError.ELECTION_NOT_NEEDED) continue;
      const results = byTopic.get(topic) ?? [];
      byTopic.set(topic, results);
      results.push({ partitionId: partition, errorCode, errorMessage });
    }
    return {
      errorCode: KafkaError.NONE,
      replicaElectionResults: [...byTopic].map(([topic, partitionResult]) => ({
        topic,
        partitionResult,
      })),
    };
  } catch (cause) {
    onEvent({ kind: 'controller-failed', cause });
    return { errorCode: refusalOf(cause).errorCode };
  }
};
