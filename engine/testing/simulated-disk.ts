import { posix, sep } from 'node:path';
import { type Errno, type Operation, systemError } from './faults.js';
import type { Random } from './random.js';
import { FileContent, PAGE_BYTES, roundUp, type SurvivalOdds } from './simulated-file-content.js';

let directoriesMade = 0;

/** A directory twice: the names a process sees, and those a power failure cannot take back. */
export class Directory {
  readonly id = ++directoriesMade;
  readonly entries = new Map<string, Node>();
  readonly durable = new Map<string, Node>();
  modifiedMs: number;

  constructor(nowMs: number) {
    this.modifiedMs = nowMs;
  }
}

export type Node = FileContent | Directory;

interface NameChange {
  readonly directory: Directory;
  readonly name: string;
  /** What the name stands for afterwards; null: nothing. */
  readonly node: Node | null;
}

/** Changes of names that happen together or not at all: a creation, a deletion, a rename. */
export interface NameOperation {
  readonly order: number;
  readonly changes: readonly NameChange[];
}

export interface Place {
  readonly directory: Directory;
  readonly name: string;
}

/** How a power failure treats what was not synced; see `Disk.afterPowerFailure`. */
export interface CrashStyle {
  readonly odds: SurvivalOdds;
  /** Names change in the order of the calls, as in a journaling file system; else only per name. */
  readonly ordered: boolean;
}

/** A disk and its page cache: names, files, and which changes of both have reached the disk. */
export class Disk {
  root: Directory;
  capacityBytes: number;
  /** Every file that takes space: it has a name or is open. */
  readonly files = new Set<FileContent>();
  /** Changes of names that no sync has covered, oldest first. */
  #pending: NameOperation[] = [];
  #order = 0;

  constructor(capacityBytes = Number.POSITIVE_INFINITY, nowMs = 0) {
    this.capacityBytes = capacityBytes;
    this.root = new Directory(nowMs);
  }

  get usedBytes(): number {
    let used = 0;
    for (const file of this.files) used += file.allocatedBytes;
    return used;
  }

  /** Stamp of the newest change of a name; a sync covers changes up to the stamp at its call. */
  get order(): number {
    return this.#order;
  }

  find(path: string): Node | null {
    let node: Node = this.root;
    for (const name of namesOf(path)) {
      if (!(node instanceof Directory)) return null;
      const next = node.entries.get(name);
      if (next === undefined) return null;
      node = next;
    }
    return node;
  }

  findDirectory(path: string, operation: Operation): Directory {
    const node = this.find(path);
    if (node === null) throw systemError('ENOENT', operation, path);
    if (!(node instanceof Directory)) throw systemError('ENOTDIR', operation, path);
    return node;
  }

  findFile(path: string, operation: Operation): FileContent {
    const node = this.find(path);
    if (node === null) throw systemError('ENOENT', operation, path);
    if (node instanceof Directory) throw systemError('EISDIR', operation, path);
    return node;
  }

  /** Where the name `path` is or would be. Its directory must be there. */
  place(path: string, operation: Operation): Place {
    const full = normalized(path);
    if (full === '/') throw systemError('EISDIR', operation, path);
    const node = this.find(posix.dirname(full));
    if (node === null) throw systemError('ENOENT', operation, path);
    if (!(node instanceof Directory)) throw systemError('ENOTDIR', operation, path);
    return { directory: node, name: posix.basename(full) };
  }

  /** Gives `node` a name, replacing the file of that name. */
  link({ directory, name }: Place, node: Node): NameOperation {
    return this.#change([{ directory, name, node }]);
  }

  unlink({ directory, name }: Place): NameOperation {
    return this.#change([{ directory, name, node: null }]);
  }

  move(from: Place, to: Place): NameOperation {
    const node = from.directory.entries.get(from.name) ?? null;
    return this.#change([
      { ...from, node: null },
      { ...to, node },
    ]);
  }

  /** Why `from` cannot be renamed to `to`, or null. */
  refusesMove(from: Place, to: Place): Errno | null {
    const node = from.directory.entries.get(from.name);
    if (node === undefined) return 'ENOENT';
    const replaced = to.directory.entries.get(to.name);
    if (node instanceof Directory) {
      if (replaced instanceof FileContent) return 'ENOTDIR';
      if (replaced !== undefined && replaced.entries.size > 0) return 'ENOTEMPTY';
      return isWithin(to.directory, node) ? 'EINVAL' : null;
    }
    return replaced instanceof Directory ? 'EISDIR' : null;
  }

  /** Makes the changes of names in `directory` up to stamp `order` durable, with what they rest on. */
  syncDirectory(directory: Directory, order: number): void {
    this.#persist(
      (operation) =>
        operation.order <= order &&
        operation.changes.some((change) => change.directory === directory),
    );
  }

  /** Makes one operation durable, with what it rests on. */
  syncOperation(wanted: NameOperation): void {
    this.#persist((operation) => operation === wanted);
  }

  /** Puts a file there with everything that leads to it, durable. */
  install(path: string, data: Uint8Array, nowMs: number): void {
    const names = namesOf(path);
    let directory = this.root;
    for (const name of names.slice(0, -1)) {
      const node = directory.entries.get(name) ?? new Directory(nowMs);
      if (!(node instanceof Directory)) throw systemError('ENOTDIR', 'writeFile', path);
      this.#settleName({ directory, name }, node);
      directory = node;
    }
    const file = new FileContent(nowMs);
    file.write(0, data);
    file.settle();
    this.#settleName(this.place(path, 'writeFile'), file);
  }

  /** Every file by its absolute path, along the names that `entriesOf` gives. */
  collect(
    entriesOf: (directory: Directory) => ReadonlyMap<string, Node>,
    read: (file: FileContent) => Buffer,
  ): Map<string, Buffer> {
    const files = new Map<string, Buffer>();
    const walk = (directory: Directory, prefix: string): void => {
      for (const [name, node] of entriesOf(directory)) {
        if (node instanceof Directory) walk(node, `${prefix}/${name}`);
        else files.set(`${prefix}/${name}`, read(node));
      }
    };
    walk(this.root, '');
    return files;
  }

  /** Fails with DISK_FULL if the file cannot grow to `length`. */
  assertRoom(file: FileContent, length: number, operation: Operation, path: string): void {
    if (this.capacityBytes === Number.POSITIVE_INFINITY || length <= file.length) return;
    const needed = roundUp(length, PAGE_BYTES) - file.allocatedBytes;
    if (needed > 0 && this.usedBytes + needed > this.capacityBytes) {
      throw systemError('ENOSPC', operation, path);
    }
  }

  /** Gives a file's space back if nothing holds it any more. */
  release(file: FileContent): void {
    if (file.names === 0 && file.opens === 0) this.files.delete(file);
  }

  /** The kernel writes back something of its own accord. */
  writeSomethingBack(random: Random): void {
    if (this.#pending.length > 0 && random.chance(0.2)) {
      const order = this.#pending[random.below(this.#pending.length)]!.order;
      this.#persist((operation) => operation.order <= order);
      return;
    }
    const dirty = [...this.files].filter((file) => file.isDirty);
    if (dirty.length > 0) random.pick(dirty).writeSomethingBack(random);
  }

  /** An exact copy of page cache and disk, and which of its files is the copy of which. */
  copy(): { disk: Disk; copies: Map<Node, Node> } {
    const disk = new Disk(this.capacityBytes);
    const copies = new Map<Node, Node>();
    const copyOf = (node: Node): Node => {
      const known = copies.get(node);
      if (known !== undefined) return known;
      if (node instanceof FileContent) {
        const file = node.copy();
        copies.set(node, file);
        return file;
      }
      const directory = new Directory(node.modifiedMs);
      copies.set(node, directory);
      for (const [name, child] of node.entries) directory.entries.set(name, copyOf(child));
      for (const [name, child] of node.durable) directory.durable.set(name, copyOf(child));
      return directory;
    };
    disk.root = copyOf(this.root) as Directory;
    disk.#order = this.#order;
    disk.#pending = this.#pending.map(({ order, changes }) => ({
      order,
      changes: changes.map((change) => ({
        directory: copyOf(change.directory) as Directory,
        name: change.name,
        node: change.node && copyOf(change.node),
      })),
    }));
    for (const node of [...copies.values()]) {
      if (node instanceof Directory) disk.#countNames(node);
    }
    return { disk, copies };
  }

  /**
   * The disk as a power failure leaves it. Of the changes of names that were not synced each happened
   * or not, but none without those before it on the same names; of the data each page by itself.
   * This object stays as it is.
   */
  afterPowerFailure(style: CrashStyle, random: Random): Disk {
    const names = this.#namesAfterPowerFailure(style, random);
    const disk = new Disk(this.capacityBytes);
    const rebuild = (directory: Directory): Directory => {
      const survivor = new Directory(directory.modifiedMs);
      for (const [name, node] of names.get(directory) ?? directory.durable) {
        const child =
          node instanceof Directory ? rebuild(node) : node.afterPowerFailure(style.odds, random);
        survivor.entries.set(name, child);
        survivor.durable.set(name, child);
      }
      disk.#countNames(survivor);
      return survivor;
    };
    disk.root = rebuild(this.root);
    return disk;
  }

  #namesAfterPowerFailure(style: CrashStyle, random: Random): Map<Directory, Map<string, Node>> {
    const { kept } = style.odds;
    const whole = kept <= 0 ? 0 : kept >= 1 ? this.#pending.length : null;
    const upTo = whole ?? (style.ordered ? random.below(this.#pending.length + 1) : null);
    const names = new Map<Directory, Map<string, Node>>();
    const lost = new Set<string>();
    for (const [index, { changes }] of this.#pending.entries()) {
      const happens = upTo === null ? random.chance(kept) : index < upTo;
      if (!happens || changes.some((change) => lost.has(keyOf(change)))) {
        for (const change of changes) lost.add(keyOf(change));
        continue;
      }
      for (const { directory, name, node } of changes) {
        let entries = names.get(directory);
        if (entries === undefined) {
          entries = new Map(directory.durable);
          names.set(directory, entries);
        }
        if (node === null) entries.delete(name);
        else entries.set(name, node);
      }
    }
    return names;
  }

  #settleName(place: Place, node: Node): void {
    if (place.directory.durable.get(place.name) === node) return;
    if (place.directory.entries.get(place.name) !== node) this.link(place, node);
    this.#persist((operation) =>
      operation.changes.some(
        ({ directory, name }) => directory === place.directory && name === place.name,
      ),
    );
  }

  #countNames(directory: Directory): void {
    for (const node of directory.entries.values()) {
      if (!(node instanceof FileContent)) continue;
      node.names++;
      this.files.add(node);
    }
  }

  #change(changes: readonly NameChange[]): NameOperation {
    const operation = { order: ++this.#order, changes };
    this.#pending.push(operation);
    const replacedFiles: FileContent[] = [];
    for (const { directory, name, node } of changes) {
      const replaced = directory.entries.get(name);
      if (replaced instanceof FileContent) {
        replaced.names--;
        replacedFiles.push(replaced);
      }
      if (node === null) directory.entries.delete(name);
      else directory.entries.set(name, node);
      if (node instanceof FileContent) {
        node.names++;
        this.files.add(node);
      }
    }
    for (const file of replacedFiles) this.release(file);
    return operation;
  }

  #persist(isWanted: (operation: NameOperation) => boolean): void {
    // Backwards, so that an operation draws in the earlier ones on its names, wherever they were.
    const needed = new Set<string>();
    const chosen = new Set<NameOperation>();
    for (let i = this.#pending.length - 1; i >= 0; i--) {
      const operation = this.#pending[i]!;
      if (!isWanted(operation) && !operation.changes.some((change) => needed.has(keyOf(change)))) {
        continue;
      }
      chosen.add(operation);
      for (const change of operation.changes) needed.add(keyOf(change));
    }
    if (chosen.size === 0) return;
    this.#pending = this.#pending.filter((operation) => {
      if (!chosen.has(operation)) return true;
      for (const { directory, name, node } of operation.changes) {
        if (node === null) directory.durable.delete(name);
        else directory.durable.set(name, node);
      }
      return false;
    });
  }
}

/** An absolute path with `/` between its names and none at its end. */
export function normalized(path: string): string {
  return posix.resolve('/', sep === '/' ? path : path.replaceAll(sep, '/'));
}

function namesOf(path: string): string[] {
  return normalized(path).split('/').filter(Boolean);
}

function keyOf({ directory, name }: NameChange): string {
  return `${directory.id}/${name}`;
}

function isWithin(wanted: Directory, tree: Directory): boolean {
  if (wanted === tree) return true;
  for (const node of tree.entries.values()) {
    if (node instanceof Directory && isWithin(wanted, node)) return true;
  }
  return false;
}
