import fs from 'node:fs';
import type { FileHandle } from './descriptors.js';
import { errnoName } from './io-error.js';
import { HUGE_PAGE_BYTES, type Libc, MADV_POPULATE_WRITE } from './libc.js';
import {
  ceilTo,
  floorTo,
  type Mapping,
  type MappingBudget,
  type MappingHolder,
} from './mapping-budget.js';
import type { FileLength } from './portable-log-file.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** How often an append stops to see what has been prepared, in bytes appended. */
const LOOK_BYTES = MIB;
/** A log that appends this much in `FAST_MS` is worth a window. */
const FAST_BYTES = 64 * KIB;
const FAST_MS = 1000;
const SMALLEST_WINDOW_BYTES = 256 * KIB;
/** One view of 256 MiB costs V8 one collection, 32 views of 8 MiB cost several. */
const LARGEST_WINDOW_BYTES = 256 * MIB;
const LARGEST_RESERVATION_BYTES = 64 * MIB;
/** Populating holds the process's memory map lock: this much takes about 1 ms. */
const LARGEST_POPULATE_BYTES = 8 * MIB;
/** What the main thread populates itself when appends are small: about 50 us. */
const POPULATE_HERE_BYTES = 512 * KIB;
/** Up to this size an append into populated pages beats `pwrite` even when it populates them itself. */
const SMALL_APPEND_BYTES = 8 * KIB;
/** Below this many bytes per flush populated pages would be synced as zeros before they are filled. */
const MAPPED_BYTES_PER_FLUSH = 4 * MIB;
/** An event loop idle for this long leaves enough time to populate what the next burst needs. */
const PAUSE_MS = 1;
const IDLE_CREDIT_BYTES = 16 * MIB;
const LONGEST_BACKOFF_BYTES = 256 * MIB;

/** What file systems say that cannot allocate ahead: they are written with `pwrite` alone. */
const NO_FALLOCATE: ReadonlySet<string> = new Set(['EOPNOTSUPP', 'ENOSYS', 'EFBIG']);

/** Populating calls on the thread pool at a time, of all files, so that flushes find a free thread. */
export class PopulateSlots {
  free = 1;
}

/** A range being populated on the thread pool. */
class Populating {
  readonly from: number;
  readonly to: number;
  finished = false;
  ok = false;
  #slots: PopulateSlots | null;

  constructor(from: number, to: number, slots: PopulateSlots) {
    this.from = from;
    this.to = to;
    this.#slots = slots;
    slots.free--;
  }

  giveSlotBack(): void {
    if (this.#slots === null) return;
    this.#slots.free++;
    this.#slots = null;
  }
}

/**
 * The space ahead of a log's end, as memory that can be written without a fault: blocks allocated,
 * pages in the page cache and in the page table.
 *
 * Pages are populated on the thread pool. Nothing ever waits for that: `prepare` answers false, the
 * append goes through `pwrite`, and later appends look again. Populating never changes what a page
 * holds, so it cannot harm bytes that were appended meanwhile. Completion is seen through `mincore`,
 * since a caller may append for seconds without a turn of the event loop.
 */
export class WriteSpace implements MappingHolder {
  mapping: Mapping | null = null;
  /** Appends in [readyStart, readyEnd) meet populated pages. */
  readyStart = 0;
  readyEnd = 0;
  /** Before this position there is no use in calling `prepare` again. */
  nextLook: number;
  /** True between `reserve` and `commit`: the mapping is in a caller's hands. */
  inUse = false;
  /** The file's length, reservations included. */
  readonly #length: FileLength;
  readonly #libc: Libc;
  readonly #budget: MappingBudget;
  readonly #file: FileHandle;
  readonly #slots: PopulateSlots;
  readonly #maxBytes: number;
  readonly #now: () => number;
  readonly #totalIdleMs: () => number;
  readonly #lost: () => void;
  #pending: Populating | null = null;
  #backoffBytes = 0;
  /** Bytes that large appends may still have prepared, since the last pause that left time for it. */
  #idleCredit = 0;
  #lookedAt: number;
  #idleMs: number;
  #windowBytes = SMALLEST_WINDOW_BYTES;
  #windowOpenedMs = 0;
  #markPosition: number;
  #markMs: number;
  #lastFlush: number;
  #bytesPerFlush = Number.POSITIVE_INFINITY;
  /** The file system cannot allocate ahead, or populating failed. */
  #unusable = false;
  #diskFull = false;

  constructor(
    file: FileHandle,
    at: { readonly size: number; readonly length: FileLength; readonly maxBytes: number },
    shared: {
      readonly libc: Libc;
      readonly budget: MappingBudget;
      readonly slots: PopulateSlots;
      readonly now: () => number;
      readonly idleMs: () => number;
    },
    /** Told when the budget has taken the mapping away. */
    lost: () => void,
  ) {
    this.#lost = lost;
    this.#file = file;
    this.#libc = shared.libc;
    this.#budget = shared.budget;
    this.#slots = shared.slots;
    this.#now = shared.now;
    this.#totalIdleMs = shared.idleMs;
    this.#maxBytes = at.maxBytes;
    this.#length = at.length;
    this.#markPosition = at.size;
    this.#markMs = shared.now();
    this.#lastFlush = at.size;
    this.#lookedAt = at.size;
    this.#idleMs = shared.idleMs();
    this.nextLook = at.size + FAST_BYTES;
  }

  /** Whether [size, size + bytes) is ready to be written through `mapping`; gets more ready behind it. */
  prepare(size: number, bytes: number): boolean {
    if (this.#covers(size, bytes) && size < this.nextLook) return true;
    if (this.#unusable) return false;
    const filled = this.mapping !== null && size + bytes > this.mapping.end;
    if (size < this.nextLook && !filled) return this.#populateHere(size, bytes);
    this.nextLook = size + LOOK_BYTES;
    if (!this.#worthIt(size)) {
      this.nextLook = size + FAST_BYTES;
      return this.#covers(size, bytes);
    }
    if (bytes > SMALL_APPEND_BYTES && !this.#hasTime(size)) return this.#covers(size, bytes);
    if (this.mapping === null || size + bytes > this.mapping.end) {
      if (!this.#openWindow(size, bytes)) return false;
    }
    this.#collect(size);
    const ready = this.#covers(size, bytes) || this.#populateHere(size, bytes);
    this.#prepareAhead(size);
    if (!ready && this.readyStart > size) this.nextLook = this.readyStart;
    return ready;
  }

  /** Called when a flush of everything below `size` starts. */
  flushed(size: number): void {
    const bytes = size - this.#lastFlush;
    if (bytes === 0) return;
    this.#lastFlush = size;
    this.#bytesPerFlush =
      this.#bytesPerFlush === Number.POSITIVE_INFINITY
        ? bytes
        : (this.#bytesPerFlush * 3 + bytes) / 4;
  }

  /**
   * After allocating ahead has failed for lack of space: gives just the next append its blocks, so
   * that a full disk is found before anything is written. Throws the system's error.
   */
  reserveExactly(size: number, bytes: number): void {
    if (this.#diskFull && size + bytes > this.#length.bytes) this.#allocate(size + bytes);
  }

  /** Gives up the mapping, before the file is cut or closed. */
  clear(size: number): void {
    const { mapping } = this;
    this.#forget();
    this.nextLook = size + FAST_BYTES;
    if (mapping !== null) this.#budget.release(mapping);
  }

  mappingTaken(mapping: Mapping): boolean {
    if (mapping !== this.mapping) return true;
    if (this.inUse) return false;
    this.#forget();
    this.#lost();
    return true;
  }

  #forget(): void {
    this.mapping = null;
    this.readyStart = 0;
    this.readyEnd = 0;
    this.#pending?.giveSlotBack();
    this.#pending = null;
  }

  #covers(size: number, bytes: number): boolean {
    return size >= this.readyStart && size + bytes <= this.readyEnd;
  }

  /** Only logs that append fast and flush seldom: the others do as well with `pwrite`. */
  #worthIt(size: number): boolean {
    if (this.mapping === null) {
      const now = this.#now();
      const elapsedMs = now - this.#markMs;
      const appended = size - this.#markPosition;
      this.#markMs = now;
      this.#markPosition = size;
      if (elapsedMs > FAST_MS || appended < FAST_BYTES) return false;
    }
    return this.isFlushedSeldom(size);
  }

  /** Whether so much is appended between flushes that they may write some space ahead, as zeros, beside it. */
  isFlushedSeldom(size: number): boolean {
    return Math.max(this.#bytesPerFlush, size - this.#lastFlush) >= MAPPED_BYTES_PER_FLUSH;
  }

  /**
   * Whether there is time to prepare space for large appends. One after another without a pause they are best written:
   * populating costs as much as it saves, whoever does it. A log that is written in bursts has its space prepared
   * between them, and appends at the speed of memory. Counted is only the event loop's idle time: a thread that other
   * programs or the collector keep from running has no processor to spare for this.
   */
  #hasTime(size: number): boolean {
    const idleMs = this.#totalIdleMs();
    const bytes = size - this.#lookedAt;
    const hasPaused = idleMs - this.#idleMs > PAUSE_MS;
    this.#lookedAt = size;
    this.#idleMs = idleMs;
    this.#idleCredit = hasPaused ? IDLE_CREDIT_BYTES : this.#idleCredit - bytes;
    return this.#idleCredit > 0;
  }

  #openWindow(size: number, bytes: number): boolean {
    const now = this.#now();
    const old = this.mapping;
    if (old !== null) {
      const filledMs = now - this.#windowOpenedMs;
      if (filledMs < 1000)
        this.#windowBytes = Math.min(this.#windowBytes * 4, LARGEST_WINDOW_BYTES);
      else if (filledMs > 10_000) {
        this.#windowBytes = Math.max(this.#windowBytes / 4, SMALLEST_WINDOW_BYTES);
      }
      this.clear(size);
      this.nextLook = size + LOOK_BYTES;
    }
    const window = Math.max(Math.min(this.#windowBytes, this.#budget.maxBytes / 4), bytes * 2);
    const unit = window >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : this.#libc.pageBytes;
    const start = floorTo(size, unit);
    // Beyond the largest size only what this one append needs.
    const end = Math.min(start + window, Math.max(this.#maxBytes, size + bytes));
    this.#windowOpenedMs = now;
    this.mapping = this.#budget.map(this, this.#file, {
      start,
      end: ceilTo(end, unit),
      write: true,
    });
    this.readyStart = size;
    this.readyEnd = size;
    return this.mapping !== null;
  }

  /** Takes over what the thread pool has finished. */
  #collect(size: number): void {
    const pending = this.#pending;
    const { mapping } = this;
    if (pending === null || mapping === null) return;
    if (!pending.finished) {
      const lastPage = pending.to - this.#libc.pageBytes - mapping.start;
      if (!this.#libc.isResident(mapping.address + lastPage)) {
        if (size > pending.from) this.#backOff(size);
        return;
      }
    } else if (!pending.ok) {
      this.#unusable = true;
      return;
    }
    pending.giveSlotBack();
    this.#pending = null;
    if (pending.from !== this.readyEnd) this.readyStart = pending.from;
    this.readyEnd = pending.to;
    this.#backoffBytes = 0;
  }

  /** The pool does not keep up, the processors are busy with something else: leave them alone a while. */
  #backOff(size: number): void {
    this.#backoffBytes = Math.min(
      Math.max(this.#backoffBytes * 2, LARGEST_POPULATE_BYTES),
      LONGEST_BACKOFF_BYTES,
    );
    this.nextLook = size + this.#backoffBytes;
  }

  /** For small appends: populates on this thread what is faster than writing them one by one. */
  #populateHere(size: number, bytes: number): boolean {
    const { mapping } = this;
    if (mapping === null || bytes > SMALL_APPEND_BYTES || size + bytes > mapping.end) return false;
    const { pageBytes } = this.#libc;
    const from = floorTo(size, pageBytes);
    const to = Math.min(ceilTo(size + POPULATE_HERE_BYTES, pageBytes), mapping.end);
    if (!this.#allocateAhead(to)) return false;
    try {
      this.#libc.advise(mapping.address + (from - mapping.start), to - from, MADV_POPULATE_WRITE);
    } catch {
      this.#unusable = true;
      return false;
    }
    this.readyStart = size;
    this.readyEnd = to;
    return true;
  }

  #prepareAhead(size: number): void {
    const mapping = this.mapping!;
    if (this.#pending !== null || this.#slots.free === 0 || size < this.nextLook - LOOK_BYTES)
      return;
    const behind = size >= this.readyEnd;
    // What is populated and not filled when a flush comes is written as zeros: stay well below.
    const chunk = Math.min(
      Math.max(mapping.length / 8, SMALLEST_WINDOW_BYTES),
      LARGEST_POPULATE_BYTES,
      this.#bytesPerFlush / 8,
    );
    const aheadBytes = 3 * chunk;
    // Where the head is not in prepared space it goes on with pwrite until it reaches this chunk.
    const from = behind ? ceilTo(size + chunk / 2, this.#libc.pageBytes) : this.readyEnd;
    if (from - size > aheadBytes) return;
    const unit = chunk >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : this.#libc.pageBytes;
    const to = Math.min(floorTo(Math.floor(from + chunk), unit), mapping.end);
    if (to <= from || !this.#allocateAhead(to)) return;
    const pending = new Populating(from, to, this.#slots);
    this.#budget.pin(mapping);
    const done = (ok: boolean) => {
      pending.finished = true;
      pending.ok = ok;
      pending.giveSlotBack();
      this.#budget.unpin(mapping);
    };
    const address = mapping.address + (from - mapping.start);
    if (this.#libc.adviseAsync(address, to - from, MADV_POPULATE_WRITE, done)) {
      this.#pending = pending;
    } else done(false);
  }

  /** Gives the file blocks up to `end` and some more; false where they are not to be had. */
  #allocateAhead(end: number): boolean {
    if (end <= this.#length.bytes) return true;
    const step = Math.min(this.mapping!.length / 4, LARGEST_RESERVATION_BYTES);
    const generous = Math.min(Math.max(end, this.#length.bytes + step), this.mapping!.end);
    for (const wanted of generous === end ? [end] : [generous, end]) {
      try {
        this.#allocate(wanted);
        return true;
      } catch (error) {
        const errno = errnoName(error) ?? '';
        if (NO_FALLOCATE.has(errno)) {
          this.#unusable = true;
          return false;
        }
        if (errno !== 'ENOSPC' && errno !== 'EDQUOT') throw error;
        this.#diskFull = true;
      }
    }
    return false;
  }

  #allocate(end: number): void {
    const fd = this.#file.fd();
    try {
      this.#libc.allocate(fd, this.#length.bytes, end - this.#length.bytes);
    } catch (error) {
      // Some file systems keep the part that they could allocate.
      fs.ftruncateSync(fd, this.#length.bytes);
      throw error;
    }
    this.#length.bytes = end;
    this.#diskFull = false;
  }
}
