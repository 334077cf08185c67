import { CHARTS } from '../charts/all.js';
import type { ReportModel } from '../model.js';
import { firstView } from '../view.js';
import { Figures } from './figures.js';
import { saveText } from './save.js';
import { startTables } from './tables.js';
import { startTheme } from './theme.js';

const model = JSON.parse(document.getElementById('model')!.textContent) as ReportModel;
const figures = new Figures(model, firstView(model), CHARTS);
startTheme((theme) => figures.setTheme(theme));
startTables();
document.querySelector('[data-json]')?.addEventListener('click', () => {
  saveText(document.getElementById('result')!.textContent, 'application/json', 'result.json');
});
