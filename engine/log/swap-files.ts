import { lastOffset, sizeInBytes } from '../format/batch-header.js';
import { BATCH_OVERHEAD } from '../format/layout.js';
import { parseSegmentFileName, type SegmentFileName } from '../format/segment-file-name.js';
import type { FileSystem } from '../io/port.js';
import { segmentPath } from './segment-files.js';

/**
 * Finishes or undoes a compaction that a crash interrupted. Its output is written as `.cleaned`, renamed to
 * `.swap` when complete, and renamed into place once what it replaces is out of the way. So `.cleaned` files, and
 * swaps at or above the lowest of them (their group was not complete), are thrown away; a remaining `.swap` takes
 * the place of the segments in its range. Returns the names of deleted files. Kafka: LogLoader.load, first passes.
 */
export async function completeSwaps(fs: FileSystem, directory: string): Promise<string[]> {
  const files = segmentFiles(fs, directory);
  const lowestCleaned = Math.min(
    ...files.filter(({ suffix }) => suffix === 'cleaned').map(({ baseOffset }) => baseOffset),
    Number.POSITIVE_INFINITY,
  );
  const doomed = files.filter(
    ({ suffix, baseOffset }) =>
      suffix === 'deleted' ||
      suffix === 'cleaned' ||
      (suffix === 'swap' && baseOffset >= lowestCleaned),
  );
  const swaps = files.filter(
    ({ suffix, baseOffset }) => suffix === 'swap' && baseOffset < lowestCleaned,
  );
  for (const swap of swaps) {
    if (swap.kind !== 'log') continue;
    const path = segmentPath(directory, swap.baseOffset, 'log', 'swap');
    const end = endOfSwap(fs, path, swap.baseOffset);
    for (const file of files) {
      const isReplaced = file.baseOffset >= swap.baseOffset && file.baseOffset < end;
      if (file.suffix === null && file.kind !== 'snapshot' && isReplaced) doomed.push(file);
    }
  }
  const deleted: string[] = [];
  for (const { baseOffset, kind, suffix } of doomed) {
    const path = segmentPath(directory, baseOffset, kind, suffix);
    await fs.remove(path);
    deleted.push(path.slice(directory.length + 1));
  }
  // Side files first: a `.log` in place without its indexes would merely be reindexed, the reverse is an orphan.
  const logsLast = [...swaps].sort((a, b) => Number(a.kind === 'log') - Number(b.kind === 'log'));
  for (const { baseOffset, kind } of logsLast) {
    fs.rename(
      segmentPath(directory, baseOffset, kind, 'swap'),
      segmentPath(directory, baseOffset, kind),
    );
  }
  if (deleted.length > 0 || swaps.length > 0) await fs.syncDirectory(directory);
  return deleted;
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
function endOfSwap(fs: FileSystem, path: string, baseOffset: number): number {
  const size = fs.stat(path)?.size ?? 0;
  const file = fs.openLog(path, { create: false, size, maxBytes: size, readOnly: true });
  let end = baseOffset + 1;
  for (let position = 0; position + BATCH_OVERHEAD <= size; ) {
    const window = file.window(position, BATCH_OVERHEAD);
    const bytes = sizeInBytes(window.view, position - window.start);
    if (bytes < BATCH_OVERHEAD) break;
    end = lastOffset(window.view, position - window.start) + 1;
    position += bytes;
  }
  void file.close({ keepReserved: true });
  return end;
}
