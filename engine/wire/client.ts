import type { ConnectionOptions } from 'node:tls';
import { VarveError } from '../errors.js';
import { KafkaError, kafkaErrorName } from '../protocol/error-codes.js';
import {
  APIS,
  type ApiName,
  type DecodedResponseOf,
  type RequestInputOf,
} from '../protocol/messages/index.js';
import { systemTimers, type Timers } from '../timers.js';
import { aborted, ClientConnection, network, type RequestOptions } from './client-connection.js';
import { FrameBuffers } from './frame-buffers.js';
import { authenticate, type ClientSaslOptions } from './sasl/client.js';

export interface WireClientOptions {
  readonly host: string;
  readonly port: number;
  /** Default `varve`. */
  readonly clientId?: string;
  readonly tls?: ConnectionOptions;
  readonly sasl?: ClientSaslOptions;
  /** Asks the broker for its versions when connecting, so that `highest` works. Default true. */
  readonly negotiate?: boolean;
  /** Of connecting, TLS included. 10 s. */
  readonly connectTimeoutMs?: number;
  /** Of each request that does not say otherwise, and of each step of logging in. 30 s. */
  readonly requestTimeoutMs?: number;
  readonly maxResponseBytes?: number;
  /**
   * Memory of answers to Fetch is used again: each is valid until the next Fetch is asked for, so they must
   * not be pipelined. Saves the page faults of fresh memory, two fifths of the work of a megabyte. Default false.
   */
  readonly reusesFetchMemory?: boolean;
  /** After a failure to connect the next attempt waits for so long, twice as long each time. 50 ms. */
  readonly reconnectBackoffMs?: number;
  /** At most. 1 s. */
  readonly reconnectBackoffMaxMs?: number;
  readonly timers?: Timers;
  readonly monotonicMs?: () => number;
  /** In [0, 1): spreads attempts by 20 %, so that clients of one broker do not come all at once. */
  readonly random?: () => number;
}

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;
const DEFAULT_BACKOFF_MS = 50;
const DEFAULT_BACKOFF_MAX_MS = 1000;
const DEFAULT_MAX_RESPONSE_BYTES = 0x7fffffff;
const MAX_IDLE_FETCH_BYTES = 32 * 1024 * 1024;

interface Session {
  readonly connection: ClientConnection;
  readonly versions: ReadonlyMap<number, { readonly min: number; readonly max: number }> | null;
}

/**
 * Asks one broker. Connects with the first request and again after a failure; never repeats a request by itself.
 *
 * Everything that goes wrong is a VarveError: NETWORK_EXCEPTION and REQUEST_TIMED_OUT (both retriable: it
 * is not known whether the request was done), ABORTED, CLOSED, SASL_AUTHENTICATION_FAILED, UNSUPPORTED_VERSION,
 * INVALID_ARGUMENT, and INVALID_REQUEST for an answer that is malformed. Error codes inside answers are for
 * the caller.
 */
export class WireClient {
  readonly #options: WireClientOptions;
  readonly #fetchBuffers: FrameBuffers | null;
  readonly #timers: Timers;
  readonly #monotonicMs: () => number;
  #session: Session | null = null;
  #opening: Promise<Session> | null = null;
  /** Of the connection being made. */
  #giveUp = new AbortController();
  #failures = 0;
  #notBeforeMs = 0;
  #isClosed = false;

  constructor(options: WireClientOptions) {
    this.#options = options;
    this.#fetchBuffers =
      options.reusesFetchMemory === true ? new FrameBuffers(MAX_IDLE_FETCH_BYTES) : null;
    this.#timers = options.timers ?? systemTimers;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
  }

  get isConnected(): boolean {
    return this.#session !== null;
  }

  /** `highest`: the highest version that both sides have. */
  async request<N extends ApiName>(
    api: N,
    version: number | 'highest',
    body: RequestInputOf<N>,
    options: RequestOptions = {},
  ): Promise<DecodedResponseOf<N>> {
    const { timeoutMs = this.#requestTimeoutMs, signal } = options;
    const startedMs = this.#monotonicMs();
    const session = this.#session ?? (await this.#connected(timeoutMs, signal));
    const leftMs = timeoutMs - (this.#monotonicMs() - startedMs);
    const chosen = version === 'highest' ? highestOf(session, api) : version;
    return session.connection.request(api, chosen, body, { timeoutMs: leftMs, signal });
  }

  /** Sends what gets no answer: a Produce request with acks=0. Resolves when the operating system has taken it. */
  async send<N extends ApiName>(
    api: N,
    version: number | 'highest',
    body: RequestInputOf<N>,
    options: RequestOptions = {},
  ): Promise<void> {
    const { timeoutMs = this.#requestTimeoutMs, signal } = options;
    const session = this.#session ?? (await this.#connected(timeoutMs, signal));
    const chosen = version === 'highest' ? highestOf(session, api) : version;
    await session.connection.send(api, chosen, body);
  }

  /** Drops the connection, and with it whatever waits for an answer. The next request connects again, at once. */
  disconnect(): void {
    this.#opening = null;
    this.#giveUp.abort();
    this.#giveUp = new AbortController();
    this.#session?.connection.close(network('disconnected by the caller'));
  }

  /** Rejects whatever is under way. Nothing can be asked after it. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#giveUp.abort();
    this.#session?.connection.close(closed());
  }

  get #requestTimeoutMs(): number {
    return this.#options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
  }

  /** Waits for the connection, but not longer than this caller wants to. */
  #connected(timeoutMs: number, signal: AbortSignal | undefined): Promise<Session> {
    if (this.#isClosed) return Promise.reject(closed());
    if (signal?.aborted === true) return Promise.reject(aborted());
    this.#opening ??= this.#begin();
    const opening = this.#opening;
    return new Promise((resolve, reject) => {
      const { host, port } = this.#options;
      const stop = (): void => {
        cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        stop();
        reject(aborted());
      };
      const cancel = this.#timers.after(timeoutMs, () => {
        stop();
        const message = `no connection to ${host}:${port} in ${timeoutMs} ms`;
        reject(new VarveError('REQUEST_TIMED_OUT', message, { retriable: true }));
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      opening.then(
        (session) => {
          stop();
          resolve(session);
        },
        (error: unknown) => {
          stop();
          reject(error);
        },
      );
    });
  }

  #begin(): Promise<Session> {
    const opening = this.#open(this.#giveUp.signal).finally(() => {
      // After `disconnect` there may be another.
      if (this.#opening === opening) this.#opening = null;
    });
    return opening;
  }

  async #open(signal: AbortSignal): Promise<Session> {
    await this.#backOff(signal);
    const options = this.#options;
    let session: Session | null = null;
    let connection: ClientConnection | null = null;
    try {
      connection = await ClientConnection.open(
        {
          host: options.host,
          port: options.port,
          clientId: options.clientId ?? 'varve',
          tls: options.tls ?? null,
          connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
          maxResponseBytes: options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES,
          fetchBuffers: this.#fetchBuffers,
          timers: this.#timers,
          monotonicMs: this.#monotonicMs,
          onClosed: () => {
            if (session !== null && this.#session === session) this.#session = null;
          },
        },
        signal,
      );
      const step = { timeoutMs: this.#requestTimeoutMs, signal };
      const versions = options.negotiate === false ? null : await askVersions(connection, step);
      if (options.sasl !== undefined) await authenticate(connection, options.sasl, step);
      if (signal.aborted) throw network('disconnected by the caller');
      if (connection.isClosed) throw network('the connection closed while it was made');
      session = { connection, versions };
    } catch (error) {
      connection?.close(network('the connection could not be set up'));
      if (this.#isClosed) throw closed();
      if (signal.aborted) throw network('disconnected by the caller');
      this.#failed();
      throw error;
    }
    this.#failures = 0;
    this.#session = session;
    return session;
  }

  #failed(): void {
    const {
      reconnectBackoffMs = DEFAULT_BACKOFF_MS,
      reconnectBackoffMaxMs = DEFAULT_BACKOFF_MAX_MS,
      random = Math.random,
    } = this.#options;
    const backoffMs = Math.min(reconnectBackoffMs * 2 ** this.#failures, reconnectBackoffMaxMs);
    this.#failures++;
    this.#notBeforeMs = this.#monotonicMs() + backoffMs * (0.8 + 0.4 * random());
  }

  #backOff(signal: AbortSignal): Promise<void> {
    const waitMs = this.#notBeforeMs - this.#monotonicMs();
    if (this.#failures === 0 || waitMs <= 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        cancel();
        reject(this.#isClosed ? closed() : network('disconnected by the caller'));
      };
      const cancel = this.#timers.after(waitMs, () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}

async function askVersions(
  connection: ClientConnection,
  step: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<NonNullable<Session['versions']>> {
  const about = { clientSoftwareName: 'varve', clientSoftwareVersion: '1' };
  const { errorCode, apiKeys } = await connection.request('ApiVersions', 3, about, step);
  if (errorCode !== KafkaError.NONE) {
    throw new VarveError('UNSUPPORTED_VERSION', `ApiVersions: ${kafkaErrorName(errorCode)}`);
  }
  return new Map(
    apiKeys.map(({ apiKey, minVersion, maxVersion }) => [
      apiKey,
      { min: minVersion, max: maxVersion },
    ]),
  );
}

function highestOf({ versions }: Session, api: ApiName): number {
  const { key, versions: ours } = APIS[api];
  const theirs = versions?.get(key);
  const highest = Math.min(theirs?.max ?? -1, ours.highest);
  if (theirs === undefined || highest < Math.max(theirs.min, ours.lowest)) {
    const has =
      theirs === undefined ? 'does not say that it has it' : `has ${theirs.min} to ${theirs.max}`;
    throw new VarveError(
      'UNSUPPORTED_VERSION',
      `${api}: the broker ${has}; we have ${ours.lowest} to ${ours.highest}`,
    );
  }
  return highest;
}

function closed(): VarveError {
  return new VarveError('CLOSED', 'the client is closed');
}
