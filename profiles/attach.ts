import { dirname, relative, resolve } from 'node:path';
import { BenchError } from '../benchmarks/model/bench-error.js';
import { cellId } from '../benchmarks/model/cell-name.js';
import type { Cell } from '../benchmarks/model/knobs.js';
import { readResult, writeResult } from '../benchmarks/run/result-file.js';

/**
 * Looks before anything is measured: is this cell in that result?
 * @throws BenchError INVALID_RESULT for a file that is none, INVALID_KNOB for another cell, with those there are.
 */
export function requireCellIn(resultPath: string, cell: Cell): void {
  const { cells } = readResult(resultPath);
  const id = cellId(cell);
  if (cells.some((one) => one.id === id)) return;
  const known = cells.map((one) => `  ${one.id}`).join('\n');
  throw new BenchError(
    'INVALID_KNOB',
    `${resultPath} has no cell "${id}"; give the words of one of its own:\n${known}`,
  );
}

/**
 * Stores where the profile of a cell is, as a path from the result's own folder: reports have it as a link. One that the
 * cell had before is left where it is.
 * @returns What is stored.
 */
export function attachProfile(resultPath: string, id: string, page: string): string {
  const result = readResult(resultPath);
  const profile = relative(dirname(resolve(resultPath)), resolve(page)).replaceAll('\\', '/');
  writeResult(
    {
      ...result,
      cells: result.cells.map((cell) => (cell.id === id ? { ...cell, profile } : cell)),
    },
    resultPath,
  );
  return profile;
}
