/** Starts things later and again; replaced in tests by one that is moved by hand. */
export interface Scheduler {
  /** Calls `run` every `ms` milliseconds until the returned function is called. Never keeps the process alive. */
  every(ms: number, run: () => void): () => void;
}

const MAX_TIMER_MS = 0x7fffffff;

export const systemScheduler: Scheduler = {
  every(ms, run) {
    const timer = setInterval(run, ms).unref();
    return () => clearInterval(timer);
  },
};

/** Named work at intervals. One task never runs twice at once; a round that is due meanwhile is left out. */
export class BackgroundTasks {
  readonly #scheduler: Scheduler;
  readonly #onFailure: (task: string, cause: unknown) => void;
  readonly #cancels: (() => void)[] = [];
  readonly #running = new Map<string, Promise<void>>();
  #stopped = false;

  constructor(scheduler: Scheduler, onFailure: (task: string, cause: unknown) => void) {
    this.#scheduler = scheduler;
    this.#onFailure = onFailure;
  }

  /** `everyMs` Infinity: never. */
  add(task: string, everyMs: number, run: () => Promise<void>): void {
    if (everyMs === Number.POSITIVE_INFINITY) return;
    const tick = () => {
      if (this.#stopped || this.#running.has(task)) return;
      const round = run()
        .catch((cause: unknown) => this.#onFailure(task, cause))
        .finally(() => this.#running.delete(task));
      this.#running.set(task, round);
    };
    this.#cancels.push(this.#scheduler.every(Math.min(everyMs, MAX_TIMER_MS), tick));
  }

  /** No round starts any more; resolves when those under way have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#cancels.splice(0)) cancel();
    await Promise.all(this.#running.values());
  }
}
