import type { ReadTotals } from './embedded/target.js';
import type { RecordInput } from './embedded/varve.js';
import type { Cell } from './matrix.js';
import {
  createFileSource,
  createGenerator,
  type PayloadSource,
  type SizeSpread,
} from './payload.js';

/** Batches made before the clock starts; a run appends them round and round. */
export interface Workload {
  readonly description: string;
  readonly batches: readonly Batch[];
  readonly largestBatchBytes: number;
}

export interface Batch {
  readonly records: readonly RecordInput[];
  /** What reading this batch back must give. */
  readonly totals: ReadTotals;
}

export interface WorkloadOptions {
  readonly payloadFile: string | null;
  readonly spread: SizeSpread;
  readonly seed: number;
}

/** Enough different bytes that the source does not sit in the first cache, and little enough to be quick to make. */
const POOL_BYTES = 4 * 1024 * 1024;
const POOL_RECORDS_MAX = 50_000;

export function prepareWorkload(cell: Cell, options: WorkloadOptions): Workload {
  const source = openSource(cell, options);
  const batches: Batch[] = [];
  let poolBytes = 0;
  let poolRecords = 0;
  while (batches.length === 0 || (poolBytes < POOL_BYTES && poolRecords < POOL_RECORDS_MAX)) {
    const values = source.values(cell.batchRecords);
    const totals = totalsOf(values);
    batches.push({ records: values.map((value) => ({ value })), totals });
    // An all-empty payload must end too.
    poolBytes += totals.valueBytes + values.length;
    poolRecords += values.length;
  }
  return {
    description: source.description,
    batches,
    largestBatchBytes: Math.max(...batches.map((batch) => batch.totals.valueBytes)),
  };
}

/** The mean size of the values, rounded: what calibration measures for this workload. */
export function meanBatchBytes(workload: Workload): number {
  const total = workload.batches.reduce((sum, batch) => sum + batch.totals.valueBytes, 0);
  return Math.round(total / workload.batches.length);
}

/** Adds `value` to the checksum of `ReadTotals`. */
export function checksumOf(value: Uint8Array): number {
  return value.length === 0 ? 0 : (value[0] as number) + (value[value.length - 1] as number) * 256;
}

export function totalsOf(values: readonly Uint8Array[]): ReadTotals {
  let valueBytes = 0;
  let checksum = 0;
  for (const value of values) {
    valueBytes += value.length;
    checksum += checksumOf(value);
  }
  return { records: values.length, valueBytes, checksum };
}

function openSource(cell: Cell, options: WorkloadOptions): PayloadSource {
  if (cell.recordBytes === null) {
    if (options.payloadFile === null) throw new RangeError('a cell without a size needs a payload');
    return createFileSource(options.payloadFile);
  }
  return createGenerator({
    recordBytes: cell.recordBytes,
    spread: options.spread,
    seed: options.seed,
  });
}
