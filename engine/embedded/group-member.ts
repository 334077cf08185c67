import { ZERO_UUID } from '../format/uuid.js';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../groups/assignors/consumer-protocol.js';
import type { Assignor, TopicPartitions } from '../groups/assignors/types.js';
import { KafkaError } from '../protocol/error-codes.js';
import { groupError } from './group-error.js';
import type { TopicPartition } from './partition-source.js';
import { EMBEDDED_CLIENT, type StoreGroups } from './store-groups.js';

const PROTOCOL_TYPE = 'consumer';
/** Between two attempts while the coordinator is loading. */
const RETRY_MS = 20;

export interface GroupMemberOptions {
  readonly group: string;
  readonly topics: readonly string[];
  readonly assignors: readonly Assignor[];
  readonly instanceId: string | null;
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** The rebalance timeout: how long the group waits for this member to poll. */
  readonly maxPollIntervalMs: number;
  /** Partitions of a topic, or null if there is none of that name. */
  readonly partitionCount: (topic: string) => number | null;
  /** The group is to be joined again; called once until `join`. `isLost`: others may have the partitions already. */
  readonly onRejoin: (isLost: boolean) => void;
  /** The group cannot be joined any more. */
  readonly onFailed: (error: Error) => void;
  /** False when the program has stopped polling: the member leaves. */
  readonly isPolling: () => boolean;
}

export interface CommittedOffset {
  readonly offset: number;
  readonly metadata: string;
}

export interface JoinedGroup {
  readonly given: readonly TopicPartitions[];
  /** The group had given this member up before: what it held may have been others' meanwhile. */
  readonly isLost: boolean;
}

/** One member of a classic group, talking to the coordinator of the same process. */
export class GroupMember {
  readonly #groups: StoreGroups;
  readonly #options: GroupMemberOptions;
  #memberId = '';
  #generation = -1;
  /** Of the topics that the leader divided; null for a follower. */
  #dividedCounts: ReadonlyMap<string, number> | null = null;
  #needsJoin = true;
  #cancelHeartbeat: () => void = () => {};
  #isClosed = false;

  constructor(groups: StoreGroups, options: GroupMemberOptions) {
    this.#groups = groups;
    this.#options = options;
  }

  get needsJoin(): boolean {
    return this.#needsJoin;
  }

  get memberId(): string {
    return this.#memberId;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Joins, and resolves with what this member is given. `owned` is what it holds on to meanwhile. */
  async join(owned: readonly TopicPartitions[]): Promise<JoinedGroup> {
    this.#cancelHeartbeat();
    let held = owned;
    let isLost = false;
    for (;;) {
      if (this.#isClosed) return { given: [], isLost };
      const code = await this.#joinAndSync(held);
      if (typeof code !== 'number') {
        this.#needsJoin = false;
        this.#scheduleHeartbeat();
        return { given: code, isLost };
      }
      switch (code) {
        case KafkaError.MEMBER_ID_REQUIRED:
        case KafkaError.REBALANCE_IN_PROGRESS:
          break;
        case KafkaError.UNKNOWN_MEMBER_ID:
        case KafkaError.ILLEGAL_GENERATION:
          this.#forget();
          held = [];
          isLost = true;
          break;
        case KafkaError.COORDINATOR_LOAD_IN_PROGRESS:
        case KafkaError.COORDINATOR_NOT_AVAILABLE:
          await new Promise<void>((resolve) => this.#groups.timers.after(RETRY_MS, resolve));
          break;
        default:
          throw groupError(code, `joining group ${this.#options.group}`);
      }
    }
  }

  async #joinAndSync(
    owned: readonly TopicPartitions[],
  ): Promise<number | readonly TopicPartitions[]> {
    const { group, topics, assignors, instanceId } = this.#options;
    const joined = await this.#groups.coordinator.joinGroup(
      {
        groupId: group,
        sessionTimeoutMs: this.#options.sessionTimeoutMs,
        rebalanceTimeoutMs: this.#options.maxPollIntervalMs,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
        protocolType: PROTOCOL_TYPE,
        protocols: assignors.map((assignor) => ({
          name: assignor.name,
          metadata: encodeSubscription({
            topics,
            userData: assignor.userData(owned, this.#generation),
            ownedPartitions: assignor.isCooperative ? owned : [],
            generationId: this.#generation,
            rackId: null,
          }),
        })),
        reason: null,
      },
      { ...EMBEDDED_CLIENT, apiVersion: 9 },
    );
    const { errorCode = 0, memberId = '', generationId = -1, protocolName = '' } = joined;
    if (memberId !== '') this.#memberId = memberId;
    if (errorCode !== KafkaError.NONE) return errorCode;
    this.#generation = generationId;
    const isLeader = joined.leader === memberId && joined.skipAssignment !== true;
    const assignments = isLeader ? this.#divide(protocolName ?? '', joined.members ?? []) : [];
    if (joined.leader !== memberId) this.#dividedCounts = null;
    const synced = await this.#groups.coordinator.syncGroup(
      {
        groupId: group,
        generationId,
        memberId,
        groupInstanceId: instanceId,
        protocolType: PROTOCOL_TYPE,
        protocolName: protocolName ?? '',
        assignments,
      },
      { ...EMBEDDED_CLIENT, apiVersion: 5 },
    );
    if ((synced.errorCode ?? 0) !== KafkaError.NONE) return synced.errorCode ?? 0;
    return decodeAssignment(Buffer.from(synced.assignment ?? []));
  }

  #divide(
    protocol: string,
    members: readonly {
      readonly memberId?: string;
      readonly groupInstanceId?: string | null;
      readonly metadata?: Uint8Array;
    }[],
  ): { memberId: string; assignment: Buffer }[] {
    const assignor = this.#options.assignors.find(({ name }) => name === protocol)!;
    const known = members.map(({ memberId = '', groupInstanceId = null, metadata }) => ({
      memberId,
      groupInstanceId,
      subscription: decodeSubscription(Buffer.from(metadata ?? [])),
    }));
    const wanted = new Set(known.flatMap(({ subscription }) => subscription.topics));
    const counts = this.#countsOf(wanted);
    this.#dividedCounts = counts;
    const divided = assignor.assign(known, counts);
    return [...divided].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions),
    }));
  }

  #countsOf(topics: Iterable<string>): Map<string, number> {
    const counts = new Map<string, number>();
    for (const topic of topics) counts.set(topic, this.#options.partitionCount(topic) ?? 0);
    return counts;
  }

  #scheduleHeartbeat(): void {
    this.#cancelHeartbeat();
    this.#cancelHeartbeat = this.#groups.timers.after(this.#options.heartbeatMs, () => {
      this.#heartbeat().catch((error: Error) => this.#options.onFailed(error));
    });
  }

  async #heartbeat(): Promise<void> {
    if (this.#isClosed || this.#needsJoin) return;
    if (!this.#options.isPolling()) {
      await this.leave();
      this.#forget();
      this.#rejoin(true);
      return;
    }
    const divided = this.#dividedCounts;
    if (divided !== null) {
      const now = this.#countsOf(divided.keys());
      if ([...now].some(([topic, count]) => divided.get(topic) !== count))
        return this.#rejoin(false);
    }
    const generation = this.#generation;
    const { errorCode = 0 } = await this.#groups.coordinator.heartbeat(
      {
        groupId: this.#options.group,
        generationId: generation,
        memberId: this.#memberId,
        groupInstanceId: this.#options.instanceId,
      },
      { ...EMBEDDED_CLIENT, apiVersion: 4 },
    );
    if (this.#isClosed || generation !== this.#generation) return;
    switch (errorCode) {
      case KafkaError.NONE:
      case KafkaError.COORDINATOR_LOAD_IN_PROGRESS:
      case KafkaError.COORDINATOR_NOT_AVAILABLE:
        return this.#scheduleHeartbeat();
      case KafkaError.REBALANCE_IN_PROGRESS:
        return this.#rejoin(false);
      case KafkaError.UNKNOWN_MEMBER_ID:
      case KafkaError.ILLEGAL_GENERATION:
        this.#forget();
        return this.#rejoin(true);
      default:
        this.#options.onFailed(groupError(errorCode, `heartbeat of group ${this.#options.group}`));
    }
  }

  /** The group is to be joined again at the next poll, for whatever reason the member has itself. */
  rejoin(): void {
    if (!this.#needsJoin) this.#rejoin(false);
  }

  #rejoin(isLost: boolean): void {
    this.#needsJoin = true;
    this.#options.onRejoin(isLost);
  }

  #forget(): void {
    this.#memberId = '';
    this.#generation = -1;
  }

  /** Stored when it resolves. Fails with REBALANCE_IN_PROGRESS, ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID ... */
  async commit(
    offsets: readonly (TopicPartition & { readonly offset: number; readonly metadata?: string })[],
  ): Promise<void> {
    const { group, instanceId } = this.#options;
    const byTopic = new Map<string, typeof offsets>();
    for (const row of offsets) byTopic.set(row.topic, [...(byTopic.get(row.topic) ?? []), row]);
    const { topics = [] } = await this.#groups.coordinator.offsetCommit(
      {
        groupId: group,
        generationIdOrMemberEpoch: this.#generation,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
        retentionTimeMs: -1,
        topics: [...byTopic].map(([name, rows]) => ({
          name,
          topicId: ZERO_UUID,
          partitions: rows.map(({ partition, offset, metadata = '' }) => ({
            partitionIndex: partition,
            committedOffset: offset,
            committedLeaderEpoch: -1,
            committedMetadata: metadata,
          })),
        })),
      },
      { ...EMBEDDED_CLIENT, apiVersion: 9 },
    );
    for (const { name = '', partitions = [] } of topics) {
      for (const { partitionIndex = 0, errorCode = 0 } of partitions) {
        if (errorCode === KafkaError.NONE) continue;
        throw groupError(errorCode, `committing ${name}-${partitionIndex} of group ${group}`);
      }
    }
  }

  /** Null: the group has committed nothing for it. */
  async committed(places: readonly TopicPartition[]): Promise<(CommittedOffset | null)[]> {
    const { group } = this.#options;
    const byTopic = new Map<string, number[]>();
    for (const { topic, partition } of places) {
      byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
    }
    const topics = [...byTopic].map(([name, partitionIndexes]) => ({
      name,
      topicId: ZERO_UUID,
      partitionIndexes,
    }));
    const answer = await this.#groups.coordinator.offsetFetch(
      {
        groupId: '',
        topics: null,
        groups: [{ groupId: group, memberId: null, memberEpoch: -1, topics }],
        requireStable: false,
      },
      { ...EMBEDDED_CLIENT, apiVersion: 9 },
    );
    const found = answer.groups?.[0];
    if ((found?.errorCode ?? 0) !== KafkaError.NONE) {
      throw groupError(found?.errorCode ?? 0, `committed offsets of group ${group}`);
    }
    const offsets = new Map<string, CommittedOffset>();
    for (const { name = '', partitions = [] } of found?.topics ?? []) {
      for (const {
        partitionIndex = 0,
        committedOffset = -1,
        metadata,
        errorCode = 0,
      } of partitions) {
        if (errorCode !== KafkaError.NONE)
          throw groupError(errorCode, `committed offset of ${name}-${partitionIndex}`);
        if (committedOffset < 0) continue;
        offsets.set(`${name}/${partitionIndex}`, {
          offset: committedOffset,
          metadata: metadata ?? '',
        });
      }
    }
    return places.map(({ topic, partition }) => offsets.get(`${topic}/${partition}`) ?? null);
  }

  /** A static member (with an instance id) does not leave: it is expected back. */
  async leave(): Promise<void> {
    this.#cancelHeartbeat();
    const { group, instanceId } = this.#options;
    if (this.#memberId === '' || instanceId !== null) return;
    const members = [{ memberId: this.#memberId, groupInstanceId: null, reason: null }];
    await this.#groups.coordinator.leaveGroup(
      { groupId: group, memberId: '', members },
      { ...EMBEDDED_CLIENT, apiVersion: 5 },
    );
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.leave();
  }
}
