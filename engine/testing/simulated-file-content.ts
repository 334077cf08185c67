import type { Random } from './random.js';

export const PAGE_BYTES = 4096;
export const SECTOR_BYTES = 512;

/** One page's way to the disk. Versions are stamps of one counter per file. */
interface Page {
  /** Stamp of the last change in memory. */
  version: number;
  /** Stamp of the change the disk holds. */
  durableVersion: number;
  /** A sync that failed dropped every change up to this stamp: the disk will never get them. */
  lostVersion: number;
}

/** What one sync has to carry to the disk: the pages and the length as they were when it was called. */
export interface Writeback {
  readonly pages: {
    readonly index: number;
    readonly version: number;
    readonly bytes: Uint8Array;
  }[];
  readonly length: number;
  readonly lengthVersion: number;
}

/** How the pages that were not synced fare in a power failure. */
export interface SurvivalOdds {
  /** Probability that a changed page is there in its new form. */
  readonly kept: number;
  /** Probability that a changed page is torn: some sectors new, the others old. */
  readonly torn: number;
}

const NOTHING = new Uint8Array(0);

/**
 * A file's bytes twice: `memory` is the page cache, `disk` what survives a power failure. Bytes beyond
 * either array, and below the length, are zeros (reserved, never written).
 */
export class FileContent {
  length = 0;
  durableLength = 0;
  modifiedMs: number;
  durableModifiedMs: number;
  /** Names that point here; the space is free when it is 0 and nobody has the file open. */
  names = 0;
  opens = 0;
  #memory: Uint8Array = NOTHING;
  #disk: Uint8Array = NOTHING;
  #pages: Page[] = [];
  readonly #dirty = new Set<number>();
  #stamp = 0;
  #durableLengthVersion = 0;
  /** The lengths since the last durable one, oldest first: a power failure may leave any of them. */
  #lengths: { readonly version: number; readonly length: number }[] = [];

  constructor(nowMs: number) {
    this.modifiedMs = nowMs;
    this.durableModifiedMs = nowMs;
  }

  /** Space on the disk: whole pages, reserved ones included. */
  get allocatedBytes(): number {
    return roundUp(this.length, PAGE_BYTES);
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0 || this.#lengths.length > 0;
  }

  /** The page cache's bytes from 0 to at least `end`. Not a copy: stale after the next change. */
  peek(end: number): Uint8Array {
    this.#grow(end);
    return this.#memory;
  }

  read(position: number, end: number): Buffer {
    return readPadded(this.#memory, position, Math.min(end, this.length));
  }

  readDurable(): Buffer {
    return readPadded(this.#disk, 0, this.durableLength);
  }

  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    this.#grow(end);
    this.#memory.set(bytes, position);
    this.#touch(position, end);
    if (end > this.length) this.setLength(end);
  }

  /** Sets the length; what lies beyond a shorter one becomes zeros. In memory only, like ftruncate. */
  setLength(length: number): void {
    if (length === this.length) return;
    if (length < this.length) this.zero(length);
    this.length = length;
    this.#lengths.push({ version: ++this.#stamp, length });
  }

  /** Overwrites everything from `position` on by zeros, the length staying as it is. */
  zero(position: number): void {
    const end = Math.max(this.#memory.length, this.#disk.length);
    if (position >= end) return;
    this.#memory.fill(0, Math.min(position, this.#memory.length));
    this.#touch(position, end);
  }

  /** Starts a sync of the whole file, or only of what lies at `from` and beyond. */
  beginWriteback(from = 0): Writeback {
    const firstPage = Math.floor(from / PAGE_BYTES);
    const pages: { index: number; version: number; bytes: Uint8Array }[] = [];
    for (const index of this.#dirty) {
      if (index < firstPage) continue;
      pages.push({ index, version: this.#page(index).version, bytes: this.#pageCopy(index) });
    }
    return { pages, length: this.length, lengthVersion: this.#stamp };
  }

  /** The sync succeeded. Changes made since it began stay dirty. */
  completeWriteback(writeback: Writeback): void {
    for (const { index, version, bytes } of writeback.pages) this.#persist(index, version, bytes);
    this.#persistLength(writeback.length, writeback.lengthVersion);
  }

  /**
   * The sync failed: as on Linux, its pages count as clean now though the disk may not have them, so
   * that no later sync will carry them, not even one that is under way.
   */
  failWriteback(writeback: Writeback, random: Random): void {
    for (const { index, version, bytes } of writeback.pages) {
      const page = this.#page(index);
      if (page.durableVersion >= version) continue;
      if (random.chance(0.25)) {
        this.#persist(index, version, bytes);
        continue;
      }
      page.lostVersion = Math.max(page.lostVersion, version);
      if (page.version <= version) this.#dirty.delete(index);
    }
  }

  /** The kernel writes one dirty page back, or the length, because it felt like it. */
  writeSomethingBack(random: Random): void {
    if (this.#lengths.length > 0 && (this.#dirty.size === 0 || random.chance(0.3))) {
      this.#persistLength(this.length, this.#stamp);
      return;
    }
    let skip = random.below(Math.max(1, this.#dirty.size));
    for (const index of this.#dirty) {
      if (skip-- > 0) continue;
      this.#persist(index, this.#page(index).version, this.#pageCopy(index));
      return;
    }
  }

  /** An exact copy: page cache, disk and what is between them. */
  copy(): FileContent {
    const copy = new FileContent(this.modifiedMs);
    copy.length = this.length;
    copy.durableLength = this.durableLength;
    copy.durableModifiedMs = this.durableModifiedMs;
    copy.#memory = this.#memory.slice();
    copy.#disk = this.#disk.slice();
    copy.#pages = this.#pages.map((page) => ({ ...page }));
    for (const index of this.#dirty) copy.#dirty.add(index);
    copy.#stamp = this.#stamp;
    copy.#durableLengthVersion = this.#durableLengthVersion;
    copy.#lengths = this.#lengths.slice();
    return copy;
  }

  /** The file as a power failure leaves it. This object stays as it is. */
  afterPowerFailure(odds: SurvivalOdds, random: Random): FileContent {
    const survivor = new FileContent(
      random.chance(odds.kept) ? this.modifiedMs : this.durableModifiedMs,
    );
    let length = this.durableLength;
    if (this.#lengths.length > 0 && random.chance(odds.kept)) {
      // Mostly the newest: the older ones live only until the journal's next commit.
      const newest = this.#lengths.length - 1;
      length = this.#lengths[random.chance(0.75) ? newest : random.below(newest + 1)]!.length;
    }
    let disk = this.#disk.slice(0, Math.min(this.#disk.length, length));
    for (const index of this.#dirty) {
      const fate = random.float();
      if (fate >= odds.kept + odds.torn) continue;
      const start = index * PAGE_BYTES;
      if (start >= length) continue;
      if (disk.length < Math.min(start + PAGE_BYTES, length)) {
        const longer = new Uint8Array(Math.min(start + PAGE_BYTES, length));
        longer.set(disk);
        disk = longer;
      }
      if (fate < odds.kept) this.#copySectors(disk, index, () => true);
      else this.#copySectors(disk, index, tear(random));
    }
    survivor.#disk = disk;
    survivor.#memory = disk.slice();
    survivor.length = length;
    survivor.durableLength = length;
    return survivor;
  }

  /** Changes bytes behind everybody's back, in the page cache, on the disk, or both. */
  damage(where: 'memory' | 'disk' | 'both', change: (bytes: Uint8Array) => void): void {
    if (where !== 'disk') {
      this.#grow(this.length);
      change(this.#memory.subarray(0, this.length));
    }
    if (where !== 'memory') {
      this.#growDisk(this.durableLength);
      change(this.#disk.subarray(0, this.durableLength));
    }
  }

  /** Makes memory the truth on the disk too. */
  settle(): void {
    this.completeWriteback(this.beginWriteback());
    this.durableModifiedMs = this.modifiedMs;
  }

  #copySectors(disk: Uint8Array, index: number, isNew: (sector: number) => boolean): void {
    const start = index * PAGE_BYTES;
    for (let sector = 0; sector < PAGE_BYTES / SECTOR_BYTES; sector++) {
      const from = start + sector * SECTOR_BYTES;
      const to = Math.min(from + SECTOR_BYTES, disk.length);
      if (from >= to || !isNew(sector)) continue;
      disk.fill(0, from, to);
      disk.set(this.#memory.subarray(from, Math.min(to, this.#memory.length)), from);
    }
  }

  #persist(index: number, version: number, bytes: Uint8Array): void {
    const page = this.#page(index);
    if (page.durableVersion >= version || page.lostVersion >= version) return;
    this.#growDisk((index + 1) * PAGE_BYTES);
    this.#disk.set(bytes, index * PAGE_BYTES);
    page.durableVersion = version;
    if (page.version === version) this.#dirty.delete(index);
  }

  #persistLength(length: number, version: number): void {
    if (version <= this.#durableLengthVersion) return;
    this.#durableLengthVersion = version;
    this.durableLength = length;
    this.#lengths = this.#lengths.filter((entry) => entry.version > version);
  }

  #touch(position: number, end: number): void {
    const version = ++this.#stamp;
    const last = Math.floor((end - 1) / PAGE_BYTES);
    for (let index = Math.floor(position / PAGE_BYTES); index <= last; index++) {
      this.#page(index).version = version;
      this.#dirty.add(index);
    }
  }

  #page(index: number): Page {
    while (this.#pages.length <= index) {
      this.#pages.push({ version: 0, durableVersion: 0, lostVersion: 0 });
    }
    return this.#pages[index] as Page;
  }

  #pageCopy(index: number): Uint8Array {
    const start = index * PAGE_BYTES;
    const copy = new Uint8Array(PAGE_BYTES);
    copy.set(this.#memory.subarray(start, start + PAGE_BYTES));
    return copy;
  }

  #grow(end: number): void {
    if (end > this.#memory.length) this.#memory = enlarged(this.#memory, end);
  }

  #growDisk(end: number): void {
    if (end > this.#disk.length) this.#disk = enlarged(this.#disk, end);
  }
}

export function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}

function enlarged(bytes: Uint8Array, end: number): Uint8Array {
  const longer = new Uint8Array(Math.max(roundUp(end, PAGE_BYTES), bytes.length * 2));
  longer.set(bytes);
  return longer;
}

function readPadded(bytes: Uint8Array, position: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(Math.max(0, end - position));
  const there = bytes.subarray(Math.min(position, bytes.length), Math.min(end, bytes.length));
  copy.set(there);
  copy.fill(0, there.length);
  return copy;
}

/** Which sectors of a torn page are new: the first ones, the last ones, or any. */
function tear(random: Random): (sector: number) => boolean {
  const sectors = PAGE_BYTES / SECTOR_BYTES;
  const cut = random.between(1, sectors - 1);
  const kind = random.float();
  if (kind < 0.5) return (sector) => sector < cut;
  if (kind < 0.75) return (sector) => sector >= cut;
  const mask = random.between(1, 2 ** sectors - 2);
  return (sector) => (mask & (1 << sector)) !== 0;
}
