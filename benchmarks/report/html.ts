import type { RunResult } from '../model/result.js';
import { cellTable } from './cell-table.js';
import { CHARTS } from './charts/all.js';
import type { Chart } from './charts/chart.js';
import type { ReportExplanation } from './explanation.js';
import { type ReportModel, reportModel, type Slo } from './model.js';
import { embedded, escaped, tableHtml } from './page/elements.js';
import { STYLE } from './page/style.js';
import { firstView } from './view.js';

export interface HtmlOptions {
  /** null: the page has figures and no sentences about them, and says so. */
  readonly explanation: ReportExplanation | null;
  readonly slo: Slo | null;
  /** The bundle that draws the charts (`readClientScript`). */
  readonly clientScript: string;
}

/** One file with everything in it: no request leaves it, and without JavaScript every figure is in a table. */
export function renderHtml(result: RunResult, options: HtmlOptions): string {
  const model = reportModel(result, options);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(`${result.name}: benchmark report`)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<header class="wrap"><h1>${escaped(result.name)}</h1></header>
<main class="wrap">
${CHARTS.map((chart) => chartSection(chart, model)).join('\n')}
<section class="card" id="cells" aria-labelledby="cells-title"><h2 id="cells-title">Every cell</h2>
${tableHtml(cellTable(model), { id: 'cells-table', isSortable: true })}
</section>
</main>
${embedded('model', model)}
${embedded('result', result)}
<script>${options.clientScript.replaceAll('</script', '<\\/script')}</script>
</body>
</html>
`;
}

function chartSection(chart: Chart, model: ReportModel): string {
  if (chart.isEmpty(model) !== null) return '';
  const view = firstView(model);
  return `<section class="card" id="${chart.id}" aria-labelledby="${chart.id}-title">
<h2 id="${chart.id}-title">${escaped(chart.title)}</h2>
<p class="help">${escaped(chart.help)}</p>
<div class="controls js-only" data-controls="${chart.id}"></div>
<figure class="js-only"><div class="chart" data-chart="${chart.id}" role="img" aria-label="${escaped(chart.summary(model, view))}"></div></figure>
<div class="tools js-only">
<button type="button" class="plain" data-save="svg" data-of="${chart.id}">Save as SVG</button>
<button type="button" class="plain" data-save="png" data-of="${chart.id}">Save as PNG</button>
</div>
<details><summary>These figures as a table</summary><div data-table="${chart.id}">${tableHtml(chart.table(model, view), { id: `${chart.id}-table` })}</div></details>
</section>`;
}
