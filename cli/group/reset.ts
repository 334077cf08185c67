import { RemoteError } from '../client/client-error.js';
import {
  type ClusterView,
  clusterView,
  partitionKey,
  unknownTopic,
} from '../client/cluster-view.js';
import { FailedItems } from '../client/failed-items.js';
import { type KafkaClient, withClient } from '../client/kafka-client.js';
import { colors as pc } from '../colors.js';
import { printJson } from '../print-json.js';
import { plural } from '../progress.js';
import { Places } from '../records/start-and-stop.js';
import { UsageError } from '../run-program.js';
import { printTable } from '../table.js';
import type { ResetFlags } from './flags.js';
import { committedOffsets, coordinatorOf, describeGroup, existingTopics } from './group-view.js';

interface Move {
  readonly topic: string;
  readonly partition: number;
  readonly from: number | null;
  readonly to: number;
}

export async function resetGroup(group: string, flags: ResetFlags): Promise<void> {
  checkFlags(flags);
  await withClient(flags, async (client) => {
    const { state, members } = await describeGroup(client, group);
    if (state !== 'Empty' && state !== 'Dead') {
      throw new RemoteError(
        'NON_EMPTY_GROUP',
        `${group} is ${state} with ${plural(members.length, 'member')}; stop them first, they would overwrite the offsets`,
      );
    }
    const committed = await committedOffsets(client, group);
    const view = await wantedPartitions(client, flags, new Set(committed.keys()));
    const moves = await planned(client, view, committed, flags);
    if (flags.execute) await commit(client, group, moves);
    report(group, moves, flags);
  });
}

function checkFlags({ topic, allTopics, to, by, execute, dryRun }: ResetFlags): void {
  if ((topic === undefined) !== (allTopics === true)) {
    throw new UsageError('say which partitions: --topic, or --all-topics');
  }
  if ((to === undefined) === (by === undefined)) {
    throw new UsageError('say where to: either --to or --by');
  }
  if (execute && dryRun) throw new UsageError('--execute and --dry-run exclude each other');
}

async function wantedPartitions(
  client: KafkaClient,
  { topic: wanted }: ResetFlags,
  committed: ReadonlySet<string>,
): Promise<ClusterView> {
  if (wanted === undefined) return existingTopics(client, committed);
  const names = [...new Set(wanted.map(({ topic }) => topic))];
  const view = await clusterView(client, names);
  const topics = view.topics.map((topic) => {
    const lists = wanted.filter((one) => one.topic === topic.name);
    if (lists.some(({ partitions }) => partitions === undefined)) return topic;
    const numbers = new Set(lists.flatMap(({ partitions }) => partitions ?? []));
    for (const number of numbers) {
      if (number < topic.partitions.length) continue;
      const count = plural(topic.partitions.length, 'partition');
      throw new UsageError(`${topic.name}:${number}: the topic has ${count}, from 0`);
    }
    return { ...topic, partitions: topic.partitions.filter((p) => numbers.has(p.partition)) };
  });
  const missing = names.find((name) => !topics.some((topic) => topic.name === name));
  if (missing !== undefined) throw unknownTopic(missing);
  return { ...view, topics };
}

async function planned(
  client: KafkaClient,
  view: ClusterView,
  committed: ReadonlyMap<string, ReadonlyMap<number, number>>,
  { to, by }: ResetFlags,
): Promise<Move[]> {
  const places = new Places(client, 0);
  const [start, end] = await Promise.all([
    places.start(view, { at: 'beginning' }),
    places.start(view, { at: 'end' }),
  ]);
  const target = to === undefined ? null : await places.start(view, to);
  const moves: Move[] = [];
  for (const { name: topic, partitions } of view.topics) {
    for (const { partition } of partitions) {
      const from = committed.get(topic)?.get(partition) ?? null;
      let wanted: number;
      if (target !== null) {
        wanted = target(topic, partition);
      } else if (from === null) {
        throw new UsageError(
          `--by: the group has committed nothing for ${partitionKey(topic, partition)}; take --to`,
        );
      } else {
        wanted = from + (by ?? 0);
      }
      const [first, last] = [start(topic, partition), end(topic, partition)];
      moves.push({ topic, partition, from, to: Math.min(Math.max(wanted, first), last) });
    }
  }
  return moves;
}

interface OffsetCommitResponse {
  readonly topics: readonly {
    name: string;
    partitions: readonly { partitionIndex: number; errorCode: number }[];
  }[];
}

async function commit(client: KafkaClient, group: string, moves: readonly Move[]): Promise<void> {
  const byTopic = new Map<string, object[]>();
  for (const { topic, partition, to } of moves) {
    const list = byTopic.get(topic) ?? [];
    byTopic.set(topic, list);
    list.push({
      partitionIndex: partition,
      committedOffset: BigInt(to),
      committedLeaderEpoch: -1,
      committedMetadata: null,
    });
  }
  if (byTopic.size === 0) return;
  const topics = [...byTopic].map(([name, partitions]) => ({ name, partitions }));
  const { address } = await coordinatorOf(client, group);
  // No member, generation -1: what a program outside the group commits as.
  const response = await client.ask<OffsetCommitResponse>(
    'OffsetCommit',
    [group, -1, '', null, topics],
    { broker: address, isPartial: true },
  );
  const failed = new FailedItems(client);
  for (const { name, partitions } of response.topics) {
    for (const { partitionIndex, errorCode } of partitions) {
      if (errorCode !== 0) failed.add(partitionKey(name, partitionIndex), errorCode);
    }
  }
  failed.throwIfAny();
}

function report(group: string, moves: readonly Move[], { json, execute }: ResetFlags): void {
  if (json) {
    for (const move of moves) printJson({ group, ...move, executed: execute ?? false });
    return;
  }
  if (moves.length === 0) {
    process.stdout.write(`${group}: has committed nothing\n`);
    return;
  }
  const rows = moves.map(({ topic, partition, from, to }) => [topic, partition, from ?? '-', to]);
  printTable(['TOPIC', 'PARTITION', 'COMMITTED', 'NEW'], rows, ['PARTITION', 'COMMITTED', 'NEW']);
  if (!execute) process.stderr.write(pc.yellow('Nothing is changed yet: --execute does it.\n'));
}
