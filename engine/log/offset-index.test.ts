import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssertionError } from '../assert.js';
import { isVarveError } from '../errors.js';
import { OffsetIndex } from './offset-index.js';

const BASE = 5_000_000_000;

function fileOf(...entries: [number, number][]): Buffer {
  const bytes = Buffer.alloc(entries.length * 8);
  entries.forEach(([relative, position], at) => {
    bytes.writeInt32BE(relative, at * 8);
    bytes.writeInt32BE(position, at * 8 + 4);
  });
  return bytes;
}

/** Strictly ascending (relative offset, position) pairs. */
const ascending = (maxLength: number) =>
  fc
    .array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 9000 })), {
      maxLength,
    })
    .map((steps) => {
      let relative = 0;
      let position = 0;
      return steps.map(([offsetStep, positionStep]): [number, number] => {
        relative += offsetStep;
        position += positionStep;
        return [relative, position];
      });
    });

function indexOf(entries: readonly [number, number][], maxEntries = 10_000): OffsetIndex {
  const index = new OffsetIndex(BASE, maxEntries);
  for (const [relative, position] of entries) index.append(BASE + relative, position);
  return index;
}

function contentOf(index: OffsetIndex): [number, number][] {
  return Array.from({ length: index.count }, (_, at) => [
    index.offsetAt(at) - BASE,
    index.positionAt(at),
  ]);
}

describe('OffsetIndex', () => {
  it('holds no memory while empty, and misses every lookup', () => {
    const index = new OffsetIndex(BASE, 100);
    expect(index.memoryBytes).toBe(0);
    expect(index.count).toBe(0);
    expect(index.isFull).toBe(false);
    expect(index.lastOffset).toBe(BASE);
    expect(index.lastPosition).toBe(0);
    expect(index.lookup(BASE)).toBe(-1);
    expect(index.lookupPosition(1000)).toBe(-1);
    expect(index.positionFor(BASE + 7)).toBe(0);
    expect(index.encode()).toHaveLength(0);
  });

  it('finds what a linear search finds, also across the warm section', () => {
    fc.assert(
      fc.property(
        ascending(60),
        fc.integer({ min: 0, max: 3000 }),
        fc.array(fc.integer({ min: -5, max: 200_000 }), { minLength: 20, maxLength: 20 }),
        (tail, bulk, targets) => {
          const index = new OffsetIndex(BASE, 10_000);
          const entries: [number, number][] = [];
          for (let at = 1; at <= bulk; at++) entries.push([at * 3, at * 100]);
          for (const [relative, position] of tail) {
            entries.push([bulk * 3 + relative, bulk * 100 + position]);
          }
          for (const [relative, position] of entries) index.append(BASE + relative, position);
          for (const raw of [...targets, ...entries.slice(-5).map(([relative]) => relative)]) {
            const target = raw % (bulk * 3 + 2500);
            const byOffset = entries.filter(([relative]) => relative <= target).length - 1;
            const byPosition = entries.filter(([, position]) => position <= raw).length - 1;
            expect(index.lookup(BASE + target)).toBe(byOffset);
            expect(index.lookupPosition(raw)).toBe(byPosition);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reads back what it writes, and keeps only whole prefixes on truncation', () => {
    fc.assert(
      fc.property(ascending(80), fc.nat(4000), (entries, cut) => {
        const index = indexOf(entries);
        const logSize = (entries.at(-1)?.[1] ?? 0) + 1;
        const file = { baseOffset: BASE, logSize, maxEntries: 10_000 };
        expect(contentOf(OffsetIndex.decode(index.encode(), file))).toEqual(entries);
        expect(Buffer.concat([index.encode().subarray(0, 16), index.encode(2)])).toEqual(
          index.encode(),
        );
        const byPosition = indexOf(entries);
        byPosition.truncateToPosition(cut);
        expect(contentOf(byPosition)).toEqual(entries.filter(([, position]) => position < cut));
        index.truncateTo(BASE + cut);
        const kept = entries.filter(([relative]) => relative < cut);
        expect(contentOf(index)).toEqual(kept);
        index.trim();
        expect(index.memoryBytes).toBe(kept.length * 8);
        index.append(BASE + cut + 5000, 2_000_000);
        expect(index.lastPosition).toBe(2_000_000);
      }),
    );
  });

  it('writes big-endian int32 pairs as Kafka does', () => {
    const index = new OffsetIndex(1000, 10);
    index.append(1042, 4196);
    index.append(1000 + 0x01020304, 0x7fffffff);
    expect(index.encode().toString('hex')).toBe('0000002a00001064010203047fffffff');
  });

  it('is full at its limit and takes no entry then', () => {
    const index = indexOf([[1, 10]], 2);
    expect(index.isFull).toBe(false);
    index.append(BASE + 2, 20);
    expect(index.isFull).toBe(true);
    expect(() => index.append(BASE + 3, 30)).toThrow(AssertionError);
    index.truncateTo(BASE + 2);
    expect(index.isFull).toBe(false);
  });

  it.each([
    ['an offset that does not ascend', BASE + 5, 60],
    ['a position that does not ascend', BASE + 6, 50],
    ['an offset below the base', BASE - 1, 60],
    ['an offset beyond an int32 distance', BASE + 2 ** 31, 60],
    ['a position beyond an int32', BASE + 6, 2 ** 31],
  ])('refuses to append %s', (_, offset, position) => {
    const index = indexOf([[5, 50]]);
    expect(() => index.append(offset, position)).toThrow(AssertionError);
    expect(contentOf(index)).toEqual([[5, 50]]);
  });

  it('takes a target beyond any relative offset as the end', () => {
    const index = indexOf([[0x7fffffff, 50]]);
    expect(index.lookup(Number.MAX_SAFE_INTEGER)).toBe(0);
    expect(index.lookup(BASE + 0x7ffffffe)).toBe(-1);
  });

  describe('decode', () => {
    const file = { baseOffset: BASE, logSize: 1000, maxEntries: 10, endOffset: BASE + 100 };

    it.each<[string, Buffer, number]>([
      ['cut inside an entry', fileOf([1, 10], [2, 20]).subarray(0, 13), 1],
      ['negative offset', fileOf([-1, 10]), 0],
      ['offset repeated', fileOf([1, 10], [1, 20]), 1],
      ['offset descending', fileOf([5, 10], [4, 20]), 1],
      ['negative position', fileOf([1, -1]), 0],
      ['position repeated', fileOf([1, 10], [2, 10]), 1],
      ['position descending', fileOf([1, 10], [2, 9]), 1],
      ['position at the end of the log', fileOf([1, 10], [2, 1000]), 1],
      ['offset at the end of the segment', fileOf([1, 10], [100, 20]), 1],
      ['zero entry before a real one', fileOf([1, 10], [0, 0], [3, 30]), 1],
    ])('refuses a file with %s, naming the entry', (_, bytes, entry) => {
      try {
        OffsetIndex.decode(bytes, file);
        expect.unreachable();
      } catch (error) {
        expect(isVarveError(error, 'CORRUPT_INDEX')).toBe(true);
        expect(error).toMatchObject({ details: { entry, index: 'offset index' } });
      }
    });

    it.each<[string, Buffer, [number, number][]]>([
      ['nothing', Buffer.alloc(0), []],
      ['only zeros', Buffer.alloc(80), []],
      ['zeros after the last entry', Buffer.concat([fileOf([1, 10]), Buffer.alloc(24)]), [[1, 10]]],
      [
        'an unaligned view',
        Buffer.concat([Buffer.alloc(3), fileOf([1, 10])]).subarray(3),
        [[1, 10]],
      ],
    ])('accepts %s', (_, bytes, entries) => {
      expect(contentOf(OffsetIndex.decode(bytes, file))).toEqual(entries);
    });

    it('is full with a file of more entries than its limit', () => {
      const index = OffsetIndex.decode(fileOf([1, 10], [2, 20]), { ...file, maxEntries: 1 });
      expect(index.isFull).toBe(true);
    });

    it('throws only CORRUPT_INDEX for any bytes, and accepts only ascending ones', () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 64 }),
          fc.array(fc.tuple(fc.integer(), fc.integer()), { maxLength: 6 }),
          (noise, pairs) => {
            for (const bytes of [noise, fileOf(...pairs)]) {
              try {
                const entries = contentOf(OffsetIndex.decode(bytes, file));
                entries.forEach(([relative, position], at) => {
                  expect(relative).toBeGreaterThan(at === 0 ? -1 : entries[at - 1]![0]);
                  expect(position).toBeGreaterThan(at === 0 ? -1 : entries[at - 1]![1]);
                  expect(position).toBeLessThan(1000);
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
