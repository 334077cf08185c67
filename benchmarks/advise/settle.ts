import type { Cell } from '../model/knobs.js';
import { byteRateText, bytesText, millisText, percentText, plural } from '../model/text.js';
import type { AdviceLine, AdviceRequest, Measure, Verification } from './advice.js';
import { countAtLeast, countBelow, LOAD_FACTOR } from './partitions.js';
import { verified } from './verify.js';

/** Cells that are tried at the asked rate before the advice says that it cannot be met. */
const MOST_ATTEMPTS = 5;

/** The setting that was run at the asked rate, and the next cheaper one; null: it was not, or there is none. */
export interface Tried {
  readonly recommended: Verification | null;
  readonly cheaper: Verification | null;
}

export type Group = Pick<Cell, 'consumers' | 'consumerRate'>;

export interface SettleOptions {
  readonly request: AdviceRequest;
  /** Consumers need so many. */
  readonly fewestPartitions: number;
  /** The rate with growth over what so many partitions can do at most; null: not known. */
  readonly loadOf: (partitions: number) => number | null;
  /** Who reads meanwhile. */
  readonly groupOf: (partitions: number) => Group;
  readonly ask: Measure;
}

/**
 * Up until it meets what was asked, then down while fewer partitions do as well, carry the consumers, and keep room: the
 * last that does is the recommendation, the one below it the proof.
 */
export async function settle(first: Cell, options: SettleOptions): Promise<Tried> {
  const { request, fewestPartitions, loadOf, groupOf, ask } = options;
  const run = async (cell: Cell): Promise<Verification | null> => {
    const result = await ask(cell, `${plural(cell.partitions, 'partition')} at the asked rate`);
    return result === null ? null : verified(result, request.latency);
  };
  const withCount = (cell: Cell, count: number): Cell => ({
    ...withPartitions(cell, count, request),
    ...groupOf(count),
  });
  let recommended = await run({ ...first, ...groupOf(first.partitions) });
  let cheaper: Verification | null = null;
  for (let attempt = 1; attempt < MOST_ATTEMPTS; attempt++) {
    if (recommended === null || recommended.meets) break;
    const count = countAtLeast(recommended.cell.partitions + 1);
    const next = await run(withCount(recommended.cell, count));
    // More that does no better is no step.
    if (next === null || (!next.meets && !isBetter(next, recommended))) break;
    cheaper = next.meets ? recommended : null;
    recommended = next;
  }
  if (recommended === null || !recommended.meets) return { recommended, cheaper: null };
  for (let attempt = 1; attempt < MOST_ATTEMPTS; attempt++) {
    const below = cheaper === null ? countBelow(recommended.cell.partitions) : null;
    if (below === null) break;
    cheaper = await run(withCount(recommended.cell, below));
    if (cheaper?.meets !== true || below < fewestPartitions) break;
    const load = loadOf(below);
    if (load === null || load > LOAD_FACTOR) break;
    recommended = cheaper;
    cheaper = null;
  }
  return { recommended, cheaper };
}

export function withPartitions(cell: Cell, partitions: number, request: AdviceRequest): Cell {
  return {
    ...cell,
    partitions,
    lingerMs: lingerFor(request, partitions, cell.batchBytes, cell.producers),
  };
}

function isBetter(next: Verification, before: Verification): boolean {
  return (
    next.achievedShare > before.achievedShare * 1.01 ||
    (next.latencyMs !== null &&
      before.latencyMs !== null &&
      next.latencyMs < before.latencyMs * 0.9)
  );
}

/** Of the latency that may be spent on waiting for more records. */
const LINGER_SHARE = 0.25;

/** As long as a batch takes to fill at the asked rate, and no more than a part of the latency bound. */
export function lingerFor(
  { rateBytesPerSecond, latency }: AdviceRequest,
  partitions: number,
  batchBytes: number,
  producers: number,
): number {
  const fillMs = (batchBytes * partitions * producers * 1000) / rateBytesPerSecond;
  const most = latency.limitMs * LINGER_SHARE;
  const linger = Math.min(fillMs, most, 100);
  return linger < 1 ? 0 : Math.floor(linger);
}

export function lingerLine(request: AdviceRequest, cell: Cell): AdviceLine {
  const fillMs =
    (cell.batchBytes * cell.partitions * cell.producers * 1000) / request.rateBytesPerSecond;
  return {
    topic: 'batching',
    text: `linger.ms ${cell.lingerMs}: ${fillMs <= cell.lingerMs + 1 ? 'as long as a batch takes to fill at this rate' : `a batch would take longer to fill, and waiting may have ${percentText(LINGER_SHARE)} of the latency bound`}.`,
    evidence: [
      `${bytesText(cell.batchBytes)} x ${plural(cell.partitions, 'partition')} x ${plural(cell.producers, 'producer')} at ${byteRateText(request.rateBytesPerSecond)} fill in ${millisText(fillMs)}`,
    ],
  };
}

export function verificationText(
  { recommended, cheaper }: Tried,
  cell: Cell,
  { fewestPartitions: byConsumers, loadOf }: Pick<SettleOptions, 'fewestPartitions' | 'loadOf'>,
): string {
  if (recommended === null) return 'The recommendation was not run at the asked rate.';
  const own = `Run at the asked rate, ${plural(cell.partitions, 'partition')}: ${recommended.text}.`;
  if (!recommended.meets) return `${own} That is not what was asked for.`;
  if (cheaper === null) return `${own} There is no cheaper one to compare with, or it was not run.`;
  const other = `${plural(cheaper.cell.partitions, 'partition')}: ${cheaper.text}`;
  if (!cheaper.meets) return `${own} The next cheaper does not do: ${other}.`;
  const load = loadOf(cheaper.cell.partitions);
  const why =
    cheaper.cell.partitions < byConsumers
      ? `consumers need ${byConsumers}`
      : load === null
        ? 'what it can do at most was not measured'
        : `it would run at ${percentText(load)} of its highest rate, growth included, where ${percentText(LOAD_FACTOR)} leaves room for bursts`;
  return `${own} The next cheaper does as well today (${other}); it is not recommended because ${why}.`;
}
