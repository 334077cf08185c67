import { createRandom, type Random } from '../random.js';
import { quantile } from '../stats.js';
import { leastSquares } from './least-squares.js';

/**
 * The Universal Scalability Law (Gunther): X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1)), where lambda is what
 * one does alone, sigma the share that cannot be done side by side, and kappa what each pays for each other one. With
 * kappa above zero there is a peak at N = sqrt((1 - sigma) / kappa), and more make it slower.
 *
 * Fitted to the logarithms of rates, because runs differ by a share of the rate, with sigma and kappa at zero or above.
 * Intervals come from a bootstrap: 95 % of fits to the same means with the run-to-run deviations (pooled over all N and
 * widened for their degrees of freedom) drawn again. Where the data does not say, neither does the fit.
 */
export interface UslFit {
  /** Of one, in the unit of the rates. */
  readonly lambda: FittedValue;
  readonly sigma: FittedValue;
  readonly kappa: FittedValue;
  /** Of the logarithms of the mean rates; null: the curve is flat, so that there is nothing to explain. */
  readonly rSquared: number | null;
  /** Root mean square of relative deviations of the mean rates from the curve. */
  readonly relativeError: number;
  /** Relative standard deviation from run to run; null: one run of each. */
  readonly spread: number | null;
  /** The N that were measured, ascending, with the geometric mean of their rates. */
  readonly points: readonly { readonly n: number; readonly rate: number; readonly runs: number }[];
  readonly peak: Peak;
  /** Why the parameters must not be relied on; empty: nothing is known against them. */
  readonly doubts: readonly string[];
}

export interface FittedValue {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export type Peak =
  /** Between what was measured. */
  | {
      readonly kind: 'within';
      readonly n: number;
      readonly low: number;
      readonly high: number;
      readonly rate: number;
    }
  /** The curve still rises at the largest N measured. */
  | { readonly kind: 'beyond'; readonly atLeast: number; readonly rate: number }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface UslPoint {
  readonly n: number;
  /** Rates of the runs at this N, all above zero. */
  readonly rates: readonly number[];
}

export type UslOutcome =
  | { readonly kind: 'fit'; readonly fit: UslFit }
  | { readonly kind: 'cannot-tell'; readonly reason: string };

const RESAMPLES = 400;
const FEWEST_POINTS = 3;
/** A misfit beyond this, and beyond what noise explains, is a curve of another form. */
const MISFIT = 0.1;

interface Parameters {
  readonly lambda: number;
  readonly sigma: number;
  readonly kappa: number;
}

export function fitUsl(points: readonly UslPoint[], seed = 1): UslOutcome {
  const usable = points
    .map(({ n, rates }) => ({ n, logs: rates.filter((rate) => rate > 0).map(Math.log) }))
    .filter(({ logs }) => logs.length > 0)
    .sort((a, b) => a.n - b.n);
  if (usable.length < FEWEST_POINTS) {
    return {
      kind: 'cannot-tell',
      reason: `three parameters need rates at ${FEWEST_POINTS} or more different counts, and there are ${usable.length}`,
    };
  }
  const means = usable.map(({ n, logs }) => ({ n, log: mean(logs), runs: logs.length }));
  const best = fitLogs(means);
  const deviations = usable.flatMap(({ logs }) => widened(logs));
  const spread = deviations.length === 0 ? null : rootMeanSquare(deviations);
  const resampled = deviations.length === 0 ? [] : resample(means, deviations, createRandom(seed));
  const residuals = means.map(({ n, log }) => log - Math.log(uslRate(best, n)));
  const relativeError = rootMeanSquare(residuals);
  const total = rootMeanSquare(means.map(({ log }) => log - mean(means.map((one) => one.log))));
  const interval = (of: (one: Parameters) => number): FittedValue => ({
    value: of(best),
    low: Math.min(of(best), resampled.length === 0 ? of(best) : quantile(resampled.map(of), 0.025)),
    high: Math.max(
      of(best),
      resampled.length === 0 ? of(best) : quantile(resampled.map(of), 0.975),
    ),
  });
  const isFlat = total <= (spread ?? 0) / 2;
  return {
    kind: 'fit',
    fit: {
      lambda: interval((one) => one.lambda),
      sigma: interval((one) => one.sigma),
      kappa: interval((one) => one.kappa),
      rSquared: isFlat || total === 0 ? null : 1 - (relativeError / total) ** 2,
      relativeError,
      spread,
      points: means.map(({ n, log, runs }) => ({ n, rate: Math.exp(log), runs })),
      peak: peakOf(best, resampled, means),
      doubts: doubtsOf(means, relativeError, spread),
    },
  };
}

/** The rate that the law gives for N. */
export function uslRate({ lambda, sigma, kappa }: Parameters, n: number): number {
  return (lambda * n) / (1 + sigma * (n - 1) + kappa * n * (n - 1));
}

/** The curve of a fit, for charts and forecasts. */
export function predictUsl(fit: UslFit, n: number): number {
  return uslRate({ lambda: fit.lambda.value, sigma: fit.sigma.value, kappa: fit.kappa.value }, n);
}

interface LogPoint {
  readonly n: number;
  readonly log: number;
  readonly runs: number;
}

/**
 * N / X = a + b (N - 1) + c N (N - 1) is linear in a = 1/lambda, b = sigma/lambda, c = kappa/lambda: Gauss-Newton on the
 * logarithms is a weighted linear fit again and again. b and c below zero mean nothing: each is tried at zero too.
 */
function fitLogs(points: readonly LogPoint[]): Parameters {
  const rows = points.map(({ n }) => [1, n - 1, n * (n - 1)]);
  const logs = points.map(({ n, log }) => Math.log(n) - log);
  let best: { readonly solution: readonly number[]; readonly error: number } | null = null;
  for (const columns of [[0, 1, 2], [0, 1], [0, 2], [0]]) {
    const found = fitColumns(rows, logs, points, columns);
    if (found !== null && (best === null || found.error < best.error)) best = found;
    // With all three above zero, a fit with fewer cannot be better.
    if (best !== null && columns.length === 3) break;
  }
  if (best === null) throw new Error('a constant is always a fit');
  const [a, b, c] = best.solution as [number, number, number];
  return { lambda: 1 / a, sigma: b / a, kappa: c / a };
}

const ITERATIONS = 20;

function fitColumns(
  rows: readonly (readonly number[])[],
  logs: readonly number[],
  points: readonly LogPoint[],
  columns: readonly number[],
): { solution: number[]; error: number } | null {
  const design = rows.map((row) => columns.map((column) => row[column] as number));
  let values = logs.map(Math.exp);
  let solution: number[] = [];
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const targets = logs.map((log, at) => {
      const value = values[at] as number;
      return value * (1 + log - Math.log(value));
    });
    const weights = values.map((value, at) => (points[at] as LogPoint).runs / value ** 2);
    const found = leastSquares(design, targets, weights);
    if (found === null) return null;
    solution = [0, 0, 0];
    columns.forEach((column, at) => {
      solution[column] = found[at] as number;
    });
    const before = values;
    values = rows.map((row) => row.reduce((sum, x, at) => sum + x * (solution[at] as number), 0));
    if (values.some((value) => !(value > 0))) return null;
    const moved = values.some((value, at) => Math.abs(value / (before[at] as number) - 1) > 1e-10);
    if (!moved) break;
  }
  const [a, b, c] = solution as [number, number, number];
  if (!(a > 0) || b < 0 || c < 0) return null;
  const error = logs.reduce(
    (sum, log, at) =>
      sum + (points[at] as LogPoint).runs * (log - Math.log(values[at] as number)) ** 2,
    0,
  );
  return { solution, error };
}

function resample(
  means: readonly LogPoint[],
  deviations: readonly number[],
  random: Random,
): Parameters[] {
  return Array.from({ length: RESAMPLES }, () =>
    fitLogs(
      means.map(({ n, log, runs }) => {
        let sum = 0;
        for (let run = 0; run < runs; run++)
          sum += deviations[random.below(deviations.length)] as number;
        return { n, log: log + sum / runs, runs };
      }),
    ),
  );
}

/** Deviations from the mean of few values are too small: this gives them the spread of what they came from. */
function widened(values: readonly number[]): number[] {
  if (values.length < 2) return [];
  const middle = mean(values);
  const factor = Math.sqrt(values.length / (values.length - 1));
  return values.map((value) => (value - middle) * factor);
}

function peakAt({ sigma, kappa }: Parameters): number {
  if (sigma >= 1) return 1;
  return kappa === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.sqrt((1 - sigma) / kappa));
}

function peakOf(
  best: Parameters,
  resampled: readonly Parameters[],
  means: readonly LogPoint[],
): Peak {
  const largest = (means.at(-1) as LogPoint).n;
  if (means.length === FEWEST_POINTS)
    return { kind: 'unknown', reason: 'three counts fit any three parameters: measure a fourth' };
  if (resampled.length === 0)
    return { kind: 'unknown', reason: 'one run of each says nothing of noise: repeat them' };
  const peaks = resampled.map(peakAt).sort((a, b) => a - b);
  const low = peaks[Math.floor(peaks.length * 0.025)] as number;
  const high = peaks[Math.ceil(peaks.length * 0.975) - 1] as number;
  const n = peakAt(best);
  if (low > largest) return { kind: 'beyond', atLeast: largest, rate: uslRate(best, largest) };
  if (high <= 2 * largest && n <= largest && high <= 4 * low)
    return { kind: 'within', n, low, high, rate: uslRate(best, n) };
  const upper = Number.isFinite(high) ? high.toFixed(0) : 'no end';
  return {
    kind: 'unknown',
    reason: `noise leaves the peak anywhere from ${low.toFixed(0)} to ${upper}: more repeats, or larger counts than ${largest}`,
  };
}

function doubtsOf(
  means: readonly LogPoint[],
  relativeError: number,
  spread: number | null,
): string[] {
  const doubts: string[] = [];
  if (means.length === FEWEST_POINTS)
    doubts.push('three counts fit any three parameters: the error cannot be judged');
  if (spread === null) doubts.push('one run of each: there are no intervals');
  if (relativeError > Math.max(MISFIT, 2 * (spread ?? 0)))
    doubts.push(
      `the curve has another form: rates are ${(relativeError * 100).toFixed(0)} % from it, runs ${spread === null ? 'unknown' : `${(spread * 100).toFixed(0)} %`} from each other`,
    );
  const superlinear = means.slice(1).find(({ n, log }, at) => {
    const before = means[at] as LogPoint;
    return log - before.log > Math.log(n / before.n) + Math.max(0.05, 2 * (spread ?? 0));
  });
  if (superlinear !== undefined)
    doubts.push(
      `${superlinear.n} do more than their share over the count before (the law cannot say that): something else grew with them, such as the size of requests`,
    );
  return doubts;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function rootMeanSquare(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}
