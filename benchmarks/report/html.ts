import { KNOBS, type KnobName } from '../model/knobs.js';
import type { RunResult } from '../model/result.js';
import { cellTable } from './cell-table.js';
import { CHARTS } from './charts/all.js';
import { eventTables } from './event-tables.js';
import type { ReportExplanation } from './explanation.js';
import { askedOf, NOISY, questionOf, tilesOf } from './headline.js';
import { KNOB_TITLES } from './measures.js';
import { type ReportModel, reportModel, type Slo } from './model.js';
import { embedded, escaped, tableHtml } from './page/elements.js';
import {
  calibrationTable,
  environmentFacts,
  generatorTable,
  planFacts,
  settingsTable,
} from './page/facts.js';
import {
  card,
  chartCard,
  csvButton,
  eventCard,
  factsHtml,
  help,
  knobsCard,
  pricesCard,
} from './page/sections.js';
import { pageOf, strata } from './page/shell.js';
import { priceLists } from './prices.js';

export interface HtmlOptions {
  /** null: the page has figures and no sentences about them, and says so. */
  readonly explanation: ReportExplanation | null;
  readonly slo: Slo | null;
  /** The bundle that draws the charts (`readClientScript`). */
  readonly clientScript: string;
  /** Pictures for readers without JavaScript, by the id of their chart (`exportSvg`). Default: tables only. */
  readonly pictures?: Readonly<Record<string, string>>;
  /** From the page to the folder of the result, whose cells' profiles are links; default: the same folder. */
  readonly filesAt?: string;
}

interface Part {
  readonly id: string;
  readonly name: string;
  readonly html: string;
}

/** One file with everything in it: no request leaves it, and without JavaScript every figure is in a table. */
export function renderHtml(result: RunResult, options: HtmlOptions): string {
  const model = reportModel(result, options);
  const { parts: all, leftOut } = partsOf(result, model, options);
  // Beside the answer, which it shows.
  const mapPart = all.find(({ id }) => id === 'heat') ?? null;
  const map = mapPart?.html ?? '';
  const parts = all.filter((part) => part !== mapPart);
  const left =
    leftOut.length === 0
      ? ''
      : `<section class="card" id="left-out" aria-labelledby="left-out-title"><h2 id="left-out-title">Left out</h2><ul>${leftOut.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul></section>`;
  return pageOf({
    title: `${result.name}: benchmark report`,
    header: `<header>${strata()}<div class="wrap"><span class="brand">varve bench</span><span class="meta">${escaped(result.name)} \u00b7 ${escaped(result.startedAt.slice(0, 16).replace('T', ' '))} UTC \u00b7 ${escaped(result.environment.cpuModel.trim())}, ${result.environment.cores} cores</span><button type="button" class="plain theme js-only" data-theme-toggle>Dark theme</button></div></header>`,
    links: [...(mapPart === null ? [] : [mapPart]), ...parts].map(
      ({ id, name }) => [id, name] as const,
    ),
    main: `${answer(result, model, options.explanation, map)}
${parts.map(({ html }) => html).join('\n')}
${left}`,
    data: `${embedded('model', model)}\n${embedded('result', result)}`,
    script: options.clientScript,
    footer: 'Made by varve bench. Everything on this page is in this file: it makes no request.',
  });
}

function answer(
  result: RunResult,
  model: ReportModel,
  explanation: ReportExplanation | null,
  map: string,
): string {
  const sentences =
    explanation === null || explanation.answer.length === 0
      ? '<p class="help">No sentences were made about this result: look at the figures.</p>'
      : `<ul class="answer">${explanation.answer.map(({ about, text, why }) => `<li><strong>${escaped(about)}</strong>: ${escaped(text)}${why === '' ? '' : ` <span class="why">${escaped(why)}</span>`}</li>`).join('')}</ul>`;
  const tiles = tilesOf(result, model).map(
    ({ title, big, small }) =>
      `<div class="tile"><dt>${escaped(title)}</dt><dd><span class="big">${escaped(big)}</span><span class="small">${escaped(small)}</span></dd></div>`,
  );
  return `<section id="answer" aria-labelledby="question">
<h1 id="question">${escaped(questionOf(model))}</h1>
<p class="asked">${escaped(askedOf(result, model))}</p>
${statusNotice(result)}<div class="lead"><div>${sentences}${wordsHtml(model)}</div>
<div>${map}<dl class="tiles">${tiles.join('')}</dl></div></div>
</section>`;
}

function statusNotice({ status, statusReason, calibration }: RunResult): string {
  const notices: string[] = [];
  if (status !== 'complete') {
    notices.push(`This run is ${status}: ${statusReason ?? 'no reason was given'}.`);
  }
  if (calibration.noise.verdict === 'noisy') {
    notices.push(NOISY);
  }
  return notices.map((text) => `<p class="notice" role="note">${escaped(text)}</p>`).join('');
}

/** What else the first screens take for known. */
const WORDS: readonly (readonly [word: string, meaning: string])[] = [
  ['RF', 'Replication factor.'],
  ['cell, setting', 'One value of each knob, measured together.'],
  ['1.5x', 'One and a half times as much; 0.5x is half.'],
  ['95 % between', 'The range that holds the true figure in 95 of 100 such measurements.'],
  ['\u00b1', 'Half the range that holds the true median of the runs of a cell.'],
  ['p50, p99', 'Half, and 99 of 100, of the records took at most this long.'],
  ['engine', 'The storage engine in one process: no broker, no network.'],
  ['cluster', 'Brokers, each a process, with clients over TCP.'],
];

/** What the knobs of this run are, in the words of their own documentation. */
function wordsHtml(model: ReportModel): string {
  const knobs = new Set<KnobName>(
    model.targets.flatMap(({ axes }) => axes.map(({ knob }) => knob)),
  );
  if (knobs.size === 0) return '';
  const facts = [
    ...[...knobs].map((knob) => [KNOB_TITLES[knob], KNOBS[knob].description ?? ''] as const),
    ...WORDS,
  ];
  return `<details class="words"><summary>What do these words mean?</summary>${factsHtml(facts)}</details>`;
}

function partsOf(
  result: RunResult,
  model: ReportModel,
  { explanation, pictures = {}, filesAt = '' }: HtmlOptions,
): { parts: Part[]; leftOut: string[] } {
  const parts: Part[] = [];
  const leftOut: string[] = [];
  const add = (id: string, name: string, html: string): void => {
    parts.push({ id, name, html });
  };
  if (explanation !== null && explanation.knobs.length > 0) {
    add('knobs', 'Knobs', knobsCard(explanation, model));
  }
  for (const chart of CHARTS) {
    const why = chart.isEmpty(model);
    if (why !== null) leftOut.push(`${chart.title}: ${why}`);
    else add(chart.id, chart.short, chartCard(chart, model, pictures[chart.id] ?? ''));
    if (chart.id === 'scaling') addPrices();
  }
  for (const event of eventTables(model)) {
    if (event.table.rows.length === 0) leftOut.push(`${event.title}: ${event.missing}`);
    else add(event.kind, event.short, eventCard(event));
  }
  add('cells', 'Every cell', cellsCard(model, filesAt));
  add('machine', 'Machine and settings', machineCard(result, leftOut));
  return { parts, leftOut };

  function addPrices(): void {
    const lists = priceLists(model);
    if (lists.length > 0) add('prices', 'Prices', pricesCard(lists, model.targets.length === 1));
    else
      leftOut.push('The price of safety: acks, replication factor and flush had one value each.');
  }
}

function cellsCard(model: ReportModel, filesAt: string): string {
  const failed = model.cells.flatMap(({ label, failure }) =>
    failure === null
      ? []
      : [`<li>${escaped(label)}: ${escaped(failure.code)}: ${escaped(failure.message)}</li>`],
  );
  return card(
    'cells',
    'Every cell',
    `${help('Medians of all runs; \u00b1 is half the range that holds the true median. No run and no sample is left out. A heading sorts.')}
${tableHtml(cellTable(model), { id: 'cells-table', isSortable: true, isTall: true, filesAt })}
<div class="tools js-only"><button type="button" class="plain" data-csv="cells-table">Save as CSV</button><button type="button" class="plain" data-json>Save everything as JSON</button></div>
${failed.length === 0 ? '' : `<h3>Failed</h3><ul>${failed.join('')}</ul>`}`,
  );
}

function machineCard(result: RunResult, leftOut: string[]): string {
  const calibration = calibrationTable(result);
  if (calibration === null) leftOut.push('Calibration: it was not taken in this run.');
  const generator = generatorTable(result);
  const settings = settingsTable(result);
  return card(
    'machine',
    'Machine and settings',
    `${help('Figures are of this machine. Carry ratios to another one, not absolutes.')}
${factsHtml(environmentFacts(result))}
${calibration === null ? '' : `<h3>${escaped(calibration.caption)}</h3><p class="help">${escaped(result.calibration.noise.text)}</p>${tableHtml(calibration, { id: 'calibration-table' })}`}
${generator === null ? '' : `<h3>${escaped(generator.caption)}</h3>${tableHtml(generator, { id: 'generator-table' })}`}
<h3>The run</h3>${factsHtml(planFacts(result))}
${settings.rows.length === 0 ? '' : `<h3>${settings.caption}</h3>${tableHtml(settings, { id: 'settings-table', isSortable: true })}${csvButton('settings-table')}`}`,
  );
}
