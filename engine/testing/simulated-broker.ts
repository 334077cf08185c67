import { BrokerNode, type BrokerNodeEvent } from '../broker/broker-node.js';
import { isVarveError } from '../errors.js';
import type { ReplicaTransport } from '../replication/ports.js';
import type { SettingValue } from '../settings.js';
import type { Random } from './random.js';
import { SimulatedConnection } from './simulated-connection.js';
import type { ControllerLink, SimulatedController } from './simulated-controller.js';
import { SimulatedFileSystem } from './simulated-file-system.js';
import type { SimulatedNetwork } from './simulated-network.js';
import { DiskDelays, SimulatedProcess } from './simulated-process.js';

const DIRECTORY = '/data';
const FETCH_VERSION = 17;
const LIST_OFFSETS_VERSION = 9;
/** A broker whose start failed is started again after so long. */
const RESTART_MS = 500;

export interface SimulatedBrokerOptions {
  readonly brokerId: number;
  readonly network: SimulatedNetwork;
  readonly controller: SimulatedController;
  readonly random: Random;
  readonly clusterId: string;
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly longestSyncMs: number;
  readonly replicaTimeoutMs: number;
  readonly controllerTimeoutMs: number;
  readonly onEvent: (brokerId: number, event: BrokerNodeEvent) => void;
}

/** One broker's machine over the lives of its process: the product's BrokerNode on a simulated disk and network. */
export class SimulatedBroker {
  readonly brokerId: number;
  readonly host: string;
  readonly #options: SimulatedBrokerOptions;
  readonly #disk: DiskDelays;
  #fs: SimulatedFileSystem;
  #process: SimulatedProcess | null = null;
  #node: BrokerNode | null = null;
  /** Which life this is, counted from 1. */
  lives = 0;
  #isStopping = false;
  #link: ControllerLink | null = null;

  constructor(options: SimulatedBrokerOptions) {
    const { brokerId, network, random, longestSyncMs } = options;
    this.#options = options;
    this.brokerId = brokerId;
    this.host = `b${brokerId}`;
    this.#disk = new DiskDelays(random.fork(), longestSyncMs);
    this.#fs = new SimulatedFileSystem({
      seed: random.uint32(),
      clock: network.world.clock,
      scheduler: this.#disk,
      poisonReleased: random.chance(0.1),
    });
  }

  get fs(): SimulatedFileSystem {
    return this.#fs;
  }

  get process(): SimulatedProcess | null {
    return this.#process;
  }

  /** Null while it does not run or is still opening its logs. */
  get node(): BrokerNode | null {
    return this.#node;
  }

  get isUp(): boolean {
    return this.#process !== null;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Starts the process. Resolves when it serves, or has died meanwhile. */
  async start(): Promise<void> {
    const { network, random, controller, brokerId } = this.#options;
    const { world } = network;
    if (this.#process !== null) return;
    const process = new SimulatedProcess(world, this.host);
    this.#process = process;
    this.#disk.process = process;
    this.lives += 1;
    world.trace(`${this.host} starts`);
    const chance = random.fork();
    const { controllerTimeoutMs } = this.#options;
    const link = controller.portFor(brokerId, this.host, process, controllerTimeoutMs);
    this.#link = link;
    try {
      const node = await BrokerNode.open({
        brokerId,
        directory: DIRECTORY,
        clusterId: this.#options.clusterId,
        controller: link,
        transport: this.#transport(process),
        settings: this.#options.settings,
        fs: this.#fs,
        clock: world.clock,
        timers: process.timers,
        scheduler: process.intervals,
        random: () => chance.float(),
        onEvent: (event) => {
          if (process.isAlive) this.#options.onEvent(brokerId, event);
        },
      });
      if (!process.isAlive) return;
      this.#node = node;
      network.listen(this.host, process, node.handler);
      await node.start({ host: this.host, port: 9000 + brokerId });
      if (process.isAlive) world.trace(`${this.host} serves, epoch ${node.brokerEpoch}`);
    } catch (error) {
      if (!process.isAlive) return;
      world.trace(`${this.host} cannot start: ${(error as Error).message}`);
      this.kill();
      world.timers.after(RESTART_MS, () => {
        if (this.#process === null) void this.start();
      });
    }
  }

  /** kill -9: files are as the process left them. */
  kill(): void {
    if (!this.#leave('is killed')) return;
    this.#fs = this.#fs.kill();
  }

  /** What was not synced may be lost, and nobody is told that connections are gone. */
  powerFail(): void {
    this.#options.network.darken(this.host);
    this.#leave('loses power');
    this.#fs = this.#fs.powerFail();
  }

  /** Controlled shutdown, and the end of the process. Resolves then, also when it was killed meanwhile. */
  async stop(): Promise<void> {
    const process = this.#process;
    const node = this.#node;
    if (process === null || node === null) return;
    const { world } = this.#options.network;
    world.trace(`${this.host} shuts down`);
    this.#isStopping = true;
    const died = new Promise<void>((resolve) => process.onDeath(resolve));
    try {
      await Promise.race([node.shutdown(), died]);
    } catch (error) {
      if (!process.isAlive || !isVarveError(error)) throw error;
      // It could not write what it had to: its process ends with an error, and the log as it is.
      world.trace(`${this.host} cannot shut down: ${error.message}`);
      this.kill();
    }
    this.#isStopping = false;
    if (!process.isAlive) return;
    world.trace(`${this.host} has shut down`);
    this.#link?.close();
    // What they wait for has ended: let them hear of it.
    for (let ticks = 0; ticks < 20; ticks += 1) await null;
    if (process.timersSet > 0) {
      world.violate(
        'no leaked timers',
        `${this.host}: ${process.timersSet} after its shutdown ${process.settersOfTimers}`,
      );
    }
    const { openFiles } = this.#fs.usage();
    if (openFiles > 0) {
      world.violate('no leaked files', `${this.host}: ${openFiles} open after its shutdown`);
    }
    process.kill();
    this.#process = null;
    this.#node = null;
  }

  #leave(how: string): boolean {
    const process = this.#process;
    if (process === null) return false;
    this.#options.network.world.trace(`${this.host} ${how}`);
    process.kill();
    this.#process = null;
    this.#node = null;
    this.#isStopping = false;
    return true;
  }

  #transport(process: SimulatedProcess): ReplicaTransport {
    const { network, replicaTimeoutMs } = this.#options;
    const from = { host: this.host, process };
    return {
      connect: (brokerId) => {
        const connection = new SimulatedConnection(network, from, `b${brokerId}`, {
          clientId: `replica-${this.brokerId}`,
          timeoutMs: replicaTimeoutMs,
          reusesFetchMemory: true,
          mayArriveLate: true,
        });
        return {
          fetch: (request, signal) => connection.request('Fetch', FETCH_VERSION, request, signal),
          listOffsets: (request, signal) =>
            connection.request('ListOffsets', LIST_OFFSETS_VERSION, request, signal),
          close: () => connection.close(),
        };
      },
    };
  }
}
