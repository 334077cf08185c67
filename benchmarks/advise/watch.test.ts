import { describe, expect, test } from 'vitest';
import {
  CASES,
  caseOf,
  type GroupSample,
  judgeGroup,
  type WatchAction,
  type WatchFacts,
} from './watch.js';

test('every combination of facts matches exactly one case', () => {
  const found = new Set<string>();
  for (const isEnough of [true, false])
    for (const isGrowing of [true, false])
      for (const members of ['none', 'fewer than partitions', 'one for each partition'] as const)
        for (const where of ['hot partitions', 'one member', 'most'] as const) {
          const facts: WatchFacts = { isEnough, isGrowing, members, where };
          const matching = CASES.filter(({ matches }) => matches(facts));
          expect(matching).toHaveLength(1);
          expect(caseOf(facts)).toBe(matching[0]);
          found.add(matching[0]?.letter ?? '');
        }
  expect([...found].sort()).toEqual(CASES.map(({ letter }) => letter));
});

interface Scene {
  /** Records a second into each partition. */
  readonly produced: readonly number[];
  readonly consumed: readonly number[];
  readonly members: number;
  readonly seconds?: number;
  readonly startLag?: number;
  /** Commits come so often. */
  readonly commitSeconds?: number;
}

/** A group that commits every five seconds, looked at every second. */
function scene({
  produced,
  consumed,
  members,
  seconds = 60,
  startLag = 0,
  commitSeconds = 5,
}: Scene): GroupSample[] {
  const ids = Array.from({ length: members }, (_, at) => `member-${at}`);
  return Array.from({ length: seconds + 1 }, (_, second) => ({
    atMs: second * 1000,
    members: ids,
    partitions: produced.map((rate, partition) => {
      const committedAt = Math.floor(second / commitSeconds) * commitSeconds;
      const end = startLag + rate * second;
      const read = Math.min(
        startLag + rate * committedAt,
        (consumed[partition] ?? 0) * committedAt,
      );
      return {
        partition,
        endOffset: end,
        committedOffset: members === 0 ? null : read,
        member: members === 0 ? null : (ids[partition % members] as string),
      };
    }),
  }));
}

const even = (count: number, rate: number) => Array<number>(count).fill(rate);

describe('what helps a group', () => {
  const cases: readonly [name: string, scene: Scene, action: WatchAction, says: string][] = [
    [
      'too short',
      { produced: even(4, 1000), consumed: even(4, 500), members: 2, seconds: 10 },
      'cannot tell',
      '20 s at least',
    ],
    [
      'it keeps up; commits make it jump',
      { produced: even(4, 1000), consumed: even(4, 2000), members: 4 },
      'nothing',
      'does not grow',
    ],
    [
      'it catches up',
      { produced: even(4, 1000), consumed: even(4, 2000), members: 4, startLag: 200_000 },
      'nothing',
      'is gone in',
    ],
    [
      'nobody there',
      { produced: even(4, 1000), consumed: even(4, 0), members: 0 },
      'start consumers',
      'Nobody reads',
    ],
    [
      'too few members',
      { produced: even(8, 1000), consumed: even(8, 500), members: 2 },
      'add consumers',
      'add members, to 5',
    ],
    [
      'every partition has a member at its limit',
      { produced: even(4, 1000), consumed: even(4, 500), members: 4 },
      'add partitions',
      '12 of each',
    ],
    [
      'one key',
      { produced: [9000, ...even(7, 200)], consumed: even(8, 3000), members: 4 },
      'fix hot key',
      'Partition 0 gets 87 %',
    ],
    [
      'one slow member of a full group',
      { produced: even(4, 1000), consumed: [2000, 2000, 300, 2000], members: 4 },
      'fix slow consumer',
      'member-2 alone',
    ],
    [
      'one slow member with room for others',
      {
        produced: even(8, 1000),
        consumed: [300, 2000, 2000, 2000, 300, 2000, 2000, 2000],
        members: 4,
      },
      'add consumers',
      'member-0',
    ],
    [
      'nothing comes',
      { produced: even(4, 0), consumed: even(4, 0), members: 4 },
      'nothing',
      'does not grow',
    ],
  ];
  test.each(cases)('%s', (_name, group, action, says) => {
    const verdict = judgeGroup(scene(group));
    expect(`${verdict.action}: ${verdict.text}`).toContain(`${action}: `);
    expect(verdict.text).toContain(says);
    expect([verdict.text, ...verdict.evidence].join('\n')).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('no samples at all', () => {
    expect(judgeGroup([]).action).toBe('cannot tell');
  });

  test('the lag, and what comes and goes, is right', () => {
    const { totals } = judgeGroup(
      scene({ produced: even(4, 1000), consumed: even(4, 500), members: 4 }),
    );
    expect(totals.produced).toBeCloseTo(4000, 6);
    expect(totals.lagGrowth / 2000).toBeCloseTo(1, 1);
    expect(totals.consumed / 2000).toBeCloseTo(1, 1);
    expect(totals.members).toBe(4);
  });
});
