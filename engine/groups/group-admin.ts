import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type {
  DescribeGroupsDescribedGroupInput,
  ListedGroupInput,
  ListGroupsRequest,
  OffsetDeleteRequest,
  OffsetDeleteResponseInput,
} from '../protocol/messages/index.js';
import { groupErrorOfAppend } from './errors.js';
import type { GroupEntry } from './group-entry.js';
import { NO_BYTES } from './member.js';
import type { TopicPartition } from './offset-store.js';
import type { GroupPartition } from './partition.js';
import type { GroupStorage } from './ports.js';

/** The only kind of group there is; KIP-848 has others. */
const GROUP_TYPE = 'classic';
const NOT_FOUND_ERROR_VERSION = 6;

export function describeGroup(
  groupId: string,
  entry: GroupEntry | undefined,
  apiVersion: number,
): DescribeGroupsDescribedGroupInput {
  if (entry === undefined) {
    // Older clients take a group that is not known for a dead one.
    return apiVersion < NOT_FOUND_ERROR_VERSION
      ? { groupId, groupState: 'Dead' }
      : {
          groupId,
          groupState: 'Dead',
          errorCode: KafkaError.GROUP_ID_NOT_FOUND,
          errorMessage: `Group ${groupId} not found.`,
        };
  }
  const { group } = entry;
  // During a rebalance what members said is not settled, and nothing is assigned.
  const isStable = group.state === 'Stable';
  return {
    groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? member.metadataOf(group.protocolName) : NO_BYTES,
      memberAssignment: isStable ? member.assignment : NO_BYTES,
    })),
  };
}

/** An empty filter lets everything pass. States are compared without regard to case. */
export function listGroups(
  entries: Iterable<GroupEntry>,
  { statesFilter, typesFilter }: ListGroupsRequest,
): ListedGroupInput[] {
  const states = new Set(statesFilter.map((state) => state.toLowerCase()));
  const types = new Set(typesFilter.map((type) => type.toLowerCase()));
  if (types.size > 0 && !types.has(GROUP_TYPE)) return [];
  const listed: ListedGroupInput[] = [];
  for (const { group } of entries) {
    if (states.size > 0 && !states.has(group.state.toLowerCase())) continue;
    listed.push({
      groupId: group.groupId,
      protocolType: group.protocolType ?? '',
      groupState: group.state,
      groupType: GROUP_TYPE,
    });
  }
  return listed;
}

export async function deleteGroup(
  groups: GroupPartition,
  groupId: string,
): Promise<KafkaErrorCode> {
  const entry = groups.groups.get(groupId);
  if (entry === undefined) return KafkaError.GROUP_ID_NOT_FOUND;
  if (entry.group.state !== 'Empty') return KafkaError.NON_EMPTY_GROUP;
  return groupErrorOfAppend(await groups.deleteGroup(entry, 'deleted by request'));
}

/** Offsets of topics to which no member is subscribed; a group without members may lose any. */
export async function deleteOffsets(
  groups: GroupPartition,
  { groupId, topics }: OffsetDeleteRequest,
  storage: GroupStorage,
): Promise<OffsetDeleteResponseInput> {
  const entry = groups.groups.get(groupId);
  if (entry === undefined) return { errorCode: KafkaError.GROUP_ID_NOT_FOUND };
  const { group, offsets } = entry;
  // What members of another kind of group need is not known.
  if (group.state !== 'Empty' && !group.isConsumerGroup) {
    return { errorCode: KafkaError.NON_EMPTY_GROUP };
  }
  const codeOf = (topic: string, partition: number): KafkaErrorCode => {
    if (!storage.topicExists(topic, partition)) return KafkaError.UNKNOWN_TOPIC_OR_PARTITION;
    return group.isSubscribedTo(topic) ? KafkaError.GROUP_SUBSCRIBED_TO_TOPIC : KafkaError.NONE;
  };
  const doomed: TopicPartition[] = [];
  const answers = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => {
      const errorCode = codeOf(name, partitionIndex);
      const isKnown =
        offsets.get(name, partitionIndex) !== undefined || offsets.isUnderWay(name, partitionIndex);
      if (errorCode === KafkaError.NONE && isKnown) {
        doomed.push({ topic: name, partition: partitionIndex });
      }
      return { partitionIndex, errorCode };
    }),
  }));
  const appendError = await groups.deleteOffsets(entry, doomed);
  groups.dropIfTransient(entry);
  return appendError === KafkaError.NONE
    ? { errorCode: KafkaError.NONE, topics: answers }
    : { errorCode: groupErrorOfAppend(appendError) };
}
