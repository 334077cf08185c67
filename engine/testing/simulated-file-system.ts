import { assert } from '../assert.js';
import { VarveError } from '../errors.js';
import type {
  Clock,
  DirectoryEntry,
  DirectoryLock,
  FileStat,
  FileSystem,
  FileSystemUsage,
  LogFile,
  OpenLogOptions,
} from '../io/port.js';
import { type Faults, type SimulatedCrash, systemError } from './faults.js';
import { Directory, type Disk, normalized } from './simulated-disk.js';
import { FileContent } from './simulated-file-content.js';
import { SimulatedLogFile } from './simulated-log-file.js';
import { type CrashOptions, Machine, type SimulationOptions } from './simulated-machine.js';
import { replaceFile, syncNames, writeWholeFile } from './simulated-whole-files.js';

export type { CrashOptions, SimulationOptions } from './simulated-machine.js';

/** Every file below the root, by absolute path. */
export type Snapshot = ReadonlyMap<string, Buffer>;

/** A machine with one disk, in memory. The fault model is in `README.md` beside this file. */
export class SimulatedFileSystem implements FileSystem {
  readonly kind = 'simulated';
  readonly clock: Clock;
  /** Of this machine; a machine after a crash has another one, derived from it. */
  readonly seed: number;
  /** Plant and clear faults here while the simulation runs. */
  readonly faults: Faults;
  readonly #machine: Machine;
  readonly #disk: Disk;
  readonly #locks = new Map<string, { readonly sinceMs: number }>();
  readonly #replacing = new Set<string>();

  /** The disk is empty and the root directory durable. `disk` is for `powerFail` and `kill` only. */
  constructor(options: SimulationOptions, disk?: Disk) {
    this.#machine = new Machine(options, disk);
    this.#disk = this.#machine.disk;
    this.clock = this.#machine.clock;
    this.seed = this.#machine.seed;
    this.faults = this.#machine.faults;
  }

  openLog(path: string, options: OpenLogOptions): LogFile {
    assert(!(options.create && options.readOnly), 'a file to create is not read-only');
    assert(!options.create || options.size === 0, 'a created file starts empty');
    this.#machine.begin('openLog', path);
    const content = options.create
      ? this.#create(path)
      : this.#existing(path, { size: options.size });
    const file = new SimulatedLogFile(this.#machine, content, path, options);
    this.#machine.open.add(file);
    return file;
  }

  readFile(path: string, options: { readonly maxBytes: number }): Buffer {
    this.#machine.begin('readFile', path);
    const file = this.#disk.findFile(path, 'readFile');
    if (file.length > options.maxBytes) {
      throw new VarveError(
        'IO_FAILED',
        `readFile failed on ${path}: ${file.length} bytes, at most ${options.maxBytes} are expected`,
        { details: { path, operation: 'readFile', size: file.length, maxBytes: options.maxBytes } },
      );
    }
    return file.read(0, file.length);
  }

  async writeFile(path: string, data: Uint8Array): Promise<void> {
    this.#machine.assertUp();
    const as = { operation: 'writeFile', target: path } as const;
    await writeWholeFile(this.#machine, path, Buffer.from(data), as);
  }

  async writeFileAtomic(path: string, data: Uint8Array): Promise<void> {
    this.#machine.assertUp();
    const key = normalized(path);
    assert(!this.#replacing.has(key), `calls of writeFileAtomic for one path overlap: ${path}`);
    this.#replacing.add(key);
    try {
      await replaceFile(this.#machine, path, Buffer.from(data));
    } finally {
      this.#replacing.delete(key);
    }
  }

  list(directory: string): DirectoryEntry[] {
    this.#machine.begin('list', directory);
    const { entries } = this.#disk.findDirectory(directory, 'list');
    const list = [...entries].map(([name, node]) => ({
      name,
      isDirectory: node instanceof Directory,
    }));
    return this.#machine.random.shuffle(list);
  }

  stat(path: string): FileStat | null {
    this.#machine.begin('stat', path);
    const node = this.#disk.find(path);
    if (node === null) return null;
    const isDirectory = node instanceof Directory;
    return { size: isDirectory ? 4096 : node.length, modifiedMs: node.modifiedMs, isDirectory };
  }

  makeDirectory(path: string): void {
    this.#machine.begin('makeDirectory', path);
    const names = normalized(path).split('/').filter(Boolean);
    let directory = this.#disk.root;
    for (const [depth, name] of names.entries()) {
      let next = directory.entries.get(name);
      if (next === undefined) {
        this.#machine.step('makeDirectory', path);
        next = new Directory(this.clock.now());
        this.#disk.link({ directory, name }, next);
      }
      if (!(next instanceof Directory)) {
        const errno = depth === names.length - 1 ? 'EEXIST' : 'ENOTDIR';
        throw systemError(errno, 'makeDirectory', path);
      }
      directory = next;
    }
  }

  rename(from: string, to: string): void {
    this.#machine.begin('rename', from);
    const source = this.#disk.place(from, 'rename');
    const target = this.#disk.place(to, 'rename');
    const refusal = this.#disk.refusesMove(source, target);
    if (refusal !== null) throw systemError(refusal, 'rename', from);
    const [oldPath, newPath] = [normalized(from), normalized(to)];
    if (oldPath === newPath) return;
    this.#machine.step('rename', from);
    this.#disk.move(source, target);
    for (const file of this.#machine.open) {
      const path = normalized(file.path);
      if (path === oldPath) file.path = to;
      else if (path.startsWith(`${oldPath}/`)) file.path = newPath + path.slice(oldPath.length);
    }
  }

  async remove(path: string): Promise<void> {
    this.#machine.begin('remove', path);
    await this.#machine.wait('remove', path);
    const node = this.#disk.find(path);
    if (node instanceof Directory) throw systemError('EISDIR', 'remove', path);
    if (node === null) return;
    this.#machine.step('remove', path);
    this.#disk.unlink(this.#disk.place(path, 'remove'));
    await this.#machine.wait('remove', path, 'after');
  }

  async removeDirectory(path: string): Promise<void> {
    this.#machine.begin('removeDirectory', path);
    await this.#machine.wait('removeDirectory', path);
    const node = this.#disk.find(path);
    if (node === null) return;
    if (node instanceof Directory) {
      for (const name of [...node.entries.keys()]) await this.removeDirectory(`${path}/${name}`);
    }
    this.#machine.step('removeDirectory', path);
    this.#disk.unlink(this.#disk.place(path, 'removeDirectory'));
  }

  async syncDirectory(directory: string): Promise<void> {
    this.#machine.assertUp();
    await syncNames(this.#machine, directory, { operation: 'syncDirectory', path: directory });
  }

  setModifiedTime(path: string, timeMs: number): void {
    this.#machine.begin('setModifiedTime', path);
    const node = this.#disk.find(path);
    if (node === null) throw systemError('ENOENT', 'setModifiedTime', path);
    this.#machine.step('setModifiedTime', path);
    node.modifiedMs = timeMs;
  }

  lock(path: string): DirectoryLock {
    this.#machine.begin('lock', path);
    const place = this.#disk.place(path, 'lock');
    const key = normalized(path);
    const held = this.#locks.get(key);
    if (held !== undefined) throw lockedError(path, held.sinceMs);
    if (place.directory.entries.has(place.name)) {
      this.#disk.findFile(path, 'lock');
    } else {
      this.#machine.step('lock', path);
      this.#disk.link(place, new FileContent(this.clock.now()));
    }
    const mine = { sinceMs: this.clock.now() };
    this.#locks.set(key, mine);
    return {
      path,
      release: () => {
        if (this.#locks.get(key) === mine) this.#locks.delete(key);
      },
    };
  }

  usage(): FileSystemUsage {
    let [mappings, mappedBytes, reservedBytes] = [0, 0, 0];
    for (const file of this.#machine.open) {
      mappings += file.mappings;
      mappedBytes += file.mappedBytes;
      reservedBytes += file.reservedBytes;
    }
    return { openFiles: this.#machine.open.size, mappings, mappedBytes, reservedBytes };
  }

  /** Steps that changed something so far: the crash points for `crashAtStep`. */
  get steps(): number {
    return this.#machine.steps;
  }

  /** Why the machine is down, or null. */
  get down(): SimulatedCrash | null {
    return this.#machine.down;
  }

  /** Bytes of disk in use, in whole pages, reserved space and open deleted files included. */
  get usedBytes(): number {
    return this.#disk.usedBytes;
  }

  get capacityBytes(): number {
    return this.#disk.capacityBytes;
  }

  /** The disk grows, or somebody else fills it. */
  set capacityBytes(bytes: number) {
    this.#disk.capacityBytes = bytes;
  }

  /**
   * Cuts the power and returns the machine after its reboot; from now on this one throws
   * `SimulatedCrash`. May be called again, also after a planned crash or a `kill`: each call gives
   * another outcome of the same moment.
   */
  powerFail(options: CrashOptions = {}): SimulatedFileSystem {
    const reboot = this.#machine.powerFail(options);
    return new SimulatedFileSystem(reboot.options, reboot.disk);
  }

  /**
   * Kills the process (kill -9) and returns the same machine for the next one: page cache and disk as
   * they were, locks free, and of bytes written into `buffer` but not committed nothing, all or a torn
   * part behind the data. May be called again like `powerFail`.
   */
  kill(options: Omit<CrashOptions, 'outcome'> = {}): SimulatedFileSystem {
    const reboot = this.#machine.kill(options);
    return new SimulatedFileSystem(reboot.options, reboot.disk);
  }

  /** Every file as a process sees it now, in its whole length. Works on a machine that is down. */
  snapshot(): Snapshot {
    return this.#disk.collect(
      (directory) => directory.entries,
      (file) => file.read(0, file.length),
    );
  }

  /** What survives in any case: only durable names, and of each file the durable bytes. */
  durableSnapshot(): Snapshot {
    return this.#disk.collect(
      (directory) => directory.durable,
      (file) => file.readDurable(),
    );
  }

  /** Puts a file there, durable with its name and directories: a test's starting point, not a step. */
  install(path: string, data: Uint8Array): void {
    this.#disk.install(path, data, this.clock.now());
  }

  /** A file's bytes in memory and on disk, for the damage in `damage.ts`. Fails with NOT_FOUND. */
  contentOf(path: string): FileContent {
    return this.#disk.findFile(path, 'stat');
  }

  #create(path: string): FileContent {
    const place = this.#disk.place(path, 'openLog');
    if (place.directory.entries.has(place.name)) throw systemError('EEXIST', 'openLog', path);
    this.#machine.step('openLog', path);
    const content = new FileContent(this.clock.now());
    this.#disk.link(place, content);
    return content;
  }

  #existing(path: string, { size }: { readonly size: number }): FileContent {
    const content = this.#disk.findFile(path, 'openLog');
    if (size <= content.length) return content;
    throw new VarveError(
      'IO_FAILED',
      `open failed on ${path}: it holds ${content.length} bytes, its data should end at ${size}`,
      { details: { path, operation: 'open', fileBytes: content.length, size } },
    );
  }
}

function lockedError(path: string, sinceMs: number): VarveError {
  const since = new Date(sinceMs).toISOString();
  const holder = { pid: process.pid, host: 'simulated', since, title: 'simulation' };
  return new VarveError(
    'DIRECTORY_LOCKED',
    `${path} is held by process ${holder.pid} on the simulated machine since ${since}: stop it, or use another directory`,
    { details: { path, operation: 'lock', holder } },
  );
}
