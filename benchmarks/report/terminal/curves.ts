import pc from 'picocolors';
import { digits } from '../../model/text.js';
import { type Curve, curvesOf } from '../charts/scaling.js';
import { KNOB_TITLES } from '../measures.js';
import type { ReportModel } from '../model.js';
import { curveAxis, targetOf, type View } from '../view.js';
import type { Drawing } from './map.js';

const EIGHTHS = ['', '\u258f', '\u258e', '\u258d', '\u258c', '\u258b', '\u258a', '\u2589'] as const;

/** The scaling curves as bars: one line a point, all to one scale, so that shapes can be compared. */
export function curvesText(model: ReportModel, view: View, { color, width }: Drawing): string {
  const along = curveAxis(model, view);
  const curves = curvesOf(model, view);
  if (along === undefined || curves.length === 0) return '';
  const colors = pc.createColors(color);
  const high = Math.max(...curves.flatMap(({ points }) => points.map(({ value }) => value)));
  const atWidth = Math.max(...along.values.map(({ value }) => value.length));
  const barWidth = Math.max(10, Math.min(60, width - atWidth - 24));
  const held = heldTexts(model, view, curves);
  const lines = curves.flatMap(({ name, points }) => {
    const first = points[0]!;
    return [
      colors.bold([`${name}, by ${KNOB_TITLES[along.knob]}`, ...held].join(', ')),
      ...points.map(({ at, value }) => {
        const times = value / first.value;
        const gain = at === first.at ? '' : `  ${times.toFixed(2)}x`;
        return `${String(at).padStart(atWidth)} ${colors.cyan(bar(value / high, barWidth))} ${digits(value)} MB/s${gain}`;
      }),
    ];
  });
  return lines.join('\n');
}

/** What is the same at every point although the run has other values of it: without that nobody knows which tiles these are. */
function heldTexts(model: ReportModel, view: View, curves: readonly Curve[]): string[] {
  const cells = curves.flatMap(({ points }) => points.map(({ cell }) => cell));
  return (targetOf(model, view.target)?.axes ?? []).flatMap(({ knob, values }) => {
    const [value, ...others] = new Set(cells.map(({ knobs }) => knobs[knob]));
    const text = values.find((each) => each.value === value)?.text;
    return others.length > 0 || text === undefined ? [] : [text];
  });
}

/** To an eighth of a character. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  return `${'\u2588'.repeat(Math.floor(eighths / 8))}${EIGHTHS[eighths % 8]}`;
}

const SPARKS = [
  '\u2581',
  '\u2582',
  '\u2583',
  '\u2584',
  '\u2585',
  '\u2586',
  '\u2587',
  '\u2588',
] as const;

/** One character a value, from zero to the highest. */
export function spark(values: readonly number[]): string {
  const high = Math.max(...values, 0);
  return values
    .map((value) => SPARKS[high === 0 ? 0 : Math.min(7, Math.floor((value / high) * 7.999))]!)
    .join('');
}
