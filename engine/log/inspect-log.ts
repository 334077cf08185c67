import { isVarveError, VarveError } from '../errors.js';
import { BatchProblem } from '../format/batch-check.js';
import { baseOffset, lastOffset, magic, sizeInBytes } from '../format/batch-header.js';
import { BATCH_OVERHEAD, MAGIC_V2 } from '../format/layout.js';
import type { FileSystem } from '../io/port.js';
import { listPartition } from './inspect-directory.js';
import { BatchScan } from './inspect-scan.js';
import { readClaims } from './inspect-state.js';
import { OffsetIndex } from './offset-index.js';
import { segmentPath } from './segment-files.js';

const MAX_INDEX_BYTES = 256 * 1024 * 1024;
/** Bytes read between two turns of the event loop. */
const SLICE_BYTES = 8 * 1024 * 1024;
/** A batch that is being written is whole after at most this long. */
const SETTLE_MS = 50;

export interface InspectBatch {
  /** The scan, standing on the batch: its fields are good until the next batch is asked for. */
  readonly scan: BatchScan;
  readonly segmentBase: number;
}

/**
 * Reads one partition's batches without owning it: no lock, no writes, no memory of the log. Its owner may append,
 * roll, compact and delete meanwhile.
 */
export class LogInspector {
  readonly directory: string;
  readonly #fs: FileSystem;

  /** `fs` should read files, not map them: `openFileSystem({ kind: 'portable' })`. */
  constructor(fs: FileSystem, directory: string) {
    this.#fs = fs;
    this.directory = directory;
  }

  /** Earliest readable offset. Fails with NOT_FOUND for a directory without segments. */
  logStartOffset(): number {
    const first = this.#bases()[0]!;
    return Math.max(first, readClaims(this.#fs, this.directory).logStartOffset ?? 0);
  }

  #bases(): readonly number[] {
    const { bases } = listPartition(this.#fs, this.directory);
    if (bases.length > 0) return bases;
    throw new VarveError(
      'NOT_FOUND',
      `${this.directory}: no partition directory: it has no segment files (BASEOFFSET.log)`,
      { details: { directory: this.directory } },
    );
  }

  /**
   * Every batch that reaches `from` or above, in offset order, up to the log end at the time. Checks structure and
   * CRCs. Throws CORRUPT_MESSAGE at the first damage, after everything before it.
   */
  async *batches(from: number): AsyncGenerator<InspectBatch, void, undefined> {
    let next = from;
    let done = -1;
    for (;;) {
      const base = this.#segmentFor(next, done);
      if (base === null) return;
      const scan = this.#openAt(base, next);
      if (scan === null) continue;
      // Compaction may leave nothing between two segments' ends: never look back for it.
      next = Math.max(next, base);
      try {
        let slice = scan.position + SLICE_BYTES;
        while (await this.#advance(scan, base, next)) {
          const last = lastOffset(scan.view, scan.at);
          if (last >= next) {
            yield { scan, segmentBase: base };
            next = last + 1;
          }
          if (scan.position < slice) continue;
          slice = scan.position + SLICE_BYTES;
          await nextTurn();
        }
      } finally {
        scan.close();
      }
      done = base;
    }
  }

  /** The segment to read next: the one that may hold `next`, or the one after `done` if that was it. */
  #segmentFor(next: number, done: number): number | null {
    const bases = this.#bases();
    const holding = bases.findLast((base) => base <= next);
    if (holding !== undefined && holding !== done) return holding;
    return bases.find((base) => base > done) ?? null;
  }

  /** Null when the segment has gone since it was listed. */
  #openAt(base: number, offset: number): BatchScan | null {
    const path = segmentPath(this.directory, base, 'log');
    const from = positionBefore(this.#fs, this.directory, base, offset);
    try {
      return new BatchScan(this.#fs, path, { checkCrcs: true, from });
    } catch (error) {
      if (isVarveError(error, 'NOT_FOUND')) return null;
      throw error;
    }
  }

  async #advance(scan: BatchScan, base: number, next: number): Promise<boolean> {
    for (let tries = 0; ; tries += 1) {
      if (scan.next() && scan.problem === BatchProblem.BATCH_OK) return true;
      if (scan.problem === BatchProblem.BATCH_OK || scan.bytesBeforeZeros() === 0) return false;
      if (tries > 0) {
        if (this.#isKilledAppend(scan, base, next)) return false;
        throw corrupt(scan);
      }
      // A live log's last batch may be half written at this moment.
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      scan.size = 0;
      scan.refresh();
    }
  }

  /** The end of a log that was killed while it appended: the next open cuts it, and so the log ends here. */
  #isKilledAppend(scan: BatchScan, base: number, next: number): boolean {
    const { shutdown, recoveryPoint } = readClaims(this.#fs, this.directory);
    const isLast = this.#bases().at(-1) === base;
    return isLast && shutdown !== 'clean' && next >= (recoveryPoint ?? 0) && scan.isUnfinished();
  }
}

/**
 * A batch boundary at or before the batch that holds `offset`, from the segment's index where that can be believed,
 * else 0.
 */
export function positionBefore(
  fs: FileSystem,
  directory: string,
  base: number,
  offset: number,
): number {
  if (offset <= base) return 0;
  try {
    const path = segmentPath(directory, base, 'log');
    const logSize = fs.stat(path)?.size ?? 0;
    const bytes = fs.readFile(segmentPath(directory, base, 'index'), { maxBytes: MAX_INDEX_BYTES });
    const index = OffsetIndex.decode(bytes, {
      baseOffset: base,
      logSize,
      maxEntries: bytes.length,
    });
    const entry = index.lookup(offset);
    if (entry < 0) return 0;
    const position = index.positionAt(entry);
    return pointsAtBatch(fs, path, position, logSize, index.offsetAt(entry)) ? position : 0;
  } catch (error) {
    if (isVarveError(error, 'NOT_FOUND') || isVarveError(error, 'CORRUPT_INDEX')) return 0;
    throw error;
  }
}

function pointsAtBatch(
  fs: FileSystem,
  path: string,
  position: number,
  logSize: number,
  offset: number,
): boolean {
  if (position + BATCH_OVERHEAD > logSize) return false;
  const file = fs.openLog(path, {
    create: false,
    size: logSize,
    maxBytes: logSize,
    readOnly: true,
  });
  try {
    const { view, start } = file.window(position, BATCH_OVERHEAD);
    const at = position - start;
    const bytes = sizeInBytes(view, at);
    return (
      magic(view, at) === MAGIC_V2 &&
      bytes >= BATCH_OVERHEAD &&
      position + bytes <= logSize &&
      baseOffset(view, at) <= offset
    );
  } finally {
    void file.close({ keepReserved: true });
  }
}

function corrupt(scan: BatchScan): VarveError {
  return new VarveError(
    'CORRUPT_MESSAGE',
    `${scan.path}: damage at position ${scan.position}: ${scan.reason}; run \`varve log verify\` on the directory`,
    { details: { path: scan.path, position: scan.position, reason: scan.reason } },
  );
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
