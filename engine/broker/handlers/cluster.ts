import { topicNameProblem } from '../../format/topic-name.js';
import { KafkaError } from '../../protocol/error-codes.js';
import type {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponseInput,
} from '../../protocol/messages/index.js';
import type { BrokerServices } from '../services.js';
import {
  AUTHORIZED_CLUSTER_OPERATIONS,
  AUTHORIZED_TOPIC_OPERATIONS,
  type Handler,
  isInternalTopic,
  OPERATIONS_NOT_ASKED,
} from './answers.js';
import { controllerIdFor } from './metadata.js';
import { describePartition } from './topic-description.js';

const BROKERS = 1;

/** Kafka: KafkaApis.handleDescribeCluster. */
export const describeCluster: Handler<'DescribeCluster'> = (services, request) => {
  const { endpointType, includeClusterAuthorizedOperations, includeFencedBrokers } = request;
  if (endpointType !== BROKERS) {
    return {
      errorCode: KafkaError.INVALID_REQUEST,
      errorMessage: `endpoint type ${endpointType}: clients reach brokers (1) only`,
      endpointType,
    };
  }
  const { image } = services.metadata;
  const brokers = includeFencedBrokers ? [...image.brokers.values()] : image.liveBrokers();
  return {
    endpointType,
    clusterId: image.clusterId,
    controllerId: controllerIdFor(services),
    brokers: brokers.map(({ brokerId, host, port, rack, isFenced }) => ({
      brokerId,
      host,
      port,
      rack,
      isFenced,
    })),
    clusterAuthorizedOperations: includeClusterAuthorizedOperations
      ? AUTHORIZED_CLUSTER_OPERATIONS
      : OPERATIONS_NOT_ASKED,
  };
};

/** Kafka: DescribeTopicPartitionsRequestHandler. */
export const describeTopicPartitions: Handler<'DescribeTopicPartitions'> = (
  services,
  request,
  context,
) => {
  const { cursor, topics } = request;
  const from = cursor?.topicName ?? '';
  const isMalformed =
    cursor !== null &&
    (cursor.partitionIndex < 0 ||
      (topics.length > 0 && topics.every(({ name }) => name !== cursor.topicName)));
  if (isMalformed) {
    // The answer has a code for each topic and none for the whole.
    context.closeConnection(
      `DescribeTopicPartitions with a cursor that fits no topic asked for: ${JSON.stringify(cursor).slice(0, 300)}`,
    );
    return refused(request);
  }
  const { image } = services.metadata;
  const asked = topics.length === 0 ? image.topics.keys() : topics.map(({ name }) => name);
  const names = [...new Set(asked)].filter((name) => name >= from).sort();
  const first = cursor !== null && names[0] === from ? cursor.partitionIndex : 0;
  const limit = services.settings.current.maxRequestPartitionSizeLimit;
  const most = Math.max(1, Math.min(limit, request.responsePartitionLimit));
  return page(services, names, first, most, topics.length === 0);
};

function refused(request: DescribeTopicPartitionsRequest): DescribeTopicPartitionsResponseInput {
  const errorCode = KafkaError.INVALID_REQUEST;
  return { topics: request.topics.map(({ name }) => ({ name, errorCode })) };
}

function page(
  { metadata: { image } }: BrokerServices,
  names: readonly string[],
  firstPartition: number,
  most: number,
  areAll: boolean,
): DescribeTopicPartitionsResponseInput {
  const topics: NonNullable<DescribeTopicPartitionsResponseInput['topics']>[number][] = [];
  let left = most;
  for (const [i, name] of names.entries()) {
    const topic = image.topics.get(name);
    if (topic === undefined) {
      const isValid = topicNameProblem(name) === null;
      const errorCode = isValid
        ? KafkaError.UNKNOWN_TOPIC_OR_PARTITION
        : KafkaError.INVALID_TOPIC_EXCEPTION;
      if (!areAll) topics.push({ name, errorCode, isInternal: isInternalTopic(name) });
      continue;
    }
    if (left === 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } };
    const start = i === 0 ? firstPartition : 0;
    const end = Math.min(topic.partitions.length, start + left);
    const partitions = topic.partitions
      .slice(start, end)
      .map((partition, offset) => describePartition(image, start + offset, partition));
    left -= partitions.length;
    topics.push({
      errorCode: KafkaError.NONE,
      name,
      topicId: topic.topicId,
      isInternal: isInternalTopic(name),
      // The Java client does not take null for either list; varve keeps no eligible replicas outside the ISR.
      partitions: partitions.map((its) => ({
        ...its,
        errorCode: KafkaError.NONE,
        eligibleLeaderReplicas: [],
        lastKnownElr: [],
      })),
      topicAuthorizedOperations: AUTHORIZED_TOPIC_OPERATIONS,
    });
    if (end < topic.partitions.length) {
      return { topics, nextCursor: { topicName: name, partitionIndex: end } };
    }
  }
  return { topics, nextCursor: null };
}
