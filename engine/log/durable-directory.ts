import { dirname } from 'node:path';
import { isVarveError } from '../errors.js';
import type { FileSystem } from '../io/port.js';

/** Makes the directory and its missing parents, each entry durable: a synced file in a lost directory is lost. */
export async function makeDurableDirectory(fs: FileSystem, directory: string): Promise<void> {
  const missing: string[] = [];
  let at = directory;
  while (fs.stat(at) === null && dirname(at) !== at) {
    missing.push(at);
    at = dirname(at);
  }
  if (missing.length === 0) return;
  fs.makeDirectory(directory);
  for (const made of missing.reverse()) await fs.syncDirectory(dirname(made));
}

/**
 * Makes the entries of a directory and all its parents durable. For a directory that was not closed cleanly: the
 * process that made it may have been killed before it synced them, which nobody can see afterwards.
 */
export async function syncAncestors(fs: FileSystem, directory: string): Promise<void> {
  for (let at = directory; dirname(at) !== at; at = dirname(at)) {
    try {
      await fs.syncDirectory(dirname(at));
    } catch (error) {
      // A parent that may not even be opened for reading is not one that varve made.
      if (!isVarveError(error, 'READ_ONLY')) throw error;
      return;
    }
  }
}
