import type { MetadataImage } from '../metadata/image.js';
import { SimulatedWorld, Violation } from '../testing/simulated-world.js';
import type { SimulatedClient } from './cluster-simulation-client.js';
import { SimulatedConsumer } from './cluster-simulation-consumer.js';
import { Faults } from './cluster-simulation-faults.js';
import { GroupLedger, SimulatedMember } from './cluster-simulation-member.js';
import { type Plan, planOf } from './cluster-simulation-plan.js';
import { SimulatedProducer } from './cluster-simulation-producer.js';
import { GroupWatcher } from './cluster-simulation-watcher.js';
import { SimulatedCluster } from './cluster-simulation-world.js';

const TOPIC = 't';
const OFFSETS_TOPIC = '__consumer_offsets';
const CHURNED = 'churned';
/** How long everything may take to be well again once nothing is broken. */
const HEAL_LIMIT_MS = 120_000;
/** Longer than anything that a request may wait for. */
const REQUEST_LIMIT_MS = 30_000;

export interface SimulationOptions {
  /** Told of every line of the trace. */
  readonly print?: (line: string) => void;
  /** Changes what the seed says. */
  readonly adjust?: (plan: Plan) => Plan;
}

export interface SimulationReport {
  readonly seed: number;
  readonly traceHash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly requests: number;
  readonly acknowledged: number;
  readonly consumed: number;
  readonly generations: number;
  /** Partitions on which losing records was allowed, and not checked. */
  readonly lossy: number;
  readonly faults: ReadonlyMap<string, number>;
}

/** A failed simulation: which seed, what broke, and the last that happened. */
export class SimulationFailure extends Error {
  readonly seed: number;
  /** The invariant that broke; 'error' for anything else. */
  readonly rule: string;
  readonly tail: readonly string[];

  constructor(seed: number, cause: unknown, tail: readonly string[]) {
    const text = cause instanceof Error ? cause.message : String(cause);
    super(
      `seed ${seed}: ${text}\n(node dist/engine/scenarios/cluster-simulation-campaign.js --seed ${seed} --verbose)`,
      { cause },
    );
    this.name = 'SimulationFailure';
    this.seed = seed;
    this.rule = cause instanceof Violation ? cause.rule : 'error';
    this.tail = tail;
  }
}

/**
 * One seed: a cluster of brokers with its controller and clients, everything that can go wrong, and then a time in
 * which nothing does, after which everything must be well. Rejects with a SimulationFailure.
 */
export async function simulateCluster(
  seed: number,
  { print, adjust = (plan) => plan }: SimulationOptions = {},
): Promise<SimulationReport> {
  const world = new SimulatedWorld(seed, print ?? null);
  const simulation = new Simulation(world, adjust(planOf(world.random.fork())));
  try {
    await world.run(() => simulation.run());
  } catch (error) {
    throw new SimulationFailure(seed, error, world.tail);
  }
  return simulation.report();
}

class Simulation {
  readonly #world: SimulatedWorld;
  readonly #cluster: SimulatedCluster;
  readonly #plan: Plan;
  readonly #faults: Faults;
  readonly #producers: SimulatedProducer[] = [];
  readonly #consumers: SimulatedConsumer[] = [];
  readonly #clients: SimulatedClient[] = [];
  readonly #groups: { readonly ledger: GroupLedger; readonly spec: Plan['groups'][number] }[] = [];
  readonly #members: {
    readonly member: SimulatedMember;
    readonly client: SimulatedClient;
    readonly group: number;
    readonly slot: number;
  }[] = [];
  #partitions = 0;
  #isChurning = false;
  #isOver = false;

  constructor(world: SimulatedWorld, plan: Plan) {
    this.#world = world;
    this.#plan = plan;
    this.#cluster = new SimulatedCluster(world, plan, world.random.fork());
    this.#faults = new Faults(this.#cluster, [TOPIC, OFFSETS_TOPIC], {
      memberDies: () => this.#replaceMember(false),
      memberLeaves: () => this.#replaceMember(true),
      churnTopic: () => this.#start(this.#churn()),
    });
  }

  report(): SimulationReport {
    const { ledger, network } = this.#cluster;
    return {
      seed: this.#world.seed,
      traceHash: this.#world.traceHash,
      events: this.#world.events,
      simulatedMs: this.#world.nowMs,
      requests: network.requests,
      acknowledged: ledger.acknowledged,
      consumed: ledger.consumed,
      generations: this.#groups.reduce((sum, { ledger }) => sum + ledger.generations, 0),
      lossy: ledger.lossy,
      faults: this.#faults.counts,
    };
  }

  async run(): Promise<void> {
    this.#world.trace(JSON.stringify(this.#plan));
    await this.#cluster.start();
    await this.#createTopic();
    this.#startClients();
    await this.#faults.run();
    this.#isOver = true;
    await this.#faults.heal();
    await this.#quiesce();
    await this.#end();
  }

  async #createTopic(): Promise<void> {
    const { minInsyncReplicas, isUncleanAllowed, topicConfig } = this.#plan;
    const config = {
      ...topicConfig,
      'min.insync.replicas': `${minInsyncReplicas}`,
      ...(isUncleanAllowed && { 'unclean.leader.election.enable': 'true' }),
    };
    while (!(await this.#cluster.createTopic(TOPIC, config))) await this.#world.sleep(50);
  }

  #startClients(): void {
    const { partitions, groups } = this.#plan;
    for (let partition = 0; partition < partitions; partition += 1) this.#addPartition(partition);
    for (const [i, spec] of groups.entries()) {
      this.#groups.push({ ledger: new GroupLedger(this.#world, `g${i}`), spec });
      for (let slot = 0; slot < spec.members; slot += 1) this.#addMember(i, slot);
      const watcher = new GroupWatcher({
        client: this.#newClient('w', false),
        group: this.#groups[i]!.ledger,
        topic: TOPIC,
        termOf: (brokerId) => this.#coordinatorship(`g${i}`, brokerId),
        keepsOffsets: () => this.#keepsOffsets(),
      });
      this.#start(watcher.run());
    }
    const watch = (): void => {
      if (this.#isOver) return;
      const count = this.#cluster.image?.topics.get(TOPIC)?.partitions.length ?? 0;
      while (this.#partitions < count) this.#addPartition(this.#partitions);
      this.#world.timers.after(200, watch);
    };
    watch();
  }

  #addPartition(partition: number): void {
    const { ledger } = this.#cluster;
    const { producersPerPartition, hasAcksOne, inFlight, pauseMs, valueBytes } = this.#plan;
    this.#partitions = partition + 1;
    const count = producersPerPartition + (hasAcksOne ? 1 : 0);
    for (let i = 0; i < count; i += 1) {
      const acks = i < producersPerPartition ? -1 : 1;
      const client = this.#newClient('p', true);
      const producer = new SimulatedProducer({
        client,
        ledger,
        topic: TOPIC,
        partition,
        acks,
        inFlight,
        pauseMs,
        valueBytes,
      });
      this.#producers.push(producer);
      this.#start(producer.run());
    }
    const consumer = new SimulatedConsumer(this.#newClient('c', false), ledger, TOPIC, partition);
    this.#consumers.push(consumer);
    this.#start(consumer.run());
  }

  #addMember(group: number, slot: number): void {
    const { ledger, spec } = this.#groups[group]!;
    const client = this.#newClient('m', false);
    const member = new SimulatedMember({
      client,
      ledger: this.#cluster.ledger,
      group: ledger,
      topic: TOPIC,
      assignor: spec.assignor,
      instanceId: spec.isStatic ? `i${slot}` : null,
      sessionTimeoutMs: 1500,
      rebalanceTimeoutMs: 1500,
      heartbeatMs: 400,
      keepsOffsets: () => this.#keepsOffsets(),
    });
    this.#members.push({ member, client, group, slot });
    this.#start(member.run());
  }

  /** A static member that was fenced ends with an error: somebody starts it again. */
  #fillGroups(): void {
    for (const [group, { spec }] of this.#groups.entries()) {
      for (let slot = 0; slot < spec.members; slot += 1) {
        const isThere = this.#members.some(
          (its) => its.group === group && its.slot === slot && its.client.isAlive,
        );
        if (!isThere) this.#addMember(group, slot);
      }
    }
  }

  /** Of a broker that leads the group's partition and knows it. */
  #coordinatorship(group: string, brokerId: number): string | null {
    const { node } = this.#cluster.broker(brokerId);
    if (node === null) return null;
    const partition = node.groups.partitionFor(group);
    const state = this.#cluster.image?.partition(OFFSETS_TOPIC, partition);
    const epoch = node.partition(OFFSETS_TOPIC, partition)?.leaderEpoch ?? -1;
    if (state === undefined || state.leader !== brokerId || state.leaderEpoch !== epoch)
      return null;
    return `${partition}/${epoch}`;
  }

  #keepsOffsets(): boolean {
    return this.#keeps(OFFSETS_TOPIC) && this.#keeps(TOPIC);
  }

  #keeps(topic: string): boolean {
    for (const history of this.#cluster.ledger.histories.values()) {
      if (history.topic === topic && history.lossy !== null) return false;
    }
    return true;
  }

  #newClient(prefix: string, mayArriveLate: boolean): SimulatedClient {
    const client = this.#cluster.client(prefix, mayArriveLate);
    this.#clients.push(client);
    return client;
  }

  #replaceMember(politely: boolean): void {
    const alive = this.#members.filter(({ client }) => client.isAlive);
    if (alive.length === 0) return;
    const { member, client, group, slot } = this.#world.random.pick(alive);
    this.#world.trace(`${member.name} ${politely ? 'leaves' : 'dies'}`);
    if (politely) member.leave();
    else client.process.kill();
    this.#world.timers.after(this.#world.random.below(2000), () => this.#addMember(group, slot));
  }

  /** A topic is made, written and deleted, perhaps made again under its name. */
  async #churn(): Promise<void> {
    if (this.#isChurning) return;
    this.#isChurning = true;
    const cluster = this.#cluster;
    const { random, world, ledger } = cluster;
    const isThere = cluster.image?.topics.has(CHURNED) ?? false;
    world.trace(`${isThere ? 'delete' : 'create'} ${CHURNED}`);
    if (isThere) {
      await cluster.admin((port) =>
        port.deleteTopics({ topics: [{ name: CHURNED, topicId: null }] }),
      );
    } else if (await cluster.createTopic(CHURNED, {})) {
      const client = this.#newClient('x', false);
      const producer = new SimulatedProducer({
        client,
        ledger,
        topic: CHURNED,
        partition: 0,
        acks: -1,
        inFlight: 2,
        pauseMs: 50,
        valueBytes: 10,
        // Requests name the topic, which may be another one of that name when they arrive.
        isChecked: false,
      });
      this.#start(producer.run());
      await world.sleep(random.below(2000));
      producer.stop();
      await world.sleep(500);
      client.process.kill();
    }
    this.#isChurning = false;
  }

  /** Nothing is broken any more: what was sent is acknowledged, replicas agree, groups have read everything. */
  async #quiesce(): Promise<void> {
    const { ledger } = this.#cluster;
    for (const producer of this.#producers) producer.stop();
    await this.#until('producers finish', () => {
      const busy = this.#producers.find((producer) => !producer.isDone);
      return busy === undefined ? null : busy.describe;
    });
    await this.#until('the cluster heals', () => this.#unhealed());
    await this.#until('consumers reach the end', () => {
      for (const { topic, partition, position } of this.#consumers) {
        const end = this.#endOf(topic, partition);
        if (position < end) return `${topic}-${partition} at ${position} of ${end}`;
      }
      return null;
    });
    await this.#until('groups read everything', () => {
      this.#fillGroups();
      return this.#groupLag();
    });
    ledger.inspect();
    for (const history of ledger.histories.values()) {
      const isThere = this.#cluster.image?.topicNames.has(history.topicId) ?? false;
      const [promised] = history.promised;
      if (promised === undefined || !isThere) continue;
      const what = `${history.name} offset ${promised[0]} was acknowledged as ${promised[1]}, the log ends at ${history.end}`;
      this.#world.violate('no acknowledged record is lost', what);
    }
  }

  async #until(rule: string, problem: () => string | null): Promise<void> {
    const endMs = this.#world.nowMs + HEAL_LIMIT_MS;
    for (let what = problem(); what !== null; what = problem()) {
      if (this.#world.nowMs > endMs) this.#traceStatuses();
      if (this.#world.nowMs > endMs) throw new Violation(rule, `${what} after ${HEAL_LIMIT_MS} ms`);
      await this.#world.sleep(50);
    }
    this.#world.trace(`done: ${rule}`);
  }

  #traceStatuses(): void {
    for (const { host, node } of this.#cluster.brokers) {
      for (const status of node?.replicas.partitions() ?? []) {
        this.#world.trace(`${host} ${JSON.stringify(status)}`);
      }
    }
  }

  #unhealed(): string | null {
    const { brokers, image } = this.#cluster;
    if (image === null) return 'no controller';
    for (const { host, node } of brokers) {
      if (node === null) return `${host} does not run`;
      if (!node.isReady) return `${host} is fenced`;
      if (node.image.version !== image.version) return `${host} has old metadata`;
    }
    for (const topic of image.topics.values()) {
      for (const [partition, state] of topic.partitions.entries()) {
        const problem = this.#unhealedPartition(image, topic.name, partition);
        if (problem !== null)
          return `${topic.name}-${partition} ${problem} ${JSON.stringify(state)}`;
      }
    }
    return null;
  }

  #unhealedPartition(image: MetadataImage, topic: string, partition: number): string | null {
    const { replicas, isr, leader, adding, removing } = image.partition(topic, partition)!;
    if (leader < 0) return 'has no leader';
    if (adding.length + removing.length > 0) return 'is being reassigned';
    if (isr.length < replicas.length) return 'is under-replicated';
    const statuses = replicas.map((id) =>
      this.#cluster.broker(id).node?.partition(topic, partition),
    );
    const ends = new Set<number>();
    for (const status of statuses) {
      if (!status) return 'misses a replica';
      ends.add(status.logEndOffset).add(status.highWatermark);
    }
    return ends.size === 1 ? null : `has ends ${[...ends]}`;
  }

  #endOf(topic: string, partition: number): number {
    const { brokers, image } = this.#cluster;
    const leader = image?.partition(topic, partition)?.leader ?? -1;
    return brokers[leader - 1]?.node?.partition(topic, partition)?.highWatermark ?? 0;
  }

  #groupLag(): string | null {
    const count = this.#cluster.image?.topics.get(TOPIC)?.partitions.length ?? 0;
    for (const [group, { ledger }] of this.#groups.entries()) {
      for (let partition = 0; partition < count; partition += 1) {
        const end = this.#endOf(TOPIC, partition);
        const committed = ledger.committed.get(`${TOPIC}/${partition}`) ?? 0;
        if (committed >= end) continue;
        const members = this.#members
          .filter((its) => its.group === group && its.client.isAlive)
          .map(({ member }) => member.describe);
        return `${ledger.group} ${TOPIC}-${partition} at ${committed} of ${end}: ${members}`;
      }
    }
    return null;
  }

  /** Clients go, then brokers and the controller: nothing may be left of them. */
  async #end(): Promise<void> {
    const { network, brokers, controller } = this.#cluster;
    for (const { client } of this.#members) client.process.kill();
    for (const client of this.#clients) client.process.kill();
    await this.#world.sleep(3000);
    for (const { process, api, server, client, sinceMs } of network.executions) {
      const isFollower = client.startsWith('replica-');
      if (!process.isAlive || isFollower || this.#world.nowMs - sinceMs < REQUEST_LIMIT_MS)
        continue;
      this.#world.violate(
        'every request is answered',
        `${api} of ${client} at ${server} since ${sinceMs}`,
      );
    }
    for (const broker of brokers) await broker.stop();
    await controller.stop();
    const left = controller.process?.timersSet ?? 0;
    if (left > 0)
      this.#world.violate(
        'no leaked timers',
        `controller: ${left} ${controller.process?.settersOfTimers}`,
      );
  }

  #start(work: Promise<void>): void {
    work.catch((error) => this.#world.fail(error));
  }
}
