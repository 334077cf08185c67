import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OffsetSet } from './offset-set.js';

const BASE = 1_000_003;

describe('OffsetSet', () => {
  it('holds what a Set holds, also across pages and gaps', () => {
    const offset = fc.oneof(
      fc.integer({ min: BASE, max: BASE + 200 }),
      fc.integer({ min: BASE + 65_500, max: BASE + 65_600 }),
      fc.integer({ min: BASE + 2 ** 40, max: BASE + 2 ** 40 + 100 }),
    );
    const change = fc.record({ offset, adds: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), offset, offset, (changes, a, b) => {
        const set = new OffsetSet(BASE);
        const model = new Set<number>();
        for (const { offset: at, adds } of changes) {
          if (adds) set.add(at);
          else set.delete(at);
          if (adds) model.add(at);
          else model.delete(at);
          expect(set.has(at)).toBe(adds);
        }
        for (const { offset: at } of changes) expect(set.has(at)).toBe(model.has(at));
        const [first, last] = a < b ? [a, Math.min(b, a + 200_000)] : [b, Math.min(a, b + 200_000)];
        const counted = [...model].filter((at) => at >= first && at <= last).length;
        expect(set.count(first, last)).toBe(counted);
      }),
    );
  });

  it('costs a page for each 65,536 offsets that hold one', () => {
    const set = new OffsetSet(0);
    for (const at of [0, 65_535, 65_536, 2 ** 40]) set.add(at);
    expect(set.memoryBytes).toBe(3 * 8192);
    expect(set.count(0, 65_536)).toBe(3);
  });
});
