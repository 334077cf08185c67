import { BenchError } from '../model/bench-error.js';
import type { Batch } from './batch.js';
import { type Driver, Outcome } from './driver.js';
import {
  connectLibrdkafka,
  type LibrdkafkaError,
  librdkafkaSettings,
  loadLibrdkafka,
  type RdProducer,
} from './librdkafka-client.js';
import type { BrokerConnection, LoadPlan } from './plan.js';
import { kafkaErrorName } from './varve.js';

/** How often delivery reports are asked for. */
const POLL_MS = 1;
const QUEUE_KIB = 1024 * 1024;
const QUEUE_MESSAGES = 10_000_000;
const MESSAGE_MAX_BYTES = 64 * 1024 * 1024;
/** Retried by librdkafka itself until its own time is over; ERR__MSG_TIMED_OUT, ERR__TRANSPORT, ERR__TIMED_OUT. */
const AGAIN_CODES: ReadonlySet<number> = new Set([-192, -195, -185]);

interface Waiting {
  left: number;
  error: LibrdkafkaError | null;
  done(error: LibrdkafkaError | null): void;
}

/** librdkafka record by record, as it wants it: it makes its own batches, of `batchBytes` and `lingerMs`. */
export class LibrdkafkaDriver implements Driver {
  readonly isEncoded = false;
  readonly #producer: RdProducer;
  readonly #topic: string;

  private constructor(producer: RdProducer, topic: string) {
    this.#producer = producer;
    this.#topic = topic;
    producer.setPollInterval(POLL_MS);
    producer.on('delivery-report', (error, { opaque }) => {
      const waiting = opaque as Waiting;
      if (error) waiting.error = error;
      waiting.left -= 1;
      if (waiting.left === 0) waiting.done(waiting.error);
    });
  }

  static async open(plan: LoadPlan, connection: BrokerConnection): Promise<LibrdkafkaDriver> {
    const { Producer } = await loadLibrdkafka();
    const { acks, batchBytes, lingerMs, codec, inFlight } = plan.cell;
    const producer = new Producer(
      {
        ...librdkafkaSettings(connection, `load-producer-${plan.index}`),
        dr_cb: true,
        'batch.size': batchBytes,
        'batch.num.messages': 1_000_000,
        'linger.ms': lingerMs,
        'compression.codec': codec,
        'max.in.flight.requests.per.connection': inFlight,
        'queue.buffering.max.kbytes': QUEUE_KIB,
        'queue.buffering.max.messages': QUEUE_MESSAGES,
        'message.max.bytes': MESSAGE_MAX_BYTES,
      },
      { acks: acks === 'all' ? -1 : acks },
    );
    await connectLibrdkafka(producer, connection);
    return new LibrdkafkaDriver(producer, plan.topic);
  }

  laneOf(): number {
    return 0;
  }

  onLanesChanged(): void {}

  send(_lane: number, batches: readonly Batch[]): Promise<readonly Outcome[]> {
    return Promise.all(batches.map((batch) => this.#sendOne(batch)));
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#producer.disconnect(resolve));
  }

  #sendOne(batch: Batch): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const records = batch.inputs();
      const waiting: Waiting = {
        left: records.length,
        error: null,
        done: (error) => {
          if (error === null) resolve(Outcome.ACKNOWLEDGED);
          else if (AGAIN_CODES.has(error.code)) resolve(Outcome.AGAIN);
          else reject(refused(error));
        },
      };
      for (const { key, value } of records) {
        const own = (key ?? null) as Buffer | null;
        this.#producer.produce(this.#topic, batch.partition, value as Buffer, own, null, waiting);
      }
    });
  }
}

/** Positive codes are Kafka's own. */
function refused(error: LibrdkafkaError): BenchError {
  const name = error.code > 0 ? kafkaErrorName(error.code) : `error ${error.code}`;
  const text = `the brokers refuse a record with ${name}: ${error.message}`;
  return new BenchError('LOAD_FAILED', text, { cause: error });
}
