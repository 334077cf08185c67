import type { Clock } from '../io/port.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type { JoinGroupResponseInput } from '../protocol/messages/index.js';
import type { Timers } from '../timers.js';
import type { GroupConfig } from './config.js';
import { Deadline } from './deadline.js';
import type { Group } from './group.js';
import { type Member, NO_BYTES } from './member.js';
import type { GroupEvent } from './ports.js';

/** How long a new member's join waits: it does not know its id, so it cannot send heartbeats. */
const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60_000;
/** Whatever members ask for: with a rebalance timeout of 0, waiting on would be a busy loop. */
const MIN_WAIT_ON_MS = 500;

export interface LifecycleOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly config: GroupConfig;
  readonly onEvent: (event: GroupEvent) => void;
  /**
   * Stores the group as it is now, with these assignments, and resolves with NONE when it cannot be lost any
   * more. Never rejects.
   */
  readonly persist: (
    group: Group,
    assignmentOf: (member: Member) => Buffer,
  ) => Promise<KafkaErrorCode>;
  /** The last id that was only given out is gone. */
  readonly onPendingGone: (group: Group) => void;
}

/**
 * Moves a group from generation to generation: who is waited for, how long, and who is answered then
 * [Kafka `GroupMetadataManager`, the classic group part]. It owns the group's timers.
 */
export class GroupLifecycle {
  readonly group: Group;
  readonly #options: LifecycleOptions;
  readonly #join: Deadline;
  readonly #sync: Deadline;
  readonly #pending = new Map<string, Deadline>();
  #onJoinDue: () => void = () => {};

  constructor(group: Group, options: LifecycleOptions) {
    this.group = group;
    this.#options = options;
    this.#join = this.#deadline(() => this.#onJoinDue());
    this.#sync = this.#deadline(() => this.#expirePendingSyncs());
  }

  /** The members of a group that was loaded have a session timeout from now on to show up. */
  resume(): void {
    for (const member of this.group.members.values()) this.restartSession(member);
    const { groupMaxSize } = this.#options.config;
    if (this.group.members.size > groupMaxSize) {
      this.#prepareRebalance(
        `${this.group.members.size} members were loaded, above ${groupMaxSize}`,
      );
    }
  }

  /** The group is not here any more: everybody who waits is told so, and no timer is left. */
  close(errorCode: KafkaErrorCode): void {
    const { group } = this;
    group.transitionTo('Dead', this.#options.clock.now());
    this.#join.clear();
    this.#sync.clear();
    for (const deadline of this.#pending.values()) deadline.clear();
    this.#pending.clear();
    for (const member of group.members.values()) {
      member.session?.clear();
      group.completeJoin(member, { memberId: member.memberId, errorCode });
      member.completeSync({ errorCode });
    }
  }

  /** The member has been heard of. */
  restartSession(member: Member, timeoutMs = member.sessionTimeoutMs): void {
    member.session ??= this.#deadline(() => {
      if (this.group.members.get(member.memberId) !== member || member.satisfiesHeartbeat) return;
      this.removeMember(member, 'no heartbeat within its session timeout');
      this.#afterRemoval(`member ${member.memberId} sent no heartbeat`);
    });
    member.session.set(timeoutMs);
  }

  /** Remembers an id that was given out, until its member comes back with it or the time is over. */
  addPending(memberId: string, timeoutMs: number): void {
    const deadline = this.#deadline(() => {
      this.#pending.delete(memberId);
      this.group.remove(memberId);
      this.#completeIfAllJoined();
      this.#options.onPendingGone(this.group);
    });
    this.group.pendingJoins.add(memberId);
    this.#pending.set(memberId, deadline);
    deadline.set(timeoutMs);
  }

  /** The id was taken up, or given up. */
  forgetPending(memberId: string): void {
    this.#pending.get(memberId)?.clear();
    this.#pending.delete(memberId);
    this.group.pendingJoins.delete(memberId);
  }

  addMember(member: Member, reason: string): void {
    const { group } = this;
    member.isNew = true;
    if (group.state === 'PreparingRebalance' && group.previousState === 'Empty') {
      group.newMemberAdded = true;
    }
    this.forgetPending(member.memberId);
    group.add(member);
    this.restartSession(member, NEW_MEMBER_JOIN_TIMEOUT_MS);
    this.rebalance(reason);
  }

  /** Answers whatever the member waits for; the caller goes on with the group. */
  removeMember(member: Member, reason: string): void {
    const { group } = this;
    // Its client may be alive: told that it is unknown, it joins again.
    group.completeJoin(member, { memberId: '', errorCode: KafkaError.UNKNOWN_MEMBER_ID });
    member.completeSync({ errorCode: KafkaError.UNKNOWN_MEMBER_ID });
    member.session?.clear();
    group.remove(member.memberId);
    this.#options.onEvent({
      type: 'group-member-removed',
      group: group.groupId,
      member: member.memberId,
      reason,
    });
  }

  /** Begins a rebalance, or ends the waiting of the one under way if everybody is there. */
  rebalance(reason: string): void {
    if (this.group.canRebalance) this.#prepareRebalance(reason);
    else this.completeJoinIfPossible();
  }

  /** The first rebalance of a group is not cut short: more members are likely to come. */
  completeJoinIfPossible(): void {
    if (this.group.previousState !== 'Empty') this.#completeIfAllJoined();
  }

  /** The leader's assignment is stored. */
  completeSync(assignmentOf: (member: Member) => Buffer): void {
    const { group } = this;
    for (const member of group.members.values()) member.assignment = assignmentOf(member);
    this.#answerSyncs(KafkaError.NONE);
    group.transitionTo('Stable', this.#options.clock.now());
    this.#options.onEvent({
      type: 'group-stable',
      group: group.groupId,
      generation: group.generationId,
    });
  }

  /** The leader's assignment could not be stored: the generation is over. */
  failSync(errorCode: KafkaErrorCode): void {
    for (const member of this.group.members.values()) member.assignment = NO_BYTES;
    this.#answerSyncs(errorCode);
    this.rebalance(`the assignment could not be stored (error ${errorCode})`);
  }

  /** A member has asked for its assignment. */
  syncReceived(memberId: string): void {
    const { group } = this;
    group.pendingSyncs.delete(memberId);
    if (group.pendingSyncs.size === 0) this.#sync.clear();
  }

  /** What a member of the present generation is told when it joins. */
  joinResponse(member: Member): JoinGroupResponseInput {
    const { group } = this;
    return {
      memberId: member.memberId,
      generationId: group.generationId,
      protocolType: group.protocolType,
      protocolName: group.protocolName,
      leader: group.leaderId ?? '',
      members: group.isLeader(member.memberId) ? group.memberList() : [],
      errorCode: KafkaError.NONE,
    };
  }

  #deadline(expire: () => void): Deadline {
    return new Deadline(this.#options.clock, this.#options.timers, expire);
  }

  #waitForJoins(delayMs: number, then: () => void): void {
    this.#onJoinDue = then;
    this.#join.set(delayMs);
  }

  #afterRemoval(reason: string): void {
    const { state } = this.group;
    if (state === 'Stable' || state === 'CompletingRebalance') this.rebalance(reason);
    else this.#completeIfAllJoined();
  }

  #completeIfAllJoined(): void {
    const { group } = this;
    if (group.state === 'PreparingRebalance' && group.hasAllMembersJoined) this.#completeJoin();
  }

  #prepareRebalance(reason: string): void {
    const { group } = this;
    const { config, clock, onEvent } = this.#options;
    if (group.state === 'CompletingRebalance') {
      for (const member of group.members.values()) member.assignment = NO_BYTES;
      this.#answerSyncs(KafkaError.REBALANCE_IN_PROGRESS);
    }
    group.pendingSyncs.clear();
    this.#sync.clear();
    onEvent({
      type: 'group-rebalance',
      group: group.groupId,
      generation: group.generationId,
      reason,
    });
    const isInitial = group.state === 'Empty';
    group.transitionTo('PreparingRebalance', clock.now());
    if (isInitial) {
      group.newMemberAdded = false;
      const delayMs = config.groupInitialRebalanceDelayMs;
      this.#waitInitially(delayMs, Math.max(group.rebalanceTimeoutMs - delayMs, 0));
    } else if (group.hasAllMembersJoined) {
      this.#completeJoin();
    } else {
      this.#waitForJoins(group.rebalanceTimeoutMs, () => this.#completeJoin());
    }
  }

  /** Each new member extends the delay once more, up to the rebalance timeout. */
  #waitInitially(delayMs: number, leftMs: number): void {
    this.#waitForJoins(delayMs, () => {
      const { group } = this;
      if (!group.newMemberAdded || leftMs === 0) {
        this.#completeJoin();
        return;
      }
      group.newMemberAdded = false;
      const extensionMs = Math.min(this.#options.config.groupInitialRebalanceDelayMs, leftMs);
      this.#waitInitially(extensionMs, Math.max(leftMs - delayMs, 0));
    });
  }

  #completeJoin(): void {
    const { group } = this;
    this.#join.clear();
    for (const member of [...group.members.values()]) {
      if (member.awaitingJoin === null && !member.isStatic) {
        this.removeMember(member, 'did not rejoin within the rebalance timeout');
      }
    }
    if (!group.electJoinedLeader() && group.members.size > 0) {
      // Only static members, and none of them is back: their session timeouts decide.
      const waitMs = Math.max(group.rebalanceTimeoutMs, MIN_WAIT_ON_MS);
      this.#waitForJoins(waitMs, () => this.#completeJoin());
      return;
    }
    group.nextGeneration(this.#options.clock.now());
    this.#options.onEvent({
      type: 'group-generation',
      group: group.groupId,
      generation: group.generationId,
      members: group.members.size,
      protocol: group.protocolName,
      leader: group.leaderId,
    });
    if (group.state === 'Empty') {
      // If this is lost, the former generation is loaded and times out again: nothing is at stake.
      void this.#options.persist(group, (member) => member.assignment);
      return;
    }
    for (const member of group.members.values()) {
      group.completeJoin(member, this.joinResponse(member));
      member.isNew = false;
      this.restartSession(member);
      group.pendingSyncs.add(member.memberId);
    }
    this.#sync.set(group.rebalanceTimeoutMs);
  }

  #expirePendingSyncs(): void {
    const { group } = this;
    if (group.state !== 'CompletingRebalance' && group.state !== 'Stable') return;
    const late = [...group.pendingSyncs];
    if (late.length === 0) return;
    for (const memberId of late) {
      const member = group.members.get(memberId);
      if (member !== undefined) {
        this.removeMember(member, 'did not ask for its assignment within the rebalance timeout');
      }
    }
    this.#prepareRebalance(`${late.length} members did not ask for their assignment`);
  }

  #answerSyncs(errorCode: KafkaErrorCode): void {
    const { group } = this;
    const isDone = errorCode === KafkaError.NONE;
    for (const member of group.members.values()) {
      const answered = member.completeSync({
        errorCode,
        protocolType: isDone ? group.protocolType : null,
        protocolName: isDone ? group.protocolName : null,
        assignment: member.assignment,
      });
      // A session that ended while its member waited was not acted on.
      if (answered) this.restartSession(member);
    }
  }
}
