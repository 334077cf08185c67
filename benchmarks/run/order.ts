import { cellId } from '../model/cell-name.js';
import type { Cell } from '../model/knobs.js';
import { createRandom, shuffled } from '../random.js';

/** One run of one cell. */
export interface PlannedRun {
  /** Index of the cell. */
  readonly cell: number;
  readonly repeat: number;
}

export interface OrderOptions {
  readonly repeats: number;
  readonly seed: number;
  /** What a cell needs to be open; more different ones than `maxOpen` are visited one after the other. */
  readonly openKeys: readonly string[];
  readonly maxOpen: number;
}

/**
 * All repeats of all cells: a round of every cell, and then the next, so that slow drift of the machine falls on all of
 * them; within a round in random order, the same cell of several targets one right after the other (what is compared
 * meets the same machine). Cells whose rate is a share of another's come last in their round: it must be known.
 */
export function orderRuns(cells: readonly Cell[], options: OrderOptions): PlannedRun[] {
  const { repeats, seed, openKeys, maxOpen } = options;
  const random = createRandom(seed);
  const isGrouped = new Set(openKeys).size > maxOpen;
  const runs: PlannedRun[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const groups = new Map<string, Map<string, number[]>>();
    for (const [at, cell] of cells.entries()) {
      const phase = isShare(cell) ? 'b' : 'a';
      const group = isGrouped ? `${phase} ${openKeys[at]}` : phase;
      const unit = cellId(cell, ['target']);
      const units = groups.get(group) ?? new Map<string, number[]>();
      groups.set(group, units.set(unit, [...(units.get(unit) ?? []), at]));
    }
    const ordered = shuffled([...groups], random).sort(([left], [right]) =>
      (left[0] as string).localeCompare(right[0] as string),
    );
    for (const [, units] of ordered) {
      for (const unit of shuffled([...units.values()], random)) {
        for (const cell of shuffled(unit, random)) runs.push({ cell, repeat });
      }
    }
  }
  return runs;
}

/** Its rate is a share of what the same cell reaches in a closed loop. */
export function isShare(cell: Cell): boolean {
  return typeof cell.rate === 'string' && cell.rate !== 'max';
}

/** The cell that says how much 100 % is. */
export function referenceOf(cell: Cell): Cell {
  return { ...cell, rate: 'max', experiment: 'load' };
}
