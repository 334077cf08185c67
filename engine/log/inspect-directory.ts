import { basename, dirname, join } from 'node:path';
import { isVarveError, VarveError } from '../errors.js';
import {
  decodeOffsetCheckpoint,
  LOG_START_OFFSET_CHECKPOINT_FILE,
} from '../format/offset-checkpoint.js';
import { parsePartitionDirectoryName } from '../format/partition-directory-name.js';
import { parseSegmentFileName, type SegmentFileName } from '../format/segment-file-name.js';
import type { FileSystem } from '../io/port.js';

const MAX_CHECKPOINT_BYTES = 64 * 1024 * 1024;

/** What a path turned out to be. */
export type InspectTarget =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'partition'; readonly directory: string }
  | {
      readonly kind: 'data-directory';
      readonly directory: string;
      /** Partition directories, by name. */
      readonly partitions: readonly string[];
      /** Plain files in the root. */
      readonly files: readonly string[];
    };

/** A partition directory's files, sorted out by name alone. */
export interface PartitionFiles {
  readonly directory: string;
  /** Base offsets of the `.log` files, ascending. */
  readonly bases: readonly number[];
  /** Segment files without a suffix, by base offset and kind. */
  readonly files: readonly (SegmentFileName & { readonly name: string })[];
  /** Leftovers: `.deleted`, `.cleaned`, `.swap`. */
  readonly leftovers: readonly string[];
  /** Everything else. */
  readonly others: readonly string[];
}

/** Fails with NOT_FOUND where nothing is there, or nothing that belongs to a log. */
export function findTarget(fs: FileSystem, path: string): InspectTarget {
  const stat = fs.stat(path);
  if (stat === null)
    throw new VarveError('NOT_FOUND', `${path}: there is no such file or directory`);
  if (!stat.isDirectory) return { kind: 'file', path };
  const entries = fs.list(path);
  const isPartition = entries.some(
    ({ name, isDirectory }) => !isDirectory && parseSegmentFileName(name) !== null,
  );
  if (isPartition) return { kind: 'partition', directory: path };
  const partitions = entries
    .filter(({ name, isDirectory }) => isDirectory && parsePartitionDirectoryName(name) !== null)
    .map(({ name }) => join(path, name))
    .sort();
  if (partitions.length === 0) {
    throw new VarveError(
      'NOT_FOUND',
      `${path}: neither a partition directory (it has no segment files) nor a data directory (it has no TOPIC-N directories)`,
      { details: { path } },
    );
  }
  const files = entries.filter(({ isDirectory }) => !isDirectory).map(({ name }) => name);
  return { kind: 'data-directory', directory: path, partitions, files: files.sort() };
}

export function listPartition(fs: FileSystem, directory: string): PartitionFiles {
  const bases: number[] = [];
  const files: (SegmentFileName & { name: string })[] = [];
  const leftovers: string[] = [];
  const others: string[] = [];
  for (const { name, isDirectory } of fs.list(directory)) {
    const file = isDirectory ? null : parseSegmentFileName(name);
    if (file === null) {
      others.push(name);
    } else if (file.suffix !== null) {
      leftovers.push(name);
    } else {
      files.push({ ...file, name });
      if (file.kind === 'log') bases.push(file.baseOffset);
    }
  }
  bases.sort((a, b) => a - b);
  files.sort((a, b) => a.baseOffset - b.baseOffset);
  return { directory, bases, files, leftovers: leftovers.sort(), others: others.sort() };
}

/**
 * Earliest readable offset by the checkpoints, which stand in the directory itself (a log alone) or in the data
 * directory above it; 0 where neither says anything.
 */
export function checkpointedLogStart(fs: FileSystem, directory: string): number {
  const own = readCheckpoint(fs, join(directory, LOG_START_OFFSET_CHECKPOINT_FILE));
  const start = own?.[0]?.offset ?? 0;
  const name = parsePartitionDirectoryName(basename(directory));
  if (name === null || own !== null) return start;
  const all = readCheckpoint(fs, join(dirname(directory), LOG_START_OFFSET_CHECKPOINT_FILE)) ?? [];
  const entry = all.find(
    ({ topic, partition }) => topic === name.topic && partition === name.partition,
  );
  return entry?.offset ?? 0;
}

/** Null where it is missing or damaged: verify is who reports that. */
function readCheckpoint(fs: FileSystem, path: string) {
  try {
    return decodeOffsetCheckpoint(fs.readFile(path, { maxBytes: MAX_CHECKPOINT_BYTES }));
  } catch (error) {
    if (isVarveError(error, 'NOT_FOUND') || isVarveError(error, 'CORRUPT_CHECKPOINT')) return null;
    throw error;
  }
}
