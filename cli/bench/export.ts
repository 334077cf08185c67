import { writeFileSync } from 'node:fs';
import type { RunResult } from '../../benchmarks/model/result.js';
import { CHARTS } from '../../benchmarks/report/charts/all.js';
import { renderCsv } from '../../benchmarks/report/csv.js';
import { exportSvg } from '../../benchmarks/report/export.js';
import { MEASURES } from '../../benchmarks/report/measures.js';
import { type ReportModel, reportModel } from '../../benchmarks/report/model.js';
import { firstView, targetOf, type View, viewOfTarget } from '../../benchmarks/report/view.js';
import { readResult, serializeResult } from '../../benchmarks/run/result-file.js';
import { UsageError } from '../run-program.js';
import { printTable } from '../table.js';
import { explainedFor } from './explained.js';

export interface ExportFlags {
  readonly format: 'csv' | 'json' | 'svg' | 'png';
  readonly chart?: string;
  readonly theme: 'light' | 'dark';
  readonly width: number;
  readonly height?: number;
  readonly show?: Readonly<Record<string, string>>;
  readonly slo?: string;
  readonly out?: string;
}

export async function exportResult(file: string, flags: ExportFlags): Promise<void> {
  const result = readResult(file);
  const isPicture = flags.format === 'svg' || flags.format === 'png';
  if (isPicture && flags.chart === undefined) {
    listCharts(result);
    return;
  }
  const content = await contentOf(result, flags);
  if (flags.out === undefined) process.stdout.write(content);
  else writeFileSync(flags.out, content);
}

async function contentOf(result: RunResult, flags: ExportFlags): Promise<string | Uint8Array> {
  switch (flags.format) {
    case 'csv':
      return renderCsv(result);
    case 'json':
      return serializeResult(result);
    case 'svg':
      return pictureOf(result, flags);
    case 'png': {
      const { renderPng } = await import('./png.js');
      return renderPng(pictureOf(result, flags), flags.width);
    }
  }
}

function pictureOf(result: RunResult, flags: ExportFlags): string {
  const chart = CHARTS.find(({ id }) => id === flags.chart);
  if (chart === undefined) {
    throw new UsageError(
      `there is no chart ${JSON.stringify(flags.chart)}; charts: ${CHARTS.map(({ id }) => id).join(', ')}`,
    );
  }
  const model = reportModel(result, explainedFor(result, flags.slo ?? null));
  const why = chart.isEmpty(model);
  if (why !== null) throw new UsageError(`${chart.title}: ${why}`);
  const { theme, width, height } = flags;
  const view = viewOf(model, flags.show ?? {});
  return exportSvg(model, chart.id, {
    theme,
    width,
    view,
    ...(height !== undefined && { height }),
  });
}

/** What a report shows first, but for what was chosen: a target, a measure, values of knobs. */
function viewOf(model: ReportModel, chosen: Readonly<Record<string, string>>): View {
  const { target, measure, cell = '', run = '0', ...knobs } = chosen;
  const first = firstView(model);
  const name = target ?? first.target;
  const axes = targetOf(model, name)?.axes;
  if (axes === undefined) {
    const names = model.targets.map((one) => one.name).join(', ');
    throw new UsageError(`--show target=${name}: targets: ${names}`);
  }
  const key = MEASURES.find((one) => one.key === (measure ?? first.measure))?.key;
  if (key === undefined) {
    const keys = MEASURES.map((one) => one.key).join(', ');
    throw new UsageError(`--show measure=${measure}: measures: ${keys}`);
  }
  for (const [knob, value] of Object.entries(knobs)) {
    const axis = axes.find((one) => one.knob === knob);
    if (axis?.values.some((one) => one.value === value)) continue;
    const what =
      axis === undefined ? axes.map((one) => one.knob) : axis.values.map((one) => one.value);
    throw new UsageError(`--show ${knob}=${value}: there is ${what.join(', ')}`);
  }
  if (cell !== '' && !model.cells.some((one) => one.id === cell && one.courses.length > 0)) {
    const ids = model.cells.filter(({ courses }) => courses.length > 0).map(({ id }) => id);
    throw new UsageError(`--show cell=${cell}: cells with a course:\n${ids.join('\n')}`);
  }
  const view = viewOfTarget(model, name, { ...first, measure: key, cell, run });
  return { ...view, fixed: { ...view.fixed, ...knobs } };
}

function listCharts(result: RunResult): void {
  const model = reportModel(result, explainedFor(result, null));
  printTable(
    ['CHART', 'WHAT'],
    CHARTS.map((chart) => {
      const why = chart.isEmpty(model);
      return [chart.id, why === null ? chart.title : `${chart.title} (not here: ${why})`];
    }),
  );
}
