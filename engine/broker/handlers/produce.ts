import { KafkaError, kafkaErrorName } from '../../protocol/error-codes.js';
import type {
  PartitionProduceResponseInput,
  ProduceRequest,
  TopicProduceResponseInput,
} from '../../protocol/messages/index.js';
import type { PartitionProduceResult, ProducePartition } from '../../replication/types.js';
import type { Answer, RequestContext } from '../request-handler.js';
import type { BrokerServices } from '../services.js';
import { Endpoints, type Handler, isInternalTopic, type RefusedWith, refusal } from './answers.js';
import { onlyBatch } from './produce-records.js';

/** Errors of partitions that were not passed on, in the order of the request; null for those that were. */
type Refusals = (PartitionProduceResponseInput | null)[];

/** Kafka: KafkaApis.handleProduceRequest. */
export const produce: Handler<'Produce'> = (services, request, context) => {
  const accepted: ProducePartition[] = [];
  let refusals: Refusals | null = null;
  let position = 0;
  for (const { name, partitionData } of request.topicData) {
    for (const { index, records } of partitionData) {
      const taken = check(services, request, name, index) ?? onlyBatch(records, context.apiVersion);
      if (taken instanceof Uint8Array) {
        accepted.push({ topic: name, partition: index, records: taken });
        refusals?.push(null);
      } else {
        refusals ??= new Array(position).fill(null);
        refusals.push({ index, ...taken, baseOffset: -1 });
      }
      position += 1;
    }
  }
  if (accepted.length === 0) return answer(services, request, context, [], refusals);
  const { acks } = request;
  const timeoutMs = Math.max(0, request.timeoutMs);
  const results = services.replicas.produce(accepted, { acks, timeoutMs });
  if (results instanceof Promise) {
    return results.then((done) => answer(services, request, context, done, refusals));
  }
  return answer(services, request, context, results, refusals);
};

function check(
  services: BrokerServices,
  { acks, transactionalId }: ProduceRequest,
  topic: string,
  partition: number,
): RefusedWith | null {
  if (services.metadata.image.partition(topic, partition) === undefined) {
    return refusal(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
  }
  if (acks < -1 || acks > 1) {
    return refusal(KafkaError.INVALID_REQUIRED_ACKS, `acks is ${acks}: 0, 1 or -1 (all)`);
  }
  // Kafka lets clients in that call themselves `__admin_client`; anybody could.
  if (isInternalTopic(topic)) {
    return refusal(KafkaError.INVALID_TOPIC_EXCEPTION, `${topic} is internal`);
  }
  if (transactionalId !== null) {
    return refusal(
      KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      'this broker has no transactions',
    );
  }
  return null;
}

function answer(
  services: BrokerServices,
  request: ProduceRequest,
  context: RequestContext,
  results: readonly PartitionProduceResult[],
  refusals: Refusals | null,
): Answer<'Produce'> {
  if (request.acks === 0) return closeAfterErrors(request, context, results, refusals);
  const { apiVersion } = context;
  const endpoints = apiVersion >= 10 ? new Endpoints(services.metadata.image) : null;
  const responses: TopicProduceResponseInput[] = [];
  let position = 0;
  let next = 0;
  for (const { name, partitionData } of request.topicData) {
    const partitionResponses: PartitionProduceResponseInput[] = [];
    for (const _ of partitionData) {
      const refused = refusals?.[position++] ?? null;
      if (refused !== null) {
        partitionResponses.push(refused);
        continue;
      }
      const result = results[next++] as PartitionProduceResult;
      endpoints?.add(result.currentLeader);
      partitionResponses.push(result);
    }
    responses.push({ name, partitionResponses });
  }
  return endpoints === null ? { responses } : { responses, nodeEndpoints: endpoints.all };
}

/** A producer that waits for no answer learns of an error by its connection closing, and asks for the metadata. */
function closeAfterErrors(
  request: ProduceRequest,
  context: RequestContext,
  results: readonly PartitionProduceResult[],
  refusals: Refusals | null,
): null {
  const failed =
    results.find(({ errorCode }) => errorCode !== KafkaError.NONE) ??
    refusals?.find((refused) => refused !== null);
  if (failed === undefined) return null;
  const topics = request.topicData.map(({ name }) => name).join(', ');
  const code = kafkaErrorName(failed.errorCode ?? KafkaError.UNKNOWN_SERVER_ERROR);
  context.closeConnection(
    `records with acks=0 were refused with ${code} (partition ${failed.index}; topics ${topics.slice(0, 500)})`,
  );
  return null;
}
