import { Random } from '../testing/random.js';
import { COMPRESSION_TYPES, type CompressionType, type RecordInput } from '../types.js';

/**
 * What one seed of the crash campaign does, and what it writes: both are functions of the seed, so that the
 * process that checks knows every byte the process that was killed can have written.
 */
export interface CrashPlan {
  readonly seed: number;
  /** Timestamp of the record at offset 0. Not of the seed: an idle producer is forgotten by the real clock. */
  readonly startMs: number;
  readonly store: 'log' | 'data-directory';
  readonly files: 'mmap' | 'portable';
  readonly partitions: number;
  readonly config: Readonly<Record<string, string | number>>;
  readonly isCompacted: boolean;
  readonly compression: CompressionType;
  /** As an idempotent producer: the epoch is the generation, and each life retries the last batch it knows of. */
  readonly isIdempotent: boolean;
  /** Batches made by a producer, several an append, instead of records. */
  readonly readyBatches: boolean;
  readonly maxBatchRecords: number;
  readonly maxValueBytes: number;
  /** Different keys. */
  readonly keys: number;
  /** Processes, each killed but for those that come to their end first. */
  readonly lives: number;
  /** Things a process does before it closes cleanly. */
  readonly steps: number;
  /** Weights of what a step does. */
  readonly weights: Readonly<Record<StepKind, number>>;
}

export const STEP_KINDS = [
  'append',
  'flush',
  'flushLater',
  'roll',
  'deleteBefore',
  'truncate',
  'retain',
  'compact',
  'epoch',
  'reopen',
  'checkpoint',
] as const;
export type StepKind = (typeof STEP_KINDS)[number];

export const TOPIC = 'events';
export const PRODUCER_ID = 4711;
/** Records are this far apart: the offset can be told from the time. */
const RECORD_INTERVAL_MS = 1;
/** Generations in one life at most: one for each truncation. */
const GENERATIONS_PER_LIFE = 1000;
const RECORD_OVERHEAD = 64;

export function planOf(seed: number, startMs: number): CrashPlan {
  const random = new Random(seed);
  const cleanup = random.pick(['delete', 'delete', 'delete', 'compact', 'compact,delete']);
  const isCompacted = cleanup !== 'delete';
  const segmentBytes = random.pick([4096, 16_384, 16_384, 65_536, 1 << 20, 8 << 20]);
  const maxValueBytes = random.pick([20, 100, 100, 1000, 3000]);
  const fitting = Math.floor((segmentBytes - 200) / (maxValueBytes + RECORD_OVERHEAD));
  const store = random.chance(0.5) ? 'log' : 'data-directory';
  return {
    seed,
    startMs,
    store,
    files: random.chance(0.65) ? 'mmap' : 'portable',
    partitions: store === 'log' ? 1 : random.between(1, 4),
    config: {
      'internal.segment.bytes': segmentBytes,
      'index.interval.bytes': random.pick([0, 100, 1000, 4096]),
      'segment.index.bytes': random.pick([120, 1024, 65_536]),
      'cleanup.policy': cleanup,
      'retention.ms': -1,
      'message.timestamp.after.max.ms': 1e12,
      'retention.bytes': random.chance(0.3) ? segmentBytes * 3 : -1,
      'min.cleanable.dirty.ratio': 0.01,
      ...(random.chance(0.3) && { 'flush.messages': random.pick([1, 10, 1000]) }),
      ...(random.chance(0.2) && { 'flush.ms': random.pick([1, 20]) }),
      ...(random.chance(0.15) && { preallocate: 'true' }),
    },
    isCompacted,
    compression: random.chance(0.5) ? 'none' : random.pick(COMPRESSION_TYPES),
    isIdempotent: random.chance(0.4),
    readyBatches: random.chance(0.3),
    maxBatchRecords: Math.min(random.pick([1, 5, 30, 100]), fitting),
    maxValueBytes,
    keys: random.pick([10, 100, 1000]),
    lives: random.between(3, 6),
    steps: random.pick([200, 2000, 20_000]),
    weights: {
      append: 100,
      flush: random.pick([0, 0, 1, 20]),
      flushLater: random.pick([0, 0, 5]),
      roll: random.pick([0, 0.5, 4]),
      deleteBefore: cleanup === 'compact' ? 0 : random.pick([0, 0, 0.3, 2]),
      truncate: random.pick([0, 0, 0.3, 2]),
      retain: random.pick([0, 0.5, 2]),
      compact: isCompacted ? random.pick([0.3, 2]) : 0,
      epoch: random.pick([0, 0.3]),
      reopen: random.pick([0, 0, 0.2]),
      checkpoint: random.pick([0, 1]),
    },
  };
}

export function firstGenerationOf(life: number): number {
  return (life + 1) * GENERATIONS_PER_LIFE;
}

export function timestampOfOffset(plan: CrashPlan, offset: number): number {
  return plan.startMs + offset * RECORD_INTERVAL_MS;
}

/** A well mixed 32-bit number of four. */
function mix(a: number, b: number, c: number, d: number): number {
  let h = Math.imul(a | 0, 0x9e3779b1) ^ Math.floor(a / 0x1_0000_0000);
  for (const part of [b, c, d]) {
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) ^ part;
    h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  }
  return (h ^ (h >>> 15)) >>> 0;
}

export function keyOf(plan: CrashPlan, offset: number): string {
  return `key-${mix(plan.seed, 1, offset, 0) % plan.keys}`;
}

/** The record at `offset` as the process of this generation writes it. */
export function recordOf(
  plan: CrashPlan,
  partition: number,
  offset: number,
  generation: number,
): Required<RecordInput> {
  const h = mix(plan.seed, partition, offset, generation);
  const isTombstone = plan.isCompacted && h % 13 === 0;
  const text = `${plan.seed}/${partition}/${offset}/${generation}/`;
  const value = Buffer.alloc(Math.min(plan.maxValueBytes, text.length + (h % plan.maxValueBytes)));
  const written = value.write(text);
  for (let i = written; i < value.length; i++) value[i] = (h >>> (i & 15)) + (i >> 4);
  return {
    key: plan.isCompacted || h % 5 !== 0 ? keyOf(plan, offset) : null,
    value: isTombstone ? null : value,
    headers: h % 7 === 0 ? [{ key: 'h', value: String(h) }] : [],
    timestamp: timestampOfOffset(plan, offset),
  };
}

/** Records in each batch of the append that begins at `offset`. */
export function batchesAt(
  plan: CrashPlan,
  partition: number,
  offset: number,
  generation: number,
): number[] {
  const h = mix(plan.seed + 1, partition, offset, generation);
  // An idempotent producer's batches are appended one at a time.
  const isSeveral = plan.readyBatches && !plan.isIdempotent;
  const batches = isSeveral ? Math.min(1 + (h % 3), plan.maxBatchRecords) : 1;
  const most = Math.max(1, Math.floor(plan.maxBatchRecords / batches));
  return Array.from({ length: batches }, (_, i) => 1 + ((h >>> (4 + i * 5)) % most));
}

/** Where the log may end if the process was killed in the append at `offset`: after any of its batches, or before. */
export function endsOfAppend(
  plan: CrashPlan,
  partition: number,
  offset: number,
  generation: number,
): number[] {
  const ends = [offset];
  for (const count of batchesAt(plan, partition, offset, generation))
    ends.push(ends.at(-1)! + count);
  return ends;
}
