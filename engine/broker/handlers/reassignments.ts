import type { TopicImage } from '../../metadata/image.js';
import { KafkaError } from '../../protocol/error-codes.js';
import { type Handler, refusalOf } from './answers.js';

/** Kafka: ControllerApis.handleAlterPartitionReassignments. Replicas are added, caught up, and then others removed. */
export const alterPartitionReassignments: Handler<'AlterPartitionReassignments'> = async (
  services,
  request,
) => {
  const { controller, onEvent } = services;
  const partitions = request.topics.flatMap(({ name, partitions: its }) =>
    its.map(({ partitionIndex, replicas }) => ({
      topic: name,
      partition: partitionIndex,
      replicas,
    })),
  );
  try {
    const answers = await controller.reassignPartitions({ partitions });
    const byTopic = new Map<
      string,
      { partitionIndex: number; errorCode: number; errorMessage: string | null }[]
    >();
    for (const { topic, partition, errorCode, errorMessage } of answers) {
      const rows = byTopic.get(topic) ?? [];
      byTopic.set(topic, rows);
      rows.push({ partitionIndex: partition, errorCode, errorMessage });
    }
    return {
      errorCode: KafkaError.NONE,
      responses: [...byTopic].map(([name, rows]) => ({ name, partitions: rows })),
    };
  } catch (cause) {
    onEvent({ kind: 'controller-failed', cause });
    return refusalOf(cause);
  }
};

/** Those under way, as this broker knows them. Kafka: ControllerApis.handleListPartitionReassignments. */
export const listPartitionReassignments: Handler<'ListPartitionReassignments'> = (
  { metadata: { image } },
  request,
) => {
  const asked =
    request.topics === null
      ? [...image.topics.values()].map((topic) => ({ topic, only: null }))
      : request.topics.map(({ name, partitionIndexes }) => ({
          topic: image.topics.get(name),
          only: new Set(partitionIndexes),
        }));
  const topics = [];
  for (const { topic, only } of asked) {
    if (topic === undefined) continue;
    const partitions = ongoing(topic, only);
    if (partitions.length > 0) topics.push({ name: topic.name, partitions });
  }
  return { errorCode: KafkaError.NONE, topics };
};

function ongoing(topic: TopicImage, only: ReadonlySet<number> | null) {
  return [...topic.partitions.entries()]
    .filter(([index]) => only?.has(index) ?? true)
    .filter(([, { adding, removing }]) => adding.length > 0 || removing.length > 0)
    .map(([partitionIndex, { replicas, adding, removing }]) => ({
      partitionIndex,
      replicas,
      addingReplicas: adding,
      removingReplicas: removing,
    }));
}
