import { escapeHtml } from './page.js';

export interface ChartLine {
  readonly name: string;
  readonly values: readonly number[];
}

export interface ChartOptions {
  readonly title: string;
  /** Of the values, such as ms; also said to those who cannot see the picture. */
  readonly unit: string;
  readonly atMs: readonly number[];
  /** One or two. */
  readonly lines: readonly ChartLine[];
}

const WIDTH = 480;
const HEIGHT = 190;
const LEFT = 52;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 34;
const X_TICKS = 5;
const Y_TICKS = 4;

/** A small line chart over time as SVG, with what it shows in words. */
export function lineChart({ title, unit, atMs, lines }: ChartOptions): string {
  const endMs = atMs.at(-1) ?? 1;
  const most = Math.max(...lines.flatMap(({ values }) => values), 0);
  const top = niceAbove(most);
  const x = (ms: number): number => LEFT + (ms / endMs) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  const grid = steps(Y_TICKS).map((share) => {
    const at = y(top * share).toFixed(1);
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text x="${LEFT - 6}" y="${at}" dy=".35em" text-anchor="end">${short(top * share)}</text>`;
  });
  const times = steps(X_TICKS).map((share) => {
    const seconds = (endMs * share) / 1000;
    return `<text x="${x(endMs * share).toFixed(1)}" y="${HEIGHT - BOTTOM + 15}" text-anchor="middle">${short(seconds)}</text>`;
  });
  const paths = lines.map(({ values }, i) => {
    const points = values.map(
      (value, at) => `${x(atMs[at] ?? 0).toFixed(1)},${y(value).toFixed(1)}`,
    );
    return `<path class="${i === 0 ? 'a' : 'b'}" d="M${points.join('L')}"/>`;
  });
  const legend = lines.map(
    ({ name }, i) => `<span class="${i === 0 ? 'a' : 'b'}">&#9644;</span> ${escapeHtml(name)}`,
  );
  const words = lines.map(
    ({ name, values }) => `${name} at most ${short(Math.max(0, ...values))} ${unit}`,
  );
  return `<figure style="margin:0"><figcaption>${escapeHtml(title)} (${escapeHtml(unit)}) <span class="legend soft">${legend.join(' ')}</span></figcaption>
<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(`${title} over time: ${words.join(', ')}`)}">${grid.join('')}${times.join('')}<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 4}" text-anchor="middle">seconds</text>${paths.join('')}</svg></figure>`;
}

function steps(count: number): number[] {
  return Array.from({ length: count + 1 }, (_, i) => i / count);
}

/** The next of 1, 2, 4, 5, 8 times a power of ten. */
function niceAbove(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 4, 5, 8].find((step) => step * power >= value) ?? 10);
}

function short(value: number): string {
  if (value === 0) return '0';
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}
