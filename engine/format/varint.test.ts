import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kafkaVectors } from '../testing/kafka-vectors.js';
import {
  sizeOfUnsignedVarint,
  sizeOfVarint,
  sizeOfVarlong,
  VarintReader,
  writeUnsignedVarint,
  writeVarint,
  writeVarlong,
} from './varint.js';

const buffer = Buffer.alloc(16);

function written(write: (buffer: Buffer, at: number, value: number) => number, value: number) {
  return buffer.subarray(2, write(buffer, 2, value)).toString('hex');
}

function readerOf(hex: string): VarintReader {
  const bytes = Buffer.from(hex, 'hex');
  return new VarintReader(bytes, 0, bytes.length);
}

const cases = kafkaVectors.varint.cases;
const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });

describe('varint, against Kafka ByteUtilsTest', () => {
  it.each(cases.filter(({ type }) => type === 'Varint'))('zigzag $value is $hex', (known) => {
    const value = Number(known.value);
    expect(written(writeVarint, value)).toBe(known.hex);
    expect(sizeOfVarint(value)).toBe(known.hex.length / 2);
    expect(readerOf(known.hex).varint()).toBe(value);
  });

  it.each(cases.filter(({ type }) => type === 'UnsignedVarint'))(
    'unsigned $value is $hex',
    (known) => {
      const value = Number(known.value);
      expect(written(writeUnsignedVarint, value)).toBe(known.hex);
      expect(sizeOfUnsignedVarint(value)).toBe(known.hex.length / 2);
      expect(readerOf(known.hex).unsignedVarint()).toBe(value >>> 0);
    },
  );

  it.each(cases.filter(({ type }) => type === 'Varlong'))('varlong $value is $hex', (known) => {
    const value = Number(known.value);
    expect(readerOf(known.hex).varlong()).toBe(value);
    if (Math.abs(value) <= 2 ** 53 && String(BigInt(value)) === known.value) {
      expect(written(writeVarlong, value)).toBe(known.hex);
      expect(sizeOfVarlong(value)).toBe(known.hex.length / 2);
    }
  });

  it('has every case of the fixture in one of these three', () => {
    expect(cases).toHaveLength(78);
    expect(new Set(cases.map(({ type }) => type))).toEqual(
      new Set(['Varint', 'UnsignedVarint', 'Varlong']),
    );
  });
});

describe('varint, by property', () => {
  it('gives back any int32 and says its size', () => {
    fc.assert(
      fc.property(int32, (value) => {
        const end = writeVarint(buffer, 2, value);
        const reader = new VarintReader(buffer, 2, end);
        expect(reader.varint()).toBe(value);
        expect(reader.at).toBe(end);
        expect(sizeOfVarint(value)).toBe(end - 2);
      }),
    );
  });

  it('gives back any safe integer as a varlong, in the bytes a bigint computation has', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const end = writeVarlong(buffer, 2, value);
        const reader = new VarintReader(buffer, 2, end);
        expect(reader.varlong()).toBe(value);
        expect(reader.at).toBe(end);
        expect(sizeOfVarlong(value)).toBe(end - 2);
        expect(buffer.subarray(2, end).toString('hex')).toBe(zigzagByBigint(BigInt(value)));
      }),
    );
  });

  it('gives back the largest difference of two timestamps', () => {
    for (const value of [2 ** 53, -(2 ** 53)]) {
      expect(new VarintReader(buffer, 0, writeVarlong(buffer, 0, value)).varlong()).toBe(value);
    }
  });
});

describe('varint, hostile', () => {
  it.each(['ffffffffff', 'ffffffffff00', '8080808080', '808080808000'])(
    'refuses %s, whose fifth byte goes on',
    (hex) => {
      expect(() => readerOf(hex).varint()).toThrow(/longer than 5 bytes/);
      expect(() => readerOf(hex).unsignedVarint()).toThrow(/longer than 5 bytes/);
    },
  );

  it('refuses a varlong whose tenth byte goes on', () => {
    expect(() => readerOf('ffffffffffffffffffff01').varlong()).toThrow(/longer than 10 bytes/);
    expect(() => readerOf('8080808080808080808000').varlong()).toThrow(/longer than 10 bytes/);
  });

  it('never reads at the end, even where the buffer goes on', () => {
    for (let end = 0; end < 5; end++) {
      const reader = new VarintReader(Buffer.from('808080808001', 'hex'), 0, end);
      expect(() => reader.varint()).toThrow(/not finished at byte/);
      expect(() => reader.varlong()).toThrow(/not finished at byte/);
      expect(reader.at).toBe(0);
    }
  });

  it('accepts padded but not over-long forms, as Kafka does', () => {
    expect(readerOf('8000').varint()).toBe(0);
    expect(readerOf('8180808000').varint()).toBe(-1);
    expect(readerOf('8200').varlong()).toBe(1);
  });
});

function zigzagByBigint(value: bigint): string {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes).toString('hex');
}
