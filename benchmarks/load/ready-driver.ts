import { BenchError } from '../model/bench-error.js';
import type { Acks } from '../model/knobs.js';
import type { Batch } from './batch.js';
import { type Driver, Outcome } from './driver.js';
import { asBenchError } from './failures.js';
import type { LoadPlan } from './plan.js';
import { TopicRoutes } from './topic-routes.js';
import { isRetriableKafkaError, isVarveError, KafkaError, kafkaErrorName } from './varve.js';

/** How long a broker may wait for followers, and we for it. */
const PRODUCE_TIMEOUT_MS = 30_000;

/** Ready batches over varve's own Kafka client: as little work as a producer can do, so that brokers are what is measured. */
export class ReadyDriver implements Driver {
  readonly isEncoded = true;
  readonly #routes: TopicRoutes;
  readonly #acks: number;

  private constructor(routes: TopicRoutes, acks: Acks) {
    this.#routes = routes;
    this.#acks = acks === 'all' ? -1 : acks;
  }

  /** @throws BenchError TARGET_UNREACHABLE, AUTHENTICATION_FAILED */
  static async open(plan: LoadPlan): Promise<ReadyDriver> {
    if (plan.connection.kind !== 'brokers') throw new Error('ready batches go to brokers');
    const routes = new TopicRoutes({
      connection: plan.connection,
      topic: plan.topic,
      partitions: plan.cell.partitions,
      clientId: `load-producer-${plan.index}`,
      reusesFetchMemory: false,
    });
    try {
      await routes.open();
    } catch (error) {
      routes.close();
      throw error;
    }
    return new ReadyDriver(routes, plan.cell.acks);
  }

  laneOf(partition: number): number | null {
    return this.#routes.leaderOf(partition);
  }

  onLanesChanged(listener: () => void): void {
    this.#routes.onChanged(listener);
  }

  async send(lane: number, batches: readonly Batch[]): Promise<readonly Outcome[]> {
    const body = {
      acks: this.#acks,
      timeoutMs: PRODUCE_TIMEOUT_MS,
      topicData: [
        {
          name: this.#routes.topic,
          topicId: this.#routes.topicId,
          partitionData: batches.map(({ partition, wire }) => ({
            index: partition,
            records: wire,
          })),
        },
      ],
    };
    try {
      const client = this.#routes.client(lane);
      if (this.#acks === 0) {
        await client.send('Produce', 'highest', body);
        return batches.map(() => Outcome.ACKNOWLEDGED);
      }
      const answer = await client.request('Produce', 'highest', body, {
        timeoutMs: 2 * PRODUCE_TIMEOUT_MS,
      });
      return this.#outcomes(batches, answer.responses[0]?.partitionResponses ?? []);
    } catch (error) {
      if (!isVarveError(error) || !error.retriable) throw asBenchError(error);
      for (const { partition } of batches) this.#routes.lost(partition);
      return batches.map(() => Outcome.AGAIN);
    }
  }

  async close(): Promise<void> {
    this.#routes.close();
  }

  #outcomes(
    batches: readonly Batch[],
    answers: readonly {
      readonly index: number;
      readonly errorCode: number;
      readonly errorMessage: string | null;
    }[],
  ): Outcome[] {
    return batches.map((batch, at) => {
      const { partition } = batch;
      const answer =
        answers[at]?.index === partition
          ? answers[at]
          : answers.find(({ index }) => index === partition);
      if (answer === undefined) throw new Error(`Produce has no answer for partition ${partition}`);
      const { errorCode } = answer;
      if (errorCode === KafkaError.NONE) return Outcome.ACKNOWLEDGED;
      if (!isRetriableKafkaError(errorCode) || errorCode === KafkaError.CORRUPT_MESSAGE) {
        throw refused(batch, errorCode, answer.errorMessage);
      }
      if (!STAYS.has(errorCode)) this.#routes.lost(partition);
      return Outcome.AGAIN;
    });
  }
}

/** The leader is right, and cannot now. */
const STAYS: ReadonlySet<number> = new Set([
  KafkaError.NOT_ENOUGH_REPLICAS,
  KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  KafkaError.REQUEST_TIMED_OUT,
  KafkaError.THROTTLING_QUOTA_EXCEEDED,
]);

function refused(batch: Batch, errorCode: number, detail: string | null): BenchError {
  const what = `partition ${batch.partition} refuses a batch of ${batch.wireBytes} bytes with ${kafkaErrorName(errorCode)}${detail === null ? '' : ` (${detail})`}`;
  const advice =
    errorCode === KafkaError.MESSAGE_TOO_LARGE || errorCode === KafkaError.RECORD_LIST_TOO_LARGE
      ? "lower batchBytes or recordBytes, or raise the topic's max.message.bytes"
      : 'it would refuse the next one too';
  return new BenchError('LOAD_FAILED', `${what}; ${advice}`);
}
