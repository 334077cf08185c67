import type { EChartsOption, LineSeriesOption, ScatterSeriesOption } from 'echarts';
import type { KnobName } from '../../model/knobs.js';
import { digits } from '../../model/text.js';
import type { Knee } from '../explanation.js';
import type { ModelCell, ReportModel } from '../model.js';
import { figure, figures, type Table, word, words } from '../table.js';
import type { View } from '../view.js';
import { axisStyle, base, type Chart, escapeHtml, NARROW } from './chart.js';
import { targetControl } from './controls.js';
import { ceil10, floor10, isMeasured } from './percentiles.js';

export const rate: Chart = {
  id: 'rate',
  title: 'How much you can ask before it gets slow',
  short: 'Latency by rate',
  help: 'Each point is a fixed rate that was asked for, whatever the target could do. Latency stays low, then turns up: the knee is the last rate where more rate costs less than it brings. Plan below it.',
  isEmpty: (model) =>
    model.cells.some((cell) => cell.kind === 'rate' && isMeasured(cell, 'publish'))
      ? null
      : 'no cell had a set rate. Give some, such as --rate 10%,50%,75%,90%,100%.',
  controls: targetControl,
  height: (_model, _view, width) => (width < NARROW ? 360 : 420),
  option(model, view, canvas) {
    const { palette, ...shared } = base(canvas);
    const lines = rateLines(model, view);
    const values = lines.flatMap(({ points }) =>
      points.flatMap(({ p50Ms, p99Ms }) => [p50Ms, p99Ms]),
    );
    const colorOf = (at: number) => palette.series[at % palette.series.length]!;
    return {
      ...shared,
      grid: { left: 66, right: 24, top: canvas.width < NARROW ? 84 : 48, bottom: 52 },
      legend: {
        top: 0,
        left: 4,
        itemWidth: 26,
        textStyle: { color: palette.ink, fontSize: 12 },
        data: lines.flatMap(({ name }) => [`${name}: p99`, `${name}: p50`]),
      },
      xAxis: {
        ...axisStyle(palette, 'Acknowledged, MB/s'),
        type: 'value',
        min: 0,
        nameGap: 30,
        axisLabel: { color: palette.quiet, formatter: (value: number) => digits(value) },
      },
      yAxis: {
        ...axisStyle(palette, 'Publish latency, ms'),
        type: 'log',
        logBase: 10,
        min: floor10(values),
        max: ceil10(values),
        nameGap: 48,
        axisLabel: { color: palette.quiet, formatter: (value: number) => digits(value) },
      },
      tooltip: {
        ...shared.tooltip,
        trigger: 'item',
        formatter: (item: unknown) => {
          const { value, seriesName, name } = item as {
            value: [number, number];
            seriesName: string;
            name: string;
          };
          return `<strong>${escapeHtml(seriesName)}</strong> ${escapeHtml(name)}<br>${digits(value[0])} MB/s: ${digits(value[1])} ms`;
        },
      },
      series: lines.flatMap((line, at) => [
        lineSeries(line, 'p99', colorOf(at)),
        lineSeries(line, 'p50', colorOf(at)),
        ...kneeSeries(line, colorOf(at), palette.card),
        ...(at === 0 ? sloSeries(model, palette.bad) : []),
      ]),
    } as EChartsOption;
  },
  summary(model, view) {
    const lines = rateLines(model, view);
    if (lines.length === 0) return 'No rate was set for this target.';
    const parts = lines.map(({ name, points, knee }) => {
      const [first, last] = [points[0]!, points.at(-1)!];
      const turn =
        knee?.kneeBytesPerSecond == null
          ? 'no knee was found'
          : `knee at ${digits(knee.kneeBytesPerSecond / 1e6)} MB/s`;
      return `${name}: p99 ${digits(first.p99Ms)} ms at ${digits(first.mbPerSecond)} MB/s, ${digits(last.p99Ms)} ms at ${digits(last.mbPerSecond)} MB/s, ${turn}`;
    });
    return `Latency against rate. ${parts.join('; ')}.`;
  },
  table: rateTable,
  notes: (model, view) =>
    rateLines(model, view).flatMap(({ name, knee }) =>
      knee === null ? [] : [`${name}: ${knee.text}`],
    ),
};

interface RateLine {
  readonly name: string;
  readonly points: readonly RatePoint[];
  readonly knee: Knee | null;
}

interface RatePoint {
  readonly cell: ModelCell;
  readonly mbPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export function rateLines(model: ReportModel, view: View): RateLine[] {
  const cells = model.cells.filter(
    (cell) => cell.kind === 'rate' && cell.target === view.target && isMeasured(cell, 'publish'),
  );
  const knobs = (Object.keys(cells[0]?.knobs ?? {}) as KnobName[]).filter(
    (knob) => knob !== 'rate' && new Set(cells.map((cell) => cell.knobs[knob])).size > 1,
  );
  const groups = new Map<string, ModelCell[]>();
  for (const cell of cells) {
    const key = knobs.map((knob) => cell.knobs[knob]).join(' ');
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  return [...groups.values()].map((group) => ({
    name:
      knobs.map((knob) => textOf(model, view, knob, group[0]!.knobs[knob])).join(', ') ||
      view.target,
    points: group.map(pointOf).sort((a, b) => a.mbPerSecond - b.mbPerSecond),
    knee: kneeFor(model, group[0]!),
  }));
}

function pointOf(cell: ModelCell): RatePoint {
  const { p50Us, p99Us } = cell.figures!.latency.publish!;
  return {
    cell,
    mbPerSecond: cell.figures!.bytesPerSecond.median / 1e6,
    p50Ms: p50Us / 1e3,
    p99Ms: p99Us / 1e3,
  };
}

function textOf(model: ReportModel, view: View, knob: KnobName, value: string): string {
  const axis = model.targets
    .find(({ name }) => name === view.target)
    ?.axes.find((each) => each.knob === knob);
  return axis?.values.find((each) => each.value === value)?.text ?? `${knob} ${value}`;
}

function kneeFor(model: ReportModel, cell: ModelCell): Knee | null {
  return (
    model.knees.find(
      ({ target, fixed }) =>
        target === cell.target &&
        Object.entries(fixed).every(
          ([knob, value]) => cell.knobs[knob as KnobName] === String(value),
        ),
    ) ?? null
  );
}

function lineSeries(line: RateLine, which: 'p50' | 'p99', color: string): LineSeriesOption {
  return {
    name: `${line.name}: ${which}`,
    type: 'line',
    data: line.points.map((point) => ({
      name: `asked ${point.cell.knobs.rate}`,
      value: [point.mbPerSecond, which === 'p99' ? point.p99Ms : point.p50Ms],
    })),
    symbol: which === 'p99' ? 'circle' : 'emptyCircle',
    symbolSize: 7,
    itemStyle: { color },
    lineStyle: {
      color,
      width: which === 'p99' ? 2.5 : 1.5,
      type: which === 'p99' ? 'solid' : [4, 4],
    },
  };
}

function kneeSeries(
  { name, points, knee }: RateLine,
  color: string,
  ring: string,
): ScatterSeriesOption[] {
  const at = knee?.kneeBytesPerSecond ?? null;
  if (at === null) return [];
  const mb = at / 1e6;
  const nearest = [...points].sort(
    (a, b) => Math.abs(a.mbPerSecond - mb) - Math.abs(b.mbPerSecond - mb),
  )[0]!;
  return [
    {
      name: `${name}: knee`,
      type: 'scatter',
      data: [[nearest.mbPerSecond, nearest.p99Ms]],
      symbol: 'diamond',
      symbolSize: 18,
      itemStyle: { color, borderColor: ring, borderWidth: 2 },
      label: {
        show: true,
        formatter: 'knee',
        position: 'top',
        color,
        fontWeight: 600,
        fontSize: 13,
      },
      z: 6,
    },
  ];
}

/** A line across the picture where the asked bound of latency is. */
function sloSeries(model: ReportModel, color: string): LineSeriesOption[] {
  if (model.slo === null) return [];
  const ms = model.slo.us / 1e3;
  return [
    {
      name: 'bound',
      type: 'line',
      data: [],
      markLine: {
        silent: true,
        symbol: 'none',
        lineStyle: { color, type: [6, 4], width: 1.5 },
        label: {
          formatter: `${model.slo.percentile} bound: ${digits(ms)} ms`,
          position: 'insideStartTop',
          color,
          fontSize: 12,
        },
        data: [{ yAxis: ms }],
      },
    },
  ];
}

function rateTable(model: ReportModel, view: View): Table {
  return {
    caption: `Publish latency, ms, by acknowledged rate, MB/s, ${view.target}`,
    columns: [
      words('curve'),
      words('asked'),
      figures('acknowledged', 'MB/s'),
      figures('p50', 'ms'),
      figures('p99', 'ms'),
    ],
    rows: rateLines(model, view).flatMap(({ name, points }) =>
      points.map(({ cell, mbPerSecond, p50Ms, p99Ms }) => [
        word(name),
        word(cell.knobs.rate),
        figure(mbPerSecond, digits),
        figure(p50Ms, digits),
        figure(p99Ms, digits),
      ]),
    ),
  };
}
