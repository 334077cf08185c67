import type { BarSeriesOption, EChartsOption } from 'echarts';
import { digits } from '../../model/text.js';
import { PROCESS_ROLE_NAMES } from '../measures.js';
import type { ModelCell } from '../model.js';
import { figure, figures, type Table, word, words } from '../table.js';
import { barAxes, barsOf, LETTER_PX } from './bars.js';
import { axisStyle, base, type Chart, escapeHtml, NARROW } from './chart.js';
import { capital, fixedControls, targetControl } from './controls.js';

export const cpu: Chart = {
  id: 'cpu',
  title: 'What it costs in CPU',
  short: 'CPU',
  help: 'Processor time for a million records, by who used it. Brokers pay for every replica; producers and consumers here are the load, not your application.',
  isEmpty: (model) =>
    model.cells.some((cell) => rolesOf([cell]).length > 0)
      ? null
      : 'processor time could not be measured here.',
  controls: (model, view) => [
    ...targetControl(model, view),
    ...fixedControls(
      model,
      view,
      barAxes(model, view).map(({ knob }) => knob),
    ),
  ],
  height: (model, view, width) =>
    84 + (width < NARROW ? 30 : 28) * Math.max(1, barsOf(model, view, isMeasured).length),
  option(model, view, canvas) {
    const { palette, ...shared } = base(canvas);
    const bars = barsOf(model, view, isMeasured);
    const roles = rolesOf(bars.map(({ cell }) => cell));
    const namesPx = 16 + LETTER_PX * Math.max(0, ...bars.map(({ name }) => name.length));
    return {
      ...shared,
      grid: { left: namesPx, right: 24, top: 34, bottom: 46 },
      legend: {
        top: 0,
        left: 4,
        itemWidth: 14,
        textStyle: { color: palette.ink, fontSize: 12 },
        data: roles,
      },
      xAxis: {
        ...axisStyle(palette, 'CPU seconds per million records'),
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
          return `<strong>${escapeHtml(name)}</strong><br>${escapeHtml(seriesName)}: ${digits(value)} s per million records`;
        },
      },
      series: roles.map(
        (role, at): BarSeriesOption => ({
          name: role,
          type: 'bar',
          stack: 'cpu',
          barCategoryGap: '30%',
          data: bars.map(({ cell }) => cell.figures?.cpuSecondsPerMillionRecords[role] ?? 0),
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
    return `CPU seconds per million records. ${bars.map(({ name, cell }) => `${name}: ${digits(totalOf(cell))}`).join('; ')}.`;
  },
  table(model, view): Table {
    const bars = barsOf(model, view, isMeasured);
    const roles = rolesOf(bars.map(({ cell }) => cell));
    return {
      caption: `CPU seconds per million records, ${view.target}`,
      columns: [
        words('setting'),
        ...roles.map((role) => figures(capital(role), 's')),
        figures('all', 's'),
      ],
      rows: bars.map(({ name, cell }) => [
        word(name),
        ...roles.map((role) =>
          figure(cell.figures?.cpuSecondsPerMillionRecords[role] ?? null, digits),
        ),
        figure(totalOf(cell), digits),
      ]),
    };
  },
  notes: () => [],
};

const isMeasured = (cell: ModelCell): boolean => rolesOf([cell]).length > 0;

function totalOf(cell: ModelCell): number {
  return Object.values(cell.figures?.cpuSecondsPerMillionRecords ?? {}).reduce(
    (sum, seconds) => sum + seconds,
    0,
  );
}

function rolesOf(cells: readonly ModelCell[]): string[] {
  const found = new Set(
    cells.flatMap((cell) => Object.keys(cell.figures?.cpuSecondsPerMillionRecords ?? {})),
  );
  return PROCESS_ROLE_NAMES.filter((role) => found.has(role));
}
