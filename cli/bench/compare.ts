import { writeFileSync } from 'node:fs';
import { compareResults, compareWithin } from '../../benchmarks/compare/compare.js';
import type { CellComparison, Comparison } from '../../benchmarks/compare/comparison.js';
import { metricOf } from '../../benchmarks/compare/metrics.js';
import { renderComparison } from '../../benchmarks/compare/render.js';
import { readClientScript } from '../../benchmarks/report/client-script.js';
import { renderComparison as renderComparisonPage } from '../../benchmarks/report/compare-html.js';
import { readResult } from '../../benchmarks/run/result-file.js';
import { colors } from '../colors.js';
import { EXIT, UsageError } from '../run-program.js';

export interface CompareFlags {
  readonly targets?: readonly [string, string];
  readonly report?: string;
  readonly markdown?: true;
  readonly json?: true;
}

export async function compareFiles(
  a: string,
  b: string | undefined,
  flags: CompareFlags,
): Promise<void> {
  const comparison = comparisonOf(a, b, flags);
  if (comparison.cells.length === 0) {
    throw new UsageError(
      `no cell is in both: ${comparison.onlyInA.length} only in the first, ${comparison.onlyInB.length} only in the second`,
    );
  }
  if (flags.report !== undefined) {
    const clientScript = readClientScript('page-client');
    writeFileSync(flags.report, renderComparisonPage(comparison, { clientScript }));
  }
  if (flags.json) process.stdout.write(`${JSON.stringify(comparison, null, 1)}\n`);
  else if (flags.markdown) process.stdout.write(markdownOf(comparison));
  else printComparison(comparison);
  if (comparison.overall.isRegression) process.exitCode = EXIT.failed;
}

function comparisonOf(a: string, b: string | undefined, { targets }: CompareFlags): Comparison {
  const first = readResult(a);
  if (targets !== undefined) {
    if (b !== undefined) throw new UsageError('--targets compares two targets of one result');
    for (const name of targets) {
      if (first.cells.some(({ cell }) => cell.target === name)) continue;
      const names = [...new Set(first.cells.map(({ cell }) => cell.target))];
      throw new UsageError(`${a} has no target ${name}; targets: ${names.join(', ')}`);
    }
    return compareWithin(first, 'target', { a: targets[0], b: targets[1] });
  }
  if (b === undefined) throw new UsageError('give a second result, or --targets A,B');
  return compareResults(first, readResult(b));
}

const HEAD = ['CELL', 'WHAT', 'A', 'B', 'B / A', '95 %', 'VERDICT'];

export function printComparison(comparison: Comparison): void {
  const text = renderComparison(comparison, { color: colors.isColorSupported });
  process.stdout.write(`${text}\n`);
}

function markdownOf(comparison: Comparison): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return (
    `**${comparison.overall.text}**\n\n` +
    line(HEAD.map((title) => title.toLowerCase())) +
    line(HEAD.map(() => '---')) +
    rowsOf(comparison)
      .map((row) => line(row.map((cell) => cell.replaceAll('|', '\\|'))))
      .join('') +
    comparison.notes.map((note) => `\n- ${note}`).join('') +
    `\n\n${comparison.test}\n`
  );
}

function rowsOf({ cells }: Comparison): string[][] {
  return cells.flatMap((cell) =>
    cell.failure === null ? metricRows(cell) : [failedRow(cell, cell.failure)],
  );
}

function failedRow({ id }: CellComparison, failure: string): string[] {
  return [id, failure, '', '', '', '', 'cannot tell'];
}

function metricRows({ id, metrics }: CellComparison): string[][] {
  return metrics.map((one, at) => {
    const format = metricOf(one.metric).text;
    const percent = (ratio: number | null): string =>
      ratio === null ? '-' : `${ratio >= 1 ? '+' : ''}${((ratio - 1) * 100).toFixed(1)} %`;
    return [
      at === 0 ? id : '',
      one.label,
      format(one.a.median),
      format(one.b.median),
      percent(one.ratio),
      one.low === null || one.high === null ? '-' : `${percent(one.low)} to ${percent(one.high)}`,
      one.verdict,
    ];
  });
}
