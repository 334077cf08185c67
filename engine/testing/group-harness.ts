import { type GroupConfigInput, parseGroupConfig } from '../groups/config.js';
import { GroupCoordinator } from '../groups/coordinator.js';
import type { GroupEvent, GroupRequestContext } from '../groups/ports.js';
import type {
  JoinGroupRequest,
  JoinGroupResponseInput,
  OffsetCommitRequest,
  OffsetFetchRequest,
  SyncGroupRequest,
  SyncGroupResponseInput,
} from '../protocol/messages/index.js';
import { MemoryGroupStorage } from './memory-group-storage.js';
import { Random } from './random.js';
import { SimulatedClock } from './simulated-clock.js';
import { SimulatedTimers, settled } from './simulated-timers.js';

/** A request under way whose answer a test may look at without waiting. */
export class Pending<T> {
  answer: T | null = null;
  readonly promise: Promise<T>;

  constructor(promise: Promise<T>) {
    this.promise = promise.then((answer) => {
      this.answer = answer;
      return answer;
    });
  }
}

export interface JoinOptions {
  readonly group?: string;
  readonly id?: string;
  readonly instance?: string | null;
  readonly sessionMs?: number;
  readonly rebalanceMs?: number;
  readonly type?: string;
  readonly protocols?: readonly (readonly [name: string, metadata: string | Buffer])[];
  readonly version?: number;
  readonly client?: string;
}

/** A coordinator with simulated time and storage, and requests with what tests do not care about filled in. */
export class GroupHarness {
  readonly clock = new SimulatedClock();
  readonly timers = new SimulatedTimers(this.clock);
  readonly storage: MemoryGroupStorage;
  readonly events: GroupEvent[] = [];
  readonly coordinator: GroupCoordinator;

  constructor(
    options: { config?: GroupConfigInput; storage?: MemoryGroupStorage; seed?: number } = {},
  ) {
    this.storage = options.storage ?? new MemoryGroupStorage();
    const random = new Random(options.seed ?? 1);
    this.coordinator = new GroupCoordinator({
      clock: this.clock,
      timers: this.timers,
      random: () => random.float(),
      config: parseGroupConfig(options.config),
      storage: this.storage,
      onEvent: (event) => this.events.push(event),
    });
  }

  static async elected(
    options: ConstructorParameters<typeof GroupHarness>[0] = {},
  ): Promise<GroupHarness> {
    const harness = new GroupHarness(options);
    await harness.coordinator.elected(0, 1);
    return harness;
  }

  context(version: number, client = 'client'): GroupRequestContext {
    return { clientId: client, clientHost: '/127.0.0.1', apiVersion: version };
  }

  advance(ms: number): Promise<void> {
    return this.timers.advanceAsync(ms);
  }

  joinRequest(options: JoinOptions = {}): JoinGroupRequest {
    const protocols = options.protocols ?? [['range', 'm']];
    return {
      groupId: options.group ?? 'g',
      sessionTimeoutMs: options.sessionMs ?? 10_000,
      rebalanceTimeoutMs: options.rebalanceMs ?? 60_000,
      memberId: options.id ?? '',
      groupInstanceId: options.instance ?? null,
      protocolType: options.type ?? 'consumer',
      protocols: protocols.map(([name, metadata]) => ({ name, metadata: Buffer.from(metadata) })),
      reason: null,
    };
  }

  join(options: JoinOptions = {}): Pending<JoinGroupResponseInput> {
    const context = this.context(options.version ?? 9, options.client);
    return new Pending(this.coordinator.joinGroup(this.joinRequest(options), context));
  }

  /** As clients do: first an id, then the join with it. */
  async joinAsNew(
    options: JoinOptions = {},
  ): Promise<Pending<JoinGroupResponseInput> & { id: string }> {
    const first = await this.join(options).promise;
    const id = first.memberId ?? '';
    return Object.assign(this.join({ ...options, id }), { id });
  }

  sync(
    options: Partial<Omit<SyncGroupRequest, 'assignments'>> & {
      readonly assign?: Readonly<Record<string, string>>;
    },
  ): Pending<SyncGroupResponseInput> {
    const { assign = {}, ...request } = options;
    return new Pending(
      this.coordinator.syncGroup(
        {
          groupId: 'g',
          generationId: 1,
          memberId: '',
          groupInstanceId: null,
          protocolType: 'consumer',
          protocolName: 'range',
          assignments: Object.entries(assign).map(([memberId, text]) => ({
            memberId,
            assignment: Buffer.from(text),
          })),
          ...request,
        },
        this.context(5),
      ),
    );
  }

  async heartbeat(id: string, generationId = 1, instance: string | null = null): Promise<number> {
    const request = { groupId: 'g', generationId, memberId: id, groupInstanceId: instance };
    return (await this.coordinator.heartbeat(request, this.context(4))).errorCode ?? 0;
  }

  async leave(...members: (string | { id?: string; instance: string })[]): Promise<number[]> {
    const answer = await this.coordinator.leaveGroup(
      {
        groupId: 'g',
        memberId: '',
        members: members.map((member) =>
          typeof member === 'string'
            ? { memberId: member, groupInstanceId: null, reason: null }
            : { memberId: member.id ?? '', groupInstanceId: member.instance, reason: null },
        ),
      },
      this.context(5),
    );
    return (answer.members ?? []).map(({ errorCode }) => errorCode ?? 0);
  }

  /** A group with members that all have their assignment: `a-<name>`. */
  async stable(names: readonly string[], options: JoinOptions = {}): Promise<string[]> {
    const joins: (Pending<JoinGroupResponseInput> & { id: string })[] = [];
    for (const name of names) joins.push(await this.joinAsNew({ ...options, client: name }));
    while (joins[0]?.answer === null) await this.advance(3000);
    const ids = joins.map(({ id }) => id);
    const generationId = joins[0]?.answer?.generationId ?? -1;
    const assign = Object.fromEntries(ids.map((id, at) => [id, `a-${names[at]}`]));
    for (const memberId of [...ids].reverse()) this.sync({ memberId, generationId, assign });
    await settled();
    return ids;
  }

  async state(group = 'g'): Promise<string> {
    const answer = await this.coordinator.describeGroups(
      { groups: [group], includeAuthorizedOperations: false },
      this.context(5),
    );
    return answer.groups?.[0]?.groupState ?? '';
  }

  commitRequest(
    offsets: Readonly<Record<string, number>>,
    options: Partial<OffsetCommitRequest> = {},
  ): OffsetCommitRequest {
    return {
      groupId: 'g',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      groupInstanceId: null,
      retentionTimeMs: -1,
      topics: Object.entries(offsets).map(([name, committedOffset]) => ({
        name,
        topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
        partitions: [
          { partitionIndex: 0, committedOffset, committedLeaderEpoch: 3, committedMetadata: 'm' },
        ],
      })),
      ...options,
    };
  }

  /** Commits partition 0 of each topic; the codes in the same order. */
  async commit(
    offsets: Readonly<Record<string, number>>,
    options: Partial<OffsetCommitRequest> & { readonly version?: number } = {},
  ): Promise<number[]> {
    const { version = 9, ...rest } = options;
    const answer = await this.coordinator.offsetCommit(
      this.commitRequest(offsets, rest),
      this.context(version),
    );
    return (answer.topics ?? []).flatMap(({ partitions = [] }) =>
      partitions.map(({ errorCode }) => errorCode ?? 0),
    );
  }

  fetchRequest(
    options: Partial<OffsetFetchRequest> & { readonly group?: string } = {},
  ): OffsetFetchRequest {
    const { group = 'g', ...rest } = options;
    return {
      groupId: group,
      topics: null,
      groups: [{ groupId: group, memberId: null, memberEpoch: -1, topics: null }],
      requireStable: false,
      ...rest,
    };
  }

  /** Everything committed: topic to offset of partition 0. */
  async committed(
    options: { readonly group?: string; readonly requireStable?: boolean } = {},
  ): Promise<Record<string, number>> {
    const answer = await this.coordinator.offsetFetch(this.fetchRequest(options), this.context(8));
    const group = answer.groups?.[0];
    if (group?.errorCode) throw new Error(`offset fetch: error ${group.errorCode}`);
    return Object.fromEntries(
      (group?.topics ?? []).map(({ name = '', partitions = [] }) => [
        name,
        partitions[0]?.committedOffset ?? -1,
      ]),
    );
  }
}
