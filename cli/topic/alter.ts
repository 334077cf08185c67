import { clusterView } from '../client/cluster-view.js';
import { FailedItems } from '../client/failed-items.js';
import { type KafkaClient, withClient } from '../client/kafka-client.js';
import { printJson } from '../print-json.js';
import { plural } from '../progress.js';
import { UsageError } from '../run-program.js';
import type { AlterFlags } from './flags.js';

const TOPIC_RESOURCE = 2;
const SET = 0;
const DELETE = 1;

export async function alterTopic(name: string, flags: AlterFlags): Promise<void> {
  const { partitions, config = {}, deleteConfig = [] } = flags;
  const settings = [
    ...Object.entries(config).map(([key, value]) => ({
      name: key,
      configOperation: SET,
      value,
    })),
    ...deleteConfig.map((key) => ({ name: key, configOperation: DELETE, value: null })),
  ];
  if (partitions === undefined && settings.length === 0) {
    throw new UsageError('say what to alter: --partitions, --config or --delete-config');
  }
  const both = deleteConfig.find((key) => Object.hasOwn(config, key));
  if (both !== undefined) throw new UsageError(`${both} is to be set and deleted`);
  await withClient(flags, async (client) => {
    await clusterView(client, [name]);
    if (settings.length > 0) await alterSettings(client, name, settings);
    if (partitions !== undefined) await addPartitions(client, name, partitions);
  });
  if (flags.json) {
    printJson({ topic: name, ...(partitions && { partitions }), config, deleted: deleteConfig });
    return;
  }
  const done = [
    ...Object.entries(config).map(([key, value]) => `${key}=${value}`),
    ...deleteConfig.map((key) => `${key} is the default again`),
    ...(partitions === undefined ? [] : [plural(partitions, 'partition')]),
  ];
  process.stdout.write(`${name}: ${done.join(', ')}\n`);
}

async function alterSettings(
  client: KafkaClient,
  name: string,
  configs: readonly object[],
): Promise<void> {
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: name, configs }];
  await client.ask('IncrementalAlterConfigs', [resources, false], { namesOf: () => name });
}

interface CreatePartitionsResponse {
  readonly results: readonly { name: string; errorCode: number; errorMessage: string | null }[];
}

async function addPartitions(client: KafkaClient, name: string, count: number): Promise<void> {
  // The client's own method wants the replicas of each new partition; null leaves the choice to the cluster.
  const { results } = await client.ask<CreatePartitionsResponse>(
    'CreatePartitions',
    [[{ name, count, assignments: null }], client.timeoutMs, false],
    { isPartial: true },
  );
  const failed = new FailedItems(client);
  for (const { errorCode, errorMessage } of results) {
    if (errorCode !== 0) failed.add(name, errorCode, errorMessage);
  }
  failed.throwIfAny();
}
