import { openFileSystem } from '../../engine/io/index.js';
import type { FileSystem } from '../../engine/io/port.js';

let files: FileSystem | null = null;

/** For looking at directories that others may own: plain reads, which survive a file being cut under them. */
export function inspectionFiles(): FileSystem {
  files ??= openFileSystem({ kind: 'portable' });
  return files;
}
