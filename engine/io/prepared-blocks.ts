import fs from 'node:fs';
import type { FileHandle } from './descriptors.js';
import { errnoName } from './io-error.js';
import { type Libc, MADV_POPULATE_WRITE } from './libc.js';
import { ceilTo, type Mapping, type MappingBudget, type MappingHolder } from './mapping-budget.js';
import type { FileLength } from './portable-log-file.js';

const KIB = 1024;
const MIB = 1024 * KIB;

const SMALLEST_BYTES = MIB;
const LARGEST_BYTES = 16 * MIB;
/** A log that flushes this often in `FAST_MS` gets blocks prepared. */
const FAST_FLUSHES = 8;
const FAST_MS = 1000;
/**
 * Above this the zeros cost as much as they save: 100 KB a flush, 55 us instead of 90 into prepared
 * blocks, but 40 us to prepare them.
 */
const LARGEST_FLUSH_BYTES = 32 * KIB;

/**
 * Blocks ahead of the data of a log that is flushed often, already written (with zeros) and synced.
 * A sync of bytes inside them has only those bytes to write, where growing the file or filling
 * unwritten blocks makes the file system commit its journal as well.
 *
 * The zeros come from populating a mapping, never from writing them: populating leaves alone what a
 * page holds, so it cannot undo an append that gets there first.
 */
export class PreparedBlocks implements MappingHolder {
  readonly #file: FileHandle;
  readonly #length: FileLength;
  readonly #libc: Libc;
  readonly #budget: MappingBudget;
  readonly #maxBytes: number;
  readonly #now: () => number;
  readonly #sync: () => Promise<void>;
  #preparedTo = 0;
  #step = SMALLEST_BYTES;
  #startedMs = 0;
  #busy = false;
  #cuts = 0;
  #markMs: number;
  #flushes = 0;
  #lastSize = 0;

  constructor(
    file: FileHandle,
    at: { readonly length: FileLength; readonly maxBytes: number },
    shared: { readonly libc: Libc; readonly budget: MappingBudget; readonly now: () => number },
    /** Syncs the file's data on the thread pool. */
    sync: () => Promise<void>,
  ) {
    this.#file = file;
    this.#length = at.length;
    this.#maxBytes = at.maxBytes;
    this.#libc = shared.libc;
    this.#budget = shared.budget;
    this.#now = shared.now;
    this.#sync = sync;
    this.#markMs = shared.now();
  }

  mappingTaken(): boolean {
    return false;
  }

  /** Called when a flush of everything below `size` has succeeded. */
  flushed(size: number): void {
    const bytes = size - this.#lastSize;
    if (bytes === 0) return;
    this.#lastSize = size;
    if (bytes > LARGEST_FLUSH_BYTES) this.#flushes = 0;
    const now = this.#now();
    if (++this.#flushes < FAST_FLUSHES) {
      if (now - this.#markMs > FAST_MS) this.#flushes = 0;
      if (this.#flushes === 0) this.#markMs = now;
      return;
    }
    if (this.#busy || this.#preparedTo - size > this.#step / 2) return;
    const elapsedMs = now - this.#startedMs;
    if (this.#preparedTo > 0) {
      if (elapsedMs < FAST_MS) this.#step = Math.min(this.#step * 4, LARGEST_BYTES);
      else if (elapsedMs > 10 * FAST_MS) this.#step = Math.max(this.#step / 4, SMALLEST_BYTES);
    }
    this.#startedMs = now;
    const from = ceilTo(Math.max(size, this.#preparedTo), this.#libc.pageBytes);
    const to = Math.min(from + this.#step, ceilTo(this.#maxBytes, this.#libc.pageBytes));
    if (to > from && this.#allocate(to)) void this.#prepare(from, to);
  }

  /** The file is about to be cut: nothing beyond is prepared any more. */
  cut(): void {
    this.#cuts++;
    this.#preparedTo = 0;
    this.#flushes = 0;
  }

  #allocate(to: number): boolean {
    const from = this.#length.bytes;
    if (to <= from) return true;
    try {
      this.#libc.allocate(this.#file.fd(), from, to - from);
    } catch (error) {
      this.#flushes = -1000;
      if (errnoName(error) === undefined) throw error;
      // Not a failure: the log goes on without. But some file systems keep what they could allocate.
      fs.ftruncateSync(this.#file.fd(), from);
      return false;
    }
    this.#length.bytes = to;
    return true;
  }

  async #prepare(from: number, to: number): Promise<void> {
    const mapping = this.#budget.map(this, this.#file, { start: from, end: to, write: true });
    if (mapping === null) return;
    const cuts = this.#cuts;
    this.#busy = true;
    try {
      const populated = await this.#populate(mapping);
      if (!populated || cuts !== this.#cuts) return;
      await this.#sync();
      if (cuts === this.#cuts) this.#preparedTo = to;
    } catch {
      // The file remembers a failed sync, and every flush from now on fails with it.
      this.#flushes = -1000;
    } finally {
      this.#busy = false;
      this.#budget.release(mapping);
    }
  }

  #populate(mapping: Mapping): Promise<boolean> {
    this.#budget.pin(mapping);
    return new Promise((resolve) => {
      const done = (ok: boolean) => {
        this.#budget.unpin(mapping);
        resolve(ok);
      };
      const { address, length } = mapping;
      if (!this.#libc.adviseAsync(address, length, MADV_POPULATE_WRITE, done)) done(false);
    });
  }
}
