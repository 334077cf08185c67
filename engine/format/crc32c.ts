import { createRequire } from 'node:module';

/** `require`, because to `import` CommonJS node reads its text for exports first: 30 ms for this library's loader. */
const { crc32c: nativeCrc32c } = createRequire(import.meta.url)(
  '@node-rs/crc32',
) as typeof import('@node-rs/crc32');

/**
 * Input of at least this many bytes goes to native code: a native call costs about 110 ns before its
 * first byte, then runs three times as fast as the tables. Measured: `crc32c.bench.ts`,
 * `engine/decisions/0002-crc32c.md`.
 */
export const NATIVE_FROM_BYTES = 448;

/**
 * CRC-32C (Castagnoli: reflected polynomial 0x82F63B78, initial value and final xor 0xFFFFFFFF) of the
 * bytes `start` to `end` of `buffer`, as an unsigned int32. `view`, if given, must cover the same memory
 * as `buffer`; with it a short input costs no allocation.
 */
export function crc32c(buffer: Buffer, start: number, end: number, view?: DataView): number {
  if (end - start >= NATIVE_FROM_BYTES) return crc32cNative(buffer, start, end);
  return crc32cTables(
    view ?? new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength),
    start,
    end,
  );
}

/** @internal The native half of `crc32c`, exported to be compared with the other. */
export function crc32cNative(buffer: Buffer, start: number, end: number): number {
  return nativeCrc32c(new Uint8Array(buffer.buffer, buffer.byteOffset + start, end - start));
}

/** `TABLES[256 * n + b]` is the effect of byte `b` with `n` bytes after it ("slicing by 16"). */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(16 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const previous = tables[at - 256]!;
    tables[at] = tables[previous & 0xff]! ^ (previous >>> 8);
  }
  return tables;
}

/** @internal The half of `crc32c` for short input. Four 32-bit loads stand for sixteen byte loads. */
export function crc32cTables(view: DataView, start: number, end: number): number {
  const tables = TABLES;
  let crc = -1;
  let at = start;
  for (; at + 16 <= end; at += 16) {
    const a = view.getInt32(at, true) ^ crc;
    const b = view.getInt32(at + 4, true);
    const c = view.getInt32(at + 8, true);
    const d = view.getInt32(at + 12, true);
    crc =
      tables[0xf00 | (a & 0xff)]! ^
      tables[0xe00 | ((a >>> 8) & 0xff)]! ^
      tables[0xd00 | ((a >>> 16) & 0xff)]! ^
      tables[0xc00 | (a >>> 24)]! ^
      tables[0xb00 | (b & 0xff)]! ^
      tables[0xa00 | ((b >>> 8) & 0xff)]! ^
      tables[0x900 | ((b >>> 16) & 0xff)]! ^
      tables[0x800 | (b >>> 24)]! ^
      tables[0x700 | (c & 0xff)]! ^
      tables[0x600 | ((c >>> 8) & 0xff)]! ^
      tables[0x500 | ((c >>> 16) & 0xff)]! ^
      tables[0x400 | (c >>> 24)]! ^
      tables[0x300 | (d & 0xff)]! ^
      tables[0x200 | ((d >>> 8) & 0xff)]! ^
      tables[0x100 | ((d >>> 16) & 0xff)]! ^
      tables[d >>> 24]!;
  }
  if (at + 8 <= end) {
    const a = view.getInt32(at, true) ^ crc;
    const b = view.getInt32(at + 4, true);
    crc =
      tables[0x700 | (a & 0xff)]! ^
      tables[0x600 | ((a >>> 8) & 0xff)]! ^
      tables[0x500 | ((a >>> 16) & 0xff)]! ^
      tables[0x400 | (a >>> 24)]! ^
      tables[0x300 | (b & 0xff)]! ^
      tables[0x200 | ((b >>> 8) & 0xff)]! ^
      tables[0x100 | ((b >>> 16) & 0xff)]! ^
      tables[b >>> 24]!;
    at += 8;
  }
  while (at < end) crc = (crc >>> 8) ^ tables[(crc ^ view.getUint8(at++)) & 0xff]!;
  return ~crc >>> 0;
}
