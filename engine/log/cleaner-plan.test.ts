import { describe, expect, it } from 'vitest';
import { type CleaningInput, groupSegments, planCleaning } from './cleaner-plan.js';

const NOW = 1_000_000;
const INFINITE = Number.POSITIVE_INFINITY;

/** Segments of 100 bytes at 0, 10, 20, 30 and an active one at 40; the newest record is at offset 44. */
function plan(input: Partial<CleaningInput> = {}, times: readonly number[] = []) {
  const segments = [0, 10, 20, 30, 40].map((baseOffset, i) => ({
    baseOffset,
    sizeBytes: 100,
    isActive: i === 4,
    firstTimestampMs: times[i] ?? NOW - 100,
    largestTimestampMs: times[i] ?? NOW - 50,
  }));
  return planCleaning({
    segments,
    config: { minCleanableDirtyRatio: 0.5, minCompactionLagMs: 0, maxCompactionLagMs: INFINITE },
    nowMs: NOW,
    logStartOffset: 0,
    logEndOffset: 45,
    lastStableOffset: 45,
    cleanerOffset: 0,
    ...input,
  });
}

const LAGS = { minCleanableDirtyRatio: 0.5, minCompactionLagMs: 0, maxCompactionLagMs: INFINITE };

describe('planCleaning', () => {
  it('cleans everything but the active segment of a log that never was', () => {
    expect(plan()).toEqual({
      firstDirtyOffset: 0,
      endOffset: 40,
      cleanBytes: 0,
      dirtyBytes: 400,
      dirtyRatio: 1,
      isOverdue: false,
      isDue: true,
    });
  });

  it.each([
    ['a checkpoint in the log', { cleanerOffset: 20 }, 20],
    ['none', { cleanerOffset: null }, 0],
    ['one below the log start', { cleanerOffset: 5, logStartOffset: 12 }, 12],
    ['one above the log end', { cleanerOffset: 46 }, 0],
    ['one at the log end', { cleanerOffset: 45 }, 45],
  ])('begins by %s', (_, input, firstDirtyOffset) => {
    expect(plan(input).firstDirtyOffset).toBe(firstDirtyOffset);
  });

  it.each([
    ['the last stable offset', { lastStableOffset: 25 }, [], 20],
    ['a last stable offset at a base', { lastStableOffset: 20 }, [], 20],
    [
      'a last stable offset below the dirty part',
      { cleanerOffset: 20, lastStableOffset: 5 },
      [],
      20,
    ],
    [
      'the first segment with a record younger than min.compaction.lag.ms',
      { config: { ...LAGS, minCompactionLagMs: 30 } },
      [NOW - 90, NOW - 30, NOW - 29, NOW - 80],
      20,
    ],
    [
      'nothing young that is clean already',
      { cleanerOffset: 30, config: { ...LAGS, minCompactionLagMs: 30 } },
      [NOW, NOW, NOW, NOW - 80],
      40,
    ],
  ])('ends at %s, down to a whole segment', (_, input, times, endOffset) => {
    expect(plan(input, times).endOffset).toBe(endOffset);
  });

  it('is due above min.cleanable.dirty.ratio, not at it', () => {
    expect(plan({ cleanerOffset: 20 })).toMatchObject({ dirtyRatio: 0.5, isDue: false });
    expect(plan({ cleanerOffset: 10 })).toMatchObject({ dirtyRatio: 0.75, isDue: true });
  });

  it('counts the segment that the checkpoint lies in as both clean and dirty', () => {
    expect(plan({ cleanerOffset: 25 })).toMatchObject({ cleanBytes: 300, dirtyBytes: 200 });
  });

  it('is due when the oldest dirty batch is older than max.compaction.lag.ms', () => {
    const config = { ...LAGS, maxCompactionLagMs: 60 };
    const times = [NOW - 900, NOW - 900, NOW - 900, NOW - 60];
    expect(plan({ cleanerOffset: 30, config }, times)).toMatchObject({
      isOverdue: false,
      isDue: false,
    });
    times[3] = NOW - 61;
    expect(plan({ cleanerOffset: 30, config }, times)).toMatchObject({
      isOverdue: true,
      isDue: true,
    });
    times[3] = -1;
    expect(plan({ cleanerOffset: 30, config }, times)).toMatchObject({ isOverdue: false });
  });

  it('has nothing to do in a log with an active segment alone, or all clean', () => {
    const nothing = { dirtyBytes: 0, dirtyRatio: 0, isDue: false };
    expect(plan({ cleanerOffset: 40 })).toMatchObject({ ...nothing, endOffset: 40 });
    const active = { baseOffset: 0, sizeBytes: 9, isActive: true };
    const segments = [{ ...active, firstTimestampMs: 1, largestTimestampMs: 1 }];
    expect(plan({ segments, cleanerOffset: null })).toMatchObject({ ...nothing, endOffset: 0 });
  });
});

describe('groupSegments', () => {
  const of = (
    baseOffset: number,
    sizeBytes: number,
    offsetIndexBytes = 8,
    timeIndexBytes = 12,
  ) => ({
    baseOffset,
    sizeBytes,
    offsetIndexBytes,
    timeIndexBytes,
  });
  const limits = { segmentBytes: 100, segmentIndexBytes: 100, endOffset: 1000 };

  it.each([
    ['up to segment.bytes', [of(0, 40), of(10, 60), of(20, 1)], [2, 1]],
    ['a segment above it alone', [of(0, 500), of(10, 10), of(20, 10)], [1, 2]],
    ['up to segment.index.bytes', [of(0, 1, 60), of(10, 1, 40), of(20, 1, 1)], [2, 1]],
    ['the time index too', [of(0, 1, 1, 60), of(10, 1, 1, 41)], [1, 1]],
    ['none of none', [], []],
  ])('takes neighbours together: %s', (_, segments, groups) => {
    expect(groupSegments(segments, limits)).toEqual(groups);
  });

  it('keeps the offsets of a group within an int32, empty segments excepted', () => {
    const far = 2 ** 31;
    const at = (endOffset: number) => ({ ...limits, endOffset });
    expect(groupSegments([of(0, 1), of(10, 1)], at(far))).toEqual([2]);
    expect(groupSegments([of(0, 1), of(10, 1)], at(far + 1))).toEqual([1, 1]);
    expect(groupSegments([of(0, 1), of(10, 1), of(far, 1)], at(far + 5))).toEqual([2, 1]);
    expect(groupSegments([of(0, 1), of(far + 10, 0)], at(far + 20))).toEqual([2]);
  });
});
