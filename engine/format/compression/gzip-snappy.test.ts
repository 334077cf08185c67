import { gzipSync } from 'node:zlib';
import snappy from 'snappy';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, isVarveError } from '../../errors.js';
import { gzipCompress, gzipDecompress } from './gzip.js';
import { snappyCompress, snappyDecompress } from './snappy.js';

const XERIAL_HEADER = '82534e41505059000000000100000001';
const CHUNK_BYTES = 32 * 1024;

function codeOf(action: () => unknown): ErrorCode | undefined {
  try {
    action();
  } catch (error) {
    if (isVarveError(error)) return error.code;
    throw error;
  }
  return undefined;
}

describe('gzip', () => {
  const member = (text: string) => gzipSync(text);

  it('begins as RFC 1952 says', () => {
    expect(gzipCompress(Buffer.from('x')).toString('hex', 0, 4)).toBe('1f8b0800');
  });

  it('reads members one after another, empty ones too', () => {
    const packed = Buffer.concat(['one ', '', 'two ', 'x'.repeat(100_000), ''].map(member));
    expect(gzipDecompress(packed, 200_000).toString()).toBe(`one two ${'x'.repeat(100_000)}`);
  });

  it.each<[string, Buffer, ErrorCode]>([
    ['other magic', Buffer.concat([Buffer.of(0x1e), member('x').subarray(1)]), 'CORRUPT_MESSAGE'],
    ['text after the member', Buffer.concat([member('x'), Buffer.from('text')]), 'CORRUPT_MESSAGE'],
    ['zeros after the member', Buffer.concat([member('x'), Buffer.alloc(8)]), 'CORRUPT_MESSAGE'],
    [
      'second member cut short',
      Buffer.concat([member('x'), member('y').subarray(0, 20)]),
      'CORRUPT_MESSAGE',
    ],
    [
      'second member over the limit',
      Buffer.concat([member('x'), member('y'.repeat(100))]),
      'DECOMPRESSION_LIMIT',
    ],
  ])('refuses %s', (_name, packed, code) => {
    expect(codeOf(() => gzipDecompress(packed, 50))).toBe(code);
  });

  it.each([0, 1, 999, 0xffffffff])(
    'refuses a recorded size of %d, whatever it does as a hint',
    (size) => {
      const packed = member('hello');
      packed.writeUInt32LE(size, packed.length - 4);
      expect(codeOf(() => gzipDecompress(packed, 1000))).toBe('CORRUPT_MESSAGE');
    },
  );
});

describe('snappy', () => {
  const text = Buffer.from('snappy as the Java client writes it '.repeat(3000));

  it('writes 32 KiB chunks behind the xerial header', () => {
    const packed = snappyCompress(text);
    expect(packed.toString('hex', 0, 16)).toBe(XERIAL_HEADER);
    const sizes: number[] = [];
    for (let at = 16; at < packed.length; ) {
      const length = packed.readInt32BE(at);
      const block = packed.subarray(at + 4, at + 4 + length);
      sizes.push((snappy.uncompressSync(block, { asBuffer: true }) as Buffer).length);
      at += 4 + length;
    }
    const last = text.length % CHUNK_BYTES;
    expect(sizes).toEqual([CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, last]);
  });

  it('writes one raw block on request', () => {
    const packed = snappyCompress(text, 'raw');
    expect((snappy.uncompressSync(packed, { asBuffer: true }) as Buffer).equals(text)).toBe(true);
    expect(snappyDecompress(packed, text.length).equals(text)).toBe(true);
  });

  it('reads streams joined header and all', () => {
    const joined = Buffer.concat([snappyCompress(text), snappyCompress(Buffer.from('more'))]);
    expect(
      snappyDecompress(joined, 1 << 20).equals(Buffer.concat([text, Buffer.from('more')])),
    ).toBe(true);
  });

  const header = Buffer.from(XERIAL_HEADER, 'hex');
  const hex = (text_: string) => Buffer.from(text_, 'hex');
  it.each<[string, Buffer, ErrorCode]>([
    ['nothing', Buffer.alloc(0), 'CORRUPT_MESSAGE'],
    ['a length without end', hex('ffffffffff01'), 'CORRUPT_MESSAGE'],
    ['a length beyond the bytes', hex('ffffffff0f00'), 'CORRUPT_MESSAGE'],
    [
      'a declared size over the limit',
      Buffer.concat([hex('a01f'), Buffer.alloc(1000)]),
      'DECOMPRESSION_LIMIT',
    ],
    ['a copy from before the beginning', hex('0405 0100'.replace(' ', '')), 'CORRUPT_MESSAGE'],
    ['fewer bytes than declared', hex('0a0061'), 'CORRUPT_MESSAGE'],
    ['more bytes than declared', hex('01046162'), 'CORRUPT_MESSAGE'],
    ['a chunk length cut short', Buffer.concat([header, hex('000000')]), 'CORRUPT_MESSAGE'],
    [
      'a chunk beyond the end',
      Buffer.concat([header, hex('00000005 0000'.replace(' ', ''))]),
      'CORRUPT_MESSAGE',
    ],
    ['a negative chunk', Buffer.concat([header, hex('ffffffff')]), 'CORRUPT_MESSAGE'],
    ['an empty chunk', Buffer.concat([header, hex('00000000')]), 'CORRUPT_MESSAGE'],
    [
      'a second header cut short',
      Buffer.concat([header, hex('82534e41505059')]),
      'CORRUPT_MESSAGE',
    ],
    ['stream version 0', hex('82534e41505059000000000000000001'), 'CORRUPT_MESSAGE'],
    [
      'chunks over the limit together',
      snappyCompress(Buffer.alloc(100_000)),
      'DECOMPRESSION_LIMIT',
    ],
  ])('refuses %s', (_name, packed, code) => {
    expect(codeOf(() => snappyDecompress(packed, 50))).toBe(code);
  });
});
