import { expect, test } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import type { JoinGroupResponseInput } from '../protocol/messages/index.js';
import { MemoryGroupStorage } from '../testing/memory-group-storage.js';
import { Random } from '../testing/random.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { SimulatedTimers, settled } from '../testing/simulated-timers.js';
import { parseGroupConfig } from './config.js';
import { GroupCoordinator } from './coordinator.js';

/*
 * Clients that join, leave, die, come back and change what they say, a log that fails and dawdles, and a
 * coordinator that moves. Whatever happens: a partition has one owner in a generation, generations are given out in
 * order, commits do not go back, every request is answered, and when the trouble ends everybody has a part.
 */

const PARTITIONS = 7;
const RETRY_MS = 200;
const HEARTBEAT_MS = 2000;
const SESSION_MS = 10_000;
const APPEND_ERRORS = [
  KafkaError.NOT_ENOUGH_REPLICAS,
  KafkaError.REQUEST_TIMED_OUT,
  KafkaError.MESSAGE_TOO_LARGE,
] as const;

class World {
  readonly random: Random;
  readonly clock = new SimulatedClock();
  readonly timers = new SimulatedTimers(this.clock);
  readonly storage = new MemoryGroupStorage();
  coordinator: GroupCoordinator;
  epoch = 1;
  /** Requests without an answer. */
  unanswered = 0;
  /** By generation: who was told to own each partition. */
  readonly owners = new Map<number, Map<number, string>>();
  newest = 0;
  /** The latest commit that was answered, by partition. */
  readonly acknowledged = new Map<number, number>();
  isCalm = false;
  failure: unknown = null;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.coordinator = this.#newCoordinator();
    void this.coordinator.elected(0, this.epoch);
  }

  /** The former one still answers who asks it; nothing it appends counts. */
  moveCoordinator(): void {
    this.coordinator.close();
    this.coordinator = this.#newCoordinator();
    void this.coordinator.elected(0, ++this.epoch);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.timers.after(ms, resolve);
    });
  }

  start(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.failure ??= error;
    });
  }

  async ask<T>(request: Promise<T>): Promise<T> {
    this.unanswered++;
    const answer = await request;
    this.unanswered--;
    return answer;
  }

  /** The first byte of an assignment tells the generation that its leader made it for. */
  assigned(generation: number, owner: string, assignment: Uint8Array): void {
    const [madeFor, ...partitions] = assignment;
    expect(madeFor).toBe(generation % 256);
    expect(generation).toBeGreaterThanOrEqual(this.newest);
    this.newest = generation;
    let owners = this.owners.get(generation);
    if (owners === undefined) {
      owners = new Map();
      this.owners.set(generation, owners);
    }
    for (const partition of partitions) {
      expect(owners.get(partition) ?? owner, `generation ${generation}`).toBe(owner);
      owners.set(partition, owner);
    }
  }

  #newCoordinator(): GroupCoordinator {
    return new GroupCoordinator({
      clock: this.clock,
      timers: this.timers,
      random: () => this.random.float(),
      config: parseGroupConfig({ groupMaxSize: 6 }),
      storage: this.storage,
    });
  }
}

class Client {
  readonly name: string;
  readonly instance: string | null;
  memberId = '';
  generation = -1;
  partitions: readonly number[] = [];
  isStable = false;
  isAlive = true;
  isFenced = false;
  metadata = 'm';
  readonly #world: World;
  readonly #version: number;

  constructor(world: World, name: string, instance: string | null) {
    this.#world = world;
    this.name = name;
    this.instance = instance;
    this.#version = world.random.pick([0, 3, 4, 8, 9]);
    // Instance ids exist from version 5 on.
    if (instance !== null) this.#version = world.random.pick([5, 8, 9]);
  }

  get owner(): string {
    return this.instance ?? this.name;
  }

  async run(): Promise<void> {
    while (this.isAlive) {
      this.isStable = false;
      const joined = await this.#join();
      if (!this.isAlive) return;
      if (joined === null || !(await this.#sync(joined))) {
        await this.#world.sleep(RETRY_MS);
        continue;
      }
      this.isStable = true;
      while (this.isAlive && (await this.#heartbeat())) {
        await this.#world.sleep(this.#world.isCalm ? HEARTBEAT_MS : this.#world.random.below(4000));
        if (this.isAlive && this.#world.random.chance(0.2) && !(await this.#sync(joined))) break;
        if (this.isAlive) await this.#work();
      }
    }
  }

  async leave(): Promise<void> {
    this.isAlive = false;
    await this.#world.ask(
      this.#world.coordinator.leaveGroup(
        {
          groupId: 'g',
          memberId: '',
          members: [{ memberId: this.memberId, groupInstanceId: this.instance, reason: null }],
        },
        this.#context(5),
      ),
    );
  }

  #context(apiVersion = this.#version) {
    return { clientId: this.name, clientHost: '/127.0.0.1', apiVersion };
  }

  async #join(): Promise<JoinGroupResponseInput | null> {
    const { random, coordinator } = this.#world;
    const answer = await this.#world.ask(
      coordinator.joinGroup(
        {
          groupId: 'g',
          sessionTimeoutMs: SESSION_MS,
          rebalanceTimeoutMs: random.pick([5000, 20_000]),
          memberId: this.memberId,
          groupInstanceId: this.instance,
          protocolType: 'consumer',
          protocols: [{ name: 'p', metadata: Buffer.from(this.metadata) }],
          reason: null,
        },
        this.#context(),
      ),
    );
    if (!this.isAlive) return null;
    this.#note(answer.errorCode ?? 0);
    if (answer.errorCode === KafkaError.MEMBER_ID_REQUIRED) {
      this.memberId = answer.memberId ?? '';
      return null;
    }
    if (answer.errorCode) return null;
    this.memberId = answer.memberId ?? '';
    this.generation = answer.generationId ?? -1;
    return answer;
  }

  async #sync(joined: JoinGroupResponseInput): Promise<boolean> {
    const { memberId, generation } = this;
    const isLeader = joined.leader === memberId && !joined.skipAssignment;
    const members = isLeader ? (joined.members ?? []) : [];
    const { random, isCalm } = this.#world;
    if (!isCalm && random.chance(0.3)) await this.#world.sleep(random.below(8000));
    const ask = () => {
      // Another one each time: whatever is stored first counts.
      const first = random.below(PARTITIONS);
      return this.#world.ask(
        this.#world.coordinator.syncGroup(
          {
            groupId: 'g',
            generationId: generation,
            memberId,
            groupInstanceId: this.instance,
            protocolType: 'consumer',
            protocolName: 'p',
            assignments: members.map((member, at) => ({
              memberId: member.memberId ?? '',
              assignment: Buffer.from([
                generation,
                ...[...Array(PARTITIONS).keys()].filter((p) => (p + first) % members.length === at),
              ]),
            })),
          },
          this.#context(5),
        ),
      );
    };
    if (!isCalm && random.chance(0.2)) this.#world.start(ask());
    const answer = await ask();
    const errorCode = answer.errorCode ?? 0;
    const assignment = answer.assignment ?? Buffer.alloc(0);
    // Also one that has died: the answer was sent.
    if (errorCode === 0) this.#world.assigned(generation, this.owner, assignment);
    if (!this.isAlive) return false;
    this.partitions = [...assignment.subarray(1)];
    this.#note(errorCode);
    return errorCode === 0;
  }

  /** Goes on from what is committed, and commits what it has done. */
  async #work(): Promise<void> {
    const { coordinator, acknowledged, random } = this.#world;
    const { partitions } = this;
    const known = new Map(acknowledged);
    const fetched = await this.#world.ask(
      coordinator.offsetFetch(
        {
          groupId: '',
          topics: null,
          groups: [
            {
              groupId: 'g',
              memberId: null,
              memberEpoch: -1,
              topics: [{ name: 't', topicId: '', partitionIndexes: [...partitions] }],
            },
          ],
          requireStable: true,
        },
        this.#context(8),
      ),
    );
    const [group] = fetched.groups ?? [];
    if (!this.isAlive || group?.errorCode) return;
    const positions = (group?.topics?.[0]?.partitions ?? []).map(
      ({ partitionIndex = -1, committedOffset = -1 }) => {
        expect(committedOffset).toBeGreaterThanOrEqual(known.get(partitionIndex) ?? -1);
        return { partitionIndex, committedOffset: committedOffset + 1 + random.below(5) };
      },
    );
    const committed = await this.#world.ask(
      coordinator.offsetCommit(
        {
          groupId: 'g',
          generationIdOrMemberEpoch: this.generation,
          memberId: this.memberId,
          groupInstanceId: this.instance,
          retentionTimeMs: -1,
          topics: [
            {
              name: 't',
              topicId: '',
              partitions: positions.map((position) => ({
                ...position,
                committedLeaderEpoch: -1,
                committedMetadata: null,
              })),
            },
          ],
        },
        this.#context(9),
      ),
    );
    for (const [at, { errorCode }] of (committed.topics?.[0]?.partitions ?? []).entries()) {
      const { partitionIndex, committedOffset } = positions[at]!;
      if (errorCode === 0) acknowledged.set(partitionIndex, committedOffset);
    }
  }

  async #heartbeat(): Promise<boolean> {
    const answer = await this.#world.ask(
      this.#world.coordinator.heartbeat(
        {
          groupId: 'g',
          generationId: this.generation,
          memberId: this.memberId,
          groupInstanceId: this.instance,
        },
        this.#context(4),
      ),
    );
    this.#note(answer.errorCode ?? 0);
    return answer.errorCode === 0 || answer.errorCode === KafkaError.NOT_COORDINATOR;
  }

  #note(errorCode: number): void {
    if (errorCode === KafkaError.FENCED_INSTANCE_ID) {
      this.isFenced = true;
      this.isAlive = false;
    }
    if (
      errorCode === KafkaError.UNKNOWN_MEMBER_ID ||
      errorCode === KafkaError.GROUP_MAX_SIZE_REACHED
    ) {
      this.memberId = '';
    }
  }
}

class Run {
  readonly world: World;
  readonly clients: Client[] = [];
  #count = 0;

  constructor(seed: number) {
    this.world = new World(seed);
  }

  get alive(): Client[] {
    return this.clients.filter(({ isAlive }) => isAlive);
  }

  start(instance: string | null): void {
    const client = new Client(this.world, `c${this.#count++}`, instance);
    this.clients.push(client);
    this.world.start(client.run());
  }

  step(): void {
    const { random, storage } = this.world;
    const { alive } = this;
    const dice = random.below(100);
    if (dice < 25 && alive.length < 6) {
      const instance = random.chance(0.4) ? random.pick(['i', 'j', 'k']) : null;
      const former = alive.find((client) => instance !== null && client.instance === instance);
      // Its successor may come while it is still there.
      if (former !== undefined && random.chance(0.5)) former.isAlive = false;
      this.start(instance);
    } else if (dice < 40 && alive.length > 0) {
      random.pick(alive).isAlive = false;
    } else if (dice < 50 && alive.length > 0) {
      this.world.start(random.pick(alive).leave());
    } else if (dice < 55 && alive.length > 0) {
      random.pick(alive).metadata = `m${dice}`;
    } else if (dice < 65) {
      storage.hold();
    } else if (dice < 78) {
      storage.release();
    } else if (dice < 85) {
      storage.appendResults.push(random.pick(APPEND_ERRORS));
    } else if (dice < 88) {
      storage.commitLate();
    } else if (dice < 91) {
      this.world.moveCoordinator();
    }
  }

  async calmDown(): Promise<void> {
    const { storage, timers } = this.world;
    this.world.isCalm = true;
    storage.appendResults.length = 0;
    storage.release();
    storage.commitLate();
    if (this.alive.length === 0) this.start(null);
    for (let i = 0; i < 600; i++) await timers.advanceAsync(500);
  }
}

async function run(seed: number): Promise<Run> {
  const simulation = new Run(seed);
  const { random, timers } = simulation.world;
  for (let i = 0; i < 80; i++) {
    simulation.step();
    await timers.advanceAsync(random.pick([0, 10, 500, 3000, 9000]));
  }
  return simulation;
}

async function check(seed: number): Promise<number> {
  const simulation = await run(seed);
  await simulation.calmDown();
  const { world } = simulation;
  if (world.failure !== null) throw world.failure;
  const alive = simulation.alive.filter(({ isFenced }) => !isFenced);
  expect(alive.length).toBeGreaterThan(0);
  const [generation, ...others] = new Set(alive.map((client) => client.generation));
  expect(others).toEqual([]);
  expect(alive.every(({ isStable }) => isStable)).toBe(true);
  const owned = alive.flatMap(({ partitions }) => partitions).sort();
  expect(owned).toEqual([...Array(PARTITIONS).keys()]);
  expect(generation).toBe(world.newest);
  // Heartbeats are answered at once; nothing else is under way.
  expect(world.unanswered).toBe(0);

  for (const client of alive) await client.leave();
  await world.timers.advanceAsync(60_000);
  world.coordinator.close();
  await settled();
  expect(world.unanswered).toBe(0);
  expect(world.timers.count).toBe(0);
  return world.owners.size;
}

test('members own each partition once in each generation, and nobody waits for ever', async () => {
  let generations = 0;
  for (let seed = 1; seed <= 60; seed++) {
    try {
      generations += await check(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  expect(generations).toBeGreaterThan(200);
}, 120_000);
