import { mergeLatencies } from '../latency.js';
import type { Cell } from '../model/knobs.js';
import type {
  CalibrationInfo,
  CellRun,
  CellSummary,
  GeneratorLimit,
  ProcessUsage,
} from '../model/result.js';
import { estimate } from '../stats.js';
import { attributeCell } from './bottleneck.js';
import { diskWritten } from './measures.js';

/**
 * All runs of a cell as one: estimates over repeats, histograms merged (never averaged), and what limited it.
 * `generatorLimit` is of one load process of this client and record size; null: it was not measured.
 */
export function summarizeCell(
  cell: Cell,
  runs: readonly CellRun[],
  calibration: CalibrationInfo | null,
  generatorLimit: GeneratorLimit | null,
): CellSummary {
  if (runs.length === 0) throw new RangeError('a summary of no runs');
  const consumed = runs.map((run) => run.consumed).filter((traffic) => traffic !== null);
  const over = <T>(items: readonly T[], of: (item: T) => number) =>
    items.length === 0 ? null : estimate(items.map(of));
  const acknowledged = runs.reduce((sum, { produced }) => sum + produced.records, 0);
  return {
    producedRecordsPerSecond: estimate(runs.map((run) => run.produced.recordsPerSecond)),
    producedBytesPerSecond: estimate(runs.map((run) => run.produced.bytesPerSecond)),
    consumedRecordsPerSecond: over(consumed, (traffic) => traffic.recordsPerSecond),
    consumedBytesPerSecond: over(consumed, (traffic) => traffic.bytesPerSecond),
    publish: mergeLatencies(runs.map((run) => run.latency.publish)),
    publishService: mergeLatencies(runs.map((run) => run.latency.publishService)),
    endToEnd: mergeLatencies(runs.map((run) => run.latency.endToEnd)),
    cpuSecondsPerMillionRecords: cpuByRole(runs, acknowledged),
    peakRssBytes: peakRssByRole(runs),
    diskBytesPerByte: diskBytesPerByte(runs),
    networkBytesPerByte: networkBytesPerByte(runs),
    attribution: attributeCell(cell, runs, calibration, generatorLimit),
  };
}

/** By produced records for every role, so that the roles add up to what a million records cost in all. */
function cpuByRole(runs: readonly CellRun[], records: number): Record<string, number> {
  if (records === 0) return {};
  const seconds = sumByRole(
    runs.flatMap(({ processes }) => processes),
    ({ userSeconds, systemSeconds }) => userSeconds + systemSeconds,
  );
  return Object.fromEntries(
    Object.entries(seconds).map(([role, sum]) => [role, (sum / records) * 1e6]),
  );
}

/** All processes of a role together, in the run where that was most. */
function peakRssByRole(runs: readonly CellRun[]): Record<string, number> {
  const peaks: Record<string, number> = {};
  for (const { processes } of runs) {
    const sums = sumByRole(processes, ({ peakRssBytes }) => peakRssBytes);
    for (const [role, sum] of Object.entries(sums)) peaks[role] = Math.max(peaks[role] ?? 0, sum);
  }
  return peaks;
}

function sumByRole(
  processes: readonly ProcessUsage[],
  of: (process: ProcessUsage) => number,
): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const process of processes) sums[process.role] = (sums[process.role] ?? 0) + of(process);
  return sums;
}

/** Null: a broker did not count, or there is none. */
function networkBytesPerByte(runs: readonly CellRun[]): CellSummary['networkBytesPerByte'] {
  let [received, sent, acknowledged] = [0, 0, 0];
  for (const { processes, produced } of runs) {
    const brokers = processes.filter(({ role }) => role === 'broker');
    if (brokers.length === 0) return null;
    for (const { networkReceivedBytes, networkSentBytes } of brokers) {
      if (networkReceivedBytes === null || networkSentBytes === null) return null;
      received += networkReceivedBytes;
      sent += networkSentBytes;
    }
    acknowledged += produced.bytes;
  }
  if (acknowledged === 0) return null;
  return { received: received / acknowledged, sent: sent / acknowledged };
}

function diskBytesPerByte(runs: readonly CellRun[]): number | null {
  let written = 0;
  let acknowledged = 0;
  for (const run of runs) {
    const bytes = diskWritten(run);
    if (bytes === null) return null;
    written += bytes;
    acknowledged += run.produced.bytes;
  }
  return acknowledged === 0 ? null : written / acknowledged;
}
