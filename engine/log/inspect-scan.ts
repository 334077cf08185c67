import { isVarveError } from '../errors.js';
import {
  BatchProblem,
  type CheckOptions,
  checkBatch,
  describeProblem,
} from '../format/batch-check.js';
import { sizeInBytes } from '../format/batch-header.js';
import { BATCH_OVERHEAD, LOG_OVERHEAD } from '../format/layout.js';
import type { FileSystem, LogFile } from '../io/port.js';

/** A length field above it is damage, not a batch: it would have to be held in memory to be checked. */
const MAX_BATCH_BYTES = 1024 * 1024 * 1024;
const EMPTY = Buffer.alloc(0);
const TAIL_STEP_BYTES = 1024 * 1024;

export interface ScanOptions {
  /** Compare every checksum. */
  readonly checkCrcs: boolean;
  /** A batch boundary to start at. Default 0. */
  readonly from?: number;
}

/**
 * Walks the batches of one `.log` file that may be in use by another process: it reads with `pread`, because a file
 * that its owner cuts would kill a process that maps it, takes no lock and writes nothing. Nothing is allocated per
 * batch. A batch whose length can be believed is visited even when it is damaged: see `problem`.
 */
export class BatchScan {
  readonly path: string;
  /** The present batch begins at `buffer[at]` and has `size` bytes; `view` covers the same memory. */
  buffer: Buffer = EMPTY;
  view: DataView = new DataView(EMPTY.buffer, 0, 0);
  at = 0;
  size = 0;
  /** File position of the present batch; after the last one, where the data ends. */
  position: number;
  /** What is wrong with the present batch; after `next()` has said false, why there is no further one. */
  problem: BatchProblem = BatchProblem.BATCH_OK;
  /** The problem in words; null for none. */
  reason: string | null = null;
  readonly #fs: FileSystem;
  readonly #check: CheckOptions;
  #file: LogFile | null = null;
  #fileBytes = 0;

  /** Fails with NOT_FOUND where there is no such file. */
  constructor(fs: FileSystem, path: string, options: ScanOptions) {
    this.#fs = fs;
    this.path = path;
    this.position = options.from ?? 0;
    this.#check = { crc: options.checkCrcs, maxBytes: MAX_BATCH_BYTES };
    this.#open();
  }

  /** Length of the file as last looked at. */
  get fileBytes(): number {
    return this.#fileBytes;
  }

  /** Moves to the next batch; false at the end of what can be read as batches. */
  next(): boolean {
    this.position += this.size;
    this.size = 0;
    for (;;) {
      try {
        return this.#look();
      } catch (error) {
        // Its owner has cut reserved space: what is read next must be looked up again.
        if (!isVarveError(error, 'IO_FAILED') || !this.refresh()) throw error;
      }
    }
  }

  /** Takes note of a length that has changed; true if it has. `next()` then goes on from `position`. */
  refresh(): boolean {
    const before = this.#fileBytes;
    this.close();
    this.#open();
    return this.#fileBytes !== before;
  }

  /** Bytes from `position` to the last byte that is not zero: 0 where only reserved space follows. */
  bytesBeforeZeros(): number {
    const file = this.#file!;
    let last = this.position;
    for (let from = this.position; from < this.#fileBytes; from += TAIL_STEP_BYTES) {
      const length = Math.min(TAIL_STEP_BYTES, this.#fileBytes - from);
      const window = file.window(from, length);
      const bytes = window.buffer.subarray(from - window.start, from - window.start + length);
      if (bytes.equals(ZEROS.subarray(0, length))) continue;
      for (let i = length - 1; i >= 0; i -= 1) {
        if (bytes[i] === 0) continue;
        last = from + i + 1;
        break;
      }
    }
    return last - this.position;
  }

  /**
   * After the last batch: true where zeros stand for the first fields of a batch and something follows. An append
   * writes these fields last, so its owner was killed before it finished; nobody was told that it succeeded.
   */
  isUnfinished(): boolean {
    if (this.#fileBytes - this.position < LOG_OVERHEAD) return false;
    const head = this.#file!.bytes(this.position, LOG_OVERHEAD);
    return head.every((byte) => byte === 0) && this.bytesBeforeZeros() > 0;
  }

  /** A copy of the bytes [from, from + length) of the file. */
  bytes(from: number, length: number): Buffer {
    return this.#file!.bytes(from, length);
  }

  close(): void {
    // Closing a file that is only read waits for nothing; there is nothing to fail but the descriptor.
    void this.#file?.close({ keepReserved: true });
    this.#file = null;
  }

  #open(): void {
    const size = this.#fs.stat(this.path)?.size ?? 0;
    this.#file = this.#fs.openLog(this.path, {
      create: false,
      size,
      maxBytes: size,
      readOnly: true,
    });
    this.#fileBytes = size;
    this.#file.willRead(this.position, Math.max(0, size - this.position));
  }

  #look(): boolean {
    const file = this.#file!;
    const available = this.#fileBytes - this.position;
    if (available <= 0) return this.#end(BatchProblem.BATCH_OK, null);
    const window = file.window(this.position, Math.min(available, BATCH_OVERHEAD));
    let { buffer, view } = window;
    let at = this.position - window.start;
    let end = Math.min(window.end, this.#fileBytes) - window.start;
    if (available < LOG_OVERHEAD) return this.#end(BatchProblem.TRUNCATED, tooFew(available));
    const size = sizeInBytes(view, at);
    if (size > end - at && size <= available && size <= MAX_BATCH_BYTES) {
      const whole = file.window(this.position, size);
      buffer = whole.buffer;
      view = whole.view;
      at = this.position - whole.start;
      end = Math.min(whole.end, this.#fileBytes) - whole.start;
    }
    const problem = checkBatch(buffer, view, at, end, this.#check);
    this.buffer = buffer;
    this.view = view;
    this.at = at;
    if (problem === BatchProblem.BATCH_OK) {
      this.problem = problem;
      this.reason = null;
      this.size = size;
      return true;
    }
    // A length too large for the window was not read: say how much the file really has left.
    const limit = size > available || size > MAX_BATCH_BYTES ? at + available : end;
    const reason = describeProblem(problem, buffer, view, at, limit, this.#check);
    const words = reason.slice(reason.indexOf(': ') + 2);
    if (!hasUsableLength(problem)) return this.#end(problem, words);
    this.problem = problem;
    this.reason = words;
    this.size = size;
    return true;
  }

  #end(problem: BatchProblem, reason: string | null): false {
    this.problem = problem;
    this.reason = reason;
    return false;
  }
}

const ZEROS = Buffer.alloc(TAIL_STEP_BYTES);

function tooFew(bytes: number): string {
  return `${bytes} bytes are left, too few for a batch`;
}

/** The batch is whole and of format 2, so the next one is where its length says. */
function hasUsableLength(problem: BatchProblem): boolean {
  return (
    problem === BatchProblem.BAD_CRC ||
    problem === BatchProblem.BAD_OFFSET ||
    problem === BatchProblem.BAD_COUNT ||
    problem === BatchProblem.UNKNOWN_COMPRESSION
  );
}
