import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskFull, isDiskFull } from '../model/disk-full.js';
import { Breakage, endedByItself } from './breakage.js';
import { ClusterAdmin } from './cluster-admin.js';
import { freePorts } from './free-ports.js';
import type { KafkaJars } from './kafka-jars.js';
import {
  CONTROLLER_JVM,
  formatNodes,
  KafkaNode,
  type KafkaSettings,
  SERVER_JVM,
} from './kafka-node.js';
import { LastWords } from './last-words.js';
import type { LocalBrokers, TargetProcess } from './local-brokers.js';
import { BenchError } from './target.js';

export interface StartKafkaOptions {
  readonly jars: KafkaJars;
  readonly brokers: number;
  readonly directory: string;
  /** Beyond Kafka's defaults. */
  readonly settings: KafkaSettings;
  /**
   * `own`: a further process, so that any broker can be killed and the others elect (ids: brokers from 1, it has 1000);
   * `combined`: in the first broker, as people run a single node.
   */
  readonly controller: 'own' | 'combined';
  /** Of the brokers. Default: any that are free. */
  readonly ports?: readonly number[];
  readonly signal: AbortSignal;
}

const CONTROLLER_ID = 1000;
/** Three JVMs take ten seconds of two processors, which may be busy. */
const SERVE_LIMIT_MS = 240_000;
const LOOK_EVERY_MS = 50;

/** A real Apache Kafka (KRaft) on the loopback device, from its Maven jars. */
export class KafkaCluster implements LocalBrokers {
  readonly software: string;
  readonly settings: KafkaSettings;
  readonly addresses: readonly string[];
  readonly #brokers: readonly KafkaNode[];
  readonly #controller: KafkaNode | null;
  readonly #words: LastWords;
  readonly #breakage = new Breakage();
  readonly #admin: ClusterAdmin;
  #startedAtMs = 0;
  #isClosing = false;

  private constructor(options: StartKafkaOptions, ports: readonly number[]) {
    const { jars, brokers: count, directory, controller } = options;
    this.software = `Apache Kafka ${jars.version}`;
    this.settings = options.settings;
    this.#words = new LastWords();
    this.addresses = ports.slice(0, count).map((port) => `127.0.0.1:${port}`);
    const controllerPort = ports[count] ?? 0;
    const controllerId = controller === 'own' ? CONTROLLER_ID : 1;
    const node = (id: number, jvm: readonly string[], settings: KafkaSettings): KafkaNode =>
      new KafkaNode({
        jars,
        id,
        jvm,
        home: join(directory, `node-${id}`),
        words: this.#words,
        onEndedByItself: (pid, how) => {
          const who = id === CONTROLLER_ID ? 'the controller' : `broker ${id}`;
          this.#breakage.report(endedByItself(`${who} (process ${pid})`, how, this.#words.text));
        },
        settings: {
          'controller.quorum.voters': `${controllerId}@127.0.0.1:${controllerPort}`,
          'controller.listener.names': 'CONTROLLER',
          'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
          ...settings,
          ...internalTopics(count),
          ...options.settings,
        },
      });
    const controllerListener = `CONTROLLER://127.0.0.1:${controllerPort}`;
    this.#controller =
      controller === 'combined'
        ? null
        : node(CONTROLLER_ID, CONTROLLER_JVM, {
            'process.roles': 'controller',
            listeners: controllerListener,
          });
    this.#brokers = this.addresses.map((address, i) => {
      const isController = controller === 'combined' && i === 0;
      const listener = `PLAINTEXT://${address}`;
      return node(i + 1, SERVER_JVM, {
        'process.roles': isController ? 'broker,controller' : 'broker',
        listeners: isController ? `${listener},${controllerListener}` : listener,
        'advertised.listeners': listener,
        'inter.broker.listener.name': 'PLAINTEXT',
      });
    });
    const connection = {
      kind: 'brokers',
      bootstrap: this.addresses,
      tls: null,
      sasl: null,
    } as const;
    this.#admin = new ClusterAdmin(connection, options.signal);
  }

  /**
   * Its processes are started; {@link serving} tells when they serve.
   * @throws BenchError TARGET_FAILED with what Kafka says; nothing is left running.
   */
  static async spawn(options: StartKafkaOptions): Promise<KafkaCluster> {
    const { brokers, ports = [] } = options;
    const free = await freePorts(brokers + 1);
    const chosen = free.map((port, i) => (i < brokers ? (ports[i] ?? port) : port));
    const cluster = new KafkaCluster(options, chosen);
    await formatNodes(options.jars, cluster.#nodes, options.signal);
    cluster.#startedAtMs = performance.now();
    for (const node of cluster.#nodes) node.start();
    return cluster;
  }

  /** Resolves when every broker serves. @throws BenchError as `spawn` */
  static async start(options: StartKafkaOptions): Promise<KafkaCluster> {
    const cluster = await KafkaCluster.spawn(options);
    try {
      await cluster.serving();
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** By `performance.now()`, when its processes were started. */
  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  processes(): TargetProcess[] {
    // What goes over its sockets Kafka tells by JMX only, which it is not started with.
    const running = (node: KafkaNode, its: Pick<TargetProcess, 'role' | 'id' | 'brokerId'>) =>
      node.pid === null ? [] : [{ ...its, pid: node.pid, networkFile: null }];
    const controller = this.#controller;
    return [
      ...this.#brokers.flatMap((node) =>
        running(node, { role: 'broker', id: `broker ${node.id}`, brokerId: node.id }),
      ),
      ...(controller === null
        ? []
        : running(controller, { role: 'supervisor', id: 'controller', brokerId: null })),
    ];
  }

  dataDirectory(brokerId: number): string {
    return this.#broker(brokerId).dataDirectory;
  }

  async kill(brokerIds: readonly number[]): Promise<void> {
    await Promise.all(brokerIds.map((id) => this.#broker(id).kill()));
  }

  stop(brokerId: number): Promise<void> {
    return this.#broker(brokerId).stop();
  }

  async start(brokerIds: readonly number[]): Promise<void> {
    for (const id of brokerIds) this.#broker(id).start();
    await this.serving();
  }

  /** Resolves when every broker that runs knows of every broker that runs. */
  async serving(): Promise<void> {
    const endMs = performance.now() + SERVE_LIMIT_MS;
    for (;;) {
      const running = this.#brokers.filter(({ pid }) => pid !== null).map(({ id }) => id);
      if (running.length === 0) throw this.#failure('its processes have ended');
      const looks = running.map((id) => this.#sees(id, running));
      if ((await Promise.all(looks)).every((sees) => sees)) return;
      if (performance.now() > endMs) throw this.#failure(`not in service in ${SERVE_LIMIT_MS} ms`);
      if (this.#isClosing)
        throw new BenchError('INTERRUPTED', 'Kafka was stopped while it started');
      await sleep(LOOK_EVERY_MS);
    }
  }

  get broken(): Promise<BenchError> {
    return this.#breakage.first;
  }

  syncs(): null {
    return null;
  }

  lastWords(): string {
    return this.#words.text;
  }

  /** At once: its data is of no use to anybody. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#admin.close();
    await Promise.all(this.#nodes.map((node) => node.kill()));
  }

  /** As its users stop it, so that the data can be used again. */
  async stopAll(): Promise<void> {
    this.#isClosing = true;
    this.#admin.close();
    await Promise.all(this.#brokers.map((node) => node.stop()));
    await this.#controller?.stop();
  }

  get #nodes(): KafkaNode[] {
    return this.#controller === null ? [...this.#brokers] : [this.#controller, ...this.#brokers];
  }

  #broker(id: number): KafkaNode {
    const found = this.#brokers[id - 1];
    if (found === undefined) throw new RangeError(`there is no broker ${id}`);
    return found;
  }

  async #sees(id: number, wanted: readonly number[]): Promise<boolean> {
    try {
      const body = { topics: [], allowAutoTopicCreation: false };
      const address = this.addresses[id - 1] ?? '';
      const { brokers } = await this.#admin.askBroker(address, 'Metadata', body, {
        timeoutMs: 2_000,
      });
      return wanted.every((one) => brokers.some(({ nodeId }) => nodeId === one));
    } catch (error) {
      // It is still starting.
      if (error instanceof BenchError && error.code === 'TARGET_UNREACHABLE') return false;
      throw error;
    }
  }

  #failure(why: string): BenchError {
    const text = `${this.software}: ${why}. It said: ${this.#words.text}`;
    return isDiskFull(new Error(text)) ? diskFull(text) : new BenchError('TARGET_FAILED', text);
  }
}

/** Replicas of the internal topics: Kafka's default of 3, but not more than there are brokers. */
function internalTopics(brokers: number): KafkaSettings {
  const replication = Math.min(3, brokers);
  return {
    'offsets.topic.replication.factor': replication,
    'transaction.state.log.replication.factor': replication,
    'transaction.state.log.min.isr': 1,
  };
}
