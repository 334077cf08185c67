import type { EChartsOption } from 'echarts';
import type { Axis, ReportModel } from '../model.js';
import type { Table } from '../table.js';
import { FONT, PALETTES, type Palette, type ThemeName } from '../theme.js';
import type { View } from '../view.js';

/** One picture: the same for the page, for SVG and PNG files, and as a table for those who cannot see it. */
export interface Chart {
  readonly id: ChartId;
  readonly title: string;
  /** For a link to it. */
  readonly short: string;
  /** How to read it, for somebody who sees it for the first time. */
  readonly help: string;
  /** null: the result has nothing to draw; then this says what would have to be measured. */
  isEmpty(model: ReportModel): string | null;
  controls(model: ReportModel, view: View): readonly Control[];
  height(model: ReportModel, view: View, width: number): number;
  option(model: ReportModel, view: View, canvas: Canvas): EChartsOption;
  /** One sentence for a screen reader. */
  summary(model: ReportModel, view: View): string;
  table(model: ReportModel, view: View): Table;
  /** Sentences that belong below it. */
  notes(model: ReportModel, view: View): readonly string[];
}

export type ChartId =
  | 'heat'
  | 'scaling'
  | 'percentiles'
  | 'rate'
  | 'bottleneck'
  | 'cpu'
  | 'memory'
  | 'timeline';

export interface Canvas {
  readonly theme: ThemeName;
  readonly width: number;
}

/** A choice that a picture offers. `key` is a field of the view, or a knob whose value is fixed. */
export interface Control {
  readonly key: string;
  readonly title: string;
  readonly chosen: string;
  readonly choices: readonly { readonly value: string; readonly text: string }[];
}

export const NARROW = 560;

/** What all pictures share: letters, colours, no motion. */
export function base(canvas: Canvas) {
  const palette = PALETTES[canvas.theme];
  return {
    palette,
    animation: false,
    backgroundColor: 'transparent',
    textStyle: { fontFamily: FONT, color: palette.ink, fontSize: 13 },
    color: [...palette.series],
    tooltip: {
      backgroundColor: palette.card,
      borderColor: palette.line,
      textStyle: { color: palette.ink, fontFamily: FONT, fontSize: 13 },
      confine: true,
      // A long sentence goes on in the next line instead of out of the picture.
      extraCssText: 'max-width:22rem;white-space:normal',
    },
  };
}

export function axisStyle(palette: Palette, name: string) {
  return {
    name,
    nameLocation: 'middle' as const,
    nameTextStyle: { color: palette.quiet, fontSize: 13 },
    axisLabel: { color: palette.quiet, fontSize: 12, hideOverlap: true },
    axisLine: { lineStyle: { color: palette.line } },
    axisTick: { lineStyle: { color: palette.line } },
    splitLine: { lineStyle: { color: palette.line } },
  };
}

/** Where values differ by much, the top of a linear axis: a round number just above the highest. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const step = 10 ** Math.floor(Math.log10(value));
  const share = value / step;
  const nice = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((each) => each >= share - 1e-9) ?? 10;
  return nice * step;
}

export function knobControl(axis: Axis, view: View, title: string): Control {
  return {
    key: axis.knob,
    title,
    chosen: view.fixed[axis.knob] ?? axis.usual,
    choices: axis.values.map(({ value, text }) => ({ value, text })),
  };
}

/** Text of a tooltip is HTML: what comes from a result must not be. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
