import { RATE_MET } from '../explain/facts.js';
import { latencyMs, type Slo, sloText, sloValueMs } from '../explain/slo.js';
import { cellId } from '../model/cell-name.js';
import type { CellResult } from '../model/result.js';
import { byteRateText, millisText, percentText } from '../model/text.js';
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
  const isLatencyMet = value !== null && value <= slo.limitMs && met * 2 > runs.length;
  return {
    cell,
    id: cellId(cell),
    achievedBytesPerSecond: achieved,
    achievedShare,
    latencyMs: value,
    runs: runs.length,
    isRateMet,
    isLatencyMet,
    meets: isRateMet && isLatencyMet,
    text: textOf(result, { achieved, achievedShare, value, met, slo }),
  };
}

function textOf(
  { runs, failure, summary }: CellResult,
  figures: {
    readonly achieved: number;
    readonly achievedShare: number;
    readonly value: number | null;
    readonly met: number;
    readonly slo: Slo;
  },
): string {
  const { achieved, achievedShare, value, met, slo } = figures;
  if (runs.length === 0) return `it did not run: ${failure?.message ?? 'no reason is known'}`;
  const rate = `${byteRateText(achieved)}, ${percentText(achievedShare)} of what was due`;
  const latency =
    value === null
      ? 'no latency was measured'
      : `${sloText(slo)} asked, ${millisText(value)} measured (${met} of ${runs.length} runs within)`;
  const limit = summary?.attribution;
  const why =
    achievedShare >= RATE_MET || limit === undefined ? '' : `; limit: ${limit.bottleneck}`;
  return `${rate}; ${latency}${why}`;
}
