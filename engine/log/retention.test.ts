import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decideRetention,
  type RetentionInput,
  type RetentionReason,
  type RetentionSegment,
} from './retention.js';

const NOW = 1_700_000_000_000;
const NO_LIMIT = Number.POSITIVE_INFINITY;

/** Segments of ten offsets each; `ageMs` and `sizeBytes` per segment. */
function segmentsOf(...specs: [sizeBytes: number, ageMs: number][]): RetentionSegment[] {
  return specs.map(([sizeBytes, ageMs], at) => ({
    baseOffset: at * 10,
    endOffset: sizeBytes === 0 && at === specs.length - 1 ? at * 10 : at * 10 + 10,
    sizeBytes,
    largestTimestampMs: NOW - ageMs,
  }));
}

function decide(segments: RetentionSegment[], change: Partial<RetentionInput> = {}, config = {}) {
  return decideRetention({
    segments,
    nowMs: NOW,
    logStartOffset: 0,
    highWatermark: Number.MAX_SAFE_INTEGER,
    ...change,
    config: { cleanupPolicy: 'delete', retentionBytes: NO_LIMIT, retentionMs: NO_LIMIT, ...config },
  });
}

const reasonsOf = (decision: ReturnType<typeof decide>) =>
  decision.deletions.map(({ baseOffset, reason }) => [baseOffset, reason]);

describe('decideRetention', () => {
  const three = () => segmentsOf([100, 30], [100, 20], [100, 10]);

  it.each<
    [string, RetentionSegment[], Partial<RetentionInput>, object, [number, RetentionReason][]]
  >([
    ['no limit keeps everything', three(), {}, {}, []],
    ['older than retention.ms goes', three(), {}, { retentionMs: 25 }, [[0, 'retention.ms']]],
    ['exactly retention.ms old stays', three(), {}, { retentionMs: 30 }, []],
    [
      'time stops at the first segment it keeps',
      segmentsOf([100, 10], [100, 90], [100, 10]),
      {},
      { retentionMs: 50 },
      [],
    ],
    [
      'a timestamp in the future stays',
      segmentsOf([100, -1000], [100, 0]),
      {},
      { retentionMs: 0 },
      [],
    ],
    [
      'size: while the rest still holds retention.bytes',
      three(),
      {},
      { retentionBytes: 150 },
      [[0, 'retention.bytes']],
    ],
    [
      'size: exactly retention.bytes may be left',
      three(),
      {},
      { retentionBytes: 200 },
      [[0, 'retention.bytes']],
    ],
    ['size: one byte less stays', three(), {}, { retentionBytes: 201 }, []],
    [
      'size 0 deletes all, the active one too',
      three(),
      {},
      { retentionBytes: 0 },
      [
        [0, 'retention.bytes'],
        [10, 'retention.bytes'],
        [20, 'retention.bytes'],
      ],
    ],
    [
      'below the log start goes first',
      three(),
      { logStartOffset: 10 },
      {},
      [[0, 'log start offset']],
    ],
    ['a log start inside a segment keeps it', three(), { logStartOffset: 9 }, {}, []],
    [
      'the log start never deletes the active segment',
      three(),
      { logStartOffset: 30 },
      {},
      [
        [0, 'log start offset'],
        [10, 'log start offset'],
      ],
    ],
    [
      'what the log start took does not count for size',
      three(),
      { logStartOffset: 10 },
      { retentionBytes: 150 },
      [[0, 'log start offset']],
    ],
    [
      'all three rules, in order',
      segmentsOf([100, 90], [100, 80], [100, 70], [100, 1]),
      { logStartOffset: 10 },
      { retentionBytes: 200, retentionMs: 50 },
      [
        [0, 'log start offset'],
        [10, 'retention.bytes'],
        [20, 'retention.ms'],
      ],
    ],
    [
      'compact only knows the log start',
      three(),
      { logStartOffset: 10 },
      { cleanupPolicy: 'compact', retentionBytes: 0, retentionMs: 0 },
      [[0, 'log start offset']],
    ],
    [
      'compact,delete knows every rule',
      three(),
      {},
      { cleanupPolicy: 'compact,delete', retentionMs: 25 },
      [[0, 'retention.ms']],
    ],
    [
      'nothing above the high watermark goes',
      three(),
      { highWatermark: 19 },
      { retentionMs: 1 },
      [[0, 'retention.ms']],
    ],
    [
      'the last empty segment stays',
      segmentsOf([100, 90], [0, 90]),
      {},
      { retentionMs: 1, retentionBytes: 0 },
      [[0, 'retention.bytes']],
    ],
    ['an empty log stays', segmentsOf([0, 90]), {}, { retentionMs: 1, retentionBytes: 0 }, []],
  ])('%s', (_, segments, input, config, expected) => {
    const decision = decide(segments, input, config);
    expect(reasonsOf(decision)).toEqual(expected);
    expect(decision.rollFirst).toBe(expected.length === segments.length);
    const lastGone = segments[expected.length - 1];
    expect(decision.logStartOffset).toBe(
      Math.max(input.logStartOffset ?? 0, lastGone?.endOffset ?? 0),
    );
  });

  it('says which figures decided', () => {
    expect(decide(three(), {}, { retentionMs: 25 }).deletions[0]?.explanation).toContain('30 ms');
    expect(decide(three(), {}, { retentionBytes: 150 }).deletions[0]?.explanation).toContain('150');
  });

  it('is what the three rules give when run one after the other on the real log', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(4), fc.integer({ min: -2, max: 6 })), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.nat(20),
        fc.nat(5),
        fc.nat(90),
        fc.nat(90),
        fc.constantFrom('delete', 'compact', 'compact,delete'),
        (specs, retentionBytes, retentionMs, logStartOffset, highWatermark, cleanupPolicy) => {
          const segments = segmentsOf(...specs.map(([size, age]): [number, number] => [size, age]));
          const config = { retentionBytes, retentionMs, cleanupPolicy };
          const decision = decide(segments, { logStartOffset, highWatermark }, config);
          expect(reasonsOf(decision)).toEqual(
            sequentially(segments, { ...config, logStartOffset, highWatermark }),
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});

/** Kafka's three passes, each over a log that the ones before have shortened. */
function sequentially(
  segments: readonly RetentionSegment[],
  limits: {
    retentionBytes: number;
    retentionMs: number;
    cleanupPolicy: string;
    logStartOffset: number;
    highWatermark: number;
  },
): [number, RetentionReason][] {
  let log = [...segments];
  const gone: [number, RetentionReason][] = [];
  const pass = (
    reason: RetentionReason,
    predicate: (segment: RetentionSegment, next: RetentionSegment | undefined) => boolean,
  ) => {
    const deletable: RetentionSegment[] = [];
    for (const [at, segment] of log.entries()) {
      const next = log[at + 1];
      const upperBound = next === undefined ? segment.endOffset : next.baseOffset;
      const lastAndEmpty = next === undefined && segment.sizeBytes === 0;
      if (limits.highWatermark < upperBound || !predicate(segment, next) || lastAndEmpty) break;
      deletable.push(segment);
    }
    gone.push(
      ...deletable.map((segment): [number, RetentionReason] => [segment.baseOffset, reason]),
    );
    log = log.slice(deletable.length);
  };
  pass(
    'log start offset',
    (_, next) => next !== undefined && next.baseOffset <= limits.logStartOffset,
  );
  if (limits.cleanupPolicy === 'compact') return gone;
  const size = log.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  if (size >= limits.retentionBytes) {
    let excess = size - limits.retentionBytes;
    pass('retention.bytes', (segment) => {
      if (excess - segment.sizeBytes < 0) return false;
      excess -= segment.sizeBytes;
      return true;
    });
  }
  pass('retention.ms', (segment) => NOW - segment.largestTimestampMs > limits.retentionMs);
  return gone;
}
