import { chiSquare90, studentQuantile, studentTwoSided } from './distributions.js';
import { moderated, type Variance } from './spread.js';

/**
 * Is B the same as A? One test for every comparison of the suite.
 *
 * Values are compared as logarithms, because runs differ by a share of the figure. Per cell: a t test of the mean
 * logarithms, unpaired, or paired by repeat when A and B alternated in one run, so that a slow change of the machine
 * cancels. The spread is that of the cell, moderated by all cells (`spread.ts`), so that three repeats have enough degrees
 * of freedom. What all cells of one round do together is no noise of a cell: where it is more than chance, it widens every
 * interval (`driftVariance`), as does what the caller knows of the machine (`machineShift`).
 * Over all cells, Holm's correction holds the chance of a single false alarm at `ALARM_CHANCE`.
 */
export const ALARM_CHANCE = 0.01;
/** Of intervals. */
export const CONFIDENCE = 0.95;
/** A difference smaller than this is none, however sure it is. */
export const IGNORED_CHANGE = 0.02;
export const FEWEST_RUNS = 2;
/** Below, a t is so wide that nothing could be told. */
export const FEWEST_FREEDOM = 4;
/** Where only a change larger than this would be seen, "no difference" would be a false comfort. */
export const BLIND_CHANGE = 0.3;
/** Calibration is a measurement too. */
const CALIBRATION_NOISE = 0.02;
/** What a machine that was not calibrated may have changed by between two runs without showing within either. */
const UNKNOWN_MACHINE = 0.03;

export interface Sample {
  readonly repeat: number;
  readonly value: number;
}

export interface SamplePair {
  readonly a: readonly Sample[];
  readonly b: readonly Sample[];
}

export interface RatioTestOptions {
  /** A and B alternated: their runs of one repeat belong together. */
  readonly isPaired: boolean;
  /** How much faster the machine itself was for B than for A, as a logarithm; null: nobody knows. Unpaired only. */
  readonly machineShift: number | null;
  /** What A and B are called where nothing can be told; default "A" and "B". */
  readonly names?: readonly [a: string, b: string];
  /** Tests beside these in the same family, for Holm's correction; default none. */
  readonly alarmChance?: number;
}

export type RatioOutcome =
  | {
      readonly kind: 'tested';
      /** B over A, of geometric means. */
      readonly ratio: number;
      readonly low: number;
      readonly high: number;
      /** Of so large a difference by chance, for this cell alone. */
      readonly p: number;
      /** Ratios nearer to 1 than this (as a change, 0.05 for 5 %) would not have been called a difference. */
      readonly visibleChange: number;
      /** Relative standard deviation from run to run that was used. */
      readonly spread: number;
    }
  | { readonly kind: 'cannot-tell'; readonly reason: string; readonly ratio: number | null };

interface LogPair {
  readonly a: readonly Sample[];
  readonly b: readonly Sample[];
}

/** One outcome for each pair, in their order. */
export function testRatios(
  pairs: readonly SamplePair[],
  options: RatioTestOptions,
): RatioOutcome[] {
  const logs = pairs.map((pair) => logsOf(pair, options.names ?? ['A', 'B']));
  const usable = logs.flatMap((pair) => (typeof pair === 'string' ? [] : [pair]));
  const tests = options.isPaired ? pairedTests(usable) : unpairedTests(usable, options);
  const strictest = (options.alarmChance ?? ALARM_CHANCE) / Math.max(1, usable.length);
  // Most cells share their degrees of freedom, and a quantile is a search.
  const quantiles = new Map<string, number>();
  const quantileOf = (chance: number, freedom: number): number => {
    const key = `${chance} ${freedom}`;
    const found = quantiles.get(key) ?? studentQuantile(chance, freedom);
    quantiles.set(key, found);
    return found;
  };
  let at = 0;
  return logs.map((pair, index) => {
    if (typeof pair === 'string')
      return { kind: 'cannot-tell', reason: pair, ratio: ratioOf(pairs[index] as SamplePair) };
    const test = tests[at++] as LogTest;
    return outcomeOf(test, strictest, quantileOf);
  });
}

function logsOf(
  { a, b }: SamplePair,
  [nameA, nameB]: readonly [a: string, b: string],
): LogPair | string {
  for (const [side, samples] of [
    [nameA, a],
    [nameB, b],
  ] as const) {
    if (samples.length < FEWEST_RUNS)
      return `${side} has ${samples.length === 1 ? '1 run' : `${samples.length} runs`}: ${FEWEST_RUNS} are the least that show a spread`;
    if (samples.some(({ value }) => !(value > 0)))
      return `a run of ${side} has a figure of zero, which has no ratio`;
  }
  const logged = (samples: readonly Sample[]) =>
    samples.map(({ repeat, value }) => ({ repeat, value: Math.log(value) }));
  return { a: logged(a), b: logged(b) };
}

interface LogTest {
  readonly difference: number;
  readonly standardError: number;
  readonly freedom: number;
  readonly spread: number;
}

function unpairedTests(pairs: readonly LogPair[], { machineShift }: RatioTestOptions): LogTest[] {
  const variances = moderated(
    pairs.map(({ a, b }) => {
      const freedom = a.length + b.length - 2;
      return { variance: (squares(a) + squares(b)) / freedom, freedom };
    }),
  );
  const sides = [pairs.map(({ a }) => a), pairs.map(({ b }) => b)];
  // Runs one after the other: what changed by x (standard deviation) within each may have changed by three x between
  // them, the case of a steady change.
  const drift = 9 * roundVariance(sides, typical(variances));
  const machine =
    machineShift === null
      ? UNKNOWN_MACHINE ** 2
      : Math.max(0, Math.abs(machineShift) - CALIBRATION_NOISE) ** 2;
  return pairs.map(({ a, b }, at) => {
    const { variance, freedom } = variances[at] as Variance;
    return {
      difference: mean(b) - mean(a),
      standardError: Math.sqrt(variance * (1 / a.length + 1 / b.length) + drift + machine),
      freedom,
      spread: Math.sqrt(variance),
    };
  });
}

function pairedTests(pairs: readonly LogPair[]): LogTest[] {
  const differences = pairs.map(({ a, b }) =>
    b.flatMap(({ repeat, value }) => {
      const other = a.find((sample) => sample.repeat === repeat);
      return other === undefined ? [] : [{ repeat, value: value - other.value }];
    }),
  );
  const variances = moderated(
    differences.map((samples) => {
      const freedom = Math.max(0, samples.length - 1);
      return { variance: freedom === 0 ? 0 : squares(samples) / freedom, freedom };
    }),
  );
  const rounds = Math.max(1, ...differences.map((samples) => samples.length));
  const drift = roundVariance([differences], typical(variances)) / rounds;
  return differences.map((samples, at) => {
    const { variance, freedom } = variances[at] as Variance;
    return {
      difference: samples.length === 0 ? 0 : mean(samples),
      standardError: Math.sqrt(variance / Math.max(1, samples.length) + drift),
      freedom: samples.length < FEWEST_RUNS ? 0 : freedom,
      // Of one run, as in the unpaired case.
      spread: Math.sqrt(variance / 2),
    };
  });
}

/** Cells below which a round's mean says nothing that the cells do not. */
const ROUND_CELLS = 3;

/**
 * The variance of what all cells of one round have in common, beyond what their own noise gives: the machine was slower
 * for a while. Zero where it could be chance.
 */
function roundVariance(sides: readonly (readonly (readonly Sample[])[])[], noise: number): number {
  let sum = 0;
  let freedom = 0;
  let cells = Number.POSITIVE_INFINITY;
  for (const samplesOfCells of sides) {
    const rounds = new Map<number, number[]>();
    for (const samples of samplesOfCells) {
      const middle = samples.length === 0 ? 0 : mean(samples);
      for (const { repeat, value } of samples)
        rounds.set(repeat, [...(rounds.get(repeat) ?? []), value - middle]);
    }
    const means = [...rounds.values()].map(
      (values) => values.reduce((total, value) => total + value, 0) / values.length,
    );
    for (const value of means) sum += value * value;
    freedom += means.length - 1;
    cells = Math.min(cells, samplesOfCells.length);
  }
  if (cells < ROUND_CELLS || freedom < 1) return 0;
  const expected = noise / cells;
  const found = sum / freedom;
  return found > expected * chiSquare90(freedom) ? found - expected : 0;
}

function typical(variances: readonly Variance[]): number {
  return variances.length === 0
    ? 0
    : variances.reduce((sum, { variance }) => sum + variance, 0) / variances.length;
}

function outcomeOf(
  test: LogTest,
  strictest: number,
  quantileOf: typeof studentQuantile,
): RatioOutcome {
  const { difference, standardError, freedom, spread } = test;
  const ratio = Math.exp(difference);
  if (freedom < FEWEST_FREEDOM) {
    return {
      kind: 'cannot-tell',
      ratio,
      reason: `too few repeats: ${freedom} degrees of freedom of ${FEWEST_FREEDOM} at least; repeat each cell more often`,
    };
  }
  const half = quantileOf(1 - CONFIDENCE, freedom) * standardError;
  const visible = quantileOf(Math.max(strictest, 1e-12), freedom) * standardError;
  return {
    kind: 'tested',
    ratio,
    low: Math.exp(difference - half),
    high: Math.exp(difference + half),
    p: studentTwoSided(difference / standardError, freedom),
    visibleChange: Math.expm1(visible),
    spread,
  };
}

/** Holm's step-down correction: the chance of any false alarm among all of them, for each. In the order given. */
export function holm(chances: readonly number[]): number[] {
  const order = chances
    .map((_, at) => at)
    .sort((x, y) => chanceAt(chances, x) - chanceAt(chances, y));
  const adjusted = [...chances];
  let highest = 0;
  order.forEach((index, rank) => {
    highest = Math.max(highest, Math.min(1, chanceAt(chances, index) * (chances.length - rank)));
    adjusted[index] = highest;
  });
  return adjusted;
}

function chanceAt(chances: readonly number[], at: number): number {
  return chances[at] as number;
}

function ratioOf({ a, b }: SamplePair): number | null {
  if (a.length === 0 || b.length === 0) return null;
  const below = mean(a);
  return below > 0 ? mean(b) / below : null;
}

function mean(samples: readonly Sample[]): number {
  return samples.reduce((sum, { value }) => sum + value, 0) / samples.length;
}

function squares(samples: readonly Sample[]): number {
  const middle = mean(samples);
  return samples.reduce((sum, { value }) => sum + (value - middle) ** 2, 0);
}
