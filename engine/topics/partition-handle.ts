import { isVarveError, VarveError } from '../errors.js';
import type { PartitionName } from '../format/partition-directory-name.js';
import type { PartitionLog } from '../log/partition-log.js';

/** One partition of a data directory: its log, or why there is none. */
export class PartitionHandle implements PartitionName {
  readonly topic: string;
  readonly partition: number;
  readonly directory: string;
  #log: PartitionLog | null = null;
  #cause: unknown = null;
  /** The files are whole: they were closed cleanly before and nothing has touched them since. */
  isIntact = false;

  constructor(name: PartitionName, directory: string) {
    this.topic = name.topic;
    this.partition = name.partition;
    this.directory = directory;
  }

  get log(): PartitionLog | null {
    return this.#log;
  }

  /** Why the partition is offline (its log's poison included), or null. */
  get cause(): unknown {
    return this.#cause ?? this.#log?.poisoned ?? null;
  }

  opened(log: PartitionLog): void {
    this.#log = log;
  }

  /** A log that was open already must have been closed. */
  setAside(cause: unknown): void {
    this.#cause = cause;
    this.#log = null;
  }

  /** Fails with PARTITION_OFFLINE. A poisoned log is given: it serves reads and says itself why it refuses writes. */
  require(): PartitionLog {
    if (this.#log !== null) return this.#log;
    const { topic, partition, directory } = this;
    const cause = this.#cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VarveError(
      'PARTITION_OFFLINE',
      `partition ${partition} of ${topic} is set aside: ${why}. Its files are in ${directory}`,
      {
        cause,
        retriable: isVarveError(cause) && cause.retriable,
        details: { topic, partition, directory },
      },
    );
  }
}
