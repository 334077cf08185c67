import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { lastOffset, magic, sizeInBytes } from '../../../engine/format/batch-header.js';
import { BATCH_OVERHEAD } from '../../../engine/format/layout.js';

/** A batch in a log file. Positions are bytes. */
export interface BatchPlace {
  readonly start: number;
  readonly end: number;
  /** Offset after its last record. */
  readonly nextOffset: number;
}

const MAGIC = 2;

/** The batches of a log file of any Kafka, by their headers alone, up to where there are none. */
export function* batchesIn(path: string, size: number): Generator<BatchPlace> {
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(BATCH_OVERHEAD);
    const view = new DataView(header.buffer, header.byteOffset, header.length);
    for (let start = 0; start + BATCH_OVERHEAD <= size; ) {
      if (readSync(file, header, 0, header.length, start) < header.length) return;
      const end = start + sizeInBytes(view, 0);
      // Beyond the data there are zeros, or half a batch.
      if (magic(view, 0) !== MAGIC || end < start + BATCH_OVERHEAD || end > size) return;
      yield { start, end, nextOffset: lastOffset(view, 0) + 1 };
      start = end;
    }
  } finally {
    closeSync(file);
  }
}

/** A partition's, from the first to the last. */
export function logFilesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => join(directory, name));
}

/** Of batches: what a file has beyond them, reserved ahead, is not counted. */
export function writtenBytes(path: string, size: number): number {
  let end = 0;
  for (const batch of batchesIn(path, size)) end = batch.end;
  return end;
}
