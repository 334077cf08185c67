import { RATE_MET } from '../explain/facts.js';
import { latencyMs, type Slo, sloText, sloValueMs } from '../explain/slo.js';
import { cellId } from '../model/cell-name.js';
import type { CellResult, CellRun } from '../model/result.js';
import { byteRateText, millisText, percentText, plural } from '../model/text.js';
import { median } from '../stats.js';
import type { Verification } from './advice.js';

/**
 * Did an open loop at the asked rate meet rate and latency? All runs together must keep the bound, and most of them by
 * themselves; a cell without figures meets nothing.
 */
export function verified(result: CellResult, slo: Slo): Verification {
  const { cell, runs } = result;
  const shares = runs.flatMap(({ generator }) => generator.achievedShare ?? []);
  const achievedShare = shares.length === 0 ? 0 : median(shares);
  const achieved =
    runs.length === 0 ? 0 : median(runs.map(({ produced }) => produced.bytesPerSecond));
  const value = latencyMs(result.summary?.[slo.kind] ?? null, slo.percentile);
  const met = runs.filter((run) => {
    const own = sloValueMs(run, slo);
    return own !== null && own <= slo.limitMs;
  }).length;
  const isRateMet = achievedShare >= RATE_MET;
  const consumedShare =
    cell.consumerRate === 'max' || runs.length === 0 ? null : median(consumedSharesOf(runs));
  const isConsumed = consumedShare === null || consumedShare >= KEPT_UP;
  const isLatencyMet = value !== null && value <= slo.limitMs && met * 2 > runs.length;
  return {
    cell,
    id: cellId(cell),
    achievedBytesPerSecond: achieved,
    achievedShare,
    consumedShare,
    latencyMs: value,
    runs: runs.length,
    isRateMet,
    isLatencyMet,
    isConsumed,
    meets: isRateMet && isLatencyMet && isConsumed,
    text: textOf(result, { achieved, achievedShare, consumedShare, value, met, slo }),
  };
}

function textOf(
  { cell, runs, failure, summary }: CellResult,
  figures: {
    readonly achieved: number;
    readonly achievedShare: number;
    readonly consumedShare: number | null;
    readonly value: number | null;
    readonly met: number;
    readonly slo: Slo;
  },
): string {
  const { achieved, achievedShare, consumedShare, value, met, slo } = figures;
  if (runs.length === 0) return `it did not run: ${failure?.message ?? 'no reason is known'}`;
  const rate = `${byteRateText(achieved)}, ${percentText(achievedShare)} of what was due`;
  const latency =
    value === null
      ? 'no latency was measured'
      : `${sloText(slo)} asked, ${millisText(value)} measured (${met} of ${runs.length} runs within)`;
  const limit = summary?.attribution;
  const why =
    achievedShare >= RATE_MET || limit === undefined ? '' : `; limit: ${limit.bottleneck}`;
  const consumers =
    consumedShare === null
      ? ''
      : `; ${plural(cell.consumers, 'consumer')} of ${byteRateText(Number(cell.consumerRate))} read ${percentText(consumedShare)} of it meanwhile`;
  return `${rate}${consumers}; ${latency}${why}`;
}

/** What is under way at the window's edges is more of a share where consumers work in bursts. */
const KEPT_UP = 0.95;

function consumedSharesOf(runs: readonly CellRun[]): number[] {
  return runs.map(({ produced, consumed }) =>
    produced.bytesPerSecond === 0 ? 0 : (consumed?.bytesPerSecond ?? 0) / produced.bytesPerSecond,
  );
}
