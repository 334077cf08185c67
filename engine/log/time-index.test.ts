import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssertionError } from '../assert.js';
import { isVarveError } from '../errors.js';
import { TimeIndex } from './time-index.js';

const BASE = 7_000_000_000;
const T0 = 1_700_000_000_000;

function fileOf(...entries: [bigint, number][]): Buffer {
  const bytes = Buffer.alloc(entries.length * 12);
  entries.forEach(([timestamp, relative], at) => {
    bytes.writeBigInt64BE(timestamp, at * 12);
    bytes.writeInt32BE(relative, at * 12 + 8);
  });
  return bytes;
}

function contentOf(index: TimeIndex): [number, number][] {
  return Array.from({ length: index.count }, (_, at) => [
    index.timestampAt(at),
    index.offsetAt(at) - BASE,
  ]);
}

const appends = fc.array(
  fc.tuple(fc.integer({ min: -50, max: 200 }), fc.integer({ min: 1, max: 30 })),
  { maxLength: 100 },
);

describe('TimeIndex', () => {
  it('holds no memory while empty, and misses every lookup', () => {
    const index = new TimeIndex(BASE, 100);
    expect(index.memoryBytes).toBe(0);
    expect(index.lastTimestamp).toBe(-1);
    expect(index.lastOffset).toBe(BASE);
    expect(index.lookup(T0)).toBe(-1);
    expect(index.offsetFor(T0)).toBe(BASE);
  });

  it('never takes an entry for a batch without a timestamp', () => {
    const index = new TimeIndex(BASE, 100);
    expect(index.maybeAppend(-1, BASE)).toBe(false);
    expect(index.maybeAppend(Number.NaN, BASE)).toBe(false);
    expect(index.maybeAppend(0, BASE)).toBe(true);
  });

  it('keeps only entries above the last timestamp, and finds what a linear search finds', () => {
    fc.assert(
      fc.property(
        appends,
        fc.nat(2500),
        fc.array(fc.integer({ min: -10, max: 20_000 })),
        (steps, bulk, targets) => {
          const index = new TimeIndex(BASE, 100_000);
          const model: [number, number][] = [];
          let timestamp = T0;
          let offset = 0;
          const add = (stepMs: number, stepOffset: number) => {
            timestamp += stepMs;
            offset += stepOffset;
            const taken = timestamp > (model.at(-1)?.[0] ?? -1);
            if (taken) model.push([timestamp, offset]);
            expect(index.maybeAppend(timestamp, BASE + offset)).toBe(taken);
          };
          for (let at = 0; at < bulk; at++) add(2, 1);
          for (const [stepMs, stepOffset] of steps) add(stepMs, stepOffset);
          expect(contentOf(index)).toEqual(model);
          for (const raw of targets) {
            const target = T0 + raw;
            const found = model.filter(([time]) => time <= target).length - 1;
            expect(index.lookup(target)).toBe(found);
            expect(index.offsetFor(target)).toBe(BASE + (model[found]?.[1] ?? 0));
          }
          const file = { baseOffset: BASE, maxEntries: 100_000 };
          expect(contentOf(TimeIndex.decode(index.encode(), file))).toEqual(model);
          const cut = targets[0] ?? 0;
          index.truncateTo(BASE + cut);
          expect(contentOf(index)).toEqual(model.filter(([, relative]) => relative < cut));
          index.trim();
          expect(index.memoryBytes).toBe(index.count * 12);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('writes big-endian int64 and int32 as Kafka does', () => {
    const index = new TimeIndex(1000, 10);
    index.maybeAppend(T0, 1042);
    expect(index.encode().toString('hex')).toBe('0000018bcfe568000000002a');
  });

  it('keeps one place for the final entry', () => {
    const index = new TimeIndex(BASE, 3);
    index.maybeAppend(1, BASE);
    expect(index.isFull).toBe(false);
    index.maybeAppend(2, BASE + 1);
    expect(index.isFull).toBe(true);
    expect(() => index.maybeAppend(3, BASE + 2)).toThrow(AssertionError);
    expect(index.maybeAppend(2, BASE + 2)).toBe(false);
    expect(index.maybeAppend(3, BASE + 2, { final: true })).toBe(true);
    expect(() => index.maybeAppend(4, BASE + 3, { final: true })).toThrow(AssertionError);
  });

  it.each([
    ['an offset below the last one', T0 + 1, BASE + 4],
    ['an offset below the base', T0 + 1, BASE - 1],
    ['an offset beyond an int32 distance', T0 + 1, BASE + 2 ** 31],
    ['a timestamp that is no integer', T0 + 1.5, BASE + 6],
    ['a timestamp beyond safe integers', 2 ** 53, BASE + 6],
  ])('refuses to append %s', (_, timestamp, offset) => {
    const index = new TimeIndex(BASE, 10);
    index.maybeAppend(T0, BASE + 5);
    expect(() => index.maybeAppend(timestamp, offset)).toThrow(AssertionError);
    expect(index.count).toBe(1);
  });

  describe('decode', () => {
    const file = { baseOffset: BASE, maxEntries: 10, endOffset: BASE + 100 };

    it.each<[string, Buffer, number]>([
      ['cut inside an entry', fileOf([5n, 1], [6n, 2]).subarray(0, 20), 1],
      ['negative timestamp', fileOf([-1n, 1]), 0],
      ['timestamp beyond safe integers', fileOf([2n ** 53n, 1]), 0],
      ['largest int64', fileOf([2n ** 63n - 1n, 1]), 0],
      ['timestamp repeated', fileOf([5n, 1], [5n, 2]), 1],
      ['timestamp descending', fileOf([5n, 1], [4n, 2]), 1],
      ['negative offset', fileOf([5n, -1]), 0],
      ['offset descending', fileOf([5n, 3], [6n, 2]), 1],
      ['offset at the end of the segment', fileOf([5n, 3], [6n, 100]), 1],
      ['zero entry before a real one', fileOf([5n, 1], [0n, 0], [6n, 2]), 1],
    ])('refuses a file with %s, naming the entry', (_, bytes, entry) => {
      try {
        TimeIndex.decode(bytes, file);
        expect.unreachable();
      } catch (error) {
        expect(isVarveError(error, 'CORRUPT_INDEX')).toBe(true);
        expect(error).toMatchObject({ details: { entry, index: 'time index' } });
      }
    });

    it.each<[string, Buffer, [number, number][]]>([
      ['nothing', Buffer.alloc(0), []],
      ['only zeros', Buffer.alloc(120), []],
      ['one zero entry, which can be real', Buffer.alloc(12), [[0, 0]]],
      ['zeros after the last entry', Buffer.concat([fileOf([5n, 1]), Buffer.alloc(24)]), [[5, 1]]],
      [
        'several timestamps at one offset',
        fileOf([5n, 1], [6n, 1]),
        [
          [5, 1],
          [6, 1],
        ],
      ],
    ])('accepts %s', (_, bytes, entries) => {
      expect(contentOf(TimeIndex.decode(bytes, file))).toEqual(entries);
    });

    it('leaves the final place in a file of more entries than its limit', () => {
      const index = TimeIndex.decode(fileOf([5n, 1], [6n, 2]), { ...file, maxEntries: 2 });
      expect(index.isFull).toBe(true);
      expect(index.maybeAppend(7, BASE + 3, { final: true })).toBe(true);
    });

    it('throws only CORRUPT_INDEX for any bytes', () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 60 }),
          fc.array(fc.tuple(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.integer()), {
            maxLength: 4,
          }),
          (noise, pairs) => {
            for (const bytes of [noise, fileOf(...pairs)]) {
              try {
                const entries = contentOf(TimeIndex.decode(bytes, file));
                entries.forEach(([timestamp, relative], at) => {
                  expect(timestamp).toBeGreaterThan(at === 0 ? -1 : entries[at - 1]![0]);
                  expect(relative).toBeLessThan(100);
                });
              } catch (error) {
                expect(isVarveError(error, 'CORRUPT_INDEX'), String(error)).toBe(true);
              }
            }
          },
        ),
        { numRuns: 500 },
      );
    });
  });
});
