// The script of the flame page: draws the call tree of `<script id="data">`, the outermost functions on top.
// A click, or Enter, shows a function alone with what it calls; Escape shows all again; arrows go from frame to frame.
const { unit, total, tree } = JSON.parse(document.getElementById('data').textContent);
const graph = document.getElementById('graph');
const details = document.getElementById('details');
const search = document.getElementById('search');
const found = document.getElementById('found');
const ROW_PX = 20;
const LEAST_PX = 1.5;

// Each node: [function, place, kind, self, children]. Sums once, top down and bottom up.
const KINDS = ['own', 'dependency', 'node', 'native'];
let nextId = 0;
function prepare(raw, parent) {
  const [name, place, kind, self, children] = raw;
  const node = { id: nextId++, name, place, kind: KINDS[kind], self, parent, total: self };
  node.children = children.map((child) => prepare(child, node)).sort((a, b) => b.total - a.total);
  for (const child of node.children) node.total += child.total;
  return node;
}
const root = prepare(tree, null);
let shown = root;
let frames = new Map();

const percent = (value) => `${((100 * value) / total).toFixed(2)} %`;
const amount = (value) =>
  unit === 'bytes' ? `${(value / 1024).toFixed(1)} KiB` : `${(value / 1000).toFixed(1)} ms`;
const sentence = (node) =>
  `${node.name}${node.place === '' ? '' : ` (${node.place})`}: ${percent(node.total)} with what it calls (${amount(node.total)}), ${percent(node.self)} by itself (${amount(node.self)})`;
const matches = (node) => {
  const text = search.value.trim().toLowerCase();
  return text !== '' && `${node.name} ${node.place}`.toLowerCase().includes(text);
};

function draw() {
  graph.replaceChildren();
  frames = new Map();
  const width = graph.clientWidth;
  const above = [];
  for (let node = shown.parent; node !== null; node = node.parent) above.unshift(node);
  for (const [depth, node] of above.entries()) add(node, depth, 0, width, true);
  let rows = above.length;
  const place = (node, depth, left, pixels) => {
    if (pixels < LEAST_PX) return;
    rows = Math.max(rows, depth + 1);
    add(node, depth, left, pixels, false);
    let at = left;
    for (const child of node.children) {
      const its = (pixels * child.total) / node.total;
      place(child, depth + 1, at, its);
      at += its;
    }
  };
  place(shown, above.length, 0, width);
  graph.style.height = `${rows * ROW_PX}px`;
  tell(shown);
  count();
}

function add(node, depth, left, pixels, isAbove) {
  const frame = document.createElement('button');
  frame.type = 'button';
  frame.className = `frame ${node.kind}${isAbove ? ' above' : ''}${matches(node) ? ' match' : ''}`;
  frame.style.cssText = `left:${left}px;top:${depth * ROW_PX}px;width:${Math.max(1, pixels - 0.5)}px`;
  frame.textContent = pixels > 24 ? node.name : '';
  frame.setAttribute('aria-label', sentence(node));
  frame.tabIndex = node === shown ? 0 : -1;
  frame.title = sentence(node);
  frame.addEventListener('click', () => zoom(node));
  frame.addEventListener('focus', () => tell(node));
  frame.addEventListener('mouseenter', () => tell(node));
  frame.addEventListener('keydown', (event) => move(event, node));
  graph.append(frame);
  frames.set(node.id, frame);
}

function zoom(node) {
  shown = node;
  draw();
  frames.get(node.id)?.focus();
}

function move(event, node) {
  const siblings = node.parent?.children ?? [node];
  const at = siblings.indexOf(node);
  const next = {
    ArrowUp: node.parent,
    ArrowDown: node.children[0],
    ArrowLeft: siblings[at - 1],
    ArrowRight: siblings[at + 1],
  }[event.key];
  const frame = next && frames.get(next.id);
  if (!frame) return;
  event.preventDefault();
  frame.focus();
}

function tell(node) {
  details.textContent = sentence(node);
}

function count() {
  const matching = (node) =>
    matches(node) ? node.total : node.children.reduce((all, child) => all + matching(child), 0);
  found.textContent = search.value.trim() === '' ? '' : `${percent(matching(root))} found`;
}

search.addEventListener('input', draw);
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') zoom(root);
});
window.addEventListener('resize', draw);
draw();
