/** Parts of the pages of this folder: each is one file that needs nothing else, in the light and in the dark. */

export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  };
  return text.replace(/[&<>"]/g, (character) => entities[character] as string);
}

/** JSON that can stand in a script element. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --paper: #ffffff; --line: #d5dae1; --mark: #1f6feb; --second: #c2571a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa5b4; --paper: #14181f; --line: #333c48; --mark: #6cb0ff; --second: #f0a45d; } }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .25rem; }
p, .soft { color: var(--soft); margin: .25rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 500; } th, td { padding: .2rem .75rem .2rem 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; } td.place { color: var(--soft); font-family: ui-monospace, monospace; font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem 2rem; }
svg.chart { width: 100%; height: auto; } svg.chart text { fill: var(--soft); font-size: 11px; } svg.chart .grid { stroke: var(--line); }
svg.chart .a { stroke: var(--mark); } svg.chart .b { stroke: var(--second); } svg.chart path { fill: none; stroke-width: 1.5; }
.legend .a { color: var(--mark); } .legend .b { color: var(--second); }
@media (max-width: 40rem) { body { padding: .75rem; } td.place { word-break: break-all; } }
`;

export interface PageOptions {
  readonly title: string;
  /** Paragraphs below the title. */
  readonly lead: readonly string[];
  readonly style?: string;
  /** HTML. */
  readonly body: string;
}

export function page({ title, lead, style = '', body }: PageOptions): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${STYLE}${style}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${lead.map((text) => `<p>${escapeHtml(text)}</p>`).join('\n')}
${body}
</body>
</html>
`;
}

export interface TableColumn {
  readonly title: string;
  readonly kind?: 'number' | 'place';
}

export function table(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
): string {
  const classOf = ({ kind }: TableColumn): string => (kind === undefined ? '' : ` class="${kind}"`);
  const head = columns.map((column) => `<th${classOf(column)}>${escapeHtml(column.title)}</th>`);
  const body = rows.map((row) => {
    const cells = columns.map(
      (column, i) => `<td${classOf(column)}>${escapeHtml(row[i] ?? '')}</td>`,
    );
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<table><thead><tr>${head.join('')}</tr></thead><tbody>${body.join('\n')}</tbody></table>`;
}
