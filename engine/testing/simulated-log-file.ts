import { assert } from '../assert.js';
import type { VarveError } from '../errors.js';
import { closedError, readOnlyError } from '../io/io-error.js';
import type { LogFile, OpenLogOptions, Window } from '../io/port.js';
import { type Operation, systemError } from './faults.js';
import { type FileContent, roundUp } from './simulated-file-content.js';
import type { Machine } from './simulated-machine.js';

/** Fills memory that nobody may look at any more: no valid batch, length or offset. */
export const POISON = 0xdb;
const EMPTY = Buffer.alloc(0);
const EMPTY_VIEW = new DataView(EMPTY.buffer, 0, 0);

export class SimulatedLogFile implements LogFile {
  path: string;
  size: number;
  buffer: Buffer = EMPTY;
  view: DataView = EMPTY_VIEW;
  at = 0;
  readonly content: FileContent;
  readonly #machine: Machine;
  readonly #maxBytes: number;
  readonly #readOnly: boolean;
  #strayTail: boolean;
  #reserved = 0;
  #window: Window | null = null;
  #poisonIsDue = false;
  #running = 0;
  #idle: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor(machine: Machine, content: FileContent, path: string, options: OpenLogOptions) {
    this.#machine = machine;
    this.content = content;
    this.path = path;
    this.size = options.size;
    this.#maxBytes = options.maxBytes;
    this.#readOnly = options.readOnly ?? false;
    this.#strayTail = content.length > options.size;
    content.opens++;
  }

  reserve(bytes: number): void {
    this.#begin('reserve');
    assert(Number.isSafeInteger(bytes) && bytes > 0, 'a reservation is a positive number of bytes');
    if (this.#readOnly) throw readOnlyError(this.path, 'reserve');
    this.#strike('reserve');
    if (this.#strayTail) this.#cutStrayTail();
    this.#reserveSpace(this.size + bytes);
    this.#takeBuffer(bytes);
    this.#reserved = bytes;
  }

  commit(bytes: number): void {
    this.#begin('commit');
    assert(bytes >= 0 && bytes <= this.#reserved, 'a commit stays within its reservation');
    const { content, size } = this;
    const written = this.buffer.subarray(this.at, this.at + bytes);
    const failure = this.#machine.strike('commit', this.path);
    if (failure !== null) {
      // A write that fails may have written a part of it.
      content.write(size, written.subarray(0, this.#machine.random.below(bytes + 1)));
      this.#strayTail ||= content.length > size;
      throw failure;
    }
    this.#machine.disk.assertRoom(content, size + bytes, 'commit', this.path);
    this.#machine.step('commit', this.path);
    content.write(size, written);
    content.modifiedMs = this.#machine.clock.now();
    this.size = size + bytes;
    this.#dropBuffer();
  }

  window(position: number, length: number): Window {
    const kept = this.#machine.poisonReleased ? null : this.#window;
    this.#begin('window');
    this.#assertReadable(position, length, 'window');
    if (kept !== null && position >= kept.start && position + length <= kept.end) return kept;
    this.#window = this.#machine.poisonReleased
      ? this.#privateWindow(position, length)
      : this.#sharedWindow();
    return this.#window;
  }

  bytes(position: number, length: number): Buffer {
    this.#begin('bytes');
    this.#assertReadable(position, length, 'bytes');
    return this.content.read(position, position + length);
  }

  willRead(position: number, length: number): void {
    this.#begin('window');
    assert(position >= 0 && length >= 0, 'a file position is not negative');
  }

  async flush(): Promise<void> {
    this.#begin('flush');
    const failure = this.#machine.strike('flush', this.path);
    this.#machine.step('flush', this.path);
    await this.#writeBack('flush', 0, failure);
  }

  async truncate(size: number): Promise<void> {
    this.#begin('truncate');
    assert(size >= 0 && size <= this.size, 'a truncation does not lengthen the log');
    if (this.#readOnly) throw readOnlyError(this.path, 'truncate');
    this.#strike('truncate');
    this.#machine.step('truncate', this.path);
    this.size = size;
    this.#dropBuffer();
    this.content.setLength(size);
    this.#strayTail = false;
    await this.#writeBack('truncate', size, this.#machine.strike('truncate:sync', this.path));
  }

  async seal(): Promise<void> {
    this.#begin('seal');
    this.#strike('seal');
    this.#dropBuffer();
    await this.#run('seal', () => this.#trim('seal'));
  }

  close(options: { readonly keepReserved?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close(options.keepReserved ?? false);
    return this.#closing;
  }

  /** Bytes of disk reserved ahead of the data. */
  get reservedBytes(): number {
    return this.#readOnly ? 0 : Math.max(0, this.content.length - this.size);
  }

  /** Memory that stands for parts of the file now. */
  get mappedBytes(): number {
    return this.buffer.length + (this.#window?.buffer.length ?? 0);
  }

  get mappings(): number {
    return (this.buffer.length > 0 ? 1 : 0) + (this.#window === null ? 0 : 1);
  }

  /** What was written for `position` `size` and never committed, as far as the kernel knows of it. */
  uncommitted(): Buffer {
    return this.buffer.subarray(this.at, this.at + this.#reserved);
  }

  async #close(keepReserved: boolean): Promise<void> {
    try {
      this.#machine.assertUp();
      this.#dropBuffer();
      this.#dropWindow();
      while (this.#running > 0) {
        await new Promise<void>((resolve) => {
          this.#idle = resolve;
        });
      }
      this.#strike('close');
      await this.#machine.wait('close', this.path);
      if (!keepReserved) this.#trim('close');
    } finally {
      this.content.opens--;
      this.#machine.closed(this);
    }
  }

  #trim(operation: Operation): void {
    if (this.#readOnly || this.content.length <= this.size) return;
    this.#machine.step(operation, this.path);
    this.content.setLength(this.size);
    this.#strayTail = false;
  }

  /** Carries what is dirty at `from` and beyond, as it is now, to the disk. */
  #writeBack(operation: 'flush' | 'truncate', from: number, failure: VarveError | null) {
    const writeback = this.content.beginWriteback(from);
    return this.#run(operation, () => {
      if (failure !== null) {
        this.content.failWriteback(writeback, this.#machine.random);
        throw failure;
      }
      this.#machine.step(operation, this.path);
      this.content.completeWriteback(writeback);
    });
  }

  /** Some time passes, then `effect` happens, then some time passes until the caller hears of it. */
  async #run(operation: Operation, effect: () => void): Promise<void> {
    this.#running++;
    try {
      await this.#machine.wait(operation, this.path);
      effect();
      await this.#machine.wait(operation, this.path, 'after');
    } finally {
      this.#running--;
      if (this.#running === 0) this.#idle?.();
    }
  }

  #cutStrayTail(): void {
    this.#machine.step('reserve', this.path);
    if (this.#machine.staleTail === 'overwrite') this.content.zero(this.size);
    else this.content.setLength(this.size);
    if (this.#machine.staleTail === 'cut-durably') {
      this.content.completeWriteback(this.content.beginWriteback(this.size));
    }
    this.#strayTail = false;
  }

  #reserveSpace(end: number): void {
    const unit = this.#machine.reservationBytes;
    const { content } = this;
    if (unit === 0 || end <= content.length) return;
    const ahead = Math.max(end, Math.min(this.#maxBytes, roundUp(end, unit)));
    let length = ahead;
    try {
      this.#machine.disk.assertRoom(content, ahead, 'reserve', this.path);
    } catch {
      // A nearly full disk: what is needed now may still fit.
      this.#machine.disk.assertRoom(content, end, 'reserve', this.path);
      length = end;
    }
    this.#machine.step('reserve', this.path);
    content.setLength(length);
  }

  #takeBuffer(bytes: number): void {
    const { poisonReleased, random } = this.#machine;
    if (!poisonReleased) {
      if (this.buffer.length >= bytes) return;
      this.#setBuffer(Buffer.allocUnsafeSlow(roundUp(bytes, 4096)), 0);
      return;
    }
    this.buffer.fill(POISON);
    const at = random.below(64);
    this.#setBuffer(Buffer.allocUnsafe(at + bytes + random.below(64)).fill(POISON), at);
  }

  #setBuffer(buffer: Buffer, at: number): void {
    this.buffer = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.at = at;
  }

  #dropBuffer(): void {
    this.#reserved = 0;
    if (this.buffer.length === 0) return;
    if (this.#machine.poisonReleased) this.buffer.fill(POISON);
    else if (this.#closing === null) return;
    this.buffer = EMPTY;
    this.view = EMPTY_VIEW;
    this.at = 0;
  }

  /** A copy with strange edges, which the next call or the next microtask overwrites. */
  #privateWindow(position: number, length: number): Window {
    const { random } = this.#machine;
    const start = Math.max(0, position - random.below(100));
    const end = Math.min(this.size, position + length + random.below(100));
    const buffer = Buffer.allocUnsafe(end - start + random.below(32));
    buffer.set(this.content.peek(end).subarray(start, end));
    buffer.fill(POISON, end - start);
    if (!this.#poisonIsDue) {
      this.#poisonIsDue = true;
      queueMicrotask(() => {
        this.#poisonIsDue = false;
        this.#dropWindow();
      });
    }
    return windowOn(buffer, start, end);
  }

  #sharedWindow(): Window {
    const memory = this.content.peek(this.size);
    return windowOn(Buffer.from(memory.buffer, memory.byteOffset, this.size), 0, this.size);
  }

  #dropWindow(): void {
    if (this.#machine.poisonReleased) this.#window?.buffer.fill(POISON);
    this.#window = null;
  }

  /** Every call: the machine is up, the file open, and the last window no longer valid. */
  #begin(operation: Operation): void {
    this.#machine.assertUp();
    if (this.#closing !== null) throw closedError(this.path);
    if (this.#machine.poisonReleased || operation !== 'window') this.#dropWindow();
  }

  #strike(operation: Operation): void {
    const failure = this.#machine.strike(operation, this.path);
    if (failure !== null) throw failure;
  }

  #assertReadable(position: number, length: number, operation: 'window' | 'bytes'): void {
    assert(
      position >= 0 && length >= 0 && position + length <= this.size,
      'a read stays within the committed bytes',
    );
    this.#strike(operation);
    // Somebody else cut the file.
    if (position + length > this.content.length) throw systemError('EIO', operation, this.path);
  }
}

function windowOn(buffer: Buffer, start: number, end: number): Window {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  return { buffer, view, start, end };
}
