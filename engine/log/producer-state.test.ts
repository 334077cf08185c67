import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVarveError } from '../errors.js';
import {
  type AppendedBatch,
  addSequence,
  type EndTransaction,
  firstSequence,
  type ProducerBatch,
  ProducerState,
} from './producer-state.js';

const EXPIRATION_MS = 1000;
const MAX_SEQUENCE = 0x7fffffff;

const newState = () => new ProducerState(EXPIRATION_MS);

function batchOf(change: Partial<AppendedBatch> & { count?: number } = {}): AppendedBatch {
  const { count = 1, ...rest } = change;
  const baseSequence = rest.baseSequence ?? 0;
  const baseOffset = rest.baseOffset ?? 0;
  return {
    producerId: 7,
    producerEpoch: 0,
    baseSequence,
    lastSequence: addSequence(baseSequence, count - 1),
    isTransactional: false,
    baseOffset,
    lastOffset: baseOffset + count - 1,
    maxTimestamp: 100,
    ...rest,
  };
}

function marker(change: Partial<EndTransaction> = {}): EndTransaction {
  return {
    producerId: 7,
    producerEpoch: 0,
    coordinatorEpoch: 0,
    offset: 50,
    timestamp: 100,
    aborted: false,
    ...change,
  };
}

function codeOf(action: () => unknown): string {
  try {
    action();
    return 'none';
  } catch (error) {
    return isVarveError(error) ? error.code : String(error);
  }
}

describe('sequences', () => {
  it.each([
    [5, 2, 3],
    [0, 0, 0],
    [1, 3, MAX_SEQUENCE - 1],
    [0, 1, MAX_SEQUENCE],
    [MAX_SEQUENCE, 10, MAX_SEQUENCE - 10],
  ])('the batch that ends at %d with %d records before it begins at %d', (last, delta, first) => {
    expect(firstSequence(last, delta)).toBe(first);
    expect(addSequence(first, delta)).toBe(last);
  });
});

describe('ProducerState', () => {
  it('has no cost for batches that are not idempotent', () => {
    const state = newState();
    state.update(batchOf({ producerId: -1 }));
    expect(state.check(batchOf({ producerId: -1, baseSequence: -1 }), 'client')).toBeNull();
    expect(state.endTransaction(marker({ producerId: -1 }))).toBeNull();
    expect(state.isEmpty).toBe(true);
    expect(state.takeSnapshot()).toEqual([]);
  });

  describe('after sequences 10..14 in epoch 3', () => {
    const seen = () => {
      const state = newState();
      state.update(batchOf({ producerEpoch: 3, baseSequence: 10, count: 5, baseOffset: 200 }));
      return state;
    };
    const next = (change: Partial<AppendedBatch> & { count?: number }) =>
      batchOf({ producerEpoch: 3, ...change });

    it.each<[string, ProducerBatch, string]>([
      ['the next sequence', next({ baseSequence: 15 }), 'none'],
      ['a gap', next({ baseSequence: 16 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
      [
        'a part of what is there',
        next({ baseSequence: 12, count: 3 }),
        'OUT_OF_ORDER_SEQUENCE_NUMBER',
      ],
      ['more than is there', next({ baseSequence: 10, count: 6 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
      ['sequence 0 again', next({ baseSequence: 0 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
      ['a new epoch at 0', next({ producerEpoch: 4 }), 'none'],
      [
        'a new epoch not at 0',
        next({ producerEpoch: 4, baseSequence: 15 }),
        'OUT_OF_ORDER_SEQUENCE_NUMBER',
      ],
      ['an old epoch', next({ producerEpoch: 2, baseSequence: 15 }), 'INVALID_PRODUCER_EPOCH'],
      ['an old epoch at 0', next({ producerEpoch: 2 }), 'INVALID_PRODUCER_EPOCH'],
      ['an unknown producer at any sequence', next({ producerId: 8, baseSequence: 99 }), 'none'],
    ])('%s', (_, batch, expected) => {
      const state = seen();
      expect(codeOf(() => expect(state.check(batch, 'client')).toBeNull())).toBe(expected);
      expect(codeOf(() => state.check(batch, 'replication'))).toBe('none');
    });

    it('a coordinator is checked for its epoch only', () => {
      const state = seen();
      expect(state.check(next({ baseSequence: -1 }), 'coordinator')).toBeNull();
      expect(codeOf(() => state.check(next({ producerEpoch: 2 }), 'coordinator'))).toBe(
        'INVALID_PRODUCER_EPOCH',
      );
    });

    it('the same batch again is a duplicate, with its first offset', () => {
      expect(seen().check(next({ baseSequence: 10, count: 5 }), 'client')).toEqual({
        baseOffset: 200,
        lastOffset: 204,
        timestamp: 100,
      });
    });

    it('says what was expected', () => {
      expect(() => seen().check(next({ baseSequence: 17 }), 'client')).toThrow(/17, expected 15/);
    });
  });

  it('goes from sequence 2147483647 to 0, and knows a batch across the wrap again', () => {
    const state = newState();
    state.update(batchOf({ baseSequence: MAX_SEQUENCE - 1, count: 5, baseOffset: 10 }));
    const again = batchOf({ baseSequence: MAX_SEQUENCE - 1, count: 5 });
    expect(again.lastSequence).toBe(2);
    expect(state.check(again, 'client')).toMatchObject({ baseOffset: 10, lastOffset: 14 });
    expect(state.check(batchOf({ baseSequence: 3 }), 'client')).toBeNull();
    state.update(batchOf({ baseSequence: MAX_SEQUENCE, baseOffset: 15 }));
    expect(state.check(batchOf({ baseSequence: 0 }), 'client')).toBeNull();
  });

  it('knows the last five batches of a producer, not the sixth', () => {
    const state = newState();
    for (let at = 0; at < 9; at++) {
      state.update(batchOf({ baseSequence: at * 2, count: 2, baseOffset: at * 10 }));
    }
    for (let at = 0; at < 9; at++) {
      const again = batchOf({ baseSequence: at * 2, count: 2 });
      if (at < 4) {
        expect(codeOf(() => state.check(again, 'client'))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
      } else {
        expect(state.check(again, 'client')).toMatchObject({ baseOffset: at * 10 });
      }
    }
  });

  it('agrees with a list of everything written, for many producers and retries', () => {
    const step = fc.record({
      producerId: fc.nat(2),
      epochStep: fc.constantFrom(0, 0, 0, 0, 0, 1, -1),
      sequenceStep: fc.constantFrom(0, 0, 0, 0, 1, -1, -2, -3),
      count: fc.integer({ min: 1, max: 3 }),
      origin: fc.constantFrom('client' as const, 'client' as const, 'replication' as const),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.boolean(), (steps, nearWrap) => {
        const state = newState();
        const written: AppendedBatch[] = [];
        let offset = 0;
        for (const { producerId, epochStep, sequenceStep, count, origin } of steps) {
          const own = written.filter((batch) => batch.producerId === producerId);
          const last = own.at(-1);
          const epoch = Math.max(0, (last?.producerEpoch ?? 0) + epochStep);
          // How many batches of this epoch were written without another epoch between.
          const lastOther = own.findLastIndex((batch) => batch.producerEpoch !== epoch);
          const recent = own.slice(lastOther + 1).slice(-5);
          const start = nearWrap ? MAX_SEQUENCE - 3 : 0;
          const following =
            last === undefined
              ? start
              : last.producerEpoch === epoch
                ? addSequence(last.lastSequence, 1)
                : 0;
          const retried = sequenceStep < 0 ? recent.at(sequenceStep) : undefined;
          const baseSequence =
            retried?.baseSequence ?? addSequence(following, Math.max(0, sequenceStep));
          const size = retried === undefined ? count : retried.lastOffset - retried.baseOffset + 1;
          const batch = batchOf({
            producerId,
            producerEpoch: epoch,
            baseSequence,
            count: size,
            baseOffset: offset,
          });

          // Replication may have written a range twice: the newest of the last five counts.
          const known = recent.findLast(
            (one) => one.baseSequence === baseSequence && one.lastSequence === batch.lastSequence,
          );
          let expected = 'append';
          if (origin === 'client' && last !== undefined) {
            if (epoch < last.producerEpoch) expected = 'INVALID_PRODUCER_EPOCH';
            else if (known !== undefined) expected = 'duplicate';
            else if (baseSequence !== following) expected = 'OUT_OF_ORDER_SEQUENCE_NUMBER';
          }
          let actual = 'append';
          try {
            const duplicate = state.check(batch, origin);
            if (duplicate !== null) {
              actual = 'duplicate';
              expect(duplicate).toMatchObject({
                baseOffset: known?.baseOffset,
                lastOffset: known?.lastOffset,
              });
            }
          } catch (error) {
            actual = isVarveError(error) ? error.code : String(error);
          }
          expect(actual).toBe(expected);
          if (actual !== 'append') continue;
          state.update(batch);
          written.push(batch);
          offset = batch.lastOffset + 1;
        }
      }),
      { numRuns: 300 },
    );
  });

  describe('transactions', () => {
    it('an open one holds back the stable offset until its marker is below the high watermark', () => {
      const state = newState();
      state.update(batchOf({ isTransactional: true, baseOffset: 10 }));
      state.update(batchOf({ isTransactional: true, baseSequence: 1, baseOffset: 11 }));
      state.update(batchOf({ producerId: 8, isTransactional: true, baseOffset: 12 }));
      expect(state.firstUnstableOffset).toBe(10);

      expect(state.endTransaction(marker({ offset: 13, aborted: true }))).toEqual({
        producerId: 7,
        firstOffset: 10,
        lastOffset: 13,
        lastStableOffset: 12,
        aborted: true,
      });
      expect(state.firstUndecidedOffset).toBe(12);
      expect(state.firstUnstableOffset).toBe(10);
      state.onHighWatermark(13);
      expect(state.firstUnstableOffset).toBe(10);
      state.onHighWatermark(14);
      expect(state.firstUnstableOffset).toBe(12);

      expect(state.endTransaction(marker({ producerId: 8, offset: 14 }))).toMatchObject({
        firstOffset: 12,
        lastStableOffset: 15,
      });
      state.onHighWatermark(15);
      expect(state.firstUnstableOffset).toBeNull();
    });

    it('the oldest undecided or unreplicated one counts, whichever it is', () => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.constantFrom('write', 'end', 'watermark'), fc.nat(4)), {
            maxLength: 60,
          }),
          (steps) => {
            const state = newState();
            const open = new Map<number, number>();
            let ended: { first: number; marker: number }[] = [];
            const sequences = new Map<number, number>();
            let offset = 0;
            for (const [kind, producerId] of steps) {
              if (kind === 'write') {
                const baseSequence = sequences.get(producerId) ?? 0;
                sequences.set(producerId, baseSequence + 1);
                const batch = batchOf({
                  producerId,
                  baseSequence,
                  baseOffset: offset,
                  isTransactional: true,
                });
                expect(state.check(batch, 'client')).toBeNull();
                state.update(batch);
                if (!open.has(producerId)) open.set(producerId, offset);
                offset++;
              } else if (kind === 'end') {
                const first = open.get(producerId);
                open.delete(producerId);
                const completed = state.endTransaction(marker({ producerId, offset }));
                if (first === undefined) expect(completed).toBeNull();
                else {
                  ended.push({ first, marker: offset });
                  const stable = Math.min(offset + 1, ...open.values());
                  expect(completed).toMatchObject({ firstOffset: first, lastStableOffset: stable });
                }
                offset++;
              } else {
                const highWatermark = Math.max(0, offset - producerId);
                ended = ended.filter((one) => one.marker >= highWatermark);
                state.onHighWatermark(highWatermark);
              }
              const unstable = Math.min(...open.values(), ...ended.map((one) => one.first));
              expect(state.firstUnstableOffset).toBe(unstable === Infinity ? null : unstable);
            }
            const reloaded = newState();
            reloaded.loadSnapshot([...state.takeSnapshot()].reverse(), offset, 100);
            expect(reloaded.firstUndecidedOffset).toBe(state.firstUndecidedOffset);
          },
        ),
        { numRuns: 300 },
      );
    });

    it('refuses a batch outside the open transaction', () => {
      const state = newState();
      state.update(batchOf({ isTransactional: true }));
      expect(codeOf(() => state.check(batchOf({ baseSequence: 1 }), 'client'))).toBe(
        'INVALID_RECORD',
      );
    });

    it('a marker with a new epoch fences the old one and starts sequences at 0', () => {
      const state = newState();
      state.update(batchOf({ baseSequence: 0, count: 5, isTransactional: true }));
      state.endTransaction(marker({ producerEpoch: 1 }));
      expect(codeOf(() => state.check(batchOf({ baseSequence: 5 }), 'client'))).toBe(
        'INVALID_PRODUCER_EPOCH',
      );
      expect(state.check(batchOf({ producerEpoch: 1, baseSequence: 0 }), 'client')).toBeNull();
      expect(
        codeOf(() => state.check(batchOf({ producerEpoch: 1, baseSequence: 5 }), 'client')),
      ).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    });

    it('a marker of the same epoch keeps the sequences', () => {
      const state = newState();
      state.update(batchOf({ count: 5, isTransactional: true }));
      state.endTransaction(marker());
      expect(state.check(batchOf({ baseSequence: 5, isTransactional: true }), 'client')).toBeNull();
      expect(state.check(batchOf({ count: 5, isTransactional: true }), 'client')).not.toBeNull();
    });

    it('refuses a marker of an old epoch or an old coordinator, except by replication', () => {
      const state = newState();
      state.endTransaction(marker({ producerEpoch: 3, coordinatorEpoch: 5 }));
      const check = (change: Partial<EndTransaction>, origin: 'coordinator' | 'replication') =>
        codeOf(() =>
          state.checkMarker(marker({ producerEpoch: 3, coordinatorEpoch: 5, ...change }), origin),
        );
      expect(check({}, 'coordinator')).toBe('none');
      expect(check({ producerEpoch: 2 }, 'coordinator')).toBe('INVALID_PRODUCER_EPOCH');
      expect(check({ coordinatorEpoch: 4 }, 'coordinator')).toBe('INVALID_PRODUCER_EPOCH');
      expect(check({ producerEpoch: 2, coordinatorEpoch: 4 }, 'replication')).toBe('none');
      expect(check({ producerId: 99 }, 'coordinator')).toBe('none');
    });
  });

  it('forgets producers that are idle, but never one with an open transaction', () => {
    const state = newState();
    state.update(batchOf({ producerId: 1, maxTimestamp: 100 }));
    state.update(batchOf({ producerId: 2, maxTimestamp: 101 }));
    state.update(batchOf({ producerId: 3, maxTimestamp: 100, isTransactional: true }));
    expect(state.expire(100 + EXPIRATION_MS - 1)).toBe(0);
    expect(state.expire(100 + EXPIRATION_MS)).toBe(1);
    expect(state.takeSnapshot().map((entry) => entry.producerId)).toEqual([2, 3]);
    expect(state.check(batchOf({ producerId: 1, baseSequence: 77 }), 'client')).toBeNull();
    state.endTransaction(marker({ producerId: 3, timestamp: 100 }));
    expect(state.expire(10_000)).toBe(2);
    expect(state.isEmpty).toBe(true);
  });

  describe('snapshot', () => {
    it('keeps the last batch of each producer', () => {
      const state = newState();
      state.update(batchOf({ baseSequence: 0, count: 2, baseOffset: 0 }));
      state.update(batchOf({ baseSequence: 2, count: 3, baseOffset: 2, maxTimestamp: 150 }));
      state.update(batchOf({ producerId: 8, isTransactional: true, baseOffset: 5 }));
      state.endTransaction(marker({ producerId: 9, producerEpoch: 4, coordinatorEpoch: 6 }));
      state.advanceTo(51);
      const entries = state.takeSnapshot();
      expect(entries).toEqual([
        {
          producerId: 7,
          producerEpoch: 0,
          lastSequence: 4,
          lastOffset: 4,
          offsetDelta: 2,
          timestamp: 150,
          coordinatorEpoch: -1,
          currentTxnFirstOffset: -1,
        },
        {
          producerId: 8,
          producerEpoch: 0,
          lastSequence: 0,
          lastOffset: 5,
          offsetDelta: 0,
          timestamp: 100,
          coordinatorEpoch: -1,
          currentTxnFirstOffset: 5,
        },
        {
          producerId: 9,
          producerEpoch: 4,
          lastSequence: -1,
          lastOffset: -1,
          offsetDelta: 0,
          timestamp: 100,
          coordinatorEpoch: 6,
          currentTxnFirstOffset: -1,
        },
      ]);

      const loaded = newState();
      loaded.loadSnapshot(entries, state.mapEndOffset, 200);
      expect(loaded.mapEndOffset).toBe(51);
      expect(loaded.takeSnapshot()).toEqual(entries);
      expect(loaded.firstUnstableOffset).toBe(5);
      expect(loaded.check(batchOf({ baseSequence: 2, count: 3 }), 'client')).toMatchObject({
        baseOffset: 2,
      });
      expect(codeOf(() => loaded.check(batchOf({ baseSequence: 0, count: 2 }), 'client'))).toBe(
        'OUT_OF_ORDER_SEQUENCE_NUMBER',
      );
    });

    it('leaves out expired producers when loaded', () => {
      const state = newState();
      state.update(batchOf());
      const loaded = newState();
      loaded.loadSnapshot(state.takeSnapshot(), 1, 100 + EXPIRATION_MS);
      expect(loaded.isEmpty).toBe(true);
      expect(loaded.mapEndOffset).toBe(1);
    });
  });

  describe('truncateTo', () => {
    it('keeps the state at the same end, and empties it at another', () => {
      const state = newState();
      state.update(batchOf());
      state.advanceTo(1);
      expect(state.truncateTo(1)).toBe(true);
      expect(state.count).toBe(1);
      expect(state.truncateTo(0)).toBe(false);
      expect(state.isEmpty).toBe(true);
      expect(state.mapEndOffset).toBe(0);
    });

    it('empties a state that knows batches behind the end it was last told of', () => {
      const state = newState();
      state.advanceTo(1);
      state.update(batchOf({ baseOffset: 1, lastOffset: 1 }));
      expect(state.mapEndOffset).toBe(2);
      expect(state.truncateTo(1)).toBe(false);
      expect(state.isEmpty).toBe(true);
    });

    it('needs nothing when no producer was ever known', () => {
      const state = newState();
      state.advanceTo(100);
      expect(state.truncateTo(40)).toBe(true);
      expect(state.mapEndOffset).toBe(40);
    });
  });

  it('moves its end along with the log start', () => {
    const state = newState();
    state.onLogStart(30);
    expect(state.mapEndOffset).toBe(30);
    state.advanceTo(90);
    state.onLogStart(40);
    expect(state.mapEndOffset).toBe(90);
  });
});
