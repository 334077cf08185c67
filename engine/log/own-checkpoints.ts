import { basename, dirname, join, resolve } from 'node:path';
import { isVarveError, VarveError } from '../errors.js';
import { CLEAN_SHUTDOWN_FILE, encodeCleanShutdown } from '../format/clean-shutdown.js';
import {
  CLEANER_OFFSET_CHECKPOINT_FILE,
  decodeOffsetCheckpoint,
  encodeOffsetCheckpoint,
  LOG_START_OFFSET_CHECKPOINT_FILE,
  RECOVERY_POINT_CHECKPOINT_FILE,
} from '../format/offset-checkpoint.js';
import {
  type PartitionName,
  parsePartitionDirectoryName,
} from '../format/partition-directory-name.js';
import type { DirectoryLock, FileSystem } from '../io/port.js';
import { syncAncestors } from './durable-directory.js';
import type { CheckpointedOffsets, LogCheckpoints, TakenCheckpoints } from './log-options.js';

const MAX_CHECKPOINT_BYTES = 1024 * 1024;
/** How a directory that is not named after a partition appears in its own checkpoints. */
const NAMELESS: PartitionName = { topic: 'log', partition: 0 };
export const LOCK_FILE = '.lock';

/** What the three files say; null where one says nothing. */
interface KeptOffsets {
  readonly recoveryPoint: number | null;
  readonly logStartOffset: number | null;
  readonly cleanerOffset: number | null;
}

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
  #tookMark = false;

  /** Takes the lock of a directory that is there. Fails with DIRECTORY_LOCKED. */
  constructor(fs: FileSystem, directory: string) {
    this.#fs = fs;
    this.#directory = directory;
    this.#lock = fs.lock(join(directory, LOCK_FILE));
  }

  get #name(): PartitionName {
    return parsePartitionDirectoryName(basename(resolve(this.#directory))) ?? NAMELESS;
  }

  async take(): Promise<TakenCheckpoints> {
    const mark = join(this.#directory, CLEAN_SHUTDOWN_FILE);
    const clean = this.#fs.stat(mark) !== null;
    const isNew = this.#fs.list(this.#directory).every(({ name }) => !name.endsWith('.log'));
    const own = this.#readAll(this.#directory);
    const kept = own ?? this.#readAll(dirname(resolve(this.#directory)));
    this.#cleanerOffset = own?.cleanerOffset ?? 0;
    if (!clean) await syncAncestors(this.#fs, this.#directory);
    if (clean) {
      await this.#fs.remove(mark);
      this.#tookMark = true;
      // Were the mark to come back after a power failure, what is appended now would go unchecked.
      await this.#fs.syncDirectory(this.#directory);
    }
    // So that the next opening can tell a log that has just begun from one whose checkpoint is lost.
    if (isNew && kept === null) await this.write({ recoveryPoint: 0, logStartOffset: 0 });
    return {
      recoveryPoint: kept?.recoveryPoint ?? 0,
      logStartOffset: kept?.logStartOffset ?? 0,
      cleanerOffset: kept?.cleanerOffset ?? 0,
      clean: clean || isNew,
      isRecoveryPointKnown: isNew || typeof kept?.recoveryPoint === 'number',
    };
  }

  /**
   * What checkpoint files in a directory say of this partition: its own, or those of the data directory that it lies
   * in and that is not open. Null where they say nothing; a damaged one is as good as none.
   */
  #readAll(directory: string): KeptOffsets | null {
    const kept: KeptOffsets = {
      recoveryPoint: this.#read(directory, RECOVERY_POINT_CHECKPOINT_FILE),
      logStartOffset: this.#read(directory, LOG_START_OFFSET_CHECKPOINT_FILE),
      cleanerOffset: this.#read(directory, CLEANER_OFFSET_CHECKPOINT_FILE),
    };
    return Object.values(kept).every((offset) => offset === null) ? null : kept;
  }

  #read(directory: string, name: string): number | null {
    const { topic, partition } = this.#name;
    try {
      const bytes = this.#fs.readFile(join(directory, name), { maxBytes: MAX_CHECKPOINT_BYTES });
      const entries = decodeOffsetCheckpoint(bytes, name);
      // In its own directory there is nothing else, and the directory may have been renamed.
      const entry =
        directory === this.#directory
          ? entries[0]
          : entries.find((one) => one.topic === topic && one.partition === partition);
      return entry?.offset ?? null;
    } catch (error) {
      if (isVarveError(error, 'NOT_FOUND') || isVarveError(error, 'CORRUPT_CHECKPOINT'))
        return null;
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
    const { topic, partition } = this.#name;
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

  /** After a failed opening, which has changed nothing: the log is as clean as it was. */
  giveBack(): Promise<void> {
    return this.release(this.#tookMark);
  }

  /** Gives the lock back. */
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
