import { isMainThread } from 'node:worker_threads';
import { HUGE_PAGE_BYTES, type Libc } from './libc.js';

const SMALLEST_BYTES = 256 * 1024;
const LARGEST_BYTES = 256 * 1024 * 1024;
/** Address space that waits for its next use; no memory is behind it. */
const KEPT_BYTES = 512 * 1024 * 1024;
const KEPT_SLOTS = 16;

/** A range of addresses with an ArrayBuffer over it, into which parts of files are mapped one after the other. */
export interface WindowSlot {
  readonly address: number;
  /** May be longer than what is mapped at its start. */
  readonly length: number;
  readonly memory: ArrayBuffer;
}

/**
 * Slots for windows that nobody outside holds a view of. V8 takes an ArrayBuffer's length for memory that only a
 * collection can free, and collects all the garbage of the process once it has seen some 64 MiB of new ones: a log
 * that mapped each new piece of its file as a new ArrayBuffer made programs with a large heap stop for it again and
 * again. So the ArrayBuffers stay and the mappings change.
 */
export class WindowSlots {
  #free: WindowSlot[] = [];
  #freeBytes = 0;
  #unmapsAtExit = false;

  /** A slot of at least `length` bytes; null where the kernel has no room, or where it is too large to be kept. */
  take(libc: Libc, length: number): WindowSlot | null {
    let bytes = SMALLEST_BYTES;
    while (bytes < length) bytes *= 4;
    if (bytes > LARGEST_BYTES) return null;
    const at = this.#free.findLastIndex((slot) => slot.length === bytes);
    if (at >= 0) {
      const slot = this.#free[at]!;
      this.#free.splice(at, 1);
      this.#freeBytes -= bytes;
      return slot;
    }
    const address = libc.reserveAddresses(bytes, Math.min(bytes, HUGE_PAGE_BYTES));
    return { address, length: bytes, memory: libc.arrayBuffer(address, bytes) };
  }

  /** Takes the slot back. Whatever is mapped there is unmapped, off the main thread where that takes long. */
  give(libc: Libc, slot: WindowSlot, mappedBytes: number, unmapHere: boolean): void {
    const done = (ok: boolean): void => {
      // Addresses that could not be taken back are given up, not used again.
      if (ok) this.#keep(libc, slot);
    };
    if (!unmapHere && libc.replaceWithZerosAsync(slot.address, mappedBytes, done)) return;
    libc.replaceWithZeros(slot.address, mappedBytes);
    done(true);
  }

  #keep(libc: Libc, slot: WindowSlot): void {
    if (this.#free.length === KEPT_SLOTS || this.#freeBytes + slot.length > KEPT_BYTES) {
      libc.unmap(slot.address, slot.length);
      return;
    }
    this.#free.push(slot);
    this.#freeBytes += slot.length;
    if (isMainThread || this.#unmapsAtExit) return;
    this.#unmapsAtExit = true;
    process.once('exit', () => {
      for (const { address, length } of this.#free) libc.unmap(address, length);
      this.#free = [];
    });
  }
}
