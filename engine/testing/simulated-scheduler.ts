import type { Operation } from './faults.js';
import type { Random } from './random.js';

/** Where an operation waits: before an effect, or between its last effect and its caller's hearing of it. */
export type Phase = 'before' | 'after';

/** Decides how long the asynchronous part of an operation takes. */
export interface Scheduler {
  /** Resolves when the operation may go on. An operation may wait several times. */
  wait(operation: Operation, path: string, phase: Phase): Promise<void>;
  /** The machine is down: everything that waits must go on now, into its error. */
  machineDown?(): void;
}

/** Lets each wait take a random number of microtasks, so that interleavings vary with the seed. */
export class RandomScheduler implements Scheduler {
  readonly #random: Random;
  readonly #maxTicks: number;

  constructor(random: Random, maxTicks: number) {
    this.#random = random;
    this.#maxTicks = maxTicks;
  }

  async wait(): Promise<void> {
    for (let ticks = this.#random.below(this.#maxTicks + 1); ticks > 0; ticks--) await null;
  }
}

export interface HeldOperation {
  readonly operation: Operation;
  readonly path: string;
}

/** Holds the operations a test names until it lets them go, in the order the test likes. */
export class HeldScheduler implements Scheduler {
  readonly #operations: ReadonlySet<Operation>;
  readonly #phase: Phase;
  #held: (HeldOperation & { readonly go: () => void })[] = [];

  /** With phase `after` the disk has what the operation wrote while its caller still waits. */
  constructor(operations: Operation | readonly Operation[], phase: Phase = 'before') {
    this.#operations = new Set(typeof operations === 'string' ? [operations] : operations);
    this.#phase = phase;
  }

  /** What is being held, oldest first. */
  get held(): readonly HeldOperation[] {
    return this.#held;
  }

  async wait(operation: Operation, path: string, phase: Phase): Promise<void> {
    if (phase !== this.#phase || !this.#operations.has(operation)) return;
    await new Promise<void>((go) => this.#held.push({ operation, path, go }));
  }

  /** Lets the held operation at `index` go on (default: the oldest). */
  release(index = 0): void {
    const [held] = this.#held.splice(index, 1);
    if (held === undefined) throw new RangeError(`nothing is held at ${index}`);
    held.go();
  }

  releaseAll(): void {
    for (const { go } of this.#held.splice(0)) go();
  }

  machineDown(): void {
    this.releaseAll();
  }
}
