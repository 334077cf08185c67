import type { Cell } from '../model/knobs.js';
import type { LatencySummary, Tick } from '../model/result.js';
import type { NetworkTotals } from '../network-meter.js';

/**
 * What the suite and its load processes say to each other, over Node's channel between parent and child, as plain JSON.
 *
 * parent: `plan` -> child: `ready` (connected, everything encoded) -> parent: `start` with the times of the window on the
 * clock that all processes share -> child: `progress` four times a second -> child: `done`, or `failed` at any time.
 * `stop` ends the load early: `done` follows. Consumers go on until they are told to `stop`, which is when all producers
 * are done: then they read what is in the log and end. The channel's end ends the child.
 */

/** How to reach what is measured. */
export type LoadConnection = BrokerConnection | EngineConnection | SimulatedConnection;

export interface BrokerConnection {
  readonly kind: 'brokers';
  /** `host:port` */
  readonly bootstrap: readonly string[];
  readonly tls: TlsOptions | null;
  readonly sasl: SaslOptions | null;
}

export interface TlsOptions {
  /** PEM files; null: the system's authorities. */
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
  readonly verify: boolean;
}

export interface SaslOptions {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username: string;
  readonly password: string;
}

/**
 * The engine inside the one load process, which has the directory to itself. `cell.producers` are concurrent writers in
 * it; what the load wrote is read back after it (`LoadResult.readBack`).
 */
export interface EngineConnection {
  readonly kind: 'engine';
  readonly directory: string;
}

/**
 * A service with known properties inside the load process, to test the suite's own honesty: each request takes
 * `serviceMs`, at most `bytesPerSecond` are taken, nothing is answered while it stalls, and
 * partitions scale by the Universal Scalability Law with `sigma` and `kappa`.
 */
export interface SimulatedConnection {
  readonly kind: 'simulated';
  readonly serviceMs: number;
  readonly bytesPerSecond: number;
  readonly stallAtMs: number | null;
  readonly stallMs: number;
  readonly sigma: number;
  readonly kappa: number;
  /** Relative standard deviation of the rate from run to run. */
  readonly spread: number;
  readonly seed: number;
}

export interface PayloadPlan {
  /** null: generated. */
  readonly file: string | null;
  readonly seed: number;
  /** Sizes vary around `recordBytes` instead of being exact. */
  readonly spread: 'exact' | 'mixed';
  /** Share of a value that repeats from value to value, 0 (random bytes) to 1; null: log-like text. */
  readonly compressibility: number | null;
}

export interface LoadPlan {
  readonly role: 'producer' | 'consumer';
  /** Of this role, from 0. */
  readonly index: number;
  /** Processes of this role (consumers: in the group). */
  readonly of: number;
  /** Consumers: which group, from 0. `reading: catch-up` has one more process, index 0 of group `cell.groups`. */
  readonly group: number;
  readonly cell: Cell;
  readonly topic: string;
  readonly connection: LoadConnection;
  readonly payload: PayloadPlan;
  /** Bytes of values a second for all producers together; null: closed loop. `cell.rate` as a share is resolved here. */
  readonly rateBytesPerSecond: number | null;
  /** Every record carries its partition's sequence number, so that losses and doubles can be counted: experiments. */
  readonly isNumbered: boolean;
}

/**
 * The reader beside the groups: it reads everything from the start, again and again, and has no latency. Its records are no
 * consumer's of the cell.
 */
export function isCatchUp(plan: LoadPlan): boolean {
  return plan.cell.reading === 'catch-up' && plan.group === plan.cell.groups;
}

/** CLOCK_MONOTONIC in nanoseconds (`process.hrtime`), the same clock in every process of a machine. */
export interface Schedule {
  /** Sending begins. */
  readonly startNs: number;
  /** Warm-up is over: what was sent, or was due, from here on counts. */
  readonly measureFromNs: number;
  readonly measureToNs: number;
}

export type ToLoad =
  | { readonly type: 'plan'; readonly plan: LoadPlan }
  | { readonly type: 'start'; readonly schedule: Schedule }
  /** Asks for an `acknowledged` now. */
  | { readonly type: 'count' }
  | { readonly type: 'stop' };

export type FromLoad =
  | { readonly type: 'ready' }
  | {
      readonly type: 'progress';
      readonly records: number;
      readonly bytes: number;
      /** Of the last quarter of a second; null: nothing came. */
      readonly p50Us: number | null;
      readonly p99Us: number | null;
      /** Numbered loads: times of acknowledgements of partition 0 since the last message. */
      readonly acknowledgedAtNs: readonly number[];
    }
  /** By partition: acknowledged without a gap, from the first record on. */
  | { readonly type: 'acknowledged'; readonly records: readonly number[] }
  | { readonly type: 'done'; readonly result: LoadResult }
  | { readonly type: 'failed'; readonly code: string; readonly message: string };

/**
 * What one load process measured. Only records that were due (or were read) inside the window are in it. What is under way
 * when the window ends is awaited, and counts by when it was due.
 */
export interface LoadResult {
  readonly role: 'producer' | 'consumer';
  readonly index: number;
  readonly group: number;
  readonly pid: number;
  readonly records: number;
  readonly bytes: number;
  readonly wireBytes: number;
  readonly batches: number;
  readonly requests: number;
  readonly errors: number;
  /** Of the window, of this process. */
  readonly seconds: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly peakRssBytes: number;
  /** Bytes over its sockets in the window; null: not counted. */
  readonly network: NetworkTotals | null;
  /** Mean over the window of requests under way, all connections together. Consumers: 0. */
  readonly meanInFlight: number;
  /** Open loop: records that were due in the window; closed loop: null. */
  readonly dueRecords: number | null;
  readonly behindMs: number;
  /** Producers: publish; consumers: end to end in `corrected`, `service` null. */
  readonly corrected: LatencySummary | null;
  readonly service: LatencySummary | null;
  /** Equal parts of the window, records of this process: when they were acknowledged, or read. */
  readonly ticks: readonly Tick[];
  /** Engine: everything that the load wrote, read back and compared after it. */
  readonly readBack: {
    readonly records: number;
    readonly bytes: number;
    readonly seconds: number;
  } | null;
  /** Acknowledged (producers) or read (consumers) records by partition, from the start of the load to its end. */
  readonly byPartition: readonly number[];
}
