import type { BarSeriesOption, EChartsOption } from 'echarts';
import { digits } from '../../model/text.js';
import { PROCESS_ROLE_NAMES } from '../measures.js';
import type { ModelCell } from '../model.js';
import { figure, figures, type Table, word, words } from '../table.js';
import { barAxes, barsOf, LETTER_PX } from './bars.js';
import { axisStyle, base, type Chart, escapeHtml, NARROW } from './chart.js';
import { capital, fixedControls, targetControl } from './controls.js';

/** Of one role: more are told together, as nobody can tell sixty colours apart. */
const MOST_APART = 4;
const MB = 1e6;
const LEGEND_MARK_PX = 32;
const LEGEND_LINE_PX = 22;

export const memory: Chart = {
  id: 'memory',
  title: 'What it takes in memory',
  short: 'Memory',
  help: 'The most that each process had in memory during the measured window (RSS): medians over the runs. Mapped files are in it, which the system takes back when others need the room; what several processes share counts at each.',
  isEmpty: (model) => (model.cells.some(isMeasured) ? null : 'memory could not be measured here.'),
  controls: (model, view) => [
    ...targetControl(model, view),
    ...fixedControls(
      model,
      view,
      barAxes(model, view).map(({ knob }) => knob),
    ),
  ],
  height(model, view, width) {
    const bars = barsOf(model, view, isMeasured);
    const parts = partsOf(bars.map(({ cell }) => cell));
    const barPx = width < NARROW ? 30 : 28;
    return 84 + legendPx(parts, width) + barPx * Math.max(1, bars.length);
  },
  option(model, view, canvas) {
    const { palette, ...shared } = base(canvas);
    const bars = barsOf(model, view, isMeasured);
    const parts = partsOf(bars.map(({ cell }) => cell));
    const namesPx = 16 + LETTER_PX * Math.max(0, ...bars.map(({ name }) => name.length));
    return {
      ...shared,
      grid: { left: namesPx, right: 24, top: 34 + legendPx(parts, canvas.width), bottom: 46 },
      legend: {
        top: 0,
        left: 4,
        itemWidth: 14,
        textStyle: { color: palette.ink, fontSize: 12 },
        data: parts,
      },
      xAxis: {
        ...axisStyle(palette, 'largest memory (RSS), MB'),
        type: 'value',
        min: 0,
        nameGap: 28,
        axisLabel: { color: palette.quiet, formatter: (value: number) => digits(value) },
      },
      yAxis: {
        ...axisStyle(palette, ''),
        type: 'category',
        inverse: true,
        data: bars.map(({ name }) => name),
        axisLabel: { color: palette.ink, fontSize: 12 },
        splitLine: { show: false },
      },
      tooltip: {
        ...shared.tooltip,
        trigger: 'item',
        formatter: (item: unknown) => {
          const { name, value, seriesName } = item as {
            name: string;
            value: number;
            seriesName: string;
          };
          return `<strong>${escapeHtml(name)}</strong><br>${escapeHtml(seriesName)}: ${digits(value)} MB`;
        },
      },
      series: parts.map(
        (part, at): BarSeriesOption => ({
          name: part,
          type: 'bar',
          stack: 'memory',
          barCategoryGap: '30%',
          data: bars.map(({ cell }) => megabytesOf(cell, part) ?? 0),
          itemStyle: {
            color: palette.series[at % palette.series.length]!,
            borderColor: palette.card,
            borderWidth: 1,
          },
        }),
      ),
    } as EChartsOption;
  },
  summary(model, view) {
    const bars = barsOf(model, view, isMeasured);
    if (bars.length === 0) return 'Nothing was measured at this choice.';
    return `Largest memory of all processes together. ${bars.map(({ name, cell }) => `${name}: ${digits(totalOf(cell))} MB`).join('; ')}.`;
  },
  table(model, view): Table {
    const bars = barsOf(model, view, isMeasured);
    const parts = partsOf(bars.map(({ cell }) => cell));
    return {
      caption: `Largest memory (RSS) by process, MB, ${view.target}`,
      columns: [
        words('setting'),
        ...parts.map((part) => figures(capital(part), 'MB')),
        figures('all', 'MB'),
      ],
      rows: bars.map(({ name, cell }) => [
        word(name),
        ...parts.map((part) => figure(megabytesOf(cell, part), digits)),
        figure(totalOf(cell), digits),
      ]),
    };
  },
  notes: () => [],
};

/** What a legend of so many names takes beyond its first line. */
function legendPx(parts: readonly string[], width: number): number {
  const namesPx = parts.reduce((sum, part) => sum + LEGEND_MARK_PX + part.length * LETTER_PX, 0);
  return LEGEND_LINE_PX * Math.max(0, Math.ceil(namesPx / (width - LEGEND_MARK_PX)) - 1);
}

function isMeasured({ memory: processes }: ModelCell): boolean {
  return processes.length > 0;
}

/** `broker 1`, or all of a role: `producers`. In the order of roles, and of ids within. */
function partsOf(cells: readonly ModelCell[]): string[] {
  return PROCESS_ROLE_NAMES.flatMap((role) => {
    const own = cells.map(({ memory: processes }) => processes.filter((its) => its.role === role));
    if (own.some(({ length }) => length > MOST_APART)) return [`${role}s`];
    return [...new Set(own.flatMap((processes) => processes.map(({ id }) => id)))].sort();
  });
}

/** Null: this cell has no such process. */
function megabytesOf({ memory: processes }: ModelCell, part: string): number | null {
  const own = processes.filter(({ id, role }) => id === part || `${role}s` === part);
  return own.length === 0 ? null : own.reduce((sum, { bytes }) => sum + bytes, 0) / MB;
}

function totalOf({ memory: processes }: ModelCell): number {
  return processes.reduce((sum, { bytes }) => sum + bytes, 0) / MB;
}
