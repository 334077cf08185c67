import { CHARTS } from '../charts/all.js';
import type { ReportModel } from '../model.js';
import { firstView } from '../view.js';
import { Figures } from './figures.js';
import { makeSortable } from './sort.js';
import { startTheme } from './theme.js';

document.documentElement.classList.add('js');
const model = JSON.parse(document.getElementById('model')!.textContent) as ReportModel;
const figures = new Figures(model, firstView(model), CHARTS);
startTheme((theme) => figures.setTheme(theme));
for (const table of document.querySelectorAll<HTMLTableElement>('table[data-sortable]')) {
  makeSortable(table);
}
