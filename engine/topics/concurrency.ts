/** Longest that background work on many partitions holds the event loop before it lets others run. */
const SLICE_MS = 8;

/** Runs `work` on every item, at most `limit` at a time, in order of starting. Fails with the first failure. */
export async function forEachLimited<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const turns = new Turns();
  const worker = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) {
      await work(next.value);
      await turns.yieldIfDue();
    }
  };
  const workers: Promise<void>[] = [];
  for (let i = 0; i < limit; i += 1) workers.push(worker());
  await Promise.all(workers);
}

/** Cuts a long loop into slices, so that appends and timers get their turn. */
export class Turns {
  #since = performance.now();

  async yieldIfDue(): Promise<void> {
    if (performance.now() - this.#since < SLICE_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#since = performance.now();
  }
}
