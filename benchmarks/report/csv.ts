import { KNOB_NAMES } from '../model/knobs.js';
import type { CellResult, CellRun, LatencySummary, RunResult } from '../model/result.js';
import { csvLine } from './table.js';

type Field = string | number | null;
type RunColumn = readonly [name: string, of: (run: CellRun, cell: CellResult) => Field];

const LATENCIES = ['publish', 'publishService', 'endToEnd'] as const;
const POINTS = [
  'meanUs',
  'p50Us',
  'p75Us',
  'p90Us',
  'p99Us',
  'p999Us',
  'p9999Us',
  'maxUs',
] as const satisfies readonly (keyof LatencySummary)[];
const TRAFFIC = [
  'records',
  'bytes',
  'wireBytes',
  'batches',
  'requests',
  'errors',
  'recordsPerSecond',
  'bytesPerSecond',
] as const;
const ROLES = ['broker', 'engine', 'supervisor', 'producer', 'consumer', 'other'] as const;

const COLUMNS: readonly RunColumn[] = [
  ['repeat', (run) => run.repeat],
  ['order', (run) => run.order],
  ['startedAt', (run) => run.startedAt],
  ['seconds', (run) => run.seconds],
  ...TRAFFIC.map((key): RunColumn => [`produced.${key}`, (run) => run.produced[key]]),
  ...TRAFFIC.map((key): RunColumn => [`consumed.${key}`, (run) => run.consumed?.[key] ?? null]),
  ...LATENCIES.flatMap((kind) =>
    POINTS.map(
      (point): RunColumn => [`${kind}.${point}`, (run) => run.latency[kind]?.[point] ?? null],
    ),
  ),
  ['generator.utilisation', (run) => run.generator.utilisation],
  ['generator.behindMs', (run) => run.generator.behindMs],
  ['generator.achievedShare', (run) => run.generator.achievedShare],
  ['requests.meanBytes', (run) => run.requests.meanBytes],
  ['requests.batchFill', (run) => run.requests.batchFill],
  ['requests.meanInFlight', (run) => run.requests.meanInFlight],
  ...ROLES.map(
    (role): RunColumn => [
      `${role}.cpuSeconds`,
      (run) => sumOf(run, role, ({ userSeconds, systemSeconds }) => userSeconds + systemSeconds),
    ],
  ),
  ...ROLES.map(
    (role): RunColumn => [
      `${role}.peakRssBytes`,
      (run) => sumOf(run, role, ({ peakRssBytes }) => peakRssBytes),
    ],
  ),
  ...(['broker', 'engine'] as const).map(
    (role): RunColumn => [
      `${role}.diskWrittenBytes`,
      (run) => sumOf(run, role, ({ diskWrittenBytes }) => diskWrittenBytes),
    ],
  ),
  ...(['broker', 'producer', 'consumer'] as const).flatMap((role): RunColumn[] => [
    [`${role}.networkReceivedBytes`, (run) => sumOf(run, role, (its) => its.networkReceivedBytes)],
    [`${role}.networkSentBytes`, (run) => sumOf(run, role, (its) => its.networkSentBytes)],
  ]),
  ['syncs', (run) => run.syncs],
  ['machine.busySeconds', (run) => run.machine?.busySeconds ?? null],
  ['machine.ioWaitSeconds', (run) => run.machine?.ioWaitSeconds ?? null],
  ['machine.stealSeconds', (run) => run.machine?.stealSeconds ?? null],
  ['deedAtMs', (run) => run.deedAtMs],
  ['failover.kind', (run) => run.failover?.kind ?? null],
  ['failover.longestGapMs', (run) => run.failover?.longestGapMs ?? null],
  ['failover.untilNextAckMs', (run) => run.failover?.untilNextAckMs ?? null],
  ['crash.acknowledgedRecords', (run) => run.crash?.acknowledgedRecords ?? null],
  ['crash.lostRecords', (run) => run.crash?.lostRecords ?? null],
  ['crash.doubledRecords', (run) => run.crash?.doubledRecords ?? null],
  ['crash.unsyncedRecords', (run) => run.crash?.unsyncedRecords ?? null],
  ['recovery.logBytes', (run) => run.recovery?.logBytes ?? null],
  ['recovery.clean', (run) => cleanOf(run)],
  ['recovery.untilServingMs', (run) => run.recovery?.untilServingMs ?? null],
  ['rebalance.untilAllConsumedMs', (run) => run.rebalance?.untilAllConsumedMs ?? null],
  ['profile', (_run, cell) => cell.profile],
  ['bottleneck', (_run, cell) => cell.summary?.attribution.bottleneck ?? null],
];

/** One row for each run of each cell, with every knob and every measure, unrounded; an empty field was not measured. */
export function renderCsv(result: RunResult): string {
  const head = csvLine(['id', ...KNOB_NAMES, ...COLUMNS.map(([name]) => name)]);
  const rows = result.cells.flatMap((cell) =>
    cell.runs.map((run) =>
      csvLine([
        cell.id,
        ...KNOB_NAMES.map((knob) => cell.cell[knob]),
        ...COLUMNS.map(([, of]) => of(run, cell)),
      ]),
    ),
  );
  return head + rows.join('');
}

function cleanOf({ recovery }: CellRun): Field {
  if (recovery === null) return null;
  return recovery.clean ? 'clean' : 'unclean';
}

/** null: no such process, or one of them does not tell. */
function sumOf(
  run: CellRun,
  role: (typeof ROLES)[number],
  of: (process: CellRun['processes'][number]) => number | null,
): number | null {
  let sum: number | null = null;
  for (const process of run.processes) {
    if (process.role !== role) continue;
    const value = of(process);
    if (value === null) return null;
    sum = (sum ?? 0) + value;
  }
  return sum;
}
