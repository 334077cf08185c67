import type { TopicConfig } from '../config.js';

/** One segment as planning sees it. */
export interface CleanerSegment {
  readonly baseOffset: number;
  /** Bytes of data. */
  readonly sizeBytes: number;
  readonly isActive: boolean;
  /** Largest record timestamp in milliseconds, or the file's modification time where it has none. */
  readonly largestTimestampMs: number;
  /** Max timestamp of the first batch; -1 when there is none. */
  readonly firstTimestampMs: number;
}

export interface CleaningInput {
  /** Every segment of the log, ascending. */
  readonly segments: readonly CleanerSegment[];
  readonly config: Pick<
    TopicConfig,
    'minCleanableDirtyRatio' | 'minCompactionLagMs' | 'maxCompactionLagMs'
  >;
  readonly nowMs: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** At most the high watermark. */
  readonly lastStableOffset: number;
  /** Cleaned up to here, as the checkpoint has it; null when the log never was. */
  readonly cleanerOffset: number | null;
}

export interface CleaningPlan {
  /** Everything below it has been cleaned before. */
  readonly firstDirtyOffset: number;
  /** What is cleaned ends here: the base of the first segment that must stay as it is. */
  readonly endOffset: number;
  readonly cleanBytes: number;
  readonly dirtyBytes: number;
  /** Dirty bytes as a share of both, 0 when there is nothing. */
  readonly dirtyRatio: number;
  /** The oldest dirty record has waited longer than max.compaction.lag.ms. */
  readonly isOverdue: boolean;
  /** A round is worth it now, by min.cleanable.dirty.ratio or because it is overdue. */
  readonly isDue: boolean;
}

/**
 * Where cleaning begins: the checkpoint, unless it lies outside the log, when nobody knows any more what was
 * cleaned. Kafka: LogCleanerManager.cleanableOffsets.
 */
export function firstDirtyOffsetOf(
  log: Pick<CleaningInput, 'cleanerOffset' | 'logStartOffset' | 'logEndOffset'>,
): number {
  const { cleanerOffset, logStartOffset, logEndOffset } = log;
  const isKnown =
    cleanerOffset !== null && cleanerOffset >= logStartOffset && cleanerOffset <= logEndOffset;
  return isKnown ? cleanerOffset : logStartOffset;
}

/**
 * What a round would clean and whether it is time for one. Pure. Kafka: LogCleanerManager.cleanableOffsets,
 * calculateCleanableBytes, maxCompactionDelay, grabFilthiestCompactedLog; LogToClean.
 */
export function planCleaning(log: CleaningInput): CleaningPlan {
  const { segments, config, nowMs } = log;
  const firstDirtyOffset = firstDirtyOffsetOf(log);
  const dirty = sealedFrom(segments, firstDirtyOffset);
  const tooYoung =
    config.minCompactionLagMs > 0
      ? dirty.find(({ largestTimestampMs: at }) => at > nowMs - config.minCompactionLagMs)
      : undefined;
  const uncleanable = Math.max(
    firstDirtyOffset,
    Math.min(
      log.lastStableOffset,
      segments.at(-1)!.baseOffset,
      tooYoung?.baseOffset ?? Number.POSITIVE_INFINITY,
    ),
  );
  // Whole segments only: the one that holds the first uncleanable record stays.
  const firstKept = sealedFrom(segments, uncleanable)[0] ?? segments.at(-1)!;
  const endOffset = firstKept.baseOffset;
  const cleanBytes = sumBelow(segments, 0, firstDirtyOffset);
  const dirtyFrom = floorIndex(segments, Math.min(firstDirtyOffset, endOffset));
  const dirtyBytes = sumBelow(segments, Math.max(0, dirtyFrom), endOffset);
  const dirtyRatio = dirtyBytes === 0 ? 0 : dirtyBytes / (cleanBytes + dirtyBytes);
  const isOverdue = dirty.some(
    ({ firstTimestampMs: at }) => at > 0 && at < nowMs - config.maxCompactionLagMs,
  );
  return {
    firstDirtyOffset,
    endOffset,
    cleanBytes,
    dirtyBytes,
    dirtyRatio,
    isOverdue,
    isDue: (isOverdue && dirtyBytes > 0) || dirtyRatio > config.minCleanableDirtyRatio,
  };
}

function floorIndex(segments: readonly CleanerSegment[], offset: number): number {
  return segments.findLastIndex(({ baseOffset }) => baseOffset <= offset);
}

/** From the segment that holds `offset` on, without the active one. */
function sealedFrom(segments: readonly CleanerSegment[], offset: number): CleanerSegment[] {
  return segments.slice(Math.max(0, floorIndex(segments, offset))).filter((s) => !s.isActive);
}

function sumBelow(segments: readonly CleanerSegment[], from: number, offset: number): number {
  let bytes = 0;
  for (let i = from; i < segments.length && segments[i]!.baseOffset < offset; i += 1) {
    bytes += segments[i]!.sizeBytes;
  }
  return bytes;
}

/** One segment as grouping sees it. */
export interface GroupedSegment {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  readonly offsetIndexBytes: number;
  readonly timeIndexBytes: number;
}

/** An index counts offsets from its segment's base in an int32. */
const MAX_OFFSET_SPAN = 0x7fff_ffff;

/**
 * Which neighbours become one segment, so that compaction does not leave ever smaller ones: by the sizes they
 * have now, so that the result fits even if nothing goes. Returns the number of segments of each group, in
 * order. Pure. Kafka: Cleaner.groupSegmentsBySize.
 */
export function groupSegments(
  segments: readonly GroupedSegment[],
  limits: {
    readonly segmentBytes: number;
    readonly segmentIndexBytes: number;
    /** Where the last segment ends at the latest. */
    readonly endOffset: number;
  },
): number[] {
  const groups: number[] = [];
  for (let first = 0; first < segments.length; ) {
    const base = segments[first]!;
    let { sizeBytes, offsetIndexBytes, timeIndexBytes } = base;
    let next = first + 1;
    for (; next < segments.length; next += 1) {
      const segment = segments[next]!;
      const end = segments[next + 1]?.baseOffset ?? limits.endOffset;
      sizeBytes += segment.sizeBytes;
      offsetIndexBytes += segment.offsetIndexBytes;
      timeIndexBytes += segment.timeIndexBytes;
      if (
        sizeBytes > limits.segmentBytes ||
        offsetIndexBytes > limits.segmentIndexBytes ||
        timeIndexBytes > limits.segmentIndexBytes ||
        (segment.sizeBytes > 0 && end - 1 - base.baseOffset > MAX_OFFSET_SPAN)
      ) {
        break;
      }
    }
    groups.push(next - first);
    first = next;
  }
  return groups;
}
