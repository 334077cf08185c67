import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type {
  HeartbeatRequest,
  JoinGroupRequest,
  JoinGroupResponseInput,
  MemberIdentity,
  MemberResponseInput,
  SyncGroupRequest,
  SyncGroupResponseInput,
} from '../protocol/messages/index.js';
import type { GroupConfig } from './config.js';
import { groupErrorOfAppend } from './errors.js';
import type { Group } from './group.js';
import { GroupLifecycle, type LifecycleOptions } from './lifecycle.js';
import { type Answer, copyProtocols, Member, NO_BYTES } from './member.js';
import type { GroupRequestContext } from './ports.js';

export interface MembershipOptions extends LifecycleOptions {
  readonly newMemberId: (prefix: string) => string;
}

/** What members ask of their group. Answers may come later; each comes once. */
export class GroupMembership {
  readonly group: Group;
  readonly lifecycle: GroupLifecycle;
  readonly #config: GroupConfig;
  readonly #options: MembershipOptions;
  /** The generation whose assignment is being stored. */
  #storing = -1;

  constructor(group: Group, options: MembershipOptions) {
    this.group = group;
    this.lifecycle = new GroupLifecycle(group, options);
    this.#config = options.config;
    this.#options = options;
  }

  join(
    request: JoinGroupRequest,
    context: GroupRequestContext,
    answer: Answer<JoinGroupResponseInput>,
  ): void {
    const { group, lifecycle } = this;
    const { memberId, groupInstanceId, protocolType, protocols } = request;
    const refuse = (errorCode: KafkaErrorCode, id = memberId) =>
      answer({ memberId: id, errorCode });

    if (!this.#hasRoomFor(memberId)) {
      const member = group.members.get(memberId);
      if (member !== undefined) lifecycle.removeMember(member, 'the group is full');
      lifecycle.forgetPending(memberId);
      refuse(KafkaError.GROUP_MAX_SIZE_REACHED, '');
      lifecycle.completeJoinIfPossible();
    } else if (!group.supports(protocolType, protocols)) {
      refuse(KafkaError.INCONSISTENT_GROUP_PROTOCOL);
    } else if (memberId === '') {
      this.#joinWithoutId(request, context, answer);
    } else if (group.pendingJoins.has(memberId)) {
      // Ids are only given out beforehand to members without an instance id.
      if (groupInstanceId !== null) refuse(KafkaError.UNKNOWN_SERVER_ERROR);
      else this.#addMember(request, context, memberId, answer);
    } else {
      const errorCode = group.checkMember(memberId, groupInstanceId);
      const member = group.members.get(memberId);
      if (errorCode !== KafkaError.NONE || member === undefined) refuse(errorCode);
      else this.#rejoin(request, context, member, answer);
    }
  }

  sync(request: SyncGroupRequest, answer: Answer<SyncGroupResponseInput>): void {
    const { group, lifecycle } = this;
    const { memberId, generationId } = request;
    const errorCode = this.#checkSync(request);
    const member = group.members.get(memberId);
    if (errorCode !== KafkaError.NONE || member === undefined) {
      answer({ errorCode });
      return;
    }
    if (group.state === 'PreparingRebalance') {
      answer({ errorCode: KafkaError.REBALANCE_IN_PROGRESS });
      return;
    }
    lifecycle.syncReceived(memberId);
    if (group.state === 'Stable') {
      answer({
        errorCode: KafkaError.NONE,
        protocolType: group.protocolType,
        protocolName: group.protocolName,
        assignment: member.assignment,
      });
      return;
    }
    member.awaitSync(answer);
    // A leader that asks again must not replace what is on its way to the log.
    if (group.isLeader(memberId) && this.#storing !== generationId) this.#storeAssignment(request);
  }

  heartbeat(request: HeartbeatRequest): KafkaErrorCode {
    const { group } = this;
    const errorCode = group.checkMember(request.memberId, request.groupInstanceId);
    const member = group.members.get(request.memberId);
    if (errorCode !== KafkaError.NONE || member === undefined) return errorCode;
    if (request.generationId !== group.generationId) return KafkaError.ILLEGAL_GENERATION;
    this.lifecycle.restartSession(member);
    return group.state === 'PreparingRebalance'
      ? KafkaError.REBALANCE_IN_PROGRESS
      : KafkaError.NONE;
  }

  leave(leaving: readonly MemberIdentity[]): MemberResponseInput[] {
    const answers = leaving.map(({ memberId, groupInstanceId, reason }) => ({
      memberId,
      groupInstanceId,
      errorCode: this.#leave(memberId, groupInstanceId, reason),
    }));
    const left = answers.filter(({ errorCode }) => errorCode === KafkaError.NONE).length;
    if (left > 0) {
      const { state } = this.group;
      if (state === 'Stable' || state === 'CompletingRebalance') {
        this.lifecycle.rebalance(`${left} members left`);
      } else if (state === 'PreparingRebalance') {
        this.lifecycle.completeJoinIfPossible();
      }
    }
    return answers;
  }

  /** While the group is over its limit, those who rejoin first stay; otherwise all members do. */
  #hasRoomFor(memberId: string): boolean {
    const { group } = this;
    const { groupMaxSize } = this.#config;
    const member = group.members.get(memberId);
    switch (group.state) {
      case 'PreparingRebalance':
        return (
          (member !== undefined && member.awaitingJoin !== null) ||
          group.awaitingJoinCount < groupMaxSize
        );
      case 'CompletingRebalance':
      case 'Stable':
        return member !== undefined || group.members.size < groupMaxSize;
      default:
        return true;
    }
  }

  #joinWithoutId(
    request: JoinGroupRequest,
    context: GroupRequestContext,
    answer: Answer<JoinGroupResponseInput>,
  ): void {
    const { groupInstanceId } = request;
    const memberId = this.#options.newMemberId(groupInstanceId ?? context.clientId);
    if (groupInstanceId !== null) {
      const knownId = this.group.staticMemberId(groupInstanceId);
      const known = knownId === undefined ? undefined : this.group.members.get(knownId);
      if (known === undefined) this.#addMember(request, context, memberId, answer);
      else this.#replaceStaticMember(request, context, known, memberId, answer);
    } else if (context.apiVersion >= 4) {
      this.lifecycle.addPending(memberId, request.sessionTimeoutMs);
      answer({ memberId, errorCode: KafkaError.MEMBER_ID_REQUIRED });
    } else {
      this.#addMember(request, context, memberId, answer);
    }
  }

  #addMember(
    request: JoinGroupRequest,
    context: GroupRequestContext,
    memberId: string,
    answer: Answer<JoinGroupResponseInput>,
  ): void {
    const member = this.#memberOf(request, context, memberId);
    member.awaitingJoin = answer;
    this.lifecycle.addMember(member, `member ${memberId} joined${clientReason(request)}`);
  }

  #rejoin(
    request: JoinGroupRequest,
    context: GroupRequestContext,
    member: Member,
    answer: Answer<JoinGroupResponseInput>,
  ): void {
    const { group, lifecycle } = this;
    const { state } = group;
    const saysTheSame = member.hasProtocols(request.protocols);
    if (
      (state === 'CompletingRebalance' && saysTheSame) ||
      (state === 'Stable' && saysTheSame && !group.isLeader(member.memberId))
    ) {
      // It may not have got the first answer. A leader that joins again while all is stable wants a rebalance.
      answer(lifecycle.joinResponse(member));
      return;
    }
    group.setProtocols(member, copyProtocols(request.protocols));
    member.rebalanceTimeoutMs = rebalanceTimeoutOf(request, context);
    member.sessionTimeoutMs = request.sessionTimeoutMs;
    group.awaitJoin(member, answer);
    lifecycle.rebalance(`member ${member.memberId} rejoined${clientReason(request)}`);
  }

  #replaceStaticMember(
    request: JoinGroupRequest,
    context: GroupRequestContext,
    old: Member,
    memberId: string,
    answer: Answer<JoinGroupResponseInput>,
  ): void {
    const { group, lifecycle } = this;
    const formerLeader = group.leaderId;
    // Whoever still uses the former id must stop.
    const errorCode = KafkaError.FENCED_INSTANCE_ID;
    group.completeJoin(old, { memberId: old.memberId, errorCode });
    old.completeSync({ errorCode });
    old.session?.clear();

    const replacement = this.#memberOf(request, context, memberId, old.assignment);
    const { protocols } = replacement;
    replacement.protocols = old.protocols;
    group.replaceStaticMember(old, replacement);
    group.setProtocols(replacement, protocols);
    group.awaitJoin(replacement, answer);
    lifecycle.restartSession(replacement);

    const name = `static member ${request.groupInstanceId}`;
    if (group.state === 'Stable' && group.selectProtocol() === group.protocolName) {
      void this.#storeReplacement(old, replacement, formerLeader, context);
    } else if (group.state === 'PreparingRebalance') {
      lifecycle.completeJoinIfPossible();
    } else {
      // The leader may be assigning to the former id, or the protocol changes.
      lifecycle.rebalance(`${name} came back${clientReason(request)}`);
    }
  }

  /** No rebalance: the member gets what the former one had. */
  async #storeReplacement(
    old: Member,
    replacement: Member,
    formerLeader: string | null,
    context: GroupRequestContext,
  ): Promise<void> {
    const { group, lifecycle } = this;
    const { generationId } = group;
    const appendError = await this.#options.persist(group, (member) => member.assignment);
    const isUnchanged =
      group.state === 'Stable' &&
      group.generationId === generationId &&
      group.members.get(replacement.memberId) === replacement &&
      replacement.awaitingJoin !== null;
    // Otherwise it has been answered, or the rebalance under way answers it.
    if (!isUnchanged) return;

    if (appendError !== KafkaError.NONE) {
      group.completeJoin(replacement, {
        memberId: '',
        generationId,
        protocolType: group.protocolType,
        protocolName: group.protocolName,
        leader: formerLeader ?? '',
        errorCode: groupErrorOfAppend(appendError),
      });
      replacement.session?.clear();
      group.setProtocols(replacement, old.protocols);
      group.replaceStaticMember(replacement, old);
      lifecycle.restartSession(old);
      return;
    }
    const isLeader = group.isLeader(replacement.memberId);
    const response = lifecycle.joinResponse(replacement);
    group.completeJoin(
      replacement,
      context.apiVersion >= 9
        ? { ...response, skipAssignment: isLeader }
        : // An older client that finds itself the leader would assign anew, without a rebalance.
          { ...response, leader: formerLeader ?? '', members: [] },
    );
    lifecycle.restartSession(replacement);
  }

  #checkSync(request: SyncGroupRequest): KafkaErrorCode {
    const { group } = this;
    const { memberId, groupInstanceId, generationId, protocolType, protocolName } = request;
    if (group.state === 'Empty') return KafkaError.UNKNOWN_MEMBER_ID;
    const errorCode = group.checkMember(memberId, groupInstanceId);
    if (errorCode !== KafkaError.NONE) return errorCode;
    if (generationId !== group.generationId) return KafkaError.ILLEGAL_GENERATION;
    const differs =
      (protocolType !== null && protocolType !== group.protocolType) ||
      (protocolName !== null && protocolName !== group.protocolName);
    return differs ? KafkaError.INCONSISTENT_GROUP_PROTOCOL : KafkaError.NONE;
  }

  #storeAssignment(request: SyncGroupRequest): void {
    const { group, lifecycle } = this;
    const { generationId } = request;
    const assignments = new Map(
      request.assignments.map(({ memberId, assignment }) => [memberId, Buffer.from(assignment)]),
    );
    const assignmentOf = (member: Member) => assignments.get(member.memberId) ?? NO_BYTES;
    this.#storing = generationId;
    void this.#options.persist(group, assignmentOf).then((appendError) => {
      if (this.#storing === generationId) this.#storing = -1;
      // A rebalance may have begun meanwhile; it has answered everybody.
      if (group.state !== 'CompletingRebalance' || group.generationId !== generationId) return;
      if (appendError === KafkaError.NONE) lifecycle.completeSync(assignmentOf);
      else lifecycle.failSync(groupErrorOfAppend(appendError));
    });
  }

  #leave(
    memberId: string,
    groupInstanceId: string | null,
    clientSays: string | null,
  ): KafkaErrorCode {
    const { group, lifecycle } = this;
    if (group.pendingJoins.has(memberId)) {
      lifecycle.forgetPending(memberId);
      return KafkaError.NONE;
    }
    let id = memberId;
    if (memberId === '') {
      // An administrator removes a static member without knowing its id.
      id = groupInstanceId === null ? '' : (group.staticMemberId(groupInstanceId) ?? '');
    }
    const errorCode = group.checkMember(id, id === '' ? null : groupInstanceId);
    const member = group.members.get(id);
    if (errorCode !== KafkaError.NONE || member === undefined) return errorCode;
    lifecycle.removeMember(member, `left${clientSays ? `: ${clientSays}` : ''}`);
    return KafkaError.NONE;
  }

  #memberOf(
    request: JoinGroupRequest,
    context: GroupRequestContext,
    memberId: string,
    assignment: Buffer = NO_BYTES,
  ): Member {
    return new Member({
      memberId,
      groupInstanceId: request.groupInstanceId,
      clientId: context.clientId,
      clientHost: context.clientHost,
      rebalanceTimeoutMs: rebalanceTimeoutOf(request, context),
      sessionTimeoutMs: request.sessionTimeoutMs,
      protocolType: request.protocolType,
      protocols: copyProtocols(request.protocols),
      assignment,
    });
  }
}

/** Before version 1 the session timeout stood for both. */
function rebalanceTimeoutOf(request: JoinGroupRequest, context: GroupRequestContext): number {
  return context.apiVersion === 0
    ? request.sessionTimeoutMs
    : Math.max(0, request.rebalanceTimeoutMs);
}

function clientReason(request: JoinGroupRequest): string {
  return request.reason ? `: ${request.reason}` : '';
}
