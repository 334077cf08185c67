import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { errorBeforeAppend, isValidAcks, outcomeAfterAppend } from './acks.js';
import { type LeaderStart, LeaderState } from './leader-state.js';

const LAG_MS = 30_000;

function leader(start: Partial<LeaderStart> = {}): LeaderState {
  return new LeaderState({
    brokerId: 1,
    leaderEpoch: 5,
    partitionEpoch: 7,
    replicas: [1, 2, 3],
    isr: [1, 2, 3],
    logEndOffset: 0,
    highWatermark: 0,
    minInsyncReplicas: 1,
    replicaLagTimeMaxMs: LAG_MS,
    nowMs: 0,
    isEligible: () => true,
    ...start,
  });
}

/** The follower asks for `fetchOffset`; the leader ends where it ends. */
function fetch(state: LeaderState, brokerId: number, fetchOffset: number, nowMs = 0): boolean {
  return state.fetched(brokerId, {
    fetchOffset,
    logStartOffset: 0,
    leaderEndOffset: state.logEndOffset,
    brokerEpoch: 1,
    nowMs,
  });
}

describe('high watermark', () => {
  test('follows the slowest in-sync replica', () => {
    const state = leader();
    expect(state.appended(10, 0)).toBe(false);
    expect(fetch(state, 2, 10)).toBe(false);
    expect(fetch(state, 3, 4)).toBe(true);
    expect(state.highWatermark).toBe(4);
    expect(fetch(state, 3, 10)).toBe(true);
    expect(state.highWatermark).toBe(10);
  });

  test('a single replica commits with the append', () => {
    const state = leader({ replicas: [1], isr: [1], minInsyncReplicas: 2 });
    expect(state.effectiveMinIsr).toBe(1);
    expect(state.appended(3, 0)).toBe(true);
    expect(state.highWatermark).toBe(3);
  });

  test('becoming leader alone in the ISR commits what the log has', () => {
    expect(leader({ isr: [1], logEndOffset: 9, highWatermark: 4 }).highWatermark).toBe(9);
  });

  test('does not move while fewer than min.insync.replicas are in sync', () => {
    const state = leader({ isr: [1], minInsyncReplicas: 2, logEndOffset: 5 });
    expect(state.appended(6, 0)).toBe(false);
    fetch(state, 2, 6);
    fetch(state, 3, 6);
    expect(state.highWatermark).toBe(0);
    state.committed({ partitionEpoch: 8, isr: [1, 2], replicas: [1, 2, 3] });
    expect(state.advance(0)).toBe(true);
    expect(state.highWatermark).toBe(6);
  });

  test('does not fall when a follower fetches from lower down', () => {
    const state = leader();
    state.appended(10, 0);
    fetch(state, 2, 10);
    fetch(state, 3, 10);
    expect(fetch(state, 3, 2)).toBe(false);
    expect(state.highWatermark).toBe(10);
  });

  test('waits for a follower that is caught up though not in sync yet, not for one that is far behind', () => {
    const state = leader({ isr: [1, 2] });
    state.appended(10, 0);
    fetch(state, 2, 10);
    expect(state.highWatermark).toBe(10);
    fetch(state, 3, 10);
    state.appended(20, 0);
    fetch(state, 2, 20);
    expect(state.highWatermark).toBe(10);
    expect(fetch(state, 3, 15, 0)).toBe(true);
    expect(state.highWatermark).toBe(15);
    expect(state.advance(LAG_MS + 1)).toBe(true);
    expect(state.highWatermark).toBe(20);
  });

  test('does not wait for a caught-up follower that may not join', () => {
    const state = leader({ isr: [1, 2], isEligible: (id) => id !== 3 });
    fetch(state, 3, 0);
    state.appended(10, 0);
    fetch(state, 2, 10);
    expect(state.highWatermark).toBe(10);
  });

  test('an expansion under way counts at once, a shrink only when it is in force', () => {
    const state = leader({ isr: [1, 2] });
    state.appended(10, 0);
    fetch(state, 2, 10);
    fetch(state, 3, 10);
    expect(state.proposeExpansion(3)?.isr).toEqual([1, 2, 3]);
    state.appended(20, 0);
    fetch(state, 2, 20);
    state.advance(LAG_MS + 1);
    expect(state.highWatermark).toBe(10);
    state.committed({ partitionEpoch: 8, isr: [1, 2, 3], replicas: [1, 2, 3] });
    expect(state.proposeShrink(LAG_MS + 1)?.isr).toEqual([1, 2]);
    state.advance(LAG_MS + 1);
    expect(state.highWatermark).toBe(10);
    state.committed({ partitionEpoch: 9, isr: [1, 2], replicas: [1, 2, 3] });
    expect(state.advance(LAG_MS + 1)).toBe(true);
    expect(state.highWatermark).toBe(20);
  });

  test('lags after an election until it reaches the epoch start', () => {
    const state = leader({ logEndOffset: 10, highWatermark: 4 });
    expect(state.isHighWatermarkLagging).toBe(true);
    fetch(state, 2, 10);
    fetch(state, 3, 10);
    expect(state.isHighWatermarkLagging).toBe(false);
  });
});

describe('in sync or not', () => {
  test('a follower that has what there was at its last fetch was caught up then', () => {
    const state = leader();
    state.appended(10, 0);
    fetch(state, 2, 0, 1000);
    state.appended(20, 1500);
    fetch(state, 2, 10, 2000);
    expect(state.followers.get(2)?.lastCaughtUpMs).toBe(1000);
    fetch(state, 2, 20, 3000);
    expect(state.followers.get(2)?.lastCaughtUpMs).toBe(3000);
  });

  test('its first fetch from below says nothing about the past', () => {
    const state = leader({ isr: [1], logEndOffset: 100 });
    fetch(state, 2, 50, 1000);
    expect(state.followers.get(2)?.lastCaughtUpMs).toBe(-Infinity);
  });

  test('shrinks by those that have not been caught up for longer than the limit', () => {
    const state = leader();
    state.appended(10, 0);
    fetch(state, 2, 10, 20_000);
    expect(state.proposeShrink(LAG_MS)).toBeNull();
    expect(state.proposeShrink(LAG_MS + 1)).toEqual({
      kind: 'shrink',
      isr: [1, 2],
      brokerEpochs: [-1, 1],
      partitionEpoch: 7,
    });
    expect(state.maximalIsr).toEqual([1, 2, 3]);
  });

  test('a follower at the log end is in sync however long nothing happened', () => {
    const state = leader();
    fetch(state, 2, 0);
    fetch(state, 3, 0);
    expect(state.proposeShrink(10 * LAG_MS)).toBeNull();
  });

  test.each([
    { why: 'below the high watermark', at: 9, expected: null },
    { why: 'at the high watermark and the epoch start', at: 10, expected: [1, 2, 3] },
  ])('expands by a follower $why: $expected', ({ at, expected }) => {
    const state = leader({ isr: [1, 2], logEndOffset: 10 });
    fetch(state, 2, 10);
    fetch(state, 3, at);
    expect(state.proposeExpansion(3)?.isr ?? null).toEqual(expected);
  });

  test('does not expand by a follower below the start of the leader’s epoch', () => {
    const state = leader({ isr: [1, 2], logEndOffset: 10, highWatermark: 4 });
    fetch(state, 3, 5);
    expect(state.highWatermark).toBe(4);
    expect(state.proposeExpansion(3)).toBeNull();
  });

  test('does not expand by a fenced follower or another life of it', () => {
    const state = leader({ isr: [1, 2], isEligible: (_, brokerEpoch) => brokerEpoch !== 1 });
    fetch(state, 3, 0);
    expect(state.proposeExpansion(3)).toBeNull();
  });

  test('one proposal at a time; refused, the next can be made; another answer does not take it back', () => {
    const state = leader({ isr: [1] });
    fetch(state, 2, 0);
    fetch(state, 3, 0);
    const first = state.proposeExpansion(2);
    expect(state.proposeExpansion(3)).toBeNull();
    expect(state.proposeShrink(0)).toBeNull();
    state.refused(first!);
    expect(state.maximalIsr).toEqual([1]);
    const second = state.proposeExpansion(3);
    state.refused(first!);
    expect(state.proposal).toBe(second);
  });

  test('old news from the controller changes nothing', () => {
    const state = leader();
    expect(state.committed({ partitionEpoch: 7, isr: [1], replicas: [1] })).toBe(false);
    expect(state.committed({ partitionEpoch: 6, isr: [1], replicas: [1] })).toBe(false);
    expect(state.isr).toEqual([1, 2, 3]);
  });

  test('a reassignment adds followers that must catch up and forgets those that left', () => {
    const state = leader();
    state.committed({ partitionEpoch: 8, isr: [1, 2], replicas: [1, 2, 4] });
    expect([...state.followers.keys()]).toEqual([2, 4]);
    state.appended(5, 0);
    expect(fetch(state, 2, 5)).toBe(true);
    expect(state.highWatermark).toBe(5);
    expect(state.isUnderReplicated).toBe(true);
  });

  test('the low watermark is that of the live replicas', () => {
    const state = leader();
    for (const id of [2, 3]) {
      state.fetched(id, {
        fetchOffset: 50,
        logStartOffset: id * 10,
        leaderEndOffset: 50,
        brokerEpoch: 1,
        nowMs: 0,
      });
    }
    expect(state.lowWatermark(40, () => true)).toBe(20);
    expect(state.lowWatermark(40, (id) => id !== 2)).toBe(30);
  });
});

describe('acks', () => {
  test('only 0, 1 and -1 exist', () => {
    expect([-2, -1, 0, 1, 2].filter(isValidAcks)).toEqual([-1, 0, 1]);
  });

  test('acks=all needs min.insync.replicas before the append, the others do not', () => {
    const state = leader({ isr: [1], minInsyncReplicas: 2 });
    expect(errorBeforeAppend(state, -1)).toBe(KafkaError.NOT_ENOUGH_REPLICAS);
    expect(errorBeforeAppend(state, 1)).toBe(KafkaError.NONE);
    expect(errorBeforeAppend(state, 0)).toBe(KafkaError.NONE);
  });

  test('committed, but the ISR shrank meanwhile', () => {
    const state = leader({ isr: [1, 2, 3], minInsyncReplicas: 2 });
    state.appended(10, 0);
    expect(outcomeAfterAppend(state, 10)).toBeNull();
    fetch(state, 2, 10);
    fetch(state, 3, 10);
    expect(outcomeAfterAppend(state, 10)).toBe(KafkaError.NONE);
    state.committed({ partitionEpoch: 8, isr: [1], replicas: [1, 2, 3] });
    expect(outcomeAfterAppend(state, 10)).toBe(KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND);
  });
});

test('property: the high watermark never falls, never passes a replica that counts, never moves under min ISR', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('append' as const), by: fc.integer({ min: 1, max: 5 }) }),
    fc.record({
      do: fc.constant('fetch' as const),
      id: fc.constantFrom(2, 3, 4),
      back: fc.integer({ min: 0, max: 6 }),
    }),
    fc.record({ do: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
    fc.record({ do: fc.constant('expand' as const), id: fc.constantFrom(2, 3, 4) }),
    fc.record({ do: fc.constant('shrink' as const) }),
    fc.record({ do: fc.constantFrom('commit' as const, 'refuse' as const) }),
  );
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.integer({ min: 1, max: 3 }),
      (steps, minInsyncReplicas) => {
        const state = leader({ replicas: [1, 2, 3, 4], isr: [1, 2], minInsyncReplicas });
        let [nowMs, end, before] = [0, 0, 0];
        for (const action of steps) {
          const underMinIsr = state.isUnderMinIsr;
          switch (action.do) {
            case 'append':
              end += action.by;
              state.appended(end, nowMs);
              break;
            case 'fetch':
              fetch(state, action.id, Math.max(0, end - action.back), nowMs);
              break;
            case 'time':
              nowMs += action.ms;
              state.advance(nowMs);
              break;
            case 'expand':
              state.proposeExpansion(action.id);
              break;
            case 'shrink':
              state.proposeShrink(nowMs);
              break;
            case 'commit': {
              const { proposal } = state;
              if (proposal === null) break;
              const committed = { ...proposal, partitionEpoch: proposal.partitionEpoch + 1 };
              expect(state.committed({ ...committed, replicas: [1, 2, 3, 4] })).toBe(true);
              expect(state.isr).toEqual(proposal.isr);
              break;
            }
            case 'refuse':
              if (state.proposal !== null) state.refused(state.proposal);
              break;
          }
          const mark = state.highWatermark;
          expect(mark).toBeGreaterThanOrEqual(before);
          expect(mark).toBeLessThanOrEqual(end);
          if (mark > before) {
            expect(underMinIsr).toBe(false);
            for (const id of state.maximalIsr) {
              if (id !== 1)
                expect(state.followers.get(id)!.logEndOffset).toBeGreaterThanOrEqual(mark);
            }
          }
          // The leader itself never leaves the ISR.
          expect(state.isr).toContain(1);
          before = mark;
        }
      },
    ),
    { numRuns: 300 },
  );
});
