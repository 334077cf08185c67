import fs from 'node:fs';
import { writeFully } from './descriptor-io.js';
import type { FileHandle } from './descriptors.js';
import { errnoName } from './io-error.js';
import type { Libc } from './libc.js';
import { ceilTo } from './mapping-budget.js';
import type { FileLength } from './portable-log-file.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Zeros written at a time. Pages larger than this may be memory that a virtual machine's host has yet to find. */
const STEP_BYTES = 64 * KIB;
/** Appends above this make large pages by themselves. */
const LARGEST_APPEND_BYTES = 32 * KIB;
/** A log slower than one step in this time does without. */
const FAST_MS = 1000;
const SMALLEST_RESERVATION_BYTES = MIB;
const LARGEST_RESERVATION_BYTES = 16 * MIB;

const zeros = Buffer.alloc(STEP_BYTES);

/**
 * Space ahead of the data of a fast log that is written with `pwrite`: blocks allocated, and zeros in the page cache.
 *
 * A write of 16 KiB beyond a file's end makes the kernel find a page, a block and a place in its lists for each 4 KiB,
 * which takes more than twice as long as copying them. Written as zeros in one large piece, those pages come as one,
 * and the appends after it only fill it. The zeros are written on the thread that appends, always behind the data, so
 * they overwrite nothing.
 */
export class WrittenAhead {
  readonly #file: FileHandle;
  readonly #length: FileLength;
  readonly #maxBytes: number;
  readonly #libc: Libc;
  readonly #now: () => number;
  /** Appends up to here meet pages, or are not worth any: nothing to do. */
  #doneTo: number;
  /** Zeros have been written up to here, and nothing but appends since. */
  #zerosTo = 0;
  #markPosition: number;
  #markMs: number;
  #isUsable = true;

  constructor(
    file: FileHandle,
    at: { readonly size: number; readonly length: FileLength; readonly maxBytes: number },
    shared: { readonly libc: Libc; readonly now: () => number },
  ) {
    this.#file = file;
    this.#length = at.length;
    this.#maxBytes = at.maxBytes;
    this.#libc = shared.libc;
    this.#now = shared.now;
    this.#doneTo = at.size + STEP_BYTES;
    this.#markPosition = at.size;
    this.#markMs = shared.now();
  }

  /**
   * Called before `bytes` bytes are written at `size`, the end of the data; nothing beyond is in a caller's hands.
   * `isFlushedSeldom`: what is not filled when a flush comes is written as zeros.
   */
  beforeWrite(size: number, bytes: number, isFlushedSeldom: boolean): void {
    const end = size + bytes;
    if (end <= this.#doneTo || bytes > LARGEST_APPEND_BYTES || !this.#isUsable) return;
    const now = this.#now();
    const isFast = (size - this.#markPosition) * FAST_MS >= STEP_BYTES * (now - this.#markMs);
    this.#markPosition = size;
    this.#markMs = now;
    this.#doneTo = ceilTo(end, STEP_BYTES);
    // Up to the end of its step an append may have to do without: the next one is asked for again behind it.
    if (!isFast || !isFlushedSeldom || this.#doneTo > this.#maxBytes) return;
    // What a failed append took back is not there any more.
    const zerosTo = Math.min(this.#zerosTo, this.#length.bytes);
    if (!this.#reserve(this.#doneTo)) return;
    for (let from = Math.max(size, zerosTo); from < this.#doneTo; ) {
      const to = Math.min(ceilTo(from + 1, STEP_BYTES), this.#doneTo);
      writeFully(this.#file.fd(), zeros, 0, to - from, from);
      from = to;
    }
    this.#zerosTo = this.#doneTo;
  }

  /** The file has been cut to `size` bytes. */
  cut(size: number): void {
    this.#doneTo = size;
    this.#zerosTo = 0;
    this.#markPosition = size;
    this.#markMs = this.#now();
  }

  /** Gives the file blocks up to `end` and some more; false where they are not to be had, and then it is as before. */
  #reserve(end: number): boolean {
    const length = this.#length;
    if (end <= length.bytes) return true;
    const fd = this.#file.fd();
    const generous = Math.min(
      Math.max(ceilTo(Math.floor(end / 4), STEP_BYTES), SMALLEST_RESERVATION_BYTES),
      LARGEST_RESERVATION_BYTES,
    );
    const to = Math.min(end + generous, Math.max(end, this.#maxBytes));
    try {
      this.#libc.allocate(fd, length.bytes, to - length.bytes);
      length.bytes = to;
      return true;
    } catch (error) {
      if (errnoName(error) === undefined) throw error;
      // No failure of the append: it finds its own blocks, or says that there are none.
      this.#isUsable = false;
      fs.ftruncateSync(fd, length.bytes);
      return false;
    }
  }
}
