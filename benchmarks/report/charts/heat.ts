import { digits } from '../../model/text.js';
import { KNOB_TITLES, type Measure, measureOf, roughText, shortText } from '../measures.js';
import type { ModelCell, ReportModel } from '../model.js';
import { figure, figures, type Table, word, words } from '../table.js';
import { PALETTES, rampColor } from '../theme.js';
import type { View } from '../view.js';
import { type Chart, escapeHtml } from './chart.js';
import { captionOf, fixedControls, measureControl, targetControl } from './controls.js';
import { gridCells, gridHeight, gridLayout, gridOption, spreadKnobs, type Tile } from './grid.js';

export const heat: Chart = {
  id: 'heat',
  title: 'The map',
  short: 'Map',
  help: 'One tile is one setting, measured. Read a row from left to right: did more partitions help? Read a column upwards: what did more replicas cost? Compare the panels: what did waiting for acknowledgements cost?',
  isEmpty: (model) =>
    model.targets.some(({ axes }) => axes.length > 0)
      ? null
      : 'every setting had one value: there is nothing to map. Cross two knobs, such as --partitions 1,4,16 --replication-factor 1,3.',
  controls(model, view) {
    const layout = gridLayout(model, view);
    return [
      ...targetControl(model, view),
      ...measureControl(model, view),
      ...fixedControls(model, view, layout === null ? [] : spreadKnobs(layout)),
    ];
  },
  height(model, view, width) {
    const layout = gridLayout(model, view);
    return layout === null ? 0 : gridHeight(layout, width);
  },
  option(model, view, canvas) {
    const measure = measureOf(view.measure);
    const palette = PALETTES[canvas.theme];
    const scale = scaleOf(measure, cellsOf(model, view));
    return gridOption(
      model,
      view,
      canvas,
      (cell) =>
        tileOf(cell, measure, (value) => rampColor(palette.ramp, scale(value)), palette.missing),
      (cell) => measure.of(cell),
    );
  },
  summary(model, view) {
    const measure = measureOf(view.measure);
    const measured = cellsOf(model, view).filter((cell) => measure.of(cell) !== null);
    if (measured.length === 0) return 'Nothing was measured at this choice.';
    const sorted = [...measured].sort((a, b) => measure.of(a)! - measure.of(b)!);
    const text = (cell: ModelCell) =>
      `${digits(measure.of(cell)!)} ${measure.unit} at ${cell.label}`;
    return `Map of ${measured.length} settings, ${measure.title}: lowest ${text(sorted[0]!)}, highest ${text(sorted.at(-1)!)}.`;
  },
  table: (model, view) => measureTable(cellsOf(model, view), model, view),
  notes: () => [],
};

function cellsOf(model: ReportModel, view: View): ModelCell[] {
  const layout = gridLayout(model, view);
  return layout === null ? [] : gridCells(model, view, layout);
}

/** Where a value lies between the lowest and the highest; latencies by their orders of magnitude. */
function scaleOf(measure: Measure, cells: readonly ModelCell[]): (value: number) => number {
  const values = cells.map((cell) => measure.of(cell)).filter((value) => value !== null);
  const by = measure.unit === 'ms' ? (value: number) => Math.log(Math.max(value, 1e-6)) : Number;
  const low = Math.min(...values.map(by));
  const high = Math.max(...values.map(by));
  return (value) => (high === low ? 0.5 : (by(value) - low) / (high - low));
}

function tileOf(
  cell: ModelCell,
  measure: Measure,
  colorOf: (value: number) => string,
  missing: string,
): Tile {
  const value = measure.of(cell);
  if (value === null) {
    const text = cell.failure === null ? '' : 'failed';
    const why = cell.failure === null ? 'not measured' : `failed: ${cell.failure.message}`;
    return {
      color: missing,
      text,
      small: '',
      tooltip: `${escapeHtml(cell.label)}<br>${escapeHtml(why)}`,
    };
  }
  const range = measure.range(cell);
  return {
    color: colorOf(value),
    text: shortText(value),
    small: range === null ? '' : `±${roughText((range[1] - range[0]) / 2)}`,
    tooltip: [
      `<strong>${escapeHtml(cell.label)}</strong>`,
      `${digits(value)} ${measure.unit}${range === null ? '' : ` (${digits(range[0])} to ${digits(range[1])})`}`,
      escapeHtml(cell.figures?.bottleneckText ?? ''),
    ].join('<br>'),
  };
}

function measureTable(cells: readonly ModelCell[], model: ReportModel, view: View): Table {
  const measure = measureOf(view.measure);
  const knobs = gridLayout(model, view);
  const spreadOut = knobs === null ? [] : spreadKnobs(knobs);
  return {
    caption: captionOf(`${measure.title}, ${measure.unit}`, model, view, spreadOut),
    columns: [
      ...spreadOut.map((knob) => words(KNOB_TITLES[knob])),
      figures(measure.title, measure.unit),
      figures('low', measure.unit),
      figures('high', measure.unit),
    ],
    rows: cells.map((cell) => {
      const range = measure.range(cell);
      return [
        ...spreadOut.map((knob) => word(cell.knobs[knob])),
        figure(measure.of(cell), digits),
        figure(range?.[0] ?? null, digits),
        figure(range?.[1] ?? null, digits),
      ];
    }),
  };
}
