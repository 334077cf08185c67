import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, isVarveError } from '../../errors.js';
import { zstdCompress, zstdDecompress } from './zstd.js';
import { measureZstd } from './zstd-frame.js';
import { fromCloudpss, fromNode, type ZstdLibrary, zstdLibrary } from './zstd-library.js';

const node = fromNode();
const libraries: ZstdLibrary[] = [...(node === null ? [] : [node]), fromCloudpss()];
const hasNodeZstd =
  (createRequire(import.meta.url)('node:zlib') as { zstdCompressSync?: unknown })
    .zstdCompressSync !== undefined;

function codeOf(action: () => unknown): ErrorCode | undefined {
  try {
    action();
  } catch (error) {
    if (isVarveError(error)) return error.code;
    throw error;
  }
  return undefined;
}

/** A frame without content size: 2 MiB window, then the blocks as given. */
function frame(...blocks: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), ...blocks]);
}

function block(type: number, size: number, isLast: boolean, data: Buffer): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | (isLast ? 1 : 0), 0, 3);
  return Buffer.concat([header, data]);
}

const raw = (text: string, isLast = true) => block(0, text.length, isLast, Buffer.from(text));
const rle = (size: number, isLast: boolean) => block(1, size, isLast, Buffer.of(0x61));
/** Written with the checksum flag set. */
const HELLO_WITH_CHECKSUM = '28b52ffd045829000068656c6c6fa36d9f88';
const skippable = Buffer.from('5a2a4d18030000000a0b0c', 'hex');

it("is node:zlib's where Node has it", () => {
  expect(zstdLibrary().library).toBe(hasNodeZstd ? 'node:zlib' : '@cloudpss/zstd');
});

describe.each(libraries.map((library) => [library.library, library] as const))(
  '%s',
  (_name, library) => {
    const text = Buffer.from(Array.from({ length: 9000 }, (_, i) => `line ${i % 977}\n`).join(''));

    it('is read by every library here, at any level', () => {
      for (const level of [-50, 1, 3, 9, 19, 22]) {
        const packed = zstdCompress(text, level, library);
        expect(packed.length).toBeLessThan(text.length / 2);
        for (const other of libraries) {
          expect(zstdDecompress(packed, text.length, other).equals(text)).toBe(true);
        }
      }
    });

    it.each([
      ['raw block, no content size', frame(raw('hello')), 'hello'],
      ['several blocks', frame(raw('he', false), raw('llo')), 'hello'],
      ['run-length block', frame(rle(1000, true)), 'a'.repeat(1000)],
      ['two frames', Buffer.concat([frame(raw('he')), frame(raw('llo'))]), 'hello'],
      [
        'frames of every ending',
        Buffer.concat([frame(rle(64, true)), frame(raw('')), frame(raw('b')), skippable]),
        `${'a'.repeat(64)}b`,
      ],
      ['skippable frames', Buffer.concat([skippable, frame(raw('hi')), skippable]), 'hi'],
      ['empty frame', frame(raw('')), ''],
    ])('reads %s', (_case, packed, expected) => {
      expect(zstdDecompress(packed, 1000, library).toString()).toBe(expected);
    });

    it.each<[string, Buffer, ErrorCode]>([
      ['nothing', Buffer.alloc(0), 'CORRUPT_MESSAGE'],
      ['other magic', Buffer.from('28b52ffe0058010000', 'hex'), 'CORRUPT_MESSAGE'],
      ['magic cut short', Buffer.from('28b52f', 'hex'), 'CORRUPT_MESSAGE'],
      ['header cut short', Buffer.from('28b52ffd00', 'hex'), 'CORRUPT_MESSAGE'],
      ['reserved header bit', Buffer.from('28b52ffd0858010000', 'hex'), 'CORRUPT_MESSAGE'],
      ['a dictionary', Buffer.from('28b52ffd015807010000', 'hex'), 'CORRUPT_MESSAGE'],
      ['no block', frame(), 'CORRUPT_MESSAGE'],
      ['no last block', frame(raw('he', false)), 'CORRUPT_MESSAGE'],
      ['block cut short', frame(block(0, 5, true, Buffer.from('hell'))), 'CORRUPT_MESSAGE'],
      ['reserved block type', frame(block(3, 0, true, Buffer.alloc(0))), 'CORRUPT_MESSAGE'],
      ['block over 128 KiB', frame(rle(131_073, true)), 'CORRUPT_MESSAGE'],
      [
        'malformed compressed block',
        frame(block(2, 4, true, Buffer.alloc(4, 0xff))),
        'CORRUPT_MESSAGE',
      ],
      [
        'text after the frame',
        Buffer.concat([frame(raw('x')), Buffer.from('text')]),
        'CORRUPT_MESSAGE',
      ],
      [
        'second frame cut short',
        Buffer.concat([frame(raw('x')), frame(raw('x')).subarray(0, 8)]),
        'CORRUPT_MESSAGE',
      ],
      ['skippable frame cut short', skippable.subarray(0, 10), 'CORRUPT_MESSAGE'],
      // Single segment, content size 6 (one byte), one raw block of 5.
      [
        'content size too large',
        Buffer.from('28b52ffd200629000068656c6c6f', 'hex'),
        'CORRUPT_MESSAGE',
      ],
      [
        'content size of 2^62',
        Buffer.from('28b52ffde00000000000000040010000', 'hex'),
        'DECOMPRESSION_LIMIT',
      ],
      ['window of 3.75 TiB', Buffer.from('28b52ffd00ff010000', 'hex'), 'DECOMPRESSION_LIMIT'],
      [
        'run-length bomb',
        frame(...Array.from({ length: 99 }, () => rle(131_072, false)), rle(1, true)),
        'DECOMPRESSION_LIMIT',
      ],
    ])('refuses %s, and works on', (_case, packed, code) => {
      expect(codeOf(() => zstdDecompress(packed, 1000, library))).toBe(code);
      expect(zstdDecompress(frame(raw('hello')), 1000, library).toString()).toBe('hello');
    });

    it('reads many frames of any size', () => {
      const units = [0, 1, 100, 960, 1024, 5000, 16_384, 70_000].map((size) =>
        Buffer.alloc(size, `${size} `),
      );
      const packed = Buffer.concat(units.map((unit) => zstdCompress(unit, 3, library)));
      const expected = Buffer.concat(units);
      expect(zstdDecompress(packed, expected.length, library).equals(expected)).toBe(true);
      expect(codeOf(() => zstdDecompress(packed, expected.length - 1, library))).toBe(
        'DECOMPRESSION_LIMIT',
      );
    });

    it('checks a content checksum', () => {
      const good = Buffer.from(HELLO_WITH_CHECKSUM, 'hex');
      expect(zstdDecompress(good, 1000, library).toString()).toBe('hello');
      const wrong = Buffer.from(good);
      wrong[wrong.length - 1]! ^= 1;
      expect(codeOf(() => zstdDecompress(wrong, 1000, library))).toBe('CORRUPT_MESSAGE');
      const cut = good.subarray(0, good.length - 1);
      expect(codeOf(() => zstdDecompress(cut, 1000, library))).toBe('CORRUPT_MESSAGE');
    });

    it('gives up at the limit where no size is declared, and works on', () => {
      const packed = zstdCompress(Buffer.alloc(1 << 26, 'abc'), 3, fromCloudpss());
      expect(measureZstd(packed).declaredBytes).toBeUndefined();
      for (const maxBytes of [0, 1, 1 << 20]) {
        expect(codeOf(() => zstdDecompress(packed, maxBytes, library))).toBe('DECOMPRESSION_LIMIT');
        expect(zstdDecompress(frame(raw('hello')), 1000, library).toString()).toBe('hello');
      }
    });
  },
);

it('its extent bounds what comes out', () => {
  const packed = frame(raw('he', false), rle(10, true));
  expect(measureZstd(packed)).toMatchObject({
    declaredBytes: undefined,
    leastBytes: 12,
    mostBytes: 12,
    windowBytes: 2 * 1024 * 1024,
  });
});

it('worker threads compress and decompress at once', async () => {
  // The native part, as zstd-library.ts uses it: a worker cannot load TypeScript.
  const source = `
    const { createRequire } = require('node:module');
    const { dirname } = require('node:path');
    const { parentPort, workerData } = require('node:worker_threads');
    const manifest = createRequire(workerData.from).resolve('@cloudpss/zstd/package.json');
    const binding = createRequire(manifest)('node-gyp-build')(dirname(manifest));
    const compressor = new binding.Compressor(3);
    const decompressor = new binding.Decompressor();
    let wrong = 0;
    for (let i = 0; i < 300; i++) {
      const input = Buffer.alloc(20000 + i, workerData.seed + ' line ' + i);
      const packed = [];
      compressor.data(input, (chunk) => packed.push(chunk));
      compressor.end((chunk) => packed.push(chunk));
      const output = [];
      decompressor.data(Buffer.concat(packed), (chunk) => output.push(chunk));
      if (!Buffer.concat(output).equals(input)) wrong++;
    }
    parentPort.postMessage(wrong);
  `;
  const wrong = await Promise.all(
    [1, 2, 3].map(
      (seed) =>
        new Promise((resolve, reject) => {
          const worker = new Worker(source, {
            eval: true,
            workerData: { seed, from: import.meta.url },
          });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  expect(wrong).toEqual([0, 0, 0]);
});
