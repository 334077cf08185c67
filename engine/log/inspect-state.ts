import { basename, dirname, join, resolve } from 'node:path';
import { isVarveError } from '../errors.js';
import { CLEAN_SHUTDOWN_FILE } from '../format/clean-shutdown.js';
import {
  decodeOffsetCheckpoint,
  LOG_START_OFFSET_CHECKPOINT_FILE,
  type OffsetCheckpointEntry,
  RECOVERY_POINT_CHECKPOINT_FILE,
} from '../format/offset-checkpoint.js';
import { parsePartitionDirectoryName } from '../format/partition-directory-name.js';
import type { FileSystem } from '../io/port.js';
import { LOCK_FILE } from './own-checkpoints.js';

const MAX_CHECKPOINT_BYTES = 64 * 1024 * 1024;

/** What the checkpoints around a partition directory say. */
export interface LogClaims {
  /**
   * `clean`: the mark of a clean shutdown is there, every side file must be right. `unclean`: the log is in use or
   * was killed, and the next open rebuilds what lies above the recovery point. `unknown`: a directory on its own,
   * such as a copy.
   */
  readonly shutdown: 'clean' | 'unclean' | 'unknown';
  /** Directory of the checkpoints: the partition's own, the data directory above it, or null. */
  readonly checkpointDirectory: string | null;
  /** Null where there is none, or none that can be read. */
  readonly recoveryPoint: number | null;
  readonly logStartOffset: number | null;
}

/** Never fails because of what a checkpoint holds: verify looks at those files by themselves. */
export function readClaims(fs: FileSystem, path: string): LogClaims {
  const directory = resolve(path);
  const place = checkpointPlace(fs, directory);
  if (place === null) {
    return {
      shutdown: 'unknown',
      checkpointDirectory: null,
      recoveryPoint: null,
      logStartOffset: null,
    };
  }
  const isClean = fs.stat(join(place, CLEAN_SHUTDOWN_FILE)) !== null;
  const pick = (file: string) => offsetOf(readCheckpoint(fs, join(place, file)), directory, place);
  return {
    shutdown: isClean ? 'clean' : 'unclean',
    checkpointDirectory: place,
    recoveryPoint: pick(RECOVERY_POINT_CHECKPOINT_FILE),
    logStartOffset: pick(LOG_START_OFFSET_CHECKPOINT_FILE),
  };
}

function checkpointPlace(fs: FileSystem, directory: string): string | null {
  const marks = [RECOVERY_POINT_CHECKPOINT_FILE, CLEAN_SHUTDOWN_FILE, LOCK_FILE];
  if (marks.some((name) => fs.stat(join(directory, name)) !== null)) return directory;
  const above = dirname(directory);
  const isPartition = parsePartitionDirectoryName(basename(directory)) !== null;
  return isPartition && marks.some((name) => fs.stat(join(above, name)) !== null) ? above : null;
}

function offsetOf(
  entries: readonly OffsetCheckpointEntry[] | null,
  directory: string,
  place: string,
): number | null {
  if (entries === null) return null;
  if (place === directory) return entries[0]?.offset ?? null;
  const name = parsePartitionDirectoryName(basename(directory));
  const own = entries.find(
    ({ topic, partition }) => topic === name?.topic && partition === name.partition,
  );
  return own?.offset ?? null;
}

function readCheckpoint(fs: FileSystem, path: string): OffsetCheckpointEntry[] | null {
  try {
    const bytes = fs.readFile(path, { maxBytes: MAX_CHECKPOINT_BYTES });
    return bytes.length === 0 ? [] : decodeOffsetCheckpoint(bytes);
  } catch (error) {
    if (isVarveError(error, 'NOT_FOUND') || isVarveError(error, 'CORRUPT_CHECKPOINT')) return null;
    throw error;
  }
}
