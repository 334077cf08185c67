import type { Clock } from '../io/port.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type {
  DeleteGroupsRequest,
  DeleteGroupsResponseInput,
  DescribeGroupsRequest,
  DescribeGroupsResponseInput,
  HeartbeatRequest,
  HeartbeatResponseInput,
  JoinGroupRequest,
  JoinGroupResponseInput,
  LeaveGroupRequest,
  LeaveGroupResponseInput,
  ListGroupsRequest,
  ListGroupsResponseInput,
  MemberIdentity,
  OffsetCommitRequest,
  OffsetCommitResponseInput,
  OffsetDeleteRequest,
  OffsetDeleteResponseInput,
  OffsetFetchRequest,
  OffsetFetchResponseInput,
  SyncGroupRequest,
  SyncGroupResponseInput,
} from '../protocol/messages/index.js';
import type { Timers } from '../timers.js';
import type { GroupConfig } from './config.js';
import { fetchAnswer, fetchOffsets, refusedOffsets, wantedOffsets } from './fetch-offsets.js';
import { deleteGroup, deleteOffsets, describeGroup, listGroups } from './group-admin.js';
import type { GroupEntry } from './group-entry.js';
import { commitAnswer, commitOffsets, expiredOffsets } from './group-offsets.js';
import { groupPartition } from './java-string-hash.js';
import { memberIdSource } from './member-id.js';
import { GroupPartition } from './partition.js';
import type { GroupEvent, GroupRequestContext, GroupStorage } from './ports.js';

const MINUTE_MS = 60_000;

export interface GroupCoordinatorOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** In [0, 1): for the ids of members. */
  readonly random: () => number;
  readonly config: GroupConfig;
  readonly storage: GroupStorage;
  readonly onEvent?: (event: GroupEvent) => void;
}

/**
 * Kafka's group coordinator, classic protocol: members and committed offsets of the groups whose partitions of
 * `__consumer_offsets` this broker leads. Requests and answers are those of the protocol; an answer fits the
 * version in the context. Nothing rejects: what is wrong is an error code of the answer. What is answered without
 * an error is stored on every in-sync replica. [Kafka `GroupCoordinatorService`]
 */
export class GroupCoordinator {
  readonly #options: Required<GroupCoordinatorOptions>;
  readonly #partitions = new Map<number, GroupPartition>();
  readonly #newMemberId: (prefix: string) => string;
  #cancelExpiry: () => void = () => {};
  #isClosed = false;

  constructor(options: GroupCoordinatorOptions) {
    this.#options = { onEvent: () => {}, ...options };
    this.#newMemberId = memberIdSource(options.random);
    this.#scheduleExpiry();
  }

  /** The partition of `__consumer_offsets` whose leader coordinates the group. */
  partitionFor(groupId: string): number {
    return groupPartition(groupId, this.#options.storage.partitionCount());
  }

  /**
   * This broker leads the partition from now on. Its groups are loaded; until then they answer
   * COORDINATOR_LOAD_IN_PROGRESS. Resolves when they can be used, or will not be: what went wrong is an event.
   */
  async elected(partition: number, leaderEpoch: number): Promise<void> {
    if (this.#isClosed) return;
    const known = this.#partitions.get(partition);
    if (known !== undefined) {
      // It has led all along, so it knows all there is.
      if (leaderEpoch <= known.leaderEpoch || known.errorCode !== KafkaError.NOT_COORDINATOR) {
        known.leaderEpoch = Math.max(known.leaderEpoch, leaderEpoch);
        return known.loaded;
      }
      known.close();
    }
    const { clock, timers, config, storage, onEvent } = this.#options;
    const newMemberId = this.#newMemberId;
    const groups = new GroupPartition({
      partition,
      leaderEpoch,
      clock,
      timers,
      config,
      storage,
      newMemberId,
      onEvent,
    });
    this.#partitions.set(partition, groups);
    return groups.load();
  }

  /**
   * This broker does not lead the partition any more. Who waits for one of its groups gets NOT_COORDINATOR. News
   * that are older than the last election (`leaderEpoch`) are ignored.
   */
  resigned(partition: number, leaderEpoch?: number): void {
    const groups = this.#partitions.get(partition);
    if (groups === undefined) return;
    if (leaderEpoch !== undefined && leaderEpoch < groups.leaderEpoch) return;
    this.#partitions.delete(partition);
    groups.close();
  }

  /** Forgets what was committed for topics that are gone. Resolves when that is stored, or could not be. */
  async topicsDeleted(topics: readonly string[]): Promise<void> {
    const gone = new Set(topics);
    const deletions: Promise<unknown>[] = [];
    for (const groups of this.#active()) {
      for (const entry of groups.groups.values()) {
        const doomed = entry.offsets.known((topic) => gone.has(topic));
        if (doomed.length === 0) continue;
        deletions.push(
          groups.deleteOffsets(entry, doomed).then(() => groups.dropIfTransient(entry)),
        );
      }
    }
    await Promise.all(deletions);
  }

  /** Everything ends as if another broker had taken over; requests get COORDINATOR_NOT_AVAILABLE. */
  close(): void {
    this.#isClosed = true;
    this.#cancelExpiry();
    for (const partition of [...this.#partitions.keys()]) this.resigned(partition);
  }

  /** Waits for the other members, as long as their rebalance timeouts say. */
  async joinGroup(
    request: JoinGroupRequest,
    context: GroupRequestContext,
  ): Promise<JoinGroupResponseInput> {
    const { groupId, memberId, sessionTimeoutMs } = request;
    const refuse = (errorCode: KafkaErrorCode) =>
      joinAnswer({ memberId, errorCode }, context.apiVersion);
    const { config } = this.#options;
    if (groupId === '') return refuse(KafkaError.INVALID_GROUP_ID);
    if (
      sessionTimeoutMs < config.groupMinSessionTimeoutMs ||
      sessionTimeoutMs > config.groupMaxSessionTimeoutMs
    ) {
      return refuse(KafkaError.INVALID_SESSION_TIMEOUT);
    }
    const groups = this.#find(groupId);
    if (!(groups instanceof GroupPartition)) return refuse(groups);
    // Only who does not claim to be a member yet makes a group.
    const entry = memberId === '' ? groups.open(groupId) : groups.groups.get(groupId);
    if (entry === undefined) return refuse(KafkaError.UNKNOWN_MEMBER_ID);
    const joined = new Promise<JoinGroupResponseInput>((resolve) => {
      entry.membership.join(request, context, resolve);
    });
    groups.dropIfTransient(entry);
    return joinAnswer(await joined, context.apiVersion);
  }

  /** Waits until the leader's assignment is stored. */
  async syncGroup(
    request: SyncGroupRequest,
    { apiVersion }: GroupRequestContext,
  ): Promise<SyncGroupResponseInput> {
    const { groupId, protocolType, protocolName } = request;
    if (apiVersion >= 5 && (protocolType === null || protocolName === null)) {
      return { errorCode: KafkaError.INCONSISTENT_GROUP_PROTOCOL };
    }
    if (groupId === '') return { errorCode: KafkaError.INVALID_GROUP_ID };
    const groups = this.#find(groupId);
    if (!(groups instanceof GroupPartition)) return { errorCode: groups };
    const entry = groups.groups.get(groupId);
    if (entry === undefined) return { errorCode: KafkaError.UNKNOWN_MEMBER_ID };
    return new Promise((resolve) => entry.membership.sync(request, resolve));
  }

  async heartbeat(
    request: HeartbeatRequest,
    _context: GroupRequestContext,
  ): Promise<HeartbeatResponseInput> {
    const { groupId } = request;
    if (groupId === '') return { errorCode: KafkaError.INVALID_GROUP_ID };
    const groups = this.#find(groupId);
    if (!(groups instanceof GroupPartition)) {
      // Its session begins anew when the group is loaded.
      const isLoading = groups === KafkaError.COORDINATOR_LOAD_IN_PROGRESS;
      return { errorCode: isLoading ? KafkaError.NONE : groups };
    }
    const entry = groups.groups.get(groupId);
    const errorCode = entry?.membership.heartbeat(request) ?? KafkaError.UNKNOWN_MEMBER_ID;
    return { errorCode };
  }

  async leaveGroup(
    request: LeaveGroupRequest,
    { apiVersion }: GroupRequestContext,
  ): Promise<LeaveGroupResponseInput> {
    const { groupId } = request;
    if (groupId === '') return { errorCode: KafkaError.INVALID_GROUP_ID };
    const groups = this.#find(groupId);
    if (!(groups instanceof GroupPartition)) return { errorCode: groups };
    const leaving: readonly MemberIdentity[] =
      apiVersion >= 3
        ? request.members
        : [{ memberId: request.memberId, groupInstanceId: null, reason: null }];
    const entry = groups.groups.get(groupId);
    const members =
      entry?.membership.leave(leaving) ??
      leaving.map(({ memberId, groupInstanceId }) => ({
        memberId,
        groupInstanceId,
        errorCode: KafkaError.UNKNOWN_MEMBER_ID,
      }));
    if (entry !== undefined) groups.dropIfTransient(entry);
    return apiVersion >= 3
      ? { errorCode: KafkaError.NONE, members }
      : { errorCode: members[0]?.errorCode ?? KafkaError.NONE };
  }

  async offsetCommit(
    request: OffsetCommitRequest,
    context: GroupRequestContext,
  ): Promise<OffsetCommitResponseInput> {
    const groups = this.#find(request.groupId);
    if (!(groups instanceof GroupPartition)) return commitAnswer(request, () => groups);
    return commitOffsets(groups, request, context, this.#options);
  }

  async offsetFetch(
    request: OffsetFetchRequest,
    { apiVersion }: GroupRequestContext,
  ): Promise<OffsetFetchResponseInput> {
    const fetched = wantedOffsets(request, apiVersion).map(async (wanted) => {
      let groups = this.#find(wanted.groupId);
      if (request.requireStable && groups instanceof GroupPartition) {
        // What is being committed counts.
        await groups.answered();
        groups = this.#find(wanted.groupId);
      }
      return groups instanceof GroupPartition
        ? fetchOffsets(wanted, groups.groups.get(wanted.groupId)?.offsets ?? null)
        : refusedOffsets(wanted, groups, apiVersion);
    });
    return fetchAnswer(await Promise.all(fetched), apiVersion);
  }

  async offsetDelete(
    request: OffsetDeleteRequest,
    _context: GroupRequestContext,
  ): Promise<OffsetDeleteResponseInput> {
    const groups = this.#find(request.groupId);
    if (!(groups instanceof GroupPartition)) return { errorCode: groups };
    return deleteOffsets(groups, request, this.#options.storage);
  }

  async describeGroups(
    request: DescribeGroupsRequest,
    { apiVersion }: GroupRequestContext,
  ): Promise<DescribeGroupsResponseInput> {
    return {
      groups: request.groups.map((groupId) => {
        const groups = this.#find(groupId);
        return groups instanceof GroupPartition
          ? describeGroup(groupId, groups.groups.get(groupId), apiVersion)
          : { groupId, errorCode: groups };
      }),
    };
  }

  /** Of this broker only: clients ask every broker. */
  async listGroups(
    request: ListGroupsRequest,
    _context: GroupRequestContext,
  ): Promise<ListGroupsResponseInput> {
    if (this.#isClosed) return { errorCode: KafkaError.COORDINATOR_NOT_AVAILABLE };
    const listed = [];
    for (const groups of this.#partitions.values()) {
      const { errorCode } = groups;
      if (errorCode === KafkaError.COORDINATOR_LOAD_IN_PROGRESS) return { errorCode };
      listed.push(...listGroups(groups.groups.values(), request));
    }
    return { errorCode: KafkaError.NONE, groups: listed };
  }

  async deleteGroups(
    request: DeleteGroupsRequest,
    _context: GroupRequestContext,
  ): Promise<DeleteGroupsResponseInput> {
    const results = request.groupsNames.map(async (groupId) => {
      const groups = this.#find(groupId);
      const errorCode =
        groups instanceof GroupPartition ? await deleteGroup(groups, groupId) : groups;
      return { groupId, errorCode };
    });
    return { results: await Promise.all(results) };
  }

  /** Everything committed in the groups of this broker, for lag and metrics. */
  *committedOffsets(): Generator<{
    readonly group: string;
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
  }> {
    for (const groups of this.#active()) {
      for (const [group, { offsets }] of groups.groups) {
        for (const { topic, partition, value } of offsets.entries()) {
          yield { group, topic, partition, offset: value.offset };
        }
      }
    }
  }

  /** The groups among which this one is, or why there are none. */
  #find(groupId: string): GroupPartition | KafkaErrorCode {
    if (this.#isClosed) return KafkaError.COORDINATOR_NOT_AVAILABLE;
    const groups = this.#partitions.get(this.partitionFor(groupId));
    if (groups === undefined) return KafkaError.NOT_COORDINATOR;
    return groups.isActive ? groups : groups.errorCode;
  }

  *#active(): Generator<GroupPartition> {
    for (const groups of this.#partitions.values()) if (groups.isActive) yield groups;
  }

  #scheduleExpiry(): void {
    const { timers, config } = this.#options;
    this.#cancelExpiry = timers.after(config.offsetsRetentionCheckIntervalMs, () => {
      this.#scheduleExpiry();
      for (const groups of this.#active()) {
        for (const entry of [...groups.groups.values()]) void this.#expire(groups, entry);
      }
    });
  }

  /** Forgets what has expired, and the group with its last offset. */
  async #expire(groups: GroupPartition, entry: GroupEntry): Promise<void> {
    const { clock, config, onEvent } = this.#options;
    const retentionMs = config.offsetsRetentionMinutes * MINUTE_MS;
    const expired = expiredOffsets(entry, clock.now(), retentionMs);
    if (expired.length > 0) {
      const errorCode = await groups.deleteOffsets(entry, expired);
      if (errorCode !== KafkaError.NONE) return;
      const { groupId: group } = entry.group;
      onEvent({ type: 'group-offsets-expired', group, offsets: expired.length });
    }
    const { group, offsets } = entry;
    const isCurrent = groups.isActive && groups.groups.get(group.groupId) === entry;
    if (isCurrent && group.state === 'Empty' && group.pendingJoins.size === 0 && offsets.isEmpty) {
      await groups.deleteGroup(entry, 'empty and without offsets');
    }
  }
}

/** Versions before 7 have no null for the protocol. */
function joinAnswer(response: JoinGroupResponseInput, apiVersion: number): JoinGroupResponseInput {
  const protocolName = response.protocolName ?? (apiVersion >= 7 ? null : '');
  return { ...response, protocolName };
}
