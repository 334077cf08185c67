import { corruptData, decompressionLimit, invalidLevel, messageOf } from './codec-errors.js';
import { ownMemory } from './own-memory.js';
import { measureZstd } from './zstd-frame.js';
import { type ZstdLibrary, zstdLibrary } from './zstd-library.js';

const DEFAULT_LEVEL = 3;
const MIN_LEVEL = -131_072;
const MAX_LEVEL = 22;
/** What zstd level 22 writes, and the most its own streaming decoders take by default. */
const MAX_WINDOW_BYTES = 128 * 1024 * 1024;

/** One frame. Kafka's levels: -131072..22, default 3. */
export function zstdCompress(
  input: Buffer,
  level = DEFAULT_LEVEL,
  library: ZstdLibrary = zstdLibrary(),
): Buffer {
  if (!Number.isInteger(level) || level < MIN_LEVEL || level > MAX_LEVEL) {
    throw invalidLevel('zstd', level, `${MIN_LEVEL}..${MAX_LEVEL}`);
  }
  return library.compress(input, level);
}

/** Any number of frames, with or without content size. */
export function zstdDecompress(
  input: Buffer,
  maxBytes: number,
  library: ZstdLibrary = zstdLibrary(),
): Buffer {
  const extent = measureZstd(input);
  const knownBytes = extent.declaredBytes ?? extent.leastBytes;
  if (knownBytes > maxBytes) throw decompressionLimit('zstd', maxBytes, knownBytes);
  if (knownBytes > extent.mostBytes) {
    throw corruptData('zstd', `blocks cannot hold the declared ${knownBytes} bytes`);
  }
  if (extent.windowBytes > MAX_WINDOW_BYTES) {
    throw decompressionLimit('zstd', MAX_WINDOW_BYTES, extent.windowBytes);
  }
  let output: Buffer | null;
  try {
    output = library.decompress(input, maxBytes, extent);
  } catch (error) {
    throw corruptData('zstd', messageOf(error), error);
  }
  if (output === null || output.length > maxBytes) throw decompressionLimit('zstd', maxBytes);
  if (output.length < knownBytes || output.length > (extent.declaredBytes ?? extent.mostBytes)) {
    throw corruptData('zstd', `${output.length} bytes where the headers say ${knownBytes}`);
  }
  return ownMemory(output);
}
