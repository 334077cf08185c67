import { closeSync, openSync } from 'node:fs';

/*
 * Which bytes of a file are in memory only: cachestat(2), Linux 6.5 and later, counts the pages of a range that are dirty
 * or on their way to the disk. What it calls clean is on the disk, or in the cache of a disk that has one of its own.
 */

export const PAGE_BYTES = 4096;
/** The same on every architecture. */
const SYS_CACHESTAT = 451;

/** First position of `path` below `size` whose page is not on the disk; `size`: all are. Null: not to be had here. */
export type FirstUnwritten = (path: string, size: number) => number | null;

/** Null where the system does not tell. */
export async function openPageCache(): Promise<FirstUnwritten | null> {
  if (process.platform !== 'linux') return null;
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const syscall = libc.func(
    'long syscall(long, int, const uint64_t *, _Out_ uint64_t *, unsigned int)',
  );
  const unwrittenPages = (file: number, length: number): number | null => {
    // cached, dirty, under way, evicted, recently evicted
    const counts = new BigUint64Array(5);
    const range = new BigUint64Array([0n, BigInt(length)]);
    const status = syscall(SYS_CACHESTAT, file, range, counts, 0) as number;
    return status === 0 ? Number((counts[1] ?? 0n) + (counts[2] ?? 0n)) : null;
  };
  return (path, size) => {
    const file = openSync(path, 'r');
    try {
      const all = unwrittenPages(file, size);
      if (all === null) return null;
      if (all === 0) return size;
      let low = 0;
      let high = Math.ceil(size / PAGE_BYTES);
      // The first page within [low, high): the range up to `low` has none.
      while (high - low > 1) {
        const middle = (low + high) >>> 1;
        if ((unwrittenPages(file, middle * PAGE_BYTES) ?? 0) > 0) high = middle;
        else low = middle;
      }
      return low * PAGE_BYTES;
    } finally {
      closeSync(file);
    }
  };
}
