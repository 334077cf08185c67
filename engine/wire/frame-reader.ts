import { VarveError } from '../errors.js';
import type { FrameBuffers } from './frame-buffers.js';
import type { MemoryBudget, Reservation } from './memory-budget.js';

/** What follows a length on the wire, whole. */
export interface Frame {
  readonly bytes: Buffer;
  /** The frame owns the memory of `bytes`: it may be used again after `FrameReader.release`. */
  readonly isOwned: boolean;
}

export interface FrameReaderOptions {
  /** Kafka: `socket.request.max.bytes`. */
  readonly maxFrameBytes: number;
  readonly budget: MemoryBudget;
  readonly buffers: FrameBuffers;
  /** Takes a frame, and calls `release` for it sometime. May do so at once. */
  readonly deliver: (frame: Frame) => void;
  /** After `isStalled` was true: it no longer is, and what had come in has been delivered. Throws nothing. */
  readonly resumed: () => void;
  /** What had come in while stalled broke the rules. */
  readonly failed: (error: VarveError) => void;
}

const LENGTH_BYTES = 4;

/**
 * Cuts a stream of bytes into frames: an int32 length, then as many bytes.
 *
 * The bytes of a frame are copied once at most. With `push` they come as chunks; but a frame that has begun
 * offers its memory by `space`, so that a socket can receive straight into it.
 */
export class FrameReader implements Reservation {
  /** Largest frame from here on. */
  maxFrameBytes: number;
  /** Frames of no bytes are taken: raw SASL tokens may be empty, requests never. */
  takesEmptyFrames = false;
  /** Of the frame that waits for memory, or is being received. */
  bytes = 0;
  readonly #options: FrameReaderOptions;
  readonly #lengthBytes = Buffer.alloc(LENGTH_BYTES);
  #lengthFilled = 0;
  #frame: Buffer | null = null;
  #filled = 0;
  #isStalled = false;
  #isClosed = false;
  /** Came in while stalled. */
  #stash: Buffer[] = [];

  constructor(options: FrameReaderOptions) {
    this.#options = options;
    this.maxFrameBytes = options.maxFrameBytes;
  }

  /** Waits for memory: the socket must not be read. (What was read before may still be pushed.) */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** A frame has begun and is not complete. */
  get isPartial(): boolean {
    return this.#frame !== null || this.#lengthFilled > 0;
  }

  /** Where the next bytes go that the socket receives, or null: anywhere, then `push` them. */
  space(): Buffer | null {
    return this.#frame === null ? null : this.#frame.subarray(this.#filled);
  }

  /** `count` bytes have been received into `space()`. Nothing happens once the reader is closed. */
  received(count: number): void {
    if (this.#frame === null) return;
    this.#filled += count;
    if (this.#filled === this.#frame.length) this.#complete();
  }

  /**
   * Takes what was received. `isKept`: nobody writes to the chunk again, so frames within it need no copy.
   * @throws VarveError INVALID_REQUEST for a length out of range. The reader is of no use then.
   */
  push(chunk: Buffer, isKept: boolean): void {
    let at = 0;
    while (at < chunk.length && !this.#isClosed) {
      if (this.#isStalled) {
        const rest = chunk.subarray(at);
        this.#stash.push(isKept ? rest : Buffer.from(rest));
        return;
      }
      if (this.#frame !== null) {
        const count = Math.min(chunk.length - at, this.#frame.length - this.#filled);
        chunk.copy(this.#frame, this.#filled, at, at + count);
        at += count;
        this.received(count);
        continue;
      }
      if (this.#lengthFilled === 0 && chunk.length - at >= LENGTH_BYTES) {
        this.#begin(chunk.readInt32BE(at));
        at += LENGTH_BYTES;
        const end = at + this.bytes;
        if (isKept && !this.#isStalled && end <= chunk.length) {
          this.#options.deliver({ bytes: chunk.subarray(at, end), isOwned: false });
          at = end;
          continue;
        }
      } else {
        const count = Math.min(chunk.length - at, LENGTH_BYTES - this.#lengthFilled);
        chunk.copy(this.#lengthBytes, this.#lengthFilled, at, at + count);
        at += count;
        this.#lengthFilled += count;
        if (this.#lengthFilled < LENGTH_BYTES) return;
        this.#lengthFilled = 0;
        this.#begin(this.#lengthBytes.readInt32BE(0));
      }
      if (!this.#isStalled) this.#allocate();
    }
  }

  /** `isReusable`: nothing looks at the frame's bytes any more. */
  release(frame: Frame, isReusable: boolean): void {
    if (isReusable && frame.isOwned) this.#options.buffers.recycle(frame.bytes);
    this.#options.budget.release(frame.bytes.length);
  }

  /** Forgets what is not complete. Frames that were delivered are still to be released. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stash = [];
    if (this.#isStalled) this.#options.budget.cancel(this);
    else if (this.#frame !== null) this.#options.budget.release(this.#frame.length);
    // Not recycled: the socket may still be told to receive into it.
    this.#frame = null;
  }

  granted(): void {
    this.#isStalled = false;
    const stash = this.#stash;
    this.#stash = [];
    try {
      this.#allocate();
      for (const chunk of stash) this.push(chunk, true);
    } catch (error) {
      this.#options.failed(error as VarveError);
      return;
    }
    if (!this.#isStalled) this.#options.resumed();
  }

  #begin(length: number): void {
    if (length > this.maxFrameBytes || length < 0 || (length === 0 && !this.takesEmptyFrames)) {
      throw new VarveError(
        'INVALID_REQUEST',
        `a request of ${length} bytes: 1 to ${this.maxFrameBytes} are taken`,
        { details: { length, limit: this.maxFrameBytes } },
      );
    }
    this.bytes = length;
    this.#isStalled = !this.#options.budget.reserve(this);
  }

  #allocate(): void {
    try {
      this.#frame = this.#options.buffers.take(this.bytes);
    } catch (cause) {
      this.#options.budget.release(this.bytes);
      throw new VarveError('IO_FAILED', `no memory for a request of ${this.bytes} bytes`, {
        cause,
      });
    }
    this.#filled = 0;
    if (this.bytes === 0) this.#complete();
  }

  #complete(): void {
    const bytes = this.#frame!;
    this.#frame = null;
    this.#options.deliver({ bytes, isOwned: true });
  }
}
