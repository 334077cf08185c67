import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVarveError } from '../errors.js';
import { LeaderEpochCache, type LeaderEpochEntry } from './leader-epoch-cache.js';

type Pair = [epoch: number, startOffset: number];

function cacheOf(...pairs: Pair[]): LeaderEpochCache {
  return LeaderEpochCache.from(pairs.map(([epoch, startOffset]) => ({ epoch, startOffset })));
}

function pairsOf(cache: LeaderEpochCache): Pair[] {
  return cache.entries().map(({ epoch, startOffset }) => [epoch, startOffset]);
}

describe('LeaderEpochCache', () => {
  describe('assign', () => {
    it.each<[string, Pair[], Pair, Pair[]]>([
      ['to an empty cache', [], [3, 10], [[3, 10]]],
      [
        'a later epoch',
        [[1, 0]],
        [2, 10],
        [
          [1, 0],
          [2, 10],
        ],
      ],
      [
        'the latest epoch at its start',
        [
          [1, 0],
          [2, 10],
        ],
        [2, 10],
        [
          [1, 0],
          [2, 10],
        ],
      ],
      [
        'the latest epoch further on',
        [
          [1, 0],
          [2, 10],
        ],
        [2, 40],
        [
          [1, 0],
          [2, 10],
        ],
      ],
      [
        'the latest epoch earlier',
        [
          [1, 0],
          [2, 10],
        ],
        [2, 5],
        [
          [1, 0],
          [2, 5],
        ],
      ],
      [
        'a new epoch where the last one starts',
        [
          [1, 0],
          [2, 10],
        ],
        [3, 10],
        [
          [1, 0],
          [3, 10],
        ],
      ],
      [
        'a new epoch before several starts',
        [
          [1, 0],
          [2, 10],
          [3, 20],
        ],
        [4, 10],
        [
          [1, 0],
          [4, 10],
        ],
      ],
      [
        'a lower epoch at a later offset',
        [
          [1, 0],
          [3, 10],
          [5, 20],
        ],
        [2, 30],
        [
          [1, 0],
          [2, 30],
        ],
      ],
      [
        'a known, not latest epoch',
        [
          [3, 50],
          [5, 100],
        ],
        [3, 200],
        [[3, 200]],
      ],
      [
        'everything contradicted',
        [
          [4, 10],
          [5, 20],
        ],
        [2, 5],
        [[2, 5]],
      ],
    ])('%s', (_, before, [epoch, startOffset], after) => {
      const cache = cacheOf(...before);
      const changes = JSON.stringify(before) !== JSON.stringify(after);
      expect(cache.assign(epoch, startOffset)).toBe(changes);
      expect(pairsOf(cache)).toEqual(after);
      expect(cache.version).toBe(changes ? 1 : 0);
    });

    it.each([
      [-1, 0],
      [1.5, 0],
      [2 ** 31, 0],
      [1, -1],
      [1, 2 ** 53],
      [1, Number.NaN],
    ])('refuses epoch %d at offset %d and keeps what it had', (epoch, startOffset) => {
      const cache = cacheOf([0, 0]);
      try {
        cache.assign(epoch, startOffset);
        expect.unreachable();
      } catch (error) {
        expect(isVarveError(error, 'INVALID_ARGUMENT'), String(error)).toBe(true);
      }
      expect(pairsOf(cache)).toEqual([[0, 0]]);
    });
  });

  describe('endOffsetFor', () => {
    const known: Pair[] = [
      [2, 10],
      [3, 20],
      [6, 30],
    ];
    it.each<[string, Pair[], number, number, number]>([
      ['an undefined epoch', known, -1, -1, -1],
      ['any epoch of an empty cache', [], 2, -1, -1],
      ['the latest epoch: the log end', known, 6, 6, 99],
      ['an epoch above the latest', known, 7, -1, -1],
      ['a known epoch: the start of the next', known, 2, 2, 20],
      ['the last but one', known, 3, 3, 30],
      ['an epoch that wrote nothing: the one before it', known, 5, 3, 30],
      ['an epoch older than all: the first known start', known, 1, 1, 10],
    ])('%s', (_, entries, requested, epoch, endOffset) => {
      expect(cacheOf(...entries).endOffsetFor(requested, 99)).toEqual({ epoch, endOffset });
    });
  });

  describe('truncateFromStart', () => {
    it.each<[string, Pair[], number, Pair[]]>([
      [
        'inside an epoch',
        [
          [2, 6],
          [3, 8],
          [4, 11],
        ],
        9,
        [
          [3, 9],
          [4, 11],
        ],
      ],
      [
        'at a start',
        [
          [2, 6],
          [3, 8],
          [4, 11],
        ],
        8,
        [
          [3, 8],
          [4, 11],
        ],
      ],
      [
        'below all',
        [
          [2, 6],
          [3, 8],
        ],
        1,
        [
          [2, 6],
          [3, 8],
        ],
      ],
      [
        'at the first start',
        [
          [2, 6],
          [3, 8],
        ],
        6,
        [
          [2, 6],
          [3, 8],
        ],
      ],
      [
        'above all',
        [
          [2, 6],
          [3, 8],
        ],
        40,
        [[3, 40]],
      ],
      ['of an empty cache', [], 5, []],
    ])('%s', (_, before, offset, after) => {
      const cache = cacheOf(...before);
      const changes = JSON.stringify(before) !== JSON.stringify(after);
      expect(cache.truncateFromStart(offset)).toBe(changes);
      expect(pairsOf(cache)).toEqual(after);
      expect(cache.version).toBe(changes ? 1 : 0);
    });
  });

  describe('truncateFromEnd', () => {
    it.each<[string, Pair[], number, Pair[]]>([
      [
        'inside an epoch',
        [
          [2, 6],
          [3, 8],
          [4, 11],
        ],
        9,
        [
          [2, 6],
          [3, 8],
        ],
      ],
      [
        'at a start',
        [
          [2, 6],
          [3, 8],
          [4, 11],
        ],
        8,
        [[2, 6]],
      ],
      [
        'above all',
        [
          [2, 6],
          [3, 8],
        ],
        9,
        [
          [2, 6],
          [3, 8],
        ],
      ],
      [
        'at or below all',
        [
          [2, 6],
          [3, 8],
        ],
        6,
        [],
      ],
      ['an unknown end', [[2, 6]], -1, [[2, 6]]],
    ])('%s', (_, before, offset, after) => {
      const cache = cacheOf(...before);
      expect(cache.truncateFromEnd(offset)).toBe(before.length !== after.length);
      expect(pairsOf(cache)).toEqual(after);
    });
  });

  it.each<[string, Pair[]]>([
    [
      'epochs that do not ascend',
      [
        [2, 0],
        [2, 5],
      ],
    ],
    [
      'offsets that do not ascend',
      [
        [2, 5],
        [3, 5],
      ],
    ],
    ['a negative epoch', [[-1, 5]]],
    ['an offset beyond safe integers', [[1, 2 ** 53]]],
  ])('refuses a checkpoint with %s', (_, pairs) => {
    try {
      cacheOf(...pairs);
      expect.unreachable();
    } catch (error) {
      expect(isVarveError(error, 'CORRUPT_CHECKPOINT'), String(error)).toBe(true);
      expect(error).toMatchObject({ details: { entry: pairs.length - 1 } });
    }
  });

  it('agrees with a log of one epoch per offset, through elections and truncations', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('elect' as const), count: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant('cut tail' as const), count: fc.nat(8) }),
      fc.record({ kind: fc.constant('cut head' as const), count: fc.nat(8) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new LeaderEpochCache();
        const log: number[] = [];
        let start = 0;
        let epoch = 0;
        let lastVersion = cache.version;
        for (const { kind, count } of steps) {
          const before = JSON.stringify(cache.entries());
          if (kind === 'elect') epoch += count;
          if (kind === 'write') {
            for (let written = 0; written < count; written++) {
              cache.assign(epoch, log.length);
              log.push(epoch);
            }
          }
          if (kind === 'cut tail') {
            log.length = Math.max(start, log.length - count);
            cache.truncateFromEnd(log.length);
          }
          if (kind === 'cut head') {
            start = Math.min(log.length, start + count);
            cache.truncateFromStart(start);
          }
          expect(cache.version > lastVersion).toBe(JSON.stringify(cache.entries()) !== before);
          lastVersion = cache.version;

          for (let offset = start; offset < log.length; offset++) {
            expect(cache.epochFor(offset)).toBe(log[offset]);
          }
          for (const asked of new Set(log.slice(start))) {
            expect(cache.endOffsetFor(asked, log.length)).toEqual({
              epoch: asked,
              endOffset: log.lastIndexOf(asked) + 1,
            });
          }
          const entries: LeaderEpochEntry[] = cache.entries();
          expect(LeaderEpochCache.from(entries).entries()).toEqual(entries);
        }
      }),
    );
  });

  it('answers -1 for an offset before the first known epoch', () => {
    expect(cacheOf([1, 5]).epochFor(4)).toBe(-1);
    expect(new LeaderEpochCache().latestEpoch).toBe(-1);
  });

  it('clears', () => {
    const cache = cacheOf([1, 5]);
    cache.clear();
    expect([cache.count, cache.version, cache.latest, cache.earliest]).toEqual([
      0,
      1,
      undefined,
      undefined,
    ]);
    cache.clear();
    expect(cache.version).toBe(1);
  });
});
