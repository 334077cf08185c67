import { stripVTControlCharacters } from 'node:util';

export type Column = readonly [title: string, width: number, align: 'left' | 'right'];

/** Rows of fixed width for output that is printed as it is found: a table would need all of it first. */
export function columns(list: readonly Column[]): {
  readonly head: string;
  row(cells: readonly string[]): string;
} {
  const row = (cells: readonly string[]) =>
    list
      .map(([, width, align], i) => pad(cells[i] ?? '', width, align))
      .join('  ')
      .trimEnd();
  return { head: row(list.map(([title]) => title)), row };
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const missing = width - stripVTControlCharacters(text).length;
  if (missing <= 0) return text;
  const spaces = ' '.repeat(missing);
  return align === 'left' ? text + spaces : spaces + text;
}

/** ISO 8601 in UTC; the number itself where it is no date. */
export function formatTime(timestampMs: number): string {
  if (timestampMs === -1) return 'none';
  const date = new Date(timestampMs);
  return Number.isNaN(date.getTime()) ? String(timestampMs) : date.toISOString();
}
