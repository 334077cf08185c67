import { KafkaError, type KafkaErrorCode } from '../../protocol/error-codes.js';
import type {
  ListOffsetsPartition,
  ListOffsetsPartitionResponseInput,
  ListOffsetsRequest,
  OffsetForLeaderEpochEpochEndOffsetInput,
} from '../../protocol/messages/index.js';
import type { ListOffsetResult } from '../../replication/types.js';
import type { BrokerServices } from '../services.js';
import type { Handler } from './answers.js';

/** From which version on a negative timestamp has a meaning. Kafka: ReplicaManager.timestampMinSupportedVersion. */
const SINCE_VERSION = new Map([
  [-1, 1],
  [-2, 1],
  [-3, 7],
  [-4, 8],
  [-5, 9],
]);

type OrPromise<T> = T | Promise<T>;

/** Kafka: KafkaApis.handleListOffsetRequest, ReplicaManager.fetchOffset. */
export const listOffsets: Handler<'ListOffsets'> = (services, request, { apiVersion }) => {
  const repeated = repeatedPartitions(request);
  const pending: OrPromise<ListOffsetsPartitionResponseInput>[] = [];
  let waits = false;
  for (const { name, partitions } of request.topics) {
    for (const partition of partitions) {
      const isRepeated = repeated?.has(`${name}-${partition.partitionIndex}`) ?? false;
      const one = isRepeated
        ? refuse(partition.partitionIndex, KafkaError.INVALID_REQUEST)
        : listOffset(services, request, apiVersion, name, partition);
      waits ||= one instanceof Promise;
      pending.push(one);
    }
  }
  const answer = (all: readonly ListOffsetsPartitionResponseInput[]) => {
    let end = 0;
    return {
      topics: request.topics.map(({ name, partitions }) => {
        const start = end;
        end += partitions.length;
        return { name, partitions: all.slice(start, end) };
      }),
    };
  };
  if (waits) return Promise.all(pending).then(answer);
  return answer(pending as ListOffsetsPartitionResponseInput[]);
};

function listOffset(
  services: BrokerServices,
  { isolationLevel, replicaId }: ListOffsetsRequest,
  apiVersion: number,
  topic: string,
  { partitionIndex, currentLeaderEpoch, timestamp }: ListOffsetsPartition,
): OrPromise<ListOffsetsPartitionResponseInput> {
  if (services.metadata.image.partition(topic, partitionIndex) === undefined) {
    return refuse(partitionIndex, KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
  }
  if (timestamp < 0 && (SINCE_VERSION.get(timestamp) ?? Number.POSITIVE_INFINITY) > apiVersion) {
    return refuse(partitionIndex, KafkaError.UNSUPPORTED_VERSION);
  }
  const result = services.replicas.listOffset(
    { topic, partition: partitionIndex, currentLeaderEpoch, timestamp },
    { replicaId, isolationLevel },
  );
  if (result instanceof Promise) return result.then((done) => forVersion(done, apiVersion));
  return forVersion(result, apiVersion);
}

/** Clients below version 5 do not know OFFSET_NOT_AVAILABLE. */
function forVersion(
  result: ListOffsetResult,
  apiVersion: number,
): ListOffsetsPartitionResponseInput {
  if (apiVersion >= 5 || result.errorCode !== KafkaError.OFFSET_NOT_AVAILABLE) return result;
  return { ...result, errorCode: KafkaError.LEADER_NOT_AVAILABLE };
}

function refuse(
  partitionIndex: number,
  errorCode: KafkaErrorCode,
): ListOffsetsPartitionResponseInput {
  return { partitionIndex, errorCode };
}

/** Null: none, as in every request of a well-meaning client. */
function repeatedPartitions({ topics }: ListOffsetsRequest): Set<string> | null {
  const seen = new Set<string>();
  let repeated: Set<string> | null = null;
  for (const { name, partitions } of topics) {
    for (const { partitionIndex } of partitions) {
      const key = `${name}-${partitionIndex}`;
      if (!seen.has(key)) seen.add(key);
      else {
        repeated ??= new Set();
        repeated.add(key);
      }
    }
  }
  return repeated;
}

/** Kafka: KafkaApis.handleOffsetForLeaderEpochRequest. */
export const offsetForLeaderEpoch: Handler<'OffsetForLeaderEpoch'> = (services, request) => ({
  topics: request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(
      ({ partition, currentLeaderEpoch, leaderEpoch }): OffsetForLeaderEpochEpochEndOffsetInput => {
        if (services.metadata.image.partition(topic, partition) === undefined) {
          return { partition, errorCode: KafkaError.UNKNOWN_TOPIC_OR_PARTITION };
        }
        return services.replicas.offsetForLeaderEpoch({
          topic,
          partition,
          currentLeaderEpoch,
          leaderEpoch,
        });
      },
    ),
  })),
});
