import { describe, expect, test } from 'vitest';
import { Timeline, Window } from './window.js';

const MS = 1e6;
const timelineOf = (lengthMs: number, isFine = false) => {
  const window = new Window({ startNs: 0, measureFromNs: 0, measureToNs: lengthMs * MS });
  return { window, timeline: new Timeline(window, isFine) };
};

describe('a timeline', () => {
  test('counts each part of the window, and nothing outside of it', () => {
    const { timeline } = timelineOf(2_000);
    timeline.add(-1, 1_000);
    timeline.add(0, 1);
    timeline.add(99 * MS, 2);
    timeline.add(100 * MS, 4);
    timeline.add(2_000 * MS, 1_000);
    const ticks = timeline.ticks('producedRecords');
    expect(ticks).toHaveLength(20);
    expect(ticks.map(({ atMs }) => atMs).slice(-2)).toEqual([1_900, 2_000]);
    expect(ticks.slice(0, 3).map(({ producedRecords }) => producedRecords)).toEqual([3, 4, 0]);
  });

  test.each([
    [150, false, 10],
    [3_000, false, 30],
    [3_000, true, 60],
    [3_600_000, false, 2_000],
  ])('of %i ms has enough parts and not too many', (lengthMs, isFine, count) => {
    expect(timelineOf(lengthMs, isFine).timeline.ticks('consumedRecords')).toHaveLength(count);
  });

  test('a window that ends early has the parts until then; a sliver is in the last', () => {
    const { window, timeline } = timelineOf(10_000);
    timeline.add(310 * MS, 5);
    timeline.add(420 * MS, 6);
    window.endAt(430 * MS);
    timeline.add(500 * MS, 1_000);
    const ticks = timeline.ticks('producedRecords');
    expect(ticks.map(({ atMs }) => atMs)).toEqual([100, 200, 300, 430]);
    expect(ticks.map(({ producedRecords }) => producedRecords)).toEqual([0, 0, 0, 11]);
  });

  test('latencies are of what was acknowledged in each part; where nothing was, there is none', () => {
    const { timeline } = timelineOf(1_000);
    for (let i = 0; i < 99; i += 1) timeline.latenciesAt(10 * MS)?.recordNs(1 * MS, 1);
    timeline.latenciesAt(11 * MS)?.recordNs(50 * MS, 1);
    timeline.latenciesAt(350 * MS)?.recordNs(7 * MS, 3);
    const ticks = timeline.ticks('producedRecords');
    expect(ticks[0]?.publishP50Us).toBeCloseTo(1_000, -1);
    expect(ticks[0]?.publishP99Us).toBeCloseTo(1_000, -1);
    expect(ticks[1]?.publishP99Us).toBeNull();
    expect(ticks[3]?.publishP99Us).toBeCloseTo(7_000, -2);
  });
});
