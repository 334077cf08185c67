import { RemoteError } from '../client/client-error.js';
import { type ClusterView, clusterView } from '../client/cluster-view.js';
import { kafkaError } from '../client/failed-items.js';
import type { BrokerAddress, KafkaClient } from '../client/kafka-client.js';
import { readAssignment } from './assignment.js';

export interface MemberView {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  /** Partitions by topic. */
  readonly assignment: ReadonlyMap<string, readonly number[]>;
}

export interface GroupView {
  readonly group: string;
  readonly state: string;
  /** The assignor; '' while there is none. */
  readonly protocol: string;
  readonly protocolType: string;
  readonly coordinator: number;
  readonly members: readonly MemberView[];
}

interface FindCoordinatorResponse {
  readonly coordinators: readonly {
    key: string;
    nodeId: number;
    host: string;
    port: number;
    errorCode: number;
    errorMessage: string | null;
  }[];
}

export interface Coordinator {
  readonly id: number;
  readonly address: BrokerAddress;
}

const GROUP = 0;

export async function coordinatorOf(client: KafkaClient, group: string): Promise<Coordinator> {
  const { coordinators } = await client.ask<FindCoordinatorResponse>('FindCoordinator', [
    GROUP,
    [group],
  ]);
  const found = coordinators[0];
  if (found === undefined) {
    throw new RemoteError('COORDINATOR_NOT_AVAILABLE', `there is no coordinator for ${group}`);
  }
  return { id: found.nodeId, address: { host: found.host, port: found.port } };
}

interface ListGroupsResponse {
  readonly groups: readonly {
    groupId: string;
    protocolType: string;
    groupState: string;
    groupType?: string;
  }[];
}

export interface ListedGroup {
  readonly group: string;
  readonly state: string;
  /** consumer for consumers; others have their own. */
  readonly protocolType: string;
  /** classic, or consumer for KIP-848's. */
  readonly type: string;
}

/** Every broker knows those it coordinates. */
export async function listAllGroups(client: KafkaClient): Promise<ListedGroup[]> {
  const { brokers } = await clusterView(client, []);
  const lists = await Promise.all(
    [...brokers.values()].map((broker) =>
      client.ask<ListGroupsResponse>('ListGroups', [[], []], { broker }),
    ),
  );
  return lists
    .flatMap(({ groups }) => groups)
    .map(({ groupId, protocolType, groupState, groupType }) => ({
      group: groupId,
      state: groupState,
      protocolType,
      type: (groupType ?? 'classic').toLowerCase(),
    }))
    .sort((a, b) => (a.group < b.group ? -1 : 1));
}

interface DescribeGroupsResponse {
  readonly groups: readonly {
    errorCode: number;
    groupId: string;
    groupState: string;
    protocolType: string;
    protocolData: string;
    members: readonly {
      memberId: string;
      groupInstanceId: string | null;
      clientId: string;
      clientHost: string;
      memberAssignment: Buffer;
    }[];
  }[];
}

/** State Dead: there is no such group. */
export async function describeGroup(client: KafkaClient, group: string): Promise<GroupView> {
  const coordinator = await coordinatorOf(client, group);
  // The client's own method fails on members that have no assignment yet.
  const { groups } = await client.ask<DescribeGroupsResponse>('DescribeGroups', [[group], false], {
    broker: coordinator.address,
    namesOf: () => group,
  });
  const found = groups[0];
  if (found === undefined) throw noGroup(group);
  return {
    group,
    state: found.groupState,
    protocol: found.protocolData,
    protocolType: found.protocolType,
    coordinator: coordinator.id,
    members: found.members
      .map((member) => ({
        memberId: member.memberId,
        instanceId: member.groupInstanceId,
        clientId: member.clientId,
        host: member.clientHost.replace(/^\//, ''),
        assignment: readAssignment(member.memberAssignment),
      }))
      .sort((a, b) => (a.memberId < b.memberId ? -1 : 1)),
  };
}

export function noGroup(group: string): RemoteError {
  return new RemoteError(
    'GROUP_ID_NOT_FOUND',
    `there is no group ${group}; varve group list shows those there are`,
  );
}

interface OffsetFetchResponse {
  readonly groups: readonly {
    errorCode: number;
    topics: readonly {
      name: string;
      partitions: readonly { partitionIndex: number; committedOffset: bigint; errorCode: number }[];
    }[];
  }[];
}

/** Committed offsets by topic and partition. */
export async function committedOffsets(
  client: KafkaClient,
  group: string,
): Promise<Map<string, Map<number, number>>> {
  const { address } = await coordinatorOf(client, group);
  const request = [{ groupId: group, memberId: null, memberEpoch: -1 }];
  const { groups } = await client.ask<OffsetFetchResponse>('OffsetFetch', [request, false], {
    broker: address,
    namesOf: () => group,
  });
  const offsets = new Map<string, Map<number, number>>();
  for (const { name, partitions } of groups[0]?.topics ?? []) {
    const byPartition = new Map<number, number>();
    for (const { partitionIndex, committedOffset, errorCode } of partitions) {
      if (errorCode !== 0) {
        const { id, text } = kafkaError(client, errorCode);
        throw new RemoteError(id, `${group}: ${name}-${partitionIndex}: ${text}`);
      }
      if (committedOffset >= 0n) byPartition.set(partitionIndex, Number(committedOffset));
    }
    if (byPartition.size > 0) offsets.set(name, byPartition);
  }
  return offsets;
}

/** The topics among these that still are. */
export async function existingTopics(
  client: KafkaClient,
  names: ReadonlySet<string>,
): Promise<ClusterView> {
  const view = await clusterView(client, null);
  return { ...view, topics: view.topics.filter(({ name }) => names.has(name)) };
}
