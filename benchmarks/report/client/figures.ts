import type { Chart, ChartId, Control } from '../charts/chart.js';
import { echarts } from '../echarts.js';
import type { ReportModel } from '../model.js';
import { tableHtml } from '../page/elements.js';
import { notesHtml } from '../page/sections.js';
import type { ThemeName } from '../theme.js';
import { type View, viewOfTarget } from '../view.js';
import { controlsHtml } from './controls.js';
import { saveChart } from './save.js';

interface Figure {
  readonly chart: Chart;
  readonly box: HTMLElement;
  readonly controls: HTMLElement;
  readonly table: HTMLElement;
  readonly notes: HTMLElement;
  readonly drawing: ReturnType<typeof echarts.init>;
  /** Of the last drawing: a resize that changes nothing must not draw again. */
  width: number;
}

/** All pictures of a page share one view: what is chosen at one stays chosen at the others. */
export class Figures {
  readonly #model: ReportModel;
  readonly #figures: Figure[] = [];
  #view: View;
  #theme: ThemeName = 'light';

  constructor(model: ReportModel, view: View, charts: readonly Chart[]) {
    this.#model = model;
    this.#view = view;
    for (const chart of charts) {
      const box = document.querySelector<HTMLElement>(`[data-chart="${chart.id}"]`);
      if (box !== null) this.#figures.push(this.#add(chart, box));
    }
    for (const button of document.querySelectorAll<HTMLButtonElement>('[data-save]')) {
      button.addEventListener('click', () => this.#save(button));
    }
  }

  setTheme(theme: ThemeName): void {
    this.#theme = theme;
    this.#drawAll();
  }

  #add(chart: Chart, box: HTMLElement): Figure {
    const figure: Figure = {
      chart,
      box,
      controls: document.querySelector<HTMLElement>(`[data-controls="${chart.id}"]`)!,
      table: document.querySelector<HTMLElement>(`[data-table="${chart.id}"]`)!,
      notes: document.querySelector<HTMLElement>(`[data-notes="${chart.id}"]`)!,
      drawing: echarts.init(box, null, { renderer: 'svg', width: 1, height: 1 }),
      width: 0,
    };
    figure.controls.addEventListener('change', (event) => {
      const { name, value } = event.target as HTMLSelectElement | HTMLInputElement;
      this.#choose(name.slice(chart.id.length + 1), value);
    });
    new ResizeObserver(() => {
      if (box.clientWidth !== figure.width) this.#draw(figure);
    }).observe(box);
    return figure;
  }

  #choose(key: string, value: string): void {
    const view = this.#view;
    if (key === 'target') this.#view = viewOfTarget(this.#model, value, view);
    else if (key === 'cell') this.#view = { ...view, cell: value, run: '0' };
    else if (key === 'measure' || key === 'latency' || key === 'run') {
      this.#view = { ...view, [key]: value } as View;
    } else this.#view = { ...view, fixed: { ...view.fixed, [key]: value } };
    this.#drawAll();
  }

  #drawAll(): void {
    for (const figure of this.#figures) {
      this.#draw(figure);
      this.#update(figure);
    }
  }

  #draw(figure: Figure): void {
    const { chart, box, drawing } = figure;
    const width = box.clientWidth;
    if (width === 0) return;
    figure.width = width;
    const height = chart.height(this.#model, this.#view, width);
    box.style.height = `${height}px`;
    drawing.resize({ width, height });
    drawing.setOption(chart.option(this.#model, this.#view, { theme: this.#theme, width }), {
      notMerge: true,
    });
  }

  /** Words and tables beside the picture. */
  #update({ chart, box, controls, table, notes }: Figure): void {
    notes.innerHTML = notesHtml(chart.notes(this.#model, this.#view));
    box.setAttribute('aria-label', chart.summary(this.#model, this.#view));
    replaceControls(controls, chart.id, chart.controls(this.#model, this.#view));
    table.innerHTML = tableHtml(chart.table(this.#model, this.#view), { id: `${chart.id}-table` });
  }

  #save(button: HTMLButtonElement): void {
    const figure = this.#figures.find(({ chart }) => chart.id === (button.dataset.of as ChartId));
    if (figure === undefined) return;
    const { chart, drawing } = figure;
    void saveChart(drawing, chart.id, button.dataset.save as 'svg' | 'png', {
      title: chart.table(this.#model, this.#view).caption,
      subtitle: chart.title,
      summary: chart.summary(this.#model, this.#view),
      theme: this.#theme,
    });
  }
}

/** The control that has the focus keeps it: a keyboard user would be thrown to the top of the page. */
function replaceControls(box: HTMLElement, id: ChartId, controls: readonly Control[]): void {
  const focused = box.contains(document.activeElement)
    ? (document.activeElement as HTMLInputElement | HTMLSelectElement)
    : null;
  const key = focused === null ? null : { name: focused.name, value: focused.value };
  box.innerHTML = controlsHtml(id, controls);
  if (key === null) return;
  const again = [
    ...box.querySelectorAll<HTMLInputElement | HTMLSelectElement>('input,select'),
  ].find(({ name, value, type }) => name === key.name && (type !== 'radio' || value === key.value));
  again?.focus();
}
