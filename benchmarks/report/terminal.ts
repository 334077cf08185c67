import Table from 'cli-table3';
import pc from 'picocolors';
import type { RunResult } from '../model/result.js';
import { shortCellTable } from './cell-table.js';
import { answerText, type ReportExplanation } from './explanation.js';
import { NOISY } from './headline.js';
import { measureOf } from './measures.js';
import { type ReportModel, reportModel, type Slo } from './model.js';
import type { Table as AnyTable } from './table.js';
import { curvesText } from './terminal/curves.js';
import { mapText } from './terminal/map.js';
import { wrapped } from './terminal/text.js';
import { firstView, viewOfTarget } from './view.js';

export interface TerminalOptions {
  readonly color: boolean;
  /** Columns of the terminal; a file or a pipe has none: 100 is usual. */
  readonly width: number;
  readonly explanation: ReportExplanation | null;
  readonly slo: Slo | null;
  /** The table of every cell below the pictures. Default true. */
  readonly cells?: boolean;
}

/** The answer, a map and curves of each target, and the table of every cell, for people at a terminal. */
export function renderTerminal(result: RunResult, options: TerminalOptions): string {
  const model = reportModel(result, options);
  const colors = pc.createColors(options.color);
  const parts = [
    colors.bold(result.name),
    ...(options.explanation?.answer ?? []).map((line) =>
      wrapped(answerText(line), options.width, '  '),
    ),
    result.calibration.noise.verdict === 'noisy' ? wrapped(NOISY, options.width, '  ') : '',
    ...model.targets.flatMap(({ name, software }) => targetParts(model, name, software, options)),
  ];
  if (options.cells !== false) parts.push(tableText(shortCellTable(model), options));
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function targetParts(
  model: ReportModel,
  target: string,
  software: string,
  { color, width }: TerminalOptions,
): string[] {
  const colors = pc.createColors(color);
  const view = viewOfTarget(model, target, firstView(model));
  const measure = measureOf(view.measure);
  const map = mapText(model, view, { color, width });
  if (map === '') return [];
  return [
    `${colors.bold(`${target}: ${measure.title.toLowerCase()}, ${measure.unit}`)}  (${software})`,
    map,
    curvesText(model, view, { color, width }),
  ];
}

/** Rows of cli-table3 while they fit; narrower than that, a few lines a row. */
export function tableText(
  table: AnyTable,
  { color, width }: Pick<TerminalOptions, 'color' | 'width'>,
): string {
  const drawn = new Table({
    head: table.columns.map(({ title, unit }) => (unit === '' ? title : `${title}\n${unit}`)),
    colAligns: table.columns.map(({ align }) => align),
    style: {
      head: color ? ['cyan'] : [],
      border: color ? ['grey'] : [],
      compact: true,
      'padding-left': 0,
      'padding-right': 1,
    },
  });
  for (const row of table.rows) drawn.push(row.map(({ text }) => text));
  const text = drawn.toString();
  const needed = Math.max(...text.split('\n').map((line) => plainLength(line)));
  return needed <= width ? text : listText(table, width);
}

function listText(table: AnyTable, width: number): string {
  const firstFigure = table.columns.findIndex(({ align }) => align === 'right');
  return table.rows
    .map((row) => {
      const name = row
        .slice(0, firstFigure)
        .map(({ text }, at) => `${table.columns[at]!.title} ${text}`)
        .join(', ');
      const rest = row
        .slice(firstFigure)
        .map(({ text }, at) => {
          const { title, unit } = table.columns[firstFigure + at]!;
          return `${title} ${text}${unit === '' ? '' : ` ${unit}`}`;
        })
        .join(', ');
      return `${wrapped(name, width)}\n${wrapped(rest, width, '  ')}`;
    })
    .join('\n');
}

function plainLength(line: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of a terminal are control characters
  return line.replace(/\u001b\[[0-9;]*m/g, '').length;
}
