import { cellId } from '../model/cell-name.js';
import type { Cell, KnobName } from '../model/knobs.js';
import type { CellResult } from '../model/result.js';
import type { Measured } from './knee.js';
import { fitUsl, type UslOutcome } from './usl.js';

/** How the highest rate grows with partitions or brokers, every other knob held. */
export interface Scaling {
  readonly axis: ScalingAxis;
  /** The knobs that are held, as `cellId` without the axis. */
  readonly held: string;
  /** One of the cells, for labels. */
  readonly cell: Cell;
  readonly cellIds: readonly string[];
  readonly outcome: UslOutcome;
}

export type ScalingAxis = Extract<KnobName, 'partitions' | 'brokers' | 'producers'>;

export const SCALING_AXES: readonly ScalingAxis[] = ['partitions', 'brokers', 'producers'];

/** A fit for every group of closed-loop cells that differ only in one of the axes, at two counts or more. */
export function scalingOf({ cells }: Measured): Scaling[] {
  return SCALING_AXES.flatMap((axis) =>
    groupsBy(cells, axis).map(({ held, group }) => {
      const sorted = [...group].sort((a, b) => a.cell[axis] - b.cell[axis]);
      return {
        axis,
        held,
        cell: (sorted[0] as CellResult).cell,
        cellIds: sorted.map(({ id }) => id),
        outcome: fitUsl(
          sorted.map(({ cell, runs }) => ({
            n: cell[axis],
            rates: runs.map(({ produced }) => produced.bytesPerSecond),
          })),
        ),
      };
    }),
  );
}

function groupsBy(
  cells: readonly CellResult[],
  axis: ScalingAxis,
): { held: string; group: CellResult[] }[] {
  const groups = new Map<string, CellResult[]>();
  for (const result of cells) {
    // An open loop's rate is what was asked, not what could be had.
    if (result.cell.rate !== 'max' || result.cell.experiment !== 'load') continue;
    if (result.runs.length === 0) continue;
    const held = cellId(result.cell, [axis]);
    groups.set(held, [...(groups.get(held) ?? []), result]);
  }
  return [...groups]
    .filter(([, group]) => new Set(group.map(({ cell }) => cell[axis])).size > 1)
    .map(([held, group]) => ({ held, group }));
}
