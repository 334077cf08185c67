import { cellId } from '../model/cell-name.js';
import type { KnobName } from '../model/knobs.js';
import type { CellResult, RunResult } from '../model/result.js';
import { changeText, percentText, plural } from '../model/text.js';
import { estimate } from '../stats.js';
import type { CellComparison, Comparison, MetricComparison, MixedVerdict } from './comparison.js';
import { METRIC_NAMES, type Metric, type MetricName, metricOf, samplesOf } from './metrics.js';
import { machineShiftOf, notesOf } from './notes.js';
import {
  ALARM_CHANCE,
  BLIND_CHANGE,
  holm,
  IGNORED_CHANGE,
  type RatioOutcome,
  testRatios,
} from './ratio-test.js';

export interface CompareOptions {
  /** Default: all that both sides have. */
  readonly metrics?: readonly MetricName[];
  /** Knobs that may differ between what is compared; default none, and `target` where the two results have no cell in common. */
  readonly without?: readonly KnobName[];
  /** Runs of A and B alternated. Default: whether the two runs overlap in time. */
  readonly isPaired?: boolean;
}

/** B against A, cell by cell. The test and its limits: `ratio-test.ts`. */
export function compareResults(
  a: RunResult,
  b: RunResult,
  options: CompareOptions = {},
): Comparison {
  const without = options.without ?? defaultWithout(a, b);
  const isPaired = options.isPaired ?? overlaps(a, b);
  const cellsA = byId(a, without);
  const cellsB = byId(b, without);
  const pairs: CellPair[] = [...cellsA].flatMap(([id, cellA]) => {
    const cellB = cellsB.get(id);
    return cellB === undefined ? [] : [{ id, a: cellA, b: cellB }];
  });
  const machineShift = isPaired ? 0 : machineShiftOf(a, b);
  const byCell = compareMetrics(pairs, options.metrics ?? METRIC_NAMES, { isPaired, machineShift });
  const cells = pairs.map((pair) => cellComparison(pair, byCell.get(pair.id) ?? []));
  return {
    a: a.name,
    b: b.name,
    isPaired,
    test: describeTest(isPaired),
    cells,
    onlyInA: [...cellsA.keys()].filter((id) => !cellsB.has(id)),
    onlyInB: [...cellsB.keys()].filter((id) => !cellsA.has(id)),
    notes: notesOf(a, b, { isPaired, without }),
    overall: overallOf(cells),
  };
}

/** Two targets (or two values of any knob) of one run, whose repeats alternated. */
export function compareWithin(
  result: RunResult,
  knob: KnobName,
  values: { readonly a: string; readonly b: string },
  options: Pick<CompareOptions, 'metrics'> = {},
): Comparison {
  const side = (value: string): RunResult => ({
    ...result,
    name: `${knob}=${value}`,
    cells: result.cells.filter(({ cell }) => String(cell[knob]) === value),
  });
  return compareResults(side(values.a), side(values.b), {
    ...options,
    without: [knob],
    isPaired: true,
  });
}

interface CellPair {
  readonly id: string;
  readonly a: CellResult;
  readonly b: CellResult;
}

function defaultWithout(a: RunResult, b: RunResult): readonly KnobName[] {
  const ids = new Set(a.cells.map(({ cell }) => cellId(cell)));
  return b.cells.some(({ cell }) => ids.has(cellId(cell))) ? [] : ['target'];
}

/** Of cells that are the same without some knobs, the first stands for all. */
function byId({ cells }: RunResult, without: readonly KnobName[]): Map<string, CellResult> {
  const found = new Map<string, CellResult>();
  for (const result of cells) {
    const id = cellId(result.cell, without);
    if (!found.has(id)) found.set(id, result);
  }
  return found;
}

function overlaps(a: RunResult, b: RunResult): boolean {
  return (
    Date.parse(a.startedAt) < Date.parse(b.finishedAt) &&
    Date.parse(b.startedAt) < Date.parse(a.finishedAt)
  );
}

interface Tested {
  readonly pair: CellPair;
  readonly metric: Metric;
  readonly outcome: RatioOutcome;
}

function compareMetrics(
  pairs: readonly CellPair[],
  names: readonly MetricName[],
  options: { readonly isPaired: boolean; readonly machineShift: number | null },
): Map<string, MetricComparison[]> {
  // Rates of open loops are set, not found: their spread is another.
  const families = names.map(metricOf).flatMap((metric) =>
    [true, false].map((isOpen) => ({
      metric,
      members: pairs.filter(
        ({ a, b }) =>
          (a.cell.rate !== 'max') === isOpen &&
          samplesOf(a, metric).length > 0 &&
          samplesOf(b, metric).length > 0,
      ),
    })),
  );
  const all = families.reduce((sum, { members }) => sum + members.length, 0);
  const tested: Tested[] = families.flatMap(({ metric, members }) => {
    const outcomes = testRatios(
      members.map(({ a, b }) => ({ a: samplesOf(a, metric), b: samplesOf(b, metric) })),
      { ...options, alarmChance: (ALARM_CHANCE * members.length) / Math.max(1, all) },
    );
    return members.map((pair, at) => ({ pair, metric, outcome: outcomes[at] as RatioOutcome }));
  });
  const chances = holm(
    tested.flatMap(({ outcome }) => (outcome.kind === 'tested' ? [outcome.p] : [])),
  );
  let at = 0;
  const found = new Map<string, MetricComparison[]>();
  for (const one of tested) {
    const p = one.outcome.kind === 'tested' ? (chances[at++] as number) : 1;
    found.set(one.pair.id, [...(found.get(one.pair.id) ?? []), metricComparison(one, p)]);
  }
  return found;
}

function metricComparison({ pair, metric, outcome }: Tested, p: number): MetricComparison {
  const common = {
    metric: metric.name,
    label: metric.label,
    unit: metric.unit,
    better: metric.better,
    a: estimate(samplesOf(pair.a, metric).map(({ value }) => value)),
    b: estimate(samplesOf(pair.b, metric).map(({ value }) => value)),
  };
  if (outcome.kind === 'cannot-tell') {
    return {
      ...common,
      ratio: outcome.ratio,
      low: null,
      high: null,
      p: null,
      visibleChange: null,
      spread: null,
      verdict: 'cannot tell',
      reason: outcome.reason,
    };
  }
  const { ratio, low, high, visibleChange, spread } = outcome;
  return {
    ...common,
    ratio,
    low,
    high,
    p,
    visibleChange,
    spread,
    ...verdictOf(outcome, p, metric),
  };
}

/** Sure and large enough to matter, or not to be told from nothing; and if so, whether anything could have been seen. */
export function verdictOf(
  outcome: Extract<RatioOutcome, { kind: 'tested' }>,
  p: number,
  { better }: Pick<Metric, 'better'>,
): Pick<MetricComparison, 'verdict' | 'reason'> {
  const { ratio, visibleChange } = outcome;
  const interval = `95 % between ${changeText(outcome.low)} and ${changeText(outcome.high)}`;
  const isLarge = Math.abs(Math.log(ratio)) >= Math.log1p(IGNORED_CHANGE);
  if (p < ALARM_CHANCE && isLarge) {
    const isUp = ratio > 1;
    return {
      verdict: isUp === (better === 'higher') ? 'better' : 'worse',
      reason: `${changeText(ratio)}, ${interval}; a chance of ${chanceText(p)} if nothing had changed`,
    };
  }
  if (p < ALARM_CHANCE) {
    return {
      verdict: 'no significant difference',
      reason: `${changeText(ratio)} is sure, and smaller than the ${percentText(IGNORED_CHANGE)} that count`,
    };
  }
  if (visibleChange > BLIND_CHANGE) {
    return {
      verdict: 'cannot tell',
      reason: `runs differ so much that only changes above ${percentText(visibleChange)} would be seen: more repeats, or a quieter machine`,
    };
  }
  return {
    verdict: 'no significant difference',
    reason: `${changeText(ratio)}, ${interval}; changes above ${percentText(visibleChange)} would be seen`,
  };
}

function chanceText(p: number): string {
  return p < 0.0001 ? 'less than 0.0001' : p.toPrecision(2);
}

function cellComparison({ id, a, b }: CellPair, metrics: MetricComparison[]): CellComparison {
  const failure = failureOf(a, b);
  const verdict = failure !== null ? failure.verdict : mixedOf(metrics.map((one) => one.verdict));
  return {
    id,
    cellA: a.cell,
    cellB: b.cell,
    metrics,
    verdict,
    failure: failure?.text ?? null,
  };
}

function failureOf(a: CellResult, b: CellResult): { verdict: MixedVerdict; text: string } | null {
  const failed = (result: CellResult): string | null =>
    result.runs.length > 0 ? null : (result.failure?.message ?? 'it was not measured');
  const inA = failed(a);
  const inB = failed(b);
  if (inA !== null && inB !== null)
    return { verdict: 'cannot tell', text: `no figures on either side: ${inA}` };
  if (inA !== null) return { verdict: 'cannot tell', text: `no figures in A: ${inA}` };
  if (inB === null) return null;
  // Only what was tried and did not work is worse; what an interrupted run did not come to is not.
  return {
    verdict: b.failure === null ? 'cannot tell' : 'worse',
    text: `no figures in B: ${inB}`,
  };
}

function mixedOf(verdicts: readonly MixedVerdict[]): MixedVerdict {
  const has = (verdict: MixedVerdict): boolean => verdicts.includes(verdict);
  if (has('mixed') || (has('better') && has('worse'))) return 'mixed';
  if (has('worse')) return 'worse';
  if (has('better')) return 'better';
  return has('no significant difference') ? 'no significant difference' : 'cannot tell';
}

function overallOf(cells: readonly CellComparison[]): Comparison['overall'] {
  const verdicts = cells.flatMap(({ metrics }) => metrics.map(({ verdict }) => verdict));
  const count = (verdict: string): number => verdicts.filter((one) => one === verdict).length;
  const failed = cells.filter(({ failure, verdict }) => failure !== null && verdict === 'worse');
  const counts = {
    better: count('better'),
    worse: count('worse') + failed.length,
    same: count('no significant difference'),
    unknown: count('cannot tell'),
  };
  const verdict = mixedOf(cells.map((cell) => cell.verdict));
  const text =
    cells.length === 0
      ? 'The two have no cell in common.'
      : `${plural(verdicts.length, 'figure')} of ${plural(cells.length, 'cell')}: ${counts.worse} worse, ${counts.better} better, ${counts.same} without significant difference, ${counts.unknown} that cannot be told.`;
  return { verdict, isRegression: counts.worse > 0, ...counts, text };
}

function describeTest(isPaired: boolean): string {
  return [
    `t test of logarithms, ${isPaired ? 'paired by repeat (A and B alternated)' : 'unpaired (A and B ran one after the other: what the machine did meanwhile is in it)'}`,
    'spread from run to run moderated over all cells',
    `Holm's correction over all cells and figures: a false alarm anywhere at most once in ${Math.round(1 / ALARM_CHANCE)} comparisons`,
    `changes below ${percentText(IGNORED_CHANGE)} do not count`,
  ].join('; ');
}
