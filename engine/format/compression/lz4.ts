import { corruptData, decompressionLimit, invalidLevel } from './codec-errors.js';
import { type Lz4Blocks, lz4Blocks } from './lz4-blocks.js';
import { ownMemory } from './own-memory.js';
import { xxh32 } from './xxh32.js';

/*
 * LZ4 frame, as Kafka writes it:
 *   magic 04 22 4d 18 | FLG 60 | BD 40 | header checksum 82 | blocks | end mark 00 00 00 00
 *   block: uint32 LE length (top bit: stored as it is) | data
 * A reader also accepts a content size, block checksums and a content checksum. Frames whose
 * blocks refer to earlier blocks are refused, as Kafka's Java refuses them.
 */
const MAGIC = 0x184d2204;
const FLG_VERSION_1_INDEPENDENT = 0x60;
const BD_64_KIB = 0x40;
const HEADER_CHECKSUM = 0x82;
const WRITE_BLOCK_BYTES = 64 * 1024;
const HEADER_BYTES = 7;
const END_MARK_BYTES = 4;
const STORED_BIT = 0x80000000;
/** LZ4 block format: no sequence yields more than 255 bytes for each of its own. */
const MAX_EXPANSION = 255;
/** Kafka's default of 1..17; Java's fast compressor. Any other level is its high-compression one. */
const FAST_LEVEL = 9;

/** The package whose block functions are in use here: `lz4` (native build) or `lz4-napi` (prebuilt). */
export function lz4Library(): 'lz4' | 'lz4-napi' {
  return lz4Blocks().library;
}

/**
 * One frame with Kafka's header bytes. Level 9 (default) is the fast compressor; 1..8 and 10..17
 * ask for high compression, of which the `lz4` package has one strength and `lz4-napi` none.
 */
export function lz4Compress(
  input: Buffer,
  level = FAST_LEVEL,
  blocks: Lz4Blocks = lz4Blocks(),
): Buffer {
  if (!Number.isInteger(level) || level < 1 || level > 17)
    throw invalidLevel('lz4', level, '1..17');
  const high = level !== FAST_LEVEL;
  if (high && !blocks.hasHighCompression) {
    throw invalidLevel('lz4', level, '9: other levels need the optional package "lz4"');
  }
  const blockCount = Math.ceil(input.length / WRITE_BLOCK_BYTES);
  const output = Buffer.allocUnsafe(HEADER_BYTES + blockCount * 4 + input.length + END_MARK_BYTES);
  output.writeUInt32LE(MAGIC, 0);
  output[4] = FLG_VERSION_1_INDEPENDENT;
  output[5] = BD_64_KIB;
  output[6] = HEADER_CHECKSUM;
  let position = HEADER_BYTES;
  for (let start = 0; start < input.length; start += WRITE_BLOCK_BYTES) {
    const block = input.subarray(start, start + WRITE_BLOCK_BYTES);
    const at = position + 4;
    // One byte less than the input: a block that does not shrink is stored.
    const room = output.subarray(at, at + block.length - 1);
    const length = block.length > 1 ? blocks.encode(block, room, high) : 0;
    if (length > 0) {
      output.writeUInt32LE(length, position);
      position = at + length;
    } else {
      output.writeUInt32LE((block.length | STORED_BIT) >>> 0, position);
      block.copy(output, at);
      position = at + block.length;
    }
  }
  output.writeUInt32LE(0, position);
  return output.subarray(0, position + END_MARK_BYTES);
}

interface FrameHeader {
  readonly hasBlockChecksums: boolean;
  readonly hasContentChecksum: boolean;
  readonly blockMaxBytes: number;
  readonly contentBytes: number | undefined;
  readonly bytes: number;
}

/**
 * Decodes one frame; bytes after its end mark are corruption (Java stops reading there, which
 * would drop them unseen).
 */
export function lz4Decompress(
  input: Buffer,
  maxBytes: number,
  blocks: Lz4Blocks = lz4Blocks(),
): Buffer {
  const header = readHeader(input);
  const { contentBytes } = header;
  if (contentBytes !== undefined && contentBytes > maxBytes) {
    throw decompressionLimit('lz4', maxBytes, contentBytes);
  }
  const mostBytes = checkBlocks(input, header);
  if (contentBytes !== undefined && contentBytes > mostBytes) {
    throw corruptData('lz4', `blocks cannot hold the declared ${contentBytes} bytes`);
  }
  const output = Buffer.allocUnsafe(contentBytes ?? Math.min(mostBytes, maxBytes));
  let written = 0;
  let position = header.bytes;
  for (let word = input.readUInt32LE(position); word !== 0; word = input.readUInt32LE(position)) {
    const length = (word & ~STORED_BIT) >>> 0;
    const block = input.subarray(position + 4, position + 4 + length);
    const blockMostBytes = mostBlockBytes(word, header);
    const room = output.subarray(written, written + blockMostBytes);
    const decoded = decodeBlock(blocks, block, word >= STORED_BIT, room);
    if (decoded < 0) throw overflowOrCorrupt(blocks, block, word, header, maxBytes, room.length);
    written += decoded;
    position += 4 + length + (header.hasBlockChecksums ? 4 : 0);
  }
  if (contentBytes !== undefined && written !== contentBytes) {
    throw corruptData('lz4', `${written} bytes where ${contentBytes} were declared`);
  }
  if (header.hasContentChecksum) {
    const expected = input.readUInt32LE(position + END_MARK_BYTES);
    const actual = xxh32(output, 0, written);
    if (actual !== expected) throw checksumError('content', expected, actual);
  }
  return ownMemory(output.subarray(0, written));
}

function readHeader(input: Buffer): FrameHeader {
  if (input.length < HEADER_BYTES + END_MARK_BYTES) {
    throw corruptData('lz4', `${input.length} bytes in all`);
  }
  const magic = input.readUInt32LE(0);
  if (magic !== MAGIC) throw corruptData('lz4', `magic 0x${magic.toString(16)}`);
  const flg = input[4]!;
  const bd = input[5]!;
  if (flg >>> 6 !== 1) throw corruptData('lz4', `frame version ${flg >>> 6}`);
  if ((flg & 0x03) !== 0) throw corruptData('lz4', `reserved bits in FLG 0x${flg.toString(16)}`);
  if ((bd & 0x8f) !== 0) throw corruptData('lz4', `reserved bits in BD 0x${bd.toString(16)}`);
  const blockSizeId = bd >>> 4;
  if (blockSizeId < 4) throw corruptData('lz4', `block size id ${blockSizeId}`);
  const hasContentSize = (flg & 0x08) !== 0;
  const bytes = HEADER_BYTES + (hasContentSize ? 8 : 0);
  if (input.length < bytes + END_MARK_BYTES) throw corruptData('lz4', 'cut inside the header');
  const expected = input[bytes - 1]!;
  const actual = (xxh32(input, 4, bytes - 1) >>> 8) & 0xff;
  if (actual !== expected) throw checksumError('header', expected, actual);
  if ((flg & 0x20) === 0) throw corruptData('lz4', 'dependent blocks, which Kafka refuses');
  return {
    hasBlockChecksums: (flg & 0x10) !== 0,
    hasContentChecksum: (flg & 0x04) !== 0,
    blockMaxBytes: 1 << (8 + 2 * blockSizeId),
    contentBytes: hasContentSize
      ? input.readUInt32LE(6) + input.readUInt32LE(10) * 2 ** 32
      : undefined,
    bytes,
  };
}

/** Walks all blocks without decoding: structure and checksums; gives the most bytes they can yield. */
function checkBlocks(input: Buffer, header: FrameHeader): number {
  let mostBytes = 0;
  let position = header.bytes;
  for (;;) {
    if (input.length - position < 4) throw corruptData('lz4', 'cut before the end mark');
    const word = input.readUInt32LE(position);
    position += 4;
    if (word === 0) break;
    const length = (word & ~STORED_BIT) >>> 0;
    if (length > header.blockMaxBytes) {
      throw corruptData('lz4', `block of ${length} bytes, at most ${header.blockMaxBytes}`);
    }
    const end = position + length;
    if (end + (header.hasBlockChecksums ? 4 : 0) > input.length) {
      throw corruptData('lz4', `block of ${length} bytes, ${input.length - position} left`);
    }
    mostBytes += mostBlockBytes(word, header);
    if (header.hasBlockChecksums) {
      const expected = input.readUInt32LE(end);
      const actual = xxh32(input, position, end);
      if (actual !== expected) throw checksumError('block', expected, actual);
    }
    position = end + (header.hasBlockChecksums ? 4 : 0);
  }
  const end = position + (header.hasContentChecksum ? 4 : 0);
  if (end > input.length) throw corruptData('lz4', 'cut inside the content checksum');
  if (end < input.length)
    throw corruptData('lz4', `${input.length - end} bytes after the end mark`);
  return mostBytes;
}

function mostBlockBytes(word: number, header: FrameHeader): number {
  const length = (word & ~STORED_BIT) >>> 0;
  return word >= STORED_BIT ? length : Math.min(header.blockMaxBytes, length * MAX_EXPANSION);
}

function decodeBlock(blocks: Lz4Blocks, block: Buffer, stored: boolean, room: Buffer): number {
  if (!stored) return blocks.decode(block, room);
  return block.length > room.length ? -1 : block.copy(room);
}

/** A block failed to decode: because the room was cut to a limit, or because it is malformed? */
function overflowOrCorrupt(
  blocks: Lz4Blocks,
  block: Buffer,
  word: number,
  header: FrameHeader,
  maxBytes: number,
  roomBytes: number,
): Error {
  const mostBytes = mostBlockBytes(word, header);
  const whole = Buffer.allocUnsafe(mostBytes);
  if (roomBytes < mostBytes && decodeBlock(blocks, block, word >= STORED_BIT, whole) >= 0) {
    return header.contentBytes === undefined
      ? decompressionLimit('lz4', maxBytes)
      : corruptData('lz4', `more than the declared ${header.contentBytes} bytes`);
  }
  return corruptData('lz4', 'malformed block');
}

function checksumError(what: string, expected: number, actual: number): Error {
  return corruptData(
    'lz4',
    `${what} checksum 0x${actual.toString(16)} where 0x${expected.toString(16)} is recorded`,
  );
}
