import { topicIdText } from '../client/cluster-view.js';
import { FailedItems } from '../client/failed-items.js';
import { withClient } from '../client/kafka-client.js';
import { printJson } from '../print-json.js';
import { plural } from '../progress.js';
import type { CreateFlags } from './flags.js';

interface CreateTopicsResponse {
  readonly topics: readonly {
    name: string;
    topicId: string;
    errorCode: number;
    errorMessage: string | null;
    numPartitions: number;
    replicationFactor: number;
  }[];
}

const TOPIC_ALREADY_EXISTS = 36;

export async function createTopics(names: readonly string[], flags: CreateFlags): Promise<void> {
  const { partitions = -1, replicationFactor = -1, config = {} } = flags;
  const configs = Object.entries(config).map(([name, value]) => ({ name, value }));
  const wanted = names.map((name) => ({
    name,
    numPartitions: partitions,
    replicationFactor,
    assignments: [],
    configs,
  }));
  await withClient(flags, async (client) => {
    const { topics } = await client.ask<CreateTopicsResponse>(
      'CreateTopics',
      [wanted, client.timeoutMs, false],
      { isPartial: true },
    );
    const failed = new FailedItems(client);
    for (const topic of topics) {
      const { name, topicId, errorCode, errorMessage, numPartitions } = topic;
      const isThere = errorCode === TOPIC_ALREADY_EXISTS && flags.ifNotExists === true;
      if (errorCode !== 0 && !isThere) {
        failed.add(name, errorCode, errorMessage);
      } else if (flags.json) {
        printJson(
          isThere
            ? { topic: name, created: false }
            : {
                topic: name,
                created: true,
                topicId: topicIdText(topicId),
                partitions: numPartitions,
                replicationFactor: topic.replicationFactor,
              },
        );
      } else if (isThere) {
        process.stdout.write(`${name}: is there already\n`);
      } else {
        const count = plural(numPartitions, 'partition');
        process.stdout.write(
          `${name}: created with ${count}, replication factor ${topic.replicationFactor}\n`,
        );
      }
    }
    failed.throwIfAny();
  });
}
