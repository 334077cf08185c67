import type { RunResult } from '../model/result.js';
import { digits, percentText, plural, secondsText } from '../model/text.js';
import { KNOB_TITLES, measureOf } from './measures.js';
import type { ModelCell, ReportModel } from './model.js';

/** What to make of the figures of a machine that changed while they were taken. */
export const NOISY =
  'The machine was noisy while this was measured: trust ratios, not absolute figures, and small differences not at all.';

/** What is seen first: the question, and three or four figures. */
export interface Tile {
  readonly title: string;
  readonly big: string;
  readonly small: string;
}

/** "What partitions, replication factor and acks did" */
export function questionOf(model: ReportModel): string {
  const knobs = [
    ...new Set(model.targets.flatMap(({ axes }) => axes.map(({ knob }) => KNOB_TITLES[knob]))),
  ];
  if (knobs.length === 0) return `What ${listText(model.targets.map(({ name }) => name))} can do`;
  const asked = knobs.slice(0, 4);
  return `What ${listText(asked)} cost${asked.length === 1 ? 's' : ''}, and why`;
}

/** What was crossed with what, and how often. */
export function askedOf(result: RunResult, model: ReportModel): string {
  const { plan } = result;
  const axes = new Map<string, Set<string>>();
  for (const { axes: own } of model.targets) {
    for (const { knob, values } of own) {
      const all = axes.get(KNOB_TITLES[knob]) ?? new Set<string>();
      for (const { value } of values) all.add(value);
      axes.set(KNOB_TITLES[knob], all);
    }
  }
  const crossed = [...axes]
    .map(([title, values]) => `${title} ${[...values].join(', ')}`)
    .join('; ');
  const targets = model.targets.map(({ name, software }) => `${software} (${name})`).join(' and ');
  return `${targets}. ${crossed === '' ? '' : `${crossed}. `}${plural(model.cells.length, 'setting')} (cells), each ${plural(plan.repeats, 'time')} in shuffled order, ${secondsText(plan.measureSeconds)} measured after ${secondsText(plan.warmupSeconds)} of warm-up; ${plan.payload}.`;
}

export function tilesOf(result: RunResult, model: ReportModel): Tile[] {
  const rate = measureOf('megabytesPerSecond');
  const load = model.cells.filter((cell) => cell.kind === 'load' && rate.of(cell) !== null);
  const fastest = best(load, (cell) => rate.of(cell)!);
  const tiles: Tile[] = [];
  if (fastest !== null) {
    tiles.push({
      title: 'Fastest',
      big: `${digits(rate.of(fastest)!)} MB/s`,
      small: fastest.label,
    });
    const same = load.filter(({ target }) => target === fastest.target);
    const safest = best(same, (cell) => safetyOf(cell) * 1e6 + rate.of(cell)!);
    if (safest !== null && safetyOf(safest) > safetyOf(fastest)) {
      tiles.push({
        title: 'Safest, at its best',
        big: `${digits(rate.of(safest)!)} MB/s`,
        small: `${safest.label}: ${percentText(rate.of(safest)! / rate.of(fastest)!)} of the fastest`,
      });
    }
  }
  const quick = load.filter(
    (cell) => cell.knobs.acks !== '0' && measureOf('p99Ms').of(cell) !== null,
  );
  const lowest = best(quick, (cell) => -measureOf('p99Ms').of(cell)!);
  if (lowest !== null) {
    tiles.push({
      title: 'Lowest p99 at full speed, acknowledged',
      big: `${digits(measureOf('p99Ms').of(lowest)!)} ms`,
      small: lowest.label,
    });
  }
  const { noise } = result.calibration;
  tiles.push({
    title: 'Machine during the run',
    big: { quiet: 'quiet', noisy: 'noisy', unknown: 'not judged' }[noise.verdict],
    // A noisy machine has a notice of its own above.
    small: noise.verdict === 'noisy' ? 'see the notice: trust ratios, not absolutes' : noise.text,
  });
  return tiles;
}

/** Copies first, then who waits for them, then the disk. */
function safetyOf({ knobs }: ModelCell): number {
  const acks = knobs.acks === 'all' ? 2 : Number(knobs.acks);
  const flush = knobs.flush === 'batch' ? 1 : 0;
  return acks * 100 + Number(knobs.replicationFactor) * 10 + flush;
}

function best(cells: readonly ModelCell[], by: (cell: ModelCell) => number): ModelCell | null {
  let found: ModelCell | null = null;
  for (const cell of cells) if (found === null || by(cell) > by(found)) found = cell;
  return found;
}

export function listText(items: readonly string[]): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}
