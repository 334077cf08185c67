import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { BenchError } from '../model/bench-error.js';
import { asBenchError, unreachable } from './failures.js';
import type { BrokerConnection, TlsOptions } from './plan.js';
import {
  isVarveError,
  KafkaError,
  kafkaErrorName,
  WireClient,
  type WireClientOptions,
} from './varve.js';

/** First attempts of a bootstrap address, all together. */
const BOOTSTRAP_MS = 10_000;
const BOOTSTRAP_PAUSE_MS = 200;
/** Between looks for a leader. */
const REFRESH_PAUSE_MS = 50;
const METADATA_TIMEOUT_MS = 2000;

/** Brokers answer, and know nothing of the topic. */
class TopicProblem extends Error {}

/** Who leads the partitions of a topic, kept current after failures, and a connection to each leader. */
export class TopicRoutes {
  readonly topic: string;
  topicId = '';
  readonly #connection: BrokerConnection;
  readonly #clientId: string;
  readonly #reusesFetchMemory: boolean;
  readonly #partitions: number;
  readonly #leaders: (number | null)[];
  readonly #addresses = new Map<number, { readonly host: string; readonly port: number }>();
  readonly #clients = new Map<number, WireClient>();
  readonly #asked = new Map<string, WireClient>();
  #listener: () => void = () => {};
  #refreshing: Promise<void> | null = null;
  #isClosed = false;
  #fail: (error: BenchError) => void = () => {};
  /** Rejects when brokers say what no further attempt would mend. */
  readonly failed: Promise<never>;

  constructor(options: {
    readonly connection: BrokerConnection;
    readonly topic: string;
    readonly partitions: number;
    readonly clientId: string;
    readonly reusesFetchMemory: boolean;
  }) {
    this.topic = options.topic;
    this.#connection = options.connection;
    this.#clientId = options.clientId;
    this.#reusesFetchMemory = options.reusesFetchMemory;
    this.#partitions = options.partitions;
    this.#leaders = new Array<number | null>(options.partitions).fill(null);
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
  }

  /** Resolves when every partition has a leader. @throws BenchError */
  async open(): Promise<void> {
    const deadline = performance.now() + BOOTSTRAP_MS;
    for (;;) {
      const problem = await this.#ask();
      if (problem === null && !this.#leaders.includes(null)) return;
      if (performance.now() > deadline) {
        if (problem instanceof TopicProblem) {
          throw new BenchError('LOAD_FAILED', `${problem.message}; has it been made?`);
        }
        if (problem !== null) throw unreachable(this.#connection, problem);
        const missing = this.#leaders.indexOf(null);
        throw new BenchError(
          'LOAD_FAILED',
          `topic ${this.topic}: partition ${missing} of ${this.#partitions} has no leader after ${BOOTSTRAP_MS} ms; does the topic have that many partitions, and are its brokers up?`,
        );
      }
      await pause(BOOTSTRAP_PAUSE_MS);
    }
  }

  /** Null: none is known now. */
  leaderOf(partition: number): number | null {
    return this.#leaders[partition] ?? null;
  }

  onChanged(listener: () => void): void {
    this.#listener = listener;
  }

  client(broker: number): WireClient {
    let client = this.#clients.get(broker);
    if (client === undefined) {
      const address = this.#addresses.get(broker);
      if (address === undefined) throw new Error(`broker ${broker} has no address`);
      client = new WireClient({
        ...this.#options(address),
        reusesFetchMemory: this.#reusesFetchMemory,
      });
      this.#clients.set(broker, client);
    }
    return client;
  }

  /** `partition` is not led where we thought: finds its leader. Nothing is sent to it before. */
  lost(partition: number): void {
    this.#leaders[partition] = null;
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const client of [...this.#clients.values(), ...this.#asked.values()]) client.close();
  }

  async #refresh(): Promise<void> {
    while (!this.#isClosed) {
      await pause(REFRESH_PAUSE_MS);
      try {
        await this.#ask();
      } catch (error) {
        this.#fail(asBenchError(error));
        return;
      }
      if (this.#isClosed) return;
      this.#listener();
      if (!this.#leaders.includes(null)) return;
    }
  }

  /** Asks whoever answers. Null: it did; else why nobody did. */
  async #ask(): Promise<unknown> {
    let problem: unknown = new Error('no address was given');
    for (const address of this.#candidates()) {
      if (this.#isClosed) return null;
      try {
        await this.#askOne(address);
        return null;
      } catch (error) {
        if (error instanceof BenchError || isVarveError(error, 'SASL_AUTHENTICATION_FAILED')) {
          throw asBenchError(error);
        }
        // What one that answers says is worth more than that another does not.
        if (!(problem instanceof TopicProblem)) problem = error;
      }
    }
    return problem;
  }

  #candidates(): { readonly host: string; readonly port: number }[] {
    return [...this.#addresses.values(), ...this.#connection.bootstrap.map(parseAddress)];
  }

  async #askOne(address: { readonly host: string; readonly port: number }): Promise<void> {
    const key = `${address.host}:${address.port}`;
    let client = this.#asked.get(key);
    if (client === undefined) {
      client = new WireClient({ ...this.#options(address), connectTimeoutMs: METADATA_TIMEOUT_MS });
      this.#asked.set(key, client);
    }
    const answer = await client.request(
      'Metadata',
      'highest',
      { topics: [{ name: this.topic }], allowAutoTopicCreation: false },
      { timeoutMs: METADATA_TIMEOUT_MS },
    );
    const topic = answer.topics[0];
    if (topic === undefined) throw new Error(`${key} says nothing of topic ${this.topic}`);
    if (topic.errorCode === KafkaError.TOPIC_AUTHORIZATION_FAILED) {
      throw new BenchError(
        'AUTHENTICATION_FAILED',
        `topic ${this.topic}: ${kafkaErrorName(topic.errorCode)}; give a user who may use it`,
      );
    }
    if (topic.errorCode !== KafkaError.NONE) {
      throw new TopicProblem(`topic ${this.topic}: ${kafkaErrorName(topic.errorCode)}`);
    }
    for (const { nodeId, host, port } of answer.brokers) this.#moved(nodeId, { host, port });
    this.topicId = topic.topicId;
    this.#leaders.fill(null);
    for (const { partitionIndex, leaderId } of topic.partitions) {
      if (partitionIndex >= this.#partitions) continue;
      this.#leaders[partitionIndex] = this.#addresses.has(leaderId) ? leaderId : null;
    }
  }

  #moved(broker: number, address: { readonly host: string; readonly port: number }): void {
    const known = this.#addresses.get(broker);
    if (known?.host === address.host && known.port === address.port) return;
    this.#addresses.set(broker, address);
    this.#clients.get(broker)?.close();
    this.#clients.delete(broker);
  }

  #options(address: { readonly host: string; readonly port: number }): WireClientOptions {
    const { tls, sasl } = this.#connection;
    return {
      ...address,
      clientId: this.#clientId,
      ...(tls !== null && { tls: tlsOptions(tls, address.host) }),
      ...(sasl !== null && { sasl }),
    };
  }
}

export function tlsOptions(tls: TlsOptions, host: string | null): ConnectionOptions {
  const isName = host !== null && !/^[\d.]+$|:/.test(host);
  return {
    rejectUnauthorized: tls.verify,
    ...(isName && { servername: host }),
    ...(tls.caFile !== null && { ca: readFileSync(tls.caFile) }),
    ...(tls.certFile !== null && { cert: readFileSync(tls.certFile) }),
    ...(tls.keyFile !== null && { key: readFileSync(tls.keyFile) }),
  };
}

export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined) {
    throw new BenchError('TARGET_UNREACHABLE', `${address} is not an address; give host:port`);
  }
  return { host, port: Number(match[3]) };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
