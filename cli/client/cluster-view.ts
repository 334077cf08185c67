import { RemoteError } from './client-error.js';
import type { BrokerAddress, KafkaClient } from './kafka-client.js';

export interface PartitionView {
  readonly partition: number;
  /** -1: none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

export interface TopicView {
  readonly name: string;
  /** As requests have it: hexadecimal with dashes. */
  readonly topicId: string;
  readonly isInternal: boolean;
  /** By their numbers. */
  readonly partitions: readonly PartitionView[];
}

export interface ClusterView {
  readonly brokers: ReadonlyMap<number, BrokerAddress>;
  readonly topics: readonly TopicView[];
}

interface MetadataResponse {
  readonly brokers: readonly { nodeId: number; host: string; port: number }[];
  readonly topics: readonly {
    errorCode: number;
    name: string | null;
    topicId: string;
    isInternal: boolean;
    partitions: readonly {
      partitionIndex: number;
      leaderId: number;
      leaderEpoch: number;
      replicaNodes: readonly number[];
      isrNodes: readonly number[];
    }[];
  }[];
}

const UNKNOWN_TOPIC = 3;
const INVALID_TOPIC = 17;

/** The cluster as a broker sees it; null for every topic. Fails for a topic that is not there. */
export async function clusterView(
  client: KafkaClient,
  names: readonly string[] | null,
): Promise<ClusterView> {
  const wanted = names?.map((name) => name) ?? null;
  // The client's own metadata leaves out internal topics, and fails as a whole where a partition has no leader.
  const response = await client.ask<MetadataResponse>('Metadata', [wanted, false, false], {
    isPartial: true,
  });
  const topics: TopicView[] = [];
  for (const { errorCode, name, topicId, isInternal, partitions } of response.topics) {
    if (name === null) continue;
    if (errorCode === UNKNOWN_TOPIC) throw unknownTopic(name);
    if (errorCode === INVALID_TOPIC) {
      throw new RemoteError('INVALID_TOPIC_EXCEPTION', `${name} is not a name for a topic`);
    }
    topics.push({
      name,
      topicId,
      isInternal,
      partitions: partitions
        .map(({ partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes }) => ({
          partition: partitionIndex,
          leader: leaderId,
          leaderEpoch,
          replicas: replicaNodes,
          isr: isrNodes,
        }))
        .sort((a, b) => a.partition - b.partition),
    });
  }
  topics.sort((a, b) => (a.name < b.name ? -1 : 1));
  const brokers = new Map(
    response.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]),
  );
  return { brokers, topics };
}

export function unknownTopic(name: string): RemoteError {
  return new RemoteError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `there is no topic ${name}; varve topic list shows those there are`,
  );
}

/** Points in time with a meaning of their own, in place of a timestamp. */
export const EARLIEST = -2;
export const LATEST = -1;

interface ListOffsetsResponse {
  readonly topics: readonly {
    name: string;
    partitions: readonly { partitionIndex: number; errorCode: number; offset: bigint }[];
  }[];
}

export type PartitionOffsets = Map<string, number>;

export const partitionKey = (topic: string, partition: number): string => `${topic}-${partition}`;

/**
 * For each partition the first offset at or after a time (or EARLIEST, LATEST), -1 where there is none. Partitions
 * without a leader, or whose leader does not answer, are left out.
 */
export async function listOffsets(
  client: KafkaClient,
  view: ClusterView,
  wanted: (topic: string, partition: number) => number | undefined,
  isolation: 0 | 1 = 0,
): Promise<PartitionOffsets> {
  const perLeader = new Map<number, Map<string, object[]>>();
  for (const { name, partitions } of view.topics) {
    for (const { partition, leader } of partitions) {
      const timestamp = wanted(name, partition);
      if (timestamp === undefined || !view.brokers.has(leader)) continue;
      const topics = perLeader.get(leader) ?? new Map<string, object[]>();
      perLeader.set(leader, topics);
      const list = topics.get(name) ?? [];
      topics.set(name, list);
      list.push({
        partitionIndex: partition,
        currentLeaderEpoch: -1,
        timestamp: BigInt(timestamp),
      });
    }
  }
  const found: PartitionOffsets = new Map();
  await Promise.all(
    [...perLeader].map(async ([leader, topics]) => {
      const request = [...topics].map(([name, partitions]) => ({ name, partitions }));
      const response = await client.ask<ListOffsetsResponse>(
        'ListOffsets',
        [-1, isolation, request],
        {
          broker: view.brokers.get(leader),
          isPartial: true,
        },
      );
      for (const { name, partitions } of response.topics) {
        for (const { partitionIndex, errorCode, offset } of partitions) {
          if (errorCode === 0) found.set(partitionKey(name, partitionIndex), Number(offset));
        }
      }
    }),
  );
  return found;
}

/** Kafka's text for an id: 22 characters. */
export function topicIdText(topicId: string): string {
  return Buffer.from(topicId.replaceAll('-', ''), 'hex').toString('base64url');
}
