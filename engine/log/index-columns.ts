/** What the columns of an index in memory have in common: an index is a few arrays of one length and a count. */

type Ints = Int32Array<ArrayBuffer>;
type Doubles = Float64Array<ArrayBuffer>;

const FIRST_CAPACITY = 16;
/** Shared by every empty index: ten thousand idle partitions hold no arrays of their own. */
export const NO_INTS = new Int32Array(0);
export const NO_DOUBLES = new Float64Array(0);

/** How much room a full index of `capacity` entries gets: twice as much, up to its limit, or one more. */
export function grownCapacity(capacity: number, maxEntries: number): number {
  const doubled = Math.max(FIRST_CAPACITY, capacity * 2);
  return Math.max(capacity + 1, Math.min(doubled, maxEntries));
}

/** `ints` with room for `capacity` values, of which the first `count` are kept. */
export function resizedInts(ints: Ints, count: number, capacity: number): Ints {
  if (capacity === 0) return NO_INTS;
  const resized = new Int32Array(capacity);
  resized.set(ints.subarray(0, Math.min(count, capacity)));
  return resized;
}

export function resizedDoubles(doubles: Doubles, count: number, capacity: number): Doubles {
  if (capacity === 0) return NO_DOUBLES;
  const resized = new Float64Array(capacity);
  resized.set(doubles.subarray(0, Math.min(count, capacity)));
  return resized;
}

/** How many of the first `count` values, which ascend, are below `limit`. */
export function countBelow(ints: Ints, count: number, limit: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ints[middle] as number) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `count` without the entries of zeros at the tail: an index file that was never trimmed ends in them. */
export function withoutZeroTail(view: DataView, count: number, entryBytes: number): number {
  let end = count * entryBytes;
  // Entries are whole int32s.
  while (end > 0 && view.getInt32(end - 4) === 0) end -= 4;
  return Math.ceil(end / entryBytes);
}
