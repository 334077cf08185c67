import { studentQuantile, studentTwoSided } from '../compare/distributions.js';
import { CONFIDENCE, type Sample, type SamplePair } from '../compare/ratio-test.js';
import { LEAST_VARIANCE } from '../compare/spread.js';

/** B over A in the mean of several pairs of cells. */
export interface PooledRatio {
  /** Geometric mean over pairs, each the geometric mean over its repeats. */
  readonly ratio: number;
  /** 95 % interval. */
  readonly low: number;
  readonly high: number;
  /** Of so large a mean by chance. */
  readonly p: number;
  /** Of those given: the others had a run of zero, or fewer than two repeats on both sides. */
  readonly pairs: number;
}

/**
 * A pair of three repeats tells little, and two such pairs have too few degrees of freedom for a test of each; the mean
 * over pairs has those of all. Each pair keeps its own spread (Satterthwaite's degrees of freedom), so a noisy one does
 * not pass for a quiet one. null: fewer than two pairs can be used, and one alone is what `testRatios` judges.
 */
export function pooledRatio(pairs: readonly SamplePair[]): PooledRatio | null {
  const usable = pairs.flatMap((pair) => differenceOf(pair) ?? []);
  if (usable.length < 2) return null;
  const mean = usable.reduce((sum, one) => sum + one.mean, 0) / usable.length;
  const variance = usable.reduce((sum, one) => sum + one.variance, 0);
  const freedom =
    variance ** 2 / usable.reduce((sum, one) => sum + one.variance ** 2 / one.freedom, 0);
  const standardError = Math.sqrt(variance) / usable.length;
  const half = studentQuantile(1 - CONFIDENCE, freedom) * standardError;
  return {
    ratio: Math.exp(mean),
    low: Math.exp(mean - half),
    high: Math.exp(mean + half),
    p: studentTwoSided(mean / standardError, freedom),
    pairs: usable.length,
  };
}

interface Difference {
  /** Of logarithms. */
  readonly mean: number;
  /** Of that mean. */
  readonly variance: number;
  readonly freedom: number;
}

/** By repeat, so that a slow change of the machine cancels. */
function differenceOf({ a, b }: SamplePair): Difference | null {
  const isPositive = ({ value }: Sample): boolean => value > 0;
  if (!a.every(isPositive) || !b.every(isPositive)) return null;
  const differences = b.flatMap(({ repeat, value }) => {
    const other = a.find((sample) => sample.repeat === repeat);
    return other === undefined ? [] : [Math.log(value / other.value)];
  });
  const count = differences.length;
  if (count < 2) return null;
  const mean = differences.reduce((sum, one) => sum + one, 0) / count;
  const squares = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  return {
    mean,
    variance: Math.max(squares / (count - 1), LEAST_VARIANCE) / count,
    freedom: count - 1,
  };
}
