import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LeaderEpochCache } from '../log/leader-epoch-cache.js';
import { KafkaError } from '../protocol/error-codes.js';
import {
  FollowerState,
  followerHighWatermark,
  onFetchError,
  onOutOfRange,
  truncationFor,
} from './follower-state.js';

function follower(latestEpoch = 3): FollowerState {
  return new FollowerState({ leaderId: 1, leaderEpoch: 4, latestEpoch, maxBackoffMs: 1000 });
}

describe('phases', () => {
  test('a log with epochs fetches at once, one without is cut to the high watermark first', () => {
    expect(follower(0).phase).toBe('fetching');
    expect(follower(-1).phase).toBe('truncating');
    expect(follower(-1).isReady(0)).toBe(false);
  });

  test('takes no part in fetches while its log is worked on', () => {
    const state = follower();
    state.started();
    expect(state.isReady(0)).toBe(false);
    state.finished();
    expect(state.isReady(0)).toBe(true);
  });

  test('waits longer after each failure, up to the limit, and little again after progress', () => {
    const state = follower();
    const waits: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      state.delay(0);
      waits.push(state.retryAtMs);
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    expect(state.isReady(999)).toBe(false);
    expect(state.isReady(1000)).toBe(true);
    state.progressed();
    state.delay(2000);
    expect(state.retryAtMs).toBe(2010);
  });

  test('fenced or failed, it stays so', () => {
    const [fenced, failed] = [follower(), follower()];
    fenced.fenced();
    failed.failed();
    fenced.finished();
    failed.finished();
    expect(fenced.isReady(1e9)).toBe(false);
    expect(failed.isReady(1e9)).toBe(false);
  });

  test.each([
    [KafkaError.OFFSET_OUT_OF_RANGE, 'find-offset'],
    [KafkaError.FENCED_LEADER_EPOCH, 'fenced'],
    [KafkaError.UNKNOWN_LEADER_EPOCH, 'retry'],
    [KafkaError.NOT_LEADER_OR_FOLLOWER, 'retry'],
    [KafkaError.UNKNOWN_TOPIC_ID, 'retry'],
    [KafkaError.KAFKA_STORAGE_ERROR, 'retry'],
  ] as const)('error %i: %s', (code, expected) => {
    expect(onFetchError(code)).toBe(expected);
  });
});

describe('truncation', () => {
  const epochs = LeaderEpochCache.from([
    { epoch: 1, startOffset: 0 },
    { epoch: 3, startOffset: 10 },
    { epoch: 6, startOffset: 20 },
  ]);
  const own = {
    logEndOffset: 25,
    highWatermark: 8,
    endOffsetForEpoch: (epoch: number) => epochs.endOffsetFor(epoch, 25),
  };

  test.each([
    {
      name: 'the leader cannot tell: to the high watermark',
      leader: { epoch: -1, endOffset: -1 },
      to: { offset: 8, isComplete: true },
    },
    {
      name: 'the leader knows no epoch: to its end',
      leader: { epoch: -1, endOffset: 12 },
      to: { offset: 12, isComplete: true },
    },
    {
      name: 'the leader ended the epoch earlier',
      leader: { epoch: 3, endOffset: 14 },
      to: { offset: 14, isComplete: true },
    },
    {
      name: 'the leader ended it later: own end of it',
      leader: { epoch: 3, endOffset: 30 },
      to: { offset: 20, isComplete: true },
    },
    {
      name: 'the latest epoch, longer here',
      leader: { epoch: 6, endOffset: 22 },
      to: { offset: 22, isComplete: true },
    },
    {
      name: 'an epoch not known here: end of the one before, and ask again',
      leader: { epoch: 5, endOffset: 18 },
      to: { offset: 20, isComplete: false },
    },
    {
      name: 'an epoch below all known here',
      leader: { epoch: 0, endOffset: 4 },
      to: { offset: 0, isComplete: true },
    },
  ])('$name', ({ leader, to }) => {
    expect(truncationFor(leader, own)).toEqual(to);
  });

  test('offset out of range', () => {
    expect(onOutOfRange({ logStartOffset: 0, logEndOffset: 20 }, 25)).toEqual({
      kind: 'truncate',
      offset: 20,
    });
    expect(onOutOfRange({ logStartOffset: 30, logEndOffset: 40 }, 25)).toEqual({
      kind: 'restart',
      offset: 30,
    });
    expect(onOutOfRange({ logStartOffset: 25, logEndOffset: 40 }, 25)).toEqual({
      kind: 'continue',
    });
  });

  test('the high watermark follows the leader up to the own end, never down, never below the log start', () => {
    const log = { logStartOffset: 5, logEndOffset: 20, highWatermark: 10 };
    expect(followerHighWatermark(15, log)).toBe(15);
    expect(followerHighWatermark(30, log)).toBe(20);
    expect(followerHighWatermark(7, log)).toBe(10);
    expect(followerHighWatermark(0, { ...log, highWatermark: 0 })).toBe(5);
  });
});

/** A log as epochs of its offsets: what it wrote, and what Kafka would note of it. */
interface Log {
  readonly records: readonly number[];
  readonly epochs: LeaderEpochCache;
}

function logOf(records: readonly number[]): Log {
  const epochs = LeaderEpochCache.from([]);
  for (const [offset, epoch] of records.entries()) epochs.assign(epoch, offset);
  return { records, epochs };
}

test('property: fetching with truncation on divergence ends with the same log as the leader, and never cuts what both have', () => {
  // Records are known by their epoch alone: one epoch has one leader, so equal epochs at equal offsets from a
  // common prefix are the same records. Diverging tails therefore use different epochs.
  const run = fc.record({
    skip: fc.integer({ min: 0, max: 2 }),
    count: fc.integer({ min: 1, max: 4 }),
  });
  const runs = fc.array(run, { maxLength: 5 });
  fc.assert(
    fc.property(runs, runs, runs, fc.integer({ min: 0, max: 3 }), (common, left, right, extra) => {
      const shared = written([], common, 0, 1);
      // Odd epochs on one side, even ones on the other, but the last shared epoch may go on on one side.
      const next = (((shared.at(-1) ?? 0) >> 1) << 1) + 2;
      const goesOn = shared.length === 0 ? [] : Array<number>(extra).fill(shared.at(-1)!);
      // A leader's epoch is above those of all replicas.
      const leader = logOf([...written([...shared, ...goesOn], left, next, 2), 1000]);
      let own = written(shared, right, next + 1, 2);
      for (let rounds = 0; ; rounds += 1) {
        expect(rounds).toBeLessThan(40);
        const mine = logOf(own);
        const end = mine.records.length;
        const last = mine.epochs.latestEpoch;
        if (last >= 0) {
          const answer = leader.epochs.endOffsetFor(last, leader.records.length);
          if (answer.epoch < last || answer.endOffset < end) {
            const cut = truncationFor(answer, {
              logEndOffset: end,
              highWatermark: 0,
              endOffsetForEpoch: (epoch) => mine.epochs.endOffsetFor(epoch, end),
            });
            expect(cut.offset).toBeLessThan(end);
            expect(cut.offset).toBeGreaterThanOrEqual(Math.min(shared.length, end));
            own = own.slice(0, cut.offset);
            continue;
          }
        }
        if (end === leader.records.length) break;
        own = [...own, leader.records[end]!];
      }
      expect(own).toEqual(leader.records);
    }),
    { numRuns: 500 },
  );
});

function written(
  before: readonly number[],
  runs: readonly { readonly skip: number; readonly count: number }[],
  firstEpoch: number,
  step: number,
): number[] {
  const records = [...before];
  let epoch = firstEpoch;
  for (const { skip, count } of runs) {
    epoch += skip * step;
    for (let i = 0; i < count; i += 1) records.push(epoch);
    epoch += step;
  }
  return records;
}
