const SMALLEST_SHIFT = 14;
const LARGEST_SHIFT = 24;
const SMALLEST_BYTES = 1 << SMALLEST_SHIFT;
const LARGEST_BYTES = 1 << LARGEST_SHIFT;

/**
 * Memory for frames, used again. Fresh memory of a megabyte costs more in page faults than the copy into it
 * (measured in decision 0006), so buffers of 16 KiB to 16 MiB are kept, in sizes of powers of two.
 */
export class FrameBuffers {
  readonly #free: Buffer[][] = [];
  /** Per size, the fewest that lay idle since the last `trim`: those were not needed. */
  readonly #unneeded: number[] = [];
  readonly #maxIdleBytes: number;
  #idleBytes = 0;

  constructor(maxIdleBytes: number) {
    this.#maxIdleBytes = maxIdleBytes;
    for (let shift = SMALLEST_SHIFT; shift <= LARGEST_SHIFT; shift++) {
      this.#free.push([]);
      this.#unneeded.push(0);
    }
  }

  get idleBytes(): number {
    return this.#idleBytes;
  }

  /** A buffer of exactly `bytes`, with anything in it. May be given back with `recycle`, and need not be. */
  take(bytes: number): Buffer {
    if (bytes < SMALLEST_BYTES) return Buffer.allocUnsafe(bytes);
    if (bytes > LARGEST_BYTES) return Buffer.allocUnsafeSlow(bytes);
    const size = sizeIndex(bytes);
    const free = this.#free[size]!;
    const buffer = free.pop();
    if (buffer === undefined) {
      return Buffer.allocUnsafeSlow(SMALLEST_BYTES << size).subarray(0, bytes);
    }
    this.#idleBytes -= buffer.length;
    if (free.length < this.#unneeded[size]!) this.#unneeded[size] = free.length;
    return buffer.subarray(0, bytes);
  }

  /** `buffer` came from `take`, once, and nothing looks at it any more. */
  recycle(buffer: Buffer): void {
    if (buffer.length < SMALLEST_BYTES || buffer.length > LARGEST_BYTES) return;
    const bytes = buffer.buffer.byteLength;
    if (this.#idleBytes + bytes > this.#maxIdleBytes) return;
    this.#free[sizeIndex(bytes)]!.push(Buffer.from(buffer.buffer, 0, bytes));
    this.#idleBytes += bytes;
  }

  /** Lets go of what was not needed since the last call. */
  trim(): void {
    for (const [size, free] of this.#free.entries()) {
      const unneeded = Math.min(this.#unneeded[size]!, free.length);
      free.length -= unneeded;
      this.#idleBytes -= unneeded * (SMALLEST_BYTES << size);
      this.#unneeded[size] = free.length;
    }
  }
}

function sizeIndex(bytes: number): number {
  return Math.max(0, 32 - Math.clz32(bytes - 1) - SMALLEST_SHIFT);
}
