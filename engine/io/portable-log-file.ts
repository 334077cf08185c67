import fs from 'node:fs';
import { assert } from '../assert.js';
import { VarveError } from '../errors.js';
import { fdatasync, ftruncate, readFully, writeFully, writePartsFully } from './descriptor-io.js';
import type { DescriptorCache, FileHandle } from './descriptors.js';
import { closedError, ioError, readOnlyError } from './io-error.js';
import type { LogFile, OpenLogOptions, Window } from './port.js';
import type { ReadBudget } from './read-budget.js';
import type { Scratch, ScratchPool } from './scratch.js';

const FIRST_READ_BYTES = 16 * 1024;
/** Below this a copy costs less than the longer system call. */
const PARTS_BYTES = 8 * 1024;
const MAX_READ_AHEAD_BYTES = 1024 * 1024;
export const EMPTY = Buffer.alloc(0);
export const EMPTY_VIEW = new DataView(EMPTY.buffer, 0, 0);

export interface FileLength {
  bytes: number;
}

/** A log file through positioned reads and writes: an append is written when it is committed. */
export class PortableLogFile implements LogFile {
  size: number;
  buffer: Buffer = EMPTY;
  view: DataView = EMPTY_VIEW;
  at = 0;
  protected readonly file: FileHandle;
  readonly #scratch: ScratchPool;
  readonly #reads: ReadBudget;
  protected readonly readOnly: boolean;
  /** True while the file may hold bytes beyond `size` that must not become part of the log. */
  protected strayTail: boolean;
  /** The file's length. Shared with what extends it. */
  protected readonly length: FileLength;
  /** What the last `reserve` asked for and no `commit` has used yet. */
  protected reserved = 0;
  #space: Scratch | null = null;
  #window: Window | null = null;
  #readAheadBytes = FIRST_READ_BYTES;
  #running = 0;
  #trimming = false;
  #syncFailure: VarveError | null = null;
  #idle: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor(
    file: FileHandle,
    options: OpenLogOptions & { readonly fileBytes: number },
    shared: { readonly scratch: ScratchPool; readonly reads: ReadBudget },
  ) {
    this.file = file;
    this.#scratch = shared.scratch;
    this.#reads = shared.reads;
    this.readOnly = options.readOnly ?? false;
    this.size = options.size;
    this.length = { bytes: options.fileBytes };
    this.strayTail = options.fileBytes > options.size;
  }

  get path(): string {
    return this.file.path;
  }

  reserve(bytes: number): void {
    this.assertAppendable(bytes);
    if (bytes > this.buffer.length) {
      const space = this.#scratch.take(bytes);
      this.returnScratch();
      this.#space = space;
      this.buffer = space.buffer;
      this.view = space.view;
    }
    this.reserved = bytes;
  }

  commit(bytes: number): void {
    this.assertOpen();
    assert(bytes >= 0 && bytes <= this.reserved, 'a commit stays within its reservation');
    this.#write(bytes, (fd) => writeFully(fd, this.buffer, 0, bytes, this.size));
    this.returnScratch();
  }

  prefersParts(bytes: number): boolean {
    if (bytes < PARTS_BYTES) return false;
    this.assertAppendable(bytes);
    this.endAppend();
    return true;
  }

  appendParts(head: Uint8Array, body: Uint8Array): void {
    this.assertOpen();
    this.#write(head.length + body.length, (fd) => writePartsFully(fd, head, body, this.size));
  }

  #write(bytes: number, write: (fd: number) => void): void {
    const end = this.size + bytes;
    this.length.bytes = Math.max(this.length.bytes, end);
    try {
      write(this.file.fd());
    } catch (error) {
      // A part may have been written: it must not turn up behind a shorter batch later.
      this.strayTail = true;
      this.#measure();
      throw ioError(error, 'write', this.path);
    }
    this.size = end;
    this.reserved = 0;
  }

  window(position: number, length: number): Window {
    this.assertRange(position, length);
    const current = this.#window;
    if (current !== null && position >= current.start && position + length <= current.end) {
      return current;
    }
    const sequential = current !== null && position >= current.start && position <= current.end;
    this.#readAheadBytes = sequential
      ? Math.min(this.#readAheadBytes * 2, MAX_READ_AHEAD_BYTES)
      : FIRST_READ_BYTES;
    const bytes = Math.min(Math.max(length, this.#readAheadBytes), this.size - position);
    // Always a new buffer: the old one may still be in the caller's hands until its next call here.
    const buffer = Buffer.allocUnsafeSlow(bytes);
    this.#read(buffer, position);
    this.#window = {
      buffer,
      view: new DataView(buffer.buffer, buffer.byteOffset, bytes),
      start: position,
      end: position + bytes,
    };
    this.#reads.hold(this, bytes);
    return this.#window;
  }

  /** Gives back the memory of the last window; called by the budget. */
  dropWindow(): void {
    this.#window = null;
  }

  bytes(position: number, length: number): Buffer {
    this.assertRange(position, length);
    const copy = Buffer.allocUnsafe(length);
    const window = this.#window;
    if (window !== null && position >= window.start && position + length <= window.end) {
      window.buffer.copy(copy, 0, position - window.start, position - window.start + length);
    } else {
      this.#read(copy, position);
    }
    return copy;
  }

  willRead(position: number, _length: number): void {
    this.assertOpen();
    assert(position >= 0, 'a file position is not negative');
    this.#readAheadBytes = MAX_READ_AHEAD_BYTES;
  }

  flush(): Promise<void> {
    // One promise and one callback: a small durable append is mostly this call.
    return new Promise((resolve, reject) => {
      this.assertOpen();
      if (this.#syncFailure !== null) throw this.#syncFailure;
      if (!this.file.syncs) {
        resolve();
        return;
      }
      const fd = this.pin('fdatasync');
      fs.fdatasync(fd, (error) => {
        this.unpin();
        if (error !== null) {
          // The system tells each failed sync once: what fails stays failed here.
          this.#syncFailure = ioError(error, 'fdatasync', this.path);
          reject(this.#syncFailure);
          return;
        }
        resolve();
      });
    });
  }

  async truncate(size: number): Promise<void> {
    assert(size >= 0 && size <= this.size, 'a truncation does not lengthen the log');
    this.assertOpen();
    if (this.readOnly) throw readOnlyError(this.path, 'truncate');
    this.endAppend();
    this.forgetWindow();
    await this.run('truncate', async (fd) => {
      this.beforeCut(size, this.size);
      // Cut at once, not on the thread pool: what is appended after this call must stay.
      fs.ftruncateSync(fd, size);
      this.size = size;
      this.length.bytes = size;
      this.strayTail = false;
      if (this.file.syncs) await fdatasync(fd);
    });
  }

  async seal(): Promise<void> {
    this.assertOpen();
    this.endAppend();
    await this.trim();
  }

  close(options: { readonly keepReserved?: boolean } = {}): Promise<void> {
    this.#closing ??= this.finish(options.keepReserved ?? false);
    return this.#closing;
  }

  protected async finish(keepReserved: boolean): Promise<void> {
    this.endAppend();
    this.forgetWindow();
    try {
      if (!keepReserved) await this.trim();
    } finally {
      while (this.#running > 0) {
        await new Promise<void>((resolve) => {
          this.#idle = resolve;
        });
      }
      this.file.close();
    }
  }

  protected async trim(): Promise<void> {
    const { length } = this;
    const fileBytes = length.bytes;
    if (this.readOnly || fileBytes === this.size) return;
    await this.run('truncate', async (fd) => {
      this.beforeCut(this.size, this.size);
      length.bytes = this.size;
      this.#trimming = true;
      try {
        await ftruncate(fd, this.size);
        this.strayTail = false;
      } catch (error) {
        length.bytes = fileBytes;
        throw error;
      } finally {
        this.#trimming = false;
      }
    });
  }

  /** Called before the file gets shorter: `size` bytes stay, views of bytes below `viewedEnd` exist. */
  protected beforeCut(_size: number, _viewedEnd: number): void {}

  /** Makes what `reserve` has handed out stale. */
  protected endAppend(): void {
    this.reserved = 0;
    this.returnScratch();
  }

  /** Runs work on the thread pool while the descriptor is held open. */
  protected async run(operation: string, work: (fd: number) => Promise<void>): Promise<void> {
    const fd = this.pin(operation);
    try {
      await work(fd);
    } catch (error) {
      throw ioError(error, operation, this.path);
    } finally {
      this.unpin();
    }
  }

  protected pin(operation: string): number {
    let fd: number;
    try {
      fd = this.file.pin();
    } catch (error) {
      throw ioError(error, operation, this.path);
    }
    this.#running++;
    return fd;
  }

  protected unpin(): void {
    this.file.unpin();
    this.#running--;
    if (this.#running === 0) this.#idle?.();
  }

  /** After a failed write only the system knows how long the file is. */
  #measure(): void {
    try {
      this.length.bytes = fs.fstatSync(this.file.fd()).size;
    } catch {
      this.length.bytes = this.size;
    }
  }

  protected cutStrayTail(): void {
    try {
      const fd = this.file.fd();
      // Views of an earlier LogFile may show what is cut; nothing may be read beyond the real end.
      this.beforeCut(this.size, fs.fstatSync(fd).size);
      fs.ftruncateSync(fd, this.size);
      // Durable before anything is appended: else a crash could join new bytes and old ones.
      if (this.file.syncs) fs.fdatasyncSync(fd);
    } catch (error) {
      throw ioError(error, 'truncate', this.path);
    }
    this.length.bytes = this.size;
    this.strayTail = false;
  }

  #read(into: Buffer, position: number): void {
    let bytes: number;
    try {
      bytes = readFully(this.file.fd(), into, position);
    } catch (error) {
      throw ioError(error, 'read', this.path);
    }
    if (bytes < into.length) {
      throw new VarveError(
        'IO_FAILED',
        `read failed on ${this.path}: it ends at ${position + bytes}, ${this.size} bytes are expected; another program has cut it`,
        { details: { path: this.path, operation: 'read', position, length: into.length } },
      );
    }
  }

  protected returnScratch(): void {
    if (this.#space === null) return;
    this.#scratch.give(this.#space);
    this.#space = null;
    this.buffer = EMPTY;
    this.view = EMPTY_VIEW;
  }

  protected forgetWindow(): void {
    this.#window = null;
    this.#reads.release(this);
  }

  /** Also cuts what must not follow the data, before the first append. */
  protected assertAppendable(bytes: number): void {
    assert(Number.isSafeInteger(bytes) && bytes > 0, 'a reservation is a positive number of bytes');
    this.assertOpen();
    if (this.readOnly) throw readOnlyError(this.path, 'reserve');
    assert(!this.#trimming, 'nothing is appended while the file is sealed');
    if (this.strayTail) this.cutStrayTail();
  }

  protected get isClosed(): boolean {
    return this.#closing !== null;
  }

  protected assertOpen(): void {
    if (this.#closing !== null) throw closedError(this.path);
  }

  protected assertRange(position: number, length: number): void {
    this.assertOpen();
    assert(
      position >= 0 && length >= 0 && position + length <= this.size,
      'a read stays within the committed bytes',
    );
  }
}

/** Opens the descriptor behind a log file and checks `size` against what is there. */
export function openSegmentFile(
  descriptors: DescriptorCache,
  path: string,
  options: OpenLogOptions,
): { file: FileHandle; fileBytes: number } {
  assert(!(options.create && options.readOnly), 'a file to create is not read-only');
  assert(!options.create || options.size === 0, 'a created file starts empty');
  const file = descriptors.open(path, {
    create: options.create,
    readOnly: options.readOnly ?? false,
  });
  const { size: fileBytes } = fs.fstatSync(file.fd());
  if (options.size > fileBytes) {
    file.close();
    throw new VarveError(
      'IO_FAILED',
      `open failed on ${path}: it holds ${fileBytes} bytes, its data should end at ${options.size}`,
      { details: { path, operation: 'open', fileBytes, size: options.size } },
    );
  }
  return { file, fileBytes };
}
