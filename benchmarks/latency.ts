import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';
import type { LatencySummary as EncodedLatency } from './model/result.js';

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
/** The buckets of an HdrHistogram of 3 digits: 2048 of one nanosecond, then 1024 for each doubling. */
const UNIT_BUCKETS = 2048;
const BUCKETS_PER_DOUBLING = 1024;
const LOWEST_DOUBLING = 11;
const BUCKETS = UNIT_BUCKETS + 31 * BUCKETS_PER_DOUBLING;
const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;

export class Latencies {
  /**
   * What was recorded since `#histogram` was looked at, by the same buckets: a fifth of the cost of recording there,
   * which matters for a million records a second.
   */
  readonly #counts = new Float64Array(BUCKETS);
  /** Of `#counts`: nothing is outside of these. */
  #lowest = BUCKETS;
  #highest = -1;
  readonly #histogram: Histogram = newHistogram();

  recordMs(durationMs: number): void {
    this.recordNs(durationMs * NS_PER_MS, 1);
  }

  /** `count` values at once. What is below zero counts as zero. */
  recordNs(durationNs: number, count: number): void {
    this.#add(bucketOf(nanosecondsOf(durationNs)), count);
  }

  /** The same into others too, for little more than once. */
  recordAlsoNs(
    durationNs: number,
    count: number,
    second: Latencies | null,
    third: Latencies | null,
  ): void {
    const bucket = bucketOf(nanosecondsOf(durationNs));
    this.#add(bucket, count);
    if (second !== null) second.#add(bucket, count);
    if (third !== null) third.#add(bucket, count);
  }

  #add(bucket: number, count: number): void {
    this.#counts[bucket]! += count;
    if (bucket < this.#lowest) this.#lowest = bucket;
    if (bucket > this.#highest) this.#highest = bucket;
  }

  /**
   * Percentiles of what was recorded since the last call of this, forgotten by it: cheap enough for four times a second.
   * Not to be mixed with the other ways to look. Null: nothing was recorded.
   */
  takePercentilesUs(percentiles: readonly number[]): number[] | null {
    const counts = this.#counts;
    let total = 0;
    for (let bucket = this.#lowest; bucket <= this.#highest; bucket++) total += counts[bucket]!;
    if (total === 0) return null;
    const found = percentiles.map((percentile) => {
      let left = Math.max(1, Math.ceil((percentile / 100) * total));
      for (let bucket = this.#lowest; bucket <= this.#highest; bucket++) {
        left -= counts[bucket]!;
        if (left <= 0) return (lowestOf(bucket + 1) - 1) / NS_PER_US;
      }
      return (lowestOf(this.#highest + 1) - 1) / NS_PER_US;
    });
    this.#forget();
    return found;
  }

  /** Adds every sample of `other`: percentiles of several runs come from the sum, never from an average. */
  merge(other: Latencies): void {
    this.#histogram.add(other.#whole());
  }

  /** Adds what `encoded` of another, perhaps of another process, gave. */
  mergeEncoded(histogram: string): void {
    this.#histogram.add(decodeFromCompressedBase64(histogram, 64));
  }

  summary(): LatencySummary | null {
    const whole = this.#whole();
    if (whole.totalCount === 0) return null;
    return {
      count: whole.totalCount,
      p50Us: microsecondsAt(whole, 50),
      p90Us: microsecondsAt(whole, 90),
      p99Us: microsecondsAt(whole, 99),
      p999Us: microsecondsAt(whole, 99.9),
      // The top of its bucket, as all percentiles: an encoded histogram does not know more.
      maxUs: microsecondsAt(whole, 100),
    };
  }

  /** As result documents have it, with the histogram itself; null: nothing was recorded. */
  encoded(): EncodedLatency | null {
    const summary = this.summary();
    if (summary === null) return null;
    const whole = this.#whole();
    return {
      count: summary.count,
      meanUs: whole.mean / NS_PER_US,
      p50Us: summary.p50Us,
      p75Us: microsecondsAt(whole, 75),
      p90Us: summary.p90Us,
      p99Us: summary.p99Us,
      p999Us: summary.p999Us,
      p9999Us: microsecondsAt(whole, 99.99),
      maxUs: summary.maxUs,
      histogram: encodeIntoCompressedBase64(whole),
    };
  }

  #whole(): Histogram {
    for (let bucket = this.#lowest; bucket <= this.#highest; bucket++) {
      const count = this.#counts[bucket]!;
      if (count > 0) this.#histogram.recordValueWithCount(lowestOf(bucket), count);
    }
    this.#forget();
    return this.#histogram;
  }

  #forget(): void {
    if (this.#highest < 0) return;
    this.#counts.fill(0, this.#lowest, this.#highest + 1);
    this.#lowest = BUCKETS;
    this.#highest = -1;
  }
}

/** All samples of several histograms in one; null where there are none. Absent ones (null) add nothing. */
export function mergeLatencies(
  encoded: readonly (Pick<EncodedLatency, 'histogram'> | null)[],
): EncodedLatency | null {
  const all = new Latencies();
  for (const each of encoded) if (each !== null) all.mergeEncoded(each.histogram);
  return all.encoded();
}

function newHistogram(): Histogram {
  return build({
    bitBucketSize: 64,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_NS,
    numberOfSignificantValueDigits: 3,
  });
}

function microsecondsAt(histogram: Histogram, percentile: number): number {
  return histogram.getValueAtPercentile(percentile) / NS_PER_US;
}

function nanosecondsOf(durationNs: number): number {
  return durationNs < 0 ? 0 : durationNs > HIGHEST_NS ? HIGHEST_NS : Math.round(durationNs);
}

function bucketOf(ns: number): number {
  if (ns < UNIT_BUCKETS) return ns;
  // Whole numbers below 2^31 take shifts, a tenth of the time.
  if (ns < TWO_31) {
    const doubling = 31 - Math.clz32(ns);
    const above = (ns >>> (doubling - 10)) - BUCKETS_PER_DOUBLING;
    return UNIT_BUCKETS + (doubling - LOWEST_DOUBLING) * BUCKETS_PER_DOUBLING + above;
  }
  const high = Math.floor(ns / TWO_32);
  const doubling = high === 0 ? 31 - Math.clz32(ns) : 63 - Math.clz32(high);
  const above = Math.floor(ns / 2 ** (doubling - 10)) - BUCKETS_PER_DOUBLING;
  return UNIT_BUCKETS + (doubling - LOWEST_DOUBLING) * BUCKETS_PER_DOUBLING + above;
}

function lowestOf(bucket: number): number {
  if (bucket < UNIT_BUCKETS) return bucket;
  const doubling = LOWEST_DOUBLING + Math.floor((bucket - UNIT_BUCKETS) / BUCKETS_PER_DOUBLING);
  const above = (bucket - UNIT_BUCKETS) % BUCKETS_PER_DOUBLING;
  return (BUCKETS_PER_DOUBLING + above) * 2 ** (doubling - 10);
}
