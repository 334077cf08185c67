import type { CustomSeriesOption, EChartsOption, LineSeriesOption } from 'echarts';
import type { KnobName } from '../../model/knobs.js';
import { digits } from '../../model/text.js';
import { fittedRate, type ScalingFit } from '../explanation.js';
import { KNOB_TITLES } from '../measures.js';
import type { Axis, AxisValue, ModelCell, ReportModel } from '../model.js';
import { figure, figures, type Table, word, words } from '../table.js';
import { cellsIn, curveAxis, targetOf, type View } from '../view.js';
import { axisStyle, base, type Chart, escapeHtml, NARROW, roundUp } from './chart.js';
import { captionOf, fixedControls, targetControl } from './controls.js';

export interface Curve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
  readonly fit: ScalingFit | null;
}

interface CurvePoint {
  readonly at: number;
  readonly cell: ModelCell;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const BYTES_PER_MB = 1e6;

export const scaling: Chart = {
  id: 'scaling',
  title: 'Does more help?',
  short: 'Scaling',
  help: 'Points are measured, with the range that holds the true value. The dotted line is what the first point promises if every doubling doubled the rate; the dashed lines are the Universal Scalability Law fitted to the points. Where a curve leaves the dotted line, something shared is in the way.',
  isEmpty: (model) =>
    model.targets.some(({ axes }) =>
      axes.some(({ values }) => values.every(({ number }) => number !== null)),
    )
      ? null
      : 'no knob with numbers had more than one value. Give several, such as --partitions 1,2,4,8.',
  controls(model, view) {
    const axes = axesOf(model, view);
    return [
      ...targetControl(model, view),
      ...(axes === null ? [] : fixedControls(model, view, axes.knobs)),
    ];
  },
  height: (_model, _view, width) => (width < NARROW ? 370 : 420),
  option(model, view, canvas) {
    const axes = axesOf(model, view);
    if (axes === null) return {};
    const { palette, ...shared } = base(canvas);
    const curves = curvesOf(model, view);
    const isNarrow = canvas.width < NARROW;
    const xs = axes.along.values.map(({ number }) => number!);
    const top = roundUp(
      Math.max(1e-9, ...curves.flatMap(({ points }) => points.map(({ high }) => high))) * 1.04,
    );
    const colorOf = (at: number): string => palette.series[at % palette.series.length]!;
    return {
      ...shared,
      grid: { left: 64, right: isNarrow ? 16 : 96, top: isNarrow ? 66 : 44, bottom: 52 },
      legend: {
        top: 4,
        left: 8,
        itemWidth: 22,
        textStyle: { color: palette.ink, fontSize: 12 },
        data: [...curves.map(({ name }) => name), ...(curves.length > 0 ? [IDEAL] : [])],
      },
      xAxis: {
        ...axisStyle(palette, KNOB_TITLES[axes.along.knob]),
        type: 'log',
        logBase: 2,
        min: Math.min(...xs),
        max: Math.max(...xs),
        nameGap: 30,
        splitLine: { show: false },
        axisLabel: { color: palette.quiet, formatter: (value: number) => digits(value) },
      },
      yAxis: {
        ...axisStyle(palette, 'Produced, MB/s'),
        type: 'value',
        min: 0,
        max: top,
        nameGap: 46,
        axisLabel: { color: palette.quiet, formatter: (value: number) => digits(value) },
      },
      tooltip: {
        ...shared.tooltip,
        trigger: 'item',
        formatter: (item: unknown) => tooltipOf(item, axes.along.knob),
      },
      series: [
        ...curves.flatMap((curve, at) => curveSeries(curve, xs, colorOf(at), isNarrow)),
        ...idealSeries(curves, xs, top, palette.quiet),
      ],
    } as EChartsOption;
  },
  summary(model, view) {
    const curves = curvesOf(model, view);
    if (curves.length === 0) return 'Nothing was measured at this choice.';
    const parts = curves.map(({ name, points }) => {
      const first = points[0]!;
      const last = points.at(-1)!;
      return `${name}: ${digits(first.value)} MB/s at ${first.at}, ${digits(last.value)} MB/s at ${last.at}`;
    });
    return `Curves of the produced rate. ${parts.join('; ')}.`;
  },
  table: (model, view) => scalingTable(model, view),
  notes: (model, view) =>
    curvesOf(model, view).flatMap(({ name, fit }) =>
      fit === null ? [] : [`${name}: ${fit.text}`],
    ),
};

const IDEAL = 'ideal: twice as many, twice the rate';

function axesOf(
  model: ReportModel,
  view: View,
): { along: Axis; by: Axis | null; knobs: KnobName[] } | null {
  const along = curveAxis(model, view);
  if (along === undefined) return null;
  const by = targetOf(model, view.target)?.axes.find(({ knob }) => knob !== along.knob) ?? null;
  return { along, by, knobs: by === null ? [along.knob] : [along.knob, by.knob] };
}

export function curvesOf(model: ReportModel, view: View): Curve[] {
  const axes = axesOf(model, view);
  if (axes === null) return [];
  const { along, by, knobs } = axes;
  const cells = cellsIn(model, view, 'load', knobs).filter(({ figures }) => figures !== null);
  const names: readonly (AxisValue | null)[] = by === null ? [null] : by.values;
  return names
    .map((name): Curve => {
      const own = cells.filter((cell) => name === null || cell.knobs[by!.knob] === name.value);
      const points = own
        .map((cell) => pointOf(cell, Number(cell.knobs[along.knob])))
        .sort((a, b) => a.at - b.at);
      return {
        name: name === null ? view.target : name.text,
        points,
        fit: fitOf(model, along.knob, own[0]),
      };
    })
    .filter(({ points }) => points.length > 0);
}

function pointOf(cell: ModelCell, at: number): CurvePoint {
  const { median, low, high } = cell.figures!.bytesPerSecond;
  return {
    at,
    cell,
    value: median / BYTES_PER_MB,
    low: low / BYTES_PER_MB,
    high: high / BYTES_PER_MB,
  };
}

function fitOf(model: ReportModel, over: KnobName, cell: ModelCell | undefined): ScalingFit | null {
  if (cell === undefined) return null;
  const fits = model.fits.filter(
    (fit) =>
      fit.target === cell.target &&
      fit.over === over &&
      Object.entries(fit.fixed).every(
        ([knob, value]) => cell.knobs[knob as KnobName] === String(value),
      ),
  );
  return fits[0] ?? null;
}

function curveSeries(
  { name, points, fit }: Curve,
  xs: readonly number[],
  color: string,
  isNarrow: boolean,
): (LineSeriesOption | CustomSeriesOption)[] {
  const measured: LineSeriesOption = {
    name,
    type: 'line',
    data: points.map((point) => ({
      value: [point.at, point.value],
      name: point.cell.label,
      range: [point.low, point.high],
      why: point.cell.figures?.bottleneckText ?? '',
    })) as LineSeriesOption['data'] & object,
    symbol: 'circle',
    symbolSize: 9,
    itemStyle: { color },
    lineStyle: { color, width: fit === null ? 2 : 0 },
    endLabel: {
      show: !isNarrow,
      formatter: name,
      color,
      fontSize: 13,
      fontWeight: 600,
      distance: 10,
    },
    labelLayout: { moveOverlap: 'shiftY' },
    z: 5,
  };
  const law: LineSeriesOption[] =
    fit === null
      ? []
      : [
          {
            name,
            type: 'line',
            data: between(xs).map((x) => [x, fittedRate(fit, x) / BYTES_PER_MB]),
            showSymbol: false,
            silent: true,
            lineStyle: { color, width: 2, type: [7, 4] },
            itemStyle: { color },
            z: 3,
          },
        ];
  return [...law, intervals(name, points, color), measured];
}

function intervals(name: string, points: readonly CurvePoint[], color: string): CustomSeriesOption {
  return {
    name,
    type: 'custom',
    silent: true,
    z: 4,
    itemStyle: { color },
    data: points.map(({ at, low, high }) => [at, low, high]),
    encode: { x: 0, y: [1, 2] },
    renderItem: (_params, api) => {
      const [x, bottom] = api.coord([api.value(0), api.value(1)]) as [number, number];
      const [, top] = api.coord([api.value(0), api.value(2)]) as [number, number];
      const style = { stroke: color, lineWidth: 1.5 };
      return {
        type: 'group',
        children: [
          { type: 'line', shape: { x1: x, y1: bottom, x2: x, y2: top }, style },
          { type: 'line', shape: { x1: x - 5, y1: top, x2: x + 5, y2: top }, style },
          { type: 'line', shape: { x1: x - 5, y1: bottom, x2: x + 5, y2: bottom }, style },
        ],
      };
    },
  };
}

/** From the highest first point; it ends where it leaves the picture. */
function idealSeries(
  curves: readonly Curve[],
  xs: readonly number[],
  top: number,
  color: string,
): LineSeriesOption[] {
  const first = curves.map(({ points }) => points[0]!).sort((a, b) => b.value - a.value)[0];
  if (first === undefined) return [];
  const perUnit = first.value / first.at;
  const end = Math.min(top / perUnit, Math.max(...xs));
  const data = between([first.at, end]).map((x) => [x, x * perUnit]);
  return [
    {
      name: IDEAL,
      type: 'line',
      data,
      showSymbol: false,
      silent: true,
      lineStyle: { color, width: 1.5, type: [2, 4] },
      itemStyle: { color },
      z: 2,
    },
  ];
}

const STEPS = 60;

/** Evenly spaced on a logarithmic axis. */
function between(xs: readonly number[]): number[] {
  const low = Math.min(...xs);
  const high = Math.max(...xs);
  return Array.from({ length: STEPS + 1 }, (_, at) => low * (high / low) ** (at / STEPS));
}

function tooltipOf(item: unknown, along: KnobName): string {
  const { data, seriesName } = item as {
    data?: { value?: [number, number]; range?: [number, number]; why?: string };
    seriesName?: string;
  };
  if (data?.value === undefined || data.range === undefined) return '';
  return [
    `<strong>${escapeHtml(seriesName ?? '')}, ${KNOB_TITLES[along]} ${data.value[0]}</strong>`,
    `${digits(data.value[1])} MB/s (${digits(data.range[0])} to ${digits(data.range[1])})`,
    escapeHtml(data.why ?? ''),
  ].join('<br>');
}

function scalingTable(model: ReportModel, view: View): Table {
  const axes = axesOf(model, view);
  const along = axes === null ? 'partitions' : axes.along.knob;
  return {
    caption: captionOf(
      `Produced, MB/s, over ${KNOB_TITLES[along]}`,
      model,
      view,
      axes?.knobs ?? [],
    ),
    columns: [
      words('curve'),
      figures(KNOB_TITLES[along]),
      figures('Produced', 'MB/s'),
      figures('low', 'MB/s'),
      figures('high', 'MB/s'),
      figures('fitted', 'MB/s'),
    ],
    rows: curvesOf(model, view).flatMap(({ name, points, fit }) =>
      points.map((point) => [
        word(name),
        figure(point.at, String),
        figure(point.value, digits),
        figure(point.low, digits),
        figure(point.high, digits),
        figure(fit === null ? null : fittedRate(fit, point.at) / BYTES_PER_MB, digits),
      ]),
    ),
  };
}
