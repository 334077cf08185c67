import {
  type ClusterView,
  clusterView,
  EARLIEST,
  LATEST,
  listOffsets,
  type PartitionOffsets,
  partitionKey,
  type TopicView,
  topicIdText,
} from '../client/cluster-view.js';
import { type KafkaClient, withClient } from '../client/kafka-client.js';
import { colors as pc } from '../colors.js';
import { printJson } from '../print-json.js';
import { plural } from '../progress.js';
import { printTable } from '../table.js';
import type { DescribeFlags } from './flags.js';

type Configs = ReadonlyMap<string, Readonly<Record<string, string | null>>>;

export async function describeTopics(
  names: readonly string[],
  flags: DescribeFlags,
): Promise<void> {
  await withClient(flags, async (client) => {
    const all = await clusterView(client, names.length > 0 ? names : null);
    const topics = all.topics
      .filter(({ isInternal }) => names.length > 0 || flags.internal === true || !isInternal)
      .map((topic) => (flags.underReplicated ? onlyUnderReplicated(topic) : topic))
      .filter(({ partitions }) => partitions.length > 0);
    const view: ClusterView = { ...all, topics };
    const [configs, starts, ends] = await Promise.all([
      overrides(client, topics),
      listOffsets(client, view, () => EARLIEST),
      listOffsets(client, view, () => LATEST),
    ]);
    let isFirst = true;
    for (const topic of topics) {
      const config = configs.get(topic.name) ?? {};
      if (flags.json) {
        printJson(toJson(topic, config, starts, ends));
        continue;
      }
      if (!isFirst) process.stdout.write('\n');
      isFirst = false;
      print(topic, config, starts, ends);
    }
  });
}

function onlyUnderReplicated(topic: TopicView): TopicView {
  const partitions = topic.partitions.filter(({ isr, replicas }) => isr.length < replicas.length);
  return { ...topic, partitions };
}

interface DescribeConfigsResponse {
  readonly results: readonly {
    resourceName: string;
    configs: readonly { name: string; value: string | null; configSource: number }[];
  }[];
}

const TOPIC_RESOURCE = 2;
const SET_ON_THE_TOPIC = 1;

async function overrides(client: KafkaClient, topics: readonly TopicView[]): Promise<Configs> {
  if (topics.length === 0) return new Map();
  const resources = topics.map(({ name }) => ({
    resourceType: TOPIC_RESOURCE,
    resourceName: name,
    configurationKeys: null,
  }));
  const { results } = await client.ask<DescribeConfigsResponse>('DescribeConfigs', [
    resources,
    false,
    false,
  ]);
  return new Map(
    results.map(({ resourceName, configs }) => [
      resourceName,
      Object.fromEntries(
        configs
          .filter(({ configSource }) => configSource === SET_ON_THE_TOPIC)
          .map(({ name, value }) => [name, value]),
      ),
    ]),
  );
}

function toJson(
  topic: TopicView,
  config: Readonly<Record<string, string | null>>,
  starts: PartitionOffsets,
  ends: PartitionOffsets,
): Record<string, unknown> {
  return {
    topic: topic.name,
    topicId: topicIdText(topic.topicId),
    isInternal: topic.isInternal,
    config,
    partitions: topic.partitions.map((partition) => ({
      ...partition,
      startOffset: starts.get(partitionKey(topic.name, partition.partition)) ?? null,
      endOffset: ends.get(partitionKey(topic.name, partition.partition)) ?? null,
    })),
  };
}

function print(
  { name, topicId, partitions }: TopicView,
  config: Readonly<Record<string, string | null>>,
  starts: PartitionOffsets,
  ends: PartitionOffsets,
): void {
  const replication = partitions[0]?.replicas.length ?? 0;
  const facts = `${plural(partitions.length, 'partition')}, replication factor ${replication}`;
  process.stdout.write(`${pc.bold(name)}  ${facts}  ${pc.dim(topicIdText(topicId))}\n`);
  for (const [key, value] of Object.entries(config)) process.stdout.write(`  ${key}=${value}\n`);
  const rows = partitions.map(({ partition, leader, leaderEpoch, replicas, isr }) => {
    const start = starts.get(partitionKey(name, partition));
    const end = ends.get(partitionKey(name, partition));
    const inSync = isr.join(',');
    return [
      partition,
      leader === -1 ? pc.red('none') : leader,
      leaderEpoch,
      replicas.join(','),
      isr.length < replicas.length ? pc.yellow(inSync || 'none') : inSync,
      start ?? '-',
      end ?? '-',
    ];
  });
  printTable(['PARTITION', 'LEADER', 'EPOCH', 'REPLICAS', 'IN-SYNC', 'START', 'END'], rows, [
    'PARTITION',
    'LEADER',
    'EPOCH',
    'START',
    'END',
  ]);
}
