import type * as Snappy from 'snappy';
import { corruptData, decompressionLimit, messageOf, unsupportedCodec } from './codec-errors.js';
import { lazyRequire } from './lazy-require.js';

/** `xerial`: snappy-java's stream, what Kafka's Java writes. `raw`: one block, what librdkafka writes. */
export type SnappyFraming = 'xerial' | 'raw';

const MAGIC = Buffer.from('82534e4150505900', 'hex');
const MAGIC_WORD = MAGIC.readInt32BE(0);
const HEADER_BYTES = 16;
const VERSION = 1;
/** Input bytes a chunk: Kafka's own block size. */
const CHUNK_BYTES = 32 * 1024;
/** The densest element, a 64-byte copy, takes 3 bytes. */
const MAX_EXPANSION = 64 / 3;

let snappy: typeof Snappy | undefined;

/** @throws VarveError UNSUPPORTED_COMPRESSION_TYPE where the package cannot be loaded. */
export function loadSnappy(load: NodeJS.Require = lazyRequire): typeof Snappy {
  try {
    return load('snappy') as typeof Snappy;
  } catch (error) {
    throw unsupportedCodec('snappy', 'install the package "snappy" for this platform', error);
  }
}

function library(): typeof Snappy {
  snappy ??= loadSnappy();
  return snappy;
}

export function snappyCompress(input: Buffer, framing: SnappyFraming = 'xerial'): Buffer {
  const { compressSync } = library();
  if (framing === 'raw') return compressSync(input);
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeInt32BE(VERSION, 8);
  header.writeInt32BE(VERSION, 12);
  const parts: Buffer[] = [header];
  for (let start = 0; start < input.length; start += CHUNK_BYTES) {
    const block = compressSync(input.subarray(start, start + CHUNK_BYTES));
    const lengthWord = Buffer.allocUnsafe(4);
    lengthWord.writeInt32BE(block.length);
    parts.push(lengthWord, block);
  }
  return Buffer.concat(parts);
}

/** Reads both framings. A raw block can never begin with the magic: its first element would copy from nothing. */
export function snappyDecompress(input: Buffer, maxBytes: number): Buffer {
  return isXerial(input) ? decompressXerial(input, maxBytes) : decompressRaw(input, maxBytes);
}

function isXerial(input: Buffer): boolean {
  return input.length >= HEADER_BYTES && input.compare(MAGIC, 0, 8, 0, 8) === 0;
}

function decompressRaw(input: Buffer, maxBytes: number): Buffer {
  const bytes = declaredBytes(input, 0, input.length);
  if (bytes > maxBytes) throw decompressionLimit('snappy', maxBytes, bytes);
  return uncompressBlock(input, bytes);
}

function decompressXerial(input: Buffer, maxBytes: number): Buffer {
  let total = 0;
  for (const [start, end] of chunks(input)) {
    total += declaredBytes(input, start, end);
    if (total > maxBytes) throw decompressionLimit('snappy', maxBytes, total);
  }
  const output = Buffer.allocUnsafe(total);
  let position = 0;
  for (const [start, end] of chunks(input)) {
    const block = uncompressBlock(input.subarray(start, end), declaredBytes(input, start, end));
    position += block.copy(output, position);
  }
  return output;
}

/** The [start, end) of each chunk. A header may come again where streams were joined, as snappy-java allows. */
function* chunks(input: Buffer): Generator<readonly [number, number]> {
  let position = 0;
  while (position < input.length) {
    if (input.length - position < 4) throw corruptData('snappy', 'cut inside a chunk length');
    const length = input.readInt32BE(position);
    if (length === MAGIC_WORD) {
      position = skipHeader(input, position);
      continue;
    }
    const start = position + 4;
    if (length < 0 || length > input.length - start) {
      throw corruptData('snappy', `chunk of ${length} bytes, ${input.length - start} left`);
    }
    yield [start, start + length];
    position = start + length;
  }
}

function skipHeader(input: Buffer, position: number): number {
  if (!isXerial(input.subarray(position))) throw corruptData('snappy', 'cut or wrong header');
  const version = input.readInt32BE(position + 8);
  if (version < VERSION) throw corruptData('snappy', `stream version ${version}`);
  return position + HEADER_BYTES;
}

/** A block's declared size, checked for what its bytes could at most hold, before anything is reserved. */
function declaredBytes(input: Buffer, start: number, end: number): number {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = start + i < end ? input[start + i]! : -1;
    if (byte === -1) throw corruptData('snappy', 'cut inside the block length');
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) {
      if (value > (end - start) * MAX_EXPANSION || value > 0xffffffff) {
        throw corruptData('snappy', `${end - start} bytes cannot hold the declared ${value}`);
      }
      return value;
    }
  }
  throw corruptData('snappy', 'block length longer than 5 bytes');
}

function uncompressBlock(block: Buffer, bytes: number): Buffer {
  const { uncompressSync } = library();
  let output: Buffer;
  try {
    output = uncompressSync(block, { asBuffer: true }) as Buffer;
  } catch (error) {
    throw corruptData('snappy', messageOf(error), error);
  }
  if (output.length !== bytes) {
    throw corruptData('snappy', `${output.length} bytes where ${bytes} were declared`);
  }
  return output;
}
