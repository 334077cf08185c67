import type { Timers } from '../timers.js';
import type { Scheduler as IntervalScheduler } from '../topics/background.js';
import type { Operation } from './faults.js';
import type { Random } from './random.js';
import type { Phase, Scheduler } from './simulated-scheduler.js';
import type { SimulatedWorld } from './simulated-world.js';

/**
 * A process on one of the simulated machines: what it is told and what its timers start happens only while it lives
 * and is not stopped (SIGSTOP). A killed one never does anything again, whatever of it is still referenced.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly world: SimulatedWorld;
  readonly timers: Timers;
  /** How each is cancelled, and who set it where the world is to remember that. */
  readonly #set = new Map<() => void, string>();
  readonly #onDeath: (() => void)[] = [];
  #isAlive = true;
  /** What happened while it was stopped and has not run yet; null: nothing, and it runs. */
  #held: (() => void)[] | null = null;
  #isPaused = false;

  constructor(world: SimulatedWorld, name: string) {
    this.world = world;
    this.name = name;
    this.timers = { after: (delayMs, run) => this.#after(delayMs, run) };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Set and neither fired nor cancelled. */
  get timersSet(): number {
    return this.#set.size;
  }

  /** Who set them; empty unless the world is verbose. */
  get settersOfTimers(): string {
    return [...this.#set.values()].join('\n');
  }

  /** For the data directory's background work. */
  get intervals(): IntervalScheduler {
    return {
      every: (ms, run) => {
        let cancel = (): void => undefined;
        const next = (): void => {
          cancel = this.timers.after(ms, () => {
            next();
            run();
          });
        };
        next();
        return () => cancel();
      },
    };
  }

  /** Something reaches the process: now, when it runs again, or never. */
  deliver(run: () => void): void {
    if (!this.#isAlive) return;
    if (this.#held !== null) this.#held.push(run);
    else run();
  }

  onDeath(run: () => void): void {
    if (this.#isAlive) this.#onDeath.push(run);
    else run();
  }

  pause(): void {
    if (!this.#isAlive) return;
    this.#isPaused = true;
    this.#held ??= [];
  }

  resume(): void {
    if (this.#held === null || this.#isPaused === false) return;
    this.#isPaused = false;
    this.#drain();
  }

  /** One after the other, as the event loop would take them; what comes meanwhile comes after them. */
  #drain(): void {
    this.world.timers.after(0, () => {
      if (this.#isPaused) return;
      const run = this.#held?.shift();
      if (run === undefined) {
        this.#held = null;
        return;
      }
      this.#drain();
      run();
    });
  }

  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#isPaused = false;
    this.#held = null;
    for (const cancel of this.#set.keys()) cancel();
    this.#set.clear();
    for (const run of this.#onDeath.splice(0)) run();
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.timers.after(ms, resolve);
    });
  }

  #after(delayMs: number, run: () => void): () => void {
    if (!this.#isAlive) return () => undefined;
    let isOver = false;
    const cancelInWorld = this.world.timers.after(delayMs, () =>
      this.deliver(() => {
        if (isOver) return;
        end();
        run();
      }),
    );
    const end = (): void => {
      isOver = true;
      cancelInWorld();
      this.#set.delete(end);
    };
    this.#set.set(end, this.world.isVerbose ? (new Error().stack ?? '') : '');
    return end;
  }
}

const SYNCS: ReadonlySet<Operation> = new Set<Operation>([
  'flush',
  'syncDirectory',
  'truncate:sync',
  'writeFile:sync',
  'writeFileAtomic:sync',
  'writeFileAtomic:syncDirectory',
]);

/** Syncs take milliseconds, everything else a few microtasks; what a killed process waited for never comes. */
export class DiskDelays implements Scheduler {
  readonly #random: Random;
  readonly #longestSyncMs: number;
  /** The one that uses the disk now. */
  process: SimulatedProcess | null = null;

  constructor(random: Random, longestSyncMs: number) {
    this.#random = random;
    this.#longestSyncMs = longestSyncMs;
  }

  async wait(operation: Operation, _path: string, phase: Phase): Promise<void> {
    const { process } = this;
    if (phase === 'before' && SYNCS.has(operation) && process !== null) {
      const ms = this.#random.below(this.#longestSyncMs + 1);
      if (ms > 0) await process.sleep(ms);
    }
    for (let ticks = this.#random.below(3); ticks > 0; ticks -= 1) await null;
    if (process?.isAlive === false) await new Promise(() => undefined);
  }
}
