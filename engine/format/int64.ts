const TWO_32 = 0x1_0000_0000;

/**
 * Reads a big-endian int64 as a number: exact for safe integers, the nearest double for others, so a
 * caller that needs exactness checks `Number.isSafeInteger`. (A bigint would cost an allocation.)
 */
export function readInt64(view: DataView, at: number): number {
  return view.getInt32(at) * TWO_32 + view.getUint32(at + 4);
}

/** Writes a safe integer as a big-endian int64. */
export function writeInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / TWO_32));
  // ToInt32 wraps modulo 2^32, which is the low word of the two's complement, negatives included.
  view.setInt32(at + 4, value | 0);
}
