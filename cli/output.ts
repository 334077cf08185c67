import { once } from 'node:events';

const CHUNK_BYTES = 256 * 1024;

/** Gathers small pieces for stdout into large writes. */
export class Output {
  #buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  #length = 0;

  /** True: call `flush`, which waits for a slow reader, before adding much more. */
  get isFull(): boolean {
    return this.#length >= CHUNK_BYTES;
  }

  copy(source: Uint8Array, start: number, end: number): void {
    const bytes = end - start;
    this.#makeRoom(bytes);
    this.#buffer.set(bytes === source.length ? source : source.subarray(start, end), this.#length);
    this.#length += bytes;
  }

  text(text: string): void {
    this.#makeRoom(text.length * 3);
    this.#length += this.#buffer.write(text, this.#length);
  }

  async flush(): Promise<void> {
    if (this.#length === 0) return;
    const bytes = this.#buffer.subarray(0, this.#length);
    // The stream keeps what it cannot write at once: it gets this memory, and the next piece new one.
    this.#buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    this.#length = 0;
    if (!process.stdout.write(bytes)) await once(process.stdout, 'drain');
  }

  #makeRoom(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
