import { join } from 'node:path';
import { lastOffset, sizeInBytes } from '../format/batch-header.js';
import { BATCH_OVERHEAD } from '../format/layout.js';
import {
  formatSegmentFileName,
  parseSegmentFileName,
  type SegmentFileName,
} from '../format/segment-file-name.js';
import type { FileSystem } from '../io/port.js';
import type { Segment } from './segment.js';
import { SEGMENT_SIDE_KINDS, segmentPath } from './segment-files.js';

/*
 * How compaction's output takes the place of what it was made from. A directory sync stands between any two
 * steps, so each of them is on disk, whole, before the next begins, in whatever order a file system writes names:
 *
 *   1  output written and synced         N.log.cleaned  N.index.cleaned ...
 *   2  renamed                           N.log.swap     N.index.swap ...     from here on the output counts
 *   3  sources out of the way            N.log.deleted  M.log.deleted ...    here the log in memory changes over
 *   4  the log file renamed into place   N.log
 *   5  then the files beside it          N.index ...
 *   6  sources deleted
 *
 * What a crash leaves, and what opening makes of it:
 *
 *   in step  it finds                          it
 *   1, 2     any `.cleaned` of N               deletes it, and every `.swap` from N on: the sources stay
 *   2, 3     `.log.swap`, some sources         deletes the sources, goes on with step 4
 *   4, 5     `.index.swap` and the like only   goes on with step 5: what is in place is the output's
 *   6        `.deleted`                        deletes it
 *
 * The log file goes first in steps 4 and 5 because of the last row but one: while it is a `.swap`, files beside
 * its place belong to a source and must go.
 */

/** Steps 2 to 5, once step 1 is on disk. `changeOver` runs in step 3, before anything else can. */
export async function swapIn(
  fs: FileSystem,
  directory: string,
  cleaned: Segment,
  changeOver: () => { readonly sourcePaths: readonly string[] },
): Promise<{ readonly deletedPaths: readonly string[] }> {
  cleaned.renameSides('swap');
  cleaned.renameLog('swap');
  await fs.syncDirectory(directory);
  const { sourcePaths } = changeOver();
  const deletedPaths: string[] = [];
  for (const path of sourcePaths) {
    if (fs.stat(path) === null) continue;
    fs.rename(path, `${path}.deleted`);
    deletedPaths.push(`${path}.deleted`);
  }
  await fs.syncDirectory(directory);
  cleaned.renameLog(null);
  await fs.syncDirectory(directory);
  cleaned.renameSides(null);
  await fs.syncDirectory(directory);
  return { deletedPaths };
}

/** Undoes step 1, and step 2 as long as the log file is a `.cleaned`: that one goes last. */
export async function removeCleaned(
  fs: FileSystem,
  directory: string,
  baseOffset: number,
): Promise<void> {
  const sides = (suffix: 'swap' | 'cleaned') =>
    SEGMENT_SIDE_KINDS.map((kind) => ({ baseOffset, kind, suffix }));
  await removeAll(fs, directory, [...sides('swap'), ...sides('cleaned')]);
  await removeAll(fs, directory, [{ baseOffset, kind: 'log', suffix: 'cleaned' }]);
}

/**
 * Finishes or undoes what a crash interrupted, by the table above, and can itself be interrupted anywhere.
 * Returns the names of deleted files. Kafka: LogLoader.load, first passes.
 */
export async function completeSwaps(fs: FileSystem, directory: string): Promise<string[]> {
  const files = segmentFiles(fs, directory);
  const lowestCleaned = Math.min(
    ...files.filter(({ suffix }) => suffix === 'cleaned').map(({ baseOffset }) => baseOffset),
    Number.POSITIVE_INFINITY,
  );
  const isUndone = (file: SegmentFileName) => file.baseOffset >= lowestCleaned;
  const swaps = files.filter((file) => file.suffix === 'swap' && !isUndone(file));
  const logs = swaps.filter(({ kind }) => kind === 'log');
  const ranges = logs.map(({ baseOffset }) => ({
    baseOffset,
    end: endOfSwap(fs, directory, baseOffset),
  }));
  const isReplaced = ({ kind, suffix, baseOffset: at }: SegmentFileName) =>
    suffix === null &&
    kind !== 'snapshot' &&
    ranges.some(({ baseOffset, end }) => at >= baseOffset && at < end);

  const deleted = [
    // Undone swaps before the `.cleaned` files that tell them from finished ones.
    ...(await removeAll(
      fs,
      directory,
      files.filter((f) => f.suffix === 'swap' && isUndone(f)),
    )),
    ...(await removeAll(
      fs,
      directory,
      files.filter((f) => f.suffix === 'cleaned' || f.suffix === 'deleted' || isReplaced(f)),
    )),
  ];
  const sides = swaps.filter(({ kind }) => kind !== 'log');
  for (const step of [logs, sides]) {
    for (const { baseOffset, kind } of step) {
      const place = segmentPath(directory, baseOffset, kind);
      fs.rename(segmentPath(directory, baseOffset, kind, 'swap'), place);
    }
    if (step.length > 0) await fs.syncDirectory(directory);
  }
  return deleted;
}

async function removeAll(
  fs: FileSystem,
  directory: string,
  files: readonly SegmentFileName[],
): Promise<string[]> {
  const names = files
    .map(formatSegmentFileName)
    .filter((name) => fs.stat(join(directory, name)) !== null);
  for (const name of names) await fs.remove(join(directory, name));
  if (names.length > 0) await fs.syncDirectory(directory);
  return names;
}

function segmentFiles(fs: FileSystem, directory: string): SegmentFileName[] {
  const files: SegmentFileName[] = [];
  for (const { name, isDirectory } of fs.list(directory)) {
    const file = isDirectory ? null : parseSegmentFileName(name);
    if (file !== null) files.push(file);
  }
  return files;
}

/** Offset after the swap's last batch: what it replaces begins below it. */
function endOfSwap(fs: FileSystem, directory: string, baseOffset: number): number {
  const path = segmentPath(directory, baseOffset, 'log', 'swap');
  const size = fs.stat(path)?.size ?? 0;
  const file = fs.openLog(path, { create: false, size, maxBytes: size, readOnly: true });
  let end = baseOffset + 1;
  try {
    for (let position = 0; position + BATCH_OVERHEAD <= size; ) {
      const window = file.window(position, BATCH_OVERHEAD);
      const bytes = sizeInBytes(window.view, position - window.start);
      if (bytes < BATCH_OVERHEAD) break;
      end = lastOffset(window.view, position - window.start) + 1;
      position += bytes;
    }
  } finally {
    void file.close({ keepReserved: true });
  }
  return end;
}
