/** Something that keeps memory to serve reads and can do without it. */
export interface ReadHolder {
  dropWindow(): void;
}

/** Bounds the memory of all files' read windows together; the one used longest ago goes first. */
export class ReadBudget {
  readonly #maxBytes: number;
  readonly #held = new Map<ReadHolder, number>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  hold(holder: ReadHolder, bytes: number): void {
    this.release(holder);
    this.#held.set(holder, bytes);
    this.#bytes += bytes;
    for (const [oldest] of this.#held) {
      if (this.#bytes <= this.#maxBytes || oldest === holder) break;
      this.release(oldest);
      oldest.dropWindow();
    }
  }

  release(holder: ReadHolder): void {
    const bytes = this.#held.get(holder);
    if (bytes === undefined) return;
    this.#held.delete(holder);
    this.#bytes -= bytes;
  }
}
