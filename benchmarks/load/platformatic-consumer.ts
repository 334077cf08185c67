import { Consumer, type MessagesStream } from '@platformatic/kafka';
import { BenchError } from '../model/bench-error.js';
import type { Cell } from '../model/knobs.js';
import { nowNs } from './clock.js';
import { type LoadConsumer, Rests, untilQuiet } from './consumer.js';
import type { ConsumerMeter } from './consumer-meter.js';
import type { BrokerConnection, LoadPlan } from './plan.js';
import { platformaticConnectError, platformaticOptions } from './platformatic-client.js';

/* As the other consumers. */
const MAX_WAIT_MS = 500;
const MIN_BYTES = 1;
const MAX_BYTES = 50 * 1024 * 1024;

type Stream = MessagesStream<Buffer, Buffer, Buffer, Buffer>;

/** @platformatic/kafka with its real group protocol, message by message from its stream. */
export class PlatformaticConsumer implements LoadConsumer {
  readonly #consumer: Consumer<Buffer, Buffer, Buffer, Buffer>;
  readonly #stream: Stream;
  readonly #rests: Rests;
  #lastReadMs = 0;
  #isClosed = false;
  #fail: (error: BenchError) => void = () => {};
  readonly failed: Promise<never>;

  private constructor(
    consumer: Consumer<Buffer, Buffer, Buffer, Buffer>,
    stream: Stream,
    cell: Cell,
  ) {
    this.#consumer = consumer;
    this.#stream = stream;
    this.#rests = new Rests(cell);
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
    stream.on('error', (error: Error) => {
      if (this.#isClosed) return;
      this.#fail(
        new BenchError('LOAD_FAILED', `the @platformatic/kafka consumer gave up: ${error.message}`),
      );
    });
  }

  /** Resolves when it is in its group. The topic is new: its start is its end. */
  static async open(plan: LoadPlan, connection: BrokerConnection): Promise<PlatformaticConsumer> {
    const consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({
      ...platformaticOptions(connection, `load-consumer-${plan.group}-${plan.index}`),
      groupId: `${plan.topic}-group-${plan.group}`,
      maxWaitTime: MAX_WAIT_MS,
      minBytes: MIN_BYTES,
      maxBytes: MAX_BYTES,
    });
    try {
      const stream = await consumer.consume({ topics: [plan.topic], mode: 'earliest' });
      return new PlatformaticConsumer(consumer, stream, plan.cell);
    } catch (error) {
      await consumer.close(true);
      throw platformaticConnectError(connection, error);
    }
  }

  start(meter: ConsumerMeter): void {
    const stream = this.#stream;
    stream.on('data', ({ value, partition }) => {
      const ns = nowNs();
      this.#lastReadMs = performance.now();
      const bytes = value?.length ?? 0;
      if (bytes > 0) meter.stamp(partition, value, 0, bytes, ns);
      meter.endRun(ns);
      meter.recordsRead(partition, ns, 1, bytes);
      this.#rests.read(bytes);
      if (!this.#rests.isDue || stream.isPaused()) return;
      stream.pause();
      void this.#rests.take().then(() => stream.resume());
    });
  }

  drain(waitMs: number): Promise<void> {
    return untilQuiet(() => this.#lastReadMs, waitMs);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#consumer.close(true);
  }
}
