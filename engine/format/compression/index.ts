import { VarveError } from '../../errors.js';
import type { CompressionType } from '../../types.js';
import { decompressionLimit, invalidLevel } from './codec-errors.js';
import { gzipCompress, gzipDecompress } from './gzip.js';
import { lz4Compress, lz4Decompress } from './lz4.js';
import { snappyCompress, snappyDecompress } from './snappy.js';
import { zstdCompress, zstdDecompress } from './zstd.js';

export { lz4Library } from './lz4.js';
export { type SnappyFraming, snappyCompress } from './snappy.js';

export interface DecompressionLimits {
  /** Output bytes at most; nothing beyond it is ever reserved. */
  readonly maxBytes: number;
}

/**
 * Compresses the records part of a batch as Kafka's Java producer does. Synchronous.
 *
 * @param level The codec's own: gzip -1 or 1..9 (-1), lz4 1..17 (9), zstd -131072..22 (3);
 * none and snappy have no level. Defaults are Kafka's `compression.*.level`.
 * @returns For `none` the input itself; otherwise a buffer of its own.
 * @throws VarveError INVALID_ARGUMENT for a level out of range, UNSUPPORTED_COMPRESSION_TYPE
 * where the codec's library is missing.
 */
export function compress(type: CompressionType, input: Buffer, level?: number): Buffer {
  switch (type) {
    case 'none':
    case 'snappy':
      if (level !== undefined) throw invalidLevel(type, level, 'possible: it has no levels');
      return type === 'none' ? input : snappyCompress(input);
    case 'gzip':
      return gzipCompress(input, level);
    case 'lz4':
      return lz4Compress(input, level);
    case 'zstd':
      return zstdCompress(input, level);
    default:
      throw unknownCodec(type);
  }
}

/**
 * Decompresses the records part of a batch, whichever client wrote it. Synchronous.
 *
 * @returns For `none` the input itself; otherwise a buffer of its own.
 * @throws VarveError DECOMPRESSION_LIMIT where the output would pass `limits.maxBytes`,
 * CORRUPT_MESSAGE for anything that is not whole and well formed,
 * UNSUPPORTED_COMPRESSION_TYPE where the codec's library is missing.
 */
export function decompress(
  type: CompressionType,
  input: Buffer,
  limits: DecompressionLimits,
): Buffer {
  const { maxBytes } = limits;
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 0) {
    throw new VarveError('INVALID_ARGUMENT', `maxBytes ${maxBytes} is not a whole number >= 0`, {
      details: { maxBytes },
    });
  }
  switch (type) {
    case 'none':
      if (input.length > maxBytes) throw decompressionLimit(type, maxBytes, input.length);
      return input;
    case 'gzip':
      return gzipDecompress(input, maxBytes);
    case 'snappy':
      return snappyDecompress(input, maxBytes);
    case 'lz4':
      return lz4Decompress(input, maxBytes);
    case 'zstd':
      return zstdDecompress(input, maxBytes);
    default:
      throw unknownCodec(type);
  }
}

function unknownCodec(type: never): VarveError {
  return new VarveError(
    'UNSUPPORTED_COMPRESSION_TYPE',
    `compression type ${String(type)} is not one of none, gzip, snappy, lz4, zstd`,
    { details: { type } },
  );
}
