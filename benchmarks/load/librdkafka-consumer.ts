import { BenchError } from '../model/bench-error.js';
import { nowNs } from './clock.js';
import { type LoadConsumer, untilQuiet } from './consumer.js';
import type { ConsumerMeter } from './consumer-meter.js';
import {
  connectLibrdkafka,
  librdkafkaSettings,
  loadLibrdkafka,
  type RdConsumer,
} from './librdkafka-client.js';
import type { BrokerConnection, LoadPlan } from './plan.js';

const JOIN_MS = 30_000;
/** librdkafka's ERR__ASSIGN_PARTITIONS. */
const ASSIGNED = -175;

/** librdkafka with its real group protocol, message by message. It is never slow: `reading: slow` and `consumerRate` are refused. */
export class LibrdkafkaConsumer implements LoadConsumer {
  readonly #consumer: RdConsumer;
  #meter: ConsumerMeter | null = null;
  #lastReadMs = 0;
  #fail: (error: BenchError) => void = () => {};
  readonly failed: Promise<never>;

  private constructor(consumer: RdConsumer) {
    this.#consumer = consumer;
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
    consumer.on('event.error', (error) => {
      if (error.isFatal !== true) return;
      this.#fail(
        new BenchError('LOAD_FAILED', `the librdkafka consumer gave up: ${error.message}`),
      );
    });
  }

  /** Resolves when it is in its group. The topic is new: its start is its end. */
  static async open(plan: LoadPlan, connection: BrokerConnection): Promise<LibrdkafkaConsumer> {
    if (plan.cell.reading === 'slow' || plan.cell.consumerRate !== 'max') {
      throw new BenchError(
        'LOAD_FAILED',
        'reading is slow or consumerRate is given, client is librdkafka: it reads ahead by itself. Take client ready, kafkajs or platformatic',
      );
    }
    const { KafkaConsumer } = await loadLibrdkafka();
    const consumer = new KafkaConsumer(
      {
        ...librdkafkaSettings(connection, `load-consumer-${plan.group}-${plan.index}`),
        'group.id': `${plan.topic}-group-${plan.group}`,
        rebalance_cb: true,
      },
      { 'auto.offset.reset': 'earliest' },
    );
    const opened = new LibrdkafkaConsumer(consumer);
    const joined = new Promise<void>((resolve, reject) => {
      consumer.on('rebalance', ({ code }) => {
        if (code === ASSIGNED) resolve();
      });
      setTimeout(() => {
        reject(
          new BenchError('LOAD_FAILED', `librdkafka is not in its group within ${JOIN_MS} ms`),
        );
      }, JOIN_MS).unref();
    });
    joined.catch(() => {});
    await connectLibrdkafka(consumer, connection);
    consumer.on('data', ({ value, partition }) => opened.#read(value, partition));
    consumer.subscribe([plan.topic]);
    consumer.consume();
    await joined;
    return opened;
  }

  start(meter: ConsumerMeter): void {
    this.#meter = meter;
  }

  drain(waitMs: number): Promise<void> {
    return untilQuiet(() => this.#lastReadMs, waitMs);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#consumer.disconnect(resolve));
  }

  #read(value: Buffer | null, partition: number): void {
    const meter = this.#meter;
    if (meter === null) return;
    const ns = nowNs();
    this.#lastReadMs = performance.now();
    const bytes = value?.length ?? 0;
    if (value !== null) meter.stamp(partition, value, 0, bytes, ns);
    meter.endRun(ns);
    meter.recordsRead(partition, ns, 1, bytes);
  }
}
