/**
 * Groups appends by hand for stores that sync on each commit: everything that waits when a commit can
 * start goes into it, and the next one takes what came meanwhile. Without this, 64 writers would pay
 * 64 syncs where a store that groups by itself pays one, and a comparison would be unfair.
 */
export class GroupCommit {
  readonly #commit: (values: Buffer[]) => void | Promise<void>;
  #values: Buffer[] = [];
  #waiting: { resolve: () => void; reject: (reason: unknown) => void }[] = [];
  #running = false;

  /** `commit` makes the values durable, in their order. */
  constructor(commit: (values: Buffer[]) => void | Promise<void>) {
    this.#commit = commit;
  }

  /** Resolves when the value is durable. */
  append(value: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#values.push(value);
      this.#waiting.push({ resolve, reject });
      if (this.#running) return;
      this.#running = true;
      // After this tick, so that all writers that are ready take part.
      setImmediate(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#values.length > 0) {
      const values = this.#values;
      const waiting = this.#waiting;
      this.#values = [];
      this.#waiting = [];
      try {
        await this.#commit(values);
        for (const { resolve } of waiting) resolve();
      } catch (error) {
        for (const { reject } of waiting) reject(error);
      }
      // Lets the writers just resolved append again before the next commit starts.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#running = false;
  }
}
