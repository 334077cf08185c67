/** A median with the range that holds the true median at `confidence`. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** What the interval really covers (0-1): three runs cannot give 95 %, and this says so. */
  readonly confidence: number;
  readonly count: number;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a share of `values` lies, interpolated between neighbours. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('a quantile of no values');
  const sorted = ascending(values);
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (high - low) * (position - below);
}

/**
 * The median and its distribution-free interval from order statistics: the k-th smallest to the k-th
 * largest value, with the largest k that still covers `confidence`. With too few values for that, the
 * whole range, and `confidence` says what it covers (3 values: 75 %, 5: 94 %, 6: 97 %).
 * Every value counts: none is dropped as an outlier.
 */
export function estimate(values: readonly number[], confidence = 0.95): Estimate {
  if (values.length === 0) throw new RangeError('an estimate of no values');
  const sorted = ascending(values);
  const count = sorted.length;
  let rank = 1;
  while (rank + 1 <= (count + 1) / 2 && coverage(count, rank + 1) >= confidence) rank += 1;
  return {
    median: median(sorted),
    low: sorted[rank - 1] as number,
    high: sorted[count - rank] as number,
    confidence: coverage(count, rank),
    count,
  };
}

/** Chance that the true median lies between the `rank`-th smallest and the `rank`-th largest of `count` values. */
export function coverage(count: number, rank: number): number {
  let outside = 0;
  let term = 2 ** -count;
  for (let below = 0; below < rank; below++) {
    outside += term;
    term = (term * (count - below)) / (below + 1);
  }
  return Math.max(0, 1 - 2 * outside);
}

/** Ratios of runs measured in pairs (one after the other), so that slow drift of the machine cancels. */
export function pairedRatios(values: readonly number[], controls: readonly number[]): number[] {
  if (values.length !== controls.length) throw new RangeError('every run needs its control');
  return values.map((value, at) => value / (controls[at] as number));
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((left, right) => left - right);
}
