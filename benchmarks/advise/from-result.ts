import { cellId } from '../model/cell-name.js';
import type { RunResult } from '../model/result.js';
import type { Measure } from './advice.js';

/** Cells of a result instead of new measurements: what it does not have is null, and becomes a limit of the advice. */
export function measureFrom({ cells }: Pick<RunResult, 'cells'>): Measure {
  const byId = new Map(cells.map((result) => [cellId(result.cell), result]));
  return async (cell) => byId.get(cellId(cell)) ?? null;
}
