import { writeFileSync } from 'node:fs';
import type { RunResult } from '../../benchmarks/model/result.js';
import { CHARTS } from '../../benchmarks/report/charts/all.js';
import { renderCsv } from '../../benchmarks/report/csv.js';
import { exportSvg } from '../../benchmarks/report/export.js';
import { reportModel } from '../../benchmarks/report/model.js';
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
  return exportSvg(model, chart.id, { theme, width, ...(height !== undefined && { height }) });
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
