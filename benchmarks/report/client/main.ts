import { CHARTS } from '../charts/all.js';
import type { ReportModel } from '../model.js';
import { firstView } from '../view.js';
import { Figures } from './figures.js';
import { saveText } from './save.js';
import { makeSortable } from './sort.js';
import { csvOf } from './table-csv.js';
import { startTheme } from './theme.js';

const model = JSON.parse(document.getElementById('model')!.textContent) as ReportModel;
const figures = new Figures(model, firstView(model), CHARTS);
startTheme((theme) => figures.setTheme(theme));
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
document.querySelector('[data-json]')?.addEventListener('click', () => {
  saveText(document.getElementById('result')!.textContent, 'application/json', 'result.json');
});
