import { assert } from '../assert.js';
import type { FileHandle } from './descriptors.js';
import type { Libc } from './libc.js';
import { type WindowSlot, WindowSlots } from './window-slots.js';

/** A part of a file in memory. `buffer` is null once it was released: whoever wants it maps again. */
export class Mapping {
  readonly start: number;
  readonly end: number;
  readonly address: number;
  readonly fileKey: string;
  readonly holder: MappingHolder;
  /** Where it is to be unmapped to, while nobody but its holder can have views. */
  slot: WindowSlot | null;
  buffer: Buffer | null;
  view: DataView | null;
  /** True once a caller may hold views: then only the collector knows when it can be unmapped. */
  handedOut = false;
  /** Work off the main thread that uses the address range. */
  pins = 0;
  recentlyUsed = true;
  /** Set when nothing but `pins` keeps the range mapped. */
  unmapWhenUnpinned = false;

  constructor(
    range: { readonly start: number; readonly end: number; readonly address: number },
    memory: ArrayBuffer,
    holder: MappingHolder,
    fileKey: string,
    slot: WindowSlot | null,
  ) {
    this.slot = slot;
    this.start = range.start;
    this.end = range.end;
    this.address = range.address;
    this.holder = holder;
    this.fileKey = fileKey;
    this.buffer = Buffer.from(memory, 0, range.end - range.start);
    this.view = new DataView(memory, 0, range.end - range.start);
  }

  get length(): number {
    return this.end - this.start;
  }
}

/** Who uses a mapping as a cache and is told when it is taken away. False refuses. */
export interface MappingHolder {
  mappingTaken(mapping: Mapping): boolean;
}

/**
 * All mappings of one `FileSystem`, within a limit of count and bytes. Those used longest ago go
 * first. What callers still look at is unmapped when the collector has found that no view is left.
 */
export class MappingBudget {
  readonly maxMappings: number;
  readonly maxBytes: number;
  readonly #libc: Libc;
  readonly #cached = new Set<Mapping>();
  readonly #byFile = new Map<string, Set<Mapping>>();
  #count = 0;
  #bytes = 0;
  #cachedBytes = 0;

  constructor(libc: Libc, limits: { readonly maxMappings: number; readonly maxBytes: number }) {
    this.#libc = libc;
    this.maxMappings = limits.maxMappings;
    this.maxBytes = limits.maxBytes;
  }

  get mappings(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Maps [start, end) of the file, to write or only to read; null when there is no room for another
   * mapping, because callers hold views of too many or because the kernel has no more.
   */
  map(
    holder: MappingHolder,
    file: FileHandle,
    range: { readonly start: number; readonly end: number; readonly write: boolean },
  ): Mapping | null {
    const { start, end } = range;
    const length = end - start;
    if (!this.#makeRoom(length)) return null;
    const fd = file.fd();
    const libc = this.#libc;
    let slot: WindowSlot | null = null;
    let address: number;
    try {
      if (range.write) slot = slots.take(libc, length);
      if (slot !== null) {
        address = slot.address;
        libc.mapSharedAt(address, fd, start, length);
      } else if (range.write) address = libc.mapShared(fd, start, length);
      else address = libc.mapPrivate(fd, start, length);
    } catch {
      if (slot !== null) slots.give(libc, slot, length, true);
      return null;
    }
    const memory = slot?.memory ?? libc.arrayBuffer(address, length);
    const mapping = new Mapping({ start, end, address }, memory, holder, file.key, slot);
    this.#cached.add(mapping);
    let ofFile = this.#byFile.get(mapping.fileKey);
    if (ofFile === undefined) {
      ofFile = new Set();
      this.#byFile.set(mapping.fileKey, ofFile);
    }
    ofFile.add(mapping);
    this.#count++;
    this.#bytes += length;
    this.#cachedBytes += length;
    return mapping;
  }

  /** Its holder has no more use for it and nobody looks at a window of it. */
  release(mapping: Mapping): void {
    this.#retire(mapping, mapping.handedOut);
  }

  pin(mapping: Mapping): void {
    mapping.pins++;
  }

  unpin(mapping: Mapping): void {
    assert(mapping.pins > 0, 'a mapping is unpinned once for every pin');
    mapping.pins--;
    if (mapping.pins === 0 && mapping.unmapWhenUnpinned) this.#unmap(mapping);
  }

  /**
   * Prepares every mapping of the file for its being cut to `size` bytes: touching a mapped page
   * beyond a file's end would kill the process. What callers may view below `viewedEnd` becomes a
   * private copy at the same address; the rest becomes zeros. The mappings serve no new reads.
   */
  detach(file: FileHandle, size: number, viewedEnd: number): void {
    const pageBytes = this.#libc.pageBytes;
    // The page with the last byte stays the file's where nothing viewed is cut from it.
    const keep = viewedEnd > size ? floorTo(size, pageBytes) : ceilTo(size, pageBytes);
    for (const mapping of this.#byFile.get(file.key) ?? []) {
      if (mapping.end <= keep) continue;
      if (mapping.buffer !== null) {
        mapping.holder.mappingTaken(mapping);
        this.#retire(mapping, mapping.handedOut);
        if (!mapping.handedOut && mapping.pins === 0) continue;
      }
      this.#makePrivate(mapping, Math.max(keep, mapping.start), viewedEnd);
    }
  }

  #makePrivate(mapping: Mapping, from: number, viewedEnd: number): void {
    const libc = this.#libc;
    const copyEnd = Math.min(mapping.end, ceilTo(viewedEnd, libc.pageBytes));
    const copyBytes = Math.max(0, copyEnd - from);
    const target = mapping.address + (from - mapping.start);
    if (copyBytes > 0) {
      const copy = libc.mapAnonymous(copyBytes);
      const source = new Uint8Array(libc.arrayBuffer(target, copyBytes));
      new Uint8Array(libc.arrayBuffer(copy, copyBytes)).set(source);
      libc.moveMapping(copy, copyBytes, target);
    }
    const rest = mapping.end - from - copyBytes;
    if (rest > 0) libc.replaceWithZeros(target + copyBytes, rest);
  }

  /** Evicts until one more mapping of `bytes` fits; false when views that callers hold are in the way. */
  #makeRoom(bytes: number): boolean {
    let looks = this.#cached.size * 2;
    for (const mapping of this.#cached) {
      if (this.#fits(bytes) || looks-- === 0) break;
      if (mapping.recentlyUsed || !mapping.holder.mappingTaken(mapping)) {
        mapping.recentlyUsed = false;
        this.#cached.delete(mapping);
        this.#cached.add(mapping);
        continue;
      }
      // Its holder may have given out a window a moment ago: only the collector is safe to ask.
      this.#retire(mapping, true);
    }
    // Bytes are a wish, since one window may be larger than all of them and views are not to be had
    // back; the count is a limit.
    return this.#count < this.maxMappings * 2;
  }

  #fits(bytes: number): boolean {
    return this.#cached.size < this.maxMappings && this.#cachedBytes + bytes <= this.maxBytes;
  }

  #retire(mapping: Mapping, maybeViewed: boolean): void {
    const { buffer } = mapping;
    if (buffer === null) return;
    this.#cached.delete(mapping);
    this.#cachedBytes -= mapping.length;
    mapping.buffer = null;
    mapping.view = null;
    if (!maybeViewed) {
      this.#unmap(mapping);
      return;
    }
    const { slot } = mapping;
    // The slot would keep its ArrayBuffer from the collector.
    mapping.slot = null;
    const rest = slot === null ? 0 : slot.length - mapping.length;
    collected.register(buffer.buffer, () => {
      if (rest > 0) this.#libc.unmap(mapping.address + mapping.length, rest);
      this.#unmap(mapping);
    });
  }

  #unmap(mapping: Mapping): void {
    if (mapping.pins > 0) {
      mapping.unmapWhenUnpinned = true;
      return;
    }
    const ofFile = this.#byFile.get(mapping.fileKey);
    ofFile?.delete(mapping);
    if (ofFile?.size === 0) this.#byFile.delete(mapping.fileKey);
    this.#count--;
    this.#bytes -= mapping.length;
    const { slot } = mapping;
    mapping.slot = null;
    if (slot !== null)
      slots.give(this.#libc, slot, mapping.length, mapping.length <= UNMAP_HERE_BYTES);
    else if (mapping.length > UNMAP_HERE_BYTES)
      this.#libc.unmapAsync(mapping.address, mapping.length);
    else this.#libc.unmap(mapping.address, mapping.length);
  }
}

/** One for all budgets: views may outlive the `FileSystem` they came from. */
const collected = new FinalizationRegistry<() => void>((unmap) => unmap());

/** One for all budgets, too: a slot serves one log after the other. */
const slots = new WindowSlots();

/** Unmapping this many dirty pages takes about 10 us. */
const UNMAP_HERE_BYTES = 1024 * 1024;

export function floorTo(position: number, unit: number): number {
  return position - (position % unit);
}

export function ceilTo(position: number, unit: number): number {
  return floorTo(position + unit - 1, unit);
}
