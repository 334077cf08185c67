import type { Batch } from './batch.js';
import type { BatchPool } from './batch-pool.js';
import { nowNs } from './clock.js';
import type { Keys } from './keys.js';
import type { PartitionQueue } from './partition-queue.js';
import { type BatchSource, BUFFER_BYTES, type Producer } from './producer.js';

/**
 * With keys: beside two for each partition. A client's whole memory would do too, but until a busy partition has filled it,
 * which takes thousands of batches, all partitions get the same.
 */
const FEWEST_WAITING = 16;

export interface BatchMaking {
  readonly pool: BatchPool;
  readonly producer: number;
  readonly isNumbered: boolean;
  readonly isEncoded: boolean;
}

/** Full batches as fast as they are taken, for every partition, until the time is over. */
export class ClosedLoop implements BatchSource {
  readonly isEndless = true;
  readonly #making: BatchMaking;
  readonly #untilNs: () => number;

  constructor(making: BatchMaking, untilNs: () => number) {
    this.#making = making;
    this.#untilNs = untilNs;
  }

  begin(): void {}

  onRoom(): void {}

  hasMore(): boolean {
    return false;
  }

  next(queue: PartitionQueue, ns: number): Batch | null {
    return ns < this.#untilNs() ? makeFull(this.#making, queue, ns) : null;
  }

  readonly openQueues = [];

  along(): null {
    return null;
  }
}

/** The same with keys: partitions get batches by their weights, and a busy one holds up the others, as in a real client. */
export class KeyedClosedLoop implements BatchSource {
  readonly isEndless = false;
  readonly #making: BatchMaking;
  readonly #producer: Producer;
  readonly #keys: Keys;
  readonly #untilNs: () => number;
  /** Batches that wait for each partition; they are made when they are taken. */
  readonly #waiting: Uint32Array;
  #waitingInAll = 0;
  readonly #mostWaiting: number;

  constructor(options: {
    readonly making: BatchMaking;
    readonly producer: Producer;
    readonly keys: Keys;
    readonly untilNs: () => number;
    readonly batchBytes: number;
  }) {
    this.#making = options.making;
    this.#producer = options.producer;
    this.#keys = options.keys;
    this.#untilNs = options.untilNs;
    this.#waiting = new Uint32Array(options.producer.queues.length);
    const partitions = options.producer.queues.length;
    const fitting = Math.max(1, Math.floor(BUFFER_BYTES / options.batchBytes));
    this.#mostWaiting = Math.min(fitting, FEWEST_WAITING + 2 * partitions);
  }

  begin(): void {
    while (this.#waitingInAll < this.#mostWaiting) this.#add();
  }

  onRoom(): void {}

  hasMore({ index }: PartitionQueue): boolean {
    return this.#waiting[index]! > 0 && nowNs() < this.#untilNs();
  }

  next(queue: PartitionQueue, ns: number): Batch | null {
    if (ns >= this.#untilNs() || this.#waiting[queue.index] === 0) return null;
    this.#waiting[queue.index]! -= 1;
    this.#waitingInAll -= 1;
    this.#add();
    return makeFull(this.#making, queue, ns);
  }

  readonly openQueues = [];

  along(): null {
    return null;
  }

  #add(): void {
    const partition = this.#keys.draw();
    this.#waiting[partition]! += 1;
    this.#waitingInAll += 1;
    this.#producer.enlist(this.#producer.queues[partition] as PartitionQueue);
  }
}

function makeFull(making: BatchMaking, queue: PartitionQueue, ns: number): Batch {
  const batch = making.pool.take(queue.index);
  batch.dueNs[0] = ns;
  batch.plannedNs = ns;
  batch.sequence = queue.numbered;
  queue.numbered += batch.capacity;
  batch.finish({
    records: batch.capacity,
    producer: making.producer,
    isEachDue: false,
    isNumbered: making.isNumbered,
    nowMs: Date.now(),
    isEncoded: making.isEncoded,
  });
  return batch;
}
