export { BenchError, type BenchErrorCode } from '../model/bench-error.js';

import type { LoadConnection } from '../load/plan.js';
import type { BenchError } from '../model/bench-error.js';
import type { Cell } from '../model/knobs.js';
import type {
  Crash,
  Failover,
  MachineUsage,
  ProcessUsage,
  Rebalance,
  Recovery,
  TargetInfo,
} from '../model/result.js';

/**
 * Something that can be measured. Adding one is one file in this folder and its line in `index.ts`.
 * A target is opened once for all cells that share `openKey`, and holds nothing after `close`.
 */
export interface Target {
  /** As people name it: `cluster`, `kafka://127.0.0.1:9092`. */
  readonly name: string;
  /** The same cell with every knob that means nothing here at its default, so that a matrix does not measure it twice. */
  normal(cell: Cell): Cell;
  /** Why this cell makes no sense here (a knob that it cannot turn), or null. Shown as it is, with the value and the limit. */
  refusal(cell: Cell): string | null;
  /** Load that is not measured, after it was started: what it needs to run as it does after a while. 0: none. */
  readonly warmUpSeconds: number;
  /** Cells with equal keys can share what `open` started. */
  openKey(cell: Cell): string;
  open(options: OpenTargetOptions): Promise<OpenTarget>;
}

export interface OpenTargetOptions {
  /** Of the first cell; others with the same `openKey` follow. */
  readonly cell: Cell;
  /** A new empty directory of its own, removed by the caller after `close`. */
  readonly directory: string;
  readonly onEvent?: (text: string) => void;
  /** Flags of Node for the processes of brokers, by their ids: a profiler. Only of brokers that are started for the run. */
  readonly nodeFlags?: Readonly<Record<number, readonly string[]>>;
  readonly signal: AbortSignal;
}

export interface OpenTarget {
  readonly info: TargetInfo;
  /** Makes the topic of a cell; resolves when every partition has a leader and all its replicas are in sync. */
  prepare(cell: Cell, topic: string): Promise<PreparedTopic>;
  /** After an error: is it still usable for the next cell? */
  isUsable(): Promise<boolean>;
  close(): Promise<void>;
}

/** What is there for one run of one cell. */
export interface PreparedTopic {
  readonly topic: string;
  /** How load processes reach it. */
  readonly connection: LoadConnection;
  /** Starts to count what the target's processes use; `stop` gives what was used since. Load processes are not in it. */
  startUsage(): Promise<UsageMeter>;
  /** What the cell's experiment does; null: this target cannot. Called while load is on, in the middle of the window. */
  readonly disturb: Disturbance | null;
  /**
   * Resolves when what is measured breaks in a way that nobody of the suite has asked for, which makes the run worthless;
   * else never. Null: this target has nothing that could without the load noticing.
   */
  readonly broken: Promise<BenchError> | null;
  /** Deletes the topic and its data. Of what is broken, only what would stay behind when the target is closed. */
  remove(): Promise<void>;
}

export interface UsageMeter {
  stop(): Promise<Usage>;
}

export interface Usage {
  readonly processes: readonly ProcessUsage[];
  readonly machine: MachineUsage | null;
  /** Calls of fsync and fdatasync; null where they are not counted. */
  readonly syncs: number | null;
}

/** What a run gives to an experiment: acknowledgements as they come. */
export interface LoadView {
  /** Monotonic nanoseconds (CLOCK_MONOTONIC) of acknowledgements of partition 0, since the last call. */
  takeAcknowledgements(): readonly number[];
  /** Acknowledged records of every partition, up to now: [partition] = number of records. Sequence numbers have no gaps. */
  acknowledgedRecords(): Promise<readonly number[]>;
  /** Ends the load now, before the window is over. */
  stopLoad(): Promise<void>;
}

export interface DisturbanceOutcome {
  readonly failover?: Failover;
  readonly crash?: Crash;
  readonly recovery?: Recovery;
  readonly rebalance?: Rebalance;
  /** When it was done, by the monotonic clock. Default: when the experiment was called. */
  readonly deedNs?: number;
}

export type Disturbance = (view: LoadView, signal: AbortSignal) => Promise<DisturbanceOutcome>;
