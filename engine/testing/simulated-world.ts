import { SimulatedCrash } from './faults.js';
import { Random } from './random.js';
import { SimulatedClock } from './simulated-clock.js';
import { simulateGlobals } from './simulated-globals.js';
import { SimulatedTimers } from './simulated-timers.js';

/** Taken before a simulation replaces the global one. */
const realImmediate = setImmediate;

/** Events between two turns of the real event loop, each followed by all microtasks it leads to. */
const EVENTS_A_TURN = 64;
/** Events at one moment, beyond which something asks again and again in no time. */
const MAX_EVENTS_AN_INSTANT = 100_000;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** A broken invariant. */
export class Violation extends Error {
  /** Which invariant, in a few words. */
  readonly rule: string;

  constructor(rule: string, what: string) {
    super(`${rule}: ${what}`);
    this.name = 'Violation';
    this.rule = rule;
  }
}

/**
 * One clock, one queue of events, one source of chance, and a trace of what happened. Nothing else moves a
 * simulation: an event runs, then every promise it settles, then the next event.
 */
export class SimulatedWorld {
  readonly clock = new SimulatedClock();
  readonly timers = new SimulatedTimers(this.clock);
  readonly seed: number;
  readonly random: Random;
  /** Told of every line of the trace; null: only its hash is kept. */
  readonly #print: ((line: string) => void) | null;
  #hash = FNV_OFFSET;
  #events = 0;
  #instantMs = -1;
  #instantEvents = 0;
  #failure: Error | null = null;
  #lines: string[] = [];
  /** Called after each event, before the promises that it settles. */
  afterEvent: () => void = () => undefined;

  constructor(seed: number, print: ((line: string) => void) | null = null) {
    this.seed = seed;
    this.random = new Random(seed);
    this.#print = print;
  }

  /** The first thing that went wrong, or null. */
  get failure(): Error | null {
    return this.#failure;
  }

  get isVerbose(): boolean {
    return this.#print !== null;
  }

  get events(): number {
    return this.#events;
  }

  /** Of every line so far: the same for the same seed. */
  get traceHash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** The last lines. */
  get tail(): readonly string[] {
    return this.#lines.slice(-60);
  }

  get nowMs(): number {
    return this.clock.monotonic();
  }

  trace(line: string): void {
    let hash = this.#hash ^ this.clock.monotonic();
    for (let i = 0; i < line.length; i += 1) {
      hash = Math.imul(hash ^ line.charCodeAt(i), FNV_PRIME);
    }
    this.#hash = hash;
    const stamped = `${String(this.clock.monotonic()).padStart(7)} ${line}`;
    this.#lines.push(stamped);
    if (this.#lines.length > 400) this.#lines = this.#lines.slice(-60);
    this.#print?.(stamped);
  }

  /** The simulation ends at the next event. Only the first counts. */
  fail(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.trace(`FAILED ${this.#failure.message}`);
  }

  violate(rule: string, what: string): void {
    this.fail(new Violation(rule, what));
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.timers.after(ms, resolve);
    });
  }

  /** Runs `work` with events going on until it has settled, or something has gone wrong. */
  async run(work: () => Promise<void>): Promise<void> {
    const restore = simulateGlobals(this.clock, this.timers, this.random.fork());
    const onRejection = (error: unknown): void => {
      // What is left of a process that was killed.
      if (!(error instanceof SimulatedCrash)) this.fail(error);
    };
    process.on('unhandledRejection', onRejection);
    try {
      let isDone = false;
      const done = (): void => {
        isDone = true;
      };
      work().then(done, (error) => {
        this.fail(error);
      });
      await this.#pump(() => isDone || this.#failure !== null);
    } finally {
      process.off('unhandledRejection', onRejection);
      restore();
    }
    if (this.#failure !== null) throw this.#failure;
  }

  #pump(isOver: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      let isResolved = false;
      const step = (): void => {
        if (isResolved) return;
        if (isOver()) {
          isResolved = true;
          resolve();
          return;
        }
        try {
          this.#next();
        } catch (error) {
          this.fail(error);
        }
      };
      // Node runs all microtasks after each immediate: many at a time save turns of the loop.
      const turn = (): void => {
        if (isResolved) return;
        for (let i = 0; i < EVENTS_A_TURN; i += 1) realImmediate(step);
        realImmediate(turn);
      };
      turn();
    });
  }

  #next(): void {
    const { nextMs } = this.timers;
    if (nextMs === null) throw new Error('nothing is left to happen, and the work is not done');
    if (nextMs !== this.#instantMs) this.#instantEvents = 0;
    this.#instantMs = nextMs;
    this.#instantEvents += 1;
    if (this.#instantEvents > MAX_EVENTS_AN_INSTANT) {
      throw new Violation('time passes', `${MAX_EVENTS_AN_INSTANT} events at ${nextMs} ms`);
    }
    this.#events += 1;
    this.timers.runNext();
    this.afterEvent();
  }
}
