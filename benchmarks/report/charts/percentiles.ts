import type { EChartsOption, LineSeriesOption } from 'echarts';
import type { KnobName } from '../../model/knobs.js';
import { digits } from '../../model/text.js';
import { LATENCY_TITLES } from '../measures.js';
import type { Axis, LatencyKind, ModelCell, ReportModel } from '../model.js';
import { figure, figures, type Table, word, words } from '../table.js';
import { cellsIn, targetOf, type View } from '../view.js';
import { axisStyle, base, type Chart, type Control, escapeHtml, NARROW } from './chart.js';
import { captionOf, fixedControls, targetControl } from './controls.js';

const KINDS: readonly LatencyKind[] = ['publish', 'publishService', 'endToEnd'];
const DASHES = ['solid', [7, 4], [2, 3]] as const;

export const percentiles: Chart = {
  id: 'percentiles',
  title: 'How long it takes, and how often longer',
  short: 'Latency',
  help: 'Half of all records are at or below the line at 50 %, all but one of a thousand at 99.9 %. A line that stays flat keeps its promise; one that turns up has a tail. Time runs from when a record was due to be sent, so a stall counts for every record that waited; only service time starts at the real sending.',
  isEmpty: (model) =>
    model.cells.some((cell) => KINDS.some((kind) => isMeasured(cell, kind)))
      ? null
      : 'no latency was measured.',
  controls: (model, view) => [
    ...targetControl(model, view),
    latencyControl(model, view),
    ...fixedControls(model, view, spreadOut(model, view)),
  ],
  height: (_model, _view, width) => (width < NARROW ? 380 : 440),
  option(model, view, canvas) {
    const { palette, ...shared } = base(canvas);
    const lines = linesOf(model, view);
    const isNarrow = canvas.width < NARROW;
    const values = lines.flatMap(({ points }) => points.map(({ ms }) => ms)).filter((ms) => ms > 0);
    return {
      ...shared,
      grid: {
        left: 66,
        right: 20,
        top: isNarrow ? 96 : 56,
        bottom: 52,
      },
      legend: {
        type: 'plain',
        top: 0,
        left: 4,
        itemWidth: 30,
        textStyle: { color: palette.ink, fontSize: 12 },
        data: lines.map(({ name }) => name),
      },
      xAxis: {
        ...axisStyle(palette, 'percentile of records'),
        type: 'log',
        logBase: 10,
        min: 1,
        nameGap: 30,
        axisLabel: {
          color: palette.quiet,
          formatter: (value: number) => `${percentileText(value)} %`,
        },
      },
      yAxis: {
        ...axisStyle(palette, `${LATENCY_TITLES[view.latency]} latency, ms`),
        type: 'log',
        logBase: 10,
        min: floor10(values),
        max: ceil10(values),
        nameGap: 48,
        minorSplitLine: { show: true, lineStyle: { color: palette.line, opacity: 0.45 } },
        axisLabel: { color: palette.quiet, formatter: (value: number) => digits(value) },
      },
      tooltip: {
        ...shared.tooltip,
        trigger: 'item',
        formatter: (item: unknown) => {
          const { value, seriesName } = item as { value: [number, number]; seriesName: string };
          return `<strong>${escapeHtml(seriesName)}</strong><br>${percentileText(value[0])} % within ${digits(value[1])} ms`;
        },
      },
      series: lines.map(
        ({ name, points, color, dash }): LineSeriesOption => ({
          name,
          type: 'line',
          data: points.map(({ odds, ms }) => [odds, ms]),
          symbolSize: 4,
          showSymbol: true,
          symbol: 'circle',
          itemStyle: { color: palette.series[color % palette.series.length]! },
          lineStyle: {
            color: palette.series[color % palette.series.length]!,
            width: 2,
            type: DASHES[dash % DASHES.length] as 'solid' | number[],
          },
        }),
      ),
    } as EChartsOption;
  },
  summary(model, view) {
    const lines = linesOf(model, view);
    if (lines.length === 0) return 'No latency was measured at this choice.';
    const parts = lines.map(({ name, cell }) => {
      const latency = cell.figures!.latency[view.latency]!;
      return `${name}: p50 ${digits(latency.p50Us / 1e3)} ms, p99 ${digits(latency.p99Us / 1e3)} ms`;
    });
    return `${LATENCY_TITLES[view.latency]} latency by percentile. ${parts.join('; ')}.`;
  },
  table: percentileTable,
  notes: () => [],
};

export function isMeasured(cell: ModelCell, kind: LatencyKind): boolean {
  return (cell.figures?.latency[kind] ?? null) !== null;
}

function latencyControl(model: ReportModel, view: View): Control {
  const measured = KINDS.filter((kind) => model.cells.some((cell) => isMeasured(cell, kind)));
  return {
    key: 'latency',
    title: 'Latency',
    chosen: view.latency,
    choices: measured.map((kind) => ({ value: kind, text: LATENCY_TITLES[kind] })),
  };
}

/** Lines differ in the axes after the first: colours by one, dashes by the next. */
function lineAxes(model: ReportModel, view: View): readonly Axis[] {
  const axes = targetOf(model, view.target)?.axes ?? [];
  return axes.length === 1 ? axes : axes.slice(1, 3);
}

function spreadOut(model: ReportModel, view: View): KnobName[] {
  return lineAxes(model, view).map(({ knob }) => knob);
}

interface PercentileLine {
  readonly name: string;
  readonly cell: ModelCell;
  readonly color: number;
  readonly dash: number;
  /** `odds`: one record in so many is slower. */
  readonly points: readonly { readonly odds: number; readonly ms: number }[];
}

function linesOf(model: ReportModel, view: View): PercentileLine[] {
  const axes = lineAxes(model, view);
  const place = (cell: ModelCell, axis: Axis | undefined): number =>
    axis === undefined ? 0 : axis.values.findIndex(({ value }) => value === cell.knobs[axis.knob]);
  return cellsIn(model, view, 'load', spreadOut(model, view))
    .filter((cell) => isMeasured(cell, view.latency))
    .map((cell) => ({
      name:
        axes
          .map(({ knob, values }) => values.find(({ value }) => value === cell.knobs[knob])!.text)
          .join(', ') || view.target,
      cell,
      color: place(cell, axes[0]),
      dash: place(cell, axes[1]),
      points: cell
        .figures!.latency[view.latency]!.curve.filter(([, us]) => us > 0)
        .map(([percentile, us]) => ({ odds: 100 / (100 - percentile), ms: us / 1e3 })),
    }));
}

/** 1000 -> 99.9 */
function percentileText(odds: number): string {
  const nines = Math.round(Math.log10(odds) * 10) / 10;
  const decimals = Math.max(0, Math.ceil(nines) - 2);
  return (100 * (1 - 1 / odds)).toFixed(Number.isInteger(nines) ? decimals : decimals + 1);
}

export function floor10(values: readonly number[]): number {
  return values.length === 0 ? 0.1 : 10 ** Math.floor(Math.log10(Math.min(...values)));
}

export function ceil10(values: readonly number[]): number {
  return values.length === 0 ? 10 : 10 ** Math.ceil(Math.log10(Math.max(...values)));
}

function percentileTable(model: ReportModel, view: View): Table {
  const at = (name: string) => figures(name, 'ms');
  return {
    caption: captionOf(
      `${LATENCY_TITLES[view.latency]} latency, ms, by percentile of records`,
      model,
      view,
      spreadOut(model, view),
    ),
    columns: [
      words('setting'),
      at('mean'),
      at('p50'),
      at('p75'),
      at('p90'),
      at('p99'),
      at('p99.9'),
      at('p99.99'),
      at('max'),
      figures('records'),
    ],
    rows: linesOf(model, view).map(({ name, cell }) => {
      const latency = cell.figures!.latency[view.latency]!;
      const { meanUs, p50Us, p75Us, p90Us, p99Us, p999Us, p9999Us, maxUs } = latency;
      return [
        word(name),
        ...[meanUs, p50Us, p75Us, p90Us, p99Us, p999Us, p9999Us, maxUs].map((us) =>
          figure(us / 1e3, digits),
        ),
        figure(latency.count, digits),
      ];
    }),
  };
}
