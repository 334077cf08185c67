import pc from 'picocolors';
import { changeText, percentText } from '../model/text.js';
import type { CellComparison, Comparison, MetricComparison, MixedVerdict } from './comparison.js';
import { metricOf } from './metrics.js';

export interface RenderComparisonOptions {
  readonly color: boolean;
  /** Also what did not change. Default: only what did, what cannot be told, and the sum. */
  readonly all?: boolean;
}

/** A comparison for a terminal: what changed first, each figure with its interval and why. */
export function renderComparison(
  comparison: Comparison,
  { color, all = false }: RenderComparisonOptions,
): string {
  const colors = pc.createColors(color);
  const paint: Record<MixedVerdict, (text: string) => string> = {
    better: colors.green,
    worse: colors.red,
    mixed: colors.yellow,
    'cannot tell': colors.yellow,
    'no significant difference': colors.dim,
  };
  const shown = comparison.cells.filter(
    ({ verdict }) => all || verdict !== 'no significant difference',
  );
  return [
    colors.bold(`${comparison.b} against ${comparison.a}`),
    paint[comparison.overall.verdict](comparison.overall.text),
    ...comparison.notes.map((note) => `  note: ${note}`),
    ...sideLines('A', comparison.onlyInA),
    ...sideLines('B', comparison.onlyInB),
    ...shown.flatMap((cell) => cellLines(cell, paint, all)),
    '',
    colors.dim(comparison.test),
  ].join('\n');
}

function sideLines(side: string, ids: readonly string[]): string[] {
  return ids.map((id) => `  only in ${side}: ${id}`);
}

function cellLines(
  { id, metrics, verdict, failure }: CellComparison,
  paint: Record<MixedVerdict, (text: string) => string>,
  all: boolean,
): string[] {
  return [
    '',
    `${id}: ${paint[verdict](verdict)}`,
    ...(failure === null ? [] : [`  ${failure}`]),
    ...metrics
      .filter((one) => all || one.verdict !== 'no significant difference')
      .map((one) => `  ${paint[one.verdict](metricLine(one))}`),
  ];
}

function metricLine({
  metric,
  label,
  a,
  b,
  ratio,
  spread,
  verdict,
  reason,
}: MetricComparison): string {
  const { text } = metricOf(metric);
  const change = ratio === null ? '' : ` (${changeText(ratio)})`;
  const noise = spread === null ? '' : `; runs differ by ${percentText(spread)}`;
  return `${label}: ${text(a.median)} -> ${text(b.median)}${change}: ${verdict}; ${reason}${noise}`;
}
