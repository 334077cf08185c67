import { BatchBuilder } from '../format/batch-builder.js';
import { BatchOptions } from '../format/batch-writer.js';
import { isRetriableKafkaError, KafkaError } from '../protocol/error-codes.js';
import type { SimulatedClient } from './cluster-simulation-client.js';
import type { Ledger, PartitionHistory } from './cluster-simulation-ledger.js';

export interface ProducerOptions {
  readonly client: SimulatedClient;
  readonly ledger: Ledger;
  readonly topic: string;
  readonly partition: number;
  /** -1, with idempotence: retried until it is acknowledged. 1: sent once, whatever comes of it. */
  readonly acks: -1 | 1;
  /** Batches on their way at the same time. */
  readonly inFlight: number;
  readonly pauseMs: number;
  readonly valueBytes: number;
  /** False: what it is told of its records is not held against anything. Default true. */
  readonly isChecked?: boolean;
}

interface Sent {
  readonly values: readonly string[];
  readonly sequence: number;
  readonly bytes: Buffer;
  /** It was on its way together with others. */
  wasPipelined: boolean;
}

/** How many records one batch has at most. */
const MAX_RECORDS = 3;

/**
 * One producer of one partition, as Kafka's: idempotent with acks=all, several batches in flight, each retried with
 * its sequence until it is acknowledged. Its records are `name:0`, `name:1` ...
 */
export class SimulatedProducer {
  name: string;
  readonly #options: ProducerOptions;
  #producerId = -1;
  #epoch = 0;
  #sequence = 0;
  #number = 0;
  #unacknowledged: Sent[] = [];
  /** A batch of this producer id has been acknowledged. */
  #isKnown = false;
  #isStopping = false;
  #forsaken = false;
  #restarts = 0;
  #stage = 'new';
  #lastError = 0;
  #isDone = false;

  constructor(options: ProducerOptions) {
    this.#options = options;
    const { acks, client } = options;
    this.name = `${acks === 1 || options.isChecked === false ? '~' : ''}${client.name}`;
  }

  /** Everything sent is acknowledged, and nothing more comes. */
  get isDone(): boolean {
    return this.#isDone;
  }

  get describe(): string {
    return `${this.name} on ${this.#options.topic}-${this.#options.partition}: ${this.#unacknowledged.length} unacknowledged, ${this.#stage}, last error ${this.#lastError}`;
  }

  /** No new records; what is under way is finished. */
  stop(): void {
    this.#isStopping = true;
  }

  async run(): Promise<void> {
    const { client, acks, inFlight, pauseMs } = this.#options;
    while (client.isAlive) {
      const isIdle = this.#unacknowledged.length === 0;
      if (this.#isStopping && isIdle) break;
      this.#stage = 'initialising';
      if (acks === -1 && this.#producerId < 0 && !(await this.#initialise())) {
        await client.sleep(20, 100);
        continue;
      }
      // A leader without state of the producer takes any first sequence [Kafka ProducerAppendInfo.checkSequence], so
      // nothing may overtake the first batch.
      const most = acks === -1 && !this.#isKnown ? 1 : inFlight;
      const wanted = this.#isStopping ? 0 : client.random.between(1, most);
      while (this.#unacknowledged.length < wanted) this.#add();
      this.#stage = 'sending';
      if (!(await this.#sendAll())) {
        this.#stage = 'waiting';
        await client.sleep(5, 100);
        this.#stage = 'asking for metadata';
        await client.refresh(this.#options.topic);
      }
      this.#stage = 'pausing';
      if (pauseMs > 0) await client.sleep(0, pauseMs);
    }
    this.#isDone = true;
  }

  async #initialise(): Promise<boolean> {
    const { client } = this.#options;
    try {
      const answer = await client.call(client.anyBroker(), 'InitProducerId', 4, {
        transactionalId: null,
        transactionTimeoutMs: 60_000,
        producerId: -1,
        producerEpoch: -1,
      });
      if (answer.errorCode !== KafkaError.NONE) return false;
      const { producerId, producerEpoch } = answer;
      if (producerIds(client).has(producerId)) {
        client.network.world.violate('a producer id is given once', `${producerId}`);
      }
      producerIds(client).add(producerId);
      this.#producerId = producerId;
      this.#epoch = producerEpoch;
      this.#sequence = 0;
      // What is not acknowledged goes under the new id, from its first sequence on.
      this.#unacknowledged = this.#unacknowledged.map(({ values }) => this.#batch(values));
      return true;
    } catch {
      return false;
    }
  }

  #add(): void {
    const { client } = this.#options;
    const values = [];
    for (let count = client.random.between(1, MAX_RECORDS); count > 0; count -= 1) {
      values.push(`${this.name}:${this.#number++}`);
    }
    this.#unacknowledged.push(this.#batch(values));
  }

  #batch(values: readonly string[]): Sent {
    const { client, acks, valueBytes } = this.#options;
    const nowMs = client.network.world.clock.now();
    const builder = new BatchBuilder();
    // Some bytes, so that logs have several segments where segments are small.
    const key = Buffer.alloc(valueBytes, 0x61);
    for (const value of values) builder.append({ key, value }, nowMs);
    const options = new BatchOptions();
    const sequence = this.#sequence;
    if (acks === -1) {
      options.producerId = this.#producerId;
      options.producerEpoch = this.#epoch;
      options.baseSequence = sequence;
      this.#sequence += values.length;
    }
    return { values, sequence, bytes: Buffer.from(builder.finish(options)), wasPipelined: false };
  }

  /** Sends all that is not acknowledged, in order. False: something is left to be sent again. */
  async #sendAll(): Promise<boolean> {
    const { client, topic, partition, acks, ledger } = this.#options;
    const known = client.known(topic);
    const leader = client.leader(topic, partition);
    if (known === null || leader === null) return false;
    const history = ledger.history(topic, known.topicId, partition);
    const sent = this.#unacknowledged;
    const version = client.random.pick([3, 7, 9, 11, 12]);
    if (sent.length > 1) for (const batch of sent) batch.wasPipelined = true;
    const answers = await Promise.all(
      sent.map(({ bytes }) =>
        client
          .call(leader.leaderId, 'Produce', version, {
            transactionalId: null,
            acks,
            timeoutMs: 1500,
            topicData: [{ name: topic, partitionData: [{ index: partition, records: bytes }] }],
          })
          .then(
            ({ responses }) => responses[0]?.partitionResponses[0] ?? null,
            () => null,
          ),
      ),
    );
    if (!client.isAlive) return true;
    if (acks === 1) {
      this.#unacknowledged = [];
      return answers.every((answer) => answer?.errorCode === KafkaError.NONE);
    }
    const left: Sent[] = [];
    for (const [i, batch] of sent.entries()) {
      const answer = answers[i] ?? null;
      const code = answer?.errorCode ?? KafkaError.NETWORK_EXCEPTION;
      if (answer !== null && code === KafkaError.NONE) {
        this.#isKnown = true;
        if (this.#options.isChecked !== false) {
          ledger.acknowledgedBy(history, answer.baseOffset, batch.values);
        }
      } else if (code === KafkaError.DUPLICATE_SEQUENCE_NUMBER) {
        // Kafka's producer takes this as success without an offset.
      } else {
        // A deposed leader that does not know it yet may lack what was acknowledged since.
        const isDeposed = leader.leaderEpoch < ledger.leaderEpochOf(history);
        if (!isDeposed && this.#options.isChecked !== false) {
          this.#refused(history, code, left.length === 0, batch);
        }
        left.push(batch);
      }
    }
    this.#unacknowledged = left;
    if (this.#forsaken) this.#beginAgain();
    if (this.#producerId < 0 && left.length > 0) return false;
    return left.length === 0;
  }

  /** Nobody knows of the batches in flight whether they are stored: another name, another id, from 0 on. */
  #beginAgain(): void {
    this.#forsaken = false;
    this.#restarts += 1;
    this.name = `${this.#options.client.name}/${this.#restarts}`;
    this.#number = 0;
    this.#producerId = -1;
    this.#isKnown = false;
    this.#unacknowledged = [];
  }

  /** What a producer may not be told on a partition that has lost nothing is a broken promise. */
  #refused(history: PartitionHistory, code: number, isFirst: boolean, batch: Sent): void {
    this.#lastError = code;
    if (isRetriableKafkaError(code)) return;
    const isAboutSequence =
      code === KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER ||
      code === KafkaError.UNKNOWN_PRODUCER_ID ||
      code === KafkaError.INVALID_PRODUCER_EPOCH;
    // Those behind one that failed are refused until it has got through.
    if (code === KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER && !isFirst) return;
    if (isAboutSequence && history.lossy !== null) {
      this.#producerId = -1;
      return;
    }
    // A snapshot of producers has the last batch of each: after a restart an earlier one of those that were in flight
    // together is no duplicate any more [Kafka ProducerStateEntry]. Kafka's producer gives up such batches too.
    if (code === KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER && batch.wasPipelined) {
      this.#forsaken = true;
      return;
    }
    this.#options.client.network.world.violate(
      'no error without a reason',
      `${this.name} got ${code} for sequence ${batch.sequence} on ${history.name}`,
    );
  }
}

const given = new WeakMap<object, Set<number>>();

function producerIds(client: SimulatedClient): Set<number> {
  let ids = given.get(client.network);
  if (ids === undefined) {
    ids = new Set();
    given.set(client.network, ids);
  }
  return ids;
}
