import { topicNameProblem } from '../../format/topic-name.js';
import { ZERO_UUID } from '../../format/uuid.js';
import type { MetadataImage, TopicImage } from '../../metadata/image.js';
import { KafkaError, type KafkaErrorCode } from '../../protocol/error-codes.js';
import type {
  MetadataRequest,
  MetadataResponseInput,
  MetadataResponseTopicInput,
} from '../../protocol/messages/index.js';
import type { BrokerServices } from '../services.js';
import {
  AUTHORIZED_CLUSTER_OPERATIONS,
  AUTHORIZED_TOPIC_OPERATIONS,
  type Handler,
  isInternalTopic,
  OPERATIONS_NOT_ASKED,
} from './answers.js';
import { aliveBroker, describePartition, describePartitionV0 } from './topic-description.js';

/** Kafka: KafkaApis.handleTopicMetadataRequest. */
export const metadata: Handler<'Metadata'> = (services, request, { apiVersion, clientId }) => {
  const { settings } = services;
  const { topics } = request;
  // Version 0 has no null: there, no topics are all topics.
  if (topics === null || (apiVersion === 0 && topics.length === 0)) {
    return answer(services, request, apiVersion, (image) =>
      [...image.topics.values()].map((topic) => found(image, topic, request, apiVersion)),
    );
  }
  const isMalformed = topics.some(({ name, topicId }) => name === null || topicId !== ZERO_UUID);
  if (isMalformed && apiVersion < 12) {
    return answer(services, request, apiVersion, () =>
      topics.map(({ name, topicId }) => ({
        ...missing(name ?? '', KafkaError.INVALID_REQUEST),
        topicId,
      })),
    );
  }
  const ids = new Set(topics.map(({ topicId }) => topicId));
  ids.delete(ZERO_UUID);
  if (ids.size > 0) {
    return answer(services, request, apiVersion, (image) =>
      [...ids].map((topicId) => {
        const topic = image.topicById(topicId);
        if (topic !== undefined) return found(image, topic, request, apiVersion);
        return { ...missing(null, KafkaError.UNKNOWN_TOPIC_ID), topicId };
      }),
    );
  }

  const names = new Set(topics.map(({ name }) => name ?? ''));
  const byName = () =>
    answer(services, request, apiVersion, (image) =>
      [...names].map((name) => {
        const topic = image.topics.get(name);
        if (topic !== undefined) return found(image, topic, request, apiVersion);
        const isValid = topicNameProblem(name) === null;
        return missing(
          name,
          isValid ? KafkaError.UNKNOWN_TOPIC_OR_PARTITION : KafkaError.INVALID_TOPIC_EXCEPTION,
        );
      }),
    );
  if (!request.allowAutoTopicCreation || !settings.current.autoCreateTopicsEnable) return byName();
  const { image } = services.metadata;
  const creatable = [...names].filter(
    (name) => !image.topics.has(name) && topicNameProblem(name) === null,
  );
  if (creatable.length === 0) return byName();
  return services.autoCreation.create(creatable, clientId).then(byName);
};

function answer(
  services: BrokerServices,
  request: MetadataRequest,
  apiVersion: number,
  topics: (image: MetadataImage) => MetadataResponseTopicInput[],
): MetadataResponseInput {
  const { image } = services.metadata;
  const brokers = image.liveBrokers();
  const asksOperations = apiVersion >= 8 && apiVersion <= 10;
  return {
    brokers: brokers.map(({ brokerId, host, port, rack }) => ({
      nodeId: brokerId,
      host,
      port,
      rack,
    })),
    clusterId: image.clusterId,
    controllerId: controllerIdFor(services),
    topics: topics(image),
    clusterAuthorizedOperations:
      asksOperations && request.includeClusterAuthorizedOperations
        ? AUTHORIZED_CLUSTER_OPERATIONS
        : OPERATIONS_NOT_ASKED,
  };
}

/** Any broker takes what is meant for the controller and passes it on: itself, where clients can reach it. */
export function controllerIdFor({ brokerId, metadata: { image } }: BrokerServices): number {
  if (aliveBroker(image, brokerId) !== null) return brokerId;
  return image.liveBrokers()[0]?.brokerId ?? -1;
}

function found(
  image: MetadataImage,
  { name, topicId, partitions }: TopicImage,
  request: MetadataRequest,
  apiVersion: number,
): MetadataResponseTopicInput {
  const describe = apiVersion === 0 ? describePartitionV0 : describePartition;
  return {
    errorCode: KafkaError.NONE,
    name,
    topicId,
    isInternal: isInternalTopic(name),
    partitions: partitions.map((partition, index) => describe(image, index, partition)),
    topicAuthorizedOperations: request.includeTopicAuthorizedOperations
      ? AUTHORIZED_TOPIC_OPERATIONS
      : OPERATIONS_NOT_ASKED,
  };
}

function missing(name: string | null, errorCode: KafkaErrorCode): MetadataResponseTopicInput {
  return { errorCode, name, isInternal: name !== null && isInternalTopic(name), partitions: [] };
}
