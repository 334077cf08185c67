import { NodeFiles } from './node-files.js';
import type { FileSystemUsage, LogFile, OpenLogOptions } from './port.js';
import { openPortableLog } from './portable-log-file.js';
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
    return openPortableLog(this.descriptors, path, options, this.#shared);
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
