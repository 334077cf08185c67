import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVarveError } from '../errors.js';
import { OffsetMap } from './key-map.js';

const put = (map: OffsetMap, key: Uint8Array, offset: number) =>
  map.put(key, 0, key.length, offset);
const get = (map: OffsetMap, key: Uint8Array) => map.get(key, 0, key.length);

describe('OffsetMap', () => {
  it('agrees with a Map, for any keys and any order of offsets', () => {
    const key = fc.oneof(
      fc.uint8Array({ maxLength: 3 }),
      fc.uint8Array({ minLength: 4, maxLength: 40 }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(key, fc.nat(2 ** 40)), { maxLength: 200 }),
        fc.array(key, { maxLength: 20 }),
        fc.integer(),
        (puts, others, seed) => {
          const map = new OffsetMap(1024 * 1024, seed);
          const model = new Map<string, number>();
          for (const [bytes, offset] of puts) {
            const name = Buffer.from(bytes).toString('hex');
            expect(put(map, bytes, offset)).toBe(true);
            model.set(name, Math.max(offset, model.get(name) ?? -1));
          }
          expect(map.size).toBe(model.size);
          expect(map.latestOffset).toBe(Math.max(-1, ...model.values()));
          for (const bytes of [...others, ...puts.map(([one]) => one)]) {
            expect(get(map, bytes)).toBe(model.get(Buffer.from(bytes).toString('hex')) ?? -1);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('grows in steps where it is asked to, before a put would have to at once', () => {
    const map = new OffsetMap(64 * 1024 * 1024, 5);
    const key = Buffer.alloc(4);
    let steps = 0;
    for (let i = 0; i < 200_000; i += 1) {
      key.writeUInt32LE(i);
      if (map.needsGrowth) {
        const before = map.memoryBytes;
        while (!map.grow(1000)) {
          steps += 1;
          expect(() => map.put(key, 0, 4, 1)).toThrow('nothing is put while the table grows');
        }
        expect(map.memoryBytes).toBeGreaterThan(before);
      }
      map.put(key, 0, 4, i);
    }
    expect(steps).toBeGreaterThan(64);
    for (let i = 0; i < 200_000; i += 1) {
      key.writeUInt32LE(i);
      if (map.get(key, 0, 4) !== i) expect.fail(`key ${i}`);
    }
    map.put(key, 0, 4, 300_000);
    expect(map.previousOffset).toBe(199_999);
    expect(map.memoryBytes).toBeLessThanOrEqual(map.maxBytes);
  });

  it('finds every key through growth of table and arena, by parts of a larger buffer', () => {
    const map = new OffsetMap(8 * 1024 * 1024);
    const text = Buffer.alloc(40);
    const write = (at: number) => {
      const length = text.write(`key-${at}`, 8);
      return 8 + length;
    };
    const keys = 50_000;
    for (let at = 0; at < keys; at++) expect(map.put(text, 8, write(at), at)).toBe(true);
    for (let at = 0; at < keys; at += 2) expect(map.put(text, 8, write(at), keys + at)).toBe(true);
    expect(map.size).toBe(keys);
    let wrong = 0;
    for (let at = 0; at < keys; at++) {
      if (map.get(text, 8, write(at)) !== (at % 2 === 0 ? keys + at : at)) wrong++;
    }
    expect(wrong).toBe(0);
    expect(map.get(text, 8, write(keys))).toBe(-1);
    expect(map.memoryBytes).toBeLessThanOrEqual(map.maxBytes);
  });

  it('tells keys apart whose hashes are equal', () => {
    const map = new OffsetMap(64 * 1024 * 1024, 0);
    const key = Buffer.alloc(8);
    const count = 300_000;
    // Over 2^32 hashes about ten pairs of 300,000 keys share one; the fixed seed makes them the same pairs.
    for (let at = 0; at < count; at++) {
      key.writeUInt32LE(Math.imul(at, 0x9e3779b1) >>> 0, 0);
      key.writeUInt32LE(at, 4);
      if (!map.put(key, 0, 8, at)) expect.unreachable();
    }
    let wrong = 0;
    for (let at = 0; at < count; at++) {
      key.writeUInt32LE(Math.imul(at, 0x9e3779b1) >>> 0, 0);
      key.writeUInt32LE(at, 4);
      if (map.get(key, 0, 8) !== at) wrong++;
    }
    expect(wrong).toBe(0);
    expect(map.size).toBe(count);
  });

  it.each([
    ['by keys', 8, 100_000],
    ['by their bytes', 3000, 100_000],
  ])('is full at its budget, %s, and stays right', (_, keyBytes, tries) => {
    const map = new OffsetMap(512 * 1024);
    const key = Buffer.alloc(keyBytes);
    let held = 0;
    for (; held < tries; held++) {
      key.writeUInt32BE(held);
      if (!put(map, key, held)) break;
      expect(map.memoryBytes).toBeLessThanOrEqual(map.maxBytes);
    }
    expect(held).toBeLessThan(tries);
    expect(held * (keyBytes + 16)).toBeGreaterThan(0.5 * map.maxBytes);
    expect(map.size).toBe(held);
    expect(map.latestOffset).toBe(held - 1);
    expect(get(map, key)).toBe(-1);
    for (let at = 0; at < held; at++) {
      key.writeUInt32BE(at);
      expect(get(map, key)).toBe(at);
    }
    expect(put(map, key, 1_000_000)).toBe(true);
    map.clear();
    expect([map.size, map.latestOffset, get(map, key)]).toEqual([0, -1, -1]);
    expect(put(map, key, 5)).toBe(true);
    expect(get(map, key)).toBe(5);
  });

  it('keeps keys of every length apart that share their bytes', () => {
    const map = new OffsetMap(1024 * 1024);
    const bytes = Buffer.alloc(600, 0xff);
    for (let length = 0; length <= 600; length++) map.put(bytes, 0, length, length);
    expect(map.size).toBe(601);
    const found = Array.from({ length: 601 }, (_, length) => map.get(bytes, 0, length));
    expect(found).toEqual(found.map((_, length) => length));
    bytes[299] = 0;
    expect(map.get(bytes, 0, 300)).toBe(-1);
    expect(map.get(bytes, 0, 299)).toBe(299);
  });

  it('takes the empty key, and a key that alone is above the budget not', () => {
    const map = new OffsetMap(64 * 1024);
    expect(put(map, Buffer.alloc(0), 3)).toBe(true);
    expect(get(map, Buffer.alloc(0))).toBe(3);
    expect(put(map, Buffer.alloc(64 * 1024), 4)).toBe(false);
    expect(map.size).toBe(1);
  });

  it.each([0, 1000, -1, Number.NaN, 1.5e6 + 0.5, 2 ** 33])(
    'refuses a budget of %d bytes',
    (maxBytes) => {
      try {
        new OffsetMap(maxBytes);
        expect.unreachable();
      } catch (error) {
        expect(isVarveError(error, 'INVALID_ARGUMENT'), String(error)).toBe(true);
      }
    },
  );
});
