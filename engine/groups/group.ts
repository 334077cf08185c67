import { assert } from '../assert.js';
import { isVarveError } from '../errors.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type {
  JoinGroupResponseInput,
  JoinGroupResponseMemberInput,
} from '../protocol/messages/index.js';
import { ProtocolReader } from '../protocol/reader.js';
import type { Answer, Member, MemberProtocol } from './member.js';

/** The names are those that DescribeGroups and ListGroups show. */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

const PREVIOUS_STATES: Readonly<Record<GroupState, readonly GroupState[]>> = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['Stable', 'CompletingRebalance', 'Empty'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Stable', 'PreparingRebalance', 'CompletingRebalance', 'Empty', 'Dead'],
};

/** The protocol type of consumers, whose subscriptions the coordinator can read. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer';
const MAX_SUBSCRIBED_TOPICS = 100_000;

export interface GroupOptions {
  readonly groupId: string;
  readonly state: GroupState;
  readonly generationId: number;
  /** Null for a group of which only committed offsets are known. */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leaderId: string | null;
  /** Since when it is in that state, milliseconds since 1970; null where an old record does not say. */
  readonly stateTimestampMs: number | null;
}

/**
 * Who is in a group, and in which state it is: the data behind the classic protocol, without time and without
 * storage [Kafka `ClassicGroup`].
 */
export class Group {
  readonly groupId: string;
  state: GroupState;
  previousState: GroupState = 'Dead';
  stateTimestampMs: number | null;
  generationId: number;
  protocolType: string | null;
  protocolName: string | null;
  leaderId: string | null;
  /** By member id, in the order of joining. */
  readonly members = new Map<string, Member>();
  /** Ids given to members that have not come back with them yet. */
  readonly pendingJoins = new Set<string>();
  /** Members of this generation that have not asked for their assignment yet. */
  readonly pendingSyncs = new Set<string>();
  /** A member came during the initial delay, which is worth waiting for more. */
  newMemberAdded = false;
  /** Null: not known, because it is no group of consumers or one of them sent what cannot be read. */
  subscribedTopics: ReadonlySet<string> | null;

  readonly #staticMembers = new Map<string, string>();
  /** How many members support each protocol. */
  readonly #supporters = new Map<string, number>();
  #awaitingJoin = 0;

  constructor(options: GroupOptions) {
    this.groupId = options.groupId;
    this.state = options.state;
    this.generationId = options.generationId;
    this.protocolType = options.protocolType;
    this.protocolName = options.protocolName;
    this.leaderId = options.leaderId;
    this.stateTimestampMs = options.stateTimestampMs;
    this.subscribedTopics = this.computeSubscribedTopics();
  }

  /** A group nobody has joined yet. */
  static empty(groupId: string, nowMs: number): Group {
    return new Group({
      groupId,
      state: 'Empty',
      generationId: 0,
      protocolType: null,
      protocolName: null,
      leaderId: null,
      stateTimestampMs: nowMs,
    });
  }

  get awaitingJoinCount(): number {
    return this.#awaitingJoin;
  }

  get hasAllMembersJoined(): boolean {
    return this.members.size === this.#awaitingJoin && this.pendingJoins.size === 0;
  }

  get isConsumerGroup(): boolean {
    return this.protocolType === CONSUMER_PROTOCOL_TYPE;
  }

  /** The longest that any member wants to be waited for. */
  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const member of this.members.values()) {
      longest = Math.max(longest, member.rebalanceTimeoutMs);
    }
    return longest;
  }

  isLeader(memberId: string): boolean {
    return this.leaderId === memberId;
  }

  staticMemberId(groupInstanceId: string): string | undefined {
    return this.#staticMembers.get(groupInstanceId);
  }

  get canRebalance(): boolean {
    return PREVIOUS_STATES.PreparingRebalance.includes(this.state);
  }

  transitionTo(state: GroupState, nowMs: number): void {
    assert(
      PREVIOUS_STATES[state].includes(this.state),
      `group ${this.groupId} goes from ${this.state} to ${state}`,
    );
    this.previousState = this.state;
    this.state = state;
    this.stateTimestampMs = nowMs;
  }

  add(member: Member): void {
    assert(!this.members.has(member.memberId), `member ${member.memberId} is added twice`);
    if (member.groupInstanceId !== null) {
      assert(!this.#staticMembers.has(member.groupInstanceId), 'a static member is added twice');
      this.#staticMembers.set(member.groupInstanceId, member.memberId);
    }
    if (this.members.size === 0) this.protocolType = member.protocolType;
    assert(this.protocolType === member.protocolType, 'members differ in protocol type');
    this.leaderId ??= member.memberId;
    this.members.set(member.memberId, member);
    this.#count(member.protocols, 1);
    if (member.awaitingJoin !== null) this.#awaitingJoin++;
    this.pendingJoins.delete(member.memberId);
  }

  /** Forgets a member or an id that was only given out. Whoever waits for it must have been answered. */
  remove(memberId: string): Member | undefined {
    const member = this.members.get(memberId);
    if (member !== undefined) {
      this.members.delete(memberId);
      this.#count(member.protocols, -1);
      if (member.awaitingJoin !== null) this.#awaitingJoin--;
      if (member.groupInstanceId !== null) this.#staticMembers.delete(member.groupInstanceId);
    }
    if (this.leaderId === memberId) {
      this.leaderId = this.members.keys().next().value ?? null;
    }
    this.pendingJoins.delete(memberId);
    this.pendingSyncs.delete(memberId);
    return member;
  }

  /** A static member comes back under another id and takes the place of the old one. */
  replaceStaticMember(old: Member, replacement: Member): void {
    assert(old.groupInstanceId !== null, 'only a static member is replaced');
    assert(old.awaitingJoin === null, 'a member is replaced while its join waits');
    this.members.delete(old.memberId);
    this.members.set(replacement.memberId, replacement);
    if (this.leaderId === old.memberId) this.leaderId = replacement.memberId;
    this.#staticMembers.set(old.groupInstanceId, replacement.memberId);
    if (this.pendingSyncs.delete(old.memberId)) this.pendingSyncs.add(replacement.memberId);
  }

  setProtocols(member: Member, protocols: readonly MemberProtocol[]): void {
    this.#count(member.protocols, -1);
    member.protocols = protocols;
    this.#count(protocols, 1);
  }

  awaitJoin(member: Member, answer: Answer<JoinGroupResponseInput>): void {
    // The member has sent it again: nobody waits for the first any more, but it may hold up a connection.
    this.completeJoin(member, {
      memberId: member.memberId,
      errorCode: KafkaError.REBALANCE_IN_PROGRESS,
    });
    member.awaitingJoin = answer;
    this.#awaitingJoin++;
  }

  /** Returns whether a join was waiting. */
  completeJoin(member: Member, response: JoinGroupResponseInput): boolean {
    const answer = member.awaitingJoin;
    if (answer === null) return false;
    member.awaitingJoin = null;
    this.#awaitingJoin--;
    answer(response);
    return true;
  }

  /** NONE, UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID for the former id of a static member. */
  checkMember(memberId: string, groupInstanceId: string | null): KafkaErrorCode {
    if (groupInstanceId !== null) {
      const known = this.#staticMembers.get(groupInstanceId);
      if (known === undefined) return KafkaError.UNKNOWN_MEMBER_ID;
      if (known !== memberId) return KafkaError.FENCED_INSTANCE_ID;
    }
    return this.members.has(memberId) ? KafkaError.NONE : KafkaError.UNKNOWN_MEMBER_ID;
  }

  /** Whether a member with these protocols leaves the group one that all members support. */
  supports(protocolType: string, protocols: readonly { readonly name: string }[]): boolean {
    if (this.state === 'Empty') return protocolType !== '' && protocols.length > 0;
    return (
      this.protocolType === protocolType &&
      protocols.some(({ name }) => (this.#supporters.get(name) ?? 0) === this.members.size)
    );
  }

  /** Each member votes for the first of its protocols that all support; the most votes win. */
  selectProtocol(): string {
    const candidates = new Set<string>();
    for (const [name, supporters] of this.#supporters) {
      if (supporters === this.members.size) candidates.add(name);
    }
    const votes = new Map<string, number>();
    for (const member of this.members.values()) {
      const choice = member.vote(candidates);
      assert(choice !== null, 'members have no protocol in common');
      votes.set(choice, (votes.get(choice) ?? 0) + 1);
    }
    let selected: string | null = null;
    let most = 0;
    for (const [name, count] of votes) {
      if (count > most) {
        most = count;
        selected = name;
      }
    }
    assert(selected !== null, 'a protocol is selected without members');
    return selected;
  }

  /** Everybody is there who will be: a new generation begins, of the members there are. */
  nextGeneration(nowMs: number): void {
    // Kafka's int32 would turn negative, which clients take for "no generation".
    this.generationId = this.generationId === 0x7fffffff ? 1 : this.generationId + 1;
    this.protocolName = this.members.size > 0 ? this.selectProtocol() : null;
    this.subscribedTopics = this.computeSubscribedTopics();
    this.transitionTo(this.members.size > 0 ? 'CompletingRebalance' : 'Empty', nowMs);
    this.pendingSyncs.clear();
  }

  /**
   * If the leader has not rejoined, the first member that has becomes the leader. False: nobody has rejoined, or
   * nobody is left.
   */
  electJoinedLeader(): boolean {
    if (this.leaderId === null) return false;
    if (this.members.get(this.leaderId)?.awaitingJoin) return true;
    for (const member of this.members.values()) {
      if (member.awaitingJoin !== null) {
        this.leaderId = member.memberId;
        return true;
      }
    }
    return false;
  }

  /** What the leader gets to know of the members. */
  memberList(): JoinGroupResponseMemberInput[] {
    return [...this.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: member.metadataOf(this.protocolName),
    }));
  }

  /** True also where the topics of a group of consumers are not known: better keep too much. */
  isSubscribedTo(topic: string): boolean {
    return this.subscribedTopics?.has(topic) ?? this.isConsumerGroup;
  }

  computeSubscribedTopics(): ReadonlySet<string> | null {
    if (!this.isConsumerGroup) return null;
    const topics = new Set<string>();
    for (const member of this.members.values()) {
      const subscribed = topicsOf(member.metadataOf(this.protocolName));
      if (subscribed === null) return null;
      for (const topic of subscribed) topics.add(topic);
    }
    return topics;
  }

  #count(protocols: readonly MemberProtocol[], change: 1 | -1): void {
    for (const { name } of protocols) {
      const count = (this.#supporters.get(name) ?? 0) + change;
      if (count === 0) this.#supporters.delete(name);
      else this.#supporters.set(name, count);
    }
  }
}

/** Every version of a subscription begins with its topics. */
function topicsOf(metadata: Buffer): string[] | null {
  const reader = new ProtocolReader(metadata, 0, metadata.length, MAX_SUBSCRIBED_TOPICS);
  try {
    reader.int16();
    return Array.from({ length: reader.count(2) }, () => reader.string());
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return null;
  }
}
