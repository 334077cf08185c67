import { gridCells, gridLayout, panelsOf } from '../charts/grid.js';
import { KNOB_TITLES, measureOf, shortText } from '../measures.js';
import type { AxisValue, ModelCell, ReportModel } from '../model.js';
import type { View } from '../view.js';

export interface Drawing {
  readonly color: boolean;
  readonly width: number;
}

/** Four shades and nothing: readable without any colour, and in a log file. */
const SHADES = ['\u2591', '\u2592', '\u2593', '\u2588'] as const;
/** The 256 colours of terminals from sand to deep water, and an ink that reads on each. */
const COLORS = [
  [230, 16],
  [151, 16],
  [73, 16],
  [31, 231],
  [24, 231],
] as const;
const ONLY: AxisValue = { value: '', number: null, text: '' };

/** The map of the report with numbers: panels under each other, one row for each value of the second axis. */
export function mapText(model: ReportModel, view: View, drawing: Drawing): string {
  const layout = gridLayout(model, view);
  if (layout === null) return '';
  const measure = measureOf(view.measure);
  const cells = gridCells(model, view, layout);
  const values = cells.map((cell) => measure.of(cell)).filter((value) => value !== null);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const shareOf = (value: number): number => (high === low ? 1 : (value - low) / (high - low));
  const rows = [...(layout.up?.values ?? [ONLY])].reverse();
  const labelWidth =
    Math.max(...rows.map(({ text }) => text.length), KNOB_TITLES[layout.across.knob].length) + 1;
  const tileWidth = Math.max(
    5,
    Math.min(9, Math.floor((drawing.width - labelWidth) / layout.across.values.length) - 1),
  );
  const lines: string[] = [];
  for (const panel of panelsOf(layout)) {
    if (panel.text !== '') lines.push(panel.text);
    for (const up of rows) {
      const tiles = layout.across.values.map((across) => {
        const cell = cells.find((each) => isAt(each, across, up, panel));
        const value = cell === undefined ? null : measure.of(cell);
        return tile(value, value === null ? 0 : shareOf(value), tileWidth, drawing.color);
      });
      lines.push(`${up.text.padEnd(labelWidth)}${tiles.join(' ')}`);
    }
  }
  const feet = layout.across.values.map(({ value }) => value.padStart(tileWidth));
  lines.push(`${KNOB_TITLES[layout.across.knob].padEnd(labelWidth)}${feet.join(' ')}`);
  return lines.join('\n');

  function isAt({ knobs }: ModelCell, across: AxisValue, up: AxisValue, panel: AxisValue): boolean {
    const { across: x, up: y, panel: z } = layout!;
    return (
      knobs[x.knob] === across.value &&
      (y === null || knobs[y.knob] === up.value) &&
      (z === null || knobs[z.knob] === panel.value)
    );
  }
}

function tile(value: number | null, share: number, width: number, color: boolean): string {
  if (value === null) return '-'.padStart(width);
  const text = shortText(value).replace(' ', '');
  if (!color) {
    const shade = SHADES[Math.min(SHADES.length - 1, Math.floor(share * SHADES.length))]!;
    return `${text.padStart(width - 1)}${shade}`;
  }
  const [back, ink] = COLORS[Math.min(COLORS.length - 1, Math.floor(share * COLORS.length))]!;
  return `\u001b[48;5;${back}m\u001b[38;5;${ink}m${text.padStart(width)}\u001b[0m`;
}
