import { headOf, type Table } from '../table.js';

/** Text that came from a result, safe inside HTML. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** JSON inside a script element: no sequence of it can end the element. */
export function embedded(id: string, value: unknown): string {
  const json = JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
  return `<script type="application/json" id="${id}">${json}</script>`;
}

/** To a file of this machine only: a result of somebody else must not lead a reader anywhere. */
function linkTo(file: string, text: string, filesAt: string): string {
  const isElsewhere = /^([a-z][a-z0-9+.-]*:|[/\\]{2})/i.test(file);
  if (isElsewhere) return escaped(text);
  const path = filesAt === '' || file.startsWith('/') ? file : `${filesAt}/${file}`;
  const href = path.split('/').map(encodeURIComponent).join('/');
  return `<a href="${escaped(href)}">${escaped(text)}</a>`;
}

export interface TableOptions {
  readonly id: string;
  readonly isSortable?: boolean;
  /** Scrolls within itself instead of filling the page. */
  readonly isTall?: boolean;
  /** From the page to where the files of cells are; default: beside it. */
  readonly filesAt?: string;
}

/** In a box that scrolls sideways by itself, reachable by keyboard. */
export function tableHtml(
  table: Table,
  { id, isSortable = false, isTall = false, filesAt = '' }: TableOptions,
): string {
  const head = table.columns.map((column) => {
    const title = escaped(headOf(column));
    // A button also where there is no script: it only does nothing there, and is styled as text.
    const inner = isSortable ? `<button type="button" class="sort">${title}</button>` : title;
    return `<th scope="col" class="${column.align}"${isSortable ? ' aria-sort="none"' : ''}>${inner}</th>`;
  });
  const rows = table.rows.map((row) => {
    const cells = row.map(({ value, text, file }, at) => {
      const align = table.columns[at]!.align;
      return `<td class="${align}" data-value="${escaped(String(value ?? ''))}">${file === undefined ? escaped(text) : linkTo(file, text, filesAt)}</td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<div class="table-box${isTall ? ' tall' : ''}" tabindex="0" role="region" aria-label="${escaped(table.caption)}">
<table id="${id}"${isSortable ? ' data-sortable' : ''}><caption>${escaped(table.caption)}</caption>
<thead><tr>${head.join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></div>`;
}
