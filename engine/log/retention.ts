/** One segment as retention sees it. */
export interface RetentionSegment {
  readonly baseOffset: number;
  /** Bytes of data. */
  readonly sizeBytes: number;
  /** Largest record timestamp in milliseconds, or the file's modification time where it has none. */
  readonly largestTimestampMs: number;
  /** The next segment's base offset, or the log end offset for the last one. */
  readonly endOffset: number;
}

export interface RetentionInput {
  /** Every segment of the log, ascending; the last one is active. */
  readonly segments: readonly RetentionSegment[];
  readonly config: RetentionLimits;
  readonly nowMs: number;
  readonly logStartOffset: number;
  /** Nothing that reaches above it is deleted. */
  readonly highWatermark: number;
}

/** The part of `TopicConfig` that retention reads. */
export interface RetentionLimits {
  readonly cleanupPolicy: string;
  /** Infinity: no limit. */
  readonly retentionBytes: number;
  /** Infinity: no limit. */
  readonly retentionMs: number;
}

export type RetentionReason = 'log start offset' | 'retention.bytes' | 'retention.ms';

export interface RetentionDeletion {
  readonly baseOffset: number;
  readonly reason: RetentionReason;
  /** The rule with its figures, for the log line. */
  readonly explanation: string;
}

export interface RetentionDecision {
  /** Oldest first: always a prefix of the segments. */
  readonly deletions: readonly RetentionDeletion[];
  /** Every segment goes: roll first, so that the log keeps an (empty) active segment. */
  readonly rollFirst: boolean;
  /** Where the log starts once they are gone. */
  readonly logStartOffset: number;
}

const NOTHING: readonly RetentionDeletion[] = [];

/**
 * Which segments a log may drop now. Rules in order: wholly below the log start offset; over
 * `retention.bytes`; all records older than `retention.ms`. Each goes from the oldest segment on and
 * stops at the first one it keeps, or that reaches above the high watermark, or that is last and
 * empty. A topic that is only compacted knows the first rule alone. Pure.
 * Kafka: `UnifiedLog.deleteOldSegments`.
 */
export function decideRetention(input: RetentionInput): RetentionDecision {
  const { segments, config, nowMs, highWatermark } = input;
  const total = segments.length;
  const deletions: RetentionDeletion[] = [];
  let next = 0;

  const dropWhile = (
    reason: RetentionReason,
    breaches: (segment: RetentionSegment, isLast: boolean) => string | null,
  ): void => {
    while (next < total) {
      const segment = segments[next] as RetentionSegment;
      const isLast = next === total - 1;
      if (segment.endOffset > highWatermark || (isLast && segment.sizeBytes === 0)) return;
      const explanation = breaches(segment, isLast);
      if (explanation === null) return;
      deletions.push({ baseOffset: segment.baseOffset, reason, explanation });
      next++;
    }
  };

  dropWhile('log start offset', (segment, isLast) =>
    !isLast && segment.endOffset <= input.logStartOffset
      ? `it ends at offset ${segment.endOffset}, the log starts at ${input.logStartOffset}`
      : null,
  );

  if (config.cleanupPolicy.includes('delete')) {
    const bytes = sumFrom(segments, next);
    let excess = bytes - config.retentionBytes;
    dropWhile('retention.bytes', (segment) => {
      if (excess - segment.sizeBytes < 0) return null;
      const explanation = `the log is ${excess} bytes above its ${config.retentionBytes}, the segment has ${segment.sizeBytes}`;
      excess -= segment.sizeBytes;
      return explanation;
    });
    dropWhile('retention.ms', (segment) => {
      const ageMs = nowMs - segment.largestTimestampMs;
      if (!(ageMs > config.retentionMs)) return null;
      return `its newest record is ${ageMs} ms old, above ${config.retentionMs} ms`;
    });
  }

  if (next === 0) {
    return { deletions: NOTHING, rollFirst: false, logStartOffset: input.logStartOffset };
  }
  const lastEnd = (segments[next - 1] as RetentionSegment).endOffset;
  return {
    deletions,
    rollFirst: next === total,
    logStartOffset: Math.max(input.logStartOffset, lastEnd),
  };
}

function sumFrom(segments: readonly RetentionSegment[], from: number): number {
  let bytes = 0;
  for (let at = from; at < segments.length; at++) {
    bytes += (segments[at] as RetentionSegment).sizeBytes;
  }
  return bytes;
}
