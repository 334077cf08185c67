import type { Clock } from '../io/port.js';
import type { Timers } from '../timers.js';

export interface SessionOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly timeoutMs: number;
  /** These have not been heard of for the timeout; their sessions have ended. */
  readonly onExpired: (brokerIds: readonly number[]) => void;
}

/** When each live broker was last heard of, with one timer for all of them. */
export class BrokerSessions {
  readonly #options: SessionOptions;
  readonly #heardAt = new Map<number, number>();
  #cancel: (() => void) | null = null;
  #checkAt = 0;
  #closed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Starts a session or goes on with it. */
  heard(brokerId: number): void {
    this.#heardAt.set(brokerId, this.#options.clock.monotonic());
    if (this.#cancel === null) this.#schedule();
  }

  end(brokerId: number): void {
    this.#heardAt.delete(brokerId);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = null;
    this.#heardAt.clear();
  }

  #schedule(): void {
    if (this.#closed || this.#heardAt.size === 0) return;
    const { clock, timers, timeoutMs } = this.#options;
    this.#checkAt = Math.min(...this.#heardAt.values()) + timeoutMs;
    this.#cancel = timers.after(this.#checkAt - clock.monotonic(), () => {
      this.#cancel = null;
      this.#check();
      this.#schedule();
    });
  }

  #check(): void {
    const { clock, timeoutMs, onExpired } = this.#options;
    const now = clock.monotonic();
    const lateMs = now - this.#checkAt;
    if (lateMs > timeoutMs / 2) {
      // It is this process that was away; the heartbeats sent meanwhile are still to be read.
      for (const brokerId of this.#heardAt.keys()) this.#heardAt.set(brokerId, now);
      return;
    }
    const expired = [...this.#heardAt].filter(([, at]) => at + timeoutMs <= now).map(([id]) => id);
    for (const brokerId of expired) this.#heardAt.delete(brokerId);
    if (expired.length > 0) onExpired(expired);
  }
}
