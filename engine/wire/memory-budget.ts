/**
 * Bounds the memory of requests received and not yet answered, over all connections together. (Produce requests that
 * wait for followers have given theirs back.)
 * A connection reserves a request's size before it receives the rest of it; while there is no room it waits,
 * first come first served, and its socket is not read. One request always fits, whatever its size. [Kafka
 * `queued.max.request.bytes`, `MemoryPool`]
 */
export class MemoryBudget {
  readonly limitBytes: number;
  #usedBytes = 0;
  readonly #waiting = new Set<Reservation>();
  #isGranting = false;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** How many connections wait for memory. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** True: reserved. False: `reservation.granted` is called once it is, unless it is cancelled before. */
  reserve(reservation: Reservation): boolean {
    if (this.#waiting.size > 0 || !this.#fits(reservation.bytes)) {
      this.#waiting.add(reservation);
      return false;
    }
    this.#usedBytes += reservation.bytes;
    return true;
  }

  /** Stops waiting. Does nothing for what was granted: that is released. */
  cancel(reservation: Reservation): void {
    if (this.#waiting.delete(reservation)) this.#grant();
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
    if (this.#waiting.size > 0) this.#grant();
  }

  #fits(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.limitBytes;
  }

  #grant(): void {
    // `granted` may serve the request at once, which releases and so comes back here.
    if (this.#isGranting) return;
    this.#isGranting = true;
    try {
      for (const reservation of this.#waiting) {
        if (!this.#fits(reservation.bytes)) break;
        this.#waiting.delete(reservation);
        this.#usedBytes += reservation.bytes;
        reservation.granted();
      }
    } finally {
      this.#isGranting = false;
    }
  }
}

/** A request for memory. Its size is read when it is asked for and while it waits. */
export interface Reservation {
  readonly bytes: number;
  /** Must not throw. */
  granted(): void;
}
