import { join } from 'node:path';
import { VarveError } from '../errors.js';
import { parsePartitionDirectoryName } from '../format/partition-directory-name.js';
import { parseSegmentFileName, type SegmentFileName } from '../format/segment-file-name.js';
import type { FileSystem } from '../io/port.js';

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
