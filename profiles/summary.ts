import type { AsyncReport } from './async-activity.js';
import type { ProfileKind, Tool } from './kinds.js';
import type { Timeline } from './timeline.js';

/** What a profile says in short: for the terminal, and for programs (`--json`). */
export interface ProfileSummary {
  readonly kind: ProfileKind;
  readonly tool: Tool;
  /** Why it is not clinic's, or null. */
  readonly note: string | null;
  readonly cell: string;
  /** `broker 1` or `engine` */
  readonly process: string;
  readonly nodeVersion: string;
  /** Of the recording: start and end of the process included. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  /** While it was profiled, which costs: not a figure to quote. */
  readonly recordsPerSecond: number;
  readonly gc: {
    /** Of the recording. */
    readonly share: number;
    readonly count: number;
    readonly longestMs: number;
  };
  readonly delay: Timeline['delay'];
  /** Of the event loop, 0 to 1. */
  readonly utilization: number;
  /** Of the CPU, of allocations, or of asynchronous operations, by kind of the profile; the most first. */
  readonly rows: readonly SummaryRow[];
  readonly unit: RowUnit;
  /** Of a CPU profile's wall time; null where there is none. */
  readonly idleShare: number | null;
  readonly files: { readonly html: string; readonly raw: string | null };
}

export type RowUnit = 'busy time' | 'allocated bytes' | 'bytes in use' | 'asynchronous operations';

export interface SummaryRow {
  readonly name: string;
  /** Relative to varve's directory. */
  readonly place: string;
  /** Of the unit's total, 0 to 1. */
  readonly selfShare: number;
  /** With what it calls; null where that means nothing. */
  readonly totalShare: number | null;
}

/** The largest kinds, and after them who starts most of them. */
export function asyncRows(
  report: AsyncReport,
  placeOf: (site: AsyncReport['sites'][number]) => string,
): SummaryRow[] {
  const samples = report.sites.reduce((sum, site) => sum + site.samples, 0);
  return report.sites.map((site) => ({
    name: `${site.kind} by ${site.functionName}`,
    place: placeOf(site),
    selfShare: site.samples / Math.max(1, samples),
    totalShare: null,
  }));
}
