import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isVarveError, type VarveError } from '../../errors.js';
import type { CompressionType } from '../../types.js';
import { decompress, snappyCompress } from './index.js';
import { lz4Compress } from './lz4.js';

/*
 * In a file of its own, so in a process of its own: peak memory only ever grows, and a bomb must
 * not move it.
 */
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const HEAP_NOISE_BYTES = 48 * MIB;

function repeated(
  unit: Buffer,
  times: number,
  head: Buffer = Buffer.alloc(0),
  tail: Buffer = head,
): Buffer {
  return Buffer.concat([head, ...Array.from({ length: times }, () => unit), tail]);
}

function zstdBomb(headerHex: string, blocks: number): Buffer {
  const runOf128KiB = Buffer.from('02001000', 'hex');
  return repeated(runOf128KiB, blocks, Buffer.from(headerHex, 'hex'), Buffer.from('010000', 'hex'));
}

function lz4Bomb(): Buffer {
  const packed = lz4Compress(Buffer.alloc(64 * 1024));
  const blocks = packed.subarray(7, packed.length - 4);
  return repeated(blocks, GIB / (64 * 1024), packed.subarray(0, 7), Buffer.alloc(4));
}

function snappyBomb(): Buffer {
  const packed = snappyCompress(Buffer.alloc(32 * 1024));
  return repeated(packed.subarray(16), GIB / (32 * 1024), packed.subarray(0, 16), Buffer.alloc(0));
}

/** A raw block that declares 1 GiB and is long enough for the claim to be possible. */
function rawSnappyBomb(): Buffer {
  const bytes = Buffer.alloc(52 * MIB);
  bytes.set([0x80, 0x80, 0x80, 0x80, 0x04]);
  return bytes;
}

const bombs: readonly [string, CompressionType, () => Buffer][] = [
  ['gzip members', 'gzip', () => repeated(gzipSync(Buffer.alloc(16 * MIB)), 64)],
  ['snappy chunks', 'snappy', snappyBomb],
  ['one raw snappy block', 'snappy', rawSnappyBomb],
  ['lz4 blocks', 'lz4', lz4Bomb],
  ['zstd runs, 2 MiB window', 'zstd', () => zstdBomb('28b52ffd0058', 8192)],
  ['zstd runs, 128 MiB window', 'zstd', () => zstdBomb('28b52ffd0088', 8192)],
  ['zstd that declares 1 GiB', 'zstd', () => zstdBomb('28b52ffda000000040', 8192)],
];

describe('1 GiB of output under a limit of 1 MiB', () => {
  it.each(bombs)('%s', (_name, codec, build) => {
    const bomb = build();
    const before = process.resourceUsage().maxRSS * 1024;
    const started = performance.now();
    let thrown: unknown;
    try {
      decompress(codec, bomb, { maxBytes: MIB });
    } catch (error) {
      thrown = error;
    }
    expect(isVarveError(thrown, 'DECOMPRESSION_LIMIT')).toBe(true);
    expect((thrown as VarveError).details).toMatchObject({ codec, limitBytes: MIB });
    expect(process.resourceUsage().maxRSS * 1024 - before).toBeLessThan(HEAP_NOISE_BYTES);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
