/**
 * Weighted linear least squares of a few columns by the normal equations; null where the columns do not determine a
 * solution. Columns are scaled first, because N (N - 1) beside 1 would cost half the digits.
 */
export function leastSquares(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  weights: readonly number[],
): number[] | null {
  const width = rows[0]?.length ?? 0;
  if (rows.length < width) return null;
  const scales = Array.from({ length: width }, (_, column) =>
    Math.sqrt(
      rows.reduce((sum, row, at) => sum + weightAt(weights, at) * cell(row, column) ** 2, 0),
    ),
  );
  if (scales.some((scale) => !(scale > 0))) return null;
  const normal = Array.from({ length: width }, (_, i) => [
    ...Array.from({ length: width }, (_, j) =>
      rows.reduce(
        (sum, row, at) =>
          sum +
          (weightAt(weights, at) * cell(row, i) * cell(row, j)) /
            (cell(scales, i) * cell(scales, j)),
        0,
      ),
    ),
    rows.reduce(
      (sum, row, at) =>
        sum + (weightAt(weights, at) * cell(row, i) * cell(targets, at)) / cell(scales, i),
      0,
    ),
  ]);
  return eliminate(normal)?.map((value, at) => value / cell(scales, at)) ?? null;
}

/** Below this pivot (columns have length 1) two columns are the same one. */
const SINGULAR = 1e-12;

/** Gauss with partial pivoting on a matrix with its right-hand side as the last column. */
function eliminate(matrix: number[][]): number[] | null {
  const size = matrix.length;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(at(matrix, row, column)) > Math.abs(at(matrix, pivot, column))) pivot = row;
    }
    if (Math.abs(at(matrix, pivot, column)) < SINGULAR) return null;
    [matrix[column], matrix[pivot]] = [matrix[pivot] as number[], matrix[column] as number[]];
    for (let row = 0; row < size; row++) {
      if (row === column) continue;
      const factor = at(matrix, row, column) / at(matrix, column, column);
      for (let j = column; j <= size; j++)
        (matrix[row] as number[])[j] = at(matrix, row, j) - factor * at(matrix, column, j);
    }
  }
  return matrix.map((row, i) => cell(row, size) / cell(row, i));
}

function at(matrix: readonly (readonly number[])[], row: number, column: number): number {
  return cell(matrix[row] as readonly number[], column);
}

function cell(row: readonly number[], column: number): number {
  return row[column] as number;
}

function weightAt(weights: readonly number[], at: number): number {
  return weights[at] as number;
}
