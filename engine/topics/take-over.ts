import { join } from 'node:path';
import {
  CLEANER_OFFSET_CHECKPOINT_FILE,
  LOG_START_OFFSET_CHECKPOINT_FILE,
  RECOVERY_POINT_CHECKPOINT_FILE,
} from '../format/offset-checkpoint.js';
import type { FileSystem } from '../io/port.js';
import { LOCK_FILE, OwnCheckpoints } from '../log/own-checkpoints.js';
import type { PartitionOffsets } from './directory-checkpoints.js';

/** What a partition that was opened on its own (`PartitionLog.open`) says of itself. */
export interface TakenOver {
  readonly isClean: boolean;
  /** Its own checkpoints; undefined where it had written none. */
  readonly offsets: PartitionOffsets | undefined;
}

/**
 * Looks whether a partition was opened on its own since the data directory was: then its own mark and checkpoints
 * hold, and those in the root do not. Null: it was not. Fails with DIRECTORY_LOCKED while another process or
 * thread has it open.
 */
export async function takeOver(fs: FileSystem, directory: string): Promise<TakenOver | null> {
  if (fs.stat(join(directory, LOCK_FILE)) === null) return null;
  const own = new OwnCheckpoints(fs, directory);
  try {
    const hasOffsets = fs.stat(join(directory, RECOVERY_POINT_CHECKPOINT_FILE)) !== null;
    const { clean, ...offsets } = await own.take();
    return {
      isClean: clean,
      offsets: hasOffsets ? offsets : undefined,
    };
  } finally {
    own.abandon();
  }
}

/** After the root's checkpoints hold them: the partition's own files go. The lock is last, it tells that they hold. */
export async function finishTakeOver(fs: FileSystem, directory: string): Promise<void> {
  await fs.remove(join(directory, RECOVERY_POINT_CHECKPOINT_FILE));
  await fs.remove(join(directory, LOG_START_OFFSET_CHECKPOINT_FILE));
  await fs.remove(join(directory, CLEANER_OFFSET_CHECKPOINT_FILE));
  await fs.syncDirectory(directory);
  await fs.remove(join(directory, LOCK_FILE));
  await fs.syncDirectory(directory);
}
