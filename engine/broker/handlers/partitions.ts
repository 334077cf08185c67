import { KafkaError } from '../../protocol/error-codes.js';
import type {
  CreatePartitionsTopicResultInput,
  DeleteRecordsPartitionResultInput,
} from '../../protocol/messages/index.js';
import type { DeleteRecordsPartition } from '../../replication/types.js';
import { type Handler, refusalOf, splitDuplicates } from './answers.js';
import { MOST_PARTITIONS_AT_ONCE } from './create-topics.js';
import { waitMs } from './wait.js';

/** Kafka: ControllerApis.createPartitions, ReplicationControlManager.createPartitions. */
export const createPartitions: Handler<'CreatePartitions'> = async (services, request) => {
  const { controller, metadata, onEvent } = services;
  const { once, repeated } = splitDuplicates(request.topics.map(({ name }) => name));
  const results: CreatePartitionsTopicResultInput[] = [...repeated].map((name) => ({
    name,
    errorCode: KafkaError.INVALID_REQUEST,
    errorMessage: 'Duplicate topic name.',
  }));
  const wanted = request.topics.filter(({ name }) => once.has(name));
  if (wanted.length === 0) return { results };
  const added = wanted.reduce((sum, { name, count }) => {
    const before = metadata.image.topics.get(name)?.partitions.length ?? count;
    return sum + Math.max(0, count - before);
  }, 0);
  if (added > MOST_PARTITIONS_AT_ONCE) {
    const errorMessage = `${added} partitions in one request: at most ${MOST_PARTITIONS_AT_ONCE} are made at once`;
    for (const { name } of wanted) {
      results.push({ name, errorCode: KafkaError.POLICY_VIOLATION, errorMessage });
    }
    return { results };
  }
  const { timeoutMs, validateOnly } = request;
  try {
    const answers = await controller.createPartitions({
      topics: wanted.map(({ name, count, assignments }) => ({
        name,
        count,
        assignments: assignments?.map(({ brokerIds }) => brokerIds) ?? null,
      })),
      validateOnly,
    });
    results.push(...answers);
    const counts = new Map(wanted.map(({ name, count }) => [name, count]));
    const grown = answers.filter(({ errorCode }) => errorCode === KafkaError.NONE);
    if (!validateOnly && grown.length > 0) {
      await metadata.waitFor(
        ({ topics }) =>
          grown.every(({ name }) => {
            const topic = topics.get(name);
            return topic === undefined || topic.partitions.length >= (counts.get(name) ?? 0);
          }),
        waitMs(timeoutMs),
      );
    }
  } catch (cause) {
    onEvent({ kind: 'controller-failed', cause });
    for (const { name } of wanted) results.push({ name, ...refusalOf(cause) });
  }
  return { results };
};

/** As in Kafka, of a partition that is named twice the last counts. Kafka: KafkaApis.handleDeleteRecordsRequest. */
export const deleteRecords: Handler<'DeleteRecords'> = async (services, request) => {
  const { metadata, replicas } = services;
  const asked = new Map<string, Map<number, number>>();
  for (const { name, partitions } of request.topics) {
    const offsets = asked.get(name) ?? new Map<number, number>();
    asked.set(name, offsets);
    for (const { partitionIndex, offset } of partitions) offsets.set(partitionIndex, offset);
  }
  const wanted: DeleteRecordsPartition[] = [];
  const topics = [...asked].map(([name, offsets]) => {
    const results = new Map<number, DeleteRecordsPartitionResultInput>();
    for (const [partition, offset] of offsets) {
      const isKnown = metadata.image.partition(name, partition) !== undefined;
      if (isKnown) wanted.push({ topic: name, partition, offset });
      results.set(partition, {
        partitionIndex: partition,
        lowWatermark: -1,
        errorCode: KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
      });
    }
    return { name, results };
  });
  if (wanted.length > 0) {
    const timeoutMs = Math.max(0, request.timeoutMs);
    const byTopic = new Map(topics.map(({ name, results }) => [name, results]));
    for (const result of await replicas.deleteRecords(wanted, { timeoutMs })) {
      byTopic.get(result.topic)?.set(result.partitionIndex, result);
    }
  }
  return {
    topics: topics.map(({ name, results }) => ({ name, partitions: [...results.values()] })),
  };
};
