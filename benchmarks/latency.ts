import { build, type Histogram } from 'hdr-histogram-js';

/** Latencies of one kind of call, kept whole in a histogram (3 digits); units are microseconds outside. */
export interface LatencySummary {
  readonly count: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

const NS_PER_MS = 1e6;
const NS_PER_US = 1e3;
/** Longest latency a histogram can hold; a longer one is counted at this value. */
const HIGHEST_NS = 3600e9;

export class Latencies {
  readonly #histogram: Histogram = build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_NS,
    numberOfSignificantValueDigits: 3,
  });

  recordMs(durationMs: number): void {
    const ns = Math.round(durationMs * NS_PER_MS);
    this.#histogram.recordValue(ns < 0 ? 0 : Math.min(ns, HIGHEST_NS));
  }

  /** Adds every sample of `other`: percentiles of several runs come from the sum, never from an average. */
  merge(other: Latencies): void {
    this.#histogram.add(other.#histogram);
  }

  summary(): LatencySummary | null {
    if (this.#histogram.totalCount === 0) return null;
    const at = (percentile: number): number =>
      this.#histogram.getValueAtPercentile(percentile) / NS_PER_US;
    return {
      count: this.#histogram.totalCount,
      p50Us: at(50),
      p90Us: at(90),
      p99Us: at(99),
      p999Us: at(99.9),
      maxUs: this.#histogram.maxValue / NS_PER_US,
    };
  }
}
