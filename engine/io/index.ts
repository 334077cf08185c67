import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VarveError } from '../errors.js';
import { DescriptorCache, defaultMaxOpenFiles } from './descriptors.js';
import { type Libc, loadLibc } from './libc.js';
import { MmapFileSystem } from './mmap.js';
import type { FileSystem } from './port.js';
import { PortableFileSystem } from './portable.js';

export interface FileSystemOptions {
  /**
   * `auto` (default) maps files where the machine can (Linux on x64 or arm64 with koffi's binding)
   * and uses positioned reads and writes elsewhere; `FileSystem.kind` says which it is. `mmap` fails
   * where mapping is not to be had.
   */
  readonly kind?: 'auto' | 'mmap' | 'portable';
  /** Address space for mappings that nobody looks at, in bytes. Default 16 GiB. */
  readonly maxMappedBytes?: number;
  /** Mappings, of 65,530 that Linux gives a process. Default 16,384. */
  readonly maxMappings?: number;
  /** Log files held open at a time; the others are opened again when used. Default: half of the process's limit. */
  readonly maxOpenFiles?: number;
  /**
   * `false`: nothing survives power loss. Writes reach the page cache and no further; a flush resolves at once, and
   * what promises to survive power loss survives the death of the process only. For files that are deleted afterwards.
   * Default true.
   */
  readonly syncs?: boolean;
  /**
   * Whether space for large appends is prepared on the thread pool while the event loop is idle. Then a burst of them
   * runs at the speed of memory; but preparing takes more of a processor than writing does. `false` where the event
   * loop is idle because it waits for programs that could use the processor (a broker). Default true.
   */
  readonly preparesWhenIdle?: boolean;
}

const DEFAULT_MAX_MAPPED_BYTES = 16 * 1024 ** 3;
const DEFAULT_MAX_MAPPINGS = 16_384;

/** The real file system: the only way the engine gets at files. */
export function openFileSystem(options: FileSystemOptions = {}): FileSystem {
  const kind = options.kind ?? 'auto';
  const maxOpenFiles = positive('maxOpenFiles', options.maxOpenFiles ?? defaultMaxOpenFiles());
  const descriptors = new DescriptorCache(maxOpenFiles, options.syncs ?? true);
  const limits = {
    maxBytes: positive('maxMappedBytes', options.maxMappedBytes ?? DEFAULT_MAX_MAPPED_BYTES),
    maxMappings: positive('maxMappings', options.maxMappings ?? DEFAULT_MAX_MAPPINGS),
  };
  if (kind !== 'auto' && kind !== 'mmap' && kind !== 'portable') {
    throw new VarveError('INVALID_CONFIG', `kind is ${kind}: it is auto, mmap or portable`);
  }
  if (kind !== 'portable') {
    const libc = workingLibc();
    if (!(libc instanceof Error)) {
      return new MmapFileSystem(descriptors, libc, {
        ...limits,
        preparesWhenIdle: options.preparesWhenIdle ?? true,
      });
    }
    if (kind === 'mmap') {
      throw new VarveError(
        'INVALID_CONFIG',
        `kind is mmap, but files cannot be mapped here (${libc.message}): use auto or portable`,
        { cause: libc },
      );
    }
  }
  return new PortableFileSystem(descriptors);
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new VarveError('INVALID_CONFIG', `${name} is ${value}: it is a whole number above 0`, {
    details: { name, value },
  });
}

let probed: Libc | Error | undefined;

/** The bindings once they have mapped a page of a real file and shown its bytes. */
function workingLibc(): Libc | Error {
  if (probed === undefined) {
    const libc = loadLibc();
    probed = libc instanceof Error ? libc : (probe(libc) ?? libc);
  }
  return probed;
}

function probe(libc: Libc): Error | null {
  let directory: string | undefined;
  try {
    directory = fs.mkdtempSync(join(tmpdir(), 'varve-probe-'));
    const path = join(directory, 'probe');
    fs.writeFileSync(path, Buffer.alloc(libc.pageBytes, 0x5a));
    const fd = fs.openSync(path, 'r+');
    try {
      const address = libc.mapShared(fd, 0, libc.pageBytes);
      const memory = new Uint8Array(libc.arrayBuffer(address, libc.pageBytes));
      const ok = memory[0] === 0x5a && libc.isResident(address);
      libc.unmap(address, libc.pageBytes);
      return ok ? null : new Error('a mapped page does not show the bytes of its file');
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    if (directory !== undefined) fs.rmSync(directory, { recursive: true, force: true });
  }
}
