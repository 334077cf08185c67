import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawRollJitterMs, maxSegmentMs, type RollReason, shouldRoll } from './roll.js';

const NO_LIMIT = Number.POSITIVE_INFINITY;
const limits = {
  segmentBytes: 1000,
  segmentMs: 500,
  segmentJitterMs: 0,
  cleanupPolicy: 'delete',
  maxCompactionLagMs: NO_LIMIT,
};
const segment = {
  baseOffset: 100,
  size: 400,
  firstTimestampMs: 5000,
  createdMs: 9000,
  rollJitterMs: 0,
  isIndexFull: false,
};
const incoming = { bytes: 100, lastOffset: 150, maxTimestampMs: 5100 };

describe('shouldRoll', () => {
  it.each<[string, object, object, object, number, RollReason | null]>([
    ['room, young, near: stays', {}, {}, {}, 9000, null],
    ['fills the segment exactly: stays', { size: 900 }, {}, {}, 9000, null],
    ['one byte too many', { size: 901 }, {}, {}, 9000, 'size'],
    ['an append larger than a segment', { size: 0 }, { bytes: 1001 }, {}, 9000, 'size'],
    ['waited exactly segment.ms: stays', {}, { maxTimestampMs: 5500 }, {}, 9000, null],
    ['waited longer, by record time', {}, { maxTimestampMs: 5501 }, {}, 9000, 'time'],
    ['jitter makes it earlier', { rollJitterMs: 50 }, { maxTimestampMs: 5451 }, {}, 9000, 'time'],
    ['the wall clock does not matter with timestamps', {}, {}, {}, 99_000, null],
    ['without timestamps the wall clock does', { firstTimestampMs: -1 }, {}, {}, 9501, 'time'],
    ['without timestamps, young: stays', { firstTimestampMs: -1 }, {}, {}, 9500, null],
    ['timestamp 0 is a timestamp', { firstTimestampMs: 0 }, { maxTimestampMs: 501 }, {}, 0, 'time'],
    ['an old but empty segment stays', { size: 0, firstTimestampMs: -1 }, {}, {}, 99_000, null],
    ['an append without a timestamp is never too late', {}, { maxTimestampMs: -1 }, {}, 9000, null],
    ['a full index', { isIndexFull: true }, {}, {}, 9000, 'index full'],
    ['the farthest relative offset: stays', {}, { lastOffset: 100 + 0x7fffffff }, {}, 9000, null],
    ['one beyond it', {}, { lastOffset: 101 + 0x7fffffff }, {}, 9000, 'offset span'],
    ['an offset below the base', {}, { lastOffset: 99 }, {}, 9000, 'offset span'],
    [
      'compaction lag bounds the age',
      {},
      { maxTimestampMs: 5301 },
      { cleanupPolicy: 'compact', maxCompactionLagMs: 300 },
      9000,
      'time',
    ],
    ['no age limit', {}, { maxTimestampMs: 2 ** 50 }, { segmentMs: NO_LIMIT }, 9000, null],
  ])('%s', (_, segmentChange, incomingChange, limitsChange, now, expected) => {
    const reason = shouldRoll(
      { ...segment, ...segmentChange },
      { ...incoming, ...incomingChange },
      { ...limits, ...limitsChange },
      () => now,
    );
    expect(reason).toBe(expected);
  });

  it('asks the clock only when records carry no timestamps', () => {
    let asked = 0;
    const clock = () => {
      asked++;
      return 9000;
    };
    shouldRoll(segment, incoming, limits, clock);
    expect(asked).toBe(0);
    shouldRoll({ ...segment, firstTimestampMs: -1 }, incoming, limits, clock);
    expect(asked).toBe(1);
  });
});

describe('maxSegmentMs', () => {
  it.each([
    ['delete', 300, 500],
    ['compact', 300, 300],
    ['compact,delete', 300, 300],
    ['compact', 900, 500],
  ])('%s with max.compaction.lag.ms %d is %d', (cleanupPolicy, maxCompactionLagMs, expected) => {
    expect(maxSegmentMs({ ...limits, cleanupPolicy, maxCompactionLagMs })).toBe(expected);
  });
});

describe('drawRollJitterMs', () => {
  it('is 0 without jitter, and below both limits with it', () => {
    expect(drawRollJitterMs(limits)).toBe(0);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (segmentMs, segmentJitterMs, random) => {
          const jitter = drawRollJitterMs({ ...limits, segmentMs, segmentJitterMs }, () => random);
          expect(Number.isInteger(jitter)).toBe(true);
          expect(jitter).toBeGreaterThanOrEqual(0);
          expect(jitter).toBeLessThan(Math.min(segmentMs, segmentJitterMs));
        },
      ),
    );
  });

  it('spreads over the whole range', () => {
    const drawn = [0, 0.25, 0.5, 0.999_999_9].map((random) =>
      drawRollJitterMs({ ...limits, segmentMs: NO_LIMIT, segmentJitterMs: 2 ** 31 }, () => random),
    );
    expect(drawn).toEqual([0, 2 ** 29, 2 ** 30, 2147483433]);
  });
});
