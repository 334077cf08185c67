import { KafkaError, type KafkaErrorCode } from '../../protocol/error-codes.js';
import type {
  FetchableTopicResponseInput,
  FetchPartitionDataInput,
  FetchRequest,
  FetchResponseInput,
} from '../../protocol/messages/index.js';
import type {
  FetchOptions,
  FetchPartitionRequest,
  FetchPartitionResult,
} from '../../replication/types.js';
import type { RequestContext } from '../request-handler.js';
import type { BrokerServices } from '../services.js';
import { Endpoints, type Handler } from './answers.js';

type Refusals = (FetchPartitionDataInput | null)[];

/**
 * Every fetch is a full one, and every answer says session 0: none. Clients go on without sessions then.
 * Kafka: KafkaApis.handleFetchRequest, FetchManager.newContext.
 */
export const fetch: Handler<'Fetch'> = (services, request, context) => {
  const { apiVersion } = context;
  // -1 ends a session and 0 begins one: both bring all partitions. Any other goes on with a session.
  if (request.sessionEpoch !== -1 && request.sessionEpoch !== 0) {
    return { errorCode: KafkaError.FETCH_SESSION_ID_NOT_FOUND };
  }
  const { image } = services.metadata;
  const partitions: FetchPartitionRequest[] = [];
  let refusals: Refusals | null = null;
  let position = 0;
  for (const requested of request.topics) {
    const byId = apiVersion >= 13;
    const topic = byId ? image.topicById(requested.topicId) : image.topics.get(requested.topic);
    for (const its of requested.partitions) {
      const problem =
        topic === undefined && byId
          ? KafkaError.UNKNOWN_TOPIC_ID
          : topic?.partitions[its.partition] === undefined
            ? KafkaError.UNKNOWN_TOPIC_OR_PARTITION
            : cannotDecompress(topic.config['compression.type'], apiVersion);
      if (topic === undefined || problem !== null) {
        refusals ??= new Array(position).fill(null);
        refusals.push(refuse(its.partition, problem ?? KafkaError.UNKNOWN_TOPIC_OR_PARTITION));
      } else {
        refusals?.push(null);
        partitions.push({
          topic: topic.name,
          topicId: topic.topicId,
          partition: its.partition,
          currentLeaderEpoch: its.currentLeaderEpoch,
          fetchOffset: its.fetchOffset,
          lastFetchedEpoch: its.lastFetchedEpoch,
          logStartOffset: its.logStartOffset,
          partitionMaxBytes: its.partitionMaxBytes,
        });
      }
      position += 1;
    }
  }
  if (partitions.length === 0) return answer(services, request, apiVersion, [], refusals);
  const results = services.replicas.fetch(optionsOf(services, request, context, partitions));
  if (results instanceof Promise) {
    // Nothing is left of a fetch whose connection was closed while it waited, and nobody to tell.
    return results.then((done) =>
      done.length < partitions.length
        ? null
        : answer(services, request, apiVersion, done, refusals),
    );
  }
  return answer(services, request, apiVersion, results, refusals);
};

function optionsOf(
  services: BrokerServices,
  request: FetchRequest,
  context: RequestContext,
  partitions: readonly FetchPartitionRequest[],
): FetchOptions {
  const isNewer = context.apiVersion >= 15;
  const replicaId = isNewer ? request.replicaState.replicaId : request.replicaId;
  const maxBytes = Math.min(request.maxBytes, services.settings.current.fetchMaxBytes);
  return {
    // Below -1 are tools that read as consumers do.
    replicaId: Math.max(-1, replicaId),
    replicaEpoch: isNewer ? request.replicaState.replicaEpoch : -1,
    maxWaitMs: Math.max(0, request.maxWaitMs),
    minBytes: Math.min(request.minBytes, maxBytes),
    maxBytes,
    isolationLevel: request.isolationLevel,
    partitions,
    // The signal is made when it is asked for: by fetches that wait.
    get signal() {
      return context.signal;
    },
  };
}

/** Clients below version 10 cannot read zstd. Kafka goes by the topic's setting alone. */
function cannotDecompress(
  compressionType: string | undefined,
  apiVersion: number,
): KafkaErrorCode | null {
  return apiVersion < 10 && compressionType === 'zstd'
    ? KafkaError.UNSUPPORTED_COMPRESSION_TYPE
    : null;
}

function refuse(partitionIndex: number, errorCode: KafkaErrorCode): FetchPartitionDataInput {
  return {
    partitionIndex,
    errorCode,
    highWatermark: -1,
    abortedTransactions: null,
    records: NO_RECORDS,
  };
}

/** Kafka never sends null: some clients take that for a broken answer. */
const NO_RECORDS = Buffer.alloc(0);

function answer(
  services: BrokerServices,
  request: FetchRequest,
  apiVersion: number,
  results: readonly FetchPartitionResult[],
  refusals: Refusals | null,
): FetchResponseInput {
  const endpoints = apiVersion >= 16 ? new Endpoints(services.metadata.image) : null;
  const responses: FetchableTopicResponseInput[] = [];
  let position = 0;
  let next = 0;
  for (const { topic, topicId, partitions } of request.topics) {
    const answers: FetchPartitionDataInput[] = [];
    for (const _ of partitions) {
      const refused = refusals?.[position++] ?? null;
      if (refused !== null) {
        answers.push(refused);
        continue;
      }
      const result = results[next++] as FetchPartitionResult;
      endpoints?.add(result.currentLeader);
      answers.push(forVersion(result, apiVersion));
    }
    responses.push({ topic, topicId, partitions: answers });
  }
  return endpoints === null ? { responses } : { responses, nodeEndpoints: endpoints.all };
}

/** Clients of version 5 and below do not know KAFKA_STORAGE_ERROR, and would not look for another leader. */
function forVersion(result: FetchPartitionResult, apiVersion: number): FetchPartitionDataInput {
  if (apiVersion > 5 || result.errorCode !== KafkaError.KAFKA_STORAGE_ERROR) return result;
  return { ...result, errorCode: KafkaError.NOT_LEADER_OR_FOLLOWER };
}
