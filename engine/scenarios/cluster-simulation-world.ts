import { parseBrokerConfig } from '../broker/broker-config.js';
import type { BrokerNodeEvent } from '../broker/broker-node.js';
import { controllerConfig } from '../cluster/cluster-settings.js';
import { isVarveError } from '../errors.js';
import { baseOffset, isControl, lastOffset, sizeInBytes } from '../format/batch-header.js';
import type { ControllerPort } from '../metadata/controller-port.js';
import type { MetadataImage } from '../metadata/image.js';
import type { Random } from '../testing/random.js';
import { SimulatedBroker } from '../testing/simulated-broker.js';
import { SimulatedController } from '../testing/simulated-controller.js';
import { type Answered, SimulatedNetwork } from '../testing/simulated-network.js';
import type { SimulatedWorld } from '../testing/simulated-world.js';
import { SimulatedClient } from './cluster-simulation-client.js';
import { Ledger } from './cluster-simulation-ledger.js';
import type { Plan } from './cluster-simulation-plan.js';

const CLUSTER_ID = 'SimulatedClusterAAAAAg';
/** How often all replicas are looked at, beyond what clients see. */
const INSPECT_EVERY_MS = 50;

/** Controller and brokers of one simulation, with the ledger that watches them. */
export class SimulatedCluster {
  readonly world: SimulatedWorld;
  readonly plan: Plan;
  readonly random: Random;
  readonly network: SimulatedNetwork;
  readonly controller: SimulatedController;
  readonly brokers: SimulatedBroker[] = [];
  readonly ledger: Ledger;
  readonly brokerIds: readonly number[];
  #clients = 0;

  constructor(world: SimulatedWorld, plan: Plan, random: Random) {
    this.world = world;
    this.plan = plan;
    this.random = random;
    const { latencyMs, breakProbability, lateProbability, longestSyncMs } = plan;
    this.network = new SimulatedNetwork(world, random.fork(), {
      latencyMs,
      breakProbability,
      lateProbability,
      onAnswer: (answered) => this.#answered(answered),
    });
    this.controller = new SimulatedController({
      network: this.network,
      random: random.fork(),
      clusterId: CLUSTER_ID,
      config: controllerConfig(parseBrokerConfig(plan.settings)),
      longestSyncMs,
      onEvent: (event) => {
        world.trace(`controller ${event.kind} ${'brokerId' in event ? event.brokerId : ''}`);
        if (event.kind !== 'unclean-election') return;
        const topic = this.image?.topics.get(event.topic);
        const { partition } = event;
        if (topic === undefined) return;
        this.ledger.giveUp(
          this.ledger.history(event.topic, topic.topicId, partition),
          'unclean election',
        );
      },
    });
    this.brokerIds = Array.from({ length: plan.brokers }, (_, i) => i + 1);
    for (const brokerId of this.brokerIds) {
      this.brokers.push(
        new SimulatedBroker({
          brokerId,
          network: this.network,
          controller: this.controller,
          random: random.fork(),
          clusterId: CLUSTER_ID,
          settings: plan.settings,
          longestSyncMs,
          replicaTimeoutMs: plan.replicaTimeoutMs,
          controllerTimeoutMs: plan.controllerTimeoutMs,
          onEvent: (id, event) => this.#event(id, event),
        }),
      );
    }
    this.ledger = new Ledger(world, this.brokers, () => this.image);
  }

  get image(): MetadataImage | null {
    return this.controller.image;
  }

  broker(id: number): SimulatedBroker {
    return this.brokers[id - 1]!;
  }

  client(prefix: string, mayArriveLate: boolean): SimulatedClient {
    this.#clients += 1;
    return new SimulatedClient({
      name: `${prefix}${this.#clients}`,
      network: this.network,
      random: this.random.fork(),
      brokerIds: this.brokerIds,
      timeoutMs: this.plan.clientTimeoutMs,
      mayArriveLate,
    });
  }

  async start(): Promise<void> {
    await this.controller.start(true);
    await Promise.all(this.brokers.map((broker) => broker.start()));
    const inspect = (): void => {
      this.ledger.inspect();
      this.world.timers.after(INSPECT_EVERY_MS, inspect);
    };
    inspect();
    this.world.afterEvent = () => this.ledger.followIsr();
  }

  /** Asks the controller directly; null: it is not there, or refuses for now. */
  async admin<T>(ask: (controller: ControllerPort) => Promise<T>): Promise<T | null> {
    const { controller } = this.controller;
    if (controller === null) return null;
    try {
      return await Promise.race([ask(controller), this.world.sleep(2000).then(() => null)]);
    } catch (error) {
      if (isVarveError(error)) return null;
      throw error;
    }
  }

  async createTopic(name: string, config: Readonly<Record<string, string>>): Promise<boolean> {
    const { partitions, replicationFactor } = this.plan;
    const answers = await this.admin((controller) =>
      controller.createTopics({
        topics: [{ name, partitions, replicationFactor, assignments: null, config }],
        validateOnly: false,
      }),
    );
    return answers?.[0]?.errorCode === 0;
  }

  #event(brokerId: number, { source, event }: BrokerNodeEvent): void {
    const host = `b${brokerId}`;
    if (source === 'replication') {
      const { topic, partition, kind } = event;
      this.world.trace(`${host} ${kind} ${topic}-${partition} ${describe(event)}`);
      if (kind !== 'leader') return;
      const status = this.broker(brokerId).node?.partition(topic, partition);
      const topicId = status?.topicId ?? this.image?.topics.get(topic)?.topicId ?? '';
      this.ledger.leads(brokerId, topic, topicId, partition, event.leaderEpoch);
    } else if (source === 'groups') {
      this.world.trace(
        `${host} ${event.type} ${'group' in event ? event.group : event.partition} ${describe(event)}`,
      );
    } else if (source === 'broker') {
      if (event.kind !== 'metadata-applied')
        this.world.trace(`${host} ${event.kind} ${describe(event)}`);
      if (event.kind === 'registered') this.ledger.registered(brokerId);
    } else {
      this.world.trace(`${host} directory ${describe(event)}`);
    }
  }

  #answered({ host, api, request, answer }: Answered): void {
    const broker = this.brokers.find((its) => its.host === host);
    if (broker === undefined) return;
    if (api === 'Produce') {
      const { acks, topicData } = request as Answered<'Produce'>['request'];
      const { responses = [] } = answer as Answered<'Produce'>['answer'];
      if (acks !== -1) return;
      for (const { name = '', partitionResponses = [] } of responses) {
        for (const { index = 0, errorCode = 0, baseOffset: base = -1 } of partitionResponses) {
          if (errorCode !== 0 || base < 0) continue;
          const sent = topicData
            .find((topic) => topic.name === name)
            ?.partitionData.find((data) => data.index === index)?.records;
          if (sent) this.ledger.answeredProduce(broker, name, index, base, countOf(sent));
        }
      }
    } else if (api === 'Fetch') {
      const { replicaId, replicaState } = request as Answered<'Fetch'>['request'];
      if (replicaId >= 0 || replicaState.replicaId >= 0) return;
      const { responses = [] } = answer as Answered<'Fetch'>['answer'];
      for (const { topic = '', topicId = '', partitions = [] } of responses) {
        const name =
          topic !== '' ? topic : (broker.node?.newestImage.topicNames.get(topicId) ?? '');
        for (const { partitionIndex = 0, records } of partitions) {
          if (records instanceof Buffer) this.ledger.served(broker, name, partitionIndex, records);
        }
      }
    }
  }
}

function countOf(bytes: Buffer): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let count = 0;
  for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
    if (!isControl(view, at)) count += lastOffset(view, at) - baseOffset(view, at) + 1;
  }
  return count;
}

function describe(event: object): string {
  return Object.entries(event)
    .filter(([key]) => !['topic', 'kind', 'type', 'partition', 'durationMs'].includes(key))
    .map(([key, value]) => `${key}=${textOf(value)}`)
    .join(' ');
}

function textOf(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`.slice(0, 160);
  if (Array.isArray(value)) return `[${value.map(textOf).join(',')}]`;
  return typeof value === 'object' ? JSON.stringify(value).slice(0, 160) : String(value);
}
