import type { CustomSeriesOption, EChartsOption } from 'echarts';
import type { KnobName } from '../../model/knobs.js';
import { KNOB_TITLES } from '../measures.js';
import type { Axis, AxisValue, ModelCell, ReportModel } from '../model.js';
import { FONT, inkOn } from '../theme.js';
import { cellsIn, spread, type View } from '../view.js';
import { axisStyle, base, type Canvas, NARROW } from './chart.js';

/** Maps of cells: the first axis along the bottom, the second up the side, the third as panels beside each other. */
export interface GridLayout {
  readonly across: Axis;
  readonly up: Axis | null;
  readonly panel: Axis | null;
}

export function gridLayout(model: ReportModel, view: View): GridLayout | null {
  const [across, up = null, panel = null] = spread(model, view, 3);
  return across === undefined ? null : { across, up, panel };
}

export function spreadKnobs({ across, up, panel }: GridLayout): KnobName[] {
  return [across, up, panel].flatMap((axis) => (axis === null ? [] : [axis.knob]));
}

/** How one cell of a map looks. */
export interface Tile {
  readonly color: string;
  /** At most two short lines. */
  readonly text: string;
  readonly small: string;
  readonly tooltip: string;
}

const ROW_PX = 52;
const PANEL_TITLE_PX = 30;
const FOOT_PX = 46;
const SINGLE: AxisValue = { value: '', number: null, text: '' };

export function panelsOf({ panel }: GridLayout): readonly AxisValue[] {
  return panel?.values ?? [SINGLE];
}

export function gridHeight(layout: GridLayout, width: number): number {
  const rows = layout.up?.values.length ?? 1;
  const panels = panelsOf(layout).length;
  const one = PANEL_TITLE_PX + rows * ROW_PX + FOOT_PX;
  return isStackedAt(layout, width) ? one * panels : one;
}

/** Narrower than this, a tile has no room for three digits. */
const LEAST_TILE_PX = 40;

/** Panels below each other: on a phone, and where many values side by side would leave no room for their figures. */
function isStackedAt(layout: GridLayout, width: number): boolean {
  const panels = panelsOf(layout).length;
  return (
    width < NARROW ||
    (panels > 1 && panelPxOf(layout, width, panels) / layout.across.values.length < LEAST_TILE_PX)
  );
}

function leftPxOf({ up }: GridLayout): number {
  return up === null ? 12 : 62;
}

/** Of one of so many side by side. */
function panelPxOf(layout: GridLayout, width: number, panels: number): number {
  return (width - leftPxOf(layout) - 8 - (panels - 1) * 18) / panels;
}

export function gridCells(model: ReportModel, view: View, layout: GridLayout): ModelCell[] {
  return cellsIn(model, view, 'load', spreadKnobs(layout));
}

export function gridOption(
  model: ReportModel,
  view: View,
  canvas: Canvas,
  tileOf: (cell: ModelCell) => Tile,
  figureOf: (cell: ModelCell) => number | string | null,
): EChartsOption {
  const layout = gridLayout(model, view);
  if (layout === null) return {};
  const { palette, ...shared } = base(canvas);
  const panels = panelsOf(layout);
  const isStacked = isStackedAt(layout, canvas.width);
  const rows = layout.up?.values ?? [SINGLE];
  const leftPx = leftPxOf(layout);
  const panelPx = panelPxOf(layout, canvas.width, isStacked ? 1 : panels.length);
  const heightPx = PANEL_TITLE_PX + rows.length * ROW_PX + FOOT_PX;
  const boxes = panels.map((_, at) => ({
    left: isStacked ? leftPx : leftPx + at * (panelPx + 18),
    top: PANEL_TITLE_PX + (isStacked ? at * heightPx : 0),
    width: panelPx,
    height: rows.length * ROW_PX,
  }));
  const cells = gridCells(model, view, layout);
  const tilePx = panelPx / layout.across.values.length;
  const fontSize = tilePx < 40 ? 10 : tilePx < 52 ? 11 : tilePx < 64 ? 12 : 14;
  return {
    ...shared,
    title: panels.map(({ text }, at) => ({
      text,
      left: boxes[at]!.left + panelPx / 2,
      top: boxes[at]!.top - 27,
      textAlign: 'center' as const,
      textStyle: { color: palette.ink, fontSize: 14, fontWeight: 600 },
    })),
    grid: boxes,
    xAxis: panels.map((_, at) => ({
      ...axisStyle(palette, KNOB_TITLES[layout.across.knob]),
      type: 'category' as const,
      gridIndex: at,
      data: layout.across.values.map(({ value }) => value),
      nameGap: 28,
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { show: false },
    })),
    yAxis: panels.map((_, at) => ({
      ...axisStyle(
        palette,
        layout.up === null || (at > 0 && !isStacked) ? '' : KNOB_TITLES[layout.up.knob],
      ),
      type: 'category' as const,
      gridIndex: at,
      data: rows.map(({ value }) => value),
      nameGap: 34,
      axisLabel: { show: layout.up !== null && (at === 0 || isStacked), color: palette.quiet },
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { show: false },
    })),
    tooltip: {
      ...shared.tooltip,
      trigger: 'item' as const,
      formatter: (item: unknown) =>
        (item as { data?: { tooltipHtml?: string } }).data?.tooltipHtml ?? '',
    },
    series: panels.map((panel, at) => {
      const slots = layout.across.values.flatMap((across) =>
        rows.map((up) => slotOf(across.value, up.value, panel.value)),
      );
      return panelSeries(at, panel.text, slots, fontSize, tilePx);
    }),
  };

  function slotOf(across: string, up: string, panel: string): Slot {
    const { across: x, up: y, panel: z } = layout as GridLayout;
    const cell = cells.find(
      ({ knobs }) =>
        knobs[x.knob] === across &&
        (y === null || knobs[y.knob] === up) &&
        (z === null || knobs[z.knob] === panel),
    );
    if (cell === undefined) {
      const tile = { color: palette.missing, text: '', small: '', tooltip: 'not measured' };
      return { across, up, name: 'not measured', value: null, tile };
    }
    return { across, up, name: cell.label, value: figureOf(cell), tile: tileOf(cell) };
  }
}

interface Slot {
  readonly across: string;
  readonly up: string;
  readonly name: string;
  readonly value: number | string | null;
  readonly tile: Tile;
}

const GAP_PX = 3;

function panelSeries(
  at: number,
  name: string,
  slots: readonly Slot[],
  fontSize: number,
  widthPx: number,
): CustomSeriesOption {
  return {
    type: 'custom',
    name,
    xAxisIndex: at,
    yAxisIndex: at,
    data: slots.map((slot) => ({
      name: slot.name,
      value: [slot.across, slot.up, slot.value ?? '-'],
      tooltipHtml: slot.tile.tooltip,
    })),
    encode: { x: 0, y: 1, tooltip: 2 },
    renderItem: ({ dataIndex }, api) => {
      const { tile } = slots[dataIndex]!;
      const { text, px } = fitted(tile.text, widthPx - GAP_PX - 4, fontSize);
      const [x, y] = api.coord([api.value(0), api.value(1)]) as [number, number];
      const [width, height] = api.size!([1, 1]) as [number, number];
      const letters = {
        x,
        fill: inkOn(tile.color),
        align: 'center' as const,
        verticalAlign: 'middle' as const,
      };
      return {
        type: 'group',
        children: [
          {
            type: 'rect',
            shape: {
              x: x - (width - GAP_PX) / 2,
              y: y - (height - GAP_PX) / 2,
              width: width - GAP_PX,
              height: height - GAP_PX,
              r: 5,
            },
            style: { fill: tile.color },
          },
          {
            type: 'text',
            style: {
              ...letters,
              text,
              y: tile.small === '' ? y : y - fontSize * 0.55,
              font: `600 ${px}px ${FONT}`,
            },
          },
          {
            type: 'text',
            style: {
              ...letters,
              text: tile.small,
              y: y + fontSize * 0.75,
              font: `${Math.max(9, fontSize - 3)}px ${FONT}`,
            },
          },
        ],
      };
    },
  };
}

const SMALLEST_PX = 9;
/** Of a bold letter's height, on average. */
const LETTER_WIDTH = 0.62;

/** Smaller letters for a word that would leave its tile, and at the smallest its beginning. */
export function fitted(text: string, widthPx: number, px: number): { text: string; px: number } {
  const fits = widthPx / (Math.max(1, text.length) * LETTER_WIDTH);
  if (fits >= px) return { text, px };
  if (fits >= SMALLEST_PX) return { text, px: Math.floor(fits * 2) / 2 };
  const letters = Math.max(1, Math.floor(widthPx / (SMALLEST_PX * LETTER_WIDTH)) - 1);
  return { text: `${text.slice(0, letters)}.`, px: SMALLEST_PX };
}
