import { sizeInBytes } from '../format/batch-header.js';
import { readRecords } from '../format/batch-reader.js';
import { isRetriableKafkaError, KafkaError, kafkaErrorName } from '../protocol/error-codes.js';
import { WireClient } from '../wire/index.js';
import { batch } from './produce-batch.js';

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

const PAUSE_MS = 5;
const TIMEOUT_MS = 10_000;

/** The least a client can be that follows leaders: for tests of brokers as processes. Needs nothing but addresses. */
export class RawClient {
  readonly #bootstrap: readonly Endpoint[];
  readonly #clients = new Map<string, WireClient>();
  /** `topic-partition` to the address of its leader. */
  readonly #leaders = new Map<string, Endpoint>();
  /** Errors that were answered by trying again. */
  readonly retries: string[] = [];

  constructor(addresses: readonly string[]) {
    this.#bootstrap = addresses.map((address) => {
      const colon = address.lastIndexOf(':');
      return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
    });
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async createTopic(name: string, partitions: number, replicationFactor: number): Promise<void> {
    const topics = [{ name, numPartitions: partitions, replicationFactor }];
    const { topics: answers } = await this.#any((client) =>
      client.request('CreateTopics', 7, { topics, timeoutMs: TIMEOUT_MS, validateOnly: false }),
    );
    const [answer] = answers;
    if (answer?.errorCode !== KafkaError.NONE) {
      throw new Error(
        `${name}: ${kafkaErrorName(answer?.errorCode ?? -1)} ${answer?.errorMessage}`,
      );
    }
    for (let partition = 0; partition < partitions; partition += 1) {
      await this.#leaderOf({ topic: name, partition }, performance.now() + TIMEOUT_MS);
    }
  }

  /** Sends one batch, again and again while the errors are such, and returns its first offset. */
  async produce(
    { topic, partition }: TopicPartition,
    values: readonly string[],
    o: { readonly acks?: number; readonly timeoutMs?: number } = {},
  ): Promise<number> {
    const endMs = performance.now() + (o.timeoutMs ?? TIMEOUT_MS);
    const records = batch(values);
    return this.#atLeader({ topic, partition }, endMs, async (client) => {
      const answer = await client.request(
        'Produce',
        9,
        {
          acks: o.acks ?? -1,
          timeoutMs: 2_000,
          topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
        },
        { timeoutMs: 3_000 },
      );
      const its = answer.responses[0]?.partitionResponses[0];
      return { errorCode: its?.errorCode ?? -1, result: its?.baseOffset ?? -1 };
    });
  }

  /** Every value up to the high watermark. */
  async consume({ topic, partition }: TopicPartition, timeoutMs = TIMEOUT_MS): Promise<string[]> {
    const endMs = performance.now() + timeoutMs;
    const values: string[] = [];
    for (let fetchOffset = 0; ; ) {
      const { records, highWatermark } = await this.#atLeader(
        { topic, partition },
        endMs,
        async (client) => {
          const answer = await client.request('Fetch', 12, {
            maxWaitMs: 100,
            minBytes: 1,
            maxBytes: 1 << 20,
            topics: [
              { topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1 << 20 }] },
            ],
          });
          const its = answer.responses[0]?.partitions[0];
          const result = {
            records: its?.records ?? Buffer.alloc(0),
            highWatermark: its?.highWatermark ?? -1,
          };
          return { errorCode: its?.errorCode ?? -1, result };
        },
      );
      const view = new DataView(records.buffer, records.byteOffset, records.length);
      for (let at = 0; at < records.length; at += sizeInBytes(view, at)) {
        for (const { offset, value } of readRecords(records, at)) {
          if (offset < fetchOffset) continue;
          values.push(value === null ? '' : Buffer.from(value).toString());
          fetchOffset = offset + 1;
        }
      }
      if (fetchOffset >= highWatermark) return values;
    }
  }

  async #atLeader<T>(
    which: TopicPartition,
    endMs: number,
    ask: (client: WireClient) => Promise<{ errorCode: number; result: T }>,
  ): Promise<T> {
    for (;;) {
      let problem: string;
      try {
        const leader = await this.#leaderOf(which, endMs);
        const { errorCode, result } = await ask(this.#client(leader));
        if (errorCode === KafkaError.NONE) return result;
        problem = kafkaErrorName(errorCode);
        if (!isRetriableKafkaError(errorCode)) throw new Error(problem);
      } catch (error) {
        if ((error as { retriable?: boolean }).retriable !== true) throw error;
        problem = (error as Error).message;
      }
      this.retries.push(problem);
      this.#leaders.delete(keyOf(which));
      if (performance.now() > endMs) throw new Error(`${keyOf(which)}: ${this.retries.join('; ')}`);
      await pause();
    }
  }

  async #leaderOf(which: TopicPartition, endMs: number): Promise<Endpoint> {
    for (;;) {
      const known = this.#leaders.get(keyOf(which));
      if (known !== undefined) return known;
      const { topics, brokers } = await this.#any((client) =>
        client.request('Metadata', 12, {
          topics: [{ name: which.topic }],
          allowAutoTopicCreation: true,
        }),
      );
      const state = topics[0]?.partitions.find((p) => p.partitionIndex === which.partition);
      const leader = brokers.find(({ nodeId }) => nodeId === state?.leaderId);
      if (state?.errorCode === KafkaError.NONE && leader !== undefined) {
        this.#leaders.set(keyOf(which), leader);
        return leader;
      }
      if (performance.now() > endMs) throw new Error(`${keyOf(which)} has no leader`);
      await pause();
    }
  }

  /** Asks the brokers one after another until one answers. */
  async #any<T>(ask: (client: WireClient) => Promise<T>): Promise<T> {
    let last: unknown;
    for (const endpoint of this.#bootstrap) {
      try {
        return await ask(this.#client(endpoint));
      } catch (error) {
        last = error;
        this.retries.push((error as Error).message);
      }
    }
    throw last;
  }

  #client({ host, port }: Endpoint): WireClient {
    const key = `${host}:${port}`;
    let client = this.#clients.get(key);
    if (client === undefined) {
      const limits = { connectTimeoutMs: 1_000, reconnectBackoffMs: 5, reconnectBackoffMaxMs: 20 };
      client = new WireClient({ host, port, ...limits });
      this.#clients.set(key, client);
    }
    return client;
  }
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`;
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
