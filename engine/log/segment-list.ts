import { assert } from '../assert.js';
import type { Segment } from './segment.js';

/** A log's segments in offset order. Never empty once the log is open; the last one is active. */
export class SegmentList {
  readonly #segments: Segment[];

  constructor(segments: readonly Segment[]) {
    this.#segments = [...segments];
  }

  get count(): number {
    return this.#segments.length;
  }

  get first(): Segment {
    return this.#segments[0]!;
  }

  get active(): Segment {
    return this.#segments[this.#segments.length - 1]!;
  }

  at(index: number): Segment {
    const segment = this.#segments[index];
    assert(segment !== undefined, `segment index ${index} of ${this.#segments.length}`);
    return segment;
  }

  all(): readonly Segment[] {
    return this.#segments;
  }

  indexOf(segment: Segment): number {
    const index = this.floorIndex(segment.baseOffset);
    return index >= 0 && this.#segments[index] === segment ? index : -1;
  }

  /** Index of the last segment whose base offset is at or below `offset`, or -1. */
  floorIndex(offset: number): number {
    const segments = this.#segments;
    let low = 0;
    let high = segments.length - 1;
    if (high >= 0 && segments[high]!.baseOffset <= offset) return high;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (segments[middle]!.baseOffset <= offset) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }

  /** Where segment `index` ends: the next one's base offset, or the log end for the last. */
  endOffset(index: number, logEndOffset: number): number {
    return this.#segments[index + 1]?.baseOffset ?? logEndOffset;
  }

  sizeBytes(): number {
    let bytes = 0;
    for (const segment of this.#segments) bytes += segment.size;
    return bytes;
  }

  add(segment: Segment): void {
    assert(
      this.#segments.length === 0 || this.active.baseOffset < segment.baseOffset,
      'segments are added in offset order',
    );
    this.#segments.push(segment);
  }

  /** Takes out `count` segments from `index` on and puts `replacements` in their place. */
  replace(index: number, count: number, ...replacements: Segment[]): Segment[] {
    return this.#segments.splice(index, count, ...replacements);
  }
}
