import { verdictOf } from '../compare/compare.js';
import type { Verdict } from '../compare/comparison.js';
import { METRICS, type Metric, samplesOf } from '../compare/metrics.js';
import { ALARM_CHANCE, holm, type RatioOutcome, testRatios } from '../compare/ratio-test.js';
import { cellId, knobText } from '../model/cell-name.js';
import { type Cell, KNOB_NAMES, type KnobName } from '../model/knobs.js';
import type { CellResult } from '../model/result.js';
import type { Measured } from './knee.js';
import { type PooledRatio, pooledRatio } from './pooled-ratio.js';

/** What turning one knob alone did, wherever the matrix has both ends and everything else the same. */
export interface KnobEffect {
  readonly target: string;
  readonly knob: KnobName;
  /** Produced rate of closed loops; p99 of publishing where the rate was set. */
  readonly metric: Metric['name'];
  readonly better: Metric['better'];
  /** From each value to the next. */
  readonly steps: readonly KnobStep[];
  /** From the first value to the last. */
  readonly whole: KnobStep;
}

export interface KnobStep {
  readonly from: string;
  readonly to: string;
  /** `to` over `from`, geometric mean over all pairs; null: no pair could be compared. */
  readonly ratio: number | null;
  /** 95 % interval of that mean. */
  readonly low: number | null;
  readonly high: number | null;
  /** The mean over all pairs is no chance, whether or not it can be told of a single pair. */
  readonly isTold: boolean;
  /** Pairs without a ratio of their runs (a run acknowledged nothing, or there are too few): not in the mean. */
  readonly leftOut: number;
  /** Of all pairs: `mixed` where some got better and others worse, or some did and others did not. */
  readonly verdict: Verdict | 'mixed';
  readonly pairs: readonly KnobPair[];
}

export interface KnobPair {
  readonly from: CellResult;
  readonly to: CellResult;
  readonly ratio: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly verdict: Verdict;
  readonly reason: string;
}

/** One effect for each target and knob with more than one value; nothing for knobs that were never turned alone. */
export function knobEffects({ cells }: Measured): KnobEffect[] {
  const usable = cells.filter(({ cell, runs }) => cell.experiment === 'load' && runs.length > 0);
  const targets = [...new Set(usable.map(({ cell }) => cell.target))];
  return targets.flatMap((target) => {
    const own = usable.filter(({ cell }) => cell.target === target);
    return KNOB_NAMES.filter((name) => name !== 'target' && name !== 'experiment').flatMap(
      (knob) => {
        const effect = effectOf(target, knob, own);
        return effect === null ? [] : [effect];
      },
    );
  });
}

function effectOf(target: string, knob: KnobName, cells: readonly CellResult[]): KnobEffect | null {
  const isOpen = (cell: Cell): boolean => cell.rate !== 'max';
  const closed = cells.filter(({ cell }) => !isOpen(cell));
  const open = cells.filter(({ cell }) => isOpen(cell));
  // A set rate against another set rate says nothing that was measured.
  const candidates = knob === 'rate' ? [] : [closed, open];
  for (const members of candidates) {
    const metric = metricFor(members === closed);
    const values = sortedValues(members, knob);
    if (values.length < 2) continue;
    const groups = groupsOf(members, knob, metric);
    const spans = values.slice(1).map((to, at) => pairsOf(groups, values[at] as Value, to));
    const whole = pairsOf(groups, values[0] as Value, values.at(-1) as Value);
    if (whole.length === 0 && spans.every((pairs) => pairs.length === 0)) continue;
    const textOf = (value: Value): string => knobText(knob, value as Cell[KnobName]);
    return {
      target,
      knob,
      metric: metric.name,
      better: metric.better,
      steps: spans.map((pairs, at) =>
        stepOf(textOf(values[at] as Value), textOf(values[at + 1] as Value), pairs, metric),
      ),
      whole: stepOf(
        textOf(values[0] as Value),
        textOf(values.at(-1) as Value),
        // A knob that is not crossed with everything may lack its ends: then its widest pairs.
        whole.length > 0 ? whole : widest(groups, values),
        metric,
      ),
    };
  }
  return null;
}

function metricFor(isClosed: boolean): Metric {
  const name = isClosed ? 'producedBytesPerSecond' : 'publishP99Us';
  return METRICS.find((metric) => metric.name === name) as Metric;
}

type Value = string | number;
type Group = ReadonlyMap<Value, CellResult>;
type Pair = readonly [from: CellResult, to: CellResult];

function sortedValues(cells: readonly CellResult[], knob: KnobName): Value[] {
  const rank = (value: Value): number => {
    if (typeof value === 'number') return value;
    if (knob === 'flush') return flushRank(value);
    const order = ORDERED[knob]?.indexOf(value) ?? -1;
    if (order >= 0) return order;
    const number = Number.parseFloat(value);
    return Number.isNaN(number) ? Number.POSITIVE_INFINITY : number;
  };
  return [...new Set(cells.map(({ cell }) => cell[knob]))].sort((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    return left === right ? 0 : left - right;
  });
}

/** Words in the order of what they cost; numbers are their own order. Words that are not here keep the matrix's order. */
const ORDERED: { readonly [N in KnobName]?: readonly Value[] } = {
  codec: ['none', 'lz4', 'snappy', 'zstd', 'gzip'],
  keys: ['none', 'uniform', 'zipf', 'hot'],
  reading: ['tail', 'slow', 'catch-up'],
};

/** From the least safe: never, every second, every millisecond, every batch. */
function flushRank(value: string): number {
  if (value === 'os') return Number.NEGATIVE_INFINITY;
  return value === 'batch' ? 0 : -Number.parseFloat(value);
}

function groupsOf(cells: readonly CellResult[], knob: KnobName, metric: Metric): Group[] {
  const groups = new Map<string, Map<Value, CellResult>>();
  for (const result of cells) {
    if (samplesOf(result, metric).length === 0) continue;
    const held = cellId(result.cell, [knob]);
    const group = groups.get(held) ?? new Map<Value, CellResult>();
    groups.set(held, group.set(result.cell[knob], result));
  }
  return [...groups.values()].filter((group) => group.size > 1);
}

function pairsOf(groups: readonly Group[], from: Value, to: Value): Pair[] {
  return groups.flatMap((group) => {
    const [left, right] = [group.get(from), group.get(to)];
    return left === undefined || right === undefined ? [] : [[left, right] as const];
  });
}

function widest(groups: readonly Group[], values: readonly Value[]): Pair[] {
  return groups.flatMap((group) => {
    const present = values.filter((value) => group.has(value));
    return pairsOf([group], present[0] as Value, present.at(-1) as Value);
  });
}

function stepOf(from: string, to: string, pairs: readonly Pair[], metric: Metric): KnobStep {
  const samples = pairs.map(([left, right]) => ({
    a: samplesOf(left, metric),
    b: samplesOf(right, metric),
  }));
  const outcomes = testRatios(samples, { isPaired: true, machineShift: 0, names: [from, to] });
  const pooled = pooledRatio(samples);
  const chances = holm(outcomes.flatMap((one) => (one.kind === 'tested' ? [one.p] : [])));
  let at = 0;
  const judged = pairs.map(([left, right], index) =>
    pairOf(left, right, outcomes[index] as RatioOutcome, metric, () => chances[at++] as number),
  );
  return {
    from,
    to,
    ...meanOf(judged, pooled),
    isTold: pooled !== null && pooled.p < ALARM_CHANCE,
    leftOut: pooled === null ? 0 : pairs.length - pooled.pairs,
    verdict: stepVerdict(judged),
    pairs: judged,
  };
}

function pairOf(
  from: CellResult,
  to: CellResult,
  outcome: RatioOutcome,
  metric: Metric,
  chance: () => number,
): KnobPair {
  if (outcome.kind === 'cannot-tell') {
    const { ratio, reason } = outcome;
    return { from, to, ratio, low: null, high: null, verdict: 'cannot tell', reason };
  }
  const { ratio, low, high } = outcome;
  return { from, to, ratio, low, high, ...verdictOf(outcome, chance(), metric) };
}

/**
 * Mean of the logarithms, and its interval from those of the pairs (each 95 %, independent of each other). Where a pair
 * has none of its own, that of all their runs together.
 */
function meanOf(
  pairs: readonly KnobPair[],
  pooled: PooledRatio | null,
): Pick<KnobStep, 'ratio' | 'low' | 'high'> {
  const known = pairs.flatMap(({ ratio, low, high }) =>
    ratio === null ? [] : [{ log: Math.log(ratio), half: halfWidth(low, high) }],
  );
  if (known.length === 0) return { ratio: null, low: null, high: null };
  const mean = known.reduce((sum, { log }) => sum + log, 0) / known.length;
  const halves = known.flatMap(({ half }) => half ?? []);
  if (halves.length < known.length)
    return pooled === null
      ? { ratio: Math.exp(mean), low: null, high: null }
      : { ratio: pooled.ratio, low: pooled.low, high: pooled.high };
  const half = Math.sqrt(halves.reduce((sum, one) => sum + one * one, 0)) / halves.length;
  return { ratio: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) };
}

function halfWidth(low: number | null, high: number | null): number | null {
  return low === null || high === null ? null : Math.log(high / low) / 2;
}

function stepVerdict(pairs: readonly KnobPair[]): KnobStep['verdict'] {
  const verdicts = new Set(
    pairs.map(({ verdict }) => verdict).filter((verdict) => verdict !== 'cannot tell'),
  );
  if (verdicts.size === 0) return 'cannot tell';
  if (verdicts.size > 1) return 'mixed';
  return [...verdicts][0] as Verdict;
}
