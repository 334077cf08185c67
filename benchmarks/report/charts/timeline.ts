import type { EChartsOption, LineSeriesOption } from 'echarts';
import { digits } from '../../model/text.js';
import type { ModelCell, ModelCourse, ModelTick, ReportModel } from '../model.js';
import { figure, figures, type Table } from '../table.js';
import type { Palette } from '../theme.js';
import type { View } from '../view.js';
import { axisStyle, base, type Chart, type Control, escapeHtml } from './chart.js';

const MB = 1e6;
const SECOND_MS = 1e3;
const WINDOW_TITLE = 'seconds of the measured window';

export const timeline: Chart = {
  id: 'timeline',
  title: 'How a run went',
  short: 'Timeline',
  help: 'One run from the start of its measured window to its end: what was acknowledged and read in each moment, and how long what was acknowledged then had waited since it was due. Where a leader was killed or moved, the line is the deed and the band the longest time without an acknowledgement of its partition.',
  isEmpty: (model) =>
    model.cells.some(({ courses }) => courses.length > 0) ? null : 'no run has a course in time.',
  controls(model, view) {
    const chosen = chosenOf(model, view);
    return chosen === null ? [] : controlsOf(model, chosen);
  },
  // Documents from before there was a latency in each part have rates only.
  height: (model, view) => (hasLatency(chosenOf(model, view)) ? 440 : 240),
  option(model, view, canvas) {
    const { palette, ...shared } = base(canvas);
    const chosen = chosenOf(model, view);
    const ticks = chosen?.course.ticks ?? [];
    const endSeconds = (ticks.at(-1)?.toMs ?? 0) / SECOND_MS;
    const lines = LINES.filter(({ of }) => ticks.some((tick) => of(tick) !== null));
    const grids = hasLatency(chosen) ? 2 : 1;
    const time = (gridIndex: number, name: string) => ({
      ...axisStyle(palette, name),
      gridIndex,
      type: 'value' as const,
      min: 0,
      max: endSeconds,
      nameGap: 28,
      axisLabel: {
        color: palette.quiet,
        fontSize: 12,
        hideOverlap: true,
        formatter: (value: number) => digits(value),
      },
    });
    const value = (gridIndex: number, name: string) => ({
      ...axisStyle(palette, name),
      gridIndex,
      type: 'value' as const,
      min: 0,
      nameGap: 48,
      splitNumber: 3,
      axisLabel: { color: palette.quiet, formatter: (each: number) => digits(each) },
    });
    return {
      ...shared,
      grid: [
        { left: 70, right: 24, top: 40, height: 130 },
        { left: 70, right: 24, top: 240, height: 140 },
      ].slice(0, grids),
      legend: {
        top: 0,
        left: 4,
        itemWidth: 18,
        textStyle: { color: palette.ink, fontSize: 12 },
        data: lines.map(({ name }) => name),
      },
      xAxis: [time(0, WINDOW_TITLE), time(1, WINDOW_TITLE)].slice(0, grids),
      yAxis: [value(0, 'MB/s'), value(1, 'Publish latency, ms')].slice(0, grids),
      tooltip: {
        ...shared.tooltip,
        trigger: 'item',
        formatter: (item: unknown) => {
          const { seriesName, value: point } = item as {
            seriesName: string;
            value: readonly [number, number];
          };
          const unit = LINES.find(({ name }) => name === seriesName)?.unit ?? '';
          return `<strong>${escapeHtml(seriesName)}</strong><br>${digits(point[1])} ${unit} at ${digits(point[0])} s`;
        },
      },
      series: lines.map((line): LineSeriesOption => {
        const color = palette.series[line.color % palette.series.length]!;
        const isFirst = line === lines.find(({ grid }) => grid === line.grid);
        return {
          name: line.name,
          type: 'line',
          xAxisIndex: line.grid,
          yAxisIndex: line.grid,
          // Each part at its middle; where nothing was acknowledged there is no latency, and no line.
          data: ticks.map((tick) => [middleSeconds(tick), line.of(tick)]),
          symbolSize: 4,
          showSymbol: ticks.length <= 60,
          connectNulls: false,
          itemStyle: { color },
          lineStyle: { color, width: line.isThin ? 1.5 : 2.5 },
          ...(isFirst && chosen !== null && marksOf(chosen.course, palette, line.grid === 0)),
        };
      }),
    } as EChartsOption;
  },
  summary(model, view) {
    const chosen = chosenOf(model, view);
    if (chosen === null) return 'No run has a course in time.';
    const { cell, run, course } = chosen;
    const rates = course.ticks.map(({ producedBytesPerSecond }) => producedBytesPerSecond / MB);
    const stall = stallOf(course);
    const gap =
      stall === null
        ? ''
        : ` Nobody was acknowledged for ${digits(stall.toMs - stall.fromMs)} ms, from ${digits(stall.fromMs / SECOND_MS)} s on.`;
    return `Run ${run + 1} of ${cell.label || cell.target}: produced ${digits(Math.min(...rates))} to ${digits(Math.max(...rates))} MB/s in parts of ${digits(partMs(course))} ms.${gap}`;
  },
  table(model, view): Table {
    const chosen = chosenOf(model, view);
    return {
      caption:
        chosen === null
          ? 'Rate and latency over a run'
          : `Rate, MB/s, and latency, ms, over run ${chosen.run + 1} of ${chosen.cell.label || chosen.cell.target}`,
      columns: [
        figures('from', 's'),
        figures('to', 's'),
        ...LINES.map(({ name, unit }) => figures(name, unit)),
      ],
      rows: (chosen?.course.ticks ?? []).map((tick) => [
        figure(tick.fromMs / SECOND_MS, digits),
        figure(tick.toMs / SECOND_MS, digits),
        ...LINES.map(({ of }) => figure(of(tick), digits)),
      ]),
    };
  },
  notes(model, view) {
    const chosen = chosenOf(model, view);
    if (chosen === null) return [];
    const { course, cell } = chosen;
    const notes: string[] = [];
    const stall = stallOf(course);
    if (stall !== null && course.failover !== null) {
      const { longestGapMs, untilNextAckMs } = course.failover;
      notes.push(
        `The leader of partition 0 was ${DEEDS[course.failover.kind]} at ${digits((course.deedAtMs ?? 0) / SECOND_MS)} s: the longest time without an acknowledgement of it was ${digits(longestGapMs)} ms, and it ended ${digits(untilNextAckMs)} ms after the deed.`,
      );
    }
    if (Number(cell.knobs.producers) > 1) {
      notes.push('Latency is that of the slowest producer in each moment.');
    }
    return notes;
  },
};

interface Line {
  readonly name: string;
  readonly unit: string;
  /** 0: rates, 1: latencies. */
  readonly grid: 0 | 1;
  /** Of the palette. */
  readonly color: number;
  readonly isThin: boolean;
  of(tick: ModelTick): number | null;
}

const LINES: readonly Line[] = [
  {
    name: 'produced',
    unit: 'MB/s',
    grid: 0,
    color: 0,
    isThin: false,
    of: ({ producedBytesPerSecond }) => producedBytesPerSecond / MB,
  },
  {
    name: 'consumed',
    unit: 'MB/s',
    grid: 0,
    color: 1,
    isThin: true,
    of: ({ consumedBytesPerSecond: rate }) => (rate === null ? null : rate / MB),
  },
  {
    name: 'publish p50',
    unit: 'ms',
    grid: 1,
    color: 2,
    isThin: true,
    of: ({ p50Us }) => (p50Us === null ? null : p50Us / 1e3),
  },
  {
    name: 'publish p99',
    unit: 'ms',
    grid: 1,
    color: 4,
    isThin: false,
    of: ({ p99Us }) => (p99Us === null ? null : p99Us / 1e3),
  },
];

const DEEDS = { kill: 'killed', stop: 'stopped', move: 'moved' } as const;

interface Chosen {
  readonly cell: ModelCell;
  readonly run: number;
  readonly course: ModelCourse;
}

/** Where something happened first, as that is what a course shows and no median does. */
function chosenOf(model: ReportModel, view: View): Chosen | null {
  const cells = model.cells.filter(({ courses }) => courses.length > 0);
  const cell =
    cells.find(({ id }) => id === view.cell) ??
    cells.find(({ kind, target }) => kind === 'failover' && target === view.target) ??
    cells.find(({ target }) => target === view.target) ??
    cells[0];
  if (cell === undefined) return null;
  const asked = Number(view.run);
  const run = asked in cell.courses ? asked : 0;
  return { cell, run, course: cell.courses[run]! };
}

function controlsOf(model: ReportModel, { cell, run }: Chosen): Control[] {
  const cells = model.cells.filter(({ courses }) => courses.length > 0);
  const isOneTarget = new Set(cells.map(({ target }) => target)).size === 1;
  const nameOf = (each: ModelCell): string => {
    const kind = each.kind === 'load' || each.kind === 'rate' ? '' : `${each.kind}: `;
    const target = isOneTarget || each.label.includes(each.target) ? '' : `${each.target}, `;
    return `${kind}${target}${each.label}` || each.target;
  };
  return [
    {
      key: 'cell',
      title: 'Cell',
      chosen: cell.id,
      choices: cells.map((each) => ({ value: each.id, text: nameOf(each) })),
    },
    {
      key: 'run',
      title: 'Run',
      chosen: String(run),
      choices: cell.courses.map((_, at) => ({ value: String(at), text: String(at + 1) })),
    },
  ];
}

function hasLatency(chosen: Chosen | null): boolean {
  return chosen?.course.ticks.some(({ p50Us }) => p50Us !== null) ?? false;
}

/** From the start of the window; null: no leader was taken in this run, or when is not known. */
function stallOf({ deedAtMs, failover }: ModelCourse): { fromMs: number; toMs: number } | null {
  if (deedAtMs === null || failover === null) return null;
  const toMs = deedAtMs + failover.untilNextAckMs;
  return { fromMs: toMs - failover.longestGapMs, toMs };
}

/** The deed as a line, the stall as a band; named once. */
function marksOf(course: ModelCourse, palette: Palette, isNamed: boolean): object {
  const { deedAtMs } = course;
  if (deedAtMs === null) return {};
  const stall = stallOf(course);
  const name = course.failover === null ? 'the deed' : `leader ${DEEDS[course.failover.kind]}`;
  return {
    markLine: {
      silent: true,
      symbol: 'none',
      lineStyle: { color: palette.bad, type: 'solid', width: 1.5 },
      label: {
        show: isNamed,
        formatter: name,
        color: palette.bad,
        fontSize: 12,
        position: 'end',
      },
      data: [{ xAxis: deedAtMs / SECOND_MS }],
    },
    ...(stall !== null && {
      markArea: {
        silent: true,
        itemStyle: { color: palette.bad, opacity: 0.18 },
        data: [[{ xAxis: stall.fromMs / SECOND_MS }, { xAxis: stall.toMs / SECOND_MS }]],
      },
    }),
  };
}

function middleSeconds({ fromMs, toMs }: ModelTick): number {
  return (fromMs + toMs) / 2 / SECOND_MS;
}

function partMs({ ticks }: ModelCourse): number {
  const [first] = ticks;
  return first === undefined ? 0 : first.toMs - first.fromMs;
}
