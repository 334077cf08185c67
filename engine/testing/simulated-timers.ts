import type { Timers } from '../timers.js';
import type { SimulatedClock } from './simulated-clock.js';

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  /** Null: cancelled. It leaves the heap when its time comes. */
  run: (() => void) | null;
}

/** Timers that fire when a test moves time: in the order of their times, and of their setting where those are equal. */
export class SimulatedTimers implements Timers {
  readonly #clock: SimulatedClock;
  /** A binary heap: nobody fires before its parent. */
  readonly #heap: Pending[] = [];
  #order = 0;
  #count = 0;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  after(delayMs: number, run: () => void): () => void {
    const dueMs = this.#clock.monotonic() + Math.max(0, delayMs);
    const pending: Pending = { dueMs, order: this.#order++, run };
    this.#push(pending);
    this.#count += 1;
    return () => {
      if (pending.run === null) return;
      pending.run = null;
      this.#count -= 1;
    };
  }

  get count(): number {
    return this.#count;
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

  /** `next` is the first of the heap. */
  #fire(next: Pending): void {
    const run = next.run!;
    next.run = null;
    this.#count -= 1;
    this.#pop();
    this.#clock.advance(Math.max(0, next.dueMs - this.#clock.monotonic()));
    run();
  }

  #first(): Pending | null {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return null;
      if (first.run !== null) return first;
      this.#pop();
    }
  }

  #push(pending: Pending): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(pending, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = pending;
  }

  /** Takes the first out. */
  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= size) break;
      if (below + 1 < size && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
      if (!isBefore(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(a: Pending, b: Pending): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/** Lets everything that is only waiting for promises run: they all settle before an immediate does. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
