import { Controller, type ControllerEvent } from '../cluster/controller.js';
import type { ControllerConfigInput } from '../cluster/controller-config.js';
import { RemoteController, serveController } from '../cluster/controller-rpc.js';
import { PartitionMetadataLog } from '../cluster/metadata-log.js';
import { validateSettings } from '../cluster/settings-validator.js';
import { VarveError } from '../errors.js';
import { uuidFromBytes } from '../format/uuid.js';
import type { ControllerPort } from '../metadata/controller-port.js';
import type { Random } from './random.js';
import { SimulatedFileSystem } from './simulated-file-system.js';
import type { SimulatedNetwork } from './simulated-network.js';
import { DiskDelays, SimulatedProcess } from './simulated-process.js';

export const CONTROLLER_HOST = 'ctl';
const DIRECTORY = '/ctl';
/** Between two attempts to reach a controller that is not there. */
const RECONNECT_MS = 50;

export interface SimulatedControllerOptions {
  readonly network: SimulatedNetwork;
  readonly random: Random;
  readonly clusterId: string;
  readonly config: ControllerConfigInput;
  readonly longestSyncMs: number;
  readonly onEvent: (event: ControllerEvent) => void;
}

/** The controller over the lives of its process: its log is on a simulated disk, brokers reach it by channels. */
export class SimulatedController {
  readonly #options: SimulatedControllerOptions;
  readonly #disk: DiskDelays;
  #fs: SimulatedFileSystem;
  #process: SimulatedProcess | null = null;
  #controller: Controller | null = null;
  /** Whatever the controller decided last that is durable, over its lives. */
  #image = null as Controller['image'] | null;
  #topics = 0;

  constructor(options: SimulatedControllerOptions) {
    this.#options = options;
    const { random, network, longestSyncMs } = options;
    this.#disk = new DiskDelays(random.fork(), longestSyncMs);
    this.#fs = new SimulatedFileSystem({
      seed: random.uint32(),
      clock: network.world.clock,
      scheduler: this.#disk,
      poisonReleased: false,
    });
    this.#fs.makeDirectory(DIRECTORY);
  }

  get controller(): Controller | null {
    return this.#controller;
  }

  get process(): SimulatedProcess | null {
    return this.#process;
  }

  /** Of the running controller, or as it was last. */
  get image(): Controller['image'] | null {
    if (this.#controller !== null) this.#image = this.#controller.image;
    return this.#image;
  }

  get fs(): SimulatedFileSystem {
    return this.#fs;
  }

  async start(isColdStart: boolean): Promise<void> {
    const { network, random, clusterId, config, onEvent } = this.#options;
    const { world } = network;
    const process = new SimulatedProcess(world, CONTROLLER_HOST);
    this.#process = process;
    this.#disk.process = process;
    world.trace(`controller starts${isColdStart ? ' cold' : ''}`);
    const log = await PartitionMetadataLog.open({ directory: DIRECTORY, fs: this.#fs });
    const chance = random.fork();
    const controller = await Controller.open({
      log,
      clock: world.clock,
      timers: process.timers,
      config,
      validateConfig: validateSettings,
      random: () => chance.float(),
      newTopicId: () => this.#newTopicId(),
      clusterId,
      isColdStart,
      onEvent: (event) => {
        if (process.isAlive) onEvent(event);
      },
    });
    if (process.isAlive) this.#controller = controller;
    world.trace(`controller runs at ${controller.image.version}`);
  }

  /** The process dies; with `power` what it had not synced may be lost too. */
  crash(power: boolean): void {
    if (this.#process === null) return;
    void this.image;
    this.#options.network.world.trace(`controller ${power ? 'loses power' : 'is killed'}`);
    this.#process.kill();
    this.#controller = null;
    this.#process = null;
    this.#fs = power ? this.#fs.powerFail() : this.#fs.kill();
  }

  async stop(): Promise<void> {
    await this.#controller?.close();
  }

  #newTopicId(): string {
    const bytes = this.#options.random.bytes(16);
    bytes[0] = 0x41;
    bytes.writeUInt32BE(this.#topics++, 4);
    return uuidFromBytes(bytes);
  }

  /** A broker's way to whichever controller runs. */
  portFor(
    brokerId: number,
    host: string,
    process: SimulatedProcess,
    timeoutMs: number,
  ): ControllerLink {
    return new ControllerLink(this, this.#options.network, brokerId, { host, process }, timeoutMs);
  }
}

type Method = keyof ControllerPort;

/** Over the product's own messages to the controller; when its channel breaks, it asks for another one. */
export class ControllerLink implements ControllerPort {
  readonly #server: SimulatedController;
  readonly #network: SimulatedNetwork;
  readonly #brokerId: number;
  readonly #own: { readonly host: string; readonly process: SimulatedProcess };
  readonly #timeoutMs: number;
  #remote: RemoteController | null = null;
  #isClosed = false;
  /** No earlier than this it asks for a channel again. */
  #retryAtMs = 0;

  constructor(
    server: SimulatedController,
    network: SimulatedNetwork,
    brokerId: number,
    own: { readonly host: string; readonly process: SimulatedProcess },
    timeoutMs: number,
  ) {
    this.#server = server;
    this.#network = network;
    this.#brokerId = brokerId;
    this.#own = own;
    this.#timeoutMs = timeoutMs;
    this.#connect();
  }

  /** The process ends: whoever still waits for the controller is told that it is gone. */
  close(): void {
    this.#isClosed = true;
    this.#remote?.close();
  }

  registerBroker = this.#method('registerBroker');
  heartbeat = this.#method('heartbeat');
  fetchMetadata = this.#method('fetchMetadata');
  alterPartitions = this.#method('alterPartitions');
  allocateProducerIds = this.#method('allocateProducerIds');
  createTopics = this.#method('createTopics');
  deleteTopics = this.#method('deleteTopics');
  createPartitions = this.#method('createPartitions');
  alterConfigs = this.#method('alterConfigs');
  electLeaders = this.#method('electLeaders');
  reassignPartitions = this.#method('reassignPartitions');

  #method<M extends Method>(method: M): ControllerPort[M] {
    const ask = async (request: never): Promise<unknown> => {
      this.#connect();
      const remote = this.#remote;
      if (remote === null) {
        throw new VarveError('NOT_CONTROLLER', 'no controller', { retriable: true });
      }
      return (remote[method] as (request: never) => Promise<unknown>).call(remote, request);
    };
    return ask as unknown as ControllerPort[M];
  }

  #connect(): void {
    const { nowMs } = this.#network.world;
    if (this.#remote !== null || this.#isClosed || nowMs < this.#retryAtMs) return;
    const { controller, process } = this.#server;
    if (controller === null || process === null || !this.#own.process.isAlive) return;
    if (this.#network.isCut(this.#own.host, CONTROLLER_HOST)) return;
    const channel = this.#network.channel(this.#own, { host: CONTROLLER_HOST, process });
    const [own, other] = channel.ends;
    serveController({
      controller,
      channel: other,
      brokerId: this.#brokerId,
      onError: (error) => {
        if (process.isAlive) this.#network.world.fail(error);
      },
    });
    const remote = new RemoteController({
      channel: own,
      timers: this.#own.process.timers,
      timeoutMs: this.#timeoutMs,
    });
    this.#remote = remote;
    own.onClose(() => {
      remote.close();
      this.#remote = null;
      this.#retryAtMs = this.#network.world.nowMs + RECONNECT_MS;
    });
  }
}
