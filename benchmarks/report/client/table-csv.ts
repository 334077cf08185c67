import { csvLine } from '../table.js';

/** What a table of the page shows, in its present order, unrounded. */
export function csvOf(table: HTMLTableElement): string {
  return [...table.rows].map((row) => csvLine([...row.cells].map(cellText))).join('');
}

/** A heading's arrow is of the style sheet and so no part of its text. */
function cellText(cell: HTMLTableCellElement): string | number | null {
  const { value } = cell.dataset;
  if (value === undefined) return cell.textContent.trim();
  if (value === '') return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : value;
}
