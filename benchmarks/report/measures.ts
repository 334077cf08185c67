import type { ProcessRole } from '../model/result.js';
import { digits } from '../model/text.js';
import type { LatencyKind, ModelCell } from './model.js';

export { KNOB_TITLES } from '../model/knob-titles.js';

/** One figure of a cell as pictures and tables show it, in one stated unit. */
export interface Measure {
  readonly key: MeasureKey;
  readonly title: string;
  readonly unit: string;
  readonly better: 'high' | 'low';
  /** null: not measured. */
  of(cell: ModelCell): number | null;
  /** The range that holds the true one, in the same unit; null: not known. */
  range(cell: ModelCell): readonly [low: number, high: number] | null;
}

export type MeasureKey =
  | 'megabytesPerSecond'
  | 'recordsPerSecond'
  | 'p50Ms'
  | 'p99Ms'
  | 'consumedMegabytesPerSecond'
  | 'cpuSecondsPerMillion';

const rate = (
  key: MeasureKey,
  title: string,
  unit: string,
  name: 'bytesPerSecond' | 'recordsPerSecond' | 'consumedBytesPerSecond',
  scale: number,
): Measure => ({
  key,
  title,
  unit,
  better: 'high',
  of: (cell) => {
    const estimate = cell.figures?.[name] ?? null;
    return estimate === null ? null : estimate.median / scale;
  },
  range: (cell) => {
    const estimate = cell.figures?.[name] ?? null;
    return estimate === null ? null : [estimate.low / scale, estimate.high / scale];
  },
});

const latency = (key: MeasureKey, title: string, name: 'p50Us' | 'p99Us'): Measure => ({
  key,
  title,
  unit: 'ms',
  better: 'low',
  of: (cell) => {
    const publish = cell.figures?.latency.publish ?? null;
    return publish === null ? null : publish[name] / 1e3;
  },
  range: () => null,
});

export const MEASURES: readonly Measure[] = [
  rate('megabytesPerSecond', 'Produced', 'MB/s', 'bytesPerSecond', 1e6),
  rate('recordsPerSecond', 'Produced', 'records/s', 'recordsPerSecond', 1),
  latency('p99Ms', 'Publish latency p99', 'p99Us'),
  latency('p50Ms', 'Publish latency p50', 'p50Us'),
  rate('consumedMegabytesPerSecond', 'Consumed', 'MB/s', 'consumedBytesPerSecond', 1e6),
  {
    key: 'cpuSecondsPerMillion',
    title: 'CPU, all processes',
    unit: 's per million records',
    better: 'low',
    of: (cell) => {
      const roles = Object.values(cell.figures?.cpuSecondsPerMillionRecords ?? {});
      return roles.length === 0 ? null : roles.reduce((sum, seconds) => sum + seconds, 0);
    },
    range: () => null,
  },
];

export function measureOf(key: MeasureKey): Measure {
  return MEASURES.find((measure) => measure.key === key)!;
}

export const LATENCY_TITLES: Readonly<Record<LatencyKind, string>> = {
  publish: 'Publish',
  publishService: 'Publish, service time',
  endToEnd: 'End to end',
};

/** 1.23 M, 45.6 k: three digits, short enough for a cell of a map. */
export function shortText(value: number): string {
  if (Math.abs(value) >= 999_500) return `${digits(value / 1e6)} M`;
  if (Math.abs(value) >= 9_995) return `${digits(value / 1e3)} k`;
  return digits(value);
}

/** The half width of a range: two digits say enough. */
export function roughText(value: number): string {
  return shortText(Number(value.toPrecision(2)));
}

/** In the order of stacked bars: what a user's own machines would run first. */
export const PROCESS_ROLE_NAMES = [
  'broker',
  'engine',
  'supervisor',
  'producer',
  'consumer',
  'other',
] as const satisfies readonly ProcessRole[];
