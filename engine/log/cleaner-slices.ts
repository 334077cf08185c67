import { VarveError } from '../errors.js';
import type { Clock } from '../io/port.js';

/**
 * Keeps work on the main thread short: it runs in slices of `sliceMs`, and between two of them everything else
 * gets its turn. Fails with ABORTED, between slices, once a signal says so.
 */
export class Slices {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  readonly #signals: readonly AbortSignal[];
  #endMs: number;

  constructor(clock: Clock, sliceMs: number, signals: readonly AbortSignal[]) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#signals = signals;
    this.#endMs = clock.monotonic() + sliceMs;
  }

  /** Time to `pause`. */
  get isOver(): boolean {
    return this.#clock.monotonic() >= this.#endMs;
  }

  async pause(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.check();
    this.#endMs = this.#clock.monotonic() + this.#sliceMs;
  }

  check(): void {
    const aborted = this.#signals.find((signal) => signal.aborted);
    if (aborted === undefined) return;
    throw new VarveError('ABORTED', 'compaction was stopped; what it had swapped in stays', {
      cause: aborted.reason,
      retriable: true,
    });
  }
}
