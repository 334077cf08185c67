/** Which sequence numbers of a partition were seen, and how many of them more than once. */
export class SeenSequences {
  #bits = new Uint8Array(1 << 16);
  #doubled = 0;

  /** Records that were there already. */
  get doubled(): number {
    return this.#doubled;
  }

  add(sequence: number): void {
    const at = Math.floor(sequence / 8);
    if (at >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bits.length, at + 1));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    const bit = 1 << (sequence % 8);
    const byte = this.#bits[at] ?? 0;
    if ((byte & bit) !== 0) this.#doubled += 1;
    else this.#bits[at] = byte | bit;
  }

  /** Numbers from 0 up to `count` that were not seen. */
  missingBelow(count: number): number {
    let missing = 0;
    for (let sequence = 0; sequence < count; sequence += 1) {
      const byte = this.#bits[Math.floor(sequence / 8)] ?? 0;
      if ((byte & (1 << (sequence % 8))) === 0) missing += 1;
    }
    return missing;
  }
}
