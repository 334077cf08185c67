/** Clicking a heading sorts by that column, clicking it again turns the order round. Rows without a value stay last. */
export function makeSortable(table: HTMLTableElement): void {
  const heads = [...table.querySelectorAll<HTMLTableCellElement>('thead th')];
  heads.forEach((head, column) => {
    head.querySelector('button')?.addEventListener('click', () => {
      const direction = head.getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending';
      for (const other of heads) other.setAttribute('aria-sort', 'none');
      head.setAttribute('aria-sort', direction);
      const body = table.tBodies[0]!;
      const rows = [...body.rows];
      rows.sort((a, b) => compare(cellValue(a, column), cellValue(b, column), direction));
      body.append(...rows);
    });
  });
}

function cellValue(row: HTMLTableRowElement, column: number): string {
  return row.cells[column]?.dataset.value ?? '';
}

function compare(a: string, b: string, direction: 'ascending' | 'descending'): number {
  if (a === '' || b === '') return (a === '' ? 1 : 0) - (b === '' ? 1 : 0);
  const [x, y] = [Number(a), Number(b)];
  const isX = Number.isFinite(x);
  const isY = Number.isFinite(y);
  // Numbers before words, as in acks 0, 1, all.
  const order = isX && isY ? x - y : isX !== isY ? (isX ? -1 : 1) : a < b ? -1 : a > b ? 1 : 0;
  return direction === 'ascending' ? order : -order;
}
