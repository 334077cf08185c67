import { basename, join } from 'node:path';
import Table from 'cli-table3';
import { isVarveError } from '../../engine/errors.js';
import { findTarget, listPartition } from '../../engine/log/inspect-directory.js';
import { BatchScan } from '../../engine/log/inspect-scan.js';
import { colors as pc } from '../colors.js';
import { formatTime } from '../columns.js';
import { formatBytes, formatCount, Progress } from '../progress.js';
import { FoundDamage, interruptSignal } from '../run-program.js';
import { inspectionFiles } from './files.js';
import { distribution, StatsCollector } from './stats-collector.js';

export interface StatsCommandOptions {
  /** Decompress every batch to tell the ratio of compression. */
  readonly ratios: boolean;
  readonly json: boolean;
}

const SLICE_BYTES = 8 * 1024 * 1024;
const MAX_ROWS = 20;

interface PartitionStats {
  readonly directory: string;
  readonly stats: StatsCollector;
}

/** Counts what is in a log file, a partition or a data directory. */
export async function stats(path: string, options: StatsCommandOptions): Promise<void> {
  const target = findTarget(inspectionFiles(), path);
  const progress = new Progress('reading', 'bytes');
  const all: PartitionStats[] = [];
  try {
    if (target.kind === 'file') {
      const one = new StatsCollector(options);
      await collectFile(target.path, one, progress);
      all.push({ directory: target.path, stats: one });
    } else {
      const directories = target.kind === 'partition' ? [target.directory] : target.partitions;
      for (const directory of directories) {
        all.push({ directory, stats: await collectPartition(directory, options, progress) });
      }
    }
  } finally {
    progress.end();
  }
  if (options.json) for (const one of all) console.log(JSON.stringify(toJson(one)));
  else if (target.kind === 'data-directory') printDataDirectory(all, options);
  else print(all[0]!);
  if (all.some((one) => one.stats.damagedBatches > 0)) throw new FoundDamage();
}

async function collectPartition(
  directory: string,
  options: StatsCommandOptions,
  progress: Progress,
): Promise<StatsCollector> {
  const collected = new StatsCollector(options);
  for (const { kind, name } of listPartition(inspectionFiles(), directory).files) {
    if (kind !== 'log') continue;
    try {
      await collectFile(join(directory, name), collected, progress);
    } catch (error) {
      // Retention or compaction took the segment since it was listed.
      if (!isVarveError(error, 'NOT_FOUND')) throw error;
    }
  }
  return collected;
}

async function collectFile(path: string, into: StatsCollector, progress: Progress): Promise<void> {
  const scan = new BatchScan(inspectionFiles(), path, { checkCrcs: false });
  const signal = interruptSignal();
  const before = into.bytes;
  try {
    let slice = SLICE_BYTES;
    while (scan.next()) {
      into.batch(scan);
      if (scan.position < slice) continue;
      slice = scan.position + SLICE_BYTES;
      progress.update(before + scan.position, null);
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
    into.segments += 1;
    if (scan.position >= scan.fileBytes) return;
    if (scan.bytesBeforeZeros() > 0) into.damagedBatches += 1;
    else into.reservedBytes += scan.fileBytes - scan.position;
  } finally {
    scan.close();
  }
}

function toJson({ directory, stats: all }: PartitionStats): Record<string, unknown> {
  const hasTime = Number.isFinite(all.minTimestampMs);
  return {
    path: directory,
    segments: all.segments,
    batches: all.batches,
    records: all.records,
    bytes: all.bytes,
    reservedBytes: all.reservedBytes,
    damagedBatches: all.damagedBatches,
    controlBatches: all.controlBatches,
    transactionalBatches: all.transactionalBatches,
    firstOffset: all.firstOffset,
    nextOffset: all.lastOffset + 1,
    firstTimestamp: hasTime ? all.minTimestampMs : null,
    lastTimestamp: all.maxTimestampMs < 0 ? null : all.maxTimestampMs,
    recordsPerSecond: all.recordsPerSecond,
    batchBytes: distribution(all.batchBytes),
    recordsPerBatch: distribution(all.recordsPerBatch),
    codecs: Object.fromEntries(
      [...all.codecs].map(([codec, one]) => [codec, { ...one, ratio: ratioOf(one) }]),
    ),
    epochs: [...all.epochs].map(([epoch, one]) => ({ epoch, ...one })),
    producers: all.producers.size,
  };
}

function ratioOf(one: { storedBytes: number; unpackedBytes: number | null }): number | null {
  if (one.unpackedBytes === null || one.storedBytes === 0) return null;
  return one.unpackedBytes / one.storedBytes;
}

function table(head: readonly string[], numbersFrom = 1): Table.Table {
  return new Table({
    head: head.map((title) => pc.dim(title)),
    colAligns: head.map((_, i) => (i < numbersFrom ? 'left' : 'right')),
    style: { head: [], border: [] },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: ' ',
    },
  });
}

function say(lines: Table.Table): void {
  console.log(`${lines.toString()}\n`);
}

function print({ directory, stats: all }: PartitionStats): void {
  console.log(`${pc.bold(basename(directory))}\n`);
  const facts = table([], 1);
  const fact = (name: string, value: string) => facts.push([pc.dim(name), value]);
  fact('records', formatCount(all.records));
  fact('batches', countOf(all));
  fact(
    'bytes',
    `${formatBytes(all.bytes)}${all.reservedBytes === 0 ? '' : pc.dim(`, and ${formatBytes(all.reservedBytes)} reserved`)}`,
  );
  fact('segments', formatCount(all.segments));
  if (all.batches > 0) fact('offsets', `${all.firstOffset} to ${all.lastOffset}`);
  if (Number.isFinite(all.minTimestampMs)) {
    fact('time', `${formatTime(all.minTimestampMs)} to ${formatTime(all.maxTimestampMs)}`);
  }
  const rate = all.recordsPerSecond;
  if (rate !== null)
    fact('records/s of log time', rate < 10 ? rate.toPrecision(3) : formatCount(rate));
  if (all.records > 0) fact('bytes/record', (all.bytes / all.records).toFixed(1));
  if (all.damagedBatches > 0)
    fact('damaged', pc.red(`${formatCount(all.damagedBatches)}, run varve log verify`));
  say(facts);
  if (all.batches > 0) printDistributions(all);
  printCodecs(all);
  printEpochs(all);
  printProducers(all);
}

function countOf(all: StatsCollector): string {
  const special = [
    all.controlBatches > 0 ? `${formatCount(all.controlBatches)} control` : '',
    all.transactionalBatches > 0 ? `${formatCount(all.transactionalBatches)} transactional` : '',
  ].filter((part) => part !== '');
  return `${formatCount(all.batches)}${special.length === 0 ? '' : pc.dim(` (${special.join(', ')})`)}`;
}

function printDistributions(all: StatsCollector): void {
  const sizes = table(['a batch has', 'min', 'mean', 'p50', 'p90', 'p99', 'max']);
  for (const [name, values] of [
    ['bytes', distribution(all.batchBytes)],
    ['records', distribution(all.recordsPerBatch)],
  ] as const) {
    const cells = ['min', 'mean', 'p50', 'p90', 'p99', 'max'].map((key) =>
      formatCount(values[key] ?? 0),
    );
    sizes.push([name, ...cells]);
  }
  say(sizes);
}

function printCodecs(all: StatsCollector): void {
  if (all.codecs.size === 0) return;
  const rows = table(['codec', 'batches', 'records', 'stored', 'unpacked', 'ratio']);
  for (const [codec, one] of all.codecs) {
    const ratio = ratioOf(one);
    rows.push([
      codec,
      formatCount(one.batches),
      formatCount(one.records),
      formatBytes(one.storedBytes),
      one.unpackedBytes === null ? '' : formatBytes(one.unpackedBytes),
      ratio === null || codec === 'none' ? '' : ratio.toFixed(2),
    ]);
  }
  say(rows);
}

function printEpochs(all: StatsCollector): void {
  if (all.epochs.size < 2) return;
  const rows = table(['leader epoch', 'batches', 'first offset', 'last offset']);
  for (const [epoch, one] of [...all.epochs].slice(-MAX_ROWS)) {
    rows.push([
      String(epoch),
      formatCount(one.batches),
      String(one.firstOffset),
      String(one.lastOffset),
    ]);
  }
  say(rows);
}

function printProducers(all: StatsCollector): void {
  if (all.producers.size === 0) return;
  const rows = table(['producer id', 'batches', 'records']);
  const busiest = [...all.producers].sort(([, a], [, b]) => b.records - a.records);
  for (const [id, one] of busiest.slice(0, MAX_ROWS)) {
    rows.push([String(id), formatCount(one.batches), formatCount(one.records)]);
  }
  say(rows);
  const more = all.producers.size - MAX_ROWS;
  if (more > 0)
    console.log(
      pc.dim(`and ${all.producersCut ? 'over ' : ''}${formatCount(more)} more producers\n`),
    );
}

function printDataDirectory(list: readonly PartitionStats[], options: StatsCommandOptions): void {
  const rows = table([
    'partition',
    'records',
    'batches',
    'bytes',
    'segments',
    'first offset',
    'end offset',
    'records/s',
    'last record',
  ]);
  const total = new StatsCollector(options);
  for (const { directory, stats: one } of list) {
    total.add(one);
    const rate = one.recordsPerSecond;
    rows.push([
      one.damagedBatches > 0 ? pc.red(`${basename(directory)} (damaged)`) : basename(directory),
      formatCount(one.records),
      formatCount(one.batches),
      formatBytes(one.bytes),
      formatCount(one.segments),
      one.batches === 0 ? '' : String(one.firstOffset),
      one.batches === 0 ? '' : String(one.lastOffset + 1),
      rate === null ? '' : rate < 10 ? rate.toPrecision(2) : formatCount(rate),
      one.maxTimestampMs < 0 ? '' : formatTime(one.maxTimestampMs),
    ]);
  }
  rows.push([
    pc.bold('total'),
    formatCount(total.records),
    formatCount(total.batches),
    formatBytes(total.bytes),
    formatCount(total.segments),
    '',
    '',
    '',
    total.maxTimestampMs < 0 ? '' : formatTime(total.maxTimestampMs),
  ]);
  say(rows);
  if (total.batches > 0) printDistributions(total);
  printCodecs(total);
}
