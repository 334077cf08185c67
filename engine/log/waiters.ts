import { VarveError } from '../errors.js';

interface Waiter {
  readonly offset: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Readers waiting for the log to grow past an offset. Costs the appender one comparison while nobody waits. */
export class Waiters {
  #waiting = new Set<Waiter>();
  /** Lowest offset waited for; Infinity when nobody waits. */
  lowest = Number.POSITIVE_INFINITY;

  /** Resolves when `wake` is called with an offset above `offset`; rejects ABORTED or with the reason of `fail`. */
  wait(offset: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(aborted(signal));
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#remove(waiter);
        reject(aborted(signal!));
      };
      const waiter: Waiter = {
        offset,
        resolve: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiter);
      if (offset < this.lowest) this.lowest = offset;
    });
  }

  /** Tells that offsets below `end` can be read. */
  wake(end: number): void {
    let lowest = Number.POSITIVE_INFINITY;
    for (const waiter of this.#waiting) {
      if (waiter.offset < end) {
        this.#waiting.delete(waiter);
        waiter.resolve();
      } else if (waiter.offset < lowest) lowest = waiter.offset;
    }
    this.lowest = lowest;
  }

  fail(error: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    this.lowest = Number.POSITIVE_INFINITY;
    for (const waiter of waiting) waiter.reject(error);
  }

  #remove(waiter: Waiter): void {
    this.#waiting.delete(waiter);
    this.lowest = Number.POSITIVE_INFINITY;
    for (const { offset } of this.#waiting) if (offset < this.lowest) this.lowest = offset;
  }
}

function aborted(signal: AbortSignal): VarveError {
  return new VarveError('ABORTED', 'waiting was aborted by its signal', { cause: signal.reason });
}
