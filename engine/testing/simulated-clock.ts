import type { Clock } from '../io/port.js';

/** A clock that moves only when told to: same test, same times. */
export class SimulatedClock implements Clock {
  #wallMs: number;
  #monotonicMs: number;

  /** Default start: 2023-11-14T22:13:20Z on the wall, 1000 ms of uptime. */
  constructor(options: { readonly nowMs?: number; readonly monotonicMs?: number } = {}) {
    this.#wallMs = options.nowMs ?? 1_700_000_000_000;
    this.#monotonicMs = options.monotonicMs ?? 1_000;
  }

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  /** Time passes: both clocks move forward by `ms`. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`time does not pass backwards: advance(${ms}); use jump`);
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }

  /** Somebody sets the wall clock: it jumps by `ms`, also backwards; the monotonic clock does not move. */
  jump(ms: number): void {
    if (!Number.isFinite(ms)) throw new RangeError(`jump must be a finite number: ${ms}`);
    this.#wallMs += ms;
  }
}
