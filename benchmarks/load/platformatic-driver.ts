import { Producer } from '@platformatic/kafka';
import type { Batch } from './batch.js';
import { type Driver, Outcome } from './driver.js';
import type { BrokerConnection, LoadPlan } from './plan.js';
import {
  platformaticConnectError,
  platformaticFatal,
  platformaticOptions,
} from './platformatic-client.js';

type Messages = Parameters<Producer<Buffer, Buffer, Buffer, Buffer>['send']>[0]['messages'];

/** @platformatic/kafka as its users call it: one `send` with one batch for each of several partitions. */
export class PlatformaticDriver implements Driver {
  readonly isEncoded = false;
  readonly #producer: Producer<Buffer, Buffer, Buffer, Buffer>;
  readonly #topic: string;

  private constructor(producer: Producer<Buffer, Buffer, Buffer, Buffer>, topic: string) {
    this.#producer = producer;
    this.#topic = topic;
  }

  static async open(plan: LoadPlan, connection: BrokerConnection): Promise<PlatformaticDriver> {
    const { acks, codec, inFlight } = plan.cell;
    const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
      ...platformaticOptions(connection, `load-producer-${plan.index}`),
      acks: acks === 'all' ? -1 : acks,
      compression: codec,
      maxInflights: inFlight,
    });
    try {
      await producer.metadata({ topics: [plan.topic] });
    } catch (error) {
      await producer.close();
      throw platformaticConnectError(connection, error);
    }
    return new PlatformaticDriver(producer, plan.topic);
  }

  laneOf(): number {
    return 0;
  }

  onLanesChanged(): void {}

  async send(_lane: number, batches: readonly Batch[]): Promise<readonly Outcome[]> {
    const topic = this.#topic;
    const messages: Messages = [];
    for (const batch of batches) {
      for (const { key, value } of batch.inputs()) {
        const message = { topic, partition: batch.partition, value: value as Buffer };
        messages.push(key === null ? message : { ...message, key: key as Buffer });
      }
    }
    try {
      await this.#producer.send({ messages });
      return batches.map(() => Outcome.ACKNOWLEDGED);
    } catch (error) {
      const fatal = platformaticFatal(error);
      if (fatal !== null) throw fatal;
      // It looks for a new leader only after some errors.
      this.#producer.clearMetadata();
      return batches.map(() => Outcome.AGAIN);
    }
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }
}
