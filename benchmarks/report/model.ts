import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { cellLabel, knobText } from '../model/cell-name.js';
import { type Cell, KNOB_NAMES, type KnobName } from '../model/knobs.js';
import type {
  Bottleneck,
  CellResult,
  CellRun,
  Crash,
  Estimate,
  Failover,
  LatencySummary,
  ProcessRole,
  Rebalance,
  Recovery,
  RunResult,
} from '../model/result.js';
import { median } from '../stats.js';
import type { ReportExplanation } from './explanation.js';

/**
 * What every picture and table of a report is drawn from: the result with its histograms read and its words chosen. Plain
 * data, so that a page holds it and draws the same pictures as the server; nothing in it is rounded.
 */
export interface ReportModel {
  readonly name: string;
  readonly suite: string;
  readonly status: RunResult['status'];
  readonly targets: readonly ModelTarget[];
  readonly cells: readonly ModelCell[];
  readonly fits: ReportExplanation['scaling'];
  readonly knees: ReportExplanation['knees'];
  readonly slo: Slo | null;
}

/** A bound of latency that rates are judged by. */
export interface Slo {
  readonly percentile: 'p50' | 'p99' | 'p999';
  readonly us: number;
}

export interface ModelTarget {
  readonly name: string;
  readonly software: string;
  /** Knobs with more than one value among closed-loop load cells of this target, partitions first. */
  readonly axes: readonly Axis[];
}

export interface Axis {
  readonly knob: KnobName;
  readonly values: readonly AxisValue[];
  /** The value that most cells have: what is shown until another is chosen. */
  readonly usual: string;
}

export interface AxisValue {
  readonly value: string;
  /** null: not a number, such as acks=all. */
  readonly number: number | null;
  /** RF 3, 4 partitions. */
  readonly text: string;
}

/** What a cell is an answer to. */
export type CellKind = 'load' | 'rate' | Exclude<Cell['experiment'], 'load'>;

export interface ModelCell {
  readonly id: string;
  readonly label: string;
  readonly kind: CellKind;
  readonly target: string;
  readonly knobs: Readonly<Record<KnobName, string>>;
  readonly runs: number;
  readonly failure: { readonly code: string; readonly message: string } | null;
  readonly profile: string | null;
  /** null: no run of it was finished. */
  readonly figures: CellFigures | null;
  /** By run, as they were measured: those that have one. */
  readonly courses: readonly ModelCourse[];
  /** Medians over the runs of each process's largest memory; empty: not measured. */
  readonly memory: readonly ModelMemory[];
  readonly failovers: readonly Failover[];
  readonly crashes: readonly Crash[];
  readonly recoveries: readonly Recovery[];
  readonly rebalances: readonly Rebalance[];
}

/** What happened over the window of one run. */
export interface ModelCourse {
  readonly deedAtMs: number | null;
  readonly failover: Failover | null;
  readonly ticks: readonly ModelTick[];
}

/** A part of the window, from the end of the one before; bytes by the mean size of this run's records. */
export interface ModelTick {
  readonly fromMs: number;
  readonly toMs: number;
  readonly producedBytesPerSecond: number;
  readonly consumedBytesPerSecond: number | null;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
}

export interface ModelMemory {
  readonly role: ProcessRole;
  /** broker 1, producer 0 */
  readonly id: string;
  readonly bytes: number;
}

export interface CellFigures {
  readonly recordsPerSecond: Estimate;
  readonly bytesPerSecond: Estimate;
  readonly consumedRecordsPerSecond: Estimate | null;
  readonly consumedBytesPerSecond: Estimate | null;
  readonly latency: Readonly<Record<LatencyKind, ModelLatency | null>>;
  readonly cpuSecondsPerMillionRecords: Readonly<Record<string, number>>;
  readonly peakRssBytes: Readonly<Record<string, number>>;
  readonly diskBytesPerByte: number | null;
  readonly networkBytesPerByte: { readonly received: number; readonly sent: number } | null;
  readonly bottleneck: Bottleneck;
  readonly bottleneckText: string;
  readonly evidence: readonly string[];
}

export const LATENCY_KINDS = ['publish', 'publishService', 'endToEnd'] as const;
export type LatencyKind = (typeof LATENCY_KINDS)[number];

export interface ModelLatency extends Omit<LatencySummary, 'histogram'> {
  /** Percentile (0-100) and microseconds, ascending. */
  readonly curve: readonly (readonly [percentile: number, us: number])[];
}

export interface ModelOptions {
  readonly explanation: ReportExplanation | null;
  readonly slo: Slo | null;
}

export function reportModel(result: RunResult, options: ModelOptions): ReportModel {
  const labels = labelKnobs(result.cells);
  const cells = result.cells.map((cell) => modelCell(cell, labels(cell.cell)));
  const names = [...new Set(result.cells.map(({ cell }) => cell.target))];
  return {
    name: result.name,
    suite: result.plan.suite,
    status: result.status,
    targets: names.map((name) => ({
      name,
      software: result.targets.find((target) => target.name === name)?.software ?? name,
      axes: axesOf(result.cells.filter(({ cell }) => cell.target === name)),
    })),
    cells,
    fits: options.explanation?.scaling ?? [],
    knees: options.explanation?.knees ?? [],
    slo: options.slo,
  };
}

export function kindOf(cell: Cell): CellKind {
  if (cell.experiment !== 'load') return cell.experiment;
  return cell.rate === 'max' ? 'load' : 'rate';
}

/** Knobs that tell a cell from the others that answer the same question: shorter than all that differ anywhere. */
function labelKnobs(cells: readonly CellResult[]): (cell: Cell) => readonly KnobName[] {
  const ofKind = new Map<string, KnobName[]>();
  return (cell) => {
    const key = kindOf(cell);
    const known = ofKind.get(key);
    if (known !== undefined) return known;
    const same = cells.filter((each) => kindOf(each.cell) === key);
    const knobs = KNOB_NAMES.filter(
      (knob) => new Set(same.map((each) => String(each.cell[knob]))).size > 1,
    );
    ofKind.set(key, knobs);
    return knobs;
  };
}

function modelCell(result: CellResult, axes: readonly KnobName[]): ModelCell {
  const { cell, runs, summary } = result;
  const given = <T>(of: (run: CellResult['runs'][number]) => T | null): T[] =>
    runs.map(of).filter((value): value is T & NonNullable<T> => value !== null);
  return {
    id: result.id,
    label: cellLabel(cell, axes),
    kind: kindOf(cell),
    target: cell.target,
    knobs: Object.fromEntries(KNOB_NAMES.map((knob) => [knob, String(cell[knob])])) as Record<
      KnobName,
      string
    >,
    runs: runs.length,
    failure: result.failure,
    profile: result.profile,
    figures:
      summary === null
        ? null
        : {
            recordsPerSecond: summary.producedRecordsPerSecond,
            bytesPerSecond: summary.producedBytesPerSecond,
            consumedRecordsPerSecond: summary.consumedRecordsPerSecond,
            consumedBytesPerSecond: summary.consumedBytesPerSecond,
            latency: {
              publish: modelLatency(summary.publish),
              publishService: modelLatency(summary.publishService),
              endToEnd: modelLatency(summary.endToEnd),
            },
            cpuSecondsPerMillionRecords: summary.cpuSecondsPerMillionRecords,
            peakRssBytes: summary.peakRssBytes,
            diskBytesPerByte: summary.diskBytesPerByte,
            networkBytesPerByte: summary.networkBytesPerByte,
            bottleneck: summary.attribution.bottleneck,
            bottleneckText: summary.attribution.text,
            evidence: summary.attribution.evidence,
          },
    courses: runs.filter(({ timeline }) => timeline.length > 1).map(courseOf),
    memory: memoryOf(runs),
    failovers: given((run) => run.failover),
    crashes: given((run) => run.crash),
    recoveries: given((run) => run.recovery),
    rebalances: given((run) => run.rebalance),
  };
}

function courseOf(run: CellRun): ModelCourse {
  const { timeline, produced, consumed, deedAtMs, failover } = run;
  const recordBytes = produced.records === 0 ? 0 : produced.bytes / produced.records;
  return {
    deedAtMs,
    failover,
    ticks: timeline.map((tick, at) => {
      const fromMs = timeline[at - 1]?.atMs ?? 0;
      const rate = (records: number): number =>
        (records * recordBytes * 1000) / (tick.atMs - fromMs);
      return {
        fromMs,
        toMs: tick.atMs,
        producedBytesPerSecond: rate(tick.producedRecords),
        consumedBytesPerSecond: consumed === null ? null : rate(tick.consumedRecords),
        p50Us: tick.publishP50Us,
        p99Us: tick.publishP99Us,
      };
    }),
  };
}

function memoryOf(runs: readonly CellRun[]): ModelMemory[] {
  const peaks = new Map<string, { readonly role: ProcessRole; readonly bytes: number[] }>();
  for (const { processes } of runs) {
    // A broker that was killed and started again is one in two lives: the larger counts.
    const own = new Map<string, number>();
    for (const { role, id, peakRssBytes } of processes) {
      own.set(id, Math.max(own.get(id) ?? 0, peakRssBytes));
      if (!peaks.has(id)) peaks.set(id, { role, bytes: [] });
    }
    for (const [id, bytes] of own) peaks.get(id)?.bytes.push(bytes);
  }
  return [...peaks].map(([id, { role, bytes }]) => ({ role, id, bytes: median(bytes) }));
}

/** Ten points for every further nine: 50 %, 90 %, 99 %, ... look evenly dense on a logarithmic axis. */
const POINTS_PER_NINE = 10;

function modelLatency(summary: LatencySummary | null): ModelLatency | null {
  if (summary === null) return null;
  const { histogram: encoded, ...figures } = summary;
  const histogram = decodeFromCompressedBase64(encoded, 64);
  const curve: [number, number][] = [];
  // A percentile that fewer samples than ten are above is one of those samples, not a property of the system.
  const nines = Math.max(1, Math.log10(summary.count) - 1);
  for (let at = 0; at <= nines * POINTS_PER_NINE + 1e-9; at++) {
    const percentile = 100 * (1 - 10 ** (-at / POINTS_PER_NINE));
    curve.push([percentile, histogram.getValueAtPercentile(percentile) / 1e3]);
  }
  return { ...figures, curve };
}

/** These come first, in this order, as what most people ask about. */
const FIRST: readonly KnobName[] = ['partitions', 'replicationFactor', 'acks', 'flush'];

function axesOf(cells: readonly CellResult[]): Axis[] {
  const load = cells.filter(({ cell }) => kindOf(cell) === 'load');
  const knobs = [...FIRST, ...KNOB_NAMES.filter((knob) => !FIRST.includes(knob))];
  return knobs
    .filter((knob) => knob !== 'target' && knob !== 'experiment' && knob !== 'rate')
    .map((knob) => axisOf(knob, load))
    .filter(({ values }) => values.length > 1);
}

function axisOf<K extends KnobName>(knob: K, cells: readonly CellResult[]): Axis {
  const counts = new Map<Cell[K], number>();
  for (const { cell } of cells) counts.set(cell[knob], (counts.get(cell[knob]) ?? 0) + 1);
  const values = [...counts.keys()].map((value) => ({
    value: String(value),
    number: typeof value === 'number' ? value : null,
    text: knobText(knob, value),
  }));
  // Numbers ascend, words keep the order in which they were asked for and come after: acks 0, 1, all.
  values.sort((a, b) => {
    if (a.number !== null && b.number !== null) return a.number - b.number;
    return (a.number === null ? 1 : 0) - (b.number === null ? 1 : 0);
  });
  const usual = [...counts].reduce(
    (best, entry) => (best === null || entry[1] > best[1] ? entry : best),
    null as [Cell[K], number] | null,
  );
  return { knob, values, usual: usual === null ? '' : String(usual[0]) };
}
