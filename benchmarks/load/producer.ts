import type { BenchError } from '../model/bench-error.js';
import type { Batch } from './batch.js';
import type { BatchPool } from './batch-pool.js';
import { MAX_REQUEST_BYTES } from './batch-pool.js';
import { nowNs } from './clock.js';
import { type Driver, Outcome } from './driver.js';
import { asBenchError } from './failures.js';
import { type Lane, PartitionQueue } from './partition-queue.js';
import type { ProducerMeter } from './producer-meter.js';

/** A client's `buffer.memory`: no more is under way and waiting together. */
export const BUFFER_BYTES = 32 * 1024 * 1024;
/** A client's `retry.backoff.ms`. */
const RETRY_BACKOFF_MS = 50;

export interface ProducerOptions {
  readonly driver: Driver;
  readonly pool: BatchPool;
  readonly meter: ProducerMeter;
  readonly partitions: number;
  readonly inFlight: number;
}

/** Where batches come from. */
export interface BatchSource {
  /** Every partition has a next batch at any time: requests take them in turn. */
  readonly isEndless: boolean;
  /** Lanes are there: whatever has something to send is enlisted. */
  begin(): void;
  /** Something was acknowledged: there is room. */
  onRoom(): void;
  /** Of a partition that stands in the line: is there more? */
  hasMore(queue: PartitionQueue): boolean;
  /** The next batch of a partition, ready to be sent; null: none now. */
  next(queue: PartitionQueue, ns: number): Batch | null;
  /** Partitions with a batch that need not leave yet, but may go along with others. */
  readonly openQueues: Iterable<PartitionQueue>;
  along(queue: PartitionQueue, ns: number): Batch | null;
}

/**
 * Sends as a good Kafka client does: for each leader a connection with so many requests under way, in each at most one
 * batch of every partition that it leads, up to 1 MiB; refused batches again, in their order.
 */
export class Producer {
  readonly queues: readonly PartitionQueue[];
  readonly #options: ProducerOptions;
  readonly #lanes = new Map<number, Lane>();
  #source: BatchSource | null = null;
  #underWay = 0;
  /** Batches that were taken and are not acknowledged. */
  #heldBytes = 0;
  #typicalBytes = 0;
  #failure: BenchError | null = null;
  #isOver = false;
  #whenIdle: (() => void) | null = null;
  #fail: (error: BenchError) => void = () => {};
  /** Rejects when the load cannot go on. */
  readonly failed: Promise<never>;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.queues = Array.from({ length: options.partitions }, (_, at) => new PartitionQueue(at));
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
    options.driver.onLanesChanged(() => this.#arrangeLanes());
  }

  start(source: BatchSource): void {
    this.#arrangeLanes();
    this.#source = source;
    source.begin();
    for (const lane of this.#lanes.values()) this.#pump(lane);
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** `queue` has something to send. */
  enlist(queue: PartitionQueue): void {
    const { lane } = queue;
    if (lane === null || queue.isListed || queue.isHeld) return;
    queue.isListed = true;
    lane.line.push(queue);
  }

  pump(queue: PartitionQueue): void {
    if (queue.lane !== null) this.#pump(queue.lane);
  }

  /** The source is dry. Resolves when everything is acknowledged, or after `waitMs`. */
  async drain(waitMs: number): Promise<void> {
    if (this.#isIdle) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#whenIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Nothing is sent any more. What was not acknowledged is counted as it is. */
  abandon(): void {
    this.#isOver = true;
    const { meter } = this.#options;
    const ns = nowNs();
    for (const queue of this.queues) {
      for (const batch of [...queue.again, ...queue.underWay.values()]) {
        meter.failed(batch);
        meter.abandoned(batch, ns);
      }
    }
  }

  get #isIdle(): boolean {
    if (this.#failure !== null) return true;
    return this.queues.every(
      (queue) =>
        queue.underWay.size === 0 &&
        queue.again.length === 0 &&
        this.#source?.hasMore(queue) !== true,
    );
  }

  #arrangeLanes(): void {
    const { driver } = this.#options;
    for (const lane of this.#lanes.values()) {
      lane.partitions = [];
      lane.line = [];
    }
    for (const queue of this.queues) {
      queue.isListed = false;
      const id = driver.laneOf(queue.index);
      queue.lane = id === null ? null : this.#lane(id);
      queue.lane?.partitions.push(queue);
      if (queue.again.length > 0 || this.#source?.hasMore(queue) === true) this.enlist(queue);
    }
    for (const lane of this.#lanes.values()) this.#pump(lane);
  }

  #lane(id: number): Lane {
    let lane = this.#lanes.get(id);
    if (lane === undefined) {
      lane = { id, partitions: [], line: [], turn: 0, underWay: 0, isPumping: false };
      this.#lanes.set(id, lane);
    }
    return lane;
  }

  #pump(lane: Lane): void {
    const source = this.#source;
    // Taking a batch may fill another, which would ask again.
    if (source === null || lane.isPumping) return;
    lane.isPumping = true;
    while (lane.underWay < this.#options.inFlight && !this.#isOver) {
      const ns = nowNs();
      const batches = this.#collect(lane, source, ns);
      if (batches.length === 0) break;
      this.#send(lane, batches, ns);
    }
    lane.isPumping = false;
  }

  #collect(lane: Lane, source: BatchSource, ns: number): Batch[] {
    const batches: Batch[] = [];
    let bytes = 0;
    const take = (queue: PartitionQueue, batch: Batch): void => {
      batches.push(batch);
      bytes += batch.wireBytes;
      this.#typicalBytes = batch.wireBytes;
      if (batch.attempts === 0) this.#heldBytes += batch.wireBytes;
      queue.underWay.add(batch);
    };
    const { mostBatches = Number.POSITIVE_INFINITY } = this.#options.driver;
    const hasRoom = (): boolean =>
      batches.length === 0 ||
      (batches.length < mostBatches && bytes + this.#typicalBytes <= MAX_REQUEST_BYTES);

    if (lane.line.length > 0) {
      const line = lane.line;
      lane.line = [];
      let at = 0;
      for (; at < line.length && hasRoom(); at++) {
        const queue = line[at] as PartitionQueue;
        queue.isListed = false;
        if (queue.isHeld) continue;
        const batch = queue.again.shift() ?? source.next(queue, ns);
        if (batch === null) continue;
        take(queue, batch);
        if (queue.again.length > 0 || source.hasMore(queue)) this.enlist(queue);
      }
      // Those that found no room come first next time.
      if (at < line.length) lane.line = [...line.slice(at), ...lane.line];
    }
    const { partitions } = lane;
    const isIn = batches.length === 0 ? null : new Set(batches.map(({ partition }) => partition));
    if (source.isEndless) {
      for (let tried = 0; tried < partitions.length && hasRoom(); tried++) {
        if (this.#heldBytes >= BUFFER_BYTES && (batches.length > 0 || this.#underWay > 0)) break;
        const queue = partitions[lane.turn % partitions.length] as PartitionQueue;
        lane.turn = (lane.turn + 1) % partitions.length;
        if (queue.isHeld || isIn?.has(queue.index) === true) continue;
        const batch = source.next(queue, ns);
        if (batch === null) break;
        take(queue, batch);
      }
    } else if (isIn !== null) {
      // As Kafka's own client: a request takes along what other partitions of that leader have, full or not.
      for (const queue of source.openQueues) {
        if (!hasRoom()) break;
        if (queue.lane !== lane || queue.isHeld || queue.isListed || isIn.has(queue.index))
          continue;
        const batch = source.along(queue, ns);
        if (batch !== null) take(queue, batch);
      }
    }
    return batches;
  }

  #send(lane: Lane, batches: Batch[], ns: number): void {
    const { driver, meter } = this.#options;
    lane.underWay += 1;
    this.#underWay += 1;
    meter.requestSent(ns);
    for (const batch of batches) {
      batch.sentNs = ns;
      if (batch.attempts === 0) meter.batchSent(batch, ns);
      batch.attempts += 1;
    }
    driver.send(lane.id, batches).then(
      (outcomes) => this.#settle(lane, batches, outcomes),
      (error: unknown) => this.#failWith(error),
    );
  }

  #settle(lane: Lane, batches: readonly Batch[], outcomes: readonly Outcome[]): void {
    if (this.#isOver) return;
    const { pool, meter } = this.#options;
    const ns = nowNs();
    lane.underWay -= 1;
    this.#underWay -= 1;
    meter.requestDone(ns);
    for (let at = 0; at < batches.length; at++) {
      const batch = batches[at] as Batch;
      const queue = this.queues[batch.partition] as PartitionQueue;
      queue.underWay.delete(batch);
      if (outcomes[at] === Outcome.ACKNOWLEDGED) {
        queue.acknowledge(batch);
        meter.acknowledged(batch, batch.answeredNs === 0 ? ns : batch.answeredNs);
        this.#heldBytes -= batch.wireBytes;
        pool.release(batch);
      } else {
        meter.failed(batch);
        queue.sendAgain(batch);
        queue.isHeld = true;
      }
      if (queue.isHeld && queue.underWay.size === 0) this.#releaseLater(queue);
    }
    this.#source?.onRoom();
    this.#pump(lane);
    if (this.#whenIdle !== null && this.#underWay === 0 && this.#isIdle) this.#whenIdle();
  }

  #releaseLater(queue: PartitionQueue): void {
    setTimeout(() => {
      if (this.#isOver) return;
      queue.isHeld = false;
      this.enlist(queue);
      this.pump(queue);
    }, RETRY_BACKOFF_MS);
  }

  #failWith(error: unknown): void {
    if (this.#isOver || this.#failure !== null) return;
    this.#failure = asBenchError(error);
    this.#isOver = true;
    this.#fail(this.#failure);
    this.#whenIdle?.();
  }
}
