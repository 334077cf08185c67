import { closeSync, fdatasync, fsyncSync, openSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';

const sync = promisify(fdatasync);
const LENGTH_BYTES = 4;

/**
 * The least a log can be: each record copied into a buffer behind its length, one write a batch, no
 * checksum, no index, no offsets. The control that stores are compared with.
 */
export class FramedFile {
  readonly #file: number;
  readonly #frame: Buffer;
  #size = 0;

  /** With `preparedBytes` the file's blocks hold written, synced zeros before the first append. */
  constructor(
    path: string,
    options: { readonly largestBatchBytes: number; readonly preparedBytes?: number },
  ) {
    this.#file = openSync(path, 'wx+');
    this.#frame = Buffer.alloc(options.largestBatchBytes);
    const zeros = Buffer.alloc(1024 * 1024);
    for (let at = 0; at < (options.preparedBytes ?? 0); at += zeros.length) {
      writeSync(this.#file, zeros, 0, zeros.length, at);
    }
    if (options.preparedBytes !== undefined) fsyncSync(this.#file);
  }

  get descriptor(): number {
    return this.#file;
  }

  /** Bytes appended. */
  get size(): number {
    return this.#size;
  }

  append(values: readonly Uint8Array[]): void {
    const frame = this.#frame;
    let at = 0;
    for (const value of values) {
      frame.writeUInt32LE(value.length, at);
      frame.set(value, at + LENGTH_BYTES);
      at += LENGTH_BYTES + value.length;
    }
    writeSync(this.#file, frame, 0, at, this.#size);
    this.#size += at;
  }

  flush(): Promise<void> {
    return sync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Bytes that `values` take in the file. */
export function framedBytes(records: number, valueBytes: number): number {
  return records * LENGTH_BYTES + valueBytes;
}

/** Calls `visit` with each framed value of `buffer` up to `end`; returns where the last whole one ends. */
export function walkFrames(buffer: Buffer, end: number, visit: (value: Buffer) => void): number {
  let at = 0;
  while (at + LENGTH_BYTES <= end) {
    const next = at + LENGTH_BYTES + buffer.readUInt32LE(at);
    if (next > end) break;
    visit(buffer.subarray(at + LENGTH_BYTES, next));
    at = next;
  }
  return at;
}
