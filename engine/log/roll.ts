/** The active segment as the roll rule sees it. */
export interface RollSegment {
  readonly baseOffset: number;
  /** Bytes of data. */
  readonly size: number;
  /** Largest timestamp of the first batch in milliseconds; -1 when empty or it has none. */
  readonly firstTimestampMs: number;
  /** Wall clock when the segment was made, for records without timestamps. */
  readonly createdMs: number;
  /** What {@link drawRollJitterMs} gave this segment. */
  readonly rollJitterMs: number;
  /** Offset index or time index is full. */
  readonly isIndexFull: boolean;
}

/** What is about to be appended. */
export interface RollIncoming {
  readonly bytes: number;
  readonly lastOffset: number;
  /** Largest timestamp in milliseconds; -1 when it has none. */
  readonly maxTimestampMs: number;
}

/** The part of `TopicConfig` that rolling reads. */
export interface RollLimits {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
  readonly cleanupPolicy: string;
  readonly maxCompactionLagMs: number;
}

export type RollReason = 'size' | 'time' | 'index full' | 'offset span';

const MAX_RELATIVE_OFFSET = 0x7fffffff;

/**
 * Why the active segment must roll before `incoming` is appended, or null. Pure and allocation-free;
 * `nowMs` is asked only when records carry no timestamps. The new base offset is the larger of the
 * append's first offset and the log end offset. Kafka: `LogSegment.shouldRoll`.
 */
export function shouldRoll(
  segment: RollSegment,
  incoming: RollIncoming,
  limits: RollLimits,
  nowMs: () => number,
): RollReason | null {
  if (segment.size > limits.segmentBytes - incoming.bytes) return 'size';
  if (segment.size > 0) {
    const limitMs = maxSegmentMs(limits) - segment.rollJitterMs;
    if (waitedMs(segment, incoming, nowMs) > limitMs) return 'time';
  }
  if (segment.isIndexFull) return 'index full';
  const relative = incoming.lastOffset - segment.baseOffset;
  if (relative > MAX_RELATIVE_OFFSET || relative < 0) return 'offset span';
  return null;
}

/**
 * Compaction only sees sealed segments, so a compacted topic rolls early enough for
 * `max.compaction.lag.ms` to hold. Kafka: `LogConfig.maxSegmentMs`.
 */
export function maxSegmentMs(limits: RollLimits): number {
  return limits.cleanupPolicy.includes('compact') && limits.maxCompactionLagMs > 0
    ? Math.min(limits.maxCompactionLagMs, limits.segmentMs)
    : limits.segmentMs;
}

/**
 * The jitter of one segment in milliseconds, drawn once when it is made: keeps the segments of many
 * partitions from rolling at the same moment. `random` gives [0, 1).
 * Kafka: `LogConfig.randomSegmentJitter`.
 */
export function drawRollJitterMs(limits: RollLimits, random: () => number = Math.random): number {
  const boundMs = Math.min(limits.segmentJitterMs, limits.segmentMs);
  return boundMs === 0 ? 0 : Math.floor(random() * 2 ** 31) % boundMs;
}

function waitedMs(segment: RollSegment, incoming: RollIncoming, nowMs: () => number): number {
  return segment.firstTimestampMs >= 0
    ? incoming.maxTimestampMs - segment.firstTimestampMs
    : nowMs() - segment.createdMs;
}
