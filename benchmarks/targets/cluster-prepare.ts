import type { Cell } from '../model/knobs.js';
import type { ClusterAdmin, NewTopic, PartitionPlace } from './cluster-admin.js';
import { topicSettings } from './topic-settings.js';

/** A topic that is ready for a run. */
export interface ReadyTopic {
  readonly wanted: NewTopic;
  readonly places: readonly PartitionPlace[];
}

const READY_LIMIT_MS = 60_000;
/** Each partition is some files on every replica. */
const READY_LIMIT_MS_A_REPLICA = 20;

/** Makes the topic of a cell, and waits until every broker says that it is whole. */
export async function makeTopic(
  admin: ClusterAdmin,
  { cell, topic, freeBytes }: { cell: Cell; topic: string; freeBytes: number | null },
): Promise<ReadyTopic> {
  const { partitions, replicationFactor } = cell;
  const wanted: NewTopic = {
    topic,
    partitions,
    replicationFactor,
    configs: topicSettings(cell, freeBytes),
  };
  await admin.createTopic(wanted);
  await admin.waitForTopic(wanted, limitFor(cell));
  return { wanted, places: (await admin.partitions(topic)) ?? [] };
}

export function limitFor({ partitions, replicationFactor }: Cell): number {
  return READY_LIMIT_MS + partitions * replicationFactor * READY_LIMIT_MS_A_REPLICA;
}
