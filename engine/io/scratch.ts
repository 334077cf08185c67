const SMALLEST_BYTES = 16 * 1024;
const KEPT_BYTES = 8 * 1024 * 1024;

export interface Scratch {
  readonly buffer: Buffer;
  readonly view: DataView;
}

/**
 * Buffers to build an append in before it is written. A file holds one only between `reserve` and
 * `commit`, so that ten thousand files share the few that are in use at one time.
 */
export class ScratchPool {
  readonly #free: Scratch[] = [];
  #freeBytes = 0;

  take(bytes: number): Scratch {
    // Last in, first out: the buffer used a moment ago is still in the processor's cache.
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const candidate = this.#free[i]!;
      if (candidate.buffer.length < bytes) continue;
      this.#free.splice(i, 1);
      this.#freeBytes -= candidate.buffer.length;
      return candidate;
    }
    let length = SMALLEST_BYTES;
    while (length < bytes) length *= 2;
    const buffer = Buffer.allocUnsafeSlow(length);
    return { buffer, view: new DataView(buffer.buffer, buffer.byteOffset, length) };
  }

  give(scratch: Scratch): void {
    if (this.#freeBytes + scratch.buffer.length > KEPT_BYTES) return;
    this.#freeBytes += scratch.buffer.length;
    this.#free.push(scratch);
  }
}
