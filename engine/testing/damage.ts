import { PAGE_BYTES, SECTOR_BYTES } from './simulated-file-content.js';
import type { SimulatedFileSystem } from './simulated-file-system.js';

/**
 * Damage to a file behind the engine's back: what a failing disk, a bad cable or a stranger's hand
 * does. No step, no fault, no error; what a log keeps in memory about the file stays as it was.
 */
export type Where = 'memory' | 'disk' | 'both';

/** Flips the bits of `mask` in the byte at `position`: in the page cache, on the disk, or both. */
export function corrupt(
  fs: SimulatedFileSystem,
  path: string,
  position: number,
  mask = 0xff,
  where: Where = 'both',
): void {
  if (!(mask >= 1 && mask <= 0xff)) throw new RangeError(`mask must be from 1 to 255: ${mask}`);
  change(fs, path, { position, where }, (bytes) => {
    bytes[position]! ^= mask;
  });
}

/** Puts zeros from `position` to the end of its sector: a sector that was half written. */
export function tear(
  fs: SimulatedFileSystem,
  path: string,
  position: number,
  where: Where = 'both',
): void {
  const end = (Math.floor(position / SECTOR_BYTES) + 1) * SECTOR_BYTES;
  change(fs, path, { position, where }, (bytes) => bytes.fill(0, position, end));
}

/** Swaps two pages of 4096 bytes, both wholly within the file: a misdirected write. */
export function swapPages(
  fs: SimulatedFileSystem,
  path: string,
  pages: readonly [number, number],
  where: Where = 'both',
): void {
  const [one, two] = [Math.min(...pages) * PAGE_BYTES, Math.max(...pages) * PAGE_BYTES];
  change(fs, path, { position: two + PAGE_BYTES - 1, where }, (bytes) => {
    const saved = bytes.slice(one, one + PAGE_BYTES);
    bytes.copyWithin(one, two, two + PAGE_BYTES);
    bytes.set(saved, two);
  });
}

/** Cuts the file to `length` bytes, on the disk too. */
export function cutFile(fs: SimulatedFileSystem, path: string, length: number): void {
  const content = fs.contentOf(path);
  if (length > content.length) throw new RangeError(`${path} is shorter than ${length} bytes`);
  content.setLength(length);
  content.completeWriteback(content.beginWriteback(length));
}

/** Appends bytes at the end of the file's length, on the disk too. */
export function appendRubbish(fs: SimulatedFileSystem, path: string, bytes: Uint8Array): void {
  const content = fs.contentOf(path);
  const end = content.length;
  content.write(end, bytes);
  content.completeWriteback(content.beginWriteback(end));
}

function change(
  fs: SimulatedFileSystem,
  path: string,
  { position, where }: { readonly position: number; readonly where: Where },
  apply: (bytes: Uint8Array) => void,
): void {
  const content = fs.contentOf(path);
  const memoryIsShort = where !== 'disk' && position >= content.length;
  const diskIsShort = where !== 'memory' && position >= content.durableLength;
  if (position < 0 || memoryIsShort || diskIsShort) {
    throw new RangeError(
      `position ${position} of ${path} is outside its ${content.length} bytes in memory, ${content.durableLength} on disk`,
    );
  }
  content.damage(where, apply);
}
