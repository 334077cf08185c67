import type { Tick } from '../model/result.js';
import { NS_PER_MS, NS_PER_SECOND } from './clock.js';
import type { Schedule } from './plan.js';

const TICKS = 10;

/** The measured part of a load. It can end early, and then counts for what it was. */
export class Window {
  readonly fromNs: number;
  readonly plannedToNs: number;
  #toNs: number;

  constructor(schedule: Schedule) {
    this.fromNs = schedule.measureFromNs;
    this.plannedToNs = schedule.measureToNs;
    this.#toNs = schedule.measureToNs;
  }

  get toNs(): number {
    return this.#toNs;
  }

  get seconds(): number {
    return Math.max(0, this.#toNs - this.fromNs) / NS_PER_SECOND;
  }

  endAt(ns: number): void {
    this.#toNs = Math.min(this.#toNs, ns);
  }

  has(ns: number): boolean {
    return ns >= this.fromNs && ns < this.#toNs;
  }
}

/** Records by tenths of the planned window. */
export class Timeline {
  readonly #records = new Float64Array(TICKS);
  readonly #window: Window;

  constructor(window: Window) {
    this.#window = window;
  }

  add(ns: number, records: number): void {
    const { fromNs, plannedToNs } = this.#window;
    if (ns < fromNs || ns >= plannedToNs) return;
    this.#records[Math.floor(((ns - fromNs) / (plannedToNs - fromNs)) * TICKS)]! += records;
  }

  ticks(kind: 'producedRecords' | 'consumedRecords'): Tick[] {
    const { fromNs, plannedToNs } = this.#window;
    const tickMs = (plannedToNs - fromNs) / TICKS / NS_PER_MS;
    return Array.from(this.#records, (records, at) => ({
      atMs: (at + 1) * tickMs,
      producedRecords: 0,
      consumedRecords: 0,
      [kind]: records,
    }));
  }
}

/** The mean over a window of a number that changes by steps. */
export class MeanOverTime {
  readonly #window: Window;
  #value = 0;
  #sinceNs = 0;
  #area = 0;

  constructor(window: Window) {
    this.#window = window;
  }

  set(value: number, ns: number): void {
    this.#area += this.#value * this.#overlapNs(ns);
    this.#value = value;
    this.#sinceNs = ns;
  }

  /** Up to the window's end. */
  mean(): number {
    const { toNs, fromNs } = this.#window;
    const area = this.#area + this.#value * this.#overlapNs(toNs);
    return toNs > fromNs ? area / (toNs - fromNs) : 0;
  }

  #overlapNs(untilNs: number): number {
    const { fromNs, toNs } = this.#window;
    return Math.max(0, Math.min(untilNs, toNs) - Math.max(this.#sinceNs, fromNs));
  }
}
