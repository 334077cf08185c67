import { LATEST, listOffsets, partitionKey } from '../client/cluster-view.js';
import { type KafkaClient, withClient } from '../client/kafka-client.js';
import { colors as pc } from '../colors.js';
import { printJson } from '../print-json.js';
import { plural } from '../progress.js';
import { UsageError } from '../run-program.js';
import { printTable } from '../table.js';
import type { DescribeFlags } from './flags.js';
import {
  committedOffsets,
  describeGroup,
  existingTopics,
  type GroupView,
  listAllGroups,
  type MemberView,
  noGroup,
} from './group-view.js';

export async function describeGroups(
  names: readonly string[],
  flags: DescribeFlags,
): Promise<void> {
  if ((names.length === 0) !== (flags.all === true)) {
    throw new UsageError('name the groups to describe, or take --all');
  }
  await withClient(flags, async (client) => {
    const groups = flags.all ? (await listAllGroups(client)).map(({ group }) => group) : names;
    for (const [i, name] of groups.entries()) {
      const group = await describeGroup(client, name);
      const partitions = await groupPartitions(client, group);
      // A group that is deleted, or never was, still answers.
      if (group.state === 'Dead' && partitions.length === 0) {
        if (flags.all) continue;
        throw noGroup(name);
      }
      if (flags.json) {
        printJson(toJson(group, partitions));
        continue;
      }
      if (i > 0) process.stdout.write('\n');
      printHead(group, partitions);
      if (flags.members) printMembers(group);
      else printPartitions(partitions);
    }
  });
}

export interface GroupPartition {
  readonly topic: string;
  readonly partition: number;
  /** Null: nothing committed. */
  readonly committedOffset: number | null;
  /** Null: the topic is gone, or the partition has no leader. */
  readonly endOffset: number | null;
  readonly lag: number | null;
  readonly member: MemberView | null;
}

/** All that have a committed offset or a member. */
export async function groupPartitions(
  client: KafkaClient,
  group: GroupView,
): Promise<GroupPartition[]> {
  const committed = await committedOffsets(client, group.group);
  const owners = new Map<string, MemberView>();
  const wanted = new Map<string, Set<number>>();
  const want = (topic: string, partition: number): void => {
    wanted.set(topic, (wanted.get(topic) ?? new Set()).add(partition));
  };
  for (const [topic, offsets] of committed) for (const n of offsets.keys()) want(topic, n);
  for (const member of group.members) {
    for (const [topic, partitions] of member.assignment) {
      for (const partition of partitions) {
        want(topic, partition);
        owners.set(partitionKey(topic, partition), member);
      }
    }
  }
  if (wanted.size === 0) return [];
  const view = await existingTopics(client, new Set(wanted.keys()));
  const ends = await listOffsets(client, view, (topic, partition) =>
    wanted.get(topic)?.has(partition) ? LATEST : undefined,
  );
  const rows: GroupPartition[] = [];
  for (const topic of [...wanted.keys()].sort()) {
    for (const partition of [...(wanted.get(topic) ?? [])].sort((a, b) => a - b)) {
      const committedOffset = committed.get(topic)?.get(partition) ?? null;
      const endOffset = ends.get(partitionKey(topic, partition)) ?? null;
      const isKnown = committedOffset !== null && endOffset !== null;
      rows.push({
        topic,
        partition,
        committedOffset,
        endOffset,
        lag: isKnown ? Math.max(0, endOffset - committedOffset) : null,
        member: owners.get(partitionKey(topic, partition)) ?? null,
      });
    }
  }
  return rows;
}

function totalLag(partitions: readonly GroupPartition[]): number {
  return partitions.reduce((sum, { lag }) => sum + (lag ?? 0), 0);
}

function toJson(group: GroupView, partitions: readonly GroupPartition[]): Record<string, unknown> {
  return {
    group: group.group,
    state: group.state,
    protocolType: group.protocolType,
    protocol: group.protocol,
    coordinator: group.coordinator,
    lag: totalLag(partitions),
    members: group.members.map(({ assignment, ...member }) => ({
      ...member,
      assignment: Object.fromEntries(assignment),
    })),
    partitions: partitions.map(({ member, ...rest }) => ({
      ...rest,
      memberId: member?.memberId ?? null,
    })),
  };
}

function printHead(group: GroupView, partitions: readonly GroupPartition[]): void {
  const facts = [
    group.state,
    plural(group.members.length, 'member'),
    ...(group.protocol === '' ? [] : [`assignor ${group.protocol}`]),
    `coordinator ${group.coordinator}`,
    `lag ${totalLag(partitions)}`,
  ];
  process.stdout.write(`${pc.bold(group.group)}  ${facts.join(', ')}\n`);
}

function printPartitions(partitions: readonly GroupPartition[]): void {
  if (partitions.length === 0) return;
  const rows = partitions.map(({ topic, partition, committedOffset, endOffset, lag, member }) => [
    topic,
    partition,
    committedOffset ?? '-',
    endOffset ?? '-',
    lag ?? '-',
    member?.clientId ?? '-',
    member?.host ?? '-',
    member?.memberId ?? '-',
  ]);
  printTable(['TOPIC', 'PARTITION', 'COMMITTED', 'END', 'LAG', 'CLIENT', 'HOST', 'MEMBER'], rows, [
    'PARTITION',
    'COMMITTED',
    'END',
    'LAG',
  ]);
}

function printMembers({ members }: GroupView): void {
  if (members.length === 0) return;
  const rows = members.map(({ memberId, instanceId, clientId, host, assignment }) => {
    const parts = [...assignment].map(([topic, list]) => `${topic}:${list.join(',')}`);
    return [memberId, instanceId ?? '-', clientId, host, parts.join(' ') || '-'];
  });
  printTable(['MEMBER', 'INSTANCE', 'CLIENT', 'HOST', 'ASSIGNMENT'], rows);
}
