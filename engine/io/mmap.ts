import type { DescriptorCache } from './descriptors.js';
import type { Libc } from './libc.js';
import { MappedLogFile } from './mapped-log-file.js';
import { MappingBudget } from './mapping-budget.js';
import { NodeFiles } from './node-files.js';
import type { FileSystemUsage, LogFile, OpenLogOptions } from './port.js';
import { openSegmentFile } from './portable-log-file.js';
import { ReadBudget } from './read-budget.js';
import { ScratchPool } from './scratch.js';
import { PopulateSlots } from './write-space.js';

const READ_WINDOWS_BYTES = 32 * 1024 * 1024;

/** Memory-mapped log files, on Linux. */
export class MmapFileSystem extends NodeFiles {
  readonly kind = 'mmap';
  readonly #budget: MappingBudget;
  readonly #logs = new Set<MappedLogFile>();
  readonly #shared;

  constructor(
    descriptors: DescriptorCache,
    libc: Libc,
    options: {
      readonly maxMappings: number;
      readonly maxBytes: number;
      readonly preparesWhenIdle: boolean;
    },
  ) {
    super(descriptors);
    this.#budget = new MappingBudget(libc, options);
    this.#shared = {
      libc,
      budget: this.#budget,
      scratch: new ScratchPool(),
      reads: new ReadBudget(READ_WINDOWS_BYTES),
      slots: new PopulateSlots(),
      now: () => this.clock.monotonic(),
      idleMs: options.preparesWhenIdle ? () => performance.eventLoopUtilization().idle : () => 0,
      closed: (log: MappedLogFile) => this.#logs.delete(log),
    };
  }

  openLog(path: string, options: OpenLogOptions): LogFile {
    const { file, fileBytes } = openSegmentFile(this.descriptors, path, options);
    const log = new MappedLogFile(file, { ...options, fileBytes }, this.#shared);
    this.#logs.add(log);
    return log;
  }

  usage(): FileSystemUsage {
    let reservedBytes = 0;
    for (const log of this.#logs) reservedBytes += log.reservedBytes;
    return {
      openFiles: this.descriptors.openFiles,
      mappings: this.#budget.mappings,
      mappedBytes: this.#budget.bytes,
      reservedBytes,
    };
  }
}
