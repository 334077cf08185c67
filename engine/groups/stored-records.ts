import { VarveError } from '../errors.js';
import {
  GroupMetadataKey,
  GroupMetadataValue,
  type MemberMetadata,
  OffsetCommitKey,
  OffsetCommitValue,
} from '../protocol/messages/offsets-topic.js';
import { decodeVersioned, encodeVersioned, versionOf } from '../protocol/versioned.js';
import type { RecordInput } from '../types.js';
import { Group } from './group.js';
import { Member } from './member.js';
import type { CommittedOffset } from './offset-store.js';

/*
 * Records of `__consumer_offsets` [Kafka `GroupCoordinatorRecordHelpers`, `GroupCoordinatorRecordSerde`].
 *
 *   key    kind int16 | fields          0 and 1: offset (group, topic, partition); 2: group
 *   value  version int16 | fields       null deletes the key
 *
 * Written as version 3, which every Kafka since 2.3 reads; read in every version.
 */

const OLD_OFFSET_KIND = 0;
const OFFSET_KIND = 1;
const GROUP_KIND = 2;
const VALUE_VERSION = 3;
/** The one version of an offset that keeps a time of expiry. */
const EXPIRING_OFFSET_VERSION = 1;
const NO_TIME = -1;

export function offsetRecord(
  groupId: string,
  topic: string,
  partition: number,
  value: CommittedOffset,
): RecordInput {
  const { expireTimestampMs } = value;
  const version = expireTimestampMs === null ? VALUE_VERSION : EXPIRING_OFFSET_VERSION;
  return {
    key: offsetKey(groupId, topic, partition),
    value: encodeVersioned(OffsetCommitValue, version, {
      offset: value.offset,
      leaderEpoch: value.leaderEpoch,
      metadata: value.metadata,
      commitTimestamp: value.commitTimestampMs,
      expireTimestamp: expireTimestampMs ?? NO_TIME,
    }),
  };
}

export function offsetTombstone(groupId: string, topic: string, partition: number): RecordInput {
  return { key: offsetKey(groupId, topic, partition), value: null };
}

export function groupRecord(group: Group, assignmentOf: (member: Member) => Buffer): RecordInput {
  return {
    key: groupKey(group.groupId),
    value: encodeVersioned(GroupMetadataValue, VALUE_VERSION, {
      protocolType: group.protocolType ?? '',
      generation: group.generationId,
      protocol: group.protocolName,
      leader: group.leaderId,
      currentStateTimestamp: group.stateTimestampMs ?? NO_TIME,
      members: [...group.members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeout: member.rebalanceTimeoutMs,
        sessionTimeout: member.sessionTimeoutMs,
        subscription: member.metadataOf(group.protocolName),
        assignment: assignmentOf(member),
      })),
    }),
  };
}

export function groupTombstone(groupId: string): RecordInput {
  return { key: groupKey(groupId), value: null };
}

function offsetKey(group: string, topic: string, partition: number): Buffer {
  return encodeVersioned(OffsetCommitKey, OFFSET_KIND, { group, topic, partition });
}

function groupKey(group: string): Buffer {
  return encodeVersioned(GroupMetadataKey, GROUP_KIND, { group });
}

/** A record as read. `value` is null for a tombstone. */
export type StoredRecord =
  | {
      readonly kind: 'offset';
      readonly groupId: string;
      readonly topic: string;
      readonly partition: number;
      readonly value: CommittedOffset | null;
    }
  | { readonly kind: 'group'; readonly groupId: string; readonly value: Group | null };

/**
 * Reads one record, of whose bytes nothing is kept. Null: of a kind that varve does not keep, as those of KIP-848
 * groups. Fails with a VarveError for what no Kafka can have written.
 */
export function readStoredRecord(
  key: Uint8Array | null,
  value: Uint8Array | null,
): StoredRecord | null {
  if (key === null) {
    throw new VarveError('CORRUPT_MESSAGE', 'record without a key in a log of groups and offsets');
  }
  const keyBytes = asBuffer(key);
  const kind = versionOf(keyBytes);
  if (kind === OLD_OFFSET_KIND || kind === OFFSET_KIND) {
    const { group, topic, partition } = decodeVersioned(OffsetCommitKey, keyBytes).value;
    return {
      kind: 'offset',
      groupId: group,
      topic,
      partition,
      value: value === null ? null : readOffset(asBuffer(value)),
    };
  }
  if (kind === GROUP_KIND) {
    const { group } = decodeVersioned(GroupMetadataKey, keyBytes).value;
    return {
      kind: 'group',
      groupId: group,
      value: value === null ? null : readGroup(group, asBuffer(value)),
    };
  }
  return null;
}

function readOffset(bytes: Buffer): CommittedOffset {
  const { value } = decodeVersioned(OffsetCommitValue, bytes);
  return {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitTimestampMs: value.commitTimestamp,
    expireTimestampMs: value.expireTimestamp === NO_TIME ? null : value.expireTimestamp,
  };
}

function readGroup(groupId: string, bytes: Buffer): Group {
  const { value } = decodeVersioned(GroupMetadataValue, bytes);
  const group = new Group({
    groupId,
    state: value.members.length === 0 ? 'Empty' : 'Stable',
    generationId: value.generation,
    protocolType: value.protocolType === '' ? null : value.protocolType,
    protocolName: value.protocol,
    leaderId: value.leader,
    stateTimestampMs: value.currentStateTimestamp === NO_TIME ? null : value.currentStateTimestamp,
  });
  for (const member of value.members) {
    if (group.members.has(member.memberId) || isTakenInstance(group, member)) {
      throw new VarveError(
        'CORRUPT_MESSAGE',
        `group ${JSON.stringify(groupId)} is stored with member ${JSON.stringify(member.memberId)} twice`,
        { details: { group: groupId, member: member.memberId } },
      );
    }
    group.add(
      new Member({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs:
          member.rebalanceTimeout === NO_TIME ? member.sessionTimeout : member.rebalanceTimeout,
        sessionTimeoutMs: member.sessionTimeout,
        protocolType: value.protocolType,
        protocols: [{ name: value.protocol ?? '', metadata: Buffer.from(member.subscription) }],
        assignment: Buffer.from(member.assignment),
      }),
    );
  }
  // The leader may have been written before it left.
  if (group.members.size > 0 && !group.members.has(group.leaderId ?? '')) {
    group.leaderId = group.members.keys().next().value ?? null;
  }
  group.subscribedTopics = group.computeSubscribedTopics();
  return group;
}

function isTakenInstance(group: Group, member: MemberMetadata): boolean {
  const { groupInstanceId } = member;
  return groupInstanceId !== null && group.staticMemberId(groupInstanceId) !== undefined;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
