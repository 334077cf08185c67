import type { HighWatermarkEntry, LogProvider } from './ports.js';
import type { ReplicaTable } from './replica-table.js';

/**
 * Saves high watermarks now and then, so that a broker starts again near where it was: below it lies what was
 * committed for certain. Kafka: replication-offset-checkpoint.
 */
export class HighWatermarkCheckpoint {
  readonly #logs: LogProvider;
  readonly #replicas: ReplicaTable;
  #saved = new Map<string, number>();
  #running: Promise<void> | null = null;

  constructor(logs: LogProvider, replicas: ReplicaTable) {
    this.#logs = logs;
    this.#replicas = replicas;
    this.#saved = new Map(logs.highWatermarks());
  }

  /** Where a log that was just opened continues. */
  initial(
    topic: string,
    partition: number,
    log: { logStartOffset: number; logEndOffset: number },
  ): number {
    const saved = this.#saved.get(`${topic}-${partition}`) ?? 0;
    return Math.max(log.logStartOffset, Math.min(saved, log.logEndOffset));
  }

  /** Nothing is written when nothing has moved. Calls during a save share the next one's outcome. */
  async save(): Promise<void> {
    if (this.#running !== null) await this.#running.catch(() => undefined);
    this.#running ??= this.#save().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #save(): Promise<void> {
    const entries: HighWatermarkEntry[] = [];
    const marks = new Map<string, number>();
    let hasMoved = false;
    for (const { topic, partition, log } of this.#replicas) {
      const key = `${topic}-${partition}`;
      // One whose log is not open keeps what was saved.
      const offset = log?.highWatermark ?? this.#saved.get(key);
      if (offset === undefined) continue;
      entries.push({ topic, partition, offset });
      marks.set(key, offset);
      if (this.#saved.get(key) !== offset) hasMoved = true;
    }
    if (!hasMoved && marks.size === this.#saved.size) return;
    await this.#logs.saveHighWatermarks(entries);
    this.#saved = marks;
  }
}
