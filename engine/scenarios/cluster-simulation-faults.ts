import type { ControllerPort } from '../metadata/controller-port.js';
import type { Random } from '../testing/random.js';
import type { SimulatedBroker } from '../testing/simulated-broker.js';
import { CONTROLLER_HOST } from '../testing/simulated-controller.js';
import type { FaultKind } from './cluster-simulation-plan.js';
import type { SimulatedCluster } from './cluster-simulation-world.js';

/** What members of groups can do to their group. */
export interface Troublemakers {
  memberDies(): void;
  memberLeaves(): void;
  churnTopic(): void;
}

/** Breaks things at random, one after another and several at a time, and mends all in the end. */
export class Faults {
  readonly #cluster: SimulatedCluster;
  readonly #random: Random;
  readonly #others: Troublemakers;
  readonly #topics: readonly string[];
  #isOver = false;
  /** How often each happened. */
  readonly counts = new Map<string, number>();

  constructor(cluster: SimulatedCluster, topics: readonly string[], others: Troublemakers) {
    this.#cluster = cluster;
    this.#random = cluster.random.fork();
    this.#topics = topics;
    this.#others = others;
  }

  async run(): Promise<void> {
    const { plan, world } = this.#cluster;
    const endMs = world.nowMs + plan.troubleMs;
    if (plan.faults.length === 0) await world.sleep(plan.troubleMs);
    while (world.nowMs < endMs) {
      await world.sleep(this.#random.between(0, 2 * plan.faultEveryMs));
      this.#strike(this.#random.pick(plan.faults));
    }
    this.#isOver = true;
  }

  /** Everything works again from now on: nothing is cut, and every broker runs or is being started. */
  async heal(): Promise<void> {
    const { network, brokers, controller, world } = this.#cluster;
    world.trace('healing');
    network.isCalm = true;
    network.healAll();
    for (const broker of brokers) {
      broker.process?.resume();
      broker.fs.faults.clear();
      broker.fs.capacityBytes = Number.POSITIVE_INFINITY;
    }
    // Cold where nothing else runs either.
    const isDark = brokers.every((broker) => !broker.isUp);
    if (controller.process === null) await controller.start(isDark);
    else controller.process.resume();
    for (const broker of brokers) {
      if (!broker.isUp) void broker.start();
      // A log that failed stays out of service until its broker starts again.
      else if ((broker.node?.replicas.offlinePartitions().length ?? 0) > 0)
        this.#restartLater(broker, 100);
    }
  }

  #strike(kind: FaultKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    const cluster = this.#cluster;
    const { brokers, network, controller, world } = cluster;
    const random = this.#random;
    const broker = random.pick(brokers);
    const forMs = random.pick([50, 300, 1000, 2500, 5000]);
    switch (kind) {
      case 'kill':
        if (broker.isUp) this.#kill(broker, forMs);
        return;
      case 'power':
        if (!cluster.ledger.survivesWithout(broker.brokerId)) return;
        cluster.ledger.powerFailed(broker.brokerId);
        broker.powerFail();
        this.#restartLater(broker, forMs);
        return;
      case 'pause': {
        const process = random.chance(0.15) ? controller.process : broker.process;
        if (process === null) return;
        world.trace(`${process.name} stops for ${forMs} ms`);
        process.pause();
        world.timers.after(forMs, () => {
          world.trace(`${process.name} goes on`);
          process.resume();
        });
        return;
      }
      case 'restart':
        this.#stop(broker, forMs);
        return;
      case 'cut': {
        const other = random.pick(brokers);
        if (other === broker) return;
        this.#cut([[broker.host, other.host]], forMs);
        return;
      }
      case 'cut-controller':
        this.#cut([[broker.host, CONTROLLER_HOST]], forMs);
        return;
      case 'isolate': {
        const links = brokers
          .filter((b) => b !== broker)
          .map((b) => [b.host, broker.host] as const);
        if (random.chance(0.7)) links.push([CONTROLLER_HOST, broker.host]);
        this.#cut(links, forMs);
        return;
      }
      case 'slow': {
        const other = random.pick(brokers);
        const ms = random.pick([20, 100, 400]);
        world.trace(`slow ${broker.host} ${other.host} ${ms}`);
        network.slow(broker.host, other.host, ms);
        world.timers.after(forMs, () => network.slow(broker.host, other.host, 0));
        return;
      }
      case 'disk':
        this.#failDisk(broker, forMs);
        return;
      case 'controller-crash':
        if (controller.controller === null) return;
        controller.crash(random.chance(0.5));
        world.timers.after(Math.min(forMs, 2500), () => {
          if (controller.process === null) this.#background(controller.start(false));
        });
        return;
      case 'blackout':
        this.#blackOut(forMs);
        return;
      case 'clock-jump': {
        const ms = random.pick([-60_000, -1000, 1000, 60_000]);
        world.trace(`the clock jumps by ${ms}`);
        world.clock.jump(ms);
        return;
      }
      case 'elect-preferred':
        this.#admin('elect preferred leaders', (port) =>
          port.electLeaders({ type: 'preferred', partitions: null }),
        );
        return;
      case 'reassign':
        this.#reassign();
        return;
      case 'add-partitions':
        this.#addPartitions();
        return;
      case 'change-config':
        this.#changeConfig();
        return;
      case 'churn-topic':
        this.#others.churnTopic();
        return;
      case 'member-dies':
        this.#others.memberDies();
        return;
      case 'member-leaves':
        this.#others.memberLeaves();
        return;
    }
  }

  #kill(broker: SimulatedBroker, forMs: number): void {
    broker.kill();
    const { controller } = this.#cluster;
    if (this.#random.chance(0.5)) {
      // Whoever started it sees it end; it is started again only after the controller knows.
      const port = controller.controller;
      const told = port?.brokerFailed(broker.brokerId) ?? Promise.resolve();
      const restart = (): void => this.#restartLater(broker, forMs);
      told.then(restart, restart);
      // A controller that dies now does not answer.
      controller.process?.onDeath(restart);
    } else this.#restartLater(broker, forMs);
  }

  /** What started controller and brokers is gone, and they with it; everything comes back, in any order. */
  #blackOut(forMs: number): void {
    const { brokers, controller, ledger, world } = this.#cluster;
    if (controller.controller === null) return;
    world.trace('blackout');
    controller.crash(this.#random.chance(0.5));
    const hasPower = this.#random.chance(0.7);
    for (const broker of this.#random.shuffle([...brokers])) {
      if (!hasPower && this.#random.chance(0.4) && ledger.survivesWithout(broker.brokerId)) {
        ledger.powerFailed(broker.brokerId);
        broker.powerFail();
      } else broker.kill();
    }
    world.timers.after(forMs, () => {
      if (controller.process !== null) return;
      this.#background(controller.start(true));
      for (const broker of brokers) this.#restartLater(broker, this.#random.below(2000));
    });
  }

  #restartLater(broker: SimulatedBroker, forMs: number): void {
    const { world } = this.#cluster;
    world.timers.after(forMs, () => {
      if (this.#isOver || !broker.isUp) {
        if (!broker.isUp) this.#background(broker.start());
        else if ((broker.node?.replicas.offlinePartitions().length ?? 0) > 0) {
          broker.kill();
          this.#restartLater(broker, 50);
        }
      }
    });
  }

  #stop(broker: SimulatedBroker, forMs: number): void {
    if (broker.node === null || broker.isStopping || broker.process?.isPaused) return;
    this.#background(
      broker.stop().then(() => {
        this.#restartLater(broker, forMs);
      }),
    );
  }

  #cut(links: readonly (readonly [string, string])[], forMs: number): void {
    const { network, world } = this.#cluster;
    for (const [a, b] of links) network.cut(a, b);
    world.timers.after(forMs, () => {
      for (const [a, b] of links) network.heal(a, b);
    });
  }

  #failDisk(broker: SimulatedBroker, forMs: number): void {
    const { world } = this.#cluster;
    const { fs } = broker;
    if (!broker.isUp) return;
    const operation = this.#random.pick(['commit', 'flush', 'reserve'] as const);
    const errno = operation === 'reserve' ? 'ENOSPC' : 'EIO';
    const topic = this.#random.pick(this.#topics);
    const path = this.#random.chance(0.5) ? { path: new RegExp(`/${topic}-`) } : {};
    world.trace(
      `${broker.host} disk: ${operation} fails with ${errno}${'path' in path ? ` in ${topic}` : ''}`,
    );
    const fault = fs.faults.plant({ operation, errno, nth: 1, persistent: true, ...path });
    world.timers.after(forMs, () => {
      fault.clear();
      if (broker.fs !== fs || !broker.isUp) return;
      if ((broker.node?.replicas.offlinePartitions().length ?? 0) > 0) {
        broker.kill();
        this.#restartLater(broker, 50);
      }
    });
  }

  #reassign(): void {
    const { image, plan } = this.#cluster;
    const topic = image?.topics.get(this.#random.pick(this.#topics));
    if (topic === undefined) return;
    const partition = this.#random.below(topic.partitions.length);
    const ids = this.#random.shuffle([...this.#cluster.brokerIds]);
    const replicas = this.#random.chance(0.1) ? null : ids.slice(0, plan.replicationFactor);
    this.#admin(`reassign ${topic.name}-${partition} to ${replicas}`, (port) =>
      port.reassignPartitions({ partitions: [{ topic: topic.name, partition, replicas }] }),
    );
  }

  #addPartitions(): void {
    // Of the first topic: a group's place in `__consumer_offsets` depends on how many partitions that has.
    const topic = this.#cluster.image?.topics.get(this.#topics[0]!);
    if (topic === undefined || topic.partitions.length >= 5) return;
    const count = topic.partitions.length + 1;
    this.#admin(`add a partition to ${topic.name}`, (port) =>
      port.createPartitions({
        topics: [{ name: topic.name, count, assignments: null }],
        validateOnly: false,
      }),
    );
  }

  #changeConfig(): void {
    const name = this.#random.pick(this.#topics);
    const changes = this.#random.pick([
      { 'min.insync.replicas': '1' },
      { 'min.insync.replicas': '2' },
      { 'internal.segment.bytes': '3000' },
      { 'flush.messages': '3' },
    ] as Record<string, string>[]);
    this.#admin(`configure ${name} ${JSON.stringify(changes)}`, (port) =>
      port.alterConfigs({
        resources: [{ resource: 'topic', name, changes, replaceAll: false }],
        validateOnly: false,
      }),
    );
  }

  #admin<T>(what: string, ask: (controller: ControllerPort) => Promise<T>): void {
    const { world } = this.#cluster;
    world.trace(what);
    this.#background(this.#cluster.admin(ask));
  }

  #background(work: Promise<unknown>): void {
    work.catch((error) => this.#cluster.world.fail(error));
  }
}
