import type * as Zlib from 'node:zlib';
import { corruptData, decompressionLimit, invalidLevel, messageOf } from './codec-errors.js';
import { lazyRequire } from './lazy-require.js';
import { ownMemory } from './own-memory.js';

/** RFC 1951: no deflate stream grows by more than this factor. */
const MAX_EXPANSION = 1032;
const MIN_CHUNK_BYTES = 1024;
/** Header and trailer of an empty member. */
const MIN_MEMBER_BYTES = 18;

let zlib: typeof Zlib | undefined;

function library(): typeof Zlib {
  zlib ??= lazyRequire('node:zlib') as typeof Zlib;
  return zlib;
}

/** One RFC 1952 member, zlib's default level as Kafka's `compression.gzip.level` (-1). */
export function gzipCompress(input: Buffer, level = -1): Buffer {
  if (!Number.isInteger(level) || level < -1 || level === 0 || level > 9) {
    throw invalidLevel('gzip', level, '-1 or 1..9');
  }
  return library().gzipSync(input, { level, chunkSize: Math.max(input.length, MIN_CHUNK_BYTES) });
}

/** Any number of members; bytes after the last one are corruption, not padding. */
export function gzipDecompress(input: Buffer, maxBytes: number): Buffer {
  if (input.length < MIN_MEMBER_BYTES) throw corruptData('gzip', `${input.length} bytes in all`);
  // The trailer's ISIZE is a hint only: right for one honest member, harmless when it lies.
  const hintBytes = Math.min(
    input.readUInt32LE(input.length - 4),
    maxBytes,
    input.length * MAX_EXPANSION,
  );
  const options = {
    // zlib refuses 0; the check below covers it.
    maxOutputLength: Math.max(maxBytes, 1),
    // A few bytes over, or zlib asks for a second chunk only to find the end.
    chunkSize: Math.max(hintBytes + 16, input.length, MIN_CHUNK_BYTES),
    info: true,
  };
  let result: { buffer: Buffer; engine: { bytesWritten: number } };
  try {
    result = library().gunzipSync(input, options) as unknown as typeof result;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') {
      throw decompressionLimit('gzip', maxBytes);
    }
    throw corruptData('gzip', messageOf(error), error);
  }
  if (result.engine.bytesWritten !== input.length) {
    throw corruptData('gzip', `${input.length - result.engine.bytesWritten} bytes after the end`);
  }
  if (result.buffer.length > maxBytes) throw decompressionLimit('gzip', maxBytes);
  return ownMemory(result.buffer);
}
