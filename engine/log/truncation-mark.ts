import { join } from 'node:path';
import type { FileSystem } from '../io/port.js';

/**
 * Present while a log is being cut. It is never synced: it tells the next process that this one was killed half-way,
 * and that the page cache may show the log shorter than it is on disk. After a power failure both are the same.
 */
const TRUNCATION_MARK_FILE = 'truncation.tmp';

export function isTruncationMark(name: string): boolean {
  return name === TRUNCATION_MARK_FILE;
}

export async function setTruncationMark(fs: FileSystem, directory: string): Promise<void> {
  const path = join(directory, TRUNCATION_MARK_FILE);
  if (fs.stat(path) !== null) return;
  const file = fs.openLog(path, { create: true, size: 0, maxBytes: 1 });
  await file.close();
}

export async function clearTruncationMark(fs: FileSystem, directory: string): Promise<void> {
  await fs.remove(join(directory, TRUNCATION_MARK_FILE));
}
