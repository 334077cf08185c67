import type { RecordInput } from './varve.js';

/**
 * What an append waits for before the next one of its partition is sent:
 * `none`: the bytes are in the page cache. `end`: the same, and one flush of everything at the end,
 * inside the timer. `batch`: every batch is on disk (fdatasync).
 */
export type Durability = 'none' | 'end' | 'batch';
export const DURABILITIES: readonly Durability[] = ['none', 'end', 'batch'];

/** What the engine promises at each durability: what a crash would lose. */
export const LOST_IN_A_CRASH: Readonly<Record<Durability, string>> = {
  none: 'process dies: nothing; power fails: what the kernel has not written yet',
  end: 'process dies: nothing; power fails: what was appended since the last flush',
  batch: 'nothing that was acknowledged',
};

/** Something that can be benchmarked. A network target implements the same two interfaces. */
export interface Target {
  readonly name: string;
  open(options: OpenOptions): Promise<OpenTarget>;
}

export interface OpenOptions {
  /** An empty directory of its own. */
  readonly directory: string;
  readonly partitions: number;
  /** The largest batch that will be appended, in bytes of record values. */
  readonly largestBatchBytes: number;
  readonly largestBatchRecords: number;
}

export interface OpenTarget {
  /** Settings the target runs with, for the result file. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** Appends one batch; when it returns the batch is in the page cache. */
  append(partition: number, records: readonly RecordInput[]): void;
  /** Appends one batch; resolves when it survives power loss. */
  appendDurable(partition: number, records: readonly RecordInput[]): Promise<void>;
  /** Resolves when everything appended survives power loss. */
  flush(): Promise<void>;
  /** Reads a partition from its start, every record value as a view. */
  read(partition: number): Promise<ReadTotals>;
  close(): Promise<void>;
}

export interface ReadTotals {
  readonly records: number;
  readonly valueBytes: number;
  /** Sum of first and last byte of each value: cheap, and wrong bytes show. */
  readonly checksum: number;
}
