import type { Timers } from '../timers.js';

/** Pauses that end at once when it stops. */
export class Pauses {
  readonly #timers: Timers;
  readonly #endings = new Set<() => void>();
  #stopped = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  pause(ms: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        this.#endings.delete(end);
        cancel();
        resolve();
      };
      const cancel = this.#timers.after(ms, end);
      this.#endings.add(end);
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const end of this.#endings) end();
  }
}
