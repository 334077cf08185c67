import { corruptData } from './codec-errors.js';

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_MAX_BYTES = 128 * 1024;
const RAW = 0;
const RLE = 1;
const COMPRESSED = 2;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;

/** What a zstd stream says about itself, before any of it is decompressed. */
export interface ZstdExtent {
  /** Output bytes, where every frame declares its content size. */
  readonly declaredBytes: number | undefined;
  /** The output cannot be smaller or larger than these, by the block headers alone. */
  readonly leastBytes: number;
  readonly mostBytes: number;
  /** Largest window any frame asks a streaming decoder to reserve. */
  readonly windowBytes: number;
  /** All but the skippable ones, in order. */
  readonly frames: readonly ZstdFrame[];
}

export interface ZstdFrame {
  /** Where its magic is and of what comes after it. */
  readonly start: number;
  readonly end: number;
  /** The content size its header declares, if it does. */
  readonly declaredBytes: number | undefined;
  readonly leastBytes: number;
  readonly mostBytes: number;
  readonly windowBytes: number;
}

/**
 * Walks frames and blocks of a whole stream (RFC 8878), any number of frames, skippable ones too.
 * A stream that ends inside a frame, or carries anything else, is corrupt.
 */
export function measureZstd(input: Buffer): ZstdExtent {
  let declaredBytes: number | undefined = 0;
  let leastBytes = 0;
  let mostBytes = 0;
  let windowBytes = 0;
  let position = 0;
  const frames: ZstdFrame[] = [];
  if (input.length === 0) throw corruptData('zstd', 'no bytes at all');
  while (position < input.length) {
    if (input.length - position < 4) throw cut('a frame magic');
    const magic = input.readUInt32LE(position);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      position = skipFrame(input, position);
      continue;
    }
    if (magic !== MAGIC) throw corruptData('zstd', `magic 0x${magic.toString(16)}`);
    const frame = measureFrame(input, position);
    frames.push(frame);
    declaredBytes =
      declaredBytes === undefined || frame.declaredBytes === undefined
        ? undefined
        : declaredBytes + frame.declaredBytes;
    leastBytes += frame.leastBytes;
    mostBytes += frame.mostBytes;
    windowBytes = Math.max(windowBytes, frame.windowBytes);
    position = frame.end;
  }
  return { declaredBytes, leastBytes, mostBytes, windowBytes, frames };
}

function skipFrame(input: Buffer, start: number): number {
  if (input.length - start < 8) throw cut('a skippable frame');
  const end = start + 8 + input.readUInt32LE(start + 4);
  if (end > input.length) throw cut('a skippable frame');
  return end;
}

function measureFrame(input: Buffer, start: number): ZstdFrame {
  const descriptor = input[start + 4];
  if (descriptor === undefined) throw cut('a frame header');
  if ((descriptor & 0x08) !== 0) throw corruptData('zstd', 'reserved bit in a frame header');
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  const dictionaryIdBytes = DICTIONARY_ID_BYTES[descriptor & 0x03]!;
  const sizeCode = descriptor >>> 6;
  const sizeBytes = sizeCode === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeCode;
  let position = start + 5;
  const headerEnd = position + (isSingleSegment ? 0 : 1) + dictionaryIdBytes + sizeBytes;
  if (headerEnd > input.length) throw cut('a frame header');

  let windowBytes = isSingleSegment ? 0 : window(input[position++]!);
  if (dictionaryIdBytes > 0 && input.readUIntLE(position, dictionaryIdBytes) !== 0) {
    throw corruptData('zstd', 'frame needs a dictionary');
  }
  position += dictionaryIdBytes;
  const declaredBytes = sizeBytes === 0 ? undefined : contentSize(input, position, sizeBytes);
  if (isSingleSegment) windowBytes = declaredBytes ?? 0;
  return {
    start,
    declaredBytes,
    windowBytes,
    ...measureBlocks(input, headerEnd, Math.min(windowBytes, BLOCK_MAX_BYTES), hasChecksum),
  };
}

function measureBlocks(
  input: Buffer,
  start: number,
  blockMaxBytes: number,
  hasChecksum: boolean,
): { leastBytes: number; mostBytes: number; end: number } {
  let leastBytes = 0;
  let mostBytes = 0;
  let position = start;
  for (let isLast = false; !isLast; ) {
    if (input.length - position < 3) throw cut('a block header');
    const header = input.readUIntLE(position, 3);
    isLast = (header & 1) === 1;
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    if (size > blockMaxBytes) {
      throw corruptData('zstd', `block of ${size} bytes, at most ${blockMaxBytes}`);
    }
    position += 3 + (type === RLE ? 1 : size);
    if (position > input.length) throw cut('a block');
    if (type === RAW || type === RLE) {
      leastBytes += size;
      mostBytes += size;
    } else if (type === COMPRESSED) {
      mostBytes += blockMaxBytes;
    } else {
      throw corruptData('zstd', 'reserved block type');
    }
  }
  const end = position + (hasChecksum ? 4 : 0);
  if (end > input.length) throw cut('a content checksum');
  return { leastBytes, mostBytes, end };
}

function window(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

function contentSize(input: Buffer, position: number, sizeBytes: number): number {
  if (sizeBytes === 8)
    return input.readUInt32LE(position) + input.readUInt32LE(position + 4) * 2 ** 32;
  return input.readUIntLE(position, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
}

function cut(where: string): Error {
  return corruptData('zstd', `cut inside ${where}`);
}
