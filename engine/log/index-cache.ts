/** What the cache holds: something whose indexes can be dropped and read again. */
export interface IndexHolder {
  readonly indexMemoryBytes: number;
  dropIndexes(): void;
}

/**
 * Keeps sealed segments' indexes in memory up to a budget, dropping the least recently used. One per
 * data directory, so that a thousand partitions share one budget.
 */
export class IndexCache {
  readonly maxBytes: number;
  readonly #bytesOf = new Map<IndexHolder, number>();
  #bytes = 0;
  #newest: IndexHolder | null = null;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Marks as most recently used, adding it if it is new. */
  touch(holder: IndexHolder): void {
    if (holder === this.#newest) return;
    this.remove(holder);
    const bytes = holder.indexMemoryBytes;
    this.#bytesOf.set(holder, bytes);
    this.#bytes += bytes;
    this.#newest = holder;
    if (this.#bytes > this.maxBytes) this.#evict(holder);
  }

  remove(holder: IndexHolder): void {
    const bytes = this.#bytesOf.get(holder);
    if (bytes === undefined) return;
    this.#bytesOf.delete(holder);
    this.#bytes -= bytes;
    if (this.#newest === holder) this.#newest = null;
  }

  #evict(keep: IndexHolder): void {
    for (const holder of this.#bytesOf.keys()) {
      if (this.#bytes <= this.maxBytes) return;
      if (holder === keep) continue;
      this.remove(holder);
      holder.dropIndexes();
    }
  }
}
