import Table from 'cli-table3';
import { colors as pc } from './colors.js';

/** A table without lines. Columns from `numbersFrom` on are numbers, which stand right. */
export function printTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  numbers: readonly string[] = [],
): void {
  const none = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left'];
  const lines = ['bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'];
  const table = new Table({
    head: head.map((title) => pc.dim(title)),
    colAligns: head.map((title) => (numbers.includes(title) ? 'right' : 'left')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    chars: {
      ...Object.fromEntries([...none, ...lines].map((name) => [name, ''])),
      middle: '  ',
    },
  });
  table.push(...rows.map((row) => row.map((cell) => String(cell))));
  const text = table.toString().replace(/[ \t]+$/gm, '');
  process.stdout.write(`${text}\n`);
}
