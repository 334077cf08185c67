import net from 'node:net';
import tls from 'node:tls';
import type { RequestHandler } from '../broker/request-handler.js';
import { VarveError } from '../errors.js';
import { systemTimers, type Timers } from '../timers.js';
import { Connection } from './connection.js';
import type { ConnectionOwner, RequestListener } from './connection-owner.js';
import type { WireEvent } from './events.js';
import { FrameBuffers } from './frame-buffers.js';
import { type WireLimits, wireLimits } from './limits.js';
import { checkListener, type ListenerOptions } from './listener.js';
import { MemoryBudget } from './memory-budget.js';
import { principalOf } from './peer-principal.js';
import { SaslSession } from './sasl/session.js';

export interface WireServerOptions {
  readonly handler: RequestHandler;
  readonly listeners: readonly ListenerOptions[];
  readonly limits?: Partial<WireLimits>;
  readonly timers?: Timers;
  /** Monotonic milliseconds. Default: `performance.now`. */
  readonly monotonicMs?: () => number;
  readonly onEvent?: (event: WireEvent) => void;
  readonly onRequest?: RequestListener;
}

export interface WireServerStatus {
  readonly connections: number;
  readonly connectionsByListener: Readonly<Record<string, number>>;
  /** Of requests received and not answered. */
  readonly queuedRequestBytes: number;
  /** Connections that are not read because `queuedMaxRequestBytes` is reached. */
  readonly connectionsWaitingForMemory: number;
}

interface Listener {
  readonly options: ListenerOptions;
  readonly server: net.Server;
  readonly sockets: Set<net.Socket>;
}

/** Frame memory kept while idle. */
const MAX_IDLE_BUFFER_BYTES = 32 * 1024 * 1024;
const TRIM_INTERVAL_MS = 10_000;
const MAX_SWEEP_INTERVAL_MS = 1000;
const KEEP_ALIVE_MS = 60_000;
const DEFAULT_CLOSE_DEADLINE_MS = 5000;

/** Serves Kafka's protocol on sockets: one port per listener, one handler and one set of limits for all. */
export class WireServer implements ConnectionOwner {
  readonly handler: RequestHandler;
  readonly limits: WireLimits;
  readonly budget: MemoryBudget;
  readonly buffers = new FrameBuffers(MAX_IDLE_BUFFER_BYTES);
  readonly onRequest: RequestListener | undefined;
  coarseNowMs: number;
  readonly monotonicMs: () => number;
  readonly #timers: Timers;
  readonly #onEvent: (event: WireEvent) => void;
  readonly #listeners: Listener[] = [];
  readonly #connections = new Set<Connection>();
  readonly #countByHost = new Map<string, number>();
  #socketCount = 0;
  #lastId = 0;
  #lastTrimMs: number;
  #cancelSweep: () => void = () => {};
  #closing: Promise<void> | null = null;

  private constructor(options: WireServerOptions) {
    this.handler = options.handler;
    this.limits = wireLimits(options.limits);
    this.budget = new MemoryBudget(this.limits.queuedMaxRequestBytes);
    this.onRequest = options.onRequest;
    this.#timers = options.timers ?? systemTimers;
    this.monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#onEvent = options.onEvent ?? (() => {});
    this.coarseNowMs = this.monotonicMs();
    this.#lastTrimMs = this.coarseNowMs;
  }

  /**
   * Resolves when every listener takes connections.
   * @throws VarveError INVALID_CONFIG for a listener open to others without authentication (see
   * {@link ListenerOptions.allowInsecure}) or a limit out of range; NETWORK_EXCEPTION if a port cannot be had.
   */
  static async listen(options: WireServerOptions): Promise<WireServer> {
    const names = new Set<string>();
    for (const listener of options.listeners) {
      checkListener(listener);
      if (names.has(listener.name)) {
        throw new VarveError('INVALID_CONFIG', `two listeners are named ${listener.name}`);
      }
      names.add(listener.name);
    }
    const server = new WireServer(options);
    try {
      for (const listener of options.listeners) await server.#listen(listener);
    } catch (error) {
      await server.close({ deadlineMs: 0 });
      throw error;
    }
    server.#scheduleSweep();
    return server;
  }

  /** Where a listener can be reached; of the only one, if no name is given. */
  address(listenerName = this.#listeners[0]?.options.name): { host: string; port: number } {
    const listener = this.#listeners.find(({ options }) => options.name === listenerName);
    const address = listener?.server.address() ?? null;
    if (address === null || typeof address === 'string') {
      throw new VarveError('NOT_FOUND', `no listener named ${listenerName} is open`);
    }
    return { host: address.address, port: address.port };
  }

  status(): WireServerStatus {
    return {
      connections: this.#socketCount,
      connectionsByListener: Object.fromEntries(
        this.#listeners.map(({ options, sockets }) => [options.name, sockets.size]),
      ),
      queuedRequestBytes: this.budget.usedBytes,
      connectionsWaitingForMemory: this.budget.waiting,
    };
  }

  /**
   * Takes no more connections and requests, answers those being served, and closes. What is not done by the
   * deadline (default 5 s) is cut off. Resolves when every socket is closed.
   */
  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.deadlineMs ?? DEFAULT_CLOSE_DEADLINE_MS);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    const closed = this.#listeners.map(
      ({ server }) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const connection of this.#connections) {
      connection.end('server-closing', 'the server is closing');
    }
    const cut = (): void => {
      for (const { sockets } of this.#listeners) {
        for (const socket of sockets) socket.destroy();
      }
      for (const connection of this.#connections) {
        connection.fail(
          'server-closing',
          `not done ${deadlineMs} ms after the server began to close`,
        );
      }
    };
    let cancelDeadline = (): void => {};
    if (deadlineMs <= 0) cut();
    else cancelDeadline = this.#timers.after(deadlineMs, cut);
    await Promise.all(closed);
    cancelDeadline();
    this.#cancelSweep();
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#timers.after(delayMs, run);
  }

  emit(event: WireEvent): void {
    this.#onEvent(event);
  }

  closed(connection: object): void {
    this.#connections.delete(connection as Connection);
  }

  async #listen(options: ListenerOptions): Promise<void> {
    const { tls: secure } = options;
    const common = {
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      allowHalfOpen: true,
    };
    const listener: Listener = {
      options,
      sockets: new Set(),
      server:
        secure === undefined
          ? net.createServer({ ...common, pauseOnConnect: true })
          : tls.createServer({
              ...common,
              cert: secure.cert,
              key: secure.key,
              ...(secure.ca === undefined ? {} : { ca: secure.ca }),
              requestCert: secure.requestClientCert === true,
              rejectUnauthorized: secure.requestClientCert === true,
              handshakeTimeout: this.limits.loginTimeoutMs,
              minVersion: 'TLSv1.2',
            }),
    };
    const { server } = listener;
    server.on('connection', (socket) => {
      if (this.#admit(listener, socket) && secure === undefined) this.#accept(listener, socket);
    });
    if (secure !== undefined) {
      server.on('secureConnection', (socket: tls.TLSSocket) => this.#accept(listener, socket));
      server.on('tlsClientError', (error: Error, socket: tls.TLSSocket) => {
        this.#refused(listener, hostOf(socket), `TLS: ${error.message}`);
        socket.destroy();
      });
    }
    const { host = '127.0.0.1', port = 0 } = options;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        reject(
          new VarveError(
            'NETWORK_EXCEPTION',
            `cannot listen on ${host}:${port}: ${cause.message}`,
            {
              cause,
            },
          ),
        );
      });
      server.listen(port, host, resolve);
    });
    server.removeAllListeners('error');
    server.on('error', (cause) => {
      this.emit({ kind: 'accept-failed', listenerName: options.name, cause });
    });
    this.#listeners.push(listener);
    this.emit({ kind: 'listening', listenerName: options.name, ...this.address(options.name) });
  }

  /** Counts a socket from here until it is closed; or closes it. */
  #admit(listener: Listener, socket: net.Socket): boolean {
    const host = hostOf(socket);
    const ofHost = this.#countByHost.get(host) ?? 0;
    const { maxConnections, maxConnectionsPerIp } = this.limits;
    const refusal =
      this.#closing !== null
        ? 'the server is closing'
        : this.#socketCount >= maxConnections
          ? `maxConnections (${maxConnections}) reached`
          : ofHost >= maxConnectionsPerIp
            ? `maxConnectionsPerIp (${maxConnectionsPerIp}) reached`
            : null;
    socket.on('error', () => {});
    if (refusal !== null) {
      this.#refused(listener, host, refusal);
      socket.destroy();
      return false;
    }
    this.#socketCount++;
    this.#countByHost.set(host, ofHost + 1);
    listener.sockets.add(socket);
    socket.once('close', () => {
      this.#socketCount--;
      listener.sockets.delete(socket);
      const left = this.#countByHost.get(host)! - 1;
      if (left === 0) this.#countByHost.delete(host);
      else this.#countByHost.set(host, left);
    });
    return true;
  }

  #refused(listener: Listener, clientHost: string, message: string): void {
    const listenerName = listener.options.name;
    this.emit({ kind: 'connection-refused', listenerName, clientHost, message });
  }

  #accept(listener: Listener, socket: net.Socket): void {
    const { options } = listener;
    if (socket.destroyed || socket.remoteAddress === undefined || this.#closing !== null) {
      socket.destroy();
      return;
    }
    const clientHost = hostOf(socket);
    // As Kafka writes it: local address, remote address, number.
    const id = `${withoutMapping(socket.localAddress ?? '')}:${socket.localPort}-${clientHost}:${socket.remotePort}-${this.#lastId++}`;
    const connection = new Connection(this, socket, {
      id,
      clientHost,
      listenerName: options.name,
      principal: principalOf(socket),
      sasl: options.sasl === undefined ? null : new SaslSession(options.sasl),
    });
    this.#connections.add(connection);
    this.emit({
      kind: 'connection-opened',
      listenerName: options.name,
      clientHost,
      connectionId: id,
    });
  }

  #scheduleSweep(): void {
    const { connectionsMaxIdleMs, loginTimeoutMs, stalledTransferMs } = this.limits;
    const shortest = Math.min(connectionsMaxIdleMs, loginTimeoutMs, stalledTransferMs);
    const intervalMs = Math.min(MAX_SWEEP_INTERVAL_MS, Math.max(5, shortest / 4));
    this.#cancelSweep = this.#timers.after(intervalMs, () => {
      this.#sweep();
      if (this.#listeners.some(({ server, sockets }) => server.listening || sockets.size > 0)) {
        this.#scheduleSweep();
      }
    });
  }

  #sweep(): void {
    const nowMs = this.monotonicMs();
    this.coarseNowMs = nowMs;
    for (const connection of this.#connections) connection.sweep(nowMs);
    if (nowMs - this.#lastTrimMs >= TRIM_INTERVAL_MS) {
      this.#lastTrimMs = nowMs;
      this.buffers.trim();
    }
  }
}

function hostOf(socket: net.Socket): string {
  return withoutMapping(socket.remoteAddress ?? '');
}

/** An IPv4 client of an IPv6 socket is still an IPv4 client. */
function withoutMapping(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}
