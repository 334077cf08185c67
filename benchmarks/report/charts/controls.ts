import type { KnobName } from '../../model/knobs.js';
import { KNOB_TITLES, MEASURES, measureOf } from '../measures.js';
import type { ReportModel } from '../model.js';
import { targetOf, type View } from '../view.js';
import { type Control, knobControl } from './chart.js';

export function targetControl(model: ReportModel, view: View): Control[] {
  if (model.targets.length < 2) return [];
  return [
    {
      key: 'target',
      title: 'Target',
      chosen: view.target,
      choices: model.targets.map(({ name }) => ({ value: name, text: name })),
    },
  ];
}

/** One for each axis that the picture does not spread out. */
export function fixedControls(
  model: ReportModel,
  view: View,
  spreadOut: readonly KnobName[],
): Control[] {
  const axes = targetOf(model, view.target)?.axes ?? [];
  return axes
    .filter(({ knob }) => !spreadOut.includes(knob))
    .map((axis) => knobControl(axis, view, capital(KNOB_TITLES[axis.knob])));
}

/**
 * What a picture shows, for who has nothing but the picture: `what` with its unit, of which target, at which values of the
 * axes that it does not spread out.
 */
export function captionOf(
  what: string,
  model: ReportModel,
  view: View,
  spreadOut: readonly KnobName[],
): string {
  const held = fixedControls(model, view, spreadOut).map(
    ({ choices, chosen }) => choices.find(({ value }) => value === chosen)?.text ?? chosen,
  );
  return [what, view.target, ...held].join(', ');
}

/** Only what was measured. */
export function measureControl(model: ReportModel, view: View): Control[] {
  const measured = MEASURES.filter((measure) =>
    model.cells.some((cell) => measure.of(cell) !== null),
  );
  return [
    {
      key: 'measure',
      title: 'Measure',
      chosen: measureOf(view.measure).key,
      choices: measured.map(({ key, title, unit }) => ({
        value: key,
        text: key === 'cpuSecondsPerMillion' ? title : `${title}, ${unit}`,
      })),
    },
  ];
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
