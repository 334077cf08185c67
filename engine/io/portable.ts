import { NodeFiles } from './node-files.js';
import type { FileSystemUsage, LogFile, OpenLogOptions } from './port.js';
import { openSegmentFile, PortableLogFile } from './portable-log-file.js';
import { ReadBudget } from './read-budget.js';
import { ScratchPool } from './scratch.js';

const READ_WINDOWS_BYTES = 32 * 1024 * 1024;

/** Positioned reads and writes, on every platform; reserves nothing and maps nothing. */
export class PortableFileSystem extends NodeFiles {
  readonly kind = 'portable';
  readonly #shared = {
    scratch: new ScratchPool(),
    reads: new ReadBudget(READ_WINDOWS_BYTES),
  };

  openLog(path: string, options: OpenLogOptions): LogFile {
    const { file, fileBytes } = openSegmentFile(this.descriptors, path, options);
    return new PortableLogFile(file, { ...options, fileBytes }, this.#shared);
  }

  usage(): FileSystemUsage {
    return {
      openFiles: this.descriptors.openFiles,
      mappings: 0,
      mappedBytes: 0,
      reservedBytes: 0,
    };
  }
}
