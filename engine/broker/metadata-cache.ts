import { MetadataImage } from '../metadata/image.js';
import type { Timers } from '../timers.js';

interface Waiter {
  readonly holds: (image: MetadataImage) => boolean;
  readonly resolve: (held: boolean) => void;
  readonly cancel: () => void;
}

/** What this broker knows of the cluster: the latest image it has acted on. */
export class MetadataCache {
  readonly #timers: Timers;
  readonly #waiters = new Set<Waiter>();
  #image: MetadataImage = MetadataImage.EMPTY;
  #isClosed = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get image(): MetadataImage {
    return this.#image;
  }

  publish(image: MetadataImage): void {
    this.#image = image;
    for (const waiter of this.#waiters) {
      if (waiter.holds(image)) this.#settle(waiter, true);
    }
  }

  /** Resolves with true as soon as `holds` says yes to an image, with false after `timeoutMs`, at `close` or after it. */
  waitFor(holds: (image: MetadataImage) => boolean, timeoutMs: number): Promise<boolean> {
    if (holds(this.#image)) return Promise.resolve(true);
    if (this.#isClosed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        holds,
        resolve,
        cancel: this.#timers.after(timeoutMs, () => this.#settle(waiter, false)),
      };
      this.#waiters.add(waiter);
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const waiter of this.#waiters) this.#settle(waiter, false);
  }

  #settle(waiter: Waiter, held: boolean): void {
    this.#waiters.delete(waiter);
    waiter.cancel();
    waiter.resolve(held);
  }
}
