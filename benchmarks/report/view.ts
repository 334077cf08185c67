import type { KnobName } from '../model/knobs.js';
import type { MeasureKey } from './measures.js';
import type { Axis, CellKind, LatencyKind, ModelCell, ModelTarget, ReportModel } from './model.js';

/** What a reader has chosen to look at. Knobs that a picture spreads out itself are ignored by it. */
export interface View {
  readonly target: string;
  readonly fixed: Readonly<Partial<Record<KnobName, string>>>;
  readonly measure: MeasureKey;
  readonly latency: LatencyKind;
  /** Whose course is shown: the id of a cell, and which of its runs, from 0. Empty: the first that has one. */
  readonly cell: string;
  readonly run: string;
}

export function firstView(model: ReportModel): View {
  return viewOfTarget(model, model.targets[0]?.name ?? '', {
    measure: 'megabytesPerSecond',
    latency: 'publish',
    cell: '',
    run: '0',
  });
}

/** The usual value of every axis of a target. */
export function viewOfTarget(
  model: ReportModel,
  target: string,
  kept: Omit<View, 'target' | 'fixed'>,
): View {
  const axes = targetOf(model, target)?.axes ?? [];
  return {
    measure: kept.measure,
    latency: kept.latency,
    cell: kept.cell,
    run: kept.run,
    target,
    fixed: Object.fromEntries(axes.map(({ knob, usual }) => [knob, usual])),
  };
}

export function targetOf(model: ReportModel, name: string): ModelTarget | undefined {
  return model.targets.find((target) => target.name === name);
}

/** Cells of the chosen target and kind that have the chosen value of every axis but those in `free`. */
export function cellsIn(
  model: ReportModel,
  view: View,
  kind: CellKind,
  free: readonly KnobName[],
): ModelCell[] {
  const axes = targetOf(model, view.target)?.axes ?? [];
  return model.cells.filter(
    (cell) =>
      cell.target === view.target &&
      cell.kind === kind &&
      axes.every(
        ({ knob }) =>
          free.includes(knob) ||
          view.fixed[knob] === undefined ||
          cell.knobs[knob] === view.fixed[knob],
      ),
  );
}

/** The axes that a picture of up to three dimensions spreads out; the first of them along the bottom. */
export function spread(model: ReportModel, view: View, most: number): Axis[] {
  return (targetOf(model, view.target)?.axes ?? []).slice(0, most);
}

/** The first axis of numbers: what a curve can run along. */
export function curveAxis(model: ReportModel, view: View): Axis | undefined {
  return targetOf(model, view.target)?.axes.find(({ values }) =>
    values.every(({ number }) => number !== null),
  );
}
