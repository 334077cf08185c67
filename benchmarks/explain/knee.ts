import { cellId } from '../model/cell-name.js';
import type { Cell } from '../model/knobs.js';
import type { CellResult } from '../model/result.js';
import { byteRateText, millisText, percentText } from '../model/text.js';
import { median } from '../stats.js';
import { RATE_MET } from './facts.js';
import { latencyMs, type Percentile, type Slo, sloText, sloValueMs } from './slo.js';

/** A result document, or a part of one. */
export interface Measured {
  readonly cells: readonly CellResult[];
}

/** Latency against rate: open-loop cells that differ only in their rate. */
export interface LatencyCurve {
  /** The knobs that are held, as `cellId` without the rate. */
  readonly held: string;
  readonly cell: Cell;
  /** Of the closed loop with the same knobs; null: it was not measured. */
  readonly maxBytesPerSecond: number | null;
  /** By offered rate, ascending. */
  readonly points: readonly CurvePoint[];
}

export interface CurvePoint {
  readonly cellId: string;
  readonly result: CellResult;
  /** What was due, bytes of values a second. */
  readonly offeredBytesPerSecond: number;
  readonly achievedBytesPerSecond: number;
  /** Acknowledged of what was due. */
  readonly achievedShare: number;
  /** Of the maximum. */
  readonly loadFactor: number | null;
}

export function latencyCurves({ cells }: Measured): LatencyCurve[] {
  const groups = new Map<string, CellResult[]>();
  for (const result of cells) {
    if (result.runs.length === 0 || result.cell.experiment !== 'load') continue;
    const held = cellId(result.cell, ['rate']);
    groups.set(held, [...(groups.get(held) ?? []), result]);
  }
  return [...groups].flatMap(([held, group]) => {
    const closed = group.find(({ cell }) => cell.rate === 'max');
    const max =
      closed === undefined
        ? null
        : median(closed.runs.map(({ produced }) => produced.bytesPerSecond));
    const points = group
      .filter(({ cell }) => cell.rate !== 'max')
      .map((result) => pointOf(result, max))
      .filter((point) => point !== null)
      .sort((a, b) => a.offeredBytesPerSecond - b.offeredBytesPerSecond);
    const cell = (closed ?? points[0]?.result)?.cell;
    return points.length === 0 || cell === undefined
      ? []
      : [{ held, cell, maxBytesPerSecond: max, points }];
  });
}

function pointOf(result: CellResult, max: number | null): CurvePoint | null {
  const shares = result.runs.flatMap(({ generator }) => generator.achievedShare ?? []);
  if (shares.length === 0) return null;
  const achieved = median(result.runs.map(({ produced }) => produced.bytesPerSecond));
  const achievedShare = median(shares);
  const { rate } = result.cell;
  // A share of the maximum was resolved for the run; what was due is what came over what came of it.
  const offered =
    typeof rate === 'number' ? rate : achievedShare > 0 ? achieved / achievedShare : 0;
  if (!(offered > 0)) return null;
  return {
    cellId: result.id,
    result,
    offeredBytesPerSecond: offered,
    achievedBytesPerSecond: achieved,
    achievedShare,
    loadFactor: max === null || max <= 0 ? null : offered / max,
  };
}

export type Knee =
  | {
      readonly kind: 'found';
      readonly cellId: string;
      readonly bytesPerSecond: number;
      readonly loadFactor: number | null;
      readonly latencyMs: number;
      /** At the lowest rate measured. */
      readonly unloadedMs: number;
      readonly text: string;
    }
  | { readonly kind: 'cannot-tell'; readonly reason: string };

const FEWEST_RATES = 4;

/**
 * Where more rate starts to cost more latency than it brings rate: the measured rate with the most rate for its latency
 * (rate / latency, Kleinrock's power; to the right of it, a percent more rate costs more than a percent more latency).
 * Rates that were not met have no such point: their latency grows as long as one waits.
 */
export function kneeOf(curve: LatencyCurve, percentile: Percentile = 'p99'): Knee {
  const points = curve.points.flatMap((point) => {
    const ms = latencyOf(point, percentile);
    return ms === null || ms <= 0 ? [] : [{ point, ms }];
  });
  if (points.length < FEWEST_RATES) {
    return {
      kind: 'cannot-tell',
      reason: `a knee needs latencies at ${FEWEST_RATES} rates or more, and there are ${points.length}`,
    };
  }
  const met = points.filter(({ point }) => point.achievedShare >= RATE_MET);
  const [first] = points as [(typeof points)[number]];
  let best: (typeof points)[number] | null = null;
  for (const one of met) if (best === null || powerOf(one) > powerOf(best)) best = one;
  if (best === null)
    return { kind: 'cannot-tell', reason: 'no rate that was asked for was reached' };
  if (best === points.at(-1)) {
    return {
      kind: 'cannot-tell',
      reason: `latency has not turned up by ${byteRateText(best.point.offeredBytesPerSecond)}, the highest rate measured: measure higher ones`,
    };
  }
  const { point, ms } = best;
  const share =
    point.loadFactor === null ? '' : ` (${percentText(point.loadFactor)} of the maximum)`;
  return {
    kind: 'found',
    cellId: point.cellId,
    bytesPerSecond: point.offeredBytesPerSecond,
    loadFactor: point.loadFactor,
    latencyMs: ms,
    unloadedMs: first.ms,
    text: `up to ${byteRateText(point.offeredBytesPerSecond)}${share} rate grows faster than ${percentile} does: ${millisText(ms)} there, ${millisText(first.ms)} at ${byteRateText(first.point.offeredBytesPerSecond)}`,
  };
}

function powerOf({ point, ms }: { point: CurvePoint; ms: number }): number {
  return point.achievedBytesPerSecond / ms;
}

function latencyOf({ result }: CurvePoint, percentile: Percentile): number | null {
  return latencyMs(result.summary?.publish ?? null, percentile);
}

export interface SloAnswer {
  readonly slo: Slo;
  /** The highest measured rate that meets the bound, with every lower one meeting it too; null: none does. */
  readonly met: SloPoint | null;
  /** The lowest measured rate above that does not; null: none was measured. */
  readonly failed: SloPoint | null;
  readonly text: string;
}

export interface SloPoint {
  readonly cellId: string;
  readonly bytesPerSecond: number;
  readonly valueMs: number;
  readonly achievedShare: number;
  /** Runs that met it, of all. */
  readonly runsMet: number;
  readonly runs: number;
}

/**
 * The highest rate at which a bound holds. A rate meets it when all runs together do, most runs do by themselves, and
 * the rate itself was reached: a target that sheds load has fine latencies.
 */
export function highestRateWithin(curve: LatencyCurve, slo: Slo): SloAnswer {
  const judged = curve.points.flatMap((point) => {
    const all = latencyMs(point.result.summary?.[slo.kind] ?? null, slo.percentile);
    if (all === null) return [];
    const runsMet = point.result.runs.filter((run) => {
      const value = sloValueMs(run, slo);
      return value !== null && value <= slo.limitMs;
    }).length;
    const runs = point.result.runs.length;
    const answer: SloPoint = {
      cellId: point.cellId,
      bytesPerSecond: point.offeredBytesPerSecond,
      valueMs: all,
      achievedShare: point.achievedShare,
      runsMet,
      runs,
    };
    const isMet = all <= slo.limitMs && runsMet * 2 > runs && point.achievedShare >= RATE_MET;
    return [{ answer, isMet }];
  });
  const firstFailed = judged.findIndex(({ isMet }) => !isMet);
  const met = (firstFailed === -1 ? judged.at(-1) : judged[firstFailed - 1])?.answer ?? null;
  const failed = firstFailed === -1 ? null : (judged[firstFailed]?.answer ?? null);
  return { slo, met, failed, text: answerText(slo, met, failed) };
}

function answerText(slo: Slo, met: SloPoint | null, failed: SloPoint | null): string {
  const bound = sloText(slo);
  if (met === null && failed === null) return `${bound}: no latency was measured at a set rate`;
  if (met === null)
    return `${bound}: not even ${whyFailed(failed as SloPoint, slo)} meets it; measure lower rates`;
  const holds = `${bound} holds up to ${byteRateText(met.bytesPerSecond)} (${millisText(met.valueMs)}; ${met.runsMet} of ${met.runs} runs)`;
  return failed === null
    ? `${holds}, the highest rate measured`
    : `${holds}, not at ${whyFailed(failed, slo)}`;
}

function whyFailed(point: SloPoint, { limitMs }: Slo): string {
  const rate = byteRateText(point.bytesPerSecond);
  if (point.valueMs > limitMs) return `${rate} (${millisText(point.valueMs)})`;
  if (point.achievedShare < RATE_MET)
    return `${rate} (only ${percentText(point.achievedShare)} of it was reached)`;
  return `${rate} (${point.runsMet} of ${point.runs} runs)`;
}
