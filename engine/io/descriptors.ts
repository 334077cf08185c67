import fs from 'node:fs';
import { assert } from '../assert.js';
import { VarveError } from '../errors.js';
import { errnoName, ioError } from './io-error.js';

/**
 * A file that can be used without holding a descriptor all the time. `fd()` opens it again when the
 * cache has taken the descriptor back, and makes sure that it is still the same file.
 */
export class FileHandle {
  path: string;
  readonly readOnly: boolean;
  /** Set by the cache alone. */
  openFd = -1;
  /** Second chance for eviction: set on use, cleared when the cache looks for a victim. */
  recentlyUsed = false;
  pins = 0;
  /** Which file it is, whatever its name: device and inode. */
  key = '';
  readonly #cache: DescriptorCache;

  constructor(cache: DescriptorCache, path: string, readOnly: boolean) {
    this.#cache = cache;
    this.path = path;
    this.readOnly = readOnly;
  }

  /** A descriptor to use before the next call into the cache. */
  fd(): number {
    if (this.openFd >= 0) {
      this.recentlyUsed = true;
      return this.openFd;
    }
    return this.#cache.reopen(this);
  }

  /** A descriptor that stays open until `unpin`, for work off the main thread. */
  pin(): number {
    const fd = this.fd();
    this.pins++;
    return fd;
  }

  unpin(): void {
    assert(this.pins > 0, 'a descriptor is unpinned once for every pin');
    this.pins--;
  }

  /** Whether what is written is to survive power loss. */
  get syncs(): boolean {
    return this.#cache.syncs;
  }

  close(): void {
    this.#cache.forget(this);
  }
}

/**
 * At most so many descriptors for any number of files: ten thousand partitions work under a limit of
 * a hundred open files. When the process runs out of descriptors all the same (they are shared with
 * everything else in it), idle ones are given back and the open is tried once more.
 */
export class DescriptorCache {
  /** False: whoever uses these files wants no `fdatasync` of them. */
  readonly syncs: boolean;
  readonly #limit: number;
  readonly #open = new Set<FileHandle>();
  readonly #handles = new Set<FileHandle>();

  constructor(limit: number, syncs = true) {
    this.#limit = Math.max(1, limit);
    this.syncs = syncs;
  }

  get openFiles(): number {
    return this.#open.size;
  }

  /** Opens a file, with `create` one that must not exist yet. */
  open(
    path: string,
    options: { readonly create: boolean; readonly readOnly: boolean },
  ): FileHandle {
    const handle = new FileHandle(this, path, options.readOnly);
    const { O_RDWR, O_RDONLY, O_CREAT, O_EXCL } = fs.constants;
    const access = options.readOnly ? O_RDONLY : O_RDWR;
    this.#openDescriptor(handle, options.create ? access | O_CREAT | O_EXCL : access);
    handle.key = identity(handle.openFd);
    this.#handles.add(handle);
    return handle;
  }

  reopen(handle: FileHandle): number {
    assert(this.#handles.has(handle), 'a closed file handle is not used again');
    this.#openDescriptor(handle, handle.readOnly ? fs.constants.O_RDONLY : fs.constants.O_RDWR);
    if (identity(handle.openFd) !== handle.key) {
      this.#closeDescriptor(handle);
      throw new VarveError(
        'NOT_FOUND',
        `open failed on ${handle.path}: another file has taken its place`,
        { details: { path: handle.path, operation: 'open' } },
      );
    }
    return handle.openFd;
  }

  /** Runs `open`, giving descriptors back and trying once more when the process has none left. */
  withRoom<T>(open: () => T): T {
    try {
      return open();
    } catch (error) {
      const errno = errnoName(error);
      if ((errno !== 'EMFILE' && errno !== 'ENFILE') || !this.#evict(8)) throw error;
      return open();
    }
  }

  /** Follows files to their new names after `from` (a file or a directory) was renamed. */
  renamed(from: string, to: string): void {
    for (const handle of this.#handles) {
      if (handle.path === from) handle.path = to;
      else if (handle.path.startsWith(`${from}/`))
        handle.path = to + handle.path.slice(from.length);
    }
  }

  forget(handle: FileHandle): void {
    assert(handle.pins === 0, 'a file is closed only when nothing runs on its descriptor');
    this.#handles.delete(handle);
    if (handle.openFd >= 0) this.#closeDescriptor(handle);
  }

  #openDescriptor(handle: FileHandle, flags: number): void {
    if (this.#open.size >= this.#limit) this.#evict(1);
    try {
      handle.openFd = this.withRoom(() => fs.openSync(handle.path, flags, 0o644));
    } catch (error) {
      throw ioError(error, 'open', handle.path);
    }
    handle.recentlyUsed = true;
    this.#open.add(handle);
  }

  /** Closes up to `count` idle descriptors; true if there was one. */
  #evict(count: number): boolean {
    let closed = 0;
    // Two rounds: the first clears the marks of recent use, the second finds what is left unmarked.
    let looks = this.#open.size * 2;
    for (const handle of this.#open) {
      if (closed === count || looks-- === 0) break;
      if (handle.pins > 0 || handle.recentlyUsed) {
        handle.recentlyUsed = false;
        this.#open.delete(handle);
        this.#open.add(handle);
        continue;
      }
      this.#closeDescriptor(handle);
      closed++;
    }
    return closed > 0;
  }

  #closeDescriptor(handle: FileHandle): void {
    this.#open.delete(handle);
    const fd = handle.openFd;
    handle.openFd = -1;
    fs.closeSync(fd);
  }
}

function identity(fd: number): string {
  const { dev, ino } = fs.fstatSync(fd, { bigint: true });
  return `${dev}:${ino}`;
}

/** Half of the process's limit on open files, where the system tells it, else a careful guess. */
export function defaultMaxOpenFiles(): number {
  const fallback = 256;
  if (process.platform !== 'linux') return fallback;
  let limits: string;
  try {
    limits = fs.readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return fallback;
  }
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? fallback : Math.min(4096, Math.max(8, Number(soft) >> 1));
}
