import crc32cOfPackage from 'crc-32/crc32c.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kafkaVectors } from '../testing/kafka-vectors.js';
import { crc32c, crc32cNative, crc32cTables, NATIVE_FROM_BYTES } from './crc32c.js';

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('crc32c', () => {
  it.each(kafkaVectors.crc32c)('gives the published value $value', ({ utf8, hex, value }) => {
    const bytes = utf8 === undefined ? Buffer.from(hex!, 'hex') : Buffer.from(utf8);
    expect(crc32c(bytes, 0, bytes.length)).toBe(value);
    expect(crc32cNative(bytes, 0, bytes.length)).toBe(value);
    expect(crc32cTables(viewOf(bytes), 0, bytes.length)).toBe(value);
  });

  it('agrees with the bitwise definition, native code and another package on any part of any bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 1100 }),
        fc.nat(40),
        fc.nat(40),
        (bytes, cut, tail) => {
          const buffer = Buffer.from(bytes);
          const start = Math.min(cut, buffer.length);
          const end = Math.max(start, buffer.length - tail);
          const part = buffer.subarray(start, end);
          const expected = bitByBit(part);
          expect(crc32cTables(viewOf(buffer), start, end)).toBe(expected);
          expect(crc32cNative(buffer, start, end)).toBe(expected);
          expect(crc32cOfPackage.buf(part) >>> 0).toBe(expected);
          expect(crc32c(buffer, start, end)).toBe(expected);
          expect(crc32c(buffer, start, end, viewOf(buffer))).toBe(expected);
        },
      ),
    );
  });

  it('agrees with itself on both sides of the crossover', () => {
    const buffer = Buffer.from(Array.from({ length: NATIVE_FROM_BYTES + 64 }, (_, i) => i * 7));
    for (let size = NATIVE_FROM_BYTES - 40; size <= NATIVE_FROM_BYTES + 40; size++) {
      expect(crc32c(buffer, 5, 5 + size)).toBe(bitByBit(buffer.subarray(5, 5 + size)));
    }
  });
});
