/** Offsets of one page: 8 KiB of bits. */
const PAGE_OFFSETS = 65_536;
const PAGE_WORDS = PAGE_OFFSETS / 32;
const PAGE_BYTES = PAGE_OFFSETS / 8;

/** A set of offsets at or above a base, as bits in pages: a gap between records costs nothing. */
export class OffsetSet {
  readonly #base: number;
  readonly #pages = new Map<number, Int32Array>();
  #number = -1;
  /** The page used last: offsets come in order. */
  #page: Int32Array | null = null;

  constructor(base: number) {
    this.#base = base;
  }

  get memoryBytes(): number {
    return this.#pages.size * PAGE_BYTES;
  }

  add(offset: number): void {
    const at = offset - this.#base;
    const number = Math.floor(at / PAGE_OFFSETS);
    let page = number === this.#number ? this.#page : this.#open(number);
    if (page === null) {
      page = new Int32Array(PAGE_WORDS);
      this.#pages.set(number, page);
      this.#page = page;
    }
    const bit = at - number * PAGE_OFFSETS;
    page[bit >>> 5]! |= 1 << (bit & 31);
  }

  delete(offset: number): void {
    const at = offset - this.#base;
    const number = Math.floor(at / PAGE_OFFSETS);
    const page = number === this.#number ? this.#page : (this.#pages.get(number) ?? null);
    if (page === null) return;
    const bit = at - number * PAGE_OFFSETS;
    page[bit >>> 5]! &= ~(1 << (bit & 31));
  }

  has(offset: number): boolean {
    const at = offset - this.#base;
    const number = Math.floor(at / PAGE_OFFSETS);
    const page = number === this.#number ? this.#page : this.#open(number);
    if (page === null) return false;
    const bit = at - number * PAGE_OFFSETS;
    return (page[bit >>> 5]! & (1 << (bit & 31))) !== 0;
  }

  /** How many offsets of [first, last] are in the set. */
  count(first: number, last: number): number {
    let count = 0;
    for (let from = first - this.#base; from <= last - this.#base; ) {
      const number = Math.floor(from / PAGE_OFFSETS);
      const end = Math.min(last - this.#base, number * PAGE_OFFSETS + PAGE_OFFSETS - 1);
      const page = number === this.#number ? this.#page : this.#open(number);
      if (page !== null) {
        count += countBits(page, from - number * PAGE_OFFSETS, end - number * PAGE_OFFSETS);
      }
      from = end + 1;
    }
    return count;
  }

  #open(number: number): Int32Array | null {
    this.#number = number;
    this.#page = this.#pages.get(number) ?? null;
    return this.#page;
  }
}

function countBits(page: Int32Array, first: number, last: number): number {
  let count = 0;
  for (let word = first >>> 5; word <= last >>> 5; word += 1) {
    let bits = page[word]!;
    if (bits === 0) continue;
    if (word === first >>> 5) bits &= -1 << (first & 31);
    if (word === last >>> 5) bits &= -1 >>> (31 - (last & 31));
    bits -= (bits >>> 1) & 0x5555_5555;
    bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
    count += Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
  }
  return count;
}
