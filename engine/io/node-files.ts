import fs from 'node:fs';
import fsp from 'node:fs/promises';
import { dirname } from 'node:path';
import { VarveError } from '../errors.js';
import { fdatasync, fsync, readFully, writeFullyAsync } from './descriptor-io.js';
import type { DescriptorCache } from './descriptors.js';
import { errnoName, ioError } from './io-error.js';
import { lockDirectory } from './lock.js';
import type {
  Clock,
  DirectoryEntry,
  DirectoryLock,
  FileStat,
  FileSystem,
  FileSystemUsage,
  LogFile,
  OpenLogOptions,
} from './port.js';

const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** What both real implementations share: whole files, directories, locks and the clock. */
export abstract class NodeFiles implements FileSystem {
  abstract readonly kind: 'mmap' | 'portable';
  readonly clock: Clock = systemClock;
  protected readonly descriptors: DescriptorCache;

  constructor(descriptors: DescriptorCache) {
    this.descriptors = descriptors;
  }

  abstract openLog(path: string, options: OpenLogOptions): LogFile;
  abstract usage(): FileSystemUsage;

  readFile(path: string, options: { readonly maxBytes: number }): Buffer {
    return this.#sync('readFile', path, () => {
      const fd = this.descriptors.withRoom(() => fs.openSync(path, 'r'));
      try {
        const { size } = fs.fstatSync(fd);
        // One byte more than the size tells a file that grows while it is read.
        const content = Buffer.allocUnsafe(Math.min(size, options.maxBytes) + 1);
        const bytes = readFully(fd, content, 0);
        if (bytes > options.maxBytes || size > options.maxBytes) {
          throw new VarveError(
            'IO_FAILED',
            `readFile failed on ${path}: ${size} bytes, at most ${options.maxBytes} are expected`,
            { details: { path, operation: 'readFile', size, maxBytes: options.maxBytes } },
          );
        }
        return content.subarray(0, bytes);
      } finally {
        fs.closeSync(fd);
      }
    });
  }

  writeFile(path: string, data: Uint8Array): Promise<void> {
    return this.#async('writeFile', path, () => this.#writeAndSync(path, data));
  }

  writeFileAtomic(path: string, data: Uint8Array): Promise<void> {
    return this.#async('writeFileAtomic', path, async () => {
      const temporary = `${path}.tmp`;
      try {
        await this.#writeAndSync(temporary, data);
        await fsp.rename(temporary, path);
      } catch (error) {
        await fsp.rm(temporary, { force: true }).catch(() => undefined);
        throw error;
      }
      await this.syncDirectory(dirname(path));
    });
  }

  async #writeAndSync(path: string, data: Uint8Array): Promise<void> {
    await this.#withDescriptor(path, 'w', async (fd) => {
      await writeFullyAsync(fd, data);
      if (this.descriptors.syncs) await fdatasync(fd);
    });
  }

  async #withDescriptor(
    path: string,
    flags: string,
    run: (fd: number) => Promise<void>,
  ): Promise<void> {
    const fd = this.descriptors.withRoom(() => fs.openSync(path, flags));
    try {
      await run(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  list(directory: string): DirectoryEntry[] {
    return this.#sync('list', directory, () =>
      this.descriptors
        .withRoom(() => fs.readdirSync(directory, { withFileTypes: true }))
        .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() })),
    );
  }

  stat(path: string): FileStat | null {
    return this.#sync('stat', path, () => {
      const stat = fs.statSync(path, { throwIfNoEntry: false });
      if (stat === undefined) return null;
      return { size: stat.size, modifiedMs: stat.mtimeMs, isDirectory: stat.isDirectory() };
    });
  }

  makeDirectory(path: string): void {
    this.#sync('makeDirectory', path, () => {
      try {
        fs.mkdirSync(path, { recursive: true });
      } catch (error) {
        // Node says ENOENT for a read-only file system when asked for parents too.
        if (errnoName(error) === 'ENOENT') fs.mkdirSync(path);
        throw error;
      }
    });
  }

  rename(from: string, to: string): void {
    this.#sync('rename', from, () => fs.renameSync(from, to));
    this.descriptors.renamed(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#async('remove', path, () => fsp.rm(path, { force: true }));
  }

  removeDirectory(path: string): Promise<void> {
    return this.#async('removeDirectory', path, () =>
      fsp.rm(path, { recursive: true, force: true }),
    );
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#async('syncDirectory', directory, async () => {
      // Windows cannot open a directory to sync it; its file systems journal names themselves.
      if (process.platform === 'win32') return;
      await this.#withDescriptor(directory, 'r', async (fd) => {
        if (this.descriptors.syncs) await fsync(fd);
      });
    });
  }

  setModifiedTime(path: string, timeMs: number): void {
    this.#sync('setModifiedTime', path, () => fs.utimesSync(path, timeMs / 1000, timeMs / 1000));
  }

  lock(path: string): DirectoryLock {
    return this.#sync('lock', path, () => this.descriptors.withRoom(() => lockDirectory(path)));
  }

  #sync<T>(operation: string, path: string, run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw ioError(error, operation, path);
    }
  }

  async #async<T>(operation: string, path: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw ioError(error, operation, path);
    }
  }
}
