import { dirname } from 'node:path';
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
