import { join } from 'node:path';
import {
  formatSegmentFileName,
  type SegmentFileKind,
  type SegmentFileSuffix,
} from '../format/segment-file-name.js';
import type { FileSystem } from '../io/port.js';

/** Files beside a segment's `.log`; the producer snapshot belongs to the log, not to a segment. */
export const SEGMENT_SIDE_KINDS = ['index', 'timeindex', 'txnindex'] as const;

export function segmentPath(
  directory: string,
  baseOffset: number,
  kind: SegmentFileKind,
  suffix: SegmentFileSuffix | null = null,
): string {
  return join(directory, formatSegmentFileName({ baseOffset, kind, suffix }));
}

/** Handed to the file system at a time: a whole index would leave a buffer of its size behind. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Files that are right as far as the page cache goes, until `sync` takes them to the disk. Neither writing nor syncing
 * is free even for a small file: after the death of a busy process either may wait for every dirty byte of the file
 * system, which is seconds.
 */
export class UnsyncedFiles {
  readonly #fs: FileSystem;
  /** Path -> size in bytes. */
  readonly #sizes = new Map<string, number>();

  constructor(fs: FileSystem) {
    this.#fs = fs;
  }

  /** Creates or replaces the file where it differs. After a power failure before `sync` it may hold anything, or be gone. */
  async write(path: string, data: Buffer): Promise<void> {
    const size = this.#fs.stat(path)?.size ?? null;
    if (size === null || !this.#holds(path, size, data)) {
      // A file that is there would be cut first, and that is synced.
      if (size !== null) await this.#fs.remove(path);
      await this.#create(path, data);
    }
    this.#sizes.set(path, data.length);
  }

  #holds(path: string, size: number, data: Buffer): boolean {
    return size === data.length && this.#fs.readFile(path, { maxBytes: size }).equals(data);
  }

  async #create(path: string, data: Buffer): Promise<void> {
    const file = this.#fs.openLog(path, { create: true, size: 0, maxBytes: maxBytes(data.length) });
    try {
      for (let from = 0; from < data.length; from += PIECE_BYTES) {
        const piece = data.subarray(from, from + PIECE_BYTES);
        file.reserve(piece.length);
        file.buffer.set(piece, file.at);
        file.commit(piece.length);
      }
    } finally {
      await file.close();
    }
  }

  /** Resolves when what was written survives power loss, where the directory entries do. */
  async sync(): Promise<void> {
    for (const [path, size] of this.#sizes) {
      const file = this.#fs.openLog(path, { create: false, size, maxBytes: maxBytes(size) });
      try {
        await file.flush();
      } finally {
        await file.close({ keepReserved: true });
      }
      this.#sizes.delete(path);
    }
  }
}

/** Of a file that may be empty. */
function maxBytes(size: number): number {
  return Math.max(1, size);
}
