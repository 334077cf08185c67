import type { ChartId, Control } from '../charts/chart.js';
import { escaped } from '../page/elements.js';

/** Few choices are buttons side by side, many are a list. */
const MOST_BUTTONS = 3;

export function controlsHtml(id: ChartId, controls: readonly Control[]): string {
  return controls
    .map((control) => {
      const name = `${id}-${control.key}`;
      const title = escaped(control.title);
      if (control.choices.length > MOST_BUTTONS) {
        const options = control.choices.map(
          ({ value, text }) =>
            `<option value="${escaped(value)}"${value === control.chosen ? ' selected' : ''}>${escaped(text)}</option>`,
        );
        return `<label><span class="label">${title}</span><select name="${escaped(name)}">${options.join('')}</select></label>`;
      }
      const buttons = control.choices.map(
        ({ value, text }) =>
          `<label><input type="radio" name="${escaped(name)}" value="${escaped(value)}"${value === control.chosen ? ' checked' : ''}><span>${escaped(text)}</span></label>`,
      );
      return `<fieldset><legend>${title}</legend><div class="segments">${buttons.join('')}</div></fieldset>`;
    })
    .join('');
}
