import { saveText } from './save.js';
import { makeSortable } from './sort.js';
import { csvOf } from './table-csv.js';

export function startTables(): void {
  for (const table of document.querySelectorAll<HTMLTableElement>('table[data-sortable]')) {
    makeSortable(table);
  }
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-csv]')) {
    button.addEventListener('click', () => {
      const id = button.dataset.csv!;
      // Looked for anew: the table of a picture is replaced when another view is chosen.
      saveText(csvOf(document.getElementById(id) as HTMLTableElement), 'text/csv', `${id}.csv`);
    });
  }
}
