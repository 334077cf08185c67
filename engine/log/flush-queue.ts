import { VarveError } from '../errors.js';

/**
 * Group commit: every caller waiting when a sync starts shares it. At most one sync runs and one waits.
 *
 * The start is put off to the end of the current tick (`process.nextTick` runs after all pending promise
 * continuations), so that writers woken by one sync all append before the next one starts; without it, the
 * first writer would start a sync for itself alone and each record would cost two.
 */
export class FlushQueue {
  readonly #sync: () => Promise<void>;
  readonly #onFailure: (cause: unknown) => void;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(options: {
    /** Makes durable everything appended so far. Called with no other sync under way. */
    readonly sync: () => Promise<void>;
    /** Called once per failed sync, before its waiters are told. */
    readonly onFailure: (cause: unknown) => void;
  }) {
    this.#sync = options.sync;
    this.#onFailure = options.onFailure;
  }

  /** Resolves when everything appended before the call is durable. */
  flush(): Promise<void> {
    this.#next ??= this.#start(this.#running);
    return this.#next;
  }

  /** The sync under way: it covers what was appended before it began, and not all of what there is now. */
  get running(): Promise<void> | null {
    return this.#running;
  }

  /** Resolves, never rejects, when no sync runs or waits. */
  async idle(): Promise<void> {
    while (this.#running !== null || this.#next !== null) {
      await Promise.allSettled([this.#running, this.#next]);
    }
  }

  async #start(previous: Promise<void> | null): Promise<void> {
    await previous?.catch(() => undefined);
    await endOfTick();
    const current = this.#next;
    this.#next = null;
    this.#running = current;
    try {
      await this.#sync();
    } catch (cause) {
      this.#onFailure(cause);
      throw poisonedBy(cause);
    } finally {
      if (this.#running === current) this.#running = null;
    }
  }
}

function endOfTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** The error of a log whose sync or write failed: what it holds beyond the recovery point is unknown. */
export function poisonedBy(cause: unknown): VarveError {
  if (cause instanceof VarveError && cause.code === 'LOG_POISONED') return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new VarveError(
    'LOG_POISONED',
    `the log refuses writes because a write to disk failed: ${reason}; close it, mend the disk, and open it again (it will be recovered)`,
    { cause },
  );
}
