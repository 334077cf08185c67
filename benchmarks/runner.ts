import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenTarget, ReadTotals, Target } from './embedded/target.js';
import { Latencies, type LatencySummary } from './latency.js';
import type { Cell } from './matrix.js';
import { createTempDirectory, removeTempDirectory } from './temp-directory.js';
import type { Workload } from './workload.js';

/** How much work one run does: it stops at whichever comes first. */
export interface RunBounds {
  readonly seconds: number;
  readonly bytes: number;
}

/** The raw figures of one run of one cell. Bytes are bytes of record values. */
export interface RunFigures {
  readonly records: number;
  readonly batches: number;
  readonly valueBytes: number;
  readonly appendMs: number;
  readonly appendRecordsPerSecond: number;
  readonly appendBytesPerSecond: number;
  /** One sample for every append call: none is left out. */
  readonly appendLatency: LatencySummary | null;
  /** User and system time of the process (all threads) while appending. */
  readonly appendCpuUsPerRecord: number;
  /** The flush after appending; inside `appendMs` only at durability `end`. */
  readonly flushMs: number;
  /** Length of the files per byte of record values, after closing. */
  readonly fileBytesPerValueByte: number;
  readonly readMs: number;
  readonly readRecordsPerSecond: number;
  readonly readBytesPerSecond: number;
}

export interface RunResult {
  readonly figures: RunFigures;
  readonly latencies: Latencies;
  readonly targetSettings: Readonly<Record<string, string | number | boolean>>;
}

/** Reading back gave something else than was appended: the figures of such a run mean nothing. */
export class VerificationError extends Error {
  constructor(expected: ReadTotals, got: ReadTotals) {
    super(
      `read back ${JSON.stringify(got)}, but appended ${JSON.stringify(expected)}: the figures of this run are void`,
    );
    this.name = 'VerificationError';
  }
}

/** Appends until a bound is met, flushes, reads everything back, checks it, and deletes the data. */
export async function runCell(
  target: Target,
  cell: Cell,
  workload: Workload,
  options: { readonly dataDirectory: string; readonly bounds: RunBounds },
): Promise<RunResult> {
  const directory = createTempDirectory(options.dataDirectory);
  try {
    const open = await target.open({
      directory,
      partitions: cell.partitions,
      largestBatchBytes: workload.largestBatchBytes,
      largestBatchRecords: cell.batchRecords,
    });
    let measured: Measured;
    try {
      measured = await measure(open, cell, workload, options.bounds);
    } catch (error) {
      // The first error is the one to report; a close that fails after it adds nothing.
      await open.close().catch(() => {});
      throw error;
    }
    await open.close();
    const { figures, latencies } = measured;
    return {
      latencies,
      targetSettings: open.settings,
      figures: {
        ...figures,
        fileBytesPerValueByte: fileBytes(directory) / Math.max(1, figures.valueBytes),
      },
    };
  } finally {
    removeTempDirectory(directory);
  }
}

interface Measured {
  readonly figures: Omit<RunFigures, 'fileBytesPerValueByte'>;
  readonly latencies: Latencies;
}

async function measure(
  open: OpenTarget,
  cell: Cell,
  workload: Workload,
  bounds: RunBounds,
): Promise<Measured> {
  globalThis.gc?.();
  const latencies = new Latencies();
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const batches =
    cell.durability === 'batch'
      ? await appendDurably(open, cell, workload, bounds, latencies)
      : await appendFreely(open, cell, workload, bounds, latencies);
  const appended = performance.now();
  await open.flush();
  const flushed = performance.now();
  const cpu = process.cpuUsage(cpuBefore);
  const expected = totalsOfFirst(workload, batches);

  const readStarted = performance.now();
  const got = await readAll(open, cell.partitions);
  const readMs = performance.now() - readStarted;
  if (!sameTotals(expected, got)) throw new VerificationError(expected, got);

  const appendMs = (cell.durability === 'end' ? flushed : appended) - started;
  return {
    latencies,
    figures: {
      records: expected.records,
      batches,
      valueBytes: expected.valueBytes,
      appendMs,
      appendRecordsPerSecond: (expected.records * 1000) / appendMs,
      appendBytesPerSecond: (expected.valueBytes * 1000) / appendMs,
      appendLatency: latencies.summary(),
      appendCpuUsPerRecord: (cpu.user + cpu.system) / expected.records,
      flushMs: flushed - appended,
      readMs,
      readRecordsPerSecond: (expected.records * 1000) / readMs,
      readBytesPerSecond: (expected.valueBytes * 1000) / readMs,
    },
  };
}

/** Lets the event loop turn this often, as any program that receives what it appends would. */
const BYTES_BETWEEN_TURNS = 1024 * 1024;

/** One writer, partition after partition. Returns how many batches were appended. */
async function appendFreely(
  open: OpenTarget,
  cell: Cell,
  workload: Workload,
  bounds: RunBounds,
  latencies: Latencies,
): Promise<number> {
  const { batches } = workload;
  const deadline = performance.now() + bounds.seconds * 1000;
  let appended = 0;
  let bytes = 0;
  let bytesAtTurn = 0;
  // One clock reading a call: the end of a call is the start of the next.
  for (let before = performance.now(); before < deadline && bytes < bounds.bytes; ) {
    const batch = batches[appended % batches.length] as (typeof batches)[number];
    open.append(appended % cell.partitions, batch.records);
    const after = performance.now();
    latencies.recordMs(after - before);
    appended += 1;
    bytes += batch.totals.valueBytes;
    before = after;
    if (bytes - bytesAtTurn >= BYTES_BETWEEN_TURNS) {
      bytesAtTurn = bytes;
      await new Promise<void>((resolve) => setImmediate(resolve));
      before = performance.now();
    }
  }
  return appended;
}

/** One writer a partition, each waiting for its batch to be on disk before it sends the next. */
async function appendDurably(
  open: OpenTarget,
  cell: Cell,
  workload: Workload,
  bounds: RunBounds,
  latencies: Latencies,
): Promise<number> {
  const { batches } = workload;
  const deadline = performance.now() + bounds.seconds * 1000;
  let appended = 0;
  let bytes = 0;
  const writer = async (partition: number): Promise<void> => {
    for (let before = performance.now(); before < deadline && bytes < bounds.bytes; ) {
      const batch = batches[appended % batches.length] as (typeof batches)[number];
      appended += 1;
      bytes += batch.totals.valueBytes;
      await open.appendDurable(partition, batch.records);
      const after = performance.now();
      latencies.recordMs(after - before);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: cell.partitions }, (_, partition) => writer(partition)));
  return appended;
}

async function readAll(open: OpenTarget, partitions: number): Promise<ReadTotals> {
  let records = 0;
  let valueBytes = 0;
  let checksum = 0;
  for (let partition = 0; partition < partitions; partition++) {
    const totals = await open.read(partition);
    records += totals.records;
    valueBytes += totals.valueBytes;
    checksum += totals.checksum;
  }
  return { records, valueBytes, checksum };
}

function totalsOfFirst(workload: Workload, count: number): ReadTotals {
  let records = 0;
  let valueBytes = 0;
  let checksum = 0;
  const rounds = Math.floor(count / workload.batches.length);
  const rest = count % workload.batches.length;
  for (const [at, { totals }] of workload.batches.entries()) {
    const times = rounds + (at < rest ? 1 : 0);
    records += totals.records * times;
    valueBytes += totals.valueBytes * times;
    checksum += totals.checksum * times;
  }
  return { records, valueBytes, checksum };
}

function sameTotals(left: ReadTotals, right: ReadTotals): boolean {
  return (
    left.records === right.records &&
    left.valueBytes === right.valueBytes &&
    left.checksum === right.checksum
  );
}

function fileBytes(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return bytes;
}
