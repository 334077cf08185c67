import type { Cell } from '../model/knobs.js';
import { createRandom, type Random } from '../random.js';
import { Alarm } from './alarm.js';
import type { Batch } from './batch.js';
import { NS_PER_MS, NS_PER_SECOND, nowNs } from './clock.js';
import type { BatchMaking } from './closed-loop.js';
import type { Keys } from './keys.js';
import type { PartitionQueue } from './partition-queue.js';
import { type BatchSource, BUFFER_BYTES, type Producer } from './producer.js';
import type { ProducerMeter } from './producer-meter.js';

/** Behind its schedule, it lets others have a turn after so long. */
const SLICE_NS = 2 * NS_PER_MS;

/** To look at the clock costs as much as a step. */
const STEPS_BETWEEN_LOOKS = 64;

export interface OpenLoopOptions {
  readonly making: BatchMaking;
  readonly producer: Producer;
  readonly meter: ProducerMeter;
  readonly keys: Keys | null;
  readonly startNs: number;
  readonly untilNs: () => number;
  /** Of this producer. */
  readonly bytesPerSecond: number;
  /** Uniform arrivals: which share of a gap this producer's records come after the first one's, so that they do not come together. */
  readonly phase: number;
  readonly arrivals: Cell['arrivals'];
  readonly lingerMs: number;
  readonly seed: number;
}

/** What waits of one partition. */
interface Waiting {
  /** Batches with all the records they can have, not stamped yet. */
  readonly full: Batch[];
  open: Batch | null;
  /** The open one has lingered: it leaves as it is, and takes records until it does. */
  isDue: boolean;
}

interface Deadline {
  readonly ns: number;
  readonly queue: PartitionQueue;
  readonly batch: Batch;
  readonly firstDueNs: number;
}

/**
 * Records at a set rate, each with a time of its own that does not wait for anything: a record is never skipped because
 * earlier ones are late. Batches leave when they are full or have lingered, as a Kafka client's. Works from one such moment
 * to the next: records between them are written down ahead, as nobody can see them before their batch leaves.
 */
export class OpenLoop implements BatchSource {
  readonly isEndless = false;
  readonly #options: OpenLoopOptions;
  readonly #random: Random;
  readonly #waiting: readonly Waiting[];
  readonly #open = new Set<PartitionQueue>();
  readonly #alarm = new Alarm(() => this.#run());
  readonly #bytesPerNs: number;
  readonly #lingerNs: number;
  /** In order of their times. */
  readonly #deadlines: Deadline[] = [];
  #waitingBytes = 0;
  #nextDueNs: number;
  /** Without keys: the partition that records go to until its batch leaves. */
  #sticky: number;
  /** A batch that will be full when its last record is due. */
  #filling: { readonly queue: PartitionQueue; readonly ns: number } | null = null;
  #isBlocked = false;
  #isRunning = false;
  #isClosed = false;

  constructor(options: OpenLoopOptions) {
    this.#options = options;
    const { producer, making } = options;
    this.#random = createRandom(options.seed);
    this.#waiting = producer.queues.map(() => ({ full: [], open: null, isDue: false }));
    this.#bytesPerNs = options.bytesPerSecond / NS_PER_SECOND;
    this.#lingerNs = options.lingerMs * NS_PER_MS;
    this.#sticky = making.producer % producer.queues.length;
    this.#nextDueNs = options.startNs;
  }

  begin(): void {
    const { arrivals, phase, making } = this.#options;
    const example = making.pool.take(this.#sticky);
    const gapNs = example.valueBytesOf(0) / this.#bytesPerNs;
    making.pool.release(example);
    this.#nextDueNs += arrivals === 'uniform' ? gapNs * phase : this.#draw(gapNs);
    this.#run();
  }

  onRoom(): void {
    if (this.#isBlocked) this.#run();
  }

  hasMore({ index }: PartitionQueue): boolean {
    const waiting = this.#waiting[index] as Waiting;
    return waiting.full.length > 0 || waiting.isDue;
  }

  next(queue: PartitionQueue, ns: number): Batch | null {
    const waiting = this.#waiting[queue.index] as Waiting;
    const full = waiting.full.shift();
    if (full !== undefined) return this.#finish(queue, full, full.records);
    return waiting.isDue ? this.along(queue, ns) : null;
  }

  get openQueues(): Iterable<PartitionQueue> {
    return this.#open;
  }

  along(queue: PartitionQueue, ns: number): Batch | null {
    const waiting = this.#waiting[queue.index] as Waiting;
    const batch = waiting.open;
    if (batch === null || waiting.full.length > 0) return null;
    let count = batch.records;
    while (count > 0 && batch.dueNs[count - 1]! > ns) count -= 1;
    if (count === 0) return null;
    if (!waiting.isDue) batch.plannedNs = ns;
    this.#closeOpen(queue, waiting);
    if (this.#filling?.queue === queue) this.#filling = null;
    for (let at = count; at < batch.records; at++) this.#put(queue, batch.dueNs[at]!);
    for (let at = count; at < batch.records; at++) this.#waitingBytes -= batch.valueBytesOf(at);
    return this.#finish(queue, batch, count);
  }

  /** All moments up to the end have passed, or there is no room for what they would bring. */
  get isScheduleOver(): boolean {
    if (this.#isBlocked) return true;
    return (
      this.#filling === null &&
      this.#nextDueNs >= this.#options.untilNs() &&
      this.#firstDeadline() === null
    );
  }

  get isWaiting(): boolean {
    return this.#waitingBytes > 0;
  }

  /** The time is over: what did not leave by now never does, and counts as late as it is. */
  close(): void {
    const { meter, untilNs } = this.#options;
    this.#isClosed = true;
    this.#alarm.clear();
    const ns = nowNs();
    for (const waiting of this.#waiting) {
      for (const batch of waiting.full.splice(0)) meter.abandoned(batch, ns);
      if (waiting.open !== null) meter.abandoned(waiting.open, ns);
      waiting.open = null;
      waiting.isDue = false;
    }
    this.#open.clear();
    const { making } = this.#options;
    const example = making.pool.take(this.#sticky);
    for (let at = 0; this.#nextDueNs < untilNs(); at++) {
      meter.recordDue(this.#nextDueNs);
      meter.recordAbandoned(this.#nextDueNs, ns);
      this.#nextDueNs += this.#gapNs(example.valueBytesOf(at % example.capacity));
    }
  }

  /** Does what is due and sets the alarm for what is next. */
  #run(): void {
    // A batch that leaves may be acknowledged at once, which asks for the next.
    if (this.#isRunning || this.#isClosed) return;
    this.#isRunning = true;
    this.#isBlocked = false;
    const startedNs = nowNs();
    let ns = startedNs;
    for (let steps = 1; ; steps++) {
      const nextNs = this.#step(ns);
      if (nextNs === null) break;
      if (nextNs <= ns && steps % STEPS_BETWEEN_LOOKS !== 0) continue;
      ns = nowNs();
      if (nextNs <= ns && ns - startedNs < SLICE_NS) continue;
      if (nextNs <= ns) setImmediate(() => this.#run());
      else this.#alarm.set(nextNs);
      break;
    }
    this.#isRunning = false;
  }

  /** One moment's work. Returns when there is more: a time that has passed, one to come, or null for when there is room. */
  #step(ns: number): number | null {
    const filling = this.#filling;
    if (filling !== null) {
      if (filling.ns > ns) return filling.ns;
      this.#filling = null;
      this.#filled(filling.queue);
      return ns;
    }
    const deadline = this.#firstDeadline();
    const deadlineNs = deadline?.ns ?? Number.POSITIVE_INFINITY;
    const dueNs = this.#nextDueNs;
    if (dueNs < this.#options.untilNs() && dueNs <= deadlineNs) {
      if (this.#waitingBytes + this.#options.producer.heldBytes >= BUFFER_BYTES) {
        this.#isBlocked = true;
        return null;
      }
      this.#arrive(dueNs);
      return ns;
    }
    if (deadline === null) return null;
    if (deadlineNs > ns) return deadlineNs;
    this.#deadlines.shift();
    const waiting = this.#waiting[deadline.queue.index] as Waiting;
    waiting.isDue = true;
    deadline.batch.plannedNs = deadlineNs;
    this.#send(deadline.queue);
    return ns;
  }

  #arrive(dueNs: number): void {
    const { producer, keys, meter } = this.#options;
    const partition = keys === null ? this.#sticky : keys.draw();
    meter.recordDue(dueNs);
    const bytes = this.#put(producer.queues[partition] as PartitionQueue, dueNs);
    this.#nextDueNs = dueNs + this.#gapNs(bytes);
  }

  /** Adds a record to the open batch of a partition. Returns the bytes of its value. */
  #put(queue: PartitionQueue, dueNs: number): number {
    const waiting = this.#waiting[queue.index] as Waiting;
    let batch = waiting.open;
    if (batch === null) {
      batch = this.#options.making.pool.take(queue.index);
      batch.records = 0;
      waiting.open = batch;
      this.#open.add(queue);
      this.#addDeadline({ ns: dueNs + this.#lingerNs, queue, batch, firstDueNs: dueNs });
    }
    const bytes = batch.valueBytesOf(batch.records);
    batch.dueNs[batch.records] = dueNs;
    batch.records += 1;
    this.#waitingBytes += bytes;
    if (batch.records === batch.capacity) {
      if (this.#filling === null) this.#filling = { queue, ns: dueNs };
      else this.#filled(queue);
    }
    return bytes;
  }

  #filled(queue: PartitionQueue): void {
    const waiting = this.#waiting[queue.index] as Waiting;
    const batch = waiting.open as Batch;
    batch.plannedNs = waiting.isDue
      ? batch.plannedNs
      : Math.min(batch.dueNs[batch.records - 1]!, batch.dueNs[0]! + this.#lingerNs);
    this.#closeOpen(queue, waiting);
    waiting.full.push(batch);
    this.#send(queue);
  }

  #closeOpen(queue: PartitionQueue, waiting: Waiting): void {
    waiting.open = null;
    waiting.isDue = false;
    this.#open.delete(queue);
    if (queue.index === this.#sticky) this.#sticky = (this.#sticky + 1) % this.#waiting.length;
  }

  #send(queue: PartitionQueue): void {
    const { producer } = this.#options;
    producer.enlist(queue);
    producer.pump(queue);
  }

  #finish(queue: PartitionQueue, batch: Batch, records: number): Batch {
    const { making } = this.#options;
    batch.sequence = queue.numbered;
    queue.numbered += records;
    batch.finish({
      records,
      producer: making.producer,
      isEachDue: true,
      isNumbered: making.isNumbered,
      nowMs: Date.now(),
      isEncoded: making.isEncoded,
    });
    this.#waitingBytes -= batch.valueBytes;
    return batch;
  }

  #addDeadline(deadline: Deadline): void {
    let at = this.#deadlines.length;
    while (at > 0 && this.#deadlines[at - 1]!.ns > deadline.ns) at -= 1;
    this.#deadlines.splice(at, 0, deadline);
  }

  /** Of a batch that is still open and has not lingered. */
  #firstDeadline(): Deadline | null {
    for (;;) {
      const first = this.#deadlines[0];
      if (first === undefined) return null;
      const waiting = this.#waiting[first.queue.index] as Waiting;
      if (
        waiting.open === first.batch &&
        !waiting.isDue &&
        first.batch.dueNs[0] === first.firstDueNs
      ) {
        return first;
      }
      this.#deadlines.shift();
    }
  }

  #gapNs(bytes: number): number {
    const gapNs = bytes / this.#bytesPerNs;
    return this.#options.arrivals === 'uniform' ? gapNs : this.#draw(gapNs);
  }

  #draw(meanNs: number): number {
    return -Math.log(1 - this.#random.next()) * meanNs;
  }
}
