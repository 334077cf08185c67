import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { KafkaError, kafkaErrorName } from '../../engine/protocol/error-codes.js';
import type {
  ApiName,
  DecodedResponseOf,
  RequestInputOf,
} from '../../engine/protocol/messages/index.js';
import { WireClient } from '../../engine/wire/index.js';
import type { BrokerConnection, TlsOptions } from '../load/plan.js';
import { benchErrorOf } from './errors.js';
import { BenchError } from './target.js';

export interface BrokerPlace {
  readonly id: number;
  /** `host:port` as clients are told. */
  readonly address: string;
}

export interface PartitionPlace {
  /** -1: none. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

export interface AskOptions {
  /** Default 30 s. */
  readonly timeoutMs?: number;
  /** Default: the highest that both sides have. */
  readonly version?: number | 'highest';
}

const REQUEST_TIMEOUT_MS = 30_000;
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 250;
const NO_TOPIC: ReadonlySet<number> = new Set([
  KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
  KafkaError.UNKNOWN_TOPIC_ID,
]);

/** What the suite asks of a cluster, varve's or Kafka's. Everything that goes wrong is a BenchError. */
export class ClusterAdmin {
  readonly #connection: BrokerConnection;
  readonly #signal: AbortSignal;
  readonly #tls: ConnectionOptions | null;
  readonly #clients = new Map<string, WireClient>();

  /** @throws BenchError INVALID_KNOB for a TLS file that cannot be read. */
  constructor(connection: BrokerConnection, signal: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
    this.#tls = connection.tls === null ? null : tlsOf(connection.tls);
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  /** By id. */
  async brokers(): Promise<BrokerPlace[]> {
    const { brokers } = await this.ask('Metadata', { topics: [], allowAutoTopicCreation: false });
    return brokers
      .map(({ nodeId, host, port }) => ({ id: nodeId, address: `${host}:${port}` }))
      .sort((a, b) => a.id - b.id);
  }

  /** By partition, as the broker at `address` sees it (default: any that answers); null: it knows of no such topic. */
  async partitions(topic: string, address?: string): Promise<PartitionPlace[] | null> {
    const body = { topics: [{ name: topic }], allowAutoTopicCreation: false };
    const { topics } = await (address === undefined
      ? this.ask('Metadata', body)
      : this.askBroker(address, 'Metadata', body));
    const [found] = topics;
    if (found === undefined || NO_TOPIC.has(found.errorCode)) return null;
    const places: PartitionPlace[] = [];
    for (const { partitionIndex, leaderId, replicaNodes, isrNodes } of found.partitions) {
      places[partitionIndex] = { leader: leaderId, replicas: replicaNodes, isr: isrNodes };
    }
    return places;
  }

  /** Asks for it; {@link waitForTopic} tells when it can be used. */
  async createTopic({ topic, partitions, replicationFactor, configs }: NewTopic): Promise<void> {
    const errorsIn = ({ topics }: DecodedResponseOf<'CreateTopics'>) => topics;
    const { topics } = await this.#askController('CreateTopics', errorsIn, {
      topics: [
        {
          name: topic,
          numPartitions: partitions,
          replicationFactor,
          assignments: [],
          configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
        },
      ],
      timeoutMs: REQUEST_TIMEOUT_MS,
      validateOnly: false,
    });
    const [answer] = topics;
    const code = answer?.errorCode ?? KafkaError.UNKNOWN_SERVER_ERROR;
    if (code === KafkaError.NONE) return;
    const why = `${kafkaErrorName(code)}${answer?.errorMessage ? `: ${answer.errorMessage}` : ''}`;
    throw new BenchError(
      'TARGET_FAILED',
      `topic ${topic} with ${partitions} partitions, replication factor ${replicationFactor} was not made: ${why}`,
    );
  }

  /** Resolves when every broker says that every partition has a leader and all its replicas in sync. */
  async waitForTopic(
    { topic, partitions, replicationFactor }: NewTopic,
    limitMs: number,
  ): Promise<void> {
    const brokers = await this.brokers();
    const isWhole = (places: readonly PartitionPlace[] | null): boolean =>
      places?.length === partitions &&
      places.every(({ leader, isr }) => leader >= 0 && isr.length === replicationFactor);
    await this.#waitForAll(brokers, limitMs, `topic ${topic} in service`, async ({ address }) =>
      isWhole(await this.partitions(topic, address)),
    );
  }

  /** Resolves when no broker knows of it any more; data on disk may take longer. */
  async deleteTopic(topic: string, limitMs: number): Promise<void> {
    const errorsIn = ({ responses }: DecodedResponseOf<'DeleteTopics'>) => responses;
    const { responses } = await this.#askController('DeleteTopics', errorsIn, {
      topics: [{ name: topic }],
      topicNames: [topic],
      timeoutMs: REQUEST_TIMEOUT_MS,
    });
    const code = responses[0]?.errorCode ?? KafkaError.UNKNOWN_SERVER_ERROR;
    if (code !== KafkaError.NONE && !NO_TOPIC.has(code)) {
      const said = responses[0]?.errorMessage ?? '';
      throw new BenchError(
        'TARGET_FAILED',
        `topic ${topic} was not deleted: ${kafkaErrorName(code)} ${said}`,
      );
    }
    const brokers = await this.brokers();
    await this.#waitForAll(brokers, limitMs, `topic ${topic} deleted`, async ({ address }) => {
      const places = await this.partitions(topic, address);
      return places === null;
    });
  }

  /** The same replicas in another order: the first is the one that should lead. @throws BenchError TARGET_FAILED */
  async orderReplicas(
    topic: string,
    partition: number,
    replicas: readonly number[],
  ): Promise<void> {
    const answer = await this.#askController(
      'AlterPartitionReassignments',
      ({ errorCode, responses }) => [
        { errorCode },
        ...responses.flatMap(({ partitions }) => partitions),
      ],
      {
        topics: [
          { name: topic, partitions: [{ partitionIndex: partition, replicas: [...replicas] }] },
        ],
        timeoutMs: REQUEST_TIMEOUT_MS,
      },
    );
    const [one] = answer.responses[0]?.partitions ?? [];
    const { errorCode, errorMessage } = answer.errorCode === KafkaError.NONE && one ? one : answer;
    requireNone(
      `replicas of ${topic}-${partition} in the order ${replicas}`,
      errorCode,
      errorMessage,
    );
  }

  /** Resolves when the first replica has been elected to lead. @throws BenchError TARGET_FAILED */
  async electPreferred(topic: string, partition: number): Promise<void> {
    const answer = await this.#askController(
      'ElectLeaders',
      ({ errorCode, replicaElectionResults }) => [
        { errorCode },
        ...replicaElectionResults.flatMap(({ partitionResult }) => partitionResult),
      ],
      {
        electionType: PREFERRED,
        topicPartitions: [{ topic, partitions: [partition] }],
        timeoutMs: REQUEST_TIMEOUT_MS,
      },
    );
    const [one] = answer.replicaElectionResults[0]?.partitionResult ?? [];
    const what = `election of the first replica of ${topic}-${partition}`;
    requireNone(what, answer.errorCode, null);
    if (one !== undefined) requireNone(what, one.errorCode, one.errorMessage);
  }

  /** Bytes that are free for logs, of the broker with the least; null: they do not say. */
  async freeDiskBytes(): Promise<number | null> {
    let least: number | null = null;
    for (const { address } of await this.brokers()) {
      let free: number;
      try {
        const { results } = await this.askBroker(address, 'DescribeLogDirs', { topics: [] });
        free = Math.min(...results.map(({ usableBytes }) => Number(usableBytes)));
      } catch (error) {
        // An old broker, or one that does not let everybody ask: what it has stays unknown.
        if (error instanceof BenchError && error.code === 'TARGET_FAILED') return null;
        throw error;
      }
      if (!Number.isFinite(free) || free < 0) return null;
      least = Math.min(least ?? free, free);
    }
    return least;
  }

  /** Of the first broker that answers, in the order they were given. */
  async ask<N extends ApiName>(
    api: N,
    body: RequestInputOf<N>,
    options: AskOptions = {},
  ): Promise<DecodedResponseOf<N>> {
    let problem: unknown;
    for (const address of this.#connection.bootstrap) {
      try {
        return await this.askBroker(address, api, body, options);
      } catch (error) {
        // Others of the same cluster would say the same.
        if (error instanceof BenchError && error.code !== 'TARGET_UNREACHABLE') throw error;
        problem = error;
      }
    }
    throw problem;
  }

  async askBroker<N extends ApiName>(
    address: string,
    api: N,
    body: RequestInputOf<N>,
    { timeoutMs = REQUEST_TIMEOUT_MS, version = 'highest' }: AskOptions = {},
  ): Promise<DecodedResponseOf<N>> {
    try {
      const signal = this.#signal;
      return await this.#client(address).request(api, version, body, { timeoutMs, signal });
    } catch (error) {
      throw this.#signal.aborted ? interrupted() : benchErrorOf(error, address);
    }
  }

  /** Brokers of older Kafkas leave it to the controller, which is then asked itself. */
  async #askController<N extends ApiName>(
    api: N,
    errorsIn: (answer: DecodedResponseOf<N>) => readonly { readonly errorCode: number }[],
    body: RequestInputOf<N>,
  ): Promise<DecodedResponseOf<N>> {
    const answer = await this.ask(api, body);
    const isElsewhere = errorsIn(answer).some((one) => one.errorCode === KafkaError.NOT_CONTROLLER);
    if (!isElsewhere) return answer;
    const { brokers, controllerId } = await this.ask('Metadata', {
      topics: [],
      allowAutoTopicCreation: false,
    });
    const controller = brokers.find(({ nodeId }) => nodeId === controllerId);
    if (controller === undefined) {
      throw new BenchError('TARGET_FAILED', `${api}: the cluster has no controller just now`);
    }
    return this.askBroker(`${controller.host}:${controller.port}`, api, body);
  }

  async #waitForAll(
    brokers: readonly BrokerPlace[],
    limitMs: number,
    what: string,
    isDone: (broker: BrokerPlace) => Promise<boolean>,
  ): Promise<void> {
    const endMs = performance.now() + limitMs;
    await Promise.all(
      brokers.map(async (broker) => {
        for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
          if (await isDone(broker)) return;
          if (performance.now() > endMs) {
            throw new BenchError(
              'TIMED_OUT',
              `broker ${broker.id} does not see ${what} after ${limitMs} ms`,
            );
          }
          await sleep(pauseMs);
          if (this.#signal.aborted) throw interrupted();
        }
      }),
    );
  }

  #client(address: string): WireClient {
    const known = this.#clients.get(address);
    if (known !== undefined) return known;
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
    const { sasl } = this.#connection;
    const client = new WireClient({
      host,
      port: Number(address.slice(colon + 1)),
      clientId: 'varve-bench-admin',
      connectTimeoutMs: 5_000,
      reconnectBackoffMaxMs: 100,
      ...(this.#tls !== null && {
        tls: { ...this.#tls, ...(isIP(host) === 0 && { servername: host }) },
      }),
      ...(sasl !== null && { sasl }),
    });
    this.#clients.set(address, client);
    return client;
  }
}

/** Of an election: the first replica, if it is in sync. */
const PREFERRED = 0;

function requireNone(what: string, errorCode: number, said: string | null): void {
  if (errorCode === KafkaError.NONE) return;
  const why = `${kafkaErrorName(errorCode)}${said ? `: ${said}` : ''}`;
  throw new BenchError('TARGET_FAILED', `${what}: ${why}`);
}

function tlsOf({ caFile, certFile, keyFile, verify }: TlsOptions): ConnectionOptions {
  return {
    rejectUnauthorized: verify,
    ...(caFile !== null && { ca: contentOf('ca', caFile) }),
    ...(certFile !== null && { cert: contentOf('cert', certFile) }),
    ...(keyFile !== null && { key: contentOf('key', keyFile) }),
  };
}

function contentOf(what: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BenchError('INVALID_KNOB', `the TLS ${what} file ${path} cannot be read: ${why}`, {
      cause,
    });
  }
}

function interrupted(): BenchError {
  return new BenchError('INTERRUPTED', 'the run was interrupted');
}
