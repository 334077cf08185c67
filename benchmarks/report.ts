import Table from 'cli-table3';
import pc from 'picocolors';
import type { Calibration } from './calibration.js';
import { type Environment, isMemoryFileSystem } from './environment.js';
import type { CellResult, SuiteResult } from './suite.js';

type Colors = ReturnType<typeof pc.createColors>;

/** The result as a page of text for people. */
export function renderReport(result: SuiteResult, options: { readonly color: boolean }): string {
  const colors = pc.createColors(options.color);
  return [
    header(result),
    renderCalibration(result.calibration, colors),
    renderCells(result.cells, options.color, colors),
    legend(result),
  ].join('\n\n');
}

function header({ settings, environment, cells }: SuiteResult): string {
  const commit =
    environment.gitCommit === null
      ? ''
      : `, commit ${environment.gitCommit.slice(0, 10)}${environment.gitDirty === true ? ' + changes' : ''}`;
  return [
    `varve ${environment.varveVersion}${commit}, target ${settings.target}: ${cells.length} cells x ${settings.repeats} runs, shuffled with seed ${settings.seed}`,
    describeMachine(environment),
    `records: ${[...new Set(cells.map((cell) => cell.payload))].join('; ')}`,
  ].join('\n');
}

export function describeMachine(environment: Environment): string {
  return (
    `${environment.cpuModel.trim()}, ${environment.cores} cores, ${Math.round(environment.memoryBytes / 2 ** 30)} GiB, ` +
    `${environment.platform} ${environment.kernel}, ${environment.fileSystem}, Node ${environment.nodeVersion}`
  );
}

function renderCalibration(calibration: Calibration, colors: Colors): string {
  return [
    colors.bold('What this machine can do at best, measured in this run'),
    `  memcpy ${rate(calibration.memcpy64KiBBytesPerSecond)} (64 KiB blocks), CRC-32C ${rate(calibration.crc32c64KiBBytesPerSecond)}, write to a file ${rate(calibration.pwrite64KiBBytesPerSecond)}`,
    `  fdatasync after 4 KiB: p50 ${micros(calibration.fdatasync4KiBP50Us)}, p99 ${micros(calibration.fdatasync4KiBP99Us)}; reading the clock ${calibration.clockReadNs.toFixed(0)} ns; CPU noise ${percent(calibration.cpuNoiseP99)}`,
  ].join('\n');
}

function renderCells(cells: readonly CellResult[], color: boolean, colors: Colors): string {
  const table = new Table({
    head: [
      'parti-\ntions',
      'record',
      'batch',
      'durable',
      'append\nrecords/s',
      '\u00b1',
      'MB/s',
      'of\nlimit',
      'p50',
      'p99',
      'read\nrecords/s',
      '\u00b1',
      'of\nlimit',
    ],
    colAligns: ['right', 'right', 'right', 'left', ...Array<'right'>(9).fill('right')],
    style: {
      head: color ? ['cyan'] : [],
      border: color ? ['grey'] : [],
      compact: true,
      'padding-left': 1,
      'padding-right': 1,
    },
  });
  for (const { cell, summary, batchBytes } of cells) {
    table.push([
      cell.partitions,
      cell.recordBytes === null
        ? `~${Math.round(batchBytes / cell.batchRecords)} B`
        : `${cell.recordBytes} B`,
      cell.batchRecords,
      cell.durability,
      colors.bold(count(summary.appendRecordsPerSecond.median)),
      spread(summary.appendRecordsPerSecond),
      (summary.appendBytesPerSecond.median / 1e6).toFixed(
        summary.appendBytesPerSecond.median < 1e7 ? 1 : 0,
      ),
      percent(summary.appendOfLimit),
      micros(summary.appendLatency?.p50Us),
      micros(summary.appendLatency?.p99Us),
      colors.bold(count(summary.readRecordsPerSecond.median)),
      spread(summary.readRecordsPerSecond),
      percent(summary.readOfLimit),
    ]);
  }
  return table.toString();
}

function legend({ cells, environment, calibration }: SuiteResult): string {
  const confidence = cells[0]?.summary.appendRecordsPerSecond.confidence ?? 0;
  const lines = [
    'records/s: median of the runs; \u00b1: half the range that holds the true median' +
      ` with ${percent(confidence)} confidence. No run and no sample is dropped.`,
    'of limit: share of what the machine allows for the same bytes: appends against memcpy + CRC-32C,',
    '  or with durable "batch" one write + fdatasync after another (several partitions can pass it);',
    '  reads against CRC-32C. Small batches are bound by calls, not bytes: their share is low.',
    'p50, p99: time of one append call, all runs in one histogram.',
    'durable: none = in the page cache, safe when the process dies; batch = every batch on disk.',
  ];
  if (isMemoryFileSystem(environment.fileSystem)) {
    lines.push(
      `WARNING: the data directory is on ${environment.fileSystem}, where syncing does nothing: durable figures mean nothing. Use --directory.`,
    );
  }
  if (calibration.cpuNoiseP99 > 0.5) {
    lines.push(
      `WARNING: the CPU was busy with something else (noise ${percent(calibration.cpuNoiseP99)}): expect wide intervals.`,
    );
  }
  return lines.join('\n');
}

function spread(estimate: {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}): string {
  return percent((estimate.high - estimate.low) / 2 / estimate.median);
}

/** Three significant digits with a unit people know. */
export function count(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(value >= 1e8 ? 0 : value >= 1e7 ? 1 : 2)} M`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(value >= 1e5 ? 0 : 1)} k`;
  return value.toFixed(0);
}

export function rate(bytesPerSecond: number): string {
  return bytesPerSecond >= 1e9
    ? `${(bytesPerSecond / 1e9).toFixed(1)} GB/s`
    : `${(bytesPerSecond / 1e6).toFixed(0)} MB/s`;
}

export function micros(us: number | undefined): string {
  if (us === undefined) return '-';
  if (us >= 1e6) return `${(us / 1e6).toFixed(1)} s`;
  if (us >= 1e3) return `${(us / 1e3).toFixed(us >= 1e4 ? 0 : 1)} ms`;
  return `${us.toFixed(us >= 100 ? 0 : us >= 10 ? 1 : 2)} us`;
}

export function percent(share: number): string {
  const value = share * 100;
  return `${value.toFixed(value < 10 ? 1 : 0)} %`;
}
