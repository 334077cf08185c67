import type { Clock } from '../io/port.js';
import type { Timers } from '../timers.js';

/** Something that waits, and not for ever. */
export interface Expiring {
  /** Told once, when its time is over, unless it was removed before. Must not throw. */
  expire(): void;
}

/** Where `add` put it; for `remove`. */
export type Deadline = { readonly tick: number; readonly waiting: Set<Expiring> };

/** Deadlines are kept in steps of it: all of one step share a set, and expire together, never early. */
const TICK_MS = 5;

/**
 * The deadlines of everything that waits, behind one timer: thousands of requests come and go without one each.
 * Adding and removing cost no more with many than with few. Kafka: SystemTimer, TimingWheel.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #ticks = new Map<number, Deadline>();
  /** The ticks that are in the map, as a binary heap. */
  readonly #heap: number[] = [];
  #armedTick = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | null = null;

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  add(operation: Expiring, delayMs: number): Deadline {
    const tick = Math.ceil((this.#clock.monotonic() + delayMs) / TICK_MS);
    let deadline = this.#ticks.get(tick);
    if (deadline === undefined) {
      deadline = { tick, waiting: new Set() };
      this.#ticks.set(tick, deadline);
      push(this.#heap, tick);
    }
    deadline.waiting.add(operation);
    if (tick < this.#armedTick) this.#arm(tick);
    return deadline;
  }

  remove(operation: Expiring, deadline: Deadline): void {
    // Its set stays until its time: there is one for each tick at most.
    deadline.waiting.delete(operation);
  }

  get count(): number {
    let count = 0;
    for (const { waiting } of this.#ticks.values()) count += waiting.size;
    return count;
  }

  /** Expires everything at once. */
  close(): void {
    this.#disarm?.();
    this.#disarm = null;
    const all = [...this.#ticks.values()];
    this.#ticks.clear();
    this.#heap.length = 0;
    this.#armedTick = Number.POSITIVE_INFINITY;
    for (const { waiting } of all) for (const operation of waiting) operation.expire();
  }

  #arm(tick: number): void {
    this.#disarm?.();
    this.#armedTick = tick;
    this.#disarm = this.#timers.after(Math.max(0, tick * TICK_MS - this.#clock.monotonic()), () =>
      this.#fire(),
    );
  }

  #fire(): void {
    this.#disarm = null;
    this.#armedTick = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonic();
    const heap = this.#heap;
    while (heap.length > 0) {
      const deadline = this.#ticks.get(heap[0]!)!;
      if (deadline.tick * TICK_MS > nowMs && deadline.waiting.size > 0) break;
      pop(heap);
      this.#ticks.delete(deadline.tick);
      for (const operation of deadline.waiting) operation.expire();
    }
    if (heap.length > 0 && heap[0]! < this.#armedTick) this.#arm(heap[0]!);
  }
}

function push(heap: number[], value: number): void {
  let at = heap.length;
  heap.push(value);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent]! <= value) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = value;
}

function pop(heap: number[]): void {
  const value = heap.pop()!;
  const size = heap.length;
  if (size === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= size) break;
    if (child + 1 < size && heap[child + 1]! < heap[child]!) child += 1;
    if (heap[child]! >= value) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = value;
}
