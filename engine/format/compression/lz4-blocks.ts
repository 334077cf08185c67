import { messageOf, unsupportedCodec } from './codec-errors.js';
import { lazyRequire } from './lazy-require.js';

/** LZ4 block functions, whichever package they come from. */
export interface Lz4Blocks {
  readonly library: 'lz4' | 'lz4-napi';
  readonly hasHighCompression: boolean;
  /** Writes one block at the start of `output`; gives its length, or 0 if it does not fit. */
  encode(input: Buffer, output: Buffer, highCompression: boolean): number;
  /** Writes the decoded block at the start of `output`; gives its length, or -1 if it is malformed or does not fit. */
  decode(block: Buffer, output: Buffer): number;
}

interface Lz4Native {
  encodeBlock(input: Buffer, output: Buffer): number;
  encodeBlockHC(input: Buffer, output: Buffer): number;
  decodeBlock(input: Buffer, output: Buffer): number;
}

interface Lz4Napi {
  compressSync(input: Buffer): Buffer;
  uncompressSync(input: Buffer): Buffer;
}

let blocks: Lz4Blocks | undefined;

/**
 * `lz4` where its optional native build is there, else the prebuilt `lz4-napi`: same bytes to any
 * reader, up to three times slower (`decisions/0003-compression.md`).
 */
export function lz4Blocks(): Lz4Blocks {
  blocks ??= fromLz4() ?? fromLz4Napi();
  return blocks;
}

/** Null where the package is absent or its native part did not build. */
export function fromLz4(load: NodeJS.Require = lazyRequire): Lz4Blocks | null {
  let native: Lz4Native;
  try {
    native = load('lz4') as Lz4Native;
  } catch {
    return null;
  }
  return {
    library: 'lz4',
    hasHighCompression: true,
    encode: (input, output, highCompression) =>
      highCompression ? native.encodeBlockHC(input, output) : native.encodeBlock(input, output),
    decode: (block, output) => {
      const length = native.decodeBlock(block, output);
      return length < 0 ? -1 : length;
    },
  };
}

export function fromLz4Napi(load: NodeJS.Require = lazyRequire): Lz4Blocks {
  let napi: Lz4Napi;
  try {
    napi = load('lz4-napi') as Lz4Napi;
  } catch (error) {
    const remedy = `install the package "lz4-napi" for this platform (${messageOf(error)})`;
    throw unsupportedCodec('lz4', remedy, error);
  }
  return {
    library: 'lz4-napi',
    hasHighCompression: false,
    // Its blocks carry their decoded size in front, little-endian: cut off here, put back below.
    encode: (input, output) => {
      const block = napi.compressSync(input);
      if (block.length - 4 > output.length) return 0;
      return block.copy(output, 0, 4);
    },
    decode: (block, output) => {
      const sized = Buffer.allocUnsafe(block.length + 4);
      sized.writeUInt32LE(output.length, 0);
      block.copy(sized, 4);
      try {
        return napi.uncompressSync(sized).copy(output);
      } catch {
        return -1;
      }
    },
  };
}
