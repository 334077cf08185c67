import type { BrokerConfig } from '../broker/broker-config.js';
import { BrokerNode, type BrokerNodeEvent } from '../broker/broker-node.js';
import type { FileSystem } from '../io/port.js';
import type { ControllerPort } from '../metadata/controller-port.js';
import type { SettingValue } from '../settings.js';
import {
  type ListenerOptions,
  type RequestListener,
  TcpReplicaTransport,
  type WireEvent,
  type WireLimits,
  WireServer,
  type WireServerStatus,
} from '../wire/index.js';

export type RunningBrokerEvent =
  | BrokerNodeEvent
  | { readonly source: 'wire'; readonly event: WireEvent };

export interface RunningBrokerOptions {
  readonly brokerId: number;
  readonly clusterId: string;
  readonly controller: ControllerPort;
  /** The data directory. */
  readonly directory: string;
  readonly fs: FileSystem;
  /** By Kafka's names or in camel case. */
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly listener: Omit<ListenerOptions, 'name'>;
  /** Told to clients and other brokers in place of the address listened on. */
  readonly advertisedHost?: string;
  readonly advertisedPort?: number;
  /** With its data directory open, before it registers. */
  readonly beforeRegistration?: (node: BrokerNode) => Promise<void>;
  readonly onEvent?: (event: RunningBrokerEvent) => void;
  /** Told of each request once it is answered, for metrics. Without it requests are not timed. Must not throw. */
  readonly onRequest?: RequestListener;
}

const LISTENER = 'PLAINTEXT';
/** A follower's fetch waits at its leader for replica.fetch.wait.max.ms; the answer may take this long on top. */
const REPLICA_TIMEOUT_MS = 30_000;

/** A broker that serves its socket and is in service with its controller. */
export class RunningBroker {
  readonly node: BrokerNode;
  readonly host: string;
  readonly port: number;
  readonly #server: WireServer;
  #closing: Promise<void> | null = null;

  private constructor(node: BrokerNode, server: WireServer, host: string, port: number) {
    this.node = node;
    this.#server = server;
    this.host = host;
    this.port = port;
  }

  /**
   * Opens the data directory, listens and registers. Resolves when it is in service. Fails with INVALID_CONFIG,
   * DIRECTORY_LOCKED, NETWORK_EXCEPTION (the port is taken) ...; nothing is left open then.
   */
  static async start(options: RunningBrokerOptions): Promise<RunningBroker> {
    const { listener, onEvent = () => undefined, settings } = options;
    // Known when the first follower connects, which is not before the node has metadata.
    const endpointOf = (brokerId: number) => node.newestImage.brokers.get(brokerId) ?? null;
    const node = await BrokerNode.open({
      brokerId: options.brokerId,
      directory: options.directory,
      clusterId: options.clusterId,
      controller: options.controller,
      transport: new TcpReplicaTransport({
        endpointOf,
        client: {
          clientId: `broker-${options.brokerId}-fetcher`,
          requestTimeoutMs: REPLICA_TIMEOUT_MS,
        },
      }),
      settings,
      fs: options.fs,
      onEvent,
    });
    let server: WireServer | null = null;
    try {
      server = await WireServer.listen({
        handler: node.handler,
        listeners: [{ name: LISTENER, ...listener }],
        limits: limitsOf(node.settings.current),
        onEvent: (event) => onEvent({ source: 'wire', event }),
        ...(options.onRequest && { onRequest: options.onRequest }),
      });
      await options.beforeRegistration?.(node);
      const { host, port } = server.address();
      const advertised = options.advertisedHost ?? listener.host ?? host;
      await node.start({ host: advertised, port: options.advertisedPort ?? port });
      return new RunningBroker(node, server, advertised, port);
    } catch (error) {
      await server?.close({ deadlineMs: 0 });
      await node.close();
      throw error;
    }
  }

  /** Connections and the memory of their requests, for metrics. */
  wireStatus(): WireServerStatus {
    return this.#server.status();
  }

  /**
   * Stops serving and closes the data directory cleanly. With `isControlled` what it leads is led elsewhere first,
   * and it serves until that is done.
   */
  close(options: { readonly isControlled?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close(options.isControlled ?? false);
    return this.#closing;
  }

  async #close(isControlled: boolean): Promise<void> {
    if (isControlled) await this.node.shutdown();
    // The port is free before the data directory is, so that whoever takes over the one gets the other.
    const closed = this.#server.close({ deadlineMs: CLOSE_DEADLINE_MS });
    // What waits for followers or records is answered by it.
    await this.node.close();
    await closed;
  }
}

/** For answers on their way to clients that read. */
const CLOSE_DEADLINE_MS = 500;

const MAX_IDLE_MS = 24 * 60 * 60 * 1000;

function limitsOf(config: BrokerConfig): Partial<WireLimits> {
  const { queuedMaxRequestBytes } = config;
  return {
    socketRequestMaxBytes: Math.max(1024, config.socketRequestMaxBytes),
    maxConnections: config.maxConnections,
    maxConnectionsPerIp: config.maxConnectionsPerIp,
    connectionsMaxIdleMs: Math.min(Math.max(10, config.connectionsMaxIdleMs), MAX_IDLE_MS),
    connectionFailedAuthenticationDelayMs: Math.min(
      config.connectionFailedAuthenticationDelayMs,
      60_000,
    ),
    // Without one, the server's own limit holds.
    ...(Number.isFinite(queuedMaxRequestBytes) && {
      queuedMaxRequestBytes: Math.max(1024, queuedMaxRequestBytes),
    }),
  };
}
