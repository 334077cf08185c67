import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '../assert.js';
import {
  type BrokerConfig,
  type BrokerConfigInput,
  parseBrokerConfig,
} from '../broker/broker-config.js';
import { VarveError } from '../errors.js';
import type { FileSystem } from '../io/port.js';
import type { MetadataImage } from '../metadata/image.js';
import type { SettingValue } from '../settings.js';
import { systemTimers } from '../timers.js';
import { BrokerChild, type BrokerProcessEvent, type BrokerProcessState } from './broker-child.js';
import { isPort, readClusterFile, writeClusterFile } from './cluster-file.js';
import { developmentConfig } from './cluster-settings.js';
import {
  countOf,
  countPartitions,
  hasMovableLeader,
  type PartitionCounts,
} from './cluster-status.js';
import type { Controller, ControllerEvent } from './controller.js';

export interface ClusterOptions {
  /** How many, with the ids from 1. Default 3. */
  readonly brokers?: number;
  /** Made if it is not there; what an earlier cluster left in it is taken up again. */
  readonly directory: string;
  /** Where brokers listen. Default 127.0.0.1. */
  readonly host?: string;
  /** Of the brokers in the order of their ids. Default: those they had before, or any that are free. */
  readonly ports?: readonly number[];
  /**
   * Told to clients and other brokers in place of where brokers listen, in the order of their ids: for a relay between
   * them. Kafka: advertised.listeners.
   */
  readonly advertised?: readonly { readonly host: string; readonly port: number }[];
  /** Of the brokers in the order of their ids. */
  readonly racks?: readonly (string | null)[];
  /** Broker settings by Kafka's names or in camel case, the same for all. */
  readonly config?: BrokerConfigInput | Readonly<Record<string, SettingValue>>;
  readonly onEvent?: (event: ClusterEvent) => void;
  /** The compiled program of a broker's process. Default: the one beside this file. */
  readonly entry?: string;
  /**
   * Flags of Node for the processes of brokers, by their ids: a profiler, a heap limit. Default: none, and none of this
   * process's own either.
   */
  readonly nodeFlags?: Readonly<Record<number, readonly string[]>>;
  /** How long an asked broker may take to end before it is killed. Default 30,000. */
  readonly stopTimeoutMs?: number;
  /** How long a dead broker stays dead, at first and at most: twice as long each time. Default 100 and 10,000. */
  readonly restartBackoffMs?: number;
  readonly restartBackoffMaxMs?: number;
}

export type ClusterEvent = BrokerProcessEvent | ({ readonly from: 'controller' } & ControllerEvent);

export interface BrokerStatus {
  readonly brokerId: number;
  readonly state: BrokerProcessState;
  readonly pid: number | null;
  /** Where it listens: 127.0.0.1:9092 */
  readonly address: string;
  /** It leads nothing and clients do not see it. */
  readonly isFenced: boolean;
  readonly leaders: number;
  readonly replicas: number;
  /** Times it was started again after it died. */
  readonly restarts: number;
}

export interface ClusterStatus extends PartitionCounts {
  readonly clusterId: string;
  /** Of the metadata. */
  readonly version: number;
  readonly brokers: readonly BrokerStatus[];
}

const MAX_BROKERS = 100;
const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_STOP_TIMEOUT_MS = 30_000;
const DEFAULT_WAIT_MS = 60_000;
const LOOK_AGAIN_MS = 1_000;
/** After a broker came, leaders go back to their first replicas: looked at so soon, and then less and less often. */
const BALANCE_MS = 500;
const BALANCE_MAX_MS = 10_000;

/**
 * Brokers as processes on this machine, and in this one the controller that they obey. A broker that dies is started
 * again; when this process ends, however it ends, so do they. Only one cluster at a time has a directory.
 */
export class Cluster {
  readonly directory: string;
  #controller: Controller | null = null;
  readonly #children: ReadonlyMap<number, BrokerChild>;
  readonly #host: string;
  readonly #advertised: NonNullable<ClusterOptions['advertised']>;
  #ports: Map<number, number> = new Map();
  #fs: FileSystem | null = null;
  #cancelBalance: () => void = () => undefined;
  #closing: Promise<void> | null = null;

  private constructor(options: ClusterOptions) {
    this.directory = options.directory;
    this.#host = options.host ?? DEFAULT_HOST;
    this.#advertised = options.advertised ?? [];
    const ids = Array.from({ length: brokerCount(options) }, (_, i) => i + 1);
    const config = plainConfig(options);
    this.#children = new Map(
      ids.map((brokerId) => [brokerId, this.#child(brokerId, options, config)]),
    );
  }

  /**
   * Resolves when every broker takes connections and is in service. Fails with INVALID_CONFIG, DIRECTORY_LOCKED,
   * or with what keeps a broker from starting; nothing is left running then.
   */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const config = parseBrokerConfig(plainConfig(options));
    requirePorts(options, brokerCount(options));
    requireAdvertised(options, brokerCount(options));
    const cluster = new Cluster(options);
    // Their processes load while this one does, and opens the controller's log.
    for (const child of cluster.#children.values()) child.prepare();
    try {
      await cluster.#openController(options, config);
      await Promise.all([...cluster.#children.values()].map((child) => child.start()));
      await cluster.waitFor(({ brokers }) =>
        [...cluster.#children.keys()].every((id) => brokers.get(id)?.isFenced === false),
      );
    } catch (error) {
      await cluster.close();
      throw error;
    }
    cluster.#balanceSoon();
    return cluster;
  }

  /** Of every broker: what clients are given to connect to. */
  get addresses(): string[] {
    return [...this.#children.keys()].map((brokerId) => {
      const advertised = this.#advertised[brokerId - 1];
      if (advertised === undefined) return this.#address(brokerId);
      return `${advertised.host}:${advertised.port}`;
    });
  }

  /** What the controller has decided and is durable. */
  get metadata(): MetadataImage {
    return this.controller.image;
  }

  /** For administration without a client: what the brokers ask of it, too. */
  get controller(): Controller {
    assert(this.#controller !== null, 'nobody has a cluster before its controller is open');
    return this.#controller;
  }

  status(): ClusterStatus {
    const { image } = this.controller;
    const brokers = [...this.#children.values()].map((child) => ({
      brokerId: child.brokerId,
      state: child.state,
      pid: child.pid,
      address: this.#address(child.brokerId),
      isFenced: image.brokers.get(child.brokerId)?.isFenced ?? true,
      ...countOf(image, child.brokerId),
      restarts: child.restarts,
    }));
    const { clusterId, version } = image;
    return { clusterId, version, brokers, ...countPartitions(image) };
  }

  /**
   * Ends a broker and leaves it ended. With SIGTERM (default) what it leads is led elsewhere first; any other signal
   * is sent as it is, such as SIGKILL for a crash. Resolves when its process is gone.
   */
  async stopBroker(brokerId: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#require(brokerId);
    if (signal === 'SIGTERM') await child.stop({ isControlled: true });
    else await child.kill(signal);
  }

  /** Starts a stopped broker; one that runs is stopped first. Resolves when it is in service. */
  async restartBroker(brokerId: number): Promise<void> {
    const child = this.#require(brokerId);
    await child.stop({ isControlled: true });
    // Closing has not waited for a process that did not run.
    if (this.#closing !== null) throw new VarveError('CLOSED', 'the cluster is closed');
    await child.start();
    await this.waitFor(({ brokers }) => brokers.get(brokerId)?.isFenced === false);
    this.#balanceSoon();
  }

  /** A signal to a broker's process, which is started again if it dies of it: for tests of failure. */
  signalBroker(brokerId: number, signal: NodeJS.Signals): void {
    this.#require(brokerId).signal(signal);
  }

  /**
   * Restarts one broker after the other, each when all replicas are in sync again. With a replication factor of
   * two or more, clients only see leaders move. Rejects with ABORTED when replicas are not in sync in `waitMs`
   * (default 60,000) and leaves the remaining brokers as they are.
   */
  async rollingRestart(options: { readonly waitMs?: number } = {}): Promise<void> {
    const isWhole = (image: MetadataImage): boolean => countPartitions(image).underReplicated === 0;
    for (const brokerId of this.#children.keys()) {
      await this.waitFor(isWhole, options.waitMs);
      await this.restartBroker(brokerId);
    }
    await this.waitFor(isWhole, options.waitMs);
    await this.#balance();
  }

  /** Resolves when the metadata is as wanted; rejects with ABORTED after `waitMs` (default 60,000). */
  async waitFor(
    isWanted: (image: MetadataImage) => boolean,
    waitMs = DEFAULT_WAIT_MS,
  ): Promise<MetadataImage> {
    const endMs = performance.now() + waitMs;
    for (;;) {
      const { image } = this.controller;
      if (isWanted(image)) return image;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) {
        throw new VarveError(
          'ABORTED',
          `the cluster has not become what was waited for in ${waitMs} ms: ${JSON.stringify(this.status())}`,
          { details: { waitMs } },
        );
      }
      const maxWaitMs = Math.ceil(Math.min(leftMs, LOOK_AGAIN_MS));
      await this.controller.fetchMetadata({ fromVersion: image.version, maxWaitMs });
    }
  }

  /** Ends every broker and the controller. Resolves when no process is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#cancelBalance();
    // All together: nothing has to be led elsewhere, and who was in sync stays so for the next start.
    const children = [...this.#children.values()];
    await Promise.all(children.map((child) => child.stop({ isControlled: false })));
    await this.#controller?.close();
  }

  async #openController(options: ClusterOptions, config: BrokerConfig): Promise<void> {
    const { directory, onEvent, ports } = options;
    const { openController, openFileSystem } = await import('./cluster-parts.js');
    const fs = openFileSystem();
    fs.makeDirectory(directory);
    this.#fs = fs;
    this.#controller = await openController({
      directory: join(directory, 'controller'),
      fs,
      config,
      onEvent: (event) => onEvent?.({ from: 'controller', ...event }),
    });
    // Nobody else writes it from here on.
    this.#ports =
      ports === undefined
        ? new Map(readClusterFile(fs, directory))
        : new Map(ports.map((port, i) => [i + 1, port]));
  }

  #child(
    brokerId: number,
    options: ClusterOptions,
    config: Readonly<Record<string, SettingValue>>,
  ): BrokerChild {
    const { directory, entry, nodeFlags, racks, onEvent = () => undefined } = options;
    return new BrokerChild({
      brokerId,
      entry: entry ?? fileURLToPath(new URL('./broker-process.js', import.meta.url)),
      nodeFlags: nodeFlags?.[brokerId] ?? [],
      controller: () => this.controller,
      clock: { monotonic: () => performance.now() },
      timers: systemTimers,
      startMessage: () => ({
        type: 'start-broker',
        brokerId,
        clusterId: this.controller.image.clusterId,
        directory: join(directory, `broker-${brokerId}`),
        host: this.#host,
        port: this.#ports.get(brokerId) ?? 0,
        mayChoosePort: options.ports === undefined,
        advertised: options.advertised?.[brokerId - 1] ?? null,
        rack: racks?.[brokerId - 1] ?? null,
        config,
      }),
      onReady: async (port) => {
        if (this.#ports.get(brokerId) === port) return;
        this.#ports.set(brokerId, port);
        await this.#savePorts();
      },
      onExit: async () => {
        const controller = this.#controller;
        if (this.#closing !== null || controller === null || controller.stopped !== null) return;
        await controller.brokerFailed(brokerId);
      },
      onEvent: (event) => {
        onEvent(event);
        if (event.kind === 'broker-ready') this.#balanceSoon();
      },
      stopTimeoutMs: options.stopTimeoutMs ?? DEFAULT_STOP_TIMEOUT_MS,
      restartBackoffMs: options.restartBackoffMs ?? 100,
      restartBackoffMaxMs: options.restartBackoffMaxMs ?? 10_000,
    });
  }

  /** Writes of one file do not overlap. */
  #saving: Promise<void> = Promise.resolve();

  #savePorts(): Promise<void> {
    const fs = this.#fs;
    assert(fs !== null, 'brokers start when the controller is open');
    const saved = this.#saving.then(() => writeClusterFile(fs, this.directory, this.#ports));
    this.#saving = saved.catch(() => undefined);
    return saved;
  }

  /** After brokers came: until every one of them leads what it should. */
  #balanceSoon(afterMs = BALANCE_MS): void {
    this.#cancelBalance();
    if (this.#closing !== null || !this.controller.config.autoLeaderRebalance) return;
    this.#cancelBalance = systemTimers.after(afterMs, () => {
      const again = (): void => {
        const { movedLeaders, underReplicated } = countPartitions(this.controller.image);
        if (movedLeaders + underReplicated === 0) return;
        this.#balanceSoon(Math.min(2 * afterMs, BALANCE_MAX_MS));
      };
      // A controller that has stopped has said so already.
      this.#balance().then(again, () => undefined);
    });
  }

  async #balance(): Promise<void> {
    if (!hasMovableLeader(this.controller.image)) return;
    await this.controller.electLeaders({ type: 'preferred', partitions: null });
  }

  #address(brokerId: number): string {
    return `${this.#host}:${this.#ports.get(brokerId) ?? 0}`;
  }

  #require(brokerId: number): BrokerChild {
    const child = this.#children.get(brokerId);
    if (child !== undefined) return child;
    throw new VarveError('INVALID_ARGUMENT', `there is no broker ${brokerId} in this cluster`, {
      details: { brokerId, brokers: [...this.#children.keys()] },
    });
  }
}

function brokerCount({ brokers = 3 }: ClusterOptions): number {
  if (Number.isInteger(brokers) && brokers >= 1 && brokers <= MAX_BROKERS) return brokers;
  throw new VarveError('INVALID_CONFIG', `brokers is ${brokers}: it is from 1 to ${MAX_BROKERS}`, {
    details: { brokers },
  });
}

function plainConfig(options: ClusterOptions): Readonly<Record<string, SettingValue>> {
  return developmentConfig(options.config ?? {}, brokerCount(options));
}

function requireAdvertised({ advertised }: ClusterOptions, count: number): void {
  if (advertised === undefined) return;
  if (advertised.length === count && advertised.every(({ port }) => isPort(port))) return;
  throw new VarveError(
    'INVALID_CONFIG',
    `advertised is ${JSON.stringify(advertised)}: a host and a port from 1 to 65535 are needed for each of ${count} brokers`,
    { details: { advertised, brokers: count } },
  );
}

function requirePorts({ ports }: ClusterOptions, count: number): void {
  if (ports === undefined) return;
  if (ports.length === count && ports.every(isPort) && new Set(ports).size === count) return;
  throw new VarveError(
    'INVALID_CONFIG',
    `ports is ${ports.join(', ')}: ${count} different ones from 1 to 65535 are needed`,
    { details: { ports, brokers: count } },
  );
}
