import { Latencies } from '../latency.js';
import type { LoadResult } from './plan.js';
import { STAMP_BYTES, stampedNs } from './stamp.js';
import { Timeline, type Window } from './window.js';

/** As `ProducerMeter`'s. */
const SAME_LATENCY = 1 / 4096;

/**
 * Counts what a consumer reads: records and bytes by when they were read; latency, of all records that were due within the
 * window, from that time to when they were read, even if that was after it.
 */
export class ConsumerMeter {
  readonly #window: Window;
  readonly #timeline: Timeline;
  readonly #endToEnd = new Latencies();
  readonly #recent = new Latencies();
  readonly #byPartition: Float64Array;
  /** The time of the last record of each partition that had one. 0: none yet. */
  readonly #lastNs: Float64Array;
  /** Without it the time says nothing: records that lay there before. */
  readonly #measuresLatency: boolean;
  #records = 0;
  #bytes = 0;
  #wireBytes = 0;
  #batches = 0;
  #requests = 0;
  #errors = 0;
  #recentRecords = 0;
  #recentBytes = 0;
  /** A run of records with nearly the same latency, not yet counted. */
  #runFirstNs = 0;
  #runCount = 0;

  constructor(options: {
    readonly window: Window;
    readonly partitions: number;
    readonly measuresLatency: boolean;
    readonly isExperiment: boolean;
  }) {
    this.#window = options.window;
    this.#measuresLatency = options.measuresLatency;
    this.#timeline = new Timeline(options.window, options.isExperiment);
    this.#byPartition = new Float64Array(options.partitions);
    this.#lastNs = new Float64Array(options.partitions);
  }

  requestDone(ns: number): void {
    if (this.#window.has(ns)) this.#requests += 1;
  }

  failed(): void {
    this.#errors += 1;
  }

  batchRead(ns: number, wireBytes: number): void {
    if (!this.#window.has(ns)) return;
    this.#batches += 1;
    this.#wireBytes += wireBytes;
  }

  /** Of one partition, one answer: `count` records and `bytes` of values. */
  recordsRead(partition: number, ns: number, count: number, bytes: number): void {
    this.#byPartition[partition]! += count;
    this.#recentRecords += count;
    this.#recentBytes += bytes;
    if (!this.#window.has(ns)) return;
    this.#timeline.add(ns, count);
    this.#records += count;
    this.#bytes += bytes;
  }

  /** The time of a record of `partition`, whose value begins at `at`; `endRun` after the last of an answer. */
  stamp(partition: number, bytes: Uint8Array, at: number, length: number, ns: number): void {
    if (!this.#measuresLatency || length < STAMP_BYTES) return;
    const stampNs = stampedNs(bytes, at);
    if (stampNs === 0) {
      const lastNs = this.#lastNs[partition]!;
      // Most records of a closed loop: as the one before, which the run that is being counted began with.
      if (lastNs === this.#runFirstNs && this.#runCount > 0) this.#runCount += 1;
      else this.due(partition, lastNs, 1, ns);
      return;
    }
    this.due(partition, stampNs, 1, ns);
  }

  /** `count` records that were due at `dueNs` were read at `ns`. 0 or a time to come: unknown, not counted. */
  due(partition: number, dueNs: number, count: number, ns: number): void {
    if (dueNs === 0 || dueNs > ns) return;
    this.#lastNs[partition] = dueNs;
    const firstNs = this.#runFirstNs;
    if (this.#runCount > 0 && Math.abs(dueNs - firstNs) <= (ns - firstNs) * SAME_LATENCY) {
      const isSame = this.#window.has(dueNs) === this.#window.has(firstNs);
      if (isSame) {
        this.#runCount += count;
        return;
      }
    }
    this.endRun(ns);
    this.#runFirstNs = dueNs;
    this.#runCount = count;
  }

  /** Counts what was read at `ns`. */
  endRun(ns: number): void {
    if (this.#runCount === 0) return;
    const latencyNs = ns - this.#runFirstNs;
    if (this.#window.has(this.#runFirstNs)) {
      this.#endToEnd.recordAlsoNs(latencyNs, this.#runCount, this.#recent, null);
    } else {
      this.#recent.recordNs(latencyNs, this.#runCount);
    }
    this.#runCount = 0;
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
      acknowledgedAtNs: [],
    };
    this.#recentRecords = 0;
    this.#recentBytes = 0;
    return progress;
  }

  get byPartition(): readonly number[] {
    return Array.from(this.#byPartition);
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
    | 'byPartition'
  > {
    return {
      records: this.#records,
      bytes: this.#bytes,
      wireBytes: this.#wireBytes,
      batches: this.#batches,
      requests: this.#requests,
      errors: this.#errors,
      seconds: this.#window.seconds,
      meanInFlight: 0,
      dueRecords: null,
      behindMs: 0,
      corrected: this.#endToEnd.encoded(),
      service: null,
      ticks: this.#timeline.ticks('consumedRecords'),
      byPartition: this.byPartition,
    };
  }
}
