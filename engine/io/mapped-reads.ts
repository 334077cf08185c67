import type { FileHandle } from './descriptors.js';
import { type Libc, MADV_POPULATE_READ } from './libc.js';
import {
  ceilTo,
  floorTo,
  type Mapping,
  type MappingBudget,
  type MappingHolder,
} from './mapping-budget.js';

/** Mappings start at multiples of this, so that random reads of a segment share them. */
export const READ_CHUNK_BYTES = 8 * 1024 * 1024;
/** V8 collects garbage about once per mapping of this size or more: scans use few large ones. */
const LARGEST_SCAN_BYTES = 256 * 1024 * 1024;
/** Populated ahead of a scan at a time: long enough to be worth a call, short enough not to block. */
const POPULATE_BYTES = 8 * 1024 * 1024;
/** Calls count until the event loop turns, which a scan need not do. */
const MAX_POPULATING = 64;

/** The mappings that one log file is read through. */
export class MappedReads implements MappingHolder {
  readonly #budget: MappingBudget;
  readonly #libc: Libc;
  readonly #file: FileHandle;
  readonly #taken: (mapping: Mapping) => void;
  /** By the number of each chunk that a mapping covers. */
  readonly #chunks = new Map<number, Mapping>();
  #current: Mapping | null = null;
  #scanBytes = READ_CHUNK_BYTES;
  #populating = 0;
  #populatedFrom = 0;
  #populatedTo = 0;

  /** `taken` is told when the budget takes a mapping away. */
  constructor(
    libc: Libc,
    budget: MappingBudget,
    file: FileHandle,
    taken: (mapping: Mapping) => void,
  ) {
    this.#taken = taken;
    this.#libc = libc;
    this.#budget = budget;
    this.#file = file;
  }

  /** A mapping already there that holds [position, position + length). */
  find(position: number, length: number): Mapping | null {
    const current = this.#current;
    if (current !== null && position >= current.start && position + length <= current.end) {
      current.recentlyUsed = true;
      return current;
    }
    const found = this.#chunks.get(Math.floor(position / READ_CHUNK_BYTES));
    if (found === undefined || position < found.start || position + length > found.end) return null;
    found.recentlyUsed = true;
    this.#current = found;
    return found;
  }

  /** Maps the range and some more, up to `fileBytes`; null when the budget has no room. */
  map(position: number, length: number, fileBytes: number): Mapping | null {
    const previous = this.#current;
    const sequential =
      previous !== null && position >= previous.start && position <= previous.end + length;
    this.#scanBytes = sequential
      ? Math.min(this.#scanBytes * 4, LARGEST_SCAN_BYTES, this.#budget.maxBytes)
      : READ_CHUNK_BYTES;
    const start = floorTo(position, READ_CHUNK_BYTES);
    const wanted = Math.max(start + this.#scanBytes, position + length);
    // Never beyond the file: a program that copies a view's whole ArrayBuffer would touch that.
    const end = Math.min(ceilTo(wanted, READ_CHUNK_BYTES), ceilTo(fileBytes, this.#libc.pageBytes));
    const mapping = this.#budget.map(this, this.#file, { start, end, write: false });
    if (mapping === null) return null;
    this.#current = mapping;
    for (let chunk = start / READ_CHUNK_BYTES; chunk * READ_CHUNK_BYTES < end; chunk++) {
      const displaced = this.#chunks.get(chunk);
      this.#chunks.set(chunk, mapping);
      if (displaced !== undefined && !this.#isUsed(displaced)) this.#budget.release(displaced);
    }
    return mapping;
  }

  /**
   * Has the pages ahead of `position` entered into the page table on the thread pool, so that a scan
   * up to `scanEnd` does not stop for each of them.
   */
  populateAhead(mapping: Mapping, position: number, scanEnd: number): void {
    if (position >= this.#populatedFrom && position + POPULATE_BYTES / 2 < this.#populatedTo)
      return;
    const { pageBytes } = this.#libc;
    const continues = position >= this.#populatedFrom && position < this.#populatedTo;
    const from = Math.max(
      continues ? this.#populatedTo : floorTo(position, pageBytes),
      mapping.start,
    );
    const to = Math.min(from + POPULATE_BYTES, ceilTo(scanEnd, pageBytes), mapping.end);
    if (from >= to || this.#populating === MAX_POPULATING) return;
    this.#populatedFrom = position;
    this.#populatedTo = to;
    this.#populating++;
    this.#budget.pin(mapping);
    const address = mapping.address + (from - mapping.start);
    const done = () => {
      this.#populating--;
      this.#budget.unpin(mapping);
    };
    if (!this.#libc.adviseAsync(address, to - from, MADV_POPULATE_READ, done)) done();
  }

  mappingTaken(mapping: Mapping): boolean {
    this.#forget(mapping);
    this.#taken(mapping);
    return true;
  }

  /** Releases everything; what callers view stays mapped until they drop it. */
  clear(): void {
    const mappings = new Set(this.#chunks.values());
    this.#chunks.clear();
    this.#current = null;
    for (const mapping of mappings) this.#budget.release(mapping);
  }

  #isUsed(mapping: Mapping): boolean {
    for (let at = mapping.start; at < mapping.end; at += READ_CHUNK_BYTES) {
      if (this.#chunks.get(at / READ_CHUNK_BYTES) === mapping) return true;
    }
    return false;
  }

  #forget(mapping: Mapping): void {
    if (this.#current === mapping) this.#current = null;
    for (let at = mapping.start; at < mapping.end; at += READ_CHUNK_BYTES) {
      const chunk = at / READ_CHUNK_BYTES;
      if (this.#chunks.get(chunk) === mapping) this.#chunks.delete(chunk);
    }
  }
}
