/**
 * Groups appends by hand for stores that sync on each commit: everything that waits when a commit can
 * start goes into it, and the next one takes what came meanwhile. Without this, 64 writers would pay
 * 64 syncs where a store that groups by itself pays one, and the comparison would be unfair.
 */
export class GroupCommit {
  #commit;
  #values = [];
  #waiting = [];
  #running = false;

  /** @param {(values: Buffer[]) => void | Promise<void>} commit makes the values durable, in order */
  constructor(commit) {
    this.#commit = commit;
  }

  /** @param {Buffer} value @returns {Promise<void>} when the value is durable */
  append(value) {
    return new Promise((resolve, reject) => {
      this.#values.push(value);
      this.#waiting.push({ resolve, reject });
      if (this.#running) return;
      this.#running = true;
      // After this tick, so that all writers that are ready take part.
      setImmediate(() => void this.#run());
    });
  }

  async #run() {
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
