import { predictUsl, type UslOutcome } from '../explain/usl.js';
import type { CellResult } from '../model/result.js';
import { byteRateText, digits, percentText, plural } from '../model/text.js';
import { median } from '../stats.js';

/** Counts that people choose: easy to share out, and not too far apart. */
export const COUNTS = [
  1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024,
] as const;

/** Of the capacity that a load may use: beyond, waiting in queues grows faster than the load. */
export const LOAD_FACTOR = 0.7;

export interface CapacityPoint {
  readonly partitions: number;
  readonly bytesPerSecond: number;
  readonly result: CellResult;
}

/** Acknowledged bytes a second, the median of the runs. */
export function rateOf({ runs }: CellResult): number {
  return median(runs.map(({ produced }) => produced.bytesPerSecond));
}

export function largestOf(points: readonly CapacityPoint[]): number {
  return Math.max(1, ...points.map(({ partitions }) => partitions));
}

export function capacityOf(result: CellResult): CapacityPoint {
  return {
    partitions: result.cell.partitions,
    bytesPerSecond: rateOf(result),
    result,
  };
}

export interface ProducerBound {
  /** null: no count was measured or forecast to carry it. */
  readonly partitions: number | null;
  readonly isMeasured: boolean;
  readonly text: string;
}

/** The smallest count whose capacity carries the rate with room: measured where there is one, else by the fitted curve. */
export function producerBound(
  points: readonly CapacityPoint[],
  scaling: UslOutcome,
  neededBytesPerSecond: number,
): ProducerBound {
  const capacity = neededBytesPerSecond / LOAD_FACTOR;
  const asked = `${byteRateText(neededBytesPerSecond)} at ${percentText(LOAD_FACTOR)} of the capacity asks for ${byteRateText(capacity)}`;
  const sorted = [...points].sort((a, b) => a.partitions - b.partitions);
  const enough = sorted.find(({ bytesPerSecond }) => bytesPerSecond >= capacity);
  if (enough !== undefined) {
    return {
      partitions: enough.partitions,
      isMeasured: true,
      text: `${asked}: ${plural(enough.partitions, 'partition')} reached ${byteRateText(enough.bytesPerSecond)}`,
    };
  }
  const most = sorted.reduce<CapacityPoint | null>(
    (best, one) => (best === null || one.bytesPerSecond > best.bytesPerSecond ? one : best),
    null,
  );
  const reached =
    most === null
      ? 'nothing was measured'
      : `the most measured is ${byteRateText(most.bytesPerSecond)} with ${plural(most.partitions, 'partition')}`;
  const forecast = forecastCount(scaling, sorted.at(-1)?.partitions ?? 0, capacity);
  return forecast === null
    ? {
        partitions: null,
        isMeasured: false,
        text: `${asked}: ${reached}, and more are not forecast to reach it`,
      }
    : {
        partitions: forecast,
        isMeasured: false,
        text: `${asked}: ${reached}; the fitted curve reaches it at ${plural(forecast, 'partition')} (a forecast)`,
      };
}

/** The highest rate of so many partitions: as measured, else by the curve between what was measured; null: unknown. */
export function capacityAt(
  partitions: number,
  points: readonly CapacityPoint[],
  scaling: UslOutcome,
): number | null {
  const measured = points.find((point) => point.partitions === partitions);
  if (measured !== undefined) return measured.bytesPerSecond;
  if (scaling.kind === 'cannot-tell' || scaling.fit.doubts.length > 0) return null;
  return partitions <= FORECAST * largestOf(points) ? predictUsl(scaling.fit, partitions) : null;
}

/** Twice what was measured is as far as a fitted curve is believed. */
const FORECAST = 2;

function forecastCount(scaling: UslOutcome, largest: number, capacity: number): number | null {
  if (scaling.kind === 'cannot-tell' || scaling.fit.doubts.length > 0) return null;
  return (
    COUNTS.find(
      (count) =>
        count > largest &&
        count <= FORECAST * largest &&
        predictUsl(scaling.fit, count) >= capacity,
    ) ?? null
  );
}

/** One that is at work all the time never catches up after a pause. */
export const CONSUMER_LOAD = 0.9;

/** Members of a group that keep up: whole partitions go to each, so that one may have more than its share of bytes. */
export function membersOf(
  partitions: number,
  neededBytesPerSecond: number,
  usablePerConsumer: number | null,
): number {
  if (usablePerConsumer === null) return 1;
  const share = neededBytesPerSecond / partitions;
  const most = Math.floor(usablePerConsumer / share + 1e-9);
  return most < 1 ? partitions : Math.ceil(partitions / most);
}

export interface ConsumerBound {
  readonly partitions: number;
  /** What one can be given, bytes a second; null: not known. */
  readonly usablePerConsumer: number | null;
  readonly text: string;
}

/** A partition goes to one consumer of a group: there must be as many as consumers are needed. */
export function consumerBound(
  neededBytesPerSecond: number,
  asked: number | null,
  measured: number | null,
): ConsumerBound {
  const known = [asked, measured].filter((rate) => rate !== null);
  if (known.length === 0)
    return {
      partitions: 1,
      usablePerConsumer: null,
      text: 'what one consumer gets through is not known',
    };
  const perConsumer = Math.min(...known);
  const isAsked = perConsumer === asked;
  // One that was measured read what there was: it may be able to do more.
  const usable = isAsked ? perConsumer * CONSUMER_LOAD : perConsumer;
  const needed = Math.max(1, Math.ceil(neededBytesPerSecond / usable - 1e-9));
  const whose = isAsked
    ? `as was said, at work ${percentText(CONSUMER_LOAD)} of its time`
    : 'as was measured of one consumer and one partition';
  return {
    partitions: needed,
    usablePerConsumer: usable,
    text: `${byteRateText(neededBytesPerSecond)} over ${byteRateText(perConsumer)} a consumer (${whose}): ${plural(needed, 'consumer')}, and a partition for each`,
  };
}

/** The next count that people choose, at or above. */
export function countAtLeast(needed: number): number {
  return COUNTS.find((count) => count >= needed) ?? needed;
}

/** The next fewer; null below one. */
export function countBelow(count: number): number | null {
  return [...COUNTS].reverse().find((one) => one < count) ?? null;
}

export function scalingText(scaling: UslOutcome): string {
  if (scaling.kind === 'cannot-tell') return `no scaling curve: ${scaling.reason}`;
  const { lambda, sigma, kappa, relativeError, doubts } = scaling.fit;
  const doubt = doubts.length === 0 ? '' : `; ${doubts.join('; ')}`;
  return `scaling: one partition ${byteRateText(lambda.value)}, sigma ${digits(sigma.value)}, kappa ${kappa.value.toPrecision(2)}, off by ${percentText(relativeError)}${doubt}`;
}
