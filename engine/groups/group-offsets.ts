import type { Clock } from '../io/port.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type {
  OffsetCommitRequest,
  OffsetCommitRequestPartition,
  OffsetCommitResponseInput,
} from '../protocol/messages/index.js';
import type { GroupConfig } from './config.js';
import { groupErrorOfAppend } from './errors.js';
import type { Group } from './group.js';
import type { CommittedOffset, OffsetStore, TopicPartition } from './offset-store.js';
import type { GroupPartition } from './partition.js';
import type { GroupRequestContext, GroupStorage } from './ports.js';
import { offsetRecord } from './stored-records.js';

/** The longest text that a stored offset has room for. */
const MAX_METADATA_BYTES = 0x7fff;
const NO_RETENTION_TIME = -1;

interface CommitOptions {
  readonly clock: Clock;
  readonly config: GroupConfig;
  readonly storage: GroupStorage;
}

/** Answers when what could be committed is stored, or could not be [Kafka `OffsetMetadataManager.commitOffset`]. */
export async function commitOffsets(
  groups: GroupPartition,
  request: OffsetCommitRequest,
  context: GroupRequestContext,
  options: CommitOptions,
): Promise<OffsetCommitResponseInput> {
  const refusal = checkCommit(groups.groups.get(request.groupId)?.group, request, context);
  if (refusal !== KafkaError.NONE) return commitAnswer(request, () => refusal);
  const entry = groups.open(request.groupId);
  const { group, membership, offsets } = entry;
  const member = group.members.get(request.memberId);
  // A commit is a sign of life.
  if (member !== undefined && group.state !== 'CompletingRebalance') {
    membership.lifecycle.restartSession(member);
  }

  const { refusals, commits } = sortOut(request, options);
  let stored: KafkaErrorCode = KafkaError.NONE;
  if (commits.length > 0) {
    const { groupId } = request;
    const records = commits.map(({ topic, partition, value }) =>
      offsetRecord(groupId, topic, partition, value),
    );
    for (const { topic, partition } of commits) offsets.begin(topic, partition);
    const appendError = await groups.append(groupId, records, (errorCode) => {
      for (const { topic, partition, value } of commits) {
        offsets.end(topic, partition);
        if (errorCode === KafkaError.NONE) offsets.set(topic, partition, value);
      }
      groups.dropIfTransient(entry);
    });
    stored = groupErrorOfAppend(appendError);
  } else {
    groups.dropIfTransient(entry);
  }
  return commitAnswer(request, (wanted) => refusals.get(wanted) ?? stored);
}

interface Commit extends TopicPartition {
  readonly value: CommittedOffset;
}

/** What of a request can be committed, and why the rest cannot. */
function sortOut(request: OffsetCommitRequest, options: CommitOptions) {
  const nowMs = options.clock.now();
  const { retentionTimeMs } = request;
  const expireTimestampMs =
    retentionTimeMs === NO_RETENTION_TIME ? null : nowMs + Math.max(0, retentionTimeMs);
  const refusals = new Map<OffsetCommitRequestPartition, KafkaErrorCode>();
  const commits: Commit[] = [];
  for (const { name: topic, partitions } of request.topics) {
    for (const wanted of partitions) {
      const errorCode = checkOffset(topic, wanted, options);
      if (errorCode !== KafkaError.NONE) {
        refusals.set(wanted, errorCode);
        continue;
      }
      const value = {
        offset: wanted.committedOffset,
        leaderEpoch: wanted.committedLeaderEpoch,
        metadata: wanted.committedMetadata ?? '',
        commitTimestampMs: nowMs,
        expireTimestampMs,
      };
      commits.push({ topic, partition: wanted.partitionIndex, value });
    }
  }
  return { refusals, commits };
}

/** The same code for every partition of a request, or one for each. */
export function commitAnswer(
  { topics }: OffsetCommitRequest,
  codeOf: (partition: OffsetCommitRequestPartition) => KafkaErrorCode,
): OffsetCommitResponseInput {
  return {
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map((partition) => ({
        partitionIndex: partition.partitionIndex,
        errorCode: codeOf(partition),
      })),
    })),
  };
}

/** Who may commit: members of this generation, and anybody while the group has no members. */
function checkCommit(
  group: Group | undefined,
  request: OffsetCommitRequest,
  { apiVersion }: GroupRequestContext,
): KafkaErrorCode {
  const { memberId, groupInstanceId, generationIdOrMemberEpoch: generationId } = request;
  if (group === undefined) {
    if (generationId < 0) return KafkaError.NONE;
    return apiVersion >= 9 ? KafkaError.GROUP_ID_NOT_FOUND : KafkaError.ILLEGAL_GENERATION;
  }
  if (generationId < 0 && group.state === 'Empty') return KafkaError.NONE;
  if (generationId >= 0 || memberId !== '' || groupInstanceId !== null) {
    const errorCode = group.checkMember(memberId, groupInstanceId);
    if (errorCode !== KafkaError.NONE) return errorCode;
    if (generationId !== group.generationId) return KafkaError.ILLEGAL_GENERATION;
  } else {
    return KafkaError.UNKNOWN_MEMBER_ID;
  }
  // The member knows its generation, but nobody knows yet what it owns.
  return group.state === 'CompletingRebalance' ? KafkaError.REBALANCE_IN_PROGRESS : KafkaError.NONE;
}

function checkOffset(
  topic: string,
  { partitionIndex, committedMetadata }: OffsetCommitRequestPartition,
  { config, storage }: CommitOptions,
): KafkaErrorCode {
  if (!storage.topicExists(topic, partitionIndex)) return KafkaError.UNKNOWN_TOPIC_OR_PARTITION;
  const isTooLarge =
    committedMetadata !== null &&
    (committedMetadata.length > config.offsetMetadataMaxBytes ||
      Buffer.byteLength(committedMetadata) > MAX_METADATA_BYTES);
  return isTooLarge ? KafkaError.OFFSET_METADATA_TOO_LARGE : KafkaError.NONE;
}

/** What may be forgotten [Kafka `ClassicGroup.offsetExpirationCondition`]. */
export function expiredOffsets(
  { group, offsets }: { readonly group: Group; readonly offsets: OffsetStore },
  nowMs: number,
  retentionMs: number,
): TopicPartition[] {
  const { protocolType, state } = group;
  // Since when an offset is not needed: since its group is empty, else since it was committed.
  let sinceMs: ((value: CommittedOffset) => number) | null = null;
  if (protocolType === null) sinceMs = (value) => value.commitTimestampMs;
  else if (state === 'Empty')
    sinceMs = (value) => group.stateTimestampMs ?? value.commitTimestampMs;
  else if (state === 'Stable' && group.subscribedTopics !== null) {
    sinceMs = (value) => value.commitTimestampMs;
  }
  if (sinceMs === null) return [];
  const expired: TopicPartition[] = [];
  for (const { topic, partition, value } of offsets.entries()) {
    const isDue =
      value.expireTimestampMs === null
        ? nowMs - sinceMs(value) >= retentionMs
        : nowMs >= value.expireTimestampMs;
    if (isDue && !group.isSubscribedTo(topic) && !offsets.isUnderWay(topic, partition)) {
      expired.push({ topic, partition });
    }
  }
  return expired;
}
