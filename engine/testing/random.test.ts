import { describe, expect, it } from 'vitest';
import { Random } from './random.js';

const sequence = (random: Random, length: number): number[] =>
  Array.from({ length }, () => random.uint32());

describe('Random', () => {
  it('gives the same numbers for the same seed, and golden ones for seed 1', () => {
    expect(sequence(new Random(7), 50)).toEqual(sequence(new Random(7), 50));
    expect(sequence(new Random(1), 4)).toEqual(GOLDEN_SEED_1);
  });

  it('tells seeds apart that differ only above 32 bits, in sign, or by one', () => {
    const seeds = [1, 2, -1, 1 + 2 ** 32, 1 + 2 ** 40, 0, Number.MAX_SAFE_INTEGER];
    const firsts = seeds.map((seed) => sequence(new Random(seed), 2).join());
    expect(new Set(firsts).size).toBe(seeds.length);
  });

  it('refuses a seed that is not a safe integer', () => {
    for (const seed of [0.5, Number.NaN, 2 ** 53])
      expect(() => new Random(seed)).toThrow(RangeError);
  });

  it('spreads numbers evenly: every bit and every bucket near its share', () => {
    const random = new Random(3);
    const bits = new Array<number>(32).fill(0);
    const buckets = new Array<number>(10).fill(0);
    for (let i = 0; i < 20_000; i++) {
      const number = random.uint32();
      for (let bit = 0; bit < 32; bit++) bits[bit]! += (number >>> bit) & 1;
      buckets[random.below(10)]! += 1;
    }
    for (const count of bits) expect(Math.abs(count - 10_000)).toBeLessThan(400);
    for (const count of buckets) expect(Math.abs(count - 2_000)).toBeLessThan(250);
  });

  it('stays within the limits of below and between, and reaches both ends', () => {
    const random = new Random(4);
    const seen = new Set<number>();
    for (let i = 0; i < 500; i++) seen.add(random.between(-2, 2));
    expect([...seen].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2]);
    expect(() => random.below(0)).toThrow(RangeError);
    expect(random.below(1)).toBe(0);
  });

  it('never takes a chance of 0 and always one of 1', () => {
    const random = new Random(5);
    for (let i = 0; i < 200; i++) {
      expect(random.chance(0)).toBe(false);
      expect(random.chance(1)).toBe(true);
    }
  });

  it('shuffles to a permutation and picks only members', () => {
    const random = new Random(6);
    const list = [1, 2, 3, 4, 5, 6, 7, 8];
    expect(random.shuffle([...list]).sort((a, b) => a - b)).toEqual(list);
    for (let i = 0; i < 50; i++) expect(list).toContain(random.pick(list));
    expect(() => random.pick([])).toThrow(RangeError);
  });

  it('fills lengths that are not a multiple of four to the last byte', () => {
    for (const length of [0, 1, 2, 3, 5, 7]) {
      const union = new Uint8Array(length);
      const random = new Random(8);
      for (let i = 0; i < 20; i++)
        random.bytes(length).forEach((byte, at) => {
          union[at]! |= byte;
        });
      expect([...union].every((byte) => byte === 0xff)).toBe(true);
    }
  });

  it('forks generators that do not disturb each other', () => {
    const one = new Random(9);
    const two = new Random(9);
    const fork = one.fork();
    two.fork();
    for (let i = 0; i < 10; i++) fork.uint32();
    expect(sequence(one, 10)).toEqual(sequence(two, 10));
  });
});

const GOLDEN_SEED_1 = [2420951833, 2513034076, 3847892949, 4064752930];
