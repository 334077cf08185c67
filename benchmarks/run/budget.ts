import { BenchError } from '../model/bench-error.js';

/** Beyond warm-up and window a run takes about so long: a topic, processes, what is under way. */
export const OVERHEAD_SECONDS = 0.9;
const LEAST_WINDOW_SECONDS = 0.2;
/** Fewer repeats have no interval worth the name. */
const LEAST_REPEATS = 3;

export interface Timing {
  readonly repeats: number;
  readonly warmupSeconds: number;
  readonly measureSeconds: number;
}

export function secondsOf(
  cells: number,
  { repeats, warmupSeconds, measureSeconds }: Timing,
): number {
  return cells * repeats * (warmupSeconds + measureSeconds + OVERHEAD_SECONDS);
}

/** Shares a budget out over all runs: longer or shorter windows first, then fewer repeats. */
export function fitBudget(cells: number, asked: Timing, budgetSeconds: number | null): Timing {
  if (budgetSeconds === null || cells === 0) return asked;
  for (let repeats = asked.repeats; repeats >= Math.min(LEAST_REPEATS, asked.repeats); repeats--) {
    const each = budgetSeconds / (cells * repeats) - OVERHEAD_SECONDS;
    const scale = each / (asked.warmupSeconds + asked.measureSeconds);
    const measureSeconds = asked.measureSeconds * scale;
    if (measureSeconds >= LEAST_WINDOW_SECONDS) {
      return { repeats, warmupSeconds: asked.warmupSeconds * scale, measureSeconds };
    }
  }
  const least = secondsOf(cells, {
    repeats: Math.min(LEAST_REPEATS, asked.repeats),
    warmupSeconds: 0,
    measureSeconds: LEAST_WINDOW_SECONDS,
  });
  throw new BenchError(
    'INVALID_KNOB',
    `--time ${Math.round(budgetSeconds)}s is too little for ${cells} cells: at least ${Math.ceil(least)}s, or fewer cells`,
  );
}
