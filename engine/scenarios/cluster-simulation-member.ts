import { ZERO_UUID } from '../format/uuid.js';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../groups/assignors/consumer-protocol.js';
import { ASSIGNORS, type AssignorName } from '../groups/assignors/index.js';
import type { TopicPartitions } from '../groups/assignors/types.js';
import { KafkaError } from '../protocol/error-codes.js';
import type { DecodedResponseOf } from '../protocol/messages/index.js';
import type { SimulatedWorld } from '../testing/simulated-world.js';
import type { SimulatedClient } from './cluster-simulation-client.js';
import { fetchOnce } from './cluster-simulation-consumer.js';
import type { Ledger } from './cluster-simulation-ledger.js';

const PROTOCOL_TYPE = 'consumer';
const JOIN_VERSION = 9;
const SYNC_VERSION = 5;
const COMMIT_VERSION = 9;
const FETCH_VERSION = 9;

/** What the members of one group were told, together. */
export class GroupLedger {
  readonly group: string;
  readonly #world: SimulatedWorld;
  /** By generation: who was given each partition. */
  readonly #owners = new Map<number, Map<string, string>>();
  /** The largest commit that was answered, by `topic/partition`. */
  readonly committed = new Map<string, number>();
  generations = 0;
  #largest = -1;

  constructor(world: SimulatedWorld, group: string) {
    this.#world = world;
    this.group = group;
  }

  assigned(generation: number, member: string, partitions: readonly string[]): void {
    let owners = this.#owners.get(generation);
    if (owners === undefined) {
      owners = new Map();
      this.#owners.set(generation, owners);
      this.generations += 1;
    }
    this.#largest = Math.max(this.#largest, generation);
    for (const partition of partitions) {
      const owner = owners.get(partition) ?? member;
      owners.set(partition, member);
      if (owner === member) continue;
      const what = `${this.group} generation ${generation}: ${partition} is ${owner}'s and ${member}'s`;
      this.#world.violate('one member per partition in a generation', what);
    }
  }

  /** The group may have lost what it was: generations may begin again. */
  forget(): void {
    this.#owners.clear();
  }

  acknowledged(partition: string, offset: number): void {
    this.committed.set(partition, Math.max(this.committed.get(partition) ?? -1, offset));
  }

  /** `floor` is what had been acknowledged when the request was sent. */
  fetched(partition: string, floor: number, offset: number, who: string): void {
    // What one has seen, the next must see, though whoever committed it may not have been told.
    if (offset >= 0) this.acknowledged(partition, offset);
    if (offset >= floor) return;
    const what = `${who} found ${offset} for ${partition} of ${this.group}, committed was ${floor}`;
    this.#world.violate('committed offsets do not go back', what);
  }
}

export interface MemberOptions {
  readonly client: SimulatedClient;
  readonly ledger: Ledger;
  readonly group: GroupLedger;
  readonly topic: string;
  readonly assignor: AssignorName;
  readonly instanceId: string | null;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
  /** False: what can be committed has been lost. */
  readonly keepsOffsets: () => boolean;
}

/** A consumer in a group: joins, is given partitions, reads them, commits how far it is, and joins again when told. */
export class SimulatedMember {
  readonly #o: MemberOptions;
  #memberId = '';
  #generation = -1;
  #coordinator = -1;
  #owned: readonly TopicPartitions[] = [];
  #ownedGeneration = -1;
  readonly #positions = new Map<number, number>();
  /** Positions have moved since the last commit that was answered. */
  #isBehind = false;
  #isLeaving = false;
  /** It held what it is not given any more: others get that in the next generation. */
  #givesUp = false;
  /** Partitions of the topic when this member, as the leader, divided them. */
  #divided = -1;

  constructor(options: MemberOptions) {
    this.#o = options;
  }

  get name(): string {
    return this.#o.client.name;
  }

  /** For messages. */
  get describe(): string {
    const positions = [...this.#positions].map(([partition, offset]) => `${partition}@${offset}`);
    const state = this.#isBehind ? 'to be committed' : 'committed';
    return `${this.name} generation ${this.#generation} at b${this.#coordinator} has ${positions} ${state}`;
  }

  leave(): void {
    this.#isLeaving = true;
  }

  async run(): Promise<void> {
    const { client } = this.#o;
    while (client.isAlive && !this.#isLeaving) {
      if (!(await this.#findCoordinator()) || !(await this.#join())) {
        await client.sleep(10, 150);
        continue;
      }
      await this.#work();
    }
    if (client.isAlive && this.#memberId !== '') await this.#leave();
    client.process.kill();
  }

  async #findCoordinator(): Promise<boolean> {
    if (this.#coordinator >= 0) return true;
    const { client, group } = this.#o;
    try {
      const { coordinators } = await client.call(client.anyBroker(), 'FindCoordinator', 4, {
        keyType: 0,
        coordinatorKeys: [group.group],
      });
      const found = coordinators[0];
      if (found === undefined || found.errorCode !== KafkaError.NONE) return false;
      this.#coordinator = found.nodeId;
      return true;
    } catch {
      return false;
    }
  }

  /** What an answer, or none, means for who this member is. */
  #note(code: number): void {
    switch (code) {
      case KafkaError.NOT_COORDINATOR:
      case KafkaError.COORDINATOR_NOT_AVAILABLE:
      case KafkaError.NETWORK_EXCEPTION:
        this.#coordinator = -1;
        return;
      case KafkaError.FENCED_INSTANCE_ID:
        // Another process has the instance's name: Kafka's consumer ends with this error.
        this.#o.client.process.kill();
        return;
      case KafkaError.UNKNOWN_MEMBER_ID:
      case KafkaError.ILLEGAL_GENERATION:
        if (code !== KafkaError.ILLEGAL_GENERATION) this.#memberId = '';
        this.#generation = -1;
        this.#owned = [];
        this.#positions.clear();
    }
  }

  async #join(): Promise<boolean> {
    const { client, group, topic, assignor, instanceId } = this.#o;
    if (client.known(topic) === null && !(await client.refresh(topic))) return false;
    const { isCooperative, userData, name } = ASSIGNORS[assignor];
    const subscription = encodeSubscription({
      topics: [topic],
      userData: userData(this.#owned, this.#ownedGeneration),
      ownedPartitions: isCooperative ? this.#owned : [],
      generationId: this.#ownedGeneration,
      rackId: null,
    });
    let joined: DecodedResponseOf<'JoinGroup'>;
    try {
      joined = await client.call(this.#coordinator, 'JoinGroup', JOIN_VERSION, {
        groupId: group.group,
        sessionTimeoutMs: this.#o.sessionTimeoutMs,
        rebalanceTimeoutMs: this.#o.rebalanceTimeoutMs,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
        protocolType: PROTOCOL_TYPE,
        protocols: [{ name, metadata: subscription }],
        reason: null,
      });
    } catch {
      this.#coordinator = -1;
      return false;
    }
    if (joined.errorCode === KafkaError.MEMBER_ID_REQUIRED) {
      this.#memberId = joined.memberId;
      return false;
    }
    this.#note(joined.errorCode);
    if (joined.errorCode !== KafkaError.NONE) return false;
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    const leads = joined.leader === joined.memberId;
    const isLeader = leads && !joined.skipAssignment;
    // For what was divided before its time it cannot tell whether that still is everything: it divides anew.
    this.#divided = leads ? 0 : -1;
    if (isLeader) await client.refresh(topic);
    return this.#sync(joined.protocolName ?? name, isLeader ? this.#divide(joined) : []);
  }

  #divide(joined: DecodedResponseOf<'JoinGroup'>): { memberId: string; assignment: Buffer }[] {
    const { client, topic, assignor } = this.#o;
    const members = joined.members.map(({ memberId, groupInstanceId, metadata }) => ({
      memberId,
      groupInstanceId,
      subscription: decodeSubscription(Buffer.from(metadata)),
    }));
    this.#divided = client.known(topic)?.partitions.length ?? 0;
    const divided = ASSIGNORS[assignor].assign(members, new Map([[topic, this.#divided]]));
    return [...divided].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions),
    }));
  }

  async #sync(
    protocolName: string,
    assignments: { memberId: string; assignment: Buffer }[],
  ): Promise<boolean> {
    const { client, group, instanceId } = this.#o;
    const generation = this.#generation;
    try {
      const answer = await client.call(this.#coordinator, 'SyncGroup', SYNC_VERSION, {
        groupId: group.group,
        generationId: generation,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
        protocolType: PROTOCOL_TYPE,
        protocolName,
        assignments,
      });
      this.#note(answer.errorCode);
      if (answer.errorCode !== KafkaError.NONE) return false;
      const given = decodeAssignment(Buffer.from(answer.assignment));
      // Whoever missed a generation, or gives everything up in each, does not know how far others have come.
      const { isCooperative } = ASSIGNORS[this.#o.assignor];
      if (!isCooperative || generation !== this.#ownedGeneration + 1) this.#positions.clear();
      const isGiven = new Set(partitionsOf(given));
      this.#givesUp = isCooperative && partitionsOf(this.#owned).some((its) => !isGiven.has(its));
      this.#owned = given;
      this.#ownedGeneration = generation;
      if (!this.#o.keepsOffsets()) group.forget();
      group.assigned(generation, instanceId ?? this.#memberId, [...isGiven]);
    } catch {
      this.#coordinator = -1;
      return false;
    }
    const mine = new Set(this.#partitions());
    for (const partition of this.#positions.keys()) {
      if (!mine.has(partition)) this.#positions.delete(partition);
    }
    return true;
  }

  #partitions(): number[] {
    return this.#owned.flatMap(({ topic, partitions }) =>
      topic === this.#o.topic ? [...partitions] : [],
    );
  }

  /** Reads and commits until the group is to be joined again. */
  async #work(): Promise<void> {
    const { client, ledger, topic, heartbeatMs } = this.#o;
    const { world } = client.network;
    const missing = this.#partitions().filter((partition) => !this.#positions.has(partition));
    while (client.isAlive && missing.length > 0) {
      if (await this.#fetchCommitted(missing)) break;
      if (!(await this.#beat())) return;
      await client.sleep(20, 100);
    }
    if (this.#givesUp) return;
    let beatAtMs = world.nowMs + heartbeatMs;
    while (client.isAlive && !this.#isLeaving) {
      // Each partition has its own request: one without records must not hold up the others.
      const waitMs = this.#partitions().length > 1 ? 30 : 300;
      for (const partition of this.#partitions()) {
        const position = this.#positions.get(partition) ?? 0;
        const next = await fetchOnce(client, ledger, topic, partition, position, waitMs);
        if (!client.isAlive) return;
        this.#positions.set(partition, next);
        this.#isBehind ||= next !== position;
        if (world.nowMs >= beatAtMs) {
          if (!(await this.#beat())) return;
          beatAtMs = world.nowMs + heartbeatMs;
        }
      }
      if (this.#isBehind && !(await this.#commit())) return;
      if (this.#partitions().length === 0) await client.sleep(heartbeatMs);
      if (world.nowMs >= beatAtMs) {
        if (!(await this.#beat())) return;
        beatAtMs = world.nowMs + heartbeatMs;
      }
      if (client.random.chance(0.05)) await client.refresh(topic);
      const count = client.known(topic)?.partitions.length ?? 0;
      if (this.#divided >= 0 && count !== this.#divided) return;
      await client.sleep(0, 20);
    }
  }

  async #fetchCommitted(missing: readonly number[]): Promise<boolean> {
    const { client, group, topic } = this.#o;
    const floors = missing.map((partition) => group.committed.get(`${topic}/${partition}`) ?? -1);
    try {
      const answer = await client.call(this.#coordinator, 'OffsetFetch', FETCH_VERSION, {
        groups: [
          {
            groupId: group.group,
            memberId: null,
            memberEpoch: -1,
            topics: [{ name: topic, topicId: ZERO_UUID, partitionIndexes: [...missing] }],
          },
        ],
        requireStable: true,
      });
      const found = answer.groups[0];
      this.#note(found?.errorCode ?? KafkaError.NETWORK_EXCEPTION);
      if (found === undefined || found.errorCode !== KafkaError.NONE) return false;
      const rows = found.topics[0]?.partitions ?? [];
      if (rows.some(({ errorCode }) => errorCode !== KafkaError.NONE)) return false;
      for (const [i, partition] of missing.entries()) {
        const row = rows.find(({ partitionIndex }) => partitionIndex === partition);
        const offset = row?.committedOffset ?? -1;
        const floor = this.#o.keepsOffsets() ? floors[i]! : -1;
        group.fetched(`${topic}/${partition}`, floor, offset, this.name);
        this.#positions.set(partition, Math.max(0, offset));
      }
      return true;
    } catch {
      this.#coordinator = -1;
      return false;
    }
  }

  /** False: the group is to be joined again. */
  async #beat(): Promise<boolean> {
    const { client, group, instanceId } = this.#o;
    if (this.#coordinator < 0 && !(await this.#findCoordinator())) return true;
    try {
      const { errorCode } = await client.call(this.#coordinator, 'Heartbeat', 4, {
        groupId: group.group,
        generationId: this.#generation,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
      });
      return this.#goesOn(errorCode);
    } catch {
      this.#coordinator = -1;
      return true;
    }
  }

  async #commit(): Promise<boolean> {
    const { client, group, topic, instanceId } = this.#o;
    if (this.#coordinator < 0 && !(await this.#findCoordinator())) return true;
    const positions = [...this.#positions];
    try {
      const { topics } = await client.call(this.#coordinator, 'OffsetCommit', COMMIT_VERSION, {
        groupId: group.group,
        generationIdOrMemberEpoch: this.#generation,
        memberId: this.#memberId,
        groupInstanceId: instanceId,
        topics: [
          {
            name: topic,
            partitions: positions.map(([partitionIndex, committedOffset]) => ({
              partitionIndex,
              committedOffset,
              committedMetadata: '',
            })),
          },
        ],
      });
      let code: number = KafkaError.NONE;
      for (const { partitionIndex, errorCode } of topics[0]?.partitions ?? []) {
        if (errorCode !== KafkaError.NONE) code = errorCode;
        else {
          const offset = positions.find(([partition]) => partition === partitionIndex)?.[1] ?? -1;
          group.acknowledged(`${topic}/${partitionIndex}`, offset);
        }
      }
      if (code === KafkaError.NONE) this.#isBehind = false;
      return this.#goesOn(code);
    } catch {
      this.#coordinator = -1;
      return true;
    }
  }

  #goesOn(code: number): boolean {
    this.#note(code);
    switch (code) {
      case KafkaError.REBALANCE_IN_PROGRESS:
      case KafkaError.UNKNOWN_MEMBER_ID:
      case KafkaError.ILLEGAL_GENERATION:
      case KafkaError.FENCED_INSTANCE_ID:
        return false;
      default:
        return true;
    }
  }

  async #leave(): Promise<void> {
    const { client, group, instanceId } = this.#o;
    if (this.#coordinator < 0 || instanceId !== null) return;
    await client
      .call(this.#coordinator, 'LeaveGroup', 5, {
        groupId: group.group,
        members: [{ memberId: this.#memberId, groupInstanceId: null, reason: null }],
      })
      .catch(() => undefined);
  }
}

function partitionsOf(owned: readonly TopicPartitions[]): string[] {
  return owned.flatMap(({ topic, partitions }) => partitions.map((p) => `${topic}/${p}`));
}
