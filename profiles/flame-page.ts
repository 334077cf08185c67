import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { page, scriptJson, table } from './page.js';
import { type CallTree, costsOf, totalOf } from './read-profile.js';
import type { SourceNames } from './source-names.js';

export interface FlamePage {
  readonly title: string;
  readonly lead: readonly string[];
  readonly unit: 'us' | 'bytes';
  readonly tree: CallTree;
  readonly names: SourceNames;
  /** The folder with `flame-view.js`. */
  readonly profilesDirectory: string;
}

/** [function, place, kind, self, children]: what `flame-view.js` draws. */
type PageNode = [string, string, number, number, PageNode[]];

/** What is smaller cannot be seen even when it is looked at alone. */
const LEAST_SHARE = 1 / 20_000;
const MOST_ROWS = 25;
const NATIVE = 3;
const STYLE = `
#graph { position: relative; margin: .75rem 0; } .frame { position: absolute; height: 19px; padding: 0 3px; border: 0; border-radius: 2px; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; text-align: left; font: 12px/19px ui-monospace, monospace; cursor: pointer; color: #14181f; }
.own { background: #f5a742; } .dependency { background: #8fc1f7; } .node { background: #b9d7a8; } .native { background: #c9ccd2; } .above { opacity: .55; } .match { background: #d88cf0; }
.frame:hover, .frame:focus { outline: 2px solid var(--ink); outline-offset: -2px; } #details { min-height: 3em; font-family: ui-monospace, monospace; font-size: 13px; color: var(--ink); word-break: break-word; }
.key span { padding: 0 .5em; border-radius: 2px; color: #14181f; margin-right: .75em; } input { font: inherit; padding: .1rem .4rem; }`;

/** A flame graph in one file: what clinic's would show, from one of Node's own profiles. */
export function flamePage({
  title,
  lead,
  unit,
  tree,
  names,
  profilesDirectory,
}: FlamePage): string {
  const total = totalOf(tree);
  const data = { unit, total, tree: pageNode(tree, names, total * LEAST_SHARE) };
  const script = readFileSync(join(profilesDirectory, 'flame-view.js'), 'utf8');
  const body = `<p class="key"><span class="own">varve</span><span class="dependency">dependencies</span><span class="node">Node</span><span class="native">native code, garbage collection</span></p>
<p><label>Find a function or file <input id="search" type="search"></label> <span id="found"></span></p>
<p id="details" aria-live="polite"></p>
<div id="graph"></div>
<p>Width is ${unit === 'us' ? 'time' : 'bytes'}. Click a frame to see it alone with what it calls, Escape to see all, arrows to go from frame to frame.</p>
<h2>${unit === 'us' ? 'Most time by themselves' : 'Most bytes by themselves'}</h2>
${functions(tree, total, names)}
<script type="application/json" id="data">${scriptJson(data)}</script>
<script>${script}</script>`;
  return page({ title, lead, style: STYLE, body });
}

function functions(tree: CallTree, total: number, names: SourceNames): string {
  const rows = costsOf(tree)
    .slice(0, MOST_ROWS)
    .map((cost) => [
      ((100 * cost.self) / total).toFixed(1),
      ((100 * cost.total) / total).toFixed(1),
      cost.functionName,
      names.text(cost.place),
    ]);
  const columns = [
    { title: 'self %', kind: 'number' },
    { title: 'with calls %', kind: 'number' },
    { title: 'function' },
    { title: 'where', kind: 'place' },
  ] as const;
  return table(columns, rows);
}

function pageNode(node: CallTree, names: SourceNames, least: number): PageNode {
  const children = node.children
    .filter((child) => totalOf(child) >= least)
    .map((child) => pageNode(child, names, least));
  const leftOut = node.children
    .filter((child) => totalOf(child) < least)
    .reduce((sum, child) => sum + totalOf(child), 0);
  const { functionName, place, self } = node;
  if (leftOut > 0) children.push(['(smaller)', '', NATIVE, Math.round(leftOut), []]);
  return [functionName, names.text(place), kindOf(node, names), Math.round(self), children];
}

/** An index of `KINDS` in `flame-view.js`. */
function kindOf({ place }: CallTree, names: SourceNames): number {
  if (names.isOwn(place)) return 0;
  if (isAbsolute(place.file)) return 1;
  return place.file.startsWith('node:') ? 2 : NATIVE;
}
