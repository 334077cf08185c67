import { clusterView, type TopicView, topicIdText } from '../client/cluster-view.js';
import { withClient } from '../client/kafka-client.js';
import { printJson } from '../print-json.js';
import { printTable } from '../table.js';
import type { ListFlags } from './flags.js';

export async function listTopics(flags: ListFlags): Promise<void> {
  const view = await withClient(flags, (client) => clusterView(client, null));
  const topics = view.topics.filter(({ isInternal }) => flags.internal === true || !isInternal);
  if (flags.quiet) {
    process.stdout.write(topics.map(({ name }) => `${name}\n`).join(''));
  } else if (flags.json) {
    for (const topic of topics) printJson({ topic: topic.name, ...summary(topic) });
  } else {
    const rows = topics.map((topic) => {
      const { partitions, replicationFactor, underReplicated } = summary(topic);
      return [topic.name, partitions, replicationFactor, underReplicated];
    });
    const numbers = ['PARTITIONS', 'REPLICATION', 'UNDER-REPLICATED'];
    printTable(['TOPIC', ...numbers], rows, numbers);
  }
}

function summary({ topicId, isInternal, partitions }: TopicView) {
  return {
    topicId: topicIdText(topicId),
    partitions: partitions.length,
    replicationFactor: partitions[0]?.replicas.length ?? 0,
    underReplicated: partitions.filter(({ isr, replicas }) => isr.length < replicas.length).length,
    isInternal,
  };
}
