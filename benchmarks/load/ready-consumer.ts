import { BenchError } from '../model/bench-error.js';
import { batchStampNs, usesBatchStamps } from './batch.js';
import { nowNs } from './clock.js';
import { type LoadConsumer, Rests } from './consumer.js';
import type { ConsumerMeter } from './consumer-meter.js';
import { asBenchError } from './failures.js';
import { isCatchUp, type LoadPlan } from './plan.js';
import { TopicRoutes } from './topic-routes.js';
import {
  BatchProblem,
  checkBatch,
  describeProblem,
  isRetriableKafkaError,
  isVarveError,
  KafkaError,
  kafkaErrorName,
  lastOffset,
  RecordCursor,
  sizeInBytes,
} from './varve.js';

/* Kafka's defaults: fetch.max.wait.ms, fetch.min.bytes, max.partition.fetch.bytes, fetch.max.bytes. */
const MAX_WAIT_MS = 500;
const MIN_BYTES = 1;
const PARTITION_MAX_BYTES = 1024 * 1024;
const MAX_BYTES = 50 * 1024 * 1024;

const LATEST = -1;
const EARLIEST = -2;
const RETRY_PAUSE_MS = 50;
const CHECK = { crc: true, maxBytes: Number.MAX_SAFE_INTEGER };

interface Position {
  readonly partition: number;
  /** Next offset to read. */
  offset: number;
  highWatermark: number;
}

/** Reads partitions that it takes by their index, over varve's own Kafka client, and looks at every record. */
export class ReadyConsumer implements LoadConsumer {
  readonly #routes: TopicRoutes;
  readonly #positions: ReadonlyMap<number, Position>;
  readonly #rests: Rests;
  readonly #startsAgain: boolean;
  readonly #usesBatchStamps: boolean;
  readonly #cursor = new RecordCursor();
  readonly #serving = new Set<number>();
  #meter: ConsumerMeter | null = null;
  #isClosed = false;
  #turn = 0;
  #fail: (error: BenchError) => void = () => {};
  readonly failed: Promise<never>;

  private constructor(
    routes: TopicRoutes,
    positions: ReadonlyMap<number, Position>,
    plan: LoadPlan,
  ) {
    this.#routes = routes;
    this.#positions = positions;
    this.#rests = new Rests(plan.cell);
    this.#startsAgain = isCatchUp(plan);
    this.#usesBatchStamps = usesBatchStamps(plan);
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
    routes.failed.catch((error: BenchError) => this.#fail(error));
    routes.onChanged(() => this.#serveAll());
  }

  /** Resolves when it stands at the end of the log; one that catches up, at the start. */
  static async open(plan: LoadPlan): Promise<ReadyConsumer> {
    if (plan.connection.kind !== 'brokers') throw new Error('a consumer reads from brokers');
    const routes = new TopicRoutes({
      connection: plan.connection,
      topic: plan.topic,
      partitions: plan.cell.partitions,
      clientId: `load-consumer-${plan.group}-${plan.index}`,
      reusesFetchMemory: true,
    });
    try {
      await routes.open();
      const positions = new Map<number, Position>();
      for (let partition = plan.index; partition < plan.cell.partitions; partition += plan.of) {
        positions.set(partition, { partition, offset: -1, highWatermark: -1 });
      }
      const consumer = new ReadyConsumer(routes, positions, plan);
      await consumer.#place(isCatchUp(plan) ? EARLIEST : LATEST, [...positions.values()]);
      return consumer;
    } catch (error) {
      routes.close();
      throw asBenchError(error);
    }
  }

  start(meter: ConsumerMeter): void {
    this.#meter = meter;
    this.#serveAll();
  }

  /** What is in the log by now is read as well, unless that takes longer than `waitMs`. */
  async drain(waitMs: number): Promise<void> {
    if (this.#startsAgain) return;
    const deadline = performance.now() + waitMs;
    // Ends are asked for, because those known may be as old as the last answer.
    const ends = new Map<number, number>();
    await this.#ends(ends).catch(() => undefined);
    while (performance.now() < deadline) {
      let isThere = true;
      for (const { partition, offset } of this.#positions.values()) {
        if (offset < (ends.get(partition) ?? 0)) isThere = false;
      }
      if (isThere) return;
      await pause(5);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#routes.close();
  }

  async #ends(into: Map<number, number>): Promise<void> {
    const copies = [...this.#positions.values()].map((position) => ({ ...position }));
    await this.#place(LATEST, copies);
    for (const { partition, offset } of copies) into.set(partition, offset);
  }

  /** Asks leaders for offsets until every one of `positions` has its own. */
  async #place(timestamp: number, positions: readonly Position[]): Promise<void> {
    let missing = [...positions];
    for (let attempt = 0; missing.length > 0; attempt++) {
      if (attempt > 0) {
        if (attempt > 200 || this.#isClosed)
          throw new Error('leaders do not say where their logs end');
        await pause(RETRY_PAUSE_MS);
      }
      const left: Position[] = [];
      for (const [broker, those] of this.#byLeader(missing)) {
        if (broker === null || !(await this.#placeAt(broker, timestamp, those)))
          left.push(...those);
      }
      missing = left;
    }
  }

  async #placeAt(
    broker: number,
    timestamp: number,
    positions: readonly Position[],
  ): Promise<boolean> {
    try {
      const { topics } = await this.#routes.client(broker).request('ListOffsets', 'highest', {
        replicaId: -1,
        topics: [
          {
            name: this.#routes.topic,
            partitions: positions.map(({ partition }) => ({
              partitionIndex: partition,
              timestamp,
            })),
          },
        ],
      });
      let isDone = true;
      const byPartition = new Map(positions.map((position) => [position.partition, position]));
      for (const { partitionIndex, errorCode, offset } of topics[0]?.partitions ?? []) {
        const position = byPartition.get(partitionIndex);
        if (position === undefined) continue;
        if (errorCode === KafkaError.NONE) {
          position.offset = offset;
          continue;
        }
        this.#requireRetriable(errorCode, partitionIndex);
        this.#routes.lost(partitionIndex);
        isDone = false;
      }
      return isDone;
    } catch (error) {
      if (!isVarveError(error) || !error.retriable) throw error;
      for (const { partition } of positions) this.#routes.lost(partition);
      return false;
    }
  }

  #byLeader(positions: readonly Position[]): Map<number | null, Position[]> {
    const byLeader = new Map<number | null, Position[]>();
    for (const position of positions) {
      const leader = this.#routes.leaderOf(position.partition);
      const those = byLeader.get(leader);
      if (those === undefined) byLeader.set(leader, [position]);
      else those.push(position);
    }
    return byLeader;
  }

  #serveAll(): void {
    if (this.#meter === null) return;
    for (const broker of this.#byLeader([...this.#positions.values()]).keys()) {
      if (broker === null || this.#serving.has(broker)) continue;
      this.#serving.add(broker);
      this.#serve(broker, this.#meter)
        .catch((error: unknown) => {
          if (!this.#isClosed) this.#fail(asBenchError(error));
        })
        .finally(() => this.#serving.delete(broker));
    }
  }

  /** One Fetch after the other, as long as that broker leads something of ours. */
  async #serve(broker: number, meter: ConsumerMeter): Promise<void> {
    while (!this.#isClosed) {
      const positions = this.#ledBy(broker);
      if (positions.length === 0) return;
      if (this.#rests.isDue) await this.#rests.take();
      let hasFailed = false;
      try {
        const client = this.#routes.client(broker);
        const answer = await client.request('Fetch', 'highest', this.#request(positions));
        const ns = nowNs();
        meter.requestDone(ns);
        if (answer.errorCode !== KafkaError.NONE) {
          throw new BenchError('LOAD_FAILED', `Fetch: ${kafkaErrorName(answer.errorCode)}`);
        }
        for (const { partitionIndex, errorCode, records, highWatermark } of answer.responses[0]
          ?.partitions ?? []) {
          const position = this.#positions.get(partitionIndex);
          if (position === undefined) continue;
          if (errorCode !== KafkaError.NONE) {
            hasFailed = true;
            meter.failed();
            await this.#refused(errorCode, position);
            continue;
          }
          position.highWatermark = highWatermark;
          if (records !== null && records.length > 0) this.#read(records, position, meter, ns);
          if (this.#startsAgain && position.offset >= highWatermark) {
            await this.#place(EARLIEST, [position]);
          }
        }
        meter.endRun(ns);
      } catch (error) {
        if (this.#isClosed) return;
        if (!isVarveError(error) || !error.retriable) throw error;
        hasFailed = true;
        meter.failed();
        for (const { partition } of positions) this.#routes.lost(partition);
      }
      if (hasFailed) await pause(RETRY_PAUSE_MS);
    }
  }

  /** In turn, so that a busy partition cannot keep others out of a full answer. */
  #ledBy(broker: number): Position[] {
    const led: Position[] = [];
    for (const position of this.#positions.values()) {
      if (this.#routes.leaderOf(position.partition) === broker) led.push(position);
    }
    if (led.length < 2) return led;
    this.#turn = (this.#turn + 1) % led.length;
    return [...led.slice(this.#turn), ...led.slice(0, this.#turn)];
  }

  #request(positions: readonly Position[]) {
    return {
      maxWaitMs: MAX_WAIT_MS,
      minBytes: MIN_BYTES,
      maxBytes: MAX_BYTES,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topic: this.#routes.topic,
          topicId: this.#routes.topicId,
          partitions: positions.map(({ partition, offset }) => ({
            partition,
            fetchOffset: offset,
            partitionMaxBytes: PARTITION_MAX_BYTES,
          })),
        },
      ],
      forgottenTopicsData: [],
      rackId: '',
    };
  }

  async #refused(errorCode: number, position: Position): Promise<void> {
    if (errorCode === KafkaError.OFFSET_OUT_OF_RANGE) {
      // A leader that was not in sync has taken over, and has less.
      await this.#place(LATEST, [position]);
      return;
    }
    this.#requireRetriable(errorCode, position.partition);
    this.#routes.lost(position.partition);
  }

  #requireRetriable(errorCode: number, partition: number): void {
    if (isRetriableKafkaError(errorCode)) return;
    throw new BenchError(
      'LOAD_FAILED',
      `partition ${partition} cannot be read: ${kafkaErrorName(errorCode)}`,
    );
  }

  #read(bytes: Buffer, position: Position, meter: ConsumerMeter, ns: number): void {
    const { partition } = position;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const cursor = this.#cursor;
    let count = 0;
    let valueBytes = 0;
    for (let at = 0; at + LENGTH_BYTES <= bytes.length; ) {
      const size = sizeInBytes(view, at);
      // The last one of an answer may be cut off.
      if (size <= LENGTH_BYTES || at + size > bytes.length) break;
      const problem = checkBatch(bytes, view, at, bytes.length, CHECK);
      if (problem !== BatchProblem.BATCH_OK) {
        const what = describeProblem(problem, bytes, view, at, bytes.length, CHECK);
        throw new BenchError('LOAD_FAILED', `partition ${partition} holds a broken batch: ${what}`);
      }
      meter.batchRead(ns, size);
      cursor.reset(bytes, view, at);
      const before = count;
      while (!cursor.isControl && cursor.next()) {
        if (cursor.offset < position.offset) continue;
        count += 1;
        const length = cursor.valueStart < 0 ? 0 : cursor.valueEnd - cursor.valueStart;
        valueBytes += length;
        if (!this.#usesBatchStamps) {
          meter.stamp(partition, cursor.buffer, cursor.valueStart, length, ns);
        }
      }
      if (this.#usesBatchStamps && count > before) {
        meter.due(partition, batchStampNs(view, at, ns), count - before, ns);
      }
      position.offset = lastOffset(view, at) + 1;
      at += size;
    }
    meter.recordsRead(partition, ns, count, valueBytes);
    this.#rests.read(valueBytes);
  }
}

const LENGTH_BYTES = 12;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
