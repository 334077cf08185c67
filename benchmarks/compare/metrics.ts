import type { CellResult, CellRun } from '../model/result.js';
import { byteRateText, countText, digits, microsText } from '../model/text.js';
import type { Sample } from './ratio-test.js';

/** A figure of a run that two results are compared by. */
export interface Metric {
  readonly name: MetricName;
  readonly label: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** null: this run does not have it. */
  readonly of: (run: CellRun) => number | null;
  readonly text: (value: number) => string;
}

export const METRIC_NAMES = [
  'producedBytesPerSecond',
  'consumedBytesPerSecond',
  'publishP50Us',
  'publishP99Us',
  'endToEndP99Us',
  'cpuSecondsPerMillionRecords',
  'failoverMs',
  'recoveryMs',
] as const;
export type MetricName = (typeof METRIC_NAMES)[number];

export const METRICS: readonly Metric[] = [
  {
    name: 'producedBytesPerSecond',
    label: 'produced',
    unit: 'bytes/s',
    better: 'higher',
    of: ({ produced }) => produced.bytesPerSecond,
    text: byteRateText,
  },
  {
    name: 'consumedBytesPerSecond',
    label: 'consumed',
    unit: 'bytes/s',
    better: 'higher',
    of: ({ consumed }) => consumed?.bytesPerSecond ?? null,
    text: byteRateText,
  },
  {
    name: 'publishP50Us',
    label: 'publish p50',
    unit: 'us',
    better: 'lower',
    of: ({ latency }) => latency.publish?.p50Us ?? null,
    text: microsText,
  },
  {
    name: 'publishP99Us',
    label: 'publish p99',
    unit: 'us',
    better: 'lower',
    of: ({ latency }) => latency.publish?.p99Us ?? null,
    text: microsText,
  },
  {
    name: 'endToEndP99Us',
    label: 'end-to-end p99',
    unit: 'us',
    better: 'lower',
    of: ({ latency }) => latency.endToEnd?.p99Us ?? null,
    text: microsText,
  },
  {
    name: 'cpuSecondsPerMillionRecords',
    label: 'CPU',
    unit: 's per million records',
    better: 'lower',
    of: (run) => {
      if (run.processes.length === 0 || run.produced.records === 0) return null;
      const seconds = run.processes.reduce(
        (sum, { userSeconds, systemSeconds }) => sum + userSeconds + systemSeconds,
        0,
      );
      return (seconds / run.produced.records) * 1e6;
    },
    text: (value) => `${digits(value)} s/M`,
  },
  {
    name: 'failoverMs',
    label: 'failover',
    unit: 'ms',
    better: 'lower',
    of: ({ failover }) => failover?.untilNextAckMs ?? null,
    text: (value) => `${countText(value)} ms`,
  },
  {
    name: 'recoveryMs',
    label: 'recovery',
    unit: 'ms',
    better: 'lower',
    of: ({ recovery }) => recovery?.untilServingMs ?? null,
    text: (value) => `${countText(value)} ms`,
  },
];

export function metricOf(name: MetricName): Metric {
  const found = METRICS.find((metric) => metric.name === name);
  if (found === undefined) throw new Error(`${name} is in METRIC_NAMES and not in METRICS`);
  return found;
}

/** The figure of every run that has it. */
export function samplesOf({ runs }: CellResult, metric: Metric): Sample[] {
  return runs.flatMap((run) => {
    const value = metric.of(run);
    return value === null ? [] : [{ repeat: run.repeat, value }];
  });
}
