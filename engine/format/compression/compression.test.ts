import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVarveError, type VarveError } from '../../errors.js';
import { COMPRESSION_TYPES, type CompressionType } from '../../types.js';
import { compress, decompress } from './index.js';

const RECORDS_START = 61;
const CODECS = ['gzip', 'snappy', 'lz4', 'zstd'] as const;

interface VectorRecord {
  readonly keyHex: string | null;
  readonly valueHex: string | null;
}
interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly header: { readonly attributes: number; readonly recordsCount: number };
  readonly records: readonly VectorRecord[] | null;
}

const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL('../fixtures/kafka-vectors.json', import.meta.url), 'utf8'),
).recordBatches;

const KNOWN_VALUES = [
  ['kcat-', /^a{200}$/],
  ['plt-', /^a{200}$/],
  ['kafkajs-', /^a{200}$/],
  ['tansu/deflated-', /^Lorem ipsum dolor sit amet.*$/s],
  ['tansu/produce_request_v10_00', /^Lorem ipsum dolor sit amet.*$/s],
] as const;

/** The records of a batch, read just far enough to tell that the bytes are whole. */
function keysAndValues(records: Buffer): (readonly [string | null, string | null])[] {
  let position = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = records[position++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number((value >> 1n) ^ -(value & 1n));
    }
  };
  const field = (): string | null => {
    const length = varint();
    if (length < 0) return null;
    position += length;
    return records.toString('hex', position - length, position);
  };
  const pairs: (readonly [string | null, string | null])[] = [];
  while (position < records.length) {
    const end = varint() + position;
    position++;
    varint();
    varint();
    pairs.push([field(), field()]);
    for (let count = varint() * 2; count > 0; count--) field();
    expect(position).toBe(end);
  }
  return pairs;
}

function thrownBy(action: () => unknown): VarveError {
  try {
    action();
  } catch (error) {
    if (isVarveError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('batches captured from other clients', () => {
  const compressed = vectors.filter((vector) => (vector.header.attributes & 7) !== 0);

  it('cover every codec', () => {
    expect(new Set(compressed.map((vector) => vector.header.attributes & 7))).toEqual(
      new Set([1, 2, 3, 4]),
    );
  });

  it.each(compressed.map((vector) => [vector.name, vector] as const))('%s', (_name, vector) => {
    const type = COMPRESSION_TYPES[vector.header.attributes & 7]!;
    const batch = Buffer.from(vector.hex, 'hex');
    const records = decompress(type, batch.subarray(RECORDS_START), { maxBytes: 1 << 20 });
    const pairs = keysAndValues(records);
    expect(pairs).toHaveLength(vector.header.recordsCount);
    if (vector.records !== null) {
      expect(pairs).toEqual(vector.records.map(({ keyHex, valueHex }) => [keyHex, valueHex]));
    }
    // Each client's captures carry the same payload under every codec.
    const payload = KNOWN_VALUES.find(([prefix]) => vector.name.startsWith(prefix));
    if (payload !== undefined) {
      expect(Buffer.from(pairs[0]![1]!, 'hex').toString()).toMatch(payload[1]);
    }
  });
});

describe.each(CODECS)('%s', (codec) => {
  const text = Buffer.from('the same line of a log again and again\n'.repeat(5000));

  it('gives back any bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.integer({ min: 0, max: 200 }),
        (bytes, repeats) => {
          const input = Buffer.concat(Array.from({ length: repeats }, () => Buffer.from(bytes)));
          const packed = compress(codec, input);
          const output = decompress(codec, packed, { maxBytes: input.length });
          return output.equals(input);
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each([0, 1, 2, 65_535, 65_536, 65_537, 131_073])('gives back %i bytes', (length) => {
    const input = Buffer.alloc(length, 'abcdefgh');
    expect(decompress(codec, compress(codec, input), { maxBytes: length }).equals(input)).toBe(
      true,
    );
  });

  it('refuses one byte over the limit, and accepts the limit', () => {
    const packed = compress(codec, text);
    expect(decompress(codec, packed, { maxBytes: text.length })).toHaveLength(text.length);
    const error = thrownBy(() => decompress(codec, packed, { maxBytes: text.length - 1 }));
    expect(error.code).toBe('DECOMPRESSION_LIMIT');
    expect(error.details).toMatchObject({ codec, limitBytes: text.length - 1 });
  });

  it('refuses any output under a limit of zero, except none', () => {
    expect(thrownBy(() => decompress(codec, compress(codec, text), { maxBytes: 0 })).code).toBe(
      'DECOMPRESSION_LIMIT',
    );
    expect(decompress(codec, compress(codec, Buffer.alloc(0)), { maxBytes: 0 })).toHaveLength(0);
  });

  it('refuses every truncation', () => {
    const packed = compress(codec, text.subarray(0, 3000));
    for (let length = 0; length < packed.length; length++) {
      const cut = packed.subarray(0, length);
      // Cut at a chunk's edge a snappy stream is whole, only shorter: nothing marks its end.
      if (codec === 'snappy' && length === 16) continue;
      const error = thrownBy(() => decompress(codec, cut, { maxBytes: 1 << 20 }));
      expect([length, error.code]).toEqual([length, 'CORRUPT_MESSAGE']);
      expect(error.details.codec).toBe(codec);
    }
  });

  it('answers flipped bits with an error or with bytes within the limit', () => {
    const packed = compress(codec, text.subarray(0, 2000));
    for (let bit = 0; bit < packed.length * 8; bit++) {
      const damaged = Buffer.from(packed);
      damaged[bit >>> 3]! ^= 1 << (bit & 7);
      expectBoundedOrRefused(codec, damaged, 4000);
    }
  });

  it('answers random bytes with an error or with bytes within the limit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expectBoundedOrRefused(codec, Buffer.from(bytes), 4000);
      }),
    );
  });
});

function expectBoundedOrRefused(codec: CompressionType, input: Buffer, maxBytes: number): void {
  try {
    expect(decompress(codec, input, { maxBytes }).length).toBeLessThanOrEqual(maxBytes);
  } catch (error) {
    if (!isVarveError(error)) throw error;
    expect(['CORRUPT_MESSAGE', 'DECOMPRESSION_LIMIT']).toContain(error.code);
  }
}

describe('arguments', () => {
  it.each([
    ['none', 1],
    ['snappy', 1],
    ['gzip', 0],
    ['gzip', 10],
    ['gzip', 1.5],
    ['lz4', 0],
    ['lz4', 18],
    ['zstd', 23],
    ['zstd', -131_073],
  ] as const)('%s level %d is refused', (codec, level) => {
    const error = thrownBy(() => compress(codec, Buffer.from('x'), level));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.details).toMatchObject({ codec, level });
  });

  it.each([
    ['gzip', -1],
    ['gzip', 9],
    ['lz4', 9],
    ['zstd', -5],
    ['zstd', 19],
  ] as const)('%s level %d is used', (codec, level) => {
    const input = Buffer.alloc(10_000, 'some text ');
    const packed = compress(codec, input, level);
    expect(packed.length).toBeLessThan(1000);
    expect(decompress(codec, packed, { maxBytes: 10_000 }).equals(input)).toBe(true);
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('maxBytes %d is refused', (maxBytes) => {
    const error = thrownBy(() => decompress('gzip', Buffer.alloc(20), { maxBytes }));
    expect(error.code).toBe('INVALID_ARGUMENT');
  });

  it('an unknown codec is refused by name', () => {
    const type = 'brotli' as CompressionType;
    for (const call of [
      () => compress(type, Buffer.alloc(1)),
      () => decompress(type, Buffer.alloc(1), { maxBytes: 1 }),
    ]) {
      const error = thrownBy(call);
      expect(error.code).toBe('UNSUPPORTED_COMPRESSION_TYPE');
      expect(error.message).toContain('brotli');
    }
  });

  it('none passes bytes through, within the limit', () => {
    const input = Buffer.from('abc');
    expect(compress('none', input)).toBe(input);
    expect(decompress('none', input, { maxBytes: 3 })).toBe(input);
    expect(thrownBy(() => decompress('none', input, { maxBytes: 2 })).code).toBe(
      'DECOMPRESSION_LIMIT',
    );
  });
});
