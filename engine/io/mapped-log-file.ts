import { assert } from '../assert.js';
import type { FileHandle } from './descriptors.js';
import { ioError } from './io-error.js';
import type { Libc } from './libc.js';
import { MappedReads, READ_CHUNK_BYTES } from './mapped-reads.js';
import type { Mapping, MappingBudget } from './mapping-budget.js';
import type { OpenLogOptions, Window } from './port.js';
import { EMPTY, EMPTY_VIEW, PortableLogFile } from './portable-log-file.js';
import { PreparedBlocks } from './prepared-blocks.js';
import type { ReadBudget } from './read-budget.js';
import type { ScratchPool } from './scratch.js';
import { type PopulateSlots, WriteSpace } from './write-space.js';
import { WrittenAhead } from './written-ahead.js';

/** What an announced scan maps at once: V8 collects garbage about once per mapping. */
const LARGEST_ANNOUNCED_BYTES = 1024 * 1024 * 1024;
/** Up to here a copy of bytes near the end of a growing file is cheaper than a mapping that is soon too short. */
const COPY_BYTES = 64 * 1024;

export interface SharedByMappedFiles {
  readonly scratch: ScratchPool;
  readonly reads: ReadBudget;
  readonly libc: Libc;
  readonly budget: MappingBudget;
  readonly slots: PopulateSlots;
  readonly now: () => number;
  /** How long the event loop has waited for something to do, in total. */
  readonly idleMs: () => number;
  /** Told when a file is closed. */
  readonly closed: (log: MappedLogFile) => void;
}

/**
 * A log file that is written through a mapping where space is ready for it, with `pwrite` where it is
 * not, and read through mappings where they last, with `pread` where they would not. The kernel keeps
 * one copy of the file for all of these, so they may be mixed at any byte.
 */
export class MappedLogFile extends PortableLogFile {
  readonly #space: WriteSpace;
  #blocks: PreparedBlocks | null;
  #ahead: WrittenAhead | null;
  readonly #mapped: MappedReads;
  readonly #budget: MappingBudget;
  readonly #closed: (log: MappedLogFile) => void;
  /** Index in `buffer` up to which appends go to the mapping without asking; 0 while they do not. */
  #limit = 0;
  #throughMapping = false;
  /** True when the file will not get longer, so that its last chunk can be mapped as it is. */
  #complete: boolean;
  #tail: MutableWindow | null = null;
  #read: MutableWindow | null = null;
  #readMapping: Mapping | null = null;
  #scanEnd = 0;

  constructor(
    file: FileHandle,
    options: OpenLogOptions & { readonly fileBytes: number },
    shared: SharedByMappedFiles,
  ) {
    super(file, options, shared);
    this.#budget = shared.budget;
    this.#closed = shared.closed;
    this.#complete = this.readOnly;
    this.#mapped = new MappedReads(shared.libc, shared.budget, file, (mapping) => {
      // A window of it would keep the collector from finding it unused.
      if (mapping === this.#readMapping) this.#forgetRead();
    });
    this.#space = new WriteSpace(
      file,
      { size: options.size, length: this.length, maxBytes: options.maxBytes },
      shared,
      () => this.#leaveMapping(),
    );
    const at = { size: options.size, length: this.length, maxBytes: options.maxBytes };
    this.#ahead = new WrittenAhead(file, at, shared);
    this.#blocks = new PreparedBlocks(
      file,
      { length: this.length, maxBytes: options.maxBytes },
      shared,
    );
  }

  /** Bytes of disk held beyond the data. */
  get reservedBytes(): number {
    return this.readOnly ? 0 : Math.max(0, this.length.bytes - this.size);
  }

  override reserve(bytes: number): void {
    if (bytes > 0 && this.at + bytes <= this.#limit) {
      this.reserved = bytes;
      this.#space.inUse = true;
      return;
    }
    this.#reserveElsewhere(bytes);
  }

  #reserveElsewhere(bytes: number): void {
    this.assertAppendable(bytes);
    if (this.#prepare(bytes)) {
      this.#enterMapping(bytes);
      return;
    }
    this.#leaveMapping();
    super.reserve(bytes);
  }

  #prepare(bytes: number): boolean {
    try {
      if (this.#space.prepare(this.size, bytes)) return true;
      this.#space.reserveExactly(this.size, bytes);
      return false;
    } catch (error) {
      throw ioError(error, 'fallocate', this.path);
    }
  }

  #enterMapping(bytes: number): void {
    const space = this.#space;
    const mapping = space.mapping!;
    if (!this.#throughMapping) this.returnScratch();
    this.#throughMapping = true;
    if (this.buffer !== mapping.buffer) {
      this.buffer = mapping.buffer!;
      this.view = mapping.view!;
      this.#tail = null;
    }
    this.at = this.size - mapping.start;
    const look = Math.max(space.nextLook, this.size + bytes);
    this.#limit = Math.min(space.readyEnd, look) - mapping.start;
    this.reserved = bytes;
    space.inUse = true;
    mapping.recentlyUsed = true;
  }

  override commit(bytes: number): void {
    if (!this.#throughMapping) {
      this.#writeAhead(bytes);
      super.commit(bytes);
      return;
    }
    assert(bytes >= 0 && bytes <= this.reserved, 'a commit stays within its reservation');
    this.size += bytes;
    this.at += bytes;
    this.reserved = 0;
    this.#space.inUse = false;
  }

  override prefersParts(bytes: number): boolean {
    if (this.at + bytes <= this.#limit) return false;
    this.assertAppendable(bytes);
    return !this.#prepare(bytes) && super.prefersParts(bytes);
  }

  override appendParts(head: Uint8Array, body: Uint8Array): void {
    this.#writeAhead(head.length + body.length);
    super.appendParts(head, body);
  }

  #writeAhead(bytes: number): void {
    if (this.isClosed) return;
    try {
      this.#ahead?.beforeWrite(this.size, bytes, this.#space.isFlushedSeldom(this.size));
    } catch (error) {
      throw ioError(error, 'write', this.path);
    }
  }

  override window(position: number, length: number): Window {
    const tail = this.#space.mapping;
    const end = position + length;
    if (tail !== null && position >= tail.start && end <= tail.end) {
      this.assertRange(position, length);
      if (this.#tail === null || this.#tail.buffer !== tail.buffer) this.#tail = windowOf(tail);
      this.#tail.end = Math.min(tail.end, this.size);
      tail.recentlyUsed = true;
      return this.#tail;
    }
    this.assertRange(position, length);
    const mapping = this.#mapped.find(position, length) ?? this.#mapIfItLasts(position, length);
    if (mapping === null) return super.window(position, length);
    if (this.#read === null || mapping !== this.#readMapping) {
      this.#read = windowOf(mapping);
      this.#readMapping = mapping;
    }
    if (position < this.#scanEnd) this.#mapped.populateAhead(mapping, position, this.#scanEnd);
    this.#read.end = Math.min(mapping.end, this.size);
    return this.#read;
  }

  override bytes(position: number, length: number): Buffer {
    this.assertRange(position, length);
    if (length === 0) return Buffer.alloc(0);
    const mapping = this.#mapped.find(position, length) ?? this.#mapIfItLasts(position, length);
    if (mapping !== null) {
      mapping.handedOut = true;
      return mapping.buffer!.subarray(position - mapping.start, position - mapping.start + length);
    }
    const tail = this.#space.mapping;
    if (tail === null || position < tail.start || position + length > tail.end) {
      return super.bytes(position, length);
    }
    const from = position - tail.start;
    return Buffer.from(tail.buffer!.subarray(from, from + length));
  }

  override willRead(position: number, length: number): void {
    super.willRead(position, length);
    this.#scanEnd = Math.min(position + length, this.size);
    const first = Math.min(LARGEST_ANNOUNCED_BYTES, this.#scanEnd - position);
    if (first <= 0) return;
    const mapping = this.#mapped.find(position, first) ?? this.#mapIfItLasts(position, first);
    if (mapping !== null) this.#mapped.populateAhead(mapping, position, this.#scanEnd);
  }

  override flush(): Promise<void> {
    this.#space.flushed(this.size);
    if (!this.readOnly && !this.isClosed && this.reserved === 0)
      this.#blocks?.beforeFlush(this.size);
    return super.flush();
  }

  override async seal(): Promise<void> {
    // Nothing meanwhile must make the file longer again.
    this.#blocks = null;
    this.#ahead = null;
    await super.seal();
    this.#complete = true;
  }

  protected override endAppend(): void {
    this.#leaveMapping();
    super.endAppend();
  }

  protected override forgetWindow(): void {
    this.#tail = null;
    this.#forgetRead();
    super.forgetWindow();
  }

  #forgetRead(): void {
    this.#read = null;
    this.#readMapping = null;
  }

  protected override beforeCut(size: number, viewedEnd: number): void {
    this.#leaveMapping();
    this.#space.clear(size);
    this.#blocks?.cut();
    this.#ahead?.cut(size);
    this.#complete = this.readOnly;
    this.#budget.detach(this.file, size, viewedEnd);
    this.forgetWindow();
  }

  protected override async finish(keepReserved: boolean): Promise<void> {
    this.endAppend();
    this.forgetWindow();
    this.#space.clear(this.size);
    this.#blocks = null;
    this.#ahead = null;
    this.#mapped.clear();
    try {
      await super.finish(keepReserved);
    } finally {
      this.#closed(this);
    }
  }

  /** Maps the range where the mapping will serve for long; null where a copy is better. */
  #mapIfItLasts(position: number, length: number): Mapping | null {
    const chunkEnd = position - (position % READ_CHUNK_BYTES) + READ_CHUNK_BYTES;
    const lasts = this.#complete || chunkEnd <= this.length.bytes || length > COPY_BYTES;
    return lasts && length > 0 ? this.#mapped.map(position, length, this.length.bytes) : null;
  }

  #leaveMapping(): void {
    this.#limit = 0;
    this.#tail = null;
    this.#space.inUse = false;
    if (!this.#throughMapping) return;
    this.#throughMapping = false;
    this.reserved = 0;
    this.buffer = EMPTY;
    this.view = EMPTY_VIEW;
    this.at = 0;
  }
}

interface MutableWindow extends Window {
  end: number;
}

function windowOf(mapping: Mapping): MutableWindow {
  return {
    buffer: mapping.buffer!,
    view: mapping.view!,
    start: mapping.start,
    end: mapping.end,
  };
}
