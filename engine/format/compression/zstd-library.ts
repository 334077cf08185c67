import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { unsupportedCodec } from './codec-errors.js';
import { lazyRequire } from './lazy-require.js';
import type { ZstdExtent } from './zstd-frame.js';

/** zstd itself, wherever it comes from. Both implementations hold at most the limit and one chunk. */
export interface ZstdLibrary {
  readonly library: 'node:zlib' | '@cloudpss/zstd';
  compress(input: Buffer, level: number): Buffer;
  /** Null where the output passes `maxBytes`; throws where the data is malformed. */
  decompress(input: Buffer, maxBytes: number, extent: ZstdExtent): Buffer | null;
}

/** The part of node:zlib that Node 20's types do not have (Node 22.15 and later). */
interface NodeZstd {
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
  zstdCompressSync(input: Buffer, options: object): Buffer;
  zstdDecompressSync(input: Buffer, options: object): Buffer;
}

interface Binding {
  readonly Compressor: new (
    level: number,
  ) => {
    data(input: Buffer, onChunk: (chunk: Buffer) => void): void;
    end(onChunk: (chunk: Buffer) => void): void;
  };
  readonly Decompressor: new () => BindingDecompressor;
}

interface BindingDecompressor {
  data(input: Buffer, onChunk: (chunk: Buffer) => void): void;
}

const MIN_CHUNK_BYTES = 1024;
const MAX_CHUNK_BYTES = 1024 * 1024;
/** Past this a decoder's window is given back instead of kept for the next call. */
const KEPT_WINDOW_BYTES = 8 * 1024 * 1024;
/** How much input goes in between two looks at the limit. */
const GUARDED_STEP_BYTES = 1024;

let library: ZstdLibrary | undefined;

/** node:zlib's where Node has it, else the optional package's (see `decisions/0003-compression.md`). */
export function zstdLibrary(): ZstdLibrary {
  library ??= fromNode() ?? fromCloudpss();
  return library;
}

/** Null on a Node without zstd. */
export function fromNode(): ZstdLibrary | null {
  const zlib = lazyRequire('node:zlib') as Partial<NodeZstd>;
  const { zstdCompressSync, zstdDecompressSync, constants } = zlib;
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) return null;
  const levelKey = constants!.ZSTD_c_compressionLevel;
  return {
    library: 'node:zlib',
    compress: (input, level) =>
      zstdCompressSync(input, {
        params: { [levelKey]: level },
        pledgedSrcSize: input.length,
        chunkSize: chunkBytes(input.length),
      }),
    decompress: (input, maxBytes, { frames }) => {
      // One call a frame: given several, Node stops after the first that ends inside a chunk and
      // reports neither an error nor what it left.
      const outputs: Buffer[] = [];
      let leftBytes = maxBytes;
      try {
        for (const frame of frames) {
          const expectedBytes = frame.declaredBytes ?? Math.min(frame.mostBytes, leftBytes);
          const output = zstdDecompressSync(input.subarray(frame.start, frame.end), {
            // 0 is refused; the caller's check of the whole output covers it.
            maxOutputLength: Math.max(leftBytes, 1),
            chunkSize: chunkBytes(expectedBytes),
          });
          leftBytes -= output.length;
          if (leftBytes < 0) return null;
          outputs.push(output);
        }
      } catch (error) {
        if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') return null;
        throw error;
      }
      return joined(outputs);
    },
  };
}

/** A few bytes over what is expected, or zlib asks for a second chunk only to find the end. */
function chunkBytes(expectedBytes: number): number {
  return Math.min(Math.max(expectedBytes + 64, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);
}

/**
 * The package's native part, loaded directly: its entry point awaits, which a synchronous codec
 * cannot. Only its streaming classes are used, because its one-shot functions share one context
 * between worker threads.
 */
export function fromCloudpss(load: NodeJS.Require = lazyRequire): ZstdLibrary {
  let binding: Binding;
  try {
    const manifest = load.resolve('@cloudpss/zstd/package.json');
    binding = createRequire(manifest)('node-gyp-build')(dirname(manifest)) as Binding;
  } catch (error) {
    throw unsupportedCodec(
      'zstd',
      'use Node 22.15 or later, or install the package "@cloudpss/zstd"',
      error,
    );
  }
  const compressors = new Map<number, InstanceType<Binding['Compressor']>>();
  let decompressor: BindingDecompressor | undefined;
  return {
    library: '@cloudpss/zstd',
    compress: (input, level) => {
      const compressor = compressors.get(level) ?? new binding.Compressor(level);
      // Not kept if anything below throws: its state would be unknown.
      compressors.delete(level);
      const chunks: Buffer[] = [];
      compressor.data(input, (chunk) => chunks.push(chunk));
      compressor.end((chunk) => chunks.push(chunk));
      compressors.set(level, compressor);
      return joined(chunks);
    },
    decompress: (input, maxBytes, extent) => {
      const current = decompressor ?? new binding.Decompressor();
      decompressor = undefined;
      const chunks: Buffer[] = [];
      let total = 0;
      const keep = (chunk: Buffer): void => {
        total += chunk.length;
        if (total <= maxBytes) chunks.push(chunk);
      };
      const step = extent.mostBytes <= maxBytes ? input.length : GUARDED_STEP_BYTES;
      for (let start = 0; start < input.length; start += step) {
        current.data(input.subarray(start, start + step), keep);
        if (total > maxBytes) return null;
      }
      if (extent.windowBytes <= KEPT_WINDOW_BYTES) decompressor = current;
      return joined(chunks);
    },
  };
}

function joined(chunks: Buffer[]): Buffer {
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}
