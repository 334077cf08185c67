/**
 * A seeded pseudo-random generator for tests: sfc32 (a small chaotic counter generator with 128 bits
 * of state, a period of at least 2^32 and a few nanoseconds per number), its state filled from the
 * seed by splitmix32 so that neighbouring seeds give unrelated sequences. Not for secrets.
 *
 * The same seed gives the same sequence on every platform and Node version.
 */
export class Random {
  /** The number this generator started from: print it when a test fails. */
  readonly seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  /** `seed`: any safe integer; all 53 bits count. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be a safe integer: ${seed}`);
    this.seed = seed;
    let state = seed | 0;
    const mix = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.#a = mix();
    this.#b = mix();
    state = (state ^ Math.floor(seed / 0x1_0000_0000)) | 0;
    this.#c = mix();
    this.#counter = 1;
    // The first outputs still show the seed's structure.
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** An integer in [0, 2^32). */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A number in [0, 1) with 32 random bits. */
  float(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** An integer in [0, limit); `limit` from 1 to 2^32. The bias is below limit / 2^32. */
  below(limit: number): number {
    if (!(limit >= 1 && limit <= 0x1_0000_0000)) {
      throw new RangeError(`limit must be from 1 to 2^32: ${limit}`);
    }
    return Math.floor(this.float() * limit);
  }

  /** An integer in [low, high], both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True with this probability (0: never, 1: always). */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** One element; the list must not be empty. */
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('pick from an empty list');
    return list[this.below(list.length)] as T;
  }

  /** Shuffles in place and returns the same array. */
  shuffle<T>(list: T[]): T[] {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const swapped = list[i] as T;
      list[i] = list[j] as T;
      list[j] = swapped;
    }
    return list;
  }

  /** Fills `target` with random bytes and returns it. */
  fill<T extends Uint8Array>(target: T): T {
    let i = 0;
    for (; i + 4 <= target.length; i += 4) {
      const word = this.uint32();
      target[i] = word;
      target[i + 1] = word >>> 8;
      target[i + 2] = word >>> 16;
      target[i + 3] = word >>> 24;
    }
    for (; i < target.length; i++) target[i] = this.uint32();
    return target;
  }

  /** A new buffer of random bytes. */
  bytes(length: number): Buffer {
    return this.fill(Buffer.allocUnsafe(length));
  }

  /**
   * An independent generator derived from this one. Give each part of a simulation its own, so that
   * one more draw in one part does not change what the others see.
   */
  fork(): Random {
    return new Random((this.uint32() & 0x1f_ffff) * 0x1_0000_0000 + this.uint32());
  }
}
