import kafkajs, { type Producer } from 'kafkajs';
import type { Acks, Codec } from '../model/knobs.js';
import type { Batch } from './batch.js';
import { type Driver, Outcome } from './driver.js';
import {
  kafkaJsCompression,
  kafkaJsConnectError,
  kafkaJsFatal,
  kafkaJsOf,
} from './kafkajs-client.js';
import type { BrokerConnection, LoadPlan } from './plan.js';

interface Message {
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly partition: number;
}

/** KafkaJS as its users call it: one `send` with one batch for each of several partitions; it finds their leaders. */
export class KafkaJsDriver implements Driver {
  readonly isEncoded = false;
  readonly traffic = { requests: 0, bytes: 0 };
  readonly #producer: Producer;
  readonly #topic: string;
  readonly #acks: number;
  readonly #codec: Codec;

  private constructor(producer: Producer, topic: string, acks: Acks, codec: Codec) {
    this.#producer = producer;
    this.#topic = topic;
    this.#acks = acks === 'all' ? -1 : acks;
    this.#codec = codec;
    producer.on(producer.events.REQUEST, ({ payload }) => {
      if (payload.apiName !== 'Produce') return;
      this.traffic.requests += 1;
      this.traffic.bytes += payload.size;
    });
  }

  static async open(plan: LoadPlan, connection: BrokerConnection): Promise<KafkaJsDriver> {
    const { acks, codec, inFlight } = plan.cell;
    const producer = kafkaJsOf(connection, `load-producer-${plan.index}`).producer({
      maxInFlightRequests: inFlight,
      allowAutoTopicCreation: false,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    try {
      await producer.connect();
    } catch (error) {
      throw kafkaJsConnectError(connection, error);
    }
    return new KafkaJsDriver(producer, plan.topic, acks, codec);
  }

  laneOf(): number {
    return 0;
  }

  onLanesChanged(): void {}

  async send(_lane: number, batches: readonly Batch[]): Promise<readonly Outcome[]> {
    const messages: Message[] = [];
    for (const batch of batches) {
      for (const { key, value } of batch.inputs()) {
        messages.push({
          key: (key ?? null) as Buffer | null,
          value: value as Buffer,
          partition: batch.partition,
        });
      }
    }
    try {
      await this.#producer.send({
        topic: this.#topic,
        acks: this.#acks,
        compression: kafkaJsCompression(this.#codec),
        messages,
      });
      return batches.map(() => Outcome.ACKNOWLEDGED);
    } catch (error) {
      const fatal = kafkaJsFatal(error);
      if (fatal !== null) throw fatal;
      return batches.map(() => Outcome.AGAIN);
    }
  }

  async close(): Promise<void> {
    await this.#producer.disconnect();
  }
}
