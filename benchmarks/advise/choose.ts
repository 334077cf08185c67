import type { Cell } from '../model/knobs.js';
import type { CellResult } from '../model/result.js';
import { byteRateText, bytesText, percentText, plural } from '../model/text.js';
import { median } from '../stats.js';
import type { AdviceLine, Measure } from './advice.js';
import { type CapacityPoint, capacityOf, rateOf } from './partitions.js';

/** Counts that are measured for the curve, one after the other, until the rate is carried twice over or stops growing. */
const SWEEP = [1, 2, 4, 8, 16, 32];
const FEWEST_SWEPT = 4;
/** Two steps in a row that bring less than this end the sweep. */
const GROWING = 1.05;
export const FIRST_BATCH_BYTES = 16 * 1024;
const BATCHES = [FIRST_BATCH_BYTES, 64 * 1024, 256 * 1024];
/** A larger batch must bring so much, or its memory and latency are for nothing. */
const WORTH_A_BATCH = 1.15;
/** Compression must save so much of the bytes, and may cost so much of the rate. */
const WORTH_COMPRESSING = 0.8;
const MAY_COST = 0.95;

/** The smallest batch that a larger one does not clearly beat, on one partition. */
export async function chooseBatch(
  base: Cell,
  ask: Measure,
): Promise<{ batchBytes: number; line: AdviceLine }> {
  const found: { bytes: number; rate: number }[] = [];
  for (const bytes of BATCHES.filter((one) => one >= base.recordBytes)) {
    const result = await ask(
      { ...base, batchBytes: bytes },
      `batches of ${bytesText(bytes)}, one partition`,
    );
    if (result !== null) found.push({ bytes, rate: rateOf(result) });
    const [before, last] = found.slice(-2);
    if (before !== undefined && last !== undefined && last.rate < before.rate * WORTH_A_BATCH)
      break;
  }
  let best = found[0];
  for (const one of found)
    if (best !== undefined && one.rate >= best.rate * WORTH_A_BATCH) best = one;
  const batchBytes = best?.bytes ?? base.batchBytes;
  return {
    batchBytes,
    line: {
      topic: 'batching',
      text:
        found.length === 0
          ? `Batches of ${bytesText(batchBytes)}, the default: none was measured.`
          : `Batches of ${bytesText(batchBytes)}: ${found.length > 1 ? `a larger one must bring ${percentText(WORTH_A_BATCH - 1)} to be worth its memory and waiting` : 'no other was measured'}.`,
      evidence: found.map(
        ({ bytes, rate }) => `${bytesText(bytes)}: ${byteRateText(rate)} on one partition`,
      ),
    },
  };
}

/** A load process at its limit measures itself: then two of them send. */
export async function chooseProducers(
  cell: Cell,
  ask: Measure,
  limits: string[],
): Promise<{ producers: number; single: CellResult | null }> {
  const one = await ask({ ...cell, partitions: 1 }, 'one partition');
  const limit = one?.summary?.attribution.bottleneck;
  if (limit !== 'generator' && limit !== 'client') return { producers: 1, single: one };
  const two = await ask({ ...cell, partitions: 1, producers: 2 }, 'one partition, two producers');
  const after = two?.summary?.attribution.bottleneck;
  if (after === 'generator' || after === 'client')
    limits.push(
      'the load processes themselves were the limit: brokers can do more than these figures',
    );
  return two === null ? { producers: 1, single: one } : { producers: 2, single: two };
}

export async function sweep(
  cell: Cell,
  single: CellResult | null,
  needed: number,
  ask: Measure,
): Promise<CapacityPoint[]> {
  const points: CapacityPoint[] = single === null ? [] : [capacityOf(single)];
  let idle = 0;
  for (const partitions of SWEEP.slice(1)) {
    const result = await ask({ ...cell, partitions }, plural(partitions, 'partition'));
    if (result === null) continue;
    const before = Math.max(0, ...points.map(({ bytesPerSecond }) => bytesPerSecond));
    const point = capacityOf(result);
    points.push(point);
    idle = point.bytesPerSecond < before * GROWING ? idle + 1 : 0;
    if (points.length >= FEWEST_SWEPT && (idle >= 2 || point.bytesPerSecond > 2 * needed)) break;
  }
  return points;
}

/** What one consumer read of one partition while it was written, where it kept up or was at its own limit. */
export function consumedPerPartition(single: CapacityPoint | undefined): number | null {
  const rates = single?.result.runs.flatMap(({ consumed }) => consumed?.bytesPerSecond ?? []) ?? [];
  return rates.length === 0 ? null : median(rates);
}

export async function chooseCodec(
  cell: Cell,
  ask: Measure,
): Promise<{ codec: Cell['codec']; wireShare: number; line: AdviceLine }> {
  const plain = await ask(cell, 'uncompressed');
  const packed = await ask({ ...cell, codec: 'lz4' }, 'compressed with lz4');
  if (plain === null || packed === null) {
    return {
      codec: 'none',
      wireShare: plain === null ? 1 : wireShareOf(plain),
      line: { topic: 'compression', text: 'No compression: it was not measured.', evidence: [] },
    };
  }
  const saved = wireShareOf(packed) / wireShareOf(plain);
  const speed = rateOf(packed) / rateOf(plain);
  const isWorth = saved <= WORTH_COMPRESSING && speed >= MAY_COST;
  return {
    codec: isWorth ? 'lz4' : 'none',
    wireShare: wireShareOf(isWorth ? packed : plain),
    line: {
      topic: 'compression',
      text: isWorth
        ? `lz4: it leaves ${percentText(saved)} of the bytes on disk and network, and the rate is ${percentText(speed)} of the uncompressed one.`
        : `No compression: lz4 leaves ${percentText(saved)} of the bytes, and the rate is ${percentText(speed)} of the uncompressed one.`,
      evidence: [
        `uncompressed ${byteRateText(rateOf(plain))}, lz4 ${byteRateText(rateOf(packed))}, both in a closed loop`,
        'of the payload of this run: give your own with --payload',
      ],
    },
  };
}

function wireShareOf({ runs }: CellResult): number {
  const bytes = runs.reduce((sum, { produced }) => sum + produced.bytes, 0);
  const wire = runs.reduce((sum, { produced }) => sum + produced.wireBytes, 0);
  return bytes === 0 ? 1 : wire / bytes;
}
