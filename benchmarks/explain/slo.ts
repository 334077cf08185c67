import { BenchError } from '../model/bench-error.js';
import { parseDuration } from '../model/quantities.js';
import type { CellRun, LatencySummary } from '../model/result.js';
import { millisText } from '../model/text.js';

/** A bound on a latency: `p99=10ms` of publishing, or `e2e.p99=50ms` from the intended sending to the consumer. */
export interface Slo {
  readonly kind: 'publish' | 'endToEnd';
  readonly percentile: Percentile;
  readonly limitMs: number;
}

const FIELDS = {
  p50: 'p50Us',
  p75: 'p75Us',
  p90: 'p90Us',
  p99: 'p99Us',
  'p99.9': 'p999Us',
  'p99.99': 'p9999Us',
  max: 'maxUs',
  mean: 'meanUs',
} as const satisfies Record<string, keyof LatencySummary>;

export type Percentile = keyof typeof FIELDS;

const ALIASES: Readonly<Record<string, Percentile>> = { p999: 'p99.9', p9999: 'p99.99' };
const KINDS: Readonly<Record<string, Slo['kind']>> = {
  publish: 'publish',
  e2e: 'endToEnd',
  endToEnd: 'endToEnd',
};
const FORM = `[publish.|e2e.]PERCENTILE=TIME such as p99=10ms or e2e.p99.9=50ms; percentiles: ${Object.keys(FIELDS).join(', ')}`;

/** Throws BenchError `INVALID_KNOB` with the value and the form. */
export function parseSlo(text: string): Slo {
  const [left = '', right, ...more] = text.trim().split('=');
  if (right === undefined || more.length > 0) throw refusal(text);
  const match = /^(?:(publish|e2e|endToEnd)\.)?([a-z][\w.]*)$/.exec(left.trim());
  const name = match?.[2];
  const percentile = name === undefined ? undefined : (ALIASES[name] ?? name);
  if (percentile === undefined || !isPercentile(percentile)) throw refusal(text);
  return {
    kind: KINDS[match?.[1] ?? 'publish'] as Slo['kind'],
    percentile,
    limitMs: parseDuration(right, `the time of ${JSON.stringify(text)}`),
  };
}

/** Several, with commas between: all must be met. */
export function parseSlos(text: string): Slo[] {
  return text.split(',').map(parseSlo);
}

function isPercentile(text: string): text is Percentile {
  return Object.hasOwn(FIELDS, text);
}

function refusal(text: string): BenchError {
  return new BenchError('INVALID_KNOB', `${JSON.stringify(text)} is not a bound: give ${FORM}`);
}

export function latencyMs(summary: LatencySummary | null, percentile: Percentile): number | null {
  return summary === null ? null : summary[FIELDS[percentile]] / 1000;
}

/** What a run had of what the bound is about; null: not measured. */
export function sloValueMs({ latency }: Pick<CellRun, 'latency'>, slo: Slo): number | null {
  return latencyMs(latency[slo.kind], slo.percentile);
}

export function sloText({ kind, percentile, limitMs }: Slo): string {
  return `${kind === 'endToEnd' ? 'end-to-end ' : ''}${percentile} of ${millisText(limitMs)}`;
}
