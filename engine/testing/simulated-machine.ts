import type { VarveError } from '../errors.js';
import type { Clock } from '../io/port.js';
import { type FaultPlan, Faults, type Operation, SimulatedCrash } from './faults.js';
import { Random } from './random.js';
import { SimulatedClock } from './simulated-clock.js';
import { type CrashStyle, Disk } from './simulated-disk.js';
import { FileContent } from './simulated-file-content.js';
import { type Phase, RandomScheduler, type Scheduler } from './simulated-scheduler.js';

export interface SimulationOptions {
  /** Same seed, same calls: same results, byte for byte. */
  readonly seed: number;
  /** Default: a `SimulatedClock` that stands still. */
  readonly clock?: Clock;
  readonly faults?: FaultPlan;
  /** Default: a `RandomScheduler` with `maxTicks`. */
  readonly scheduler?: Scheduler;
  /** Most microtasks that one wait inside an asynchronous operation takes. Default 4. */
  readonly maxTicks?: number;
  /** Step in which log files reserve space; 0: none, files grow with each commit. Default: from the seed. */
  readonly reservationBytes?: number;
  /**
   * Overwrites the memory of windows and buffers as soon as they are no longer valid, and gives each
   * window odd edges, so that code which keeps one too long reads rubbish. Costs a copy per window.
   * Default true.
   */
  readonly poisonReleased?: boolean;
  /** Probability, per step, that the kernel writes something back unasked. Default 1/32. */
  readonly writebackProbability?: number;
  /**
   * What the first `reserve` does with bytes beyond the `size` a log was opened at: cut them and sync
   * the cut, as the real implementations do (default); or what the port allows at its worst: cut
   * without a sync, or zeros over them without a sync.
   */
  readonly staleTail?: 'cut-durably' | 'cut' | 'overwrite';
}

export interface CrashOptions {
  /** Seed of this outcome. Default: the next one of the simulation. */
  readonly seed?: number;
  /** What was not synced: gone, all there, or (default) left to chance. */
  readonly outcome?: 'random' | 'nothing' | 'everything';
  /** Faults of the machine after the crash. Default: none, the disk's capacity staying as it is. */
  readonly faults?: FaultPlan;
}

/** What a machine is made of after a crash. */
export interface Reboot {
  readonly options: SimulationOptions;
  readonly disk: Disk;
}

/** An open log file as the machine sees it: what of its buffer a crash may leave on disk. */
export interface OpenFile {
  path: string;
  readonly mappings: number;
  readonly mappedBytes: number;
  readonly reservedBytes: number;
  readonly content: FileContent;
  readonly size: number;
  uncommitted(): Buffer;
}

/** The machine under a simulated file system: its disk, its open files, its faults and its end. */
export class Machine {
  readonly clock: Clock;
  readonly seed: number;
  readonly faults: Faults;
  readonly disk: Disk;
  readonly random: Random;
  readonly poisonReleased: boolean;
  readonly reservationBytes: number;
  readonly staleTail: 'cut-durably' | 'cut' | 'overwrite';
  readonly open = new Set<OpenFile>();
  /** Steps that changed something so far. */
  steps = 0;
  /** Why the machine is down. */
  down: SimulatedCrash | null = null;
  readonly #options: SimulationOptions;
  readonly #crashes: Random;
  readonly #scheduler: Scheduler;
  readonly #crashAtStep: number;
  readonly #writebackProbability: number;

  constructor(options: SimulationOptions, disk?: Disk) {
    const random = new Random(options.seed);
    this.#options = options;
    this.seed = options.seed;
    this.random = random;
    this.clock = options.clock ?? new SimulatedClock();
    this.faults = new Faults(random.fork(), options.faults?.fail);
    this.disk = disk ?? new Disk(options.faults?.capacityBytes, this.clock.now());
    this.#crashes = random.fork();
    this.#scheduler =
      options.scheduler ?? new RandomScheduler(random.fork(), options.maxTicks ?? 4);
    this.#crashAtStep = options.faults?.crashAtStep ?? Number.POSITIVE_INFINITY;
    this.#writebackProbability = options.writebackProbability ?? 1 / 32;
    const reservationBytes = random.pick([0, 4096, 16_384, 65_536]);
    this.reservationBytes = options.reservationBytes ?? reservationBytes;
    this.poisonReleased = options.poisonReleased ?? true;
    this.staleTail = options.staleTail ?? 'cut-durably';
  }

  assertUp(): void {
    if (this.down !== null) throw this.down;
  }

  /** The error planted for this call, or null. */
  strike(operation: Operation, path: string): VarveError | null {
    return this.faults.strike(operation, path);
  }

  /** Start of a call: throws when the machine is down and when an error is planted for the call. */
  begin(operation: Operation, path: string): void {
    this.assertUp();
    const failure = this.strike(operation, path);
    if (failure !== null) throw failure;
  }

  /** Before everything that changes something: throws when the crash was planned for this step. */
  step(operation: Operation, path: string): void {
    this.assertUp();
    this.steps++;
    if (this.steps >= this.#crashAtStep) {
      this.#goDown(`crash at step ${this.steps}, ${operation} of ${path}, seed ${this.seed}`);
      this.assertUp();
    }
    if (this.random.chance(this.#writebackProbability)) this.disk.writeSomethingBack(this.random);
  }

  async wait(operation: Operation, path: string, phase: Phase = 'before'): Promise<void> {
    await this.#scheduler.wait(operation, path, phase);
    this.assertUp();
  }

  closed(file: OpenFile): void {
    this.open.delete(file);
    this.disk.release(file.content);
  }

  powerFail(options: CrashOptions): Reboot {
    this.#goDown('the power failed');
    const random = this.#crashRandom(options);
    // Making the outcome leaves the disk as it is: a copy is needed only to add bytes first.
    const hasUncommitted = [...this.open].some((file) => file.uncommitted().length > 0);
    const disk = hasUncommitted ? this.#withUncommittedBytes(random) : this.disk;
    return this.#reboot(disk.afterPowerFailure(styleOf(options, random), random), random, options);
  }

  kill(options: CrashOptions): Reboot {
    this.#goDown('the process was killed');
    const random = this.#crashRandom(options);
    return this.#reboot(this.#withUncommittedBytes(random), random, options);
  }

  #goDown(reason: string): void {
    if (this.down !== null) return;
    this.down = new SimulatedCrash(`the simulated machine is down: ${reason}`);
    this.#scheduler.machineDown?.();
  }

  #crashRandom(options: CrashOptions): Random {
    return options.seed === undefined ? this.#crashes.fork() : new Random(options.seed);
  }

  /** A copy of the disk in which the kernel may know of bytes that were written but not committed. */
  #withUncommittedBytes(random: Random): Disk {
    const { disk, copies } = this.disk.copy();
    for (const file of this.open) {
      const bytes = file.uncommitted();
      const copy = copies.get(file.content);
      if (bytes.length === 0 || !(copy instanceof FileContent)) continue;
      const [nothing, withoutStart, withoutEnd] = [0, 1, 2];
      const kind = random.below(4);
      if (kind === nothing) continue;
      const from = kind === withoutStart ? random.below(bytes.length) : 0;
      const to = kind === withoutEnd ? random.below(bytes.length) : bytes.length;
      copy.write(file.size + from, bytes.subarray(from, to));
    }
    return disk;
  }

  #reboot(disk: Disk, random: Random, { faults }: CrashOptions): Reboot {
    if (faults?.capacityBytes !== undefined) disk.capacityBytes = faults.capacityBytes;
    const { faults: _, ...kept } = this.#options;
    const seed = random.fork().seed;
    const options = {
      ...kept,
      seed,
      clock: this.clock,
      ...(faults === undefined ? {} : { faults }),
    };
    return { options, disk };
  }
}

function styleOf({ outcome = 'random' }: CrashOptions, random: Random): CrashStyle {
  if (outcome === 'nothing') return { odds: { kept: 0, torn: 0 }, ordered: true };
  if (outcome === 'everything') return { odds: { kept: 1, torn: 0 }, ordered: true };
  const kept = random.pick([0, 0.1, 0.5, 0.5, 0.9, 1]);
  const torn = kept === 1 ? 0 : random.pick([0, 0.1, Math.min(0.3, 1 - kept)]);
  return { odds: { kept, torn }, ordered: random.chance(0.3) };
}
