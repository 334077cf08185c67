import type { Chart } from '../charts/chart.js';
import type { EventTable } from '../event-tables.js';
import type { ReportExplanation } from '../explanation.js';
import { KNOB_TITLES } from '../measures.js';
import type { ReportModel } from '../model.js';
import type { PriceList } from '../prices.js';
import { headOf } from '../table.js';
import { firstView } from '../view.js';
import { escaped, tableHtml } from './elements.js';
import type { Fact } from './facts.js';

/** One part of the page with a heading that a screen reader can jump to. */
export function card(id: string, title: string, body: string): string {
  return `<section class="card" id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${escaped(title)}</h2>
${body}
</section>`;
}

export function help(text: string): string {
  return `<p class="help">${escaped(text)}</p>`;
}

export function csvButton(tableId: string): string {
  return `<div class="tools js-only"><button type="button" class="plain" data-csv="${tableId}">Save as CSV</button></div>`;
}

/** `picture` is an SVG for readers without JavaScript. */
export function chartCard(chart: Chart, model: ReportModel, picture: string): string {
  const view = firstView(model);
  const { id } = chart;
  const notes = chart.notes(model, view);
  return card(
    id,
    chart.title,
    `${help(chart.help)}
<div class="controls js-only" data-controls="${id}"></div>
<figure class="js-only"><div class="chart" data-chart="${id}" role="img" aria-label="${escaped(chart.summary(model, view))}"></div></figure>
${picture === '' ? '' : `<noscript><div class="picture" role="img" aria-label="${escaped(chart.summary(model, view))}">${picture}</div></noscript>`}
<div data-notes="${id}">${notesHtml(notes)}</div>
<details><summary>These figures as a table</summary><div data-table="${id}">${tableHtml(chart.table(model, view), { id: `${id}-table` })}</div>${csvButton(`${id}-table`)}</details>
<div class="tools js-only">
<button type="button" class="plain" data-save="svg" data-of="${id}">Save picture as SVG</button>
<button type="button" class="plain" data-save="png" data-of="${id}">Save picture as PNG</button>
</div>`,
  );
}

export function notesHtml(notes: readonly string[]): string {
  return notes.map((note) => `<p class="fit">${escaped(note)}</p>`).join('');
}

/** How much each knob did, as bars of a ratio: the first thing to look at. */
export function knobsCard({ knobs }: ReportExplanation, model: ReportModel): string {
  const highest = Math.max(1, ...knobs.map(({ ratio }) => ratio ?? 1));
  const lists = model.targets.map(({ name }) => {
    const own = knobs.filter(({ target }) => target === name);
    if (own.length === 0) return '';
    const items = own.map(({ knob, ratio, verdict, text }) => {
      // From 1 (no effect) to the highest, so that a bar's length is what the knob did and nothing else.
      const share = highest === 1 ? 0 : ((ratio ?? 1) - 1) / (highest - 1);
      const bar = `<span class="bar"><i style="width:${(share * 70).toFixed(1)}%"></i><b>${ratio === null || verdict === 'unknown' ? '' : `${ratio.toFixed(2)}\u00d7`}</b> ${VERDICTS[verdict]}</span>`;
      return `<li class="knob ${verdict}"><span class="name">${escaped(KNOB_TITLES[knob])}</span>${bar}<p>${escaped(text)}</p></li>`;
    });
    const title = model.targets.length > 1 ? `<h3>${escaped(name)}</h3>` : '';
    return `${title}<ul class="knobs">${items.join('')}</ul>`;
  });
  return card(
    'knobs',
    'Which knob mattered',
    `${help('Produced rate at a knob\u2019s best value over that at its worst, everything else equal. 1.00\u00d7 is no effect.')}${lists.join('')}`,
  );
}

const VERDICTS = {
  large: 'much',
  some: 'some',
  none: 'no effect',
  unknown: 'cannot be told',
} as const;

export function pricesCard(lists: readonly PriceList[], isOneTarget: boolean): string {
  const parts = lists.map(({ table, title, target, held, shares, knob, hasLosses }, index) => {
    const head = table.columns
      .map((column) => `<th scope="col" class="${column.align}">${escaped(headOf(column))}</th>`)
      .join('');
    const rows = table.rows.map((row, at) => {
      const cells = row.map(({ text, value }, column) => {
        const { align } = table.columns[column]!;
        const data = `class="${align}${hasLosses && column === row.length - 1 ? ' wrap-text' : ''}" data-value="${escaped(String(value ?? ''))}"`;
        if (column === 0) {
          return `<th scope="row" class="step">${escaped(KNOB_TITLES[knob])} ${escaped(text)}<span class="price-bar" aria-hidden="true"><i style="width:${(shares[at]! * 100).toFixed(1)}%"></i></span></th>`;
        }
        return `<td ${data}>${escaped(text)}</td>`;
      });
      return `<tr>${cells.join('')}</tr>`;
    });
    const id = `prices-${index}`;
    return `<h3>${escaped(title)}${isOneTarget ? '' : ` <span class="held">${escaped(target)}</span>`}</h3>
<p class="held">${escaped(held)}</p>
<div class="table-box" tabindex="0" role="region" aria-label="${escaped(table.caption)}"><table id="${id}" class="prices"><caption>${escaped(table.caption)}</caption><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>
${csvButton(id)}`;
  });
  return card(
    'prices',
    'The price of safety',
    `${help(`One knob turned step by step, everything else held. The price is what the medians say, noise included. ${lists.some(({ hasLosses }) => hasLosses) ? 'What a crash loses was found by killing processes, not by reading the documentation.' : 'What a crash loses was not measured: the preset durability finds it by killing processes.'}`)}${parts.join('\n')}`,
  );
}

export function eventCard({ kind, title, help: text, table }: EventTable): string {
  const id = `${kind}-table`;
  return card(
    kind,
    title,
    `${help(text)}${tableHtml(table, { id, isSortable: true })}${csvButton(id)}`,
  );
}

export function factsHtml(facts: readonly Fact[]): string {
  return `<dl class="facts">${facts.map(([name, text]) => `<dt>${escaped(name)}</dt><dd>${escaped(text)}</dd>`).join('')}</dl>`;
}
