import type { BarSeriesOption, EChartsOption } from 'echarts';
import { digits } from '../../model/text.js';
import type { ModelCell } from '../model.js';
import { figure, figures, type Table, word, words } from '../table.js';
import { barAxes, barsOf, LETTER_PX } from './bars.js';
import { axisStyle, base, type Chart, escapeHtml, NARROW } from './chart.js';
import { capital, captionOf, fixedControls, targetControl } from './controls.js';

const LEGEND_MARK_PX = 32;
const LEGEND_LINE_PX = 22;

/** A bar for each cell, made of parts that add up: what is said of them, and where it is found in a cell. */
export interface StackedBars extends Pick<Chart, 'id' | 'title' | 'short' | 'help'> {
  /** Said where no cell has any. */
  readonly nothing: string;
  /** On the axis, with its unit; begins the table's caption too. */
  readonly what: string;
  /** Behind each column's name. */
  readonly unit: string;
  /** Behind a value that is pointed at. */
  readonly unitSpoken: string;
  /** Behind a total in the sentence for who does not see the picture. */
  readonly unitOfTotal: string;
  readonly summaryOf: string;
  /** Every part that one of the cells has, in order. */
  readonly partsOf: (cells: readonly ModelCell[]) => string[];
  /** Null: this cell has no such part. */
  readonly valueIn: (cell: ModelCell, part: string) => number | null;
  readonly totalOf: (cell: ModelCell) => number;
}

export function stackedBars(spec: StackedBars): Chart {
  const { id, title, short, help, what, partsOf, valueIn, totalOf } = spec;
  const isMeasured = (cell: ModelCell): boolean => partsOf([cell]).length > 0;
  return {
    id,
    title,
    short,
    help,
    isEmpty: (model) => (model.cells.some(isMeasured) ? null : spec.nothing),
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
          ...axisStyle(palette, what),
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
            return `<strong>${escapeHtml(name)}</strong><br>${escapeHtml(seriesName)}: ${digits(value)} ${spec.unitSpoken}`;
          },
        },
        series: parts.map(
          (part, at): BarSeriesOption => ({
            name: part,
            type: 'bar',
            stack: id,
            barCategoryGap: '30%',
            data: bars.map(({ cell }) => valueIn(cell, part) ?? 0),
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
      return `${spec.summaryOf}. ${bars.map(({ name, cell }) => `${name}: ${digits(totalOf(cell))}${spec.unitOfTotal}`).join('; ')}.`;
    },
    table(model, view): Table {
      const bars = barsOf(model, view, isMeasured);
      const parts = partsOf(bars.map(({ cell }) => cell));
      return {
        caption: captionOf(
          capital(what),
          model,
          view,
          barAxes(model, view).map(({ knob }) => knob),
        ),
        columns: [
          words('setting'),
          ...parts.map((part) => figures(capital(part), spec.unit)),
          figures('all', spec.unit),
        ],
        rows: bars.map(({ name, cell }) => [
          word(name),
          ...parts.map((part) => figure(valueIn(cell, part), digits)),
          figure(totalOf(cell), digits),
        ]),
      };
    },
    notes: () => [],
  };
}

/** What a legend of so many names takes beyond its first line. */
function legendPx(parts: readonly string[], width: number): number {
  const namesPx = parts.reduce((sum, part) => sum + LEGEND_MARK_PX + part.length * LETTER_PX, 0);
  return LEGEND_LINE_PX * Math.max(0, Math.ceil(namesPx / (width - LEGEND_MARK_PX)) - 1);
}
