import net from 'node:net';
import tls from 'node:tls';
import { isVarveError, VarveError } from '../errors.js';
import { correlationIdOf, decodeResponse, encodeRequest } from '../protocol/frames.js';
import type { ApiName, DecodedResponseOf, RequestInputOf } from '../protocol/messages/index.js';
import type { Timers } from '../timers.js';
import { FrameBuffers } from './frame-buffers.js';
import { type Frame, FrameReader } from './frame-reader.js';
import { MemoryBudget } from './memory-budget.js';
import { onreadOf, type Receiver } from './receive.js';

export interface ClientConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  readonly tls: tls.ConnectionOptions | null;
  readonly connectTimeoutMs: number;
  readonly maxResponseBytes: number;
  /** Null: answers are the caller's to keep. Else an answer to Fetch is valid until the next Fetch is sent. */
  readonly fetchBuffers: FrameBuffers | null;
  readonly timers: Timers;
  readonly monotonicMs: () => number;
  /** Called once, when the connection is of no use any more. Not before `open` has resolved. */
  readonly onClosed: (cause: VarveError) => void;
}

export interface RequestOptions {
  /** Counts from here, waiting for the connection included. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface Pending {
  readonly api: ApiName;
  readonly version: number;
  readonly deadlineMs: number;
  resolve(response: unknown): void;
  reject(error: unknown): void;
}

/** How late a missing answer may be noticed. */
const DEADLINE_CHECK_MS = 50;
const NO_LIMIT = new MemoryBudget(Number.MAX_SAFE_INTEGER);
const NOT_KEPT = new FrameBuffers(0);

/** One connection to a broker. Requests are pipelined; answers find theirs by correlation id. */
export class ClientConnection implements Receiver {
  readonly reader: FrameReader;
  readonly #options: ClientConnectionOptions;
  readonly #socket: net.Socket;
  readonly #pending = new Map<number, Pending>();
  #nextCorrelationId = 0;
  #cancelCheck: (() => void) | null = null;
  #failure: VarveError | null = null;
  #isOpen = false;
  #lastFetched: Frame | null = null;

  private constructor(options: ClientConnectionOptions) {
    this.#options = options;
    this.reader = new FrameReader({
      maxFrameBytes: options.maxResponseBytes,
      budget: NO_LIMIT,
      buffers: options.fetchBuffers ?? NOT_KEPT,
      deliver: (frame) => this.#deliver(frame),
      resumed: () => {},
      failed: (error) => this.close(error),
    });
    const { host, port } = options;
    if (options.tls === null) {
      this.#socket = net.connect({ host, port, noDelay: true, onread: onreadOf(this) });
      // Without a listener the end of the stream would wait to be read.
      this.#socket.resume();
    } else {
      this.#socket = tls.connect({ ...options.tls, host, port });
      this.#socket.setNoDelay(true);
      this.#socket.on('data', (chunk: Buffer) => {
        this.received(() => this.reader.push(chunk, true));
      });
    }
  }

  /** @throws VarveError NETWORK_EXCEPTION (retriable), ABORTED */
  static open(options: ClientConnectionOptions, signal?: AbortSignal): Promise<ClientConnection> {
    const { host, port, connectTimeoutMs } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(aborted());
        return;
      }
      const connection = new ClientConnection(options);
      const socket = connection.#socket;
      const settle = (error: VarveError | null): void => {
        cancelTimeout();
        signal?.removeEventListener('abort', onAbort);
        if (error === null) {
          connection.#isOpen = true;
          resolve(connection);
        } else {
          connection.close(error);
          reject(error);
        }
      };
      const onAbort = (): void => settle(aborted());
      const cancelTimeout = options.timers.after(connectTimeoutMs, () => {
        settle(network(`no connection to ${host}:${port} in ${connectTimeoutMs} ms`));
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      socket.once(options.tls === null ? 'connect' : 'secureConnect', () => settle(null));
      socket.on('error', (cause) => {
        const error = network(`${host}:${port}: ${cause.message}`, cause);
        if (connection.#isOpen) connection.close(error);
        else settle(error);
      });
      const onEnd = (): void => {
        const error = network(`${host}:${port} closed the connection`);
        if (connection.#isOpen) connection.close(error);
        else settle(error);
      };
      socket.on('end', onEnd);
      socket.on('close', onEnd);
    });
  }

  get isClosed(): boolean {
    return this.#failure !== null;
  }

  /**
   * @throws VarveError REQUEST_TIMED_OUT (retriable; the connection is closed, as nobody knows when it would
   * answer again), NETWORK_EXCEPTION (retriable), ABORTED, or what encoding and decoding throw.
   */
  request<N extends ApiName>(
    api: N,
    version: number,
    body: RequestInputOf<N>,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<DecodedResponseOf<N>> {
    const { timeoutMs, signal } = options;
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw this.#failure;
      if (signal?.aborted === true) throw aborted();
      const correlationId = this.#send(api, version, body);
      const onAbort = (): void => {
        // The answer will come, and find nobody.
        this.#pending.delete(correlationId);
        reject(aborted());
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(correlationId, {
        api,
        version,
        deadlineMs: this.#options.monotonicMs() + timeoutMs,
        resolve: (response) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(response as DecodedResponseOf<N>);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort);
          reject(error);
        },
      });
      this.#cancelCheck ??= this.#scheduleCheck();
    });
  }

  /**
   * For what gets no answer (Produce with acks=0). Resolves when the operating system has it all: then its memory is the
   * caller's again, and who waits for it does not send faster than the connection takes.
   * @throws as `request`
   */
  send<N extends ApiName>(api: N, version: number, body: RequestInputOf<N>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw this.#failure;
      this.#send(api, version, body, (error) => {
        // A socket that is destroyed with bytes unsent says that all went well.
        if (this.#failure !== null) reject(this.#failure);
        else if (error) reject(network(`cannot send: ${error.message}`, error));
        else resolve();
      });
    });
  }

  /** Rejects what waits for an answer. */
  close(cause: VarveError): void {
    if (this.#failure !== null) return;
    this.#failure = cause;
    this.#socket.destroy();
    this.reader.close();
    this.#cancelCheck?.();
    this.#cancelCheck = null;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const each of pending) each.reject(cause);
    if (this.#isOpen) this.#options.onClosed(cause);
  }

  received(take: () => void): void {
    try {
      take();
    } catch (error) {
      this.close(isVarveError(error) ? error : network(`cannot receive: ${error}`, error));
    }
  }

  #send<N extends ApiName>(
    api: N,
    version: number,
    body: RequestInputOf<N>,
    onWritten?: (error?: Error | null) => void,
  ): number {
    const correlationId = this.#nextCorrelationId;
    const { clientId, fetchBuffers } = this.#options;
    if (api === 'Fetch' && this.#lastFetched !== null) {
      fetchBuffers?.recycle(this.#lastFetched.bytes);
      this.#lastFetched = null;
    }
    const chunks = encodeRequest(api, version, { correlationId, clientId }, body);
    this.#nextCorrelationId = (correlationId + 1) & 0x7fffffff;
    const socket = this.#socket;
    socket.cork();
    const last = chunks.length - 1;
    for (let at = 0; at < last; at++) socket.write(chunks[at]!);
    socket.write(chunks[last]!, onWritten);
    socket.uncork();
    return correlationId;
  }

  #deliver(frame: Frame): void {
    this.reader.release(frame, false);
    const correlationId = correlationIdOf(frame.bytes);
    const pending = this.#pending.get(correlationId);
    if (pending === undefined) return;
    this.#pending.delete(correlationId);
    if (pending.api === 'Fetch' && frame.isOwned) this.#lastFetched = frame;
    try {
      pending.resolve(decodeResponse(pending.api, pending.version, frame.bytes).body);
    } catch (error) {
      pending.reject(error);
    }
  }

  #scheduleCheck(): () => void {
    return this.#options.timers.after(DEADLINE_CHECK_MS, () => {
      this.#cancelCheck = null;
      const nowMs = this.#options.monotonicMs();
      for (const { api, deadlineMs, reject } of this.#pending.values()) {
        if (nowMs < deadlineMs) continue;
        const { host, port } = this.#options;
        const error = new VarveError(
          'REQUEST_TIMED_OUT',
          `${host}:${port} did not answer ${api} in time`,
          {
            retriable: true,
          },
        );
        reject(error);
        this.close(network(error.message, error));
        return;
      }
      if (this.#pending.size > 0) this.#cancelCheck = this.#scheduleCheck();
    });
  }
}

export function network(message: string, cause?: unknown): VarveError {
  return new VarveError('NETWORK_EXCEPTION', message, { retriable: true, cause });
}

export function aborted(): VarveError {
  return new VarveError('ABORTED', 'the caller gave up waiting');
}
