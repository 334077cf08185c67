import type { Consumer, EachBatchPayload } from 'kafkajs';
import { BenchError } from '../model/bench-error.js';
import type { Cell } from '../model/knobs.js';
import { nowNs } from './clock.js';
import { type LoadConsumer, Rests, untilQuiet } from './consumer.js';
import type { ConsumerMeter } from './consumer-meter.js';
import { kafkaJsConnectError, kafkaJsOf } from './kafkajs-client.js';
import type { BrokerConnection, LoadPlan } from './plan.js';

const JOIN_MS = 30_000;
/* As the other consumers: KafkaJS's own defaults are Kafka's but for a longer wait. */
const MAX_WAIT_MS = 500;

/** KafkaJS with its real group protocol, batch by batch. */
export class KafkaJsConsumer implements LoadConsumer {
  readonly #consumer: Consumer;
  readonly #rests: Rests;
  #meter: ConsumerMeter | null = null;
  #lastReadMs = 0;
  #fail: (error: BenchError) => void = () => {};
  readonly failed: Promise<never>;

  private constructor(consumer: Consumer, cell: Cell) {
    this.#consumer = consumer;
    this.#rests = new Rests(cell);
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (payload.restart) return;
      const { message } = payload.error;
      this.#fail(new BenchError('LOAD_FAILED', `the KafkaJS consumer gave up: ${message}`));
    });
  }

  /** Resolves when it is in its group. The topic is new: its start is its end. */
  static async open(plan: LoadPlan, connection: BrokerConnection): Promise<KafkaJsConsumer> {
    const clientId = `load-consumer-${plan.group}-${plan.index}`;
    const kafka = kafkaJsOf(connection, clientId);
    const consumer = kafka.consumer({
      groupId: `${plan.topic}-group-${plan.group}`,
      maxWaitTimeInMs: MAX_WAIT_MS,
      allowAutoTopicCreation: false,
    });
    const opened = new KafkaJsConsumer(consumer, plan.cell);
    try {
      await consumer.connect();
      await consumer.subscribe({ topic: plan.topic, fromBeginning: true });
      const joined = new Promise<void>((resolve, reject) => {
        consumer.on(consumer.events.GROUP_JOIN, () => resolve());
        setTimeout(
          () => reject(new Error(`not in its group within ${JOIN_MS} ms`)),
          JOIN_MS,
        ).unref();
      });
      await consumer.run({ eachBatch: (payload) => opened.#read(payload) });
      await Promise.race([joined, opened.failed]);
    } catch (error) {
      await consumer.disconnect();
      throw error instanceof BenchError ? error : kafkaJsConnectError(connection, error);
    }
    return opened;
  }

  start(meter: ConsumerMeter): void {
    this.#meter = meter;
  }

  drain(waitMs: number): Promise<void> {
    return untilQuiet(() => this.#lastReadMs, waitMs);
  }

  async close(): Promise<void> {
    await this.#consumer.disconnect();
  }

  async #read({ batch }: EachBatchPayload): Promise<void> {
    const meter = this.#meter;
    if (meter === null) return;
    const ns = nowNs();
    this.#lastReadMs = performance.now();
    const { partition, messages } = batch;
    let bytes = 0;
    for (const { value } of messages) {
      if (value === null) continue;
      bytes += value.length;
      meter.stamp(partition, value, 0, value.length, ns);
    }
    meter.endRun(ns);
    meter.requestDone(ns);
    meter.batchRead(ns, bytes);
    meter.recordsRead(partition, ns, messages.length, bytes);
    this.#rests.read(bytes);
    if (this.#rests.isDue) await this.#rests.take();
  }
}
