import { median, pairedRatios } from '../stats.js';
import type { ThreadShare } from './thread-times.js';

export const SIDES = ['kafka', 'varve', 'nothing'] as const;
export type Side = (typeof SIDES)[number];

/** One run of one of Kafka's load tools against one side. */
export interface LoadRun {
  readonly row: string;
  readonly side: Side;
  readonly round: number;
  readonly recordsPerSecond: number;
  /** Seconds of processor time while the tool ran. */
  readonly clientCpuSeconds: number;
  readonly brokerCpuSeconds: number;
  /** The client's threads while it worked: what makes or takes records, and what talks to the broker (the same in a consumer). */
  readonly main: ThreadShare | null;
  readonly network: ThreadShare | null;
}

/** Medians over the rounds; ratios are the median of each round's own, so that a machine that drifts does less harm. */
export interface CeilingRow {
  readonly row: string;
  readonly recordsPerSecond: Readonly<Record<Side, number>>;
  readonly varveToKafka: number;
  readonly ceilingToKafka: number;
  readonly varveToCeiling: number;
}

export interface TimesRow {
  readonly row: string;
  readonly side: Side;
  readonly clientCpuSeconds: number;
  readonly brokerCpuSeconds: number;
  readonly main: Shares | null;
  readonly network: Shares | null;
}

/** Of the time by the clock. */
export interface Shares {
  readonly ran: number;
  readonly waited: number;
  readonly slept: number;
}

export function ceilingRows(runs: readonly LoadRun[]): CeilingRow[] {
  return rowsOf(runs).map((row) => {
    const rates = (side: Side) => runsOf(runs, row, side).map((run) => run.recordsPerSecond);
    const ratio = (side: Side, to: Side) => median(pairedRatios(rates(side), rates(to)));
    return {
      row,
      recordsPerSecond: {
        kafka: median(rates('kafka')),
        varve: median(rates('varve')),
        nothing: median(rates('nothing')),
      },
      varveToKafka: ratio('varve', 'kafka'),
      ceilingToKafka: ratio('nothing', 'kafka'),
      varveToCeiling: ratio('varve', 'nothing'),
    };
  });
}

export function timesRows(runs: readonly LoadRun[]): TimesRow[] {
  return rowsOf(runs).flatMap((row) =>
    SIDES.map((side) => {
      const its = runsOf(runs, row, side);
      return {
        row,
        side,
        clientCpuSeconds: median(its.map((run) => run.clientCpuSeconds)),
        brokerCpuSeconds: median(its.map((run) => run.brokerCpuSeconds)),
        main: sharesOf(its.map((run) => run.main)),
        network: sharesOf(its.map((run) => run.network)),
      };
    }),
  );
}

function rowsOf(runs: readonly LoadRun[]): string[] {
  return [...new Set(runs.map(({ row }) => row))];
}

/** In the order of the rounds, so that those of two sides can be paired. */
function runsOf(runs: readonly LoadRun[], row: string, side: Side): LoadRun[] {
  return runs
    .filter((run) => run.row === row && run.side === side)
    .sort((a, b) => a.round - b.round);
}

function sharesOf(threads: readonly (ThreadShare | null)[]): Shares | null {
  const seen = threads.filter((thread) => thread !== null);
  if (seen.length === 0) return null;
  const ran = median(seen.map((thread) => thread.ran));
  const waited = median(seen.map((thread) => thread.waited));
  return { ran, waited, slept: Math.max(0, 1 - ran - waited) };
}
