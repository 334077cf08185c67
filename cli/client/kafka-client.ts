import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Connection } from '@platformatic/kafka';
import { interruptSignal } from '../run-program.js';
import { isNetworkError, kafkaErrorNames, remoteError, responseIn } from './client-error.js';
import { type ClientOptions, type ConnectionFlags, clientOptions } from './connection-flags.js';

export type KafkaLibrary = typeof import('@platformatic/kafka');

/** What goes away by itself while the cluster elects, loads or moves something. */
const PASSING = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'NOT_CONTROLLER',
  'REQUEST_TIMED_OUT',
]);
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

interface AskOptions {
  /** Default: any. */
  readonly broker?: BrokerAddress | undefined;
  /** Give the response although parts of it are errors, which the caller looks at. */
  readonly isPartial?: boolean;
  /** Do not try again. */
  readonly once?: boolean;
  /** What stands at a place of the response, for messages. */
  readonly namesOf?: (path: string) => string;
}

/** A cluster, varve's or Kafka's, through the client library. */
export class KafkaClient {
  readonly library: KafkaLibrary;
  readonly options: ClientOptions;
  readonly timeoutMs: number;
  readonly #admin: Admin;

  private constructor(library: KafkaLibrary, flags: ConnectionFlags) {
    this.library = library;
    this.options = clientOptions(flags);
    this.timeoutMs = flags.timeout;
    // Trying again is done here, where it is known what passes.
    this.#admin = new library.Admin({ ...this.options, retries: 0 });
  }

  /** Loads the library, which takes a fifth of a second, and connects to nothing yet. */
  static async open(flags: ConnectionFlags): Promise<KafkaClient> {
    return new KafkaClient(await import('@platformatic/kafka'), flags);
  }

  close(): Promise<void> {
    return this.#admin.close();
  }

  /** One request in the newest version that both sides have. */
  ask<T>(api: string, args: readonly unknown[], options: AskOptions = {}): Promise<T> {
    const { library } = this;
    const admin = this.#admin;
    const once = (): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        const settle = (error: Error | null, response?: T): void => {
          const partial = options.isPartial === true ? responseIn(error) : undefined;
          if (error === null) resolve(response as T);
          else if (partial !== undefined) resolve(partial as T);
          else reject(error);
        };
        admin[library.kGetApi]<unknown[], T>(api, (error, call) => {
          if (error || call === undefined) return settle(error);
          const connected = (failure: Error | null, connection?: Connection): void => {
            if (failure || connection === undefined) settle(failure);
            else call(connection, ...args, settle);
          };
          if (options.broker === undefined) admin[library.kGetBootstrapConnection](connected);
          else admin[library.kGetConnection](options.broker, connected);
        });
      });
    if (options.once !== true) return this.retrying(once, options.namesOf);
    return once().catch((error: unknown) => {
      throw remoteError(error, options.namesOf);
    });
  }

  /** Does it until it succeeds, fails for good, or `--timeout` has passed. */
  async retrying<T>(work: () => Promise<T>, namesOf?: (path: string) => string): Promise<T> {
    const signal = interruptSignal();
    const endMs = performance.now() + this.timeoutMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      signal.throwIfAborted();
      try {
        return await withSignal(work(), signal);
      } catch (error) {
        const left = endMs - performance.now();
        if (!mayPass(error) || left < pauseMs) throw remoteError(error, namesOf);
        await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    }
  }
}

/** True where trying again may help. */
export function mayPass(error: unknown): boolean {
  const names = kafkaErrorNames(error);
  return names.length > 0 ? names.every((name) => PASSING.has(name)) : isNetworkError(error);
}

/** Rejects at once when the signal comes, and leaves the work to itself. */
export function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** Opens, works, closes. */
export async function withClient<T>(
  flags: ConnectionFlags,
  work: (client: KafkaClient) => Promise<T>,
): Promise<T> {
  const client = await KafkaClient.open(flags);
  try {
    return await work(client);
  } finally {
    await client.close().catch(() => undefined);
  }
}
