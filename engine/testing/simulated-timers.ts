import type { Timers } from '../timers.js';
import type { SimulatedClock } from './simulated-clock.js';

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Timers that fire when a test moves time: in the order of their times, and of their setting where those are equal. */
export class SimulatedTimers implements Timers {
  readonly #clock: SimulatedClock;
  readonly #pending = new Set<Pending>();
  #order = 0;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  after(delayMs: number, run: () => void): () => void {
    const dueMs = this.#clock.monotonic() + Math.max(0, delayMs);
    const pending = { dueMs, order: this.#order++, run };
    this.#pending.add(pending);
    return () => {
      this.#pending.delete(pending);
    };
  }

  get count(): number {
    return this.#pending.size;
  }

  /** Monotonic time of the next timer, or null. */
  get nextMs(): number | null {
    return this.#first()?.dueMs ?? null;
  }

  /** Time moves by `ms`; each timer due by then runs at its own time. What they start meanwhile counts. */
  advance(ms: number): void {
    const endMs = this.#clock.monotonic() + ms;
    for (let next = this.#first(); next !== null && next.dueMs <= endMs; next = this.#first()) {
      this.#fire(next);
    }
    this.#clock.advance(Math.max(0, endMs - this.#clock.monotonic()));
  }

  /** `advance`, letting promises settle before, between and after the timers. */
  async advanceAsync(ms: number, settle: () => Promise<void> = settled): Promise<void> {
    const endMs = this.#clock.monotonic() + ms;
    await settle();
    for (let next = this.#first(); next !== null && next.dueMs <= endMs; next = this.#first()) {
      this.#fire(next);
      await settle();
    }
    this.#clock.advance(Math.max(0, endMs - this.#clock.monotonic()));
    await settle();
  }

  /** Runs the next timer at its time; false when there is none. */
  runNext(): boolean {
    const next = this.#first();
    if (next !== null) this.#fire(next);
    return next !== null;
  }

  #fire(next: Pending): void {
    this.#pending.delete(next);
    this.#clock.advance(Math.max(0, next.dueMs - this.#clock.monotonic()));
    next.run();
  }

  #first(): Pending | null {
    let first: Pending | null = null;
    for (const pending of this.#pending) {
      if (first === null || isBefore(pending, first)) first = pending;
    }
    return first;
  }
}

function isBefore(a: Pending, b: Pending): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/** Lets everything that is only waiting for promises run: they all settle before an immediate does. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
