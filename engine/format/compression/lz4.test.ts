import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, isVarveError } from '../../errors.js';
import { lz4Compress, lz4Decompress, lz4Library } from './lz4.js';
import { fromLz4, fromLz4Napi, type Lz4Blocks } from './lz4-blocks.js';
import { xxh32 } from './xxh32.js';

const KAFKA_HEADER = '04224d18604082';
const END_MARK = Buffer.alloc(4);
const native = fromLz4();
const libraries: Lz4Blocks[] = [...(native === null ? [] : [native]), fromLz4Napi()];

interface Frame {
  readonly flg?: number;
  readonly bd?: number;
  readonly size?: number;
  readonly blocks?: readonly Buffer[];
  readonly tail?: Buffer;
}

/** A frame with any header, its checksum right. */
function frame({ flg = 0x60, bd = 0x40, size, blocks = [], tail = END_MARK }: Frame): Buffer {
  const descriptor = Buffer.alloc(size === undefined ? 2 : 10);
  descriptor[0] = flg;
  descriptor[1] = bd;
  if (size !== undefined) descriptor.writeBigUInt64LE(BigInt(size), 2);
  const checksum = (xxh32(descriptor, 0, descriptor.length) >>> 8) & 0xff;
  return Buffer.concat([
    Buffer.from('04224d18', 'hex'),
    descriptor,
    Buffer.of(checksum),
    ...blocks,
    tail,
  ]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function stored(text: string): Buffer {
  return Buffer.concat([word(text.length | 0x80000000), Buffer.from(text)]);
}

/** One literal 'a', then a match of 19 + 255 * `more` + 0 of it, then five literals: LZ4's bomb. */
function bombBlock(more: number): Buffer {
  const block = Buffer.concat([
    Buffer.from([0x1f, 0x61, 0x01, 0x00]),
    Buffer.alloc(more, 0xff),
    Buffer.from([0x00, 0x50, 0x61, 0x61, 0x61, 0x61, 0x61]),
  ]);
  return Buffer.concat([word(block.length), block]);
}

function codeOf(action: () => unknown): ErrorCode | undefined {
  try {
    action();
  } catch (error) {
    if (isVarveError(error)) return error.code;
    throw error;
  }
  return undefined;
}

it('says which library decodes blocks', () => {
  expect(lz4Library()).toBe(native === null ? 'lz4-napi' : 'lz4');
});

describe.each(libraries.map((blocks) => [blocks.library, blocks] as const))(
  '%s',
  (_name, blocks) => {
    it("writes the header bytes of Kafka's Java and an end mark", () => {
      for (const input of [Buffer.alloc(0), Buffer.alloc(200, 'a')]) {
        const packed = lz4Compress(input, 9, blocks);
        expect(packed.toString('hex', 0, 7)).toBe(KAFKA_HEADER);
        expect(packed.readUInt32LE(packed.length - 4)).toBe(0);
      }
    });

    it('stores blocks that do not shrink', () => {
      const noise = Buffer.from(
        Array.from({ length: 70_000 }, (_, i) => xxh32(word(i), 0, 4) & 0xff),
      );
      const packed = lz4Compress(noise, 9, blocks);
      expect(packed).toHaveLength(7 + 4 + 65_536 + 4 + (70_000 - 65_536) + 4);
      expect(packed.readUInt32LE(7)).toBe((65_536 | 0x80000000) >>> 0);
      expect(lz4Decompress(packed, noise.length, blocks).equals(noise)).toBe(true);
    });

    it('is read by every library here, and reads each of them', () => {
      const input = fc.uint8Array({ maxLength: 500 });
      fc.assert(
        fc.property(input, fc.integer({ min: 1, max: 400 }), (unit, repeats) => {
          const bytes = Buffer.concat(Array.from({ length: repeats }, () => unit));
          const packed = lz4Compress(bytes, 9, blocks);
          for (const other of libraries) {
            expect(lz4Decompress(packed, bytes.length, other).equals(bytes)).toBe(true);
          }
        }),
        { numRuns: 50 },
      );
    });

    const hello = stored('hello');
    const helloHash = word(xxh32(Buffer.from('hello'), 0, 5));
    it.each([
      ['no blocks', frame({}), ''],
      ['stored blocks', frame({ blocks: [hello, stored(' you')] }), 'hello you'],
      ['content size', frame({ flg: 0x68, size: 5, blocks: [hello] }), 'hello'],
      ['block checksums', frame({ flg: 0x70, blocks: [hello, helloHash] }), 'hello'],
      [
        'content checksum',
        frame({ flg: 0x64, blocks: [hello], tail: Buffer.concat([END_MARK, helloHash]) }),
        'hello',
      ],
      [
        'block size id 7',
        frame({ bd: 0x70, blocks: [stored('x'.repeat(70_000))] }),
        'x'.repeat(70_000),
      ],
      [
        'a match over its own output',
        frame({ blocks: [bombBlock(2)] }),
        'a'.repeat(1 + 19 + 510 + 5),
      ],
    ])('reads a frame with %s', (_case, packed, text) => {
      expect(lz4Decompress(packed, 1 << 20, blocks).toString()).toBe(text);
    });

    const good = frame({ blocks: [hello] });
    const badHeaderChecksum = Buffer.from(good);
    badHeaderChecksum[6]! ^= 1;
    it.each<[string, Buffer, ErrorCode]>([
      ['empty', Buffer.alloc(0), 'CORRUPT_MESSAGE'],
      ['other magic', Buffer.concat([Buffer.of(5), good.subarray(1)]), 'CORRUPT_MESSAGE'],
      ['version 0', frame({ flg: 0x20 }), 'CORRUPT_MESSAGE'],
      ['version 2', frame({ flg: 0xa0 }), 'CORRUPT_MESSAGE'],
      ['reserved bit in FLG', frame({ flg: 0x62 }), 'CORRUPT_MESSAGE'],
      ['dictionary id', frame({ flg: 0x61 }), 'CORRUPT_MESSAGE'],
      ['reserved bits in BD', frame({ bd: 0x41 }), 'CORRUPT_MESSAGE'],
      ['reserved high bit in BD', frame({ bd: 0xc0 }), 'CORRUPT_MESSAGE'],
      ['block size id 3', frame({ bd: 0x30 }), 'CORRUPT_MESSAGE'],
      ['wrong header checksum', badHeaderChecksum, 'CORRUPT_MESSAGE'],
      ['dependent blocks', frame({ flg: 0x40, blocks: [hello] }), 'CORRUPT_MESSAGE'],
      [
        'block larger than the block size',
        frame({ blocks: [stored('x'.repeat(65_537))] }),
        'CORRUPT_MESSAGE',
      ],
      ['block longer than the input', frame({ blocks: [word(100)] }), 'CORRUPT_MESSAGE'],
      ['no end mark', frame({ blocks: [hello], tail: Buffer.alloc(0) }), 'CORRUPT_MESSAGE'],
      ['end mark cut short', frame({ blocks: [hello], tail: Buffer.alloc(3) }), 'CORRUPT_MESSAGE'],
      ['bytes after the end mark', Buffer.concat([good, Buffer.of(0)]), 'CORRUPT_MESSAGE'],
      ['a second frame', Buffer.concat([good, good]), 'CORRUPT_MESSAGE'],
      ['wrong block checksum', frame({ flg: 0x70, blocks: [hello, word(1)] }), 'CORRUPT_MESSAGE'],
      [
        'no block checksum',
        frame({ flg: 0x70, blocks: [hello], tail: Buffer.alloc(0) }),
        'CORRUPT_MESSAGE',
      ],
      [
        'wrong content checksum',
        frame({ flg: 0x64, blocks: [hello], tail: Buffer.alloc(8) }),
        'CORRUPT_MESSAGE',
      ],
      ['no content checksum', frame({ flg: 0x64, blocks: [hello] }), 'CORRUPT_MESSAGE'],
      ['content size too small', frame({ flg: 0x68, size: 4, blocks: [hello] }), 'CORRUPT_MESSAGE'],
      ['content size too large', frame({ flg: 0x68, size: 6, blocks: [hello] }), 'CORRUPT_MESSAGE'],
      [
        'content size smaller than a packed block',
        frame({ flg: 0x68, size: 9, blocks: [bombBlock(2)] }),
        'CORRUPT_MESSAGE',
      ],
      ['content size no block could hold', frame({ flg: 0x68, size: 900_000 }), 'CORRUPT_MESSAGE'],
      [
        'content size over the limit',
        frame({ flg: 0x68, size: 2 ** 40, blocks: [hello] }),
        'DECOMPRESSION_LIMIT',
      ],
      ['content size cut short', frame({ flg: 0x68 }), 'CORRUPT_MESSAGE'],
      [
        'a match before the beginning',
        frame({ blocks: [Buffer.from('050000001f6102000050', 'hex')] }),
        'CORRUPT_MESSAGE',
      ],
      [
        'a block that ends in a match',
        frame({ blocks: [Buffer.from('040000000f010000', 'hex')] }),
        'CORRUPT_MESSAGE',
      ],
    ])('refuses %s', (_case, packed, code) => {
      expect(codeOf(() => lz4Decompress(packed, 1_000_000, blocks))).toBe(code);
    });

    it('refuses a bomb of full blocks at the limit, whatever block it falls in', () => {
      const block = bombBlock(256);
      const bytes = 1 + 19 + 256 * 255 + 5;
      const packed = frame({ blocks: Array.from({ length: 20 }, () => block) });
      expect(lz4Decompress(packed, 20 * bytes, blocks)).toHaveLength(20 * bytes);
      for (const maxBytes of [0, 1, bytes - 1, bytes, bytes + 1, 20 * bytes - 1]) {
        expect(codeOf(() => lz4Decompress(packed, maxBytes, blocks))).toBe('DECOMPRESSION_LIMIT');
      }
    });
  },
);

describe('levels', () => {
  const text = Buffer.from(
    Array.from({ length: 3000 }, (_, i) => `line ${(i * i) % 977}\n`).join(''),
  );

  it.skipIf(native === null)('other than 9 compress further with lz4', () => {
    const high = lz4Compress(text, 12, native!);
    expect(high.length).toBeLessThan(lz4Compress(text, 9, native!).length);
    expect(lz4Decompress(high, text.length).equals(text)).toBe(true);
  });

  it('other than 9 are refused with lz4-napi, which has none', () => {
    expect(codeOf(() => lz4Compress(text, 12, fromLz4Napi()))).toBe('INVALID_ARGUMENT');
  });
});
