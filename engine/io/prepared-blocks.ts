import fs from 'node:fs';
import { writeFully } from './descriptor-io.js';
import type { FileHandle } from './descriptors.js';
import { errnoName } from './io-error.js';
import type { FileLength } from './portable-log-file.js';

const KIB = 1024;

/** Writing the largest takes about 40 us, and the sync that takes it to the disk 60-150 us longer. */
const SMALLEST_BYTES = 64 * KIB;
const LARGEST_BYTES = 512 * KIB;
/** What is prepared at a time, so that few syncs pay for it. */
const FLUSHES_AHEAD = 64;
/** A log that flushes this often in `FAST_MS` gets blocks prepared. */
const FAST_FLUSHES = 8;
const FAST_MS = 1000;
const BLOCK_BYTES = 4 * KIB;
/**
 * Above this the zeros cost as much as they save: 100 KB a flush, 55 us instead of 90 into prepared
 * blocks, but 40 us to prepare them.
 */
const LARGEST_FLUSH_BYTES = 32 * KIB;

const zeros = Buffer.alloc(LARGEST_BYTES);

/**
 * Blocks ahead of the data of a log that is flushed often, already written (with zeros) and synced.
 * A sync of bytes inside them has only those bytes to write, where growing the file or filling
 * unwritten blocks makes the file system commit its journal as well.
 *
 * One of the log's own syncs takes the zeros to the disk: one of their own would hold up the log's for as long.
 */
export class PreparedBlocks {
  readonly #file: FileHandle;
  readonly #length: FileLength;
  readonly #maxBytes: number;
  readonly #now: () => number;
  /** Zeros are in the page cache up to here; on disk once a sync that started later has succeeded. */
  #zerosTo = 0;
  #bytesPerFlush = 0;
  #markMs: number;
  #flushes = 0;
  #lastSize = 0;

  constructor(
    file: FileHandle,
    at: { readonly length: FileLength; readonly maxBytes: number },
    shared: { readonly now: () => number },
  ) {
    this.#file = file;
    this.#length = at.length;
    this.#maxBytes = at.maxBytes;
    this.#now = shared.now;
    this.#markMs = shared.now();
  }

  /**
   * Called when a flush of everything below `size` is about to start: it will sync what is written here. Nothing
   * above `size` may be in a caller's hands.
   */
  beforeFlush(size: number): void {
    const bytes = size - this.#lastSize;
    if (bytes <= 0) return;
    this.#lastSize = size;
    if (bytes > LARGEST_FLUSH_BYTES) this.#flushes = Math.min(this.#flushes, 0);
    if (++this.#flushes < FAST_FLUSHES) {
      this.#bytesPerFlush = Math.max(this.#bytesPerFlush, bytes);
      const now = this.#now();
      if (now - this.#markMs > FAST_MS) this.#flushes = Math.min(this.#flushes, 0);
      if (this.#flushes > 0) return;
      this.#markMs = now;
      this.#bytesPerFlush = 0;
      return;
    }
    this.#bytesPerFlush = (this.#bytesPerFlush * 7 + bytes) / 8;
    // The next flush must find its blocks on disk.
    if (this.#zerosTo - size >= 2 * this.#bytesPerFlush) return;
    const ahead = Math.max(this.#bytesPerFlush * FLUSHES_AHEAD, SMALLEST_BYTES);
    const from = Math.max(size, this.#zerosTo);
    const end = Math.min(from + Math.min(ahead, LARGEST_BYTES), this.#maxBytes);
    const to = end - (end % BLOCK_BYTES);
    if (to > from) this.#write(from, to);
  }

  /** The file is about to be cut: nothing beyond is prepared any more. */
  cut(): void {
    this.#zerosTo = 0;
    this.#flushes = 0;
    this.#lastSize = 0;
  }

  #write(from: number, to: number): void {
    const fd = this.#file.fd();
    try {
      writeFully(fd, zeros, 0, to - from, from);
      this.#length.bytes = Math.max(this.#length.bytes, to);
      this.#zerosTo = to;
    } catch (error) {
      if (errnoName(error) === undefined) throw error;
      // Not a failure: the log goes on without. But a part may have been written.
      this.#flushes = -1000;
      this.#length.bytes = fs.fstatSync(fd).size;
    }
  }
}
