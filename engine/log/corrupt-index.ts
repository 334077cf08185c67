import { VarveError } from '../errors.js';

export type IndexKind = 'offset index' | 'time index' | 'transaction index';

/** What an index file gets whose bytes cannot be its own: the entry, what is wrong, what to do. */
export function corruptIndex(
  kind: IndexKind,
  entry: number,
  problem: string,
  details: Readonly<Record<string, unknown>> = {},
): VarveError {
  return new VarveError(
    'CORRUPT_INDEX',
    `${kind}, entry ${entry}: ${problem}; rebuild the index from the log`,
    { details: { index: kind, entry, ...details } },
  );
}

/** How many whole entries `bytes` has room for, or CORRUPT_INDEX where an entry is cut. */
export function entryCount(kind: IndexKind, bytes: Uint8Array, entryBytes: number): number {
  const count = Math.floor(bytes.length / entryBytes);
  if (count * entryBytes !== bytes.length) {
    throw corruptIndex(
      kind,
      count,
      `the file has ${bytes.length} bytes, which is not a multiple of ${entryBytes}`,
      { bytes: bytes.length, entryBytes },
    );
  }
  return count;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
