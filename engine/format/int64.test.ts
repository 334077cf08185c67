import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readInt64, writeInt64 } from './int64.js';

const view = new DataView(new ArrayBuffer(16));

describe('int64', () => {
  it('writes what DataView.setBigInt64 writes, and reads it back, for any safe integer', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(8), (value, at) => {
        writeInt64(view, at, value);
        expect(view.getBigInt64(at)).toBe(BigInt(value));
        expect(readInt64(view, at)).toBe(value);
      }),
    );
  });

  it.each([0, -1, 1, 0xffff_ffff, 0x1_0000_0000, -0x1_0000_0000, -0x8000_0001, 0x8000_0000])(
    'is exact at a word boundary: %d',
    (value) => {
      writeInt64(view, 3, value);
      expect(view.getBigInt64(3)).toBe(BigInt(value));
      expect(Object.is(readInt64(view, 3), value)).toBe(true);
    },
  );

  it.each([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])(
    'is exact at the limit %d',
    (value) => {
      writeInt64(view, 0, value);
      expect(view.getBigInt64(0)).toBe(BigInt(value));
      expect(readInt64(view, 0)).toBe(value);
    },
  );

  it('reads an unsafe value as one that is not a safe integer either', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        view.setBigInt64(0, value);
        const safe = Number.isSafeInteger(Number(value));
        expect(Number.isSafeInteger(readInt64(view, 0))).toBe(safe);
        expect(readInt64(view, 0)).toBe(Number(value));
      }),
    );
  });
});
