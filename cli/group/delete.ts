import { clusterView } from '../client/cluster-view.js';
import { FailedItems } from '../client/failed-items.js';
import { type KafkaClient, withClient } from '../client/kafka-client.js';
import { printJson } from '../print-json.js';
import type { DeleteFlags } from './flags.js';
import { committedOffsets, coordinatorOf } from './group-view.js';

interface DeleteGroupsResponse {
  readonly results: readonly { groupId: string; errorCode: number }[];
}

export async function deleteGroups(groups: readonly string[], flags: DeleteFlags): Promise<void> {
  await withClient(flags, async (client) => {
    const failed = new FailedItems(client);
    for (const group of new Set(groups)) {
      if (flags.topic !== undefined) {
        await deleteOffsets(client, group, flags.topic, flags, failed);
        continue;
      }
      const { address } = await coordinatorOf(client, group);
      const { results } = await client.ask<DeleteGroupsResponse>('DeleteGroups', [[group]], {
        broker: address,
        isPartial: true,
      });
      const errorCode = results[0]?.errorCode ?? 0;
      if (errorCode !== 0) failed.add(group, errorCode);
      else if (flags.json) printJson({ group, deleted: true });
      else process.stdout.write(`${group}: deleted\n`);
    }
    failed.throwIfAny();
  });
}

interface OffsetDeleteResponse {
  readonly errorCode: number;
  readonly topics: readonly {
    name: string;
    partitions: readonly { partitionIndex: number; errorCode: number }[];
  }[];
}

async function deleteOffsets(
  client: KafkaClient,
  group: string,
  names: readonly string[],
  { json }: DeleteFlags,
  failed: FailedItems,
): Promise<void> {
  const committed = await committedOffsets(client, group);
  for (const topic of new Set(names)) {
    const partitions = [...(committed.get(topic)?.keys() ?? [])];
    if (partitions.length === 0) {
      // A topic that is not there is more likely a slip than one without offsets.
      await clusterView(client, [topic]);
      if (json) printJson({ group, topic, deletedPartitions: [] });
      else process.stdout.write(`${group}: has committed nothing for ${topic}\n`);
      continue;
    }
    const { address } = await coordinatorOf(client, group);
    const request = [
      { name: topic, partitions: partitions.map((partitionIndex) => ({ partitionIndex })) },
    ];
    const response = await client.ask<OffsetDeleteResponse>('OffsetDelete', [group, request], {
      broker: address,
      isPartial: true,
    });
    const bad = response.topics
      .flatMap(({ partitions: parts }) => parts)
      .find(({ errorCode }) => errorCode !== 0);
    const errorCode = response.errorCode || bad?.errorCode || 0;
    if (errorCode !== 0) failed.add(`${group}, ${topic}`, errorCode);
    else if (json) printJson({ group, topic, deletedPartitions: partitions });
    else process.stdout.write(`${group}: offsets of ${topic} deleted\n`);
  }
}
