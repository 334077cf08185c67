import { basename, join } from 'node:path';
import { isVarveError, VarveError } from '../errors.js';
import { CLEAN_SHUTDOWN_FILE, encodeCleanShutdown } from '../format/clean-shutdown.js';
import {
  CLEANER_OFFSET_CHECKPOINT_FILE,
  decodeOffsetCheckpoint,
  encodeOffsetCheckpoint,
  LOG_START_OFFSET_CHECKPOINT_FILE,
  RECOVERY_POINT_CHECKPOINT_FILE,
} from '../format/offset-checkpoint.js';
import { parsePartitionDirectoryName } from '../format/partition-directory-name.js';
import type { DirectoryLock, FileSystem } from '../io/port.js';
import { syncAncestors } from './durable-directory.js';
import type { CheckpointedOffsets, LogCheckpoints, TakenCheckpoints } from './log-options.js';

const MAX_CHECKPOINT_BYTES = 1024 * 1024;
export const LOCK_FILE = '.lock';

/**
 * Checkpoints of a log that stands alone, in its own directory: the files a data directory has in its root.
 * Kafka passes over them in a partition directory, so it can still be moved under a broker.
 */
export class OwnCheckpoints implements LogCheckpoints {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #lock: DirectoryLock;
  /** As the file has it. */
  #cleanerOffset = 0;

  /** Takes the lock of a directory that is there. Fails with DIRECTORY_LOCKED. */
  constructor(fs: FileSystem, directory: string) {
    this.#fs = fs;
    this.#directory = directory;
    this.#lock = fs.lock(join(directory, LOCK_FILE));
  }

  async take(): Promise<TakenCheckpoints> {
    const mark = join(this.#directory, CLEAN_SHUTDOWN_FILE);
    const clean = this.#fs.stat(mark) !== null;
    const isNew = this.#fs.list(this.#directory).every(({ name }) => !name.endsWith('.log'));
    const recoveryPoint = this.#read(RECOVERY_POINT_CHECKPOINT_FILE);
    const logStartOffset = this.#read(LOG_START_OFFSET_CHECKPOINT_FILE);
    this.#cleanerOffset = this.#read(CLEANER_OFFSET_CHECKPOINT_FILE);
    if (!clean) await syncAncestors(this.#fs, this.#directory);
    if (clean) {
      await this.#fs.remove(mark);
      // Were the mark to come back after a power failure, what is appended now would go unchecked.
      await this.#fs.syncDirectory(this.#directory);
    }
    const cleanerOffset = this.#cleanerOffset;
    return { recoveryPoint, logStartOffset, cleanerOffset, clean: clean || isNew };
  }

  /** A damaged checkpoint is as good as none: recovery then starts from the first segment. */
  #read(name: string): number {
    try {
      const bytes = this.#fs.readFile(join(this.#directory, name), {
        maxBytes: MAX_CHECKPOINT_BYTES,
      });
      return decodeOffsetCheckpoint(bytes)[0]?.offset ?? 0;
    } catch (error) {
      if (isVarveError(error, 'NOT_FOUND') || isVarveError(error, 'CORRUPT_CHECKPOINT')) return 0;
      throw error;
    }
  }

  async write(state: CheckpointedOffsets): Promise<void> {
    const { cleanerOffset = 0 } = state;
    if (cleanerOffset !== this.#cleanerOffset) {
      await this.#write(CLEANER_OFFSET_CHECKPOINT_FILE, cleanerOffset);
      this.#cleanerOffset = cleanerOffset;
    }
    await this.#write(RECOVERY_POINT_CHECKPOINT_FILE, state.recoveryPoint);
    await this.#write(LOG_START_OFFSET_CHECKPOINT_FILE, state.logStartOffset);
  }

  #write(name: string, offset: number): Promise<void> {
    const { topic, partition } = parsePartitionDirectoryName(basename(this.#directory)) ?? {
      topic: 'log',
      partition: 0,
    };
    const bytes = encodeOffsetCheckpoint([{ topic, partition, offset }]);
    return this.#fs.writeFileAtomic(join(this.#directory, name), bytes);
  }

  async release(clean: boolean): Promise<void> {
    try {
      if (clean) {
        const bytes = encodeCleanShutdown({ brokerEpoch: -1 });
        await this.#fs.writeFileAtomic(join(this.#directory, CLEAN_SHUTDOWN_FILE), bytes);
      }
    } finally {
      this.#lock.release();
    }
  }

  /** Gives the lock back when opening failed. */
  abandon(): void {
    this.#lock.release();
  }
}

/** Fails where a running data directory has the partition open. */
export function requireNoOwner(fs: FileSystem, directory: string): void {
  const lock = join(directory, '..', LOCK_FILE);
  if (fs.stat(lock) === null) return;
  try {
    fs.lock(lock).release();
  } catch (error) {
    if (!isVarveError(error, 'DIRECTORY_LOCKED')) throw error;
    throw new VarveError(
      'DIRECTORY_LOCKED',
      `${directory} belongs to a data directory that is open: ${error.message}`,
      { cause: error, details: error.details },
    );
  }
}
