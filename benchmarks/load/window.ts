import { Latencies } from '../latency.js';
import type { Tick } from '../model/result.js';
import { NS_PER_MS, NS_PER_SECOND } from './clock.js';
import type { Schedule } from './plan.js';

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

/** What happens in one part of a window, short enough to see a stall and long enough to have a rate. */
const TICK_MS = 100;
/** Of an experiment: what it does to a load may be over in less. */
const FINE_TICK_MS = 50;
/** Of a short window, so that it has a course too. */
const FEWEST_TICKS = 10;
/** Of a long one, so that a result stays small. */
const MOST_TICKS = 2000;
const TICK_PERCENTILES = [50, 99];

/** Records by equal parts of the window, and latencies of those that were acknowledged in each. */
export class Timeline {
  readonly #window: Window;
  readonly #tickNs: number;
  readonly #records: number[] = [];
  readonly #latencies = new Latencies();
  readonly #percentiles = new Map<number, readonly number[]>();
  /** The part that `#latencies` is of. */
  #at = 0;

  constructor(window: Window, isFine: boolean) {
    this.#window = window;
    const lengthNs = window.plannedToNs - window.fromNs;
    const shortNs = Math.min(
      (isFine ? FINE_TICK_MS : TICK_MS) * NS_PER_MS,
      lengthNs / FEWEST_TICKS,
    );
    this.#tickNs = Math.max(shortNs, lengthNs / MOST_TICKS);
  }

  /** Times must not go back by more than a tick. */
  add(ns: number, records: number): void {
    if (!this.#window.has(ns)) return;
    const at = this.#tickOf(ns);
    while (this.#records.length <= at) this.#records.push(0);
    this.#records[at]! += records;
  }

  /** Where latencies go of what was acknowledged at `ns`; null: outside of the window. */
  latenciesAt(ns: number): Latencies | null {
    if (!this.#window.has(ns)) return null;
    const at = this.#tickOf(ns);
    if (at > this.#at) this.#closeTick(at);
    return this.#latencies;
  }

  /** Up to the window's end, which may have been early; the last is as long as what is left, and at least half of the others. */
  ticks(kind: 'producedRecords' | 'consumedRecords'): Tick[] {
    this.#closeTick(this.#at);
    const { fromNs, toNs } = this.#window;
    const lengthNs = toNs - fromNs;
    const count = Math.max(1, Math.round(lengthNs / this.#tickNs));
    return Array.from({ length: count }, (_, at) => {
      const isLast = at === count - 1;
      const own = this.#records.slice(at, isLast ? undefined : at + 1);
      const [p50Us = null, p99Us = null] = this.#percentiles.get(at) ?? [];
      return {
        atMs: (isLast ? lengthNs : (at + 1) * this.#tickNs) / NS_PER_MS,
        producedRecords: 0,
        consumedRecords: 0,
        [kind]: own.reduce((sum, records) => sum + records, 0),
        publishP50Us: p50Us,
        publishP99Us: p99Us,
      };
    });
  }

  #tickOf(ns: number): number {
    return Math.floor((ns - this.#window.fromNs) / this.#tickNs);
  }

  #closeTick(next: number): void {
    const found = this.#latencies.takePercentilesUs(TICK_PERCENTILES);
    if (found !== null) this.#percentiles.set(this.#at, found);
    this.#at = next;
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
