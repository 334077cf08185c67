import { createRequire } from 'node:module';
import { constants as osConstants } from 'node:os';

/**
 * The calls of Linux that node has no API for, through koffi. This is the one file to change for
 * another binding. Addresses are JavaScript numbers: user space ends at 2^47.
 * Every function throws an error with `code` set to the system's name for it (`ENOSPC`), as node does.
 */
export interface Libc {
  readonly pageBytes: number;
  /**
   * Maps `length` bytes of the file from `position` for writing. Both are multiples of
   * `HUGE_PAGE_BYTES` or the mapping is smaller than that: then huge pages can serve it.
   */
  mapShared(fd: number, position: number, length: number): number;
  /** The same over addresses of `reserveAddresses`, in place of what is mapped there. */
  mapSharedAt(address: number, fd: number, position: number, length: number): void;
  /** Address space with nothing behind it, at a multiple of `alignment`. */
  reserveAddresses(length: number, alignment: number): number;
  /** The same for reading: a write through it changes a private copy, never the file. */
  mapPrivate(fd: number, position: number, length: number): number;
  mapAnonymous(length: number): number;
  /** Puts private zero pages in place of what is mapped at `address`. */
  replaceWithZeros(address: number, length: number): void;
  /** The same on the thread pool. False where it could not be submitted; `done` gets whether it worked. */
  replaceWithZerosAsync(address: number, length: number, done: (ok: boolean) => void): boolean;
  /** Moves a mapping over what is mapped at `to`, in one step for whoever reads there. */
  moveMapping(from: number, length: number, to: number): void;
  unmap(address: number, length: number): void;
  /** The memory at `address`. It must stay mapped for as long as the result is referenced. */
  arrayBuffer(address: number, length: number): ArrayBuffer;
  advise(address: number, length: number, advice: number): void;
  /** On the thread pool. False where it could not be submitted; `done` gets what the kernel said. */
  adviseAsync(
    address: number,
    length: number,
    advice: number,
    done: (ok: boolean) => void,
  ): boolean;
  /** On the thread pool; right away where it cannot be submitted. */
  unmapAsync(address: number, length: number): void;
  /** True when the page at `address` is in the page cache. */
  isResident(address: number): boolean;
  /** Gives the range blocks and extends the file to it. */
  allocate(fd: number, position: number, length: number): void;
  /** Takes a write lock that belongs to the open file; false when another holds it. */
  tryLock(fd: number): boolean;
  /** The process whose lock is in the way: 0 where there is none, -1 where the kernel does not tell. */
  lockHolder(fd: number): number;
}

export const MADV_HUGEPAGE = 14;
export const MADV_POPULATE_READ = 22;
export const MADV_POPULATE_WRITE = 23;
/** What the kernel can map with one entry on x86-64 and on arm64 with pages of 4 KiB. */
export const HUGE_PAGE_BYTES = 2 * 1024 * 1024;

const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MREMAP_MAYMOVE_FIXED = 3;
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_WRLCK = 1;
const F_UNLCK = 2;
const FLOCK_BYTES = 32;

let loaded: Libc | Error | undefined;

/** The bindings, or the error that says why this machine has none. */
export function loadLibc(): Libc | Error {
  loaded ??= tryLoad();
  return loaded;
}

function tryLoad(): Libc | Error {
  if (process.platform !== 'linux') return new Error(`no mmap on ${process.platform}`);
  if (process.arch !== 'x64' && process.arch !== 'arm64') {
    return new Error(`the bindings to libc are not written for ${process.arch}`);
  }
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    return bind(koffi);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function bind(koffi: typeof import('koffi')): Libc {
  try {
    // Calls count until the event loop turns, and an append loop may run for long without. Their
    // stacks are only as large as a system call needs.
    koffi.config({
      ...koffi.config(),
      max_async_calls: 1024,
      async_stack_size: 65536,
      async_heap_size: 65536,
    });
  } catch {
    // Another user of koffi has made a call before: its settings stand.
  }
  const library = koffi.load(null);
  const mmap = library.func('intptr_t mmap(intptr_t, size_t, int, int, int, int64_t)');
  const munmap = library.func('int munmap(intptr_t, size_t)');
  const mremap = library.func('intptr_t mremap(intptr_t, size_t, size_t, int, intptr_t)');
  const madvise = library.func('int madvise(intptr_t, size_t, int)');
  const mincore = library.func('int mincore(intptr_t, size_t, uint8_t *)');
  const fallocate = library.func('int fallocate(int, int, int64_t, int64_t)');
  const fcntl = library.func('int fcntl(int, int, ...)');
  const pageBytes: number = library.func('int getpagesize(void)')();
  const residency = Buffer.alloc(1);

  function fail(call: string): never {
    const errno = koffi.errno();
    throw Object.assign(new Error(`${call} failed with errno ${errno}`), {
      errno,
      code: errnoName(errno),
      syscall: call,
    });
  }

  function map(fd: number, position: number, length: number, flags: number, at = 0): number {
    const address: number = mmap(at, length, PROT_READ_WRITE, flags, fd, position);
    if (address === -1) fail('mmap');
    return address;
  }

  function unmap(address: number, length: number): void {
    if (length > 0 && munmap(address, length) === -1) fail('munmap');
  }

  function reserve(length: number, alignment: number): number {
    // More address space than needed, so that an aligned part of it can be kept.
    const span = length + alignment;
    const space = map(-1, 0, span, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    const address = Math.ceil(space / alignment) * alignment;
    unmap(space, address - space);
    unmap(address + length, space + span - (address + length));
    return address;
  }

  function mapAligned(fd: number, position: number, length: number, flags: number): number {
    if (length < HUGE_PAGE_BYTES) return map(fd, position, length, flags);
    const address = reserve(length, HUGE_PAGE_BYTES);
    try {
      mapOver(address, fd, position, length, flags);
    } catch (error) {
      unmap(address, length);
      throw error;
    }
    return address;
  }

  function mapOver(
    address: number,
    fd: number,
    position: number,
    length: number,
    flags: number,
  ): void {
    map(fd, position, length, flags | MAP_FIXED, address);
    // Refused by kernels without huge pages for files: then the pages are small, no more.
    if (length >= HUGE_PAGE_BYTES) madvise(address, length, MADV_HUGEPAGE);
  }

  function lock(fd: number, command: number): { failed: boolean; type: number; pid: number } {
    // struct flock: l_type, l_whence, l_start, l_len (0 is to the end of the file), l_pid.
    const flock = Buffer.alloc(FLOCK_BYTES);
    flock.writeInt16LE(F_WRLCK, 0);
    const failed = fcntl(fd, command, 'void *', flock) === -1;
    return { failed, type: flock.readInt16LE(0), pid: flock.readInt32LE(24) };
  }

  return {
    pageBytes,
    mapShared: (fd, position, length) => mapAligned(fd, position, length, MAP_SHARED),
    mapSharedAt: (address, fd, position, length) =>
      mapOver(address, fd, position, length, MAP_SHARED),
    reserveAddresses: reserve,
    mapPrivate: (fd, position, length) =>
      mapAligned(fd, position, length, MAP_PRIVATE | MAP_NORESERVE),
    mapAnonymous: (length) => map(-1, 0, length, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE),
    replaceWithZeros(address, length) {
      map(-1, 0, length, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, address);
    },
    replaceWithZerosAsync(address, length, done) {
      const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
      try {
        mmap.async(
          address,
          length,
          PROT_READ_WRITE,
          flags,
          -1,
          0,
          (error: unknown, result: number) => done(error === null && result === address),
        );
        return true;
      } catch {
        // koffi allows only so many calls at once.
        return false;
      }
    },
    moveMapping(from, length, to) {
      if (mremap(from, length, length, MREMAP_MAYMOVE_FIXED, to) === -1) fail('mremap');
    },
    unmap,
    unmapAsync(address, length) {
      try {
        munmap.async(address, length, () => undefined);
      } catch {
        // koffi allows only so many calls at once.
        unmap(address, length);
      }
    },
    arrayBuffer: (address, length) => koffi.view(BigInt(address), length),
    advise(address, length, advice) {
      if (madvise(address, length, advice) === -1) fail('madvise');
    },
    adviseAsync(address, length, advice, done) {
      try {
        madvise.async(address, length, advice, (error: unknown, result: number) =>
          done(error === null && result === 0),
        );
        return true;
      } catch {
        // koffi allows only so many calls at once.
        return false;
      }
    },
    isResident(address) {
      if (mincore(address, 1, residency) === -1) fail('mincore');
      return (residency[0]! & 1) === 1;
    },
    allocate(fd, position, length) {
      if (fallocate(fd, 0, position, length) === -1) fail('fallocate');
    },
    tryLock(fd) {
      const { failed } = lock(fd, F_OFD_SETLK);
      if (!failed) return true;
      const name = errnoName(koffi.errno());
      if (name === 'EAGAIN' || name === 'EACCES') return false;
      return fail('fcntl');
    },
    lockHolder(fd) {
      const { failed, type, pid } = lock(fd, F_OFD_GETLK);
      if (failed) fail('fcntl');
      return type === F_UNLCK ? 0 : pid;
    },
  };
}

function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(osConstants.errno)) {
    if (value === errno) return name;
  }
  return `errno ${errno}`;
}
