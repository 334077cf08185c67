import { Random } from '../testing/random.js';
import { type ChaosProducer, openProducer } from './chaos-clients.js';
import { type ChaosCluster, pause } from './chaos-cluster.js';
import { type ChaosModel, payloadOf } from './chaos-model.js';
import type { ChaosPlan, ProducerPlan } from './chaos-plan.js';

/** Of one batch, over all its attempts, once everything is healed. */
const FINISH_LIMIT_MS = 90_000;
const KEYS = 50;
/**
 * What KafkaJS 2.2 says for ever once it has lost its way among connections that break while they are made: it takes a
 * broker for connected and for not connected, waits for a lock that nobody gives back, or answers before it has asked.
 * Such a producer is given up with its last batch, whose fate nobody was told.
 */
const STUCK = /^Broker not connected|^Timeout while acquiring lock|^an answer without partition/;
const STUCK_LIMIT_MS = 30_000;
const STUCK_FAILURES = 100;

/**
 * The producers of a chaos run. Each writes to every partition, one batch of a partition at a time, and sends a batch
 * again until it is acknowledged: what an idempotent producer may rely on.
 */
export class ChaosProducers {
  readonly #plan: ChaosPlan;
  readonly #model: ChaosModel;
  readonly #cluster: ChaosCluster;
  readonly #clients: ChaosProducer[] = [];
  readonly #lanes: Promise<void>[] = [];
  readonly #random: Random;
  /** Sends that failed and were sent again, by what was wrong. */
  readonly problems = new Map<string, number>();
  /** Clients that will not come back to life: see `STUCK`. */
  readonly #stuck = new Set<number>();
  #stoppedAtMs: number | null = null;

  constructor(plan: ChaosPlan, model: ChaosModel, cluster: ChaosCluster) {
    this.#plan = plan;
    this.#model = model;
    this.#cluster = cluster;
    this.#random = new Random(plan.seed * 3 + 1);
  }

  async start(): Promise<void> {
    const { addresses } = this.#cluster;
    for (const [i, plan] of this.#plan.producers.entries()) {
      this.#clients.push(await openProducer(plan.client, `producer-${i}`, addresses, plan));
    }
    for (const [i, plan] of this.#plan.producers.entries()) {
      for (const { index } of this.#model.partitions) {
        const lane = this.#lane(i, plan, index, this.#random.fork());
        // Looked at by `finish`.
        lane.catch(() => undefined);
        this.#lanes.push(lane);
      }
    }
  }

  get givenUp(): number {
    return this.#stuck.size;
  }

  /** Nothing new is begun; resolves when everything begun is acknowledged. */
  async finish(): Promise<void> {
    this.#stoppedAtMs = performance.now();
    await Promise.all(this.#lanes);
  }

  /** One more record to each partition, by every producer. */
  async sendLast(): Promise<void> {
    const alive = [...this.#clients.keys()].filter((i) => !this.#stuck.has(i));
    const sends = alive.flatMap((i) =>
      this.#model.partitions.map(({ index }) => this.#sendBatch(i, index, ['last'], 30)),
    );
    await Promise.all(sends);
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close().catch(() => undefined)));
  }

  async #lane(i: number, plan: ProducerPlan, partition: number, random: Random): Promise<void> {
    while (this.#stoppedAtMs === null && !this.#stuck.has(i)) {
      const keys = Array.from(
        { length: random.between(1, plan.maxBatchRecords) },
        () => `key-${partition}-${random.below(KEYS)}`,
      );
      await this.#sendBatch(i, partition, keys, random.between(1, plan.maxValueBytes));
      await pause(random.below(plan.maxPauseMs));
    }
  }

  async #sendBatch(i: number, partition: number, keys: readonly string[], bytes: number) {
    const client = this.#clients[i]!;
    const model = this.#model.partition(partition);
    const first = model.willSend(i, keys.length);
    const records = keys.map((key, n) => ({ key, value: payloadOf(i, first + n, bytes) }));
    for (let stuckFor = 0; ; ) {
      try {
        const offset = await client.send(partition, records);
        model.acknowledge(i, first, records.length, offset);
        return;
      } catch (error) {
        this.#failed(error as Error);
        stuckFor = STUCK.test((error as Error).message) ? stuckFor + 1 : 0;
        if (stuckFor === STUCK_FAILURES || (stuckFor > 0 && this.#hasHealedFor(STUCK_LIMIT_MS))) {
          return this.#replace(i);
        }
      }
      if (this.#hasHealedFor(FINISH_LIMIT_MS)) {
        const seen = [...this.problems].map(([text, count]) => `${count} x ${text}`).join('; ');
        throw new Error(
          `producer ${i} (${this.#plan.producers[i]?.client}) could not send ${first} to partition ${partition}: ${seen}`,
        );
      }
      await pause(50);
    }
  }

  #hasHealedFor(ms: number): boolean {
    return this.#stoppedAtMs !== null && performance.now() > this.#stoppedAtMs + ms;
  }

  /** Another client takes over, with an id of its own. */
  async #replace(i: number): Promise<void> {
    if (this.#stuck.has(i)) return;
    this.#stuck.add(i);
    const plan = this.#plan.producers[i % this.#plan.producers.length]!;
    const id = `producer-${this.#clients.length}`;
    this.#clients.push(await openProducer(plan.client, id, this.#cluster.addresses, plan));
  }

  #failed(error: Error): void {
    const text = describe(error);
    const count = this.problems.get(text) ?? 0;
    this.problems.set(text, count + 1);
    if (count === 0) this.#cluster.note(`producer: ${text}`);
  }
}

/** An error in a few words, with what caused it. */
export function describe(error: unknown): string {
  if (error instanceof AggregateError) {
    return [...new Set(error.errors.map(describe))].join(' + ');
  }
  if (!(error instanceof Error)) return String(error);
  const { apiId } = error as { apiId?: string };
  const own = apiId ?? error.message.replaceAll(/\d{4,}/g, 'N');
  return error.cause === undefined ? own : `${own} < ${describe(error.cause)}`;
}
