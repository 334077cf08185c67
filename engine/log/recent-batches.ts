/** A power of two: more than a follower or a consumer at the log's end is behind. */
const KEPT = 32;

/**
 * Where the last few batches of the active segment lie. Readers at the log's end ask for them again and again: without
 * this, each read would look at batch headers in the file first, which costs more than reading the batch itself.
 */
export class RecentBatches {
  readonly #positions = new Float64Array(KEPT);
  readonly #lastOffsets = new Float64Array(KEPT);
  /** How many there have been; the last `KEPT` of them are here. */
  #count = 0;
  /** End of the last batch. */
  #end = 0;

  /** The batch at `position`, which ends with `lastOffset`, was appended. Both ascend. */
  add(position: number, bytes: number, lastOffset: number): void {
    const at = this.#count & (KEPT - 1);
    this.#positions[at] = position;
    this.#lastOffsets[at] = lastOffset;
    this.#count += 1;
    this.#end = position + bytes;
  }

  /** Position of the first batch whose last offset is at or above `offset`; -1 when that is not known here. */
  positionOf(offset: number): number {
    const count = this.#count;
    const first = Math.max(0, count - KEPT);
    let at = count - 1;
    // From the newest on: that is what is asked for.
    while (at >= first && this.#lastOffsets[at & (KEPT - 1)]! >= offset) at -= 1;
    // All of them are at or above it: there may be an older one. None is: it is not in the segment.
    return at < first || at === count - 1 ? -1 : this.#positions[(at + 1) & (KEPT - 1)]!;
  }

  /** Bytes of the batch that begins at `position`; -1 when that is not known here. */
  bytesAt(position: number): number {
    const at = this.#indexOf(position);
    return at < 0 || this.#positions[at & (KEPT - 1)] !== position
      ? -1
      : this.#endOf(at) - position;
  }

  /** Greatest batch boundary at or below `limit`; -1 when that is not known here. */
  boundaryAtOrBelow(limit: number): number {
    if (this.#count > 0 && limit >= this.#end) return this.#end;
    const at = this.#indexOf(limit);
    return at < 0 ? -1 : this.#positions[at & (KEPT - 1)]!;
  }

  /** The newest batch that begins at or below `position`, or -1. */
  #indexOf(position: number): number {
    const count = this.#count;
    const first = Math.max(0, count - KEPT);
    let at = count - 1;
    while (at >= first && this.#positions[at & (KEPT - 1)]! > position) at -= 1;
    return at < first ? -1 : at;
  }

  #endOf(at: number): number {
    return at === this.#count - 1 ? this.#end : this.#positions[(at + 1) & (KEPT - 1)]!;
  }
}
