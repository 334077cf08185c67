import type { RunResult } from '../model/result.js';
import { cellTable } from './cell-table.js';
import { gridCells, gridLayout, panelsOf } from './charts/grid.js';
import { heat } from './charts/heat.js';
import { eventTables } from './event-tables.js';
import { answerText, type ReportExplanation } from './explanation.js';
import { askedOf, questionOf } from './headline.js';
import { KNOB_TITLES, measureOf, shortText } from './measures.js';
import { type ReportModel, reportModel, type Slo } from './model.js';
import { environmentFacts } from './page/facts.js';
import { priceLists } from './prices.js';
import { headOf, type Table } from './table.js';
import { firstView, type View, viewOfTarget } from './view.js';

export interface MarkdownOptions {
  readonly explanation: ReportExplanation | null;
  readonly slo: Slo | null;
}

/** For a pull request or an issue: the answer and the maps in sight, the rest folded. */
export function renderMarkdown(result: RunResult, options: MarkdownOptions): string {
  const model = reportModel(result, options);
  const { answer = [] } = options.explanation ?? {};
  const status =
    result.status === 'complete'
      ? []
      : [
          `> **This run is ${result.status}**: ${inline(result.statusReason ?? 'no reason was given')}`,
        ];
  const parts = [
    `### ${inline(questionOf(model))}`,
    ...status,
    inline(askedOf(result, model)),
    answer.map((line) => `- ${inline(answerText(line))}`).join('\n'),
    ...model.targets.map(({ name }) => targetMap(model, name)),
    ...priceLists(model).map(({ title, target, held, table }) =>
      folded(`${title}: ${target}, ${held}`, tableMarkdown(table)),
    ),
    ...eventTables(model)
      .filter(({ table }) => table.rows.length > 0)
      .map(({ title, table }) => folded(title, tableMarkdown(table))),
    folded('Every cell', tableMarkdown(cellTable(model))),
    folded(
      `Machine: ${result.environment.cores} cores, ${result.calibration.noise.verdict}`,
      environmentFacts(result)
        .map(([name, text]) => `- ${name}: ${inline(text)}`)
        .join('\n'),
    ),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function targetMap(model: ReportModel, target: string): string {
  const view = viewOfTarget(model, target, firstView(model));
  const layout = gridLayout(model, view);
  if (layout === null || gridCells(model, view, layout).length === 0) return '';
  const measure = measureOf(view.measure);
  return [
    `**${inline(target)}**: ${measure.title.toLowerCase()}, ${measure.unit} (${inline(heat.summary(model, view))})`,
    tableMarkdown(mapTable(model, view)),
  ].join('\n\n');
}

/** The map as rows: panel and second axis to the left, the first axis across. */
function mapTable(model: ReportModel, view: View): Table {
  const layout = gridLayout(model, view)!;
  const measure = measureOf(view.measure);
  const cells = gridCells(model, view, layout);
  const { across, up, panel } = layout;
  const rowNames = panelsOf(layout).flatMap((z) =>
    (up?.values ?? [{ value: '', text: '' }]).map((y) => ({ y, z })),
  );
  return {
    caption: '',
    columns: [
      { title: KNOB_TITLES[across.knob], unit: '', align: 'left' },
      ...across.values.map(({ value }) => ({ title: value, unit: '', align: 'right' as const })),
    ],
    rows: rowNames.map(({ y, z }) => [
      {
        value: null,
        text: [z.text, y.text].filter((text) => text !== '').join(', ') || measure.unit,
      },
      ...across.values.map((x) => {
        const cell = cells.find(
          ({ knobs }) =>
            knobs[across.knob] === x.value &&
            (up === null || knobs[up.knob] === y.value) &&
            (panel === null || knobs[panel.knob] === z.value),
        );
        const value = cell === undefined ? null : measure.of(cell);
        return { value, text: value === null ? '\u2013' : shortText(value) };
      }),
    ]),
  };
}

export function tableMarkdown(table: Table): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    row(table.columns.map((column) => inline(headOf(column)))),
    row(table.columns.map(({ align }) => (align === 'right' ? '--:' : ':--'))),
    ...table.rows.map((cells) => row(cells.map(({ text }) => inline(text)))),
  ].join('\n');
}

function folded(title: string, body: string): string {
  return `<details><summary>${inline(title)}</summary>\n\n${body}\n\n</details>`;
}

/** Text of a result is not markup: no table, link, tag or mention is made of it. */
export function inline(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[\\`*_[\]|~#]/g, '\\$&')
    .replaceAll('@', '&#64;')
    .replace(/\s+/g, ' ')
    .trim();
}
