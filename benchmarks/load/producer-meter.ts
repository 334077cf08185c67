import { Latencies } from '../latency.js';
import type { Batch } from './batch.js';
import { NS_PER_MS } from './clock.js';
import type { LoadResult } from './plan.js';
import { MeanOverTime, Timeline, type Window } from './window.js';

/** Records whose latencies differ by less than this share of them are counted at once; the histogram has 3 digits. */
const SAME_LATENCY = 1 / 4096;

/** Counts what a producer sends. Only records that were due within the window count; the ticks count acknowledgements. */
export class ProducerMeter {
  readonly #window: Window;
  readonly #timeline: Timeline;
  readonly #inFlight: MeanOverTime;
  readonly #corrected = new Latencies();
  readonly #service = new Latencies();
  readonly #recent = new Latencies();
  readonly #isOpenLoop: boolean;
  readonly #keepsAcknowledgements: boolean;
  #requestsUnderWay = 0;
  #records = 0;
  #bytes = 0;
  #wireBytes = 0;
  #batches = 0;
  #requests = 0;
  #errors = 0;
  #due = 0;
  #behindNs = 0;
  #recentRecords = 0;
  #recentBytes = 0;
  #acknowledgedAtNs: number[] = [];

  constructor(options: {
    readonly window: Window;
    readonly isOpenLoop: boolean;
    /** Of partition 0, one by one; the timeline is finer too: something happens meanwhile. */
    readonly keepsAcknowledgements: boolean;
  }) {
    this.#window = options.window;
    this.#isOpenLoop = options.isOpenLoop;
    this.#keepsAcknowledgements = options.keepsAcknowledgements;
    this.#timeline = new Timeline(options.window, options.keepsAcknowledgements);
    this.#inFlight = new MeanOverTime(options.window);
  }

  requestSent(ns: number): void {
    this.#requestsUnderWay += 1;
    this.#inFlight.set(this.#requestsUnderWay, ns);
    if (this.#window.has(ns)) this.#requests += 1;
  }

  requestDone(ns: number): void {
    this.#requestsUnderWay -= 1;
    this.#inFlight.set(this.#requestsUnderWay, ns);
  }

  /** Open loop: a record's time has come. */
  recordDue(ns: number): void {
    if (this.#window.has(ns)) this.#due += 1;
  }

  batchSent(batch: Batch, ns: number): void {
    const behindNs = ns - batch.plannedNs;
    if (behindNs > this.#behindNs && this.#window.has(batch.plannedNs)) this.#behindNs = behindNs;
  }

  acknowledged(batch: Batch, ns: number): void {
    const { records, valueBytes } = batch;
    this.#timeline.add(ns, records);
    this.#recentRecords += records;
    this.#recentBytes += valueBytes;
    if (this.#keepsAcknowledgements && batch.partition === 0) this.#acknowledgedAtNs.push(ns);
    if (this.#window.has(batch.dueNs[0]!)) {
      this.#batches += 1;
      this.#wireBytes += batch.wireBytes;
    }
    if (this.#isOpenLoop) {
      this.#countEach(batch, ns, ns - batch.sentNs);
      return;
    }
    const latencyNs = ns - batch.dueNs[0]!;
    this.#recent.recordAlsoNs(latencyNs, records, this.#timeline.latenciesAt(ns), null);
    if (!this.#window.has(batch.dueNs[0]!)) return;
    this.#records += records;
    this.#bytes += valueBytes;
    this.#corrected.recordNs(latencyNs, records);
    this.#service.recordNs(ns - batch.sentNs, records);
  }

  /** Refused, or without an answer; it may be sent again. */
  failed(batch: Batch): void {
    this.#errors += this.#recordsInWindow(batch);
  }

  /** Open loop: the load is over, and this was never acknowledged. It has waited until now at least, and counts with that. */
  abandoned(batch: Batch, ns: number): void {
    for (let at = 0; at < batch.records; at++) this.recordAbandoned(batch.dueNs[at]!, ns);
  }

  recordAbandoned(dueNs: number, ns: number): void {
    if (this.#isOpenLoop && this.#window.has(dueNs)) this.#corrected.recordNs(ns - dueNs, 1);
  }

  takeProgress(): {
    readonly records: number;
    readonly bytes: number;
    readonly p50Us: number | null;
    readonly p99Us: number | null;
    readonly acknowledgedAtNs: readonly number[];
  } {
    const [p50Us = null, p99Us = null] = this.#recent.takePercentilesUs([50, 99]) ?? [];
    const progress = {
      records: this.#recentRecords,
      bytes: this.#recentBytes,
      p50Us,
      p99Us,
      acknowledgedAtNs: this.#acknowledgedAtNs,
    };
    this.#recentRecords = 0;
    this.#recentBytes = 0;
    this.#acknowledgedAtNs = [];
    return progress;
  }

  result(): Pick<
    LoadResult,
    | 'records'
    | 'bytes'
    | 'wireBytes'
    | 'batches'
    | 'requests'
    | 'errors'
    | 'seconds'
    | 'meanInFlight'
    | 'dueRecords'
    | 'behindMs'
    | 'corrected'
    | 'service'
    | 'ticks'
  > {
    return {
      records: this.#records,
      bytes: this.#bytes,
      wireBytes: this.#wireBytes,
      batches: this.#batches,
      requests: this.#requests,
      errors: this.#errors,
      seconds: this.#window.seconds,
      meanInFlight: this.#inFlight.mean(),
      dueRecords: this.#isOpenLoop ? this.#due : null,
      behindMs: this.#isOpenLoop ? this.#behindNs / NS_PER_MS : 0,
      corrected: this.#corrected.encoded(),
      service: this.#service.encoded(),
      ticks: this.#timeline.ticks('producedRecords'),
    };
  }

  /** Each record from its own time; runs of nearly the same latency at once. */
  #countEach(batch: Batch, ns: number, serviceNs: number): void {
    const { dueNs, records } = batch;
    const ofTick = this.#timeline.latenciesAt(ns);
    let counted = 0;
    let countedBytes = 0;
    for (let first = 0; first < records; ) {
      const firstNs = dueNs[first]!;
      const withinNs = (ns - firstNs) * SAME_LATENCY;
      const isCounted = this.#window.has(firstNs);
      let end = first + 1;
      while (
        end < records &&
        dueNs[end]! - firstNs <= withinNs &&
        this.#window.has(dueNs[end]!) === isCounted
      ) {
        end += 1;
      }
      const count = end - first;
      if (isCounted) {
        counted += count;
        countedBytes += batch.valueBytesOfFirst(end) - batch.valueBytesOfFirst(first);
        this.#corrected.recordAlsoNs(ns - firstNs, count, this.#recent, ofTick);
      } else {
        this.#recent.recordAlsoNs(ns - firstNs, count, ofTick, null);
      }
      first = end;
    }
    this.#records += counted;
    this.#bytes += countedBytes;
    if (counted > 0) this.#service.recordNs(serviceNs, counted);
  }

  #recordsInWindow(batch: Batch): number {
    if (!this.#isOpenLoop) return this.#window.has(batch.dueNs[0]!) ? batch.records : 0;
    let count = 0;
    for (let at = 0; at < batch.records; at++) if (this.#window.has(batch.dueNs[at]!)) count += 1;
    return count;
  }
}
