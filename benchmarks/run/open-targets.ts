import type { Cell } from '../model/knobs.js';
import type { TargetInfo } from '../model/result.js';
import type { OpenTarget, Target } from '../targets/target.js';
import { createTempDirectory, removeTempDirectory } from '../temp-directory.js';

/** Clusters that are up at the same time: a pair that is compared, and the engine, which costs nothing. */
export const MAX_OPEN = 3;

interface Open {
  readonly target: OpenTarget;
  readonly directory: string;
}

/** Targets that are open, so that cells of one need not start it anew; the one unused for longest makes room. */
export class OpenTargets {
  readonly #directory: string;
  readonly #signal: AbortSignal;
  readonly #onDoing: (text: string) => void;
  readonly #warm: (target: Target, open: OpenTarget, cell: Cell) => Promise<void>;
  readonly #open = new Map<string, Open>();
  readonly infos = new Map<string, TargetInfo>();

  constructor(
    directory: string,
    signal: AbortSignal,
    onDoing: (text: string) => void,
    warm: (target: Target, open: OpenTarget, cell: Cell) => Promise<void>,
  ) {
    this.#warm = warm;
    this.#directory = directory;
    this.#signal = signal;
    this.#onDoing = onDoing;
  }

  async get(target: Target, cell: Cell): Promise<OpenTarget> {
    const key = `${target.name} ${target.openKey(cell)}`;
    const known = this.#open.get(key);
    if (known !== undefined) {
      this.#open.delete(key);
      this.#open.set(key, known);
      return known.target;
    }
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && this.#open.size >= MAX_OPEN) await this.#close(oldest);
    const directory = createTempDirectory(this.#directory);
    try {
      const opened = await target.open({
        cell,
        directory,
        signal: this.#signal,
        onEvent: this.#onDoing,
      });
      this.#open.set(key, { target: opened, directory });
      this.infos.set(key, opened.info);
      if (target.warmUpSeconds > 0) {
        this.#onDoing(`warming ${target.name} up for ${target.warmUpSeconds} s`);
        await this.#warm(target, opened, cell);
      }
      return opened;
    } catch (error) {
      await this.#close(key);
      removeTempDirectory(directory);
      throw error;
    }
  }

  /** After an error: what cannot be used any more is closed, and opened anew when it is needed again. */
  async discardBroken(): Promise<void> {
    for (const [key, { target }] of [...this.#open]) {
      const isUsable = await target.isUsable().catch(() => false);
      if (!isUsable) await this.#close(key);
    }
  }

  /** Of one that may have been left as an experiment left it. */
  async discard(target: Target, cell: Cell): Promise<void> {
    await this.#close(`${target.name} ${target.openKey(cell)}`);
  }

  async closeAll(): Promise<void> {
    const ended = await Promise.allSettled([...this.#open.keys()].map((key) => this.#close(key)));
    const failure = ended.find((result) => result.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  async #close(key: string): Promise<void> {
    const open = this.#open.get(key);
    if (open === undefined) return;
    this.#open.delete(key);
    try {
      await open.target.close();
    } finally {
      removeTempDirectory(open.directory);
    }
  }
}
