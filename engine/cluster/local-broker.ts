import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrokerConfigInput, parseBrokerConfig } from '../broker/broker-config.js';
import { randomUuid } from '../format/uuid.js';
import type { FileSystem } from '../io/port.js';
import type { SettingValue } from '../settings.js';
import type { ListenerOptions, RequestListener, WireServerStatus } from '../wire/index.js';
import { developmentConfig } from './cluster-settings.js';
import type { Controller, ControllerEvent } from './controller.js';
import type { RunningBroker, RunningBrokerEvent } from './running-broker.js';

export interface BrokerOptions extends Pick<ListenerOptions, 'tls' | 'sasl' | 'allowInsecure'> {
  /** Default 0: any that is free. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Told to clients in place of `host`. */
  readonly advertisedHost?: string;
  /**
   * Made if it is not there, and taken up again if it is. Default: a temporary one that `close` deletes, and in which
   * nothing survives power loss.
   */
  readonly directory?: string;
  /** Broker settings by Kafka's names or in camel case. */
  readonly config?: BrokerConfigInput | Readonly<Record<string, SettingValue>>;
  readonly onEvent?: (event: LocalBrokerEvent) => void;
  /** Told of each request once it is answered, for metrics. Without it requests are not timed. Must not throw. */
  readonly onRequest?: RequestListener;
}

export type LocalBrokerEvent =
  | RunningBrokerEvent
  | { readonly source: 'controller'; readonly event: ControllerEvent };

const BROKER_ID = 1;

/** Shared by the brokers of one process, with its limits of descriptors and mappings. */
let sharedFileSystem: FileSystem | null = null;
/** That of the brokers whose directories are deleted when they close: nothing in them has to survive power loss. */
let temporaryFileSystem: FileSystem | null = null;

/**
 * One broker with its controller in this process: a Kafka for tests and development. Many can run at once. Its
 * directory is that of a cluster of one broker, so `Cluster` can take it over. A new directory in which `broker-1` is
 * the data directory of a stopped Kafka with node.id 1 is taken over with its topics and consumer groups.
 *
 * ```ts
 * const broker = await Broker.start();
 * const kafka = new Kafka({ brokers: [broker.address] });
 * // ...
 * await broker.close();
 * ```
 */
export class Broker {
  readonly host: string;
  readonly port: number;
  readonly directory: string;
  readonly #running: RunningBroker;
  readonly #controller: Controller;
  readonly #cleanUp: () => Promise<void>;
  #closing: Promise<void> | null = null;

  private constructor(
    running: RunningBroker,
    controller: Controller,
    directory: string,
    cleanUp: () => Promise<void>,
  ) {
    this.#running = running;
    this.#controller = controller;
    this.directory = directory;
    this.#cleanUp = cleanUp;
    this.host = running.host;
    this.port = running.port;
  }

  /**
   * Resolves when clients can connect, produce and consume. Fails with INVALID_CONFIG, DIRECTORY_LOCKED,
   * NETWORK_EXCEPTION (the port is taken), DISK_FULL ...; nothing is left behind then.
   */
  static async start(options: BrokerOptions = {}): Promise<Broker> {
    const settings = developmentConfig(options.config ?? {}, 1);
    const config = parseBrokerConfig(settings);
    const parts = await import('./local-broker-parts.js');
    const directory = options.directory ?? join(tmpdir(), `varve-broker-${randomUuid()}`);
    const isTemporary = options.directory === undefined;
    if (isTemporary)
      temporaryFileSystem ??= parts.openFileSystem({ syncs: false, preparesWhenIdle: false });
    else sharedFileSystem ??= parts.openFileSystem({ preparesWhenIdle: false });
    const fs = (isTemporary ? temporaryFileSystem : sharedFileSystem) as FileSystem;
    const cleanUp = async (): Promise<void> => {
      if (isTemporary) await fs.removeDirectory(directory);
    };
    const { onEvent } = options;
    let controller: Controller | null = null;
    try {
      fs.makeDirectory(directory);
      const dataDirectory = join(directory, `broker-${BROKER_ID}`);
      const clusterId = parts.readIdentity(fs, dataDirectory)?.clusterId;
      controller = await parts.openController({
        directory: join(directory, 'controller'),
        fs,
        config,
        ...(clusterId && { clusterId }),
        ...(onEvent && { onEvent: (event) => onEvent({ source: 'controller', event }) }),
      });
      if (hasNoHistory(controller)) parts.requireWholeTopics(fs, dataDirectory);
      const running = await parts.RunningBroker.start({
        brokerId: BROKER_ID,
        clusterId: controller.image.clusterId,
        controller,
        directory: dataDirectory,
        fs,
        settings,
        listener: listenerOf(options),
        beforeRegistration: adopting(controller, parts),
        ...(options.advertisedHost !== undefined && { advertisedHost: options.advertisedHost }),
        ...(onEvent && { onEvent }),
        ...(options.onRequest && { onRequest: options.onRequest }),
      });
      return new Broker(running, controller, directory, cleanUp);
    } catch (error) {
      await controller?.close();
      await cleanUp();
      throw error;
    }
  }

  /** What a client is given to connect to: 127.0.0.1:34567 */
  get address(): string {
    return this.host.includes(':') ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
  }

  /** The parts inside, for metrics and administration without a client. */
  get node(): RunningBroker['node'] {
    return this.#running.node;
  }

  get controller(): Controller {
    return this.#controller;
  }

  /** Connections and the memory of their requests, for metrics. */
  wireStatus(): WireServerStatus {
    return this.#running.wireStatus();
  }

  /** Answers what is under way, closes the logs cleanly, deletes a temporary directory. Nothing is left. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      await this.#running.close();
    } finally {
      await this.#controller.close();
      await this.#cleanUp();
    }
  }
}

const hasNoHistory = ({ image }: Controller): boolean => image.brokers.size === 0;

/** A cluster without a history begins with what is in its broker's data directory. */
function adopting(controller: Controller, parts: Parts) {
  return async ({ directory, settings }: RunningBroker['node']): Promise<void> => {
    if (!hasNoHistory(controller)) return;
    const offsetsConfig = parts.offsetsTopicConfig(settings.current);
    const found = parts.findTopics(directory, offsetsConfig);
    await controller.adoptTopics(found, BROKER_ID);
  };
}

type Parts = typeof import('./local-broker-parts.js');

function listenerOf({ host, port, tls, sasl, allowInsecure }: BrokerOptions) {
  return {
    host: host ?? '127.0.0.1',
    port: port ?? 0,
    ...(tls && { tls }),
    ...(sasl && { sasl }),
    ...(allowInsecure !== undefined && { allowInsecure }),
  };
}
