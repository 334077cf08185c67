import { isVarveError } from '../errors.js';
import { BatchProblem } from '../format/batch-check.js';
import {
  baseOffset,
  isControl,
  lastOffset,
  maxTimestamp,
  partitionLeaderEpoch,
  recordsCount,
} from '../format/batch-header.js';
import { RecordCursor } from '../format/batch-reader.js';
import type { FileSystem } from '../io/port.js';
import type { EpochsCheck } from './inspect-epochs.js';
import type { Finding, FindingCode, Report } from './inspect-finding.js';
import { OffsetIndexCheck, TimeIndexCheck } from './inspect-indexes.js';
import { nextTurn } from './inspect-log.js';
import { BatchScan } from './inspect-scan.js';
import { segmentPath } from './segment-files.js';
import { TransactionIndex } from './transaction-index.js';

const MAX_INDEX_BYTES = 256 * 1024 * 1024;
const MAX_RELATIVE_OFFSET = 0x7fff_ffff;
const SLICE_BYTES = 8 * 1024 * 1024;
/** A batch being written, or space being cut, is settled after at most this long. */
const SETTLE_MS = 50;

export interface SegmentCheckOptions {
  readonly fs: FileSystem;
  readonly directory: string;
  readonly baseOffset: number;
  /** Base offset of the next segment; null for the last one. */
  readonly nextBase: number | null;
  /** What the offsets of the first batch must be at or above. */
  readonly expectedOffset: number;
  /** Decode every record, not only check the checksums. */
  readonly checkRecords: boolean;
  readonly epochs: EpochsCheck | null;
  /** Side files of this segment may not be written yet: the next open makes them. */
  readonly isUnsettled: boolean;
  /** Everything below it was on disk. */
  readonly flushedBelow: number;
  /** The mark of a clean shutdown is there: Kafka takes an index as it is. */
  readonly isClean: boolean;
  /** Damage before this segment already ends what a repair can keep. */
  readonly isLost: boolean;
  readonly signal: AbortSignal | undefined;
  readonly report: Report;
  readonly onProgress: (bytes: number) => void;
}

export interface SegmentSummary {
  readonly batches: number;
  readonly records: number;
  /** Bytes of data, without reserved space. */
  readonly bytes: number;
  /** Offset after the last good batch. */
  readonly nextOffset: number;
  /** File position of the first damage that a repair cuts at; null for none. */
  readonly cutAt: number | null;
  /** Offset at which the log ends when it is cut there; without damage the same as `nextOffset`. */
  readonly endIfCut: number;
}

/** Checks one segment: its batches, and its index files against them, in one pass over the log. */
export function checkSegment(options: SegmentCheckOptions): Promise<SegmentSummary> {
  return new SegmentCheck(options).run();
}

class SegmentCheck {
  readonly #options: SegmentCheckOptions;
  readonly #path: string;
  readonly #cursor = new RecordCursor();
  #offsetIndex: OffsetIndexCheck | null = null;
  #timeIndex: TimeIndexCheck | null = null;
  #aborted: TransactionIndex | null = null;
  #abortedAt = 0;
  #batches = 0;
  #records = 0;
  #nextOffset: number;
  #maxTimestampMs = -1;
  #cutAt: number | null = null;
  #endIfCut: number | null = null;
  #gaps = 0;

  constructor(options: SegmentCheckOptions) {
    this.#options = options;
    this.#path = segmentPath(options.directory, options.baseOffset, 'log');
    this.#nextOffset = Math.max(options.expectedOffset, options.baseOffset);
  }

  async run(): Promise<SegmentSummary> {
    // Indexes first: a live log grows before its index does.
    this.#openIndexes();
    const { fs, onProgress, signal } = this.#options;
    const scan = new BatchScan(fs, this.#path, { checkCrcs: true });
    try {
      let slice = SLICE_BYTES;
      while (await this.#advance(scan)) {
        this.#batch(scan);
        if (scan.position < slice) continue;
        slice = scan.position + SLICE_BYTES;
        onProgress(scan.position);
        await nextTurn();
        signal?.throwIfAborted();
      }
      this.#end(scan);
      onProgress(scan.fileBytes);
      this.#finishIndexes(scan);
      return {
        batches: this.#batches,
        records: this.#records,
        bytes: scan.position,
        nextOffset: this.#nextOffset,
        cutAt: this.#cutAt,
        endIfCut: this.#endIfCut ?? this.#nextOffset,
      };
    } finally {
      scan.close();
    }
  }

  /** Looks twice at damage where a live log may be writing at this moment. */
  async #advance(scan: BatchScan): Promise<boolean> {
    const mayChange = this.#options.nextBase === null;
    const found = scan.next();
    const isFine = found ? scan.problem === BatchProblem.BATCH_OK : scan.reason === null;
    if (isFine || !mayChange || scan.position + scan.size < scan.fileBytes - SLICE_BYTES) {
      return found;
    }
    if (!found && scan.bytesBeforeZeros() === 0) return false;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    scan.size = 0;
    scan.refresh();
    return scan.next();
  }

  #batch(scan: BatchScan): void {
    const { view, at, position } = scan;
    const first = baseOffset(view, at);
    const last = lastOffset(view, at);
    if (scan.problem !== BatchProblem.BATCH_OK) {
      this.#cut('bad-batch', position, first, `batch of ${scan.size} bytes: ${scan.reason}`);
      // Its length led to what may be the next batch; its offsets are worth nothing.
      this.#offsetIndex?.batch(position, first, last);
      this.#timeIndex?.batch(last, maxTimestamp(view, at));
      return;
    }
    this.#batches += 1;
    const { baseOffset: base, nextBase } = this.#options;
    if (first < this.#nextOffset) {
      this.#cut(
        'offset-order',
        position,
        first,
        `offsets ${first}..${last} where ${this.#nextOffset} or above must follow`,
      );
    } else if (nextBase !== null && last >= nextBase) {
      this.#cut(
        'offset-order',
        position,
        first,
        `offsets ${first}..${last} reach into the next segment, which begins at ${nextBase}`,
      );
    } else if (last - base > MAX_RELATIVE_OFFSET) {
      this.#cut(
        'offset-order',
        position,
        first,
        `offset ${last} is more than 2^31-1 above the segment's base offset ${base}`,
      );
    } else {
      // Behind damage a gap says nothing new.
      if (first > this.#nextOffset && this.#cutAt === null) this.#gaps += 1;
      this.#nextOffset = last + 1;
    }
    this.#records += recordsCount(view, at);
    const timestamp = maxTimestamp(view, at);
    if (timestamp > this.#maxTimestampMs) this.#maxTimestampMs = timestamp;
    this.#offsetIndex?.batch(position, first, last);
    this.#timeIndex?.batch(last, timestamp);
    this.#options.epochs?.batch(partitionLeaderEpoch(view, at), first, last, this.#path, position);
    if (this.#aborted !== null) this.#checkMarkers(scan, first, last);
    if (this.#options.checkRecords) this.#checkRecords(scan, first);
  }

  #checkRecords(scan: BatchScan, first: number): void {
    const cursor = this.#cursor;
    try {
      cursor.reset(scan.buffer, scan.view, scan.at);
      while (cursor.next());
    } catch (error) {
      if (!isVarveError(error)) throw error;
      const isMissingCodec = error.code === 'UNSUPPORTED_COMPRESSION_TYPE';
      this.#say(isMissingCodec ? 'unchecked' : 'bad-records', {
        severity: isMissingCodec ? 'note' : 'damage',
        position: scan.position,
        offset: first,
        message: `the checksum is right, but its records cannot be read: ${error.message}`,
        repair: null,
      });
    }
  }

  #checkMarkers(scan: BatchScan, first: number, last: number): void {
    const entries = this.#aborted!.entries;
    for (; this.#abortedAt < entries.length; this.#abortedAt += 1) {
      const entry = entries[this.#abortedAt]!;
      if (entry.lastOffset > last) return;
      if (entry.lastOffset >= first && !isControl(scan.view, scan.at)) {
        this.#transactions(
          `says that offset ${entry.lastOffset} is an abort marker, but the batch there holds data`,
          entry.lastOffset,
        );
      }
    }
  }

  /** Nothing from here on was flushed, so an interrupted append is what a kill leaves, and no loss. */
  get #mayBeUnfinished(): boolean {
    const { nextBase, isClean, flushedBelow } = this.#options;
    return (
      nextBase === null && !isClean && this.#cutAt === null && this.#nextOffset >= flushedBelow
    );
  }

  /** What the scan stopped at. */
  #end(scan: BatchScan): void {
    const { nextBase } = this.#options;
    const rest = scan.fileBytes - scan.position;
    if (rest > 0) {
      const damaged = scan.bytesBeforeZeros();
      if (damaged > 0 && this.#mayBeUnfinished && scan.isUnfinished()) {
        this.#say('unfinished', {
          position: scan.position,
          offset: this.#nextOffset,
          message: `${damaged} bytes of a batch that was not finished: the log was killed while appending, and the next open cuts them`,
        });
      } else if (damaged > 0) {
        this.#cut(
          'torn-tail',
          scan.position,
          this.#nextOffset,
          `no batch here: ${scan.reason}; ${damaged} bytes follow that are not zeros`,
        );
      } else if (nextBase !== null && this.#nextOffset < nextBase) {
        this.#cut(
          'hole',
          scan.position,
          this.#nextOffset,
          `only zeros from here on, and offsets ${this.#nextOffset}..${nextBase - 1} are nowhere: a power failure lost them`,
        );
      } else {
        this.#say('reserved', {
          position: scan.position,
          message: `${rest} bytes of zeros behind the data: space reserved by a log that is in use or was killed`,
        });
      }
    } else if (nextBase !== null && this.#nextOffset < nextBase && this.#cutAt === null) {
      this.#gaps += 1;
    }
    if (this.#gaps > 0) {
      this.#say('gap', {
        offset: this.#nextOffset,
        message: `offsets are missing in ${this.#gaps === 1 ? 'one place' : `${this.#gaps} places`}, as compaction leaves it`,
      });
    }
  }

  #openIndexes(): void {
    const { baseOffset: base, report } = this.#options;
    const offsets = this.#read('index');
    if (offsets !== null) {
      this.#offsetIndex = new OffsetIndexCheck(this.#side('index'), offsets, base, report);
      this.#padding(this.#offsetIndex);
    }
    const times = this.#read('timeindex');
    if (times !== null) {
      this.#timeIndex = new TimeIndexCheck(this.#side('timeindex'), times, base, report);
      this.#padding(this.#timeIndex);
    }
    const aborted = this.#read('txnindex');
    if (aborted === null) return;
    try {
      this.#aborted = TransactionIndex.decode(aborted, base);
    } catch (error) {
      if (!isVarveError(error, 'CORRUPT_INDEX')) throw error;
      this.#transactions(error.message, null);
    }
  }

  #padding(index: OffsetIndexCheck | TimeIndexCheck): void {
    if (index.padding === 0) return;
    this.#options.report({
      severity: this.#options.isClean ? 'damage' : 'note',
      code:
        index instanceof OffsetIndexCheck && this.#options.isClean
          ? 'bad-index'
          : this.#options.isClean
            ? 'bad-time-index'
            : 'padded',
      path: index.path,
      position: null,
      offset: null,
      message: this.#options.isClean
        ? `${index.padding} zero entries at the end of an index that was closed cleanly: Kafka takes them for entries`
        : `${index.padding} zero entries at the end: a Kafka broker has it open or was killed`,
      repair: this.#options.isClean ? 'rebuilds it from the log' : null,
    });
  }

  #read(kind: 'index' | 'timeindex' | 'txnindex'): Buffer | null {
    try {
      return this.#options.fs.readFile(this.#side(kind), { maxBytes: MAX_INDEX_BYTES });
    } catch (error) {
      if (isVarveError(error, 'NOT_FOUND')) return null;
      throw error;
    }
  }

  #finishIndexes(scan: BatchScan): void {
    const { nextBase } = this.#options;
    const cut = this.#cutAt !== null;
    if (this.#offsetIndex === null) this.#missing('index', scan);
    else this.#offsetIndex.finish(scan.position, cut);
    if (this.#timeIndex === null) {
      this.#missing('timeindex', scan);
    } else {
      const isSealed = nextBase !== null || this.#options.isClean;
      if (isSealed && !this.#options.isUnsettled) {
        this.#timeIndex.requireLast(this.#maxTimestampMs);
      }
      this.#timeIndex.finish(cut);
    }
    const last = this.#aborted?.entries.at(-1);
    if (last !== undefined && last.lastOffset >= (nextBase ?? this.#nextOffset) && !cut) {
      this.#transactions(
        `knows of an abort marker at offset ${last.lastOffset}, which is not in this segment`,
        last.lastOffset,
      );
    }
  }

  #missing(kind: 'index' | 'timeindex', scan: BatchScan): void {
    if (scan.position === 0) return;
    const { isUnsettled, nextBase } = this.#options;
    const isActive = nextBase === null && !this.#options.isClean;
    const isFine = isUnsettled || isActive;
    this.#options.report({
      severity: isFine ? 'note' : 'damage',
      code: isFine ? 'not-written-yet' : kind === 'index' ? 'bad-index' : 'bad-time-index',
      path: this.#side(kind),
      position: null,
      offset: null,
      message: isFine
        ? 'is not there: the log is in use or was killed, and the next open makes it'
        : 'is missing',
      repair: isFine ? null : 'rebuilds it from the log',
    });
  }

  #transactions(message: string, offset: number | null): void {
    this.#options.report({
      severity: 'damage',
      code: 'bad-transaction-index',
      path: this.#side('txnindex'),
      position: null,
      offset,
      message,
      repair: 'rebuilds it from the log',
    });
  }

  #cut(code: FindingCode, position: number, offset: number, message: string): void {
    const isFirst = this.#cutAt === null;
    if (isFirst) {
      this.#cutAt = position;
      this.#endIfCut = this.#nextOffset;
    }
    const repair =
      isFirst && !this.#options.isLost
        ? `cuts the segment at ${position} and sets everything from there on aside`
        : 'goes with the damage before it';
    this.#say(code, { severity: 'damage', position, offset, message, repair });
  }

  #say(code: FindingCode, finding: Partial<Finding> & { readonly message: string }): void {
    this.#options.report({
      severity: 'note',
      code,
      path: this.#path,
      position: null,
      offset: null,
      repair: null,
      ...finding,
    });
  }

  #side(kind: 'index' | 'timeindex' | 'txnindex'): string {
    return segmentPath(this.#options.directory, this.#options.baseOffset, kind);
  }
}
