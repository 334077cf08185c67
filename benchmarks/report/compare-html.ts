import type {
  CellComparison,
  Comparison,
  MetricComparison,
  MixedVerdict,
} from '../compare/comparison.js';
import { METRICS, type MetricName } from '../compare/metrics.js';
import { cellLabel } from '../model/cell-name.js';
import { type Cell, KNOB_NAMES, type KnobName } from '../model/knobs.js';
import { changeText, plural } from '../model/text.js';
import { COMPARE_STYLE } from './page/compare-style.js';
import { embedded, escaped } from './page/elements.js';
import { card, csvButton, help } from './page/sections.js';
import { pageOf, strata } from './page/shell.js';

export interface CompareOptions {
  /** The bundle that sorts and saves tables (`readClientScript('page-client')`). */
  readonly clientScript: string;
}

/** Two results side by side, one file: each cell's ratio with its interval, and the verdict in words. */
export function renderComparison(comparison: Comparison, options: CompareOptions): string {
  const metrics = METRICS.filter(({ name }) =>
    comparison.cells.some((cell) => cell.metrics.some(({ metric }) => metric === name)),
  );
  const { overall } = comparison;
  const links = metrics.map(({ name, label }) => [name, label] as const);
  return pageOf({
    title: `${comparison.a} against ${comparison.b}`,
    header: `<header>${strata()}<div class="wrap"><span class="brand">varve bench compare</span><span class="meta">A: ${escaped(comparison.a)} \u00b7 B: ${escaped(comparison.b)}</span><button type="button" class="plain theme js-only" data-theme-toggle>Dark theme</button></div></header>`,
    links: [...links, ['how', 'How it was judged']],
    main: `<style>${COMPARE_STYLE}</style>
<h1>${escaped(HEADLINES[overall.verdict])}</h1>
<ul class="answer"><li>${escaped(overall.text)}</li></ul>
<dl class="tiles">${tile('Better', overall.better)}${tile('Worse', overall.worse)}${tile('No significant difference', overall.same)}${tile('Cannot tell', overall.unknown)}</dl>
${comparison.notes.length === 0 ? '' : `<div class="notice"><strong>What differs besides:</strong><ul>${comparison.notes.map((note) => `<li>${escaped(note)}</li>`).join('')}</ul></div>`}
${metrics.map(({ name }) => metricCard(comparison, name)).join('\n')}
${howCard(comparison)}`,
    data: embedded('comparison', comparison),
    script: options.clientScript,
    footer:
      'Made by varve bench compare. Everything on this page is in this file: it makes no request.',
  });
}

const HEADLINES: Readonly<Record<MixedVerdict, string>> = {
  better: 'B is better than A',
  worse: 'B is worse than A',
  mixed: 'B is better in places and worse in others',
  'no significant difference': 'No significant difference between A and B',
  'cannot tell': 'It cannot be told which is better',
};

/** Symbols beside words and colours: three ways to see the same. */
const SYMBOLS: Readonly<Record<MixedVerdict, string>> = {
  better: '\u25b2',
  worse: '\u25bc',
  mixed: '\u25c6',
  'no significant difference': '=',
  'cannot tell': '?',
};

function tile(title: string, count: number): string {
  return `<div class="tile"><dt>${escaped(title)}</dt><dd><span class="big">${count}</span><span class="small">${count === 1 ? 'figure' : 'figures'}</span></dd></div>`;
}

/** The verdict next to the name: a phone shows no more. */
const HEADS = [
  ['cell', 'left'],
  ['verdict', 'left'],
  ['B over A', 'left'],
  ['change', 'right'],
  ['95 % interval', 'right'],
  ['A', 'right'],
  ['B', 'right'],
] as const;

interface Row {
  readonly cell: CellComparison;
  readonly figures: MetricComparison;
}

function metricCard({ cells }: Comparison, name: MetricName): string {
  const metric = METRICS.find((each) => each.name === name)!;
  const rows = cells.flatMap((cell): Row[] => {
    const figures = cell.metrics.find((each) => each.metric === name);
    return figures === undefined ? [] : [{ cell, figures }];
  });
  const axes = differing(rows.map(({ cell }) => cell.cellA));
  const scale = scaleOf(rows);
  const head = HEADS.map(
    ([title, align]) =>
      `<th scope="col" class="${align}" aria-sort="none"><button type="button" class="sort">${title}</button></th>`,
  ).join('');
  const direction = metric.better === 'higher' ? 'more is better' : 'less is better';
  return card(
    name,
    capital(metric.label),
    `${help(`Each dot is B over A with the range that holds the true ratio; the line in the middle is no change. ${capital(direction)}.`)}
<div class="table-box" tabindex="0" role="region" aria-label="${escaped(metric.label)}"><table id="${name}-table" data-sortable class="compare"><caption>${escaped(`${metric.label}, A against B`)}</caption><thead><tr>${head}</tr></thead><tbody>
${rows.map((row) => rowHtml(row, axes, metric.text, scale)).join('\n')}
</tbody></table></div>${csvButton(`${name}-table`)}`,
  );
}

function rowHtml(
  { cell, figures }: Row,
  axes: readonly KnobName[],
  text: (value: number) => string,
  scale: (ratio: number) => number,
): string {
  const { a, b, ratio, low, high, verdict, reason } = figures;
  const td = (align: string, value: string | number | null, inner: string, more = ''): string =>
    `<td class="${align}" data-value="${escaped(String(value ?? ''))}"${more}>${inner}</td>`;
  const label = cellLabel(cell.cellA, axes);
  const interval = low === null || high === null ? '' : `${changeText(low)} to ${changeText(high)}`;
  const seen = verdict === 'no significant difference' ? 'no difference' : verdict;
  const cells = [
    td('left', label, escaped(label)),
    td(
      'left',
      verdict,
      `<span class="verdict" title="${escaped(reason)}">${SYMBOLS[verdict]} ${seen}</span>`,
    ),
    td('left', ratio, forest(figures, scale), ' aria-hidden="true"'),
    td('right', ratio, ratio === null ? '\u2013' : changeText(ratio)),
    td('right', low, interval),
    td('right', a.median, escaped(text(a.median))),
    td('right', b.median, escaped(text(b.median))),
  ];
  return `<tr class="${verdict.replaceAll(' ', '-')}">${cells.join('')}</tr>`;
}

function forest({ ratio, low, high }: MetricComparison, scale: (ratio: number) => number): string {
  if (ratio === null) return '<span class="forest"></span>';
  const percent = (value: number): string => `${(scale(value) * 100).toFixed(2)}%`;
  const range =
    low === null || high === null
      ? ''
      : `<i style="left:${percent(low)};width:${((scale(high) - scale(low)) * 100).toFixed(2)}%"></i>`;
  return `<span class="forest">${range}<b style="left:${percent(ratio)}"></b></span>`;
}

const LEAST_REACH = Math.log(1.1);
const MOST_REACH = Math.log(4);

/** One scale for all rows of a figure, logarithmic: twice is as far from the middle as half. */
function scaleOf(rows: readonly Row[]): (ratio: number) => number {
  const reaches = rows.flatMap(({ figures: { low, high, ratio } }) =>
    [low, high, ratio]
      .filter((value) => value !== null && value > 0)
      .map((value) => Math.abs(Math.log(value!))),
  );
  const reach = Math.min(MOST_REACH, Math.max(LEAST_REACH, ...reaches));
  return (ratio) => {
    const at = 0.5 + Math.log(Math.max(ratio, Number.MIN_VALUE)) / reach / 2;
    return Math.min(1, Math.max(0, at));
  };
}

function differing(cells: readonly Cell[]): KnobName[] {
  return KNOB_NAMES.filter((knob) => new Set(cells.map((cell) => String(cell[knob]))).size > 1);
}

function howCard({ test, isPaired, onlyInA, onlyInB, cells }: Comparison): string {
  const failures = cells.flatMap(({ id, failure }) =>
    failure === null ? [] : [`${id}: ${failure}`],
  );
  const list = (title: string, items: readonly string[]): string =>
    items.length === 0
      ? ''
      : `<h3>${escaped(title)}</h3><ul>${items.map((item) => `<li>${escaped(item)}</li>`).join('')}</ul>`;
  return card(
    'how',
    'How it was judged',
    `<p>${escaped(test)}</p><p>${isPaired ? 'A and B alternated in one run, so that slow drift of the machine cancels.' : 'A and B were run one after the other: a machine that changed between them changes the figures.'} ${plural(cells.length, 'cell')} in common.</p>
${list('Failed on one side', failures)}${list('Only in A', onlyInA)}${list('Only in B', onlyInB)}`,
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
