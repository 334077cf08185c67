import type { Clock } from '../io/port.js';
import type { Timers } from '../timers.js';

/**
 * Something that happens unless it is put off or cleared in time. Putting off is cheap: a timer that is under way
 * is not started again but waits for the rest when it fires. A heartbeat therefore costs no timer.
 */
export class Deadline {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #expire: () => void;
  #dueMs = Number.POSITIVE_INFINITY;
  #firesMs = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | null = null;

  /** `expire` must not throw. */
  constructor(clock: Clock, timers: Timers, expire: () => void) {
    this.#clock = clock;
    this.#timers = timers;
    this.#expire = expire;
  }

  get isSet(): boolean {
    return this.#dueMs !== Number.POSITIVE_INFINITY;
  }

  /** Expires `delayMs` from now; replaces what was set before. */
  set(delayMs: number): void {
    this.#dueMs = this.#clock.monotonic() + Math.max(0, delayMs);
    if (this.#cancel !== null) {
      if (this.#firesMs <= this.#dueMs) return;
      this.#cancel();
    }
    this.#start(delayMs);
  }

  clear(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#cancel?.();
    this.#cancel = null;
  }

  #start(delayMs: number): void {
    this.#firesMs = this.#dueMs;
    this.#cancel = this.#timers.after(delayMs, () => {
      this.#cancel = null;
      if (!this.isSet) return;
      const leftMs = this.#dueMs - this.#clock.monotonic();
      if (leftMs > 0) {
        this.#start(leftMs);
        return;
      }
      this.#dueMs = Number.POSITIVE_INFINITY;
      this.#expire();
    });
  }
}
