import { BenchError } from './target.js';

export interface Deadline {
  readonly limitMs: number;
  /** What is waited for, as the start of a sentence. */
  readonly what: string;
  readonly signal: AbortSignal | null;
}

/** Rejects with TIMED_OUT or INTERRUPTED, and leaves the work to itself then. */
export function withDeadline<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  const { limitMs, what, signal } = deadline;
  return new Promise((resolve, reject) => {
    const interrupt = (): void =>
      reject(new BenchError('INTERRUPTED', `${what}: the run was interrupted`));
    const timer = setTimeout(
      () => reject(new BenchError('TIMED_OUT', `${what} is not there after ${limitMs} ms`)),
      limitMs,
    );
    if (signal?.aborted) interrupt();
    signal?.addEventListener('abort', interrupt, { once: true });
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', interrupt);
    });
  });
}
