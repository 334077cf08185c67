import type { KnobName } from '../../model/knobs.js';
import type { Axis, ModelCell, ReportModel } from '../model.js';
import { cellsIn, targetOf, type View } from '../view.js';

/** Of names beside bars: what letters of 12 pixels take on average, and a little more. */
export const LETTER_PX = 6.8;

/** One axis beside another makes the bars; partitions change CPU the least and are chosen above. */
export function barAxes(model: ReportModel, view: View): readonly Axis[] {
  const axes = targetOf(model, view.target)?.axes ?? [];
  return axes.length === 1 ? axes : axes.slice(1, 3);
}

export function barsOf(
  model: ReportModel,
  view: View,
  isMeasured: (cell: ModelCell) => boolean,
): { name: string; cell: ModelCell }[] {
  const axes = barAxes(model, view);
  const knobs: KnobName[] = axes.map(({ knob }) => knob);
  const place = (cell: ModelCell): number =>
    axes.reduce(
      (sum, { knob, values }) =>
        sum * 1000 + values.findIndex(({ value }) => value === cell.knobs[knob]),
      0,
    );
  return cellsIn(model, view, 'load', knobs)
    .filter(isMeasured)
    .sort((a, b) => place(a) - place(b))
    .map((cell) => ({
      cell,
      name:
        axes
          .map(({ knob, values }) => values.find(({ value }) => value === cell.knobs[knob])!.text)
          .join(', ') || view.target,
    }));
}
