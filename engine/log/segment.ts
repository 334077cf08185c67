import { assert } from '../assert.js';
import type { TopicConfig } from '../config.js';
import { isVarveError, VarveError } from '../errors.js';
import {
  baseOffset,
  lastOffset,
  magic,
  maxTimestamp,
  sizeInBytes,
} from '../format/batch-header.js';
import { BATCH_OVERHEAD, MAGIC_V2 } from '../format/layout.js';
import type { SegmentFileSuffix } from '../format/segment-file-name.js';
import type { FileSystem, LogFile } from '../io/port.js';
import type { IndexCache } from './index-cache.js';
import { OFFSET_INDEX_ENTRY_BYTES, OffsetIndex } from './offset-index.js';
import { RecentBatches } from './recent-batches.js';
import { SEGMENT_SIDE_KINDS, segmentPath, UnsyncedFiles } from './segment-files.js';
import { TIME_INDEX_ENTRY_BYTES, TimeIndex } from './time-index.js';

/** What every segment of one partition shares. */
export interface SegmentContext {
  readonly fs: FileSystem;
  readonly directory: string;
  readonly config: TopicConfig;
  readonly indexes: IndexCache;
  /** Told when an index on disk turns out wrong and is rebuilt from the log. */
  readonly onIndexRebuilt: (path: string, cause: unknown) => void;
}

/** Index files are small; a longer one is not an index. */
const MAX_INDEX_FILE_BYTES = 256 * 1024 * 1024;

/**
 * One `.log` file and its indexes. The log file is opened and sealed segments' indexes are loaded when
 * first needed. The active segment's indexes live in memory and reach the disk when it is sealed or closed:
 * after a crash they are rebuilt from the log, never trusted.
 */
export class Segment {
  readonly baseOffset: number;
  /** Bytes of data. */
  size: number;
  /** When this object was made, wall clock; the age of a segment whose records have no timestamp. */
  readonly createdMs: number;
  /** Jitter subtracted from segment.ms, drawn once per segment. */
  rollJitterMs = 0;
  /** Largest record timestamp so far (-1: none) and the last offset of the batch that had it. */
  maxTimestampMs = -1;
  offsetOfMaxTimestamp: number;
  /** Max timestamp of the first batch; -1 before there is one or when it has none. */
  #firstTimestampMs: number | null = null;

  readonly #context: SegmentContext;
  #file: LogFile | null = null;
  #offsetIndex: OffsetIndex | null = null;
  #timeIndex: TimeIndex | null = null;
  #active: boolean;
  /** Of the batches that this object has seen appended, while it is active. */
  #recent: RecentBatches | null = null;
  #bytesSinceLastEntry = 0;
  /** True while the index files on disk equal the indexes in memory: only then may memory be given back. */
  #indexesSaved = false;
  /** Index files that recovery wrote and no flush has covered yet. */
  #unsynced: UnsyncedFiles | null = null;
  #removed = false;
  /** What the files are on their way to; null: they are the log's. */
  #logSuffix: SegmentFileSuffix | null = null;
  #sideSuffix: SegmentFileSuffix | null = null;

  private constructor(context: SegmentContext, baseOffset: number, size: number, active: boolean) {
    this.#context = context;
    this.baseOffset = baseOffset;
    this.size = size;
    this.createdMs = context.fs.clock.now();
    this.offsetOfMaxTimestamp = baseOffset;
    this.#active = active;
  }

  /** A new, empty, active segment. Its directory entry is durable after `syncDirectory`. */
  static create(context: SegmentContext, baseOffset: number): Segment {
    const segment = new Segment(context, baseOffset, 0, true);
    segment.#file = context.fs.openLog(segment.path, {
      create: true,
      size: 0,
      maxBytes: context.config.segmentBytes,
    });
    segment.#newIndexes();
    return segment;
  }

  /**
   * An empty segment for compaction to fill, not yet part of the log: its files are `.cleaned`. Their directory
   * entries are durable after `syncDirectory`.
   */
  static createCleaned(context: SegmentContext, baseOffset: number, maxBytes: number): Segment {
    const segment = new Segment(context, baseOffset, 0, true);
    segment.#logSuffix = 'cleaned';
    segment.#sideSuffix = 'cleaned';
    segment.#file = context.fs.openLog(segment.path, { create: true, size: 0, maxBytes });
    segment.#newIndexes();
    return segment;
  }

  /** A segment that is on disk with `size` bytes of data. Nothing is opened yet. */
  static attach(context: SegmentContext, baseOffset: number, size: number): Segment {
    return new Segment(context, baseOffset, size, false);
  }

  /** The log file's. */
  get path(): string {
    return segmentPath(this.#context.directory, this.baseOffset, 'log', this.#logSuffix);
  }

  /** True until compaction's output counts: it can be thrown away. */
  get isCleaned(): boolean {
    return this.#logSuffix === 'cleaned';
  }

  get isActive(): boolean {
    return this.#active;
  }

  /** The log file, opened on first use. */
  get file(): LogFile {
    if (this.#file === null) {
      assert(!this.#removed, `segment ${this.path} is used after it was removed`);
      this.#file = this.#context.fs.openLog(this.path, {
        create: false,
        size: this.size,
        maxBytes: this.#context.config.segmentBytes,
        readOnly: !this.#active,
      });
    }
    return this.#file;
  }

  get isOpen(): boolean {
    return this.#file !== null;
  }

  get offsetIndex(): OffsetIndex {
    if (this.#offsetIndex === null) this.#loadIndexes();
    else if (this.#indexesSaved) this.#context.indexes.touch(this);
    return this.#offsetIndex!;
  }

  get timeIndex(): TimeIndex {
    if (this.#timeIndex === null) this.#loadIndexes();
    else if (this.#indexesSaved) this.#context.indexes.touch(this);
    return this.#timeIndex!;
  }

  /** Bytes of memory that `dropIndexes` would give back. */
  get indexMemoryBytes(): number {
    return (this.#offsetIndex?.memoryBytes ?? 0) + (this.#timeIndex?.memoryBytes ?? 0);
  }

  get isIndexFull(): boolean {
    return this.offsetIndex.isFull || this.timeIndex.isFull;
  }

  /** Max timestamp of the first batch, or -1: what "waited" is counted from when rolling by time. */
  get firstTimestampMs(): number {
    if (this.#firstTimestampMs === null) {
      if (this.size < BATCH_OVERHEAD) return -1;
      const window = this.file.window(0, BATCH_OVERHEAD);
      this.#firstTimestampMs = maxTimestamp(window.view, 0 - window.start);
    }
    return this.#firstTimestampMs;
  }

  /** Largest timestamp, falling back to the file's modification time as Kafka does when records have none. */
  get largestTimestampMs(): number {
    if (this.maxTimestampMs < 0 && this.size > 0) void this.timeIndex;
    if (this.maxTimestampMs >= 0) return this.maxTimestampMs;
    return this.#context.fs.stat(this.path)?.modifiedMs ?? this.createdMs;
  }

  /**
   * Accounts for one batch just written at `size`: index entries by Kafka's per-batch rule (4.1+,
   * LogSegment.append), then the size. The caller commits the bytes to the file.
   */
  accept(batchBytes: number, batchLastOffset: number, batchMaxTimestampMs: number): void {
    if (batchMaxTimestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = batchMaxTimestampMs;
      this.offsetOfMaxTimestamp = batchLastOffset;
    }
    if (
      this.#bytesSinceLastEntry > this.#context.config.indexIntervalBytes &&
      // One append of many batches may fill an index half-way; the next append rolls.
      !this.isIndexFull
    ) {
      this.#offsetIndex!.append(batchLastOffset, this.size);
      this.#timeIndex!.maybeAppend(this.maxTimestampMs, this.offsetOfMaxTimestamp);
      this.#bytesSinceLastEntry = 0;
    }
    if (this.size === 0) this.#firstTimestampMs = batchMaxTimestampMs;
    this.#recent ??= new RecentBatches();
    this.#recent.add(this.size, batchBytes, batchLastOffset);
    this.size += batchBytes;
    this.#bytesSinceLastEntry += batchBytes;
  }

  /**
   * Position of the first batch whose last offset is at or above `offset`, or -1 when the segment has none.
   * Kafka: LogSegment.translateOffset.
   */
  positionOf(offset: number): number {
    const recent = this.#recent?.positionOf(offset) ?? -1;
    if (recent >= 0) return recent;
    try {
      return this.#scanFor(offset, this.#indexedPosition(offset));
    } catch (error) {
      if (this.#active || !isVarveError(error, 'CORRUPT_MESSAGE')) throw error;
      // A lying index looks the same as a damaged log: only the log can tell, so rebuild and look again.
      this.#rebuildOrKeep(error);
      return this.#scanFor(offset, this.#indexedPosition(offset));
    }
  }

  #indexedPosition(offset: number): number {
    const index = this.offsetIndex;
    const entry = index.lookup(offset);
    if (entry < 0) return 0;
    const position = index.positionAt(entry);
    const window = this.#headerAt(position);
    const at = position - window.start;
    if (
      magic(window.view, at) !== MAGIC_V2 ||
      baseOffset(window.view, at) > index.offsetAt(entry)
    ) {
      throw this.#corrupt(position, `index entry ${entry} does not point at a batch`);
    }
    return position;
  }

  #scanFor(offset: number, from: number): number {
    let position = from;
    while (position < this.size) {
      const window = this.#headerAt(position);
      const view = window.view;
      const start = window.start;
      const limit = Math.min(window.end, this.size);
      while (position + BATCH_OVERHEAD <= limit) {
        const at = position - start;
        const bytes = sizeInBytes(view, at);
        if (bytes < BATCH_OVERHEAD || position + bytes > this.size) {
          throw this.#corrupt(position, `batch length ${bytes} does not fit the segment`);
        }
        if (lastOffset(view, at) >= offset) return position;
        position += bytes;
      }
    }
    return -1;
  }

  /** Size of the batch at the batch boundary `position`, which lies wholly in the segment. Throws CORRUPT_MESSAGE. */
  batchBytesAt(position: number): number {
    const recent = this.#recent?.bytesAt(position) ?? -1;
    if (recent >= 0) return recent;
    const window = this.#headerAt(position);
    const bytes = sizeInBytes(window.view, position - window.start);
    if (bytes < BATCH_OVERHEAD || position + bytes > this.size) {
      throw this.#corrupt(position, `batch length ${bytes} does not fit the segment`);
    }
    return bytes;
  }

  #headerAt(position: number) {
    if (position + BATCH_OVERHEAD > this.size) {
      throw this.#corrupt(position, 'a batch header ends beyond the segment');
    }
    return this.file.window(position, BATCH_OVERHEAD);
  }

  #corrupt(position: number, reason: string): VarveError {
    return new VarveError(
      'CORRUPT_MESSAGE',
      `${this.path}: at position ${position} of ${this.size}: ${reason}; run \`varve log verify\` on the directory`,
      { details: { path: this.path, position, size: this.size, reason } },
    );
  }

  /**
   * Greatest batch boundary at or below `limit`, at or above `from` (itself a boundary). Walks from the last
   * index entry below the limit, so the cost does not grow with the distance.
   */
  boundaryAtOrBelow(limit: number, from: number): number {
    if (limit >= this.size) return this.size;
    const recent = this.#recent?.boundaryAtOrBelow(limit) ?? -1;
    if (recent >= 0) return Math.max(from, recent);
    const entry = this.offsetIndex.lookupPosition(limit);
    let position = entry < 0 ? from : Math.max(from, this.offsetIndex.positionAt(entry));
    while (position < limit) {
      const window = this.#headerAt(position);
      const bytes = sizeInBytes(window.view, position - window.start);
      if (bytes < BATCH_OVERHEAD) throw this.#corrupt(position, `batch length ${bytes}`);
      if (position + bytes > limit) break;
      position += bytes;
    }
    return position;
  }

  /** Offset after the last batch, found from the last index entry on; the base offset when empty. */
  readNextOffset(): number {
    if (this.size === 0) return this.baseOffset;
    const last = this.offsetIndex.count - 1;
    const from = last < 0 ? 0 : this.#indexedPosition(this.offsetIndex.offsetAt(last));
    let next = this.baseOffset;
    this.forEachHeader(from, (view, at) => {
      next = lastOffset(view, at) + 1;
    });
    return next;
  }

  /** Visits every batch header from the batch boundary `from` to the end. Structure is checked, CRCs are not. */
  forEachHeader(from: number, visit: (view: DataView, at: number, position: number) => void): void {
    let position = from;
    while (position < this.size) {
      const window = this.#headerAt(position);
      const limit = Math.min(window.end, this.size);
      while (position + BATCH_OVERHEAD <= limit) {
        const at = position - window.start;
        const bytes = sizeInBytes(window.view, at);
        if (bytes < BATCH_OVERHEAD || position + bytes > this.size) {
          throw this.#corrupt(position, `batch length ${bytes} does not fit the segment`);
        }
        visit(window.view, at, position);
        position += bytes;
      }
    }
  }

  /** Visits every batch, whole, from the batch boundary `from` to the end. Structure is checked, CRCs are not. */
  forEachBatch(from: number, visit: (buffer: Buffer, view: DataView, at: number) => void): void {
    for (let position = from; position < this.size; ) {
      const header = this.#headerAt(position);
      const bytes = sizeInBytes(header.view, position - header.start);
      if (bytes < BATCH_OVERHEAD || position + bytes > this.size) {
        throw this.#corrupt(position, `batch length ${bytes} does not fit the segment`);
      }
      const window = this.file.window(position, bytes);
      visit(window.buffer, window.view, position - window.start);
      position += bytes;
    }
  }

  /** Makes the segment writable at its end: what loading does with the last segment. */
  activate(rollJitterMs: number): void {
    assert(this.#file === null, 'a segment is activated before its file is opened');
    this.#active = true;
    void this.offsetIndex;
    this.#keepIndexes();
    this.rollJitterMs = rollJitterMs;
    const last = this.#offsetIndex!.count - 1;
    this.#bytesSinceLastEntry = this.size - (last < 0 ? 0 : this.#offsetIndex!.positionAt(last));
  }

  /** The indexes in memory are about to differ from those on disk. */
  #keepIndexes(): void {
    this.#indexesSaved = false;
    this.#context.indexes.remove(this);
  }

  #newIndexes(): void {
    this.#keepIndexes();
    this.#offsetIndex = new OffsetIndex(this.baseOffset, this.#maxOffsetEntries);
    this.#timeIndex = new TimeIndex(this.baseOffset, this.#maxTimeEntries);
  }

  get #maxOffsetEntries(): number {
    return Math.floor(this.#context.config.segmentIndexBytes / OFFSET_INDEX_ENTRY_BYTES);
  }

  get #maxTimeEntries(): number {
    return Math.floor(this.#context.config.segmentIndexBytes / TIME_INDEX_ENTRY_BYTES);
  }

  #loadIndexes(): void {
    try {
      const { fs } = this.#context;
      const offsets = fs.readFile(this.#sidePath('index'), { maxBytes: MAX_INDEX_FILE_BYTES });
      const times = fs.readFile(this.#sidePath('timeindex'), { maxBytes: MAX_INDEX_FILE_BYTES });
      // An index written under a larger segment.index.bytes is still a good index.
      this.#offsetIndex = OffsetIndex.decode(offsets, {
        baseOffset: this.baseOffset,
        logSize: this.size,
        maxEntries: Math.max(this.#maxOffsetEntries, offsets.length),
      });
      this.#timeIndex = TimeIndex.decode(times, {
        baseOffset: this.baseOffset,
        maxEntries: Math.max(this.#maxTimeEntries, times.length),
      });
      this.#indexesSaved = true;
    } catch (error) {
      if (!isVarveError(error, 'NOT_FOUND') && !isVarveError(error, 'CORRUPT_INDEX')) throw error;
      this.rebuildIndexes(error);
    }
    this.#loadMaxTimestamp();
    if (this.#indexesSaved) this.#context.indexes.touch(this);
  }

  /** The time index ends with the segment's largest timestamp, but a batch after its last entry may top it. */
  #loadMaxTimestamp(): void {
    const times = this.#timeIndex!;
    if (times.count === 0) return;
    const last = times.count - 1;
    this.maxTimestampMs = times.timestampAt(last);
    this.offsetOfMaxTimestamp = times.offsetAt(last);
  }

  #sidePath(kind: 'index' | 'timeindex' | 'txnindex'): string {
    return segmentPath(this.#context.directory, this.baseOffset, kind, this.#sideSuffix);
  }

  /** Gives the `.log` file another suffix; it stays open. Durable after `syncDirectory`. */
  renameLog(suffix: SegmentFileSuffix | null): void {
    const from = this.path;
    this.#context.fs.rename(
      from,
      segmentPath(this.#context.directory, this.baseOffset, 'log', suffix),
    );
    this.#logSuffix = suffix;
  }

  /** The same for the files beside it, those that exist. */
  renameSides(suffix: SegmentFileSuffix | null): void {
    const { fs, directory } = this.#context;
    for (const kind of SEGMENT_SIDE_KINDS) {
      const from = this.#sidePath(kind);
      if (fs.stat(from) === null) continue;
      fs.rename(from, segmentPath(directory, this.baseOffset, kind, suffix));
    }
    this.#sideSuffix = suffix;
  }

  /** Empty indexes and counters, for a scan that calls `accept` on every batch again. */
  resetForRecovery(): void {
    this.#newIndexes();
    this.#bytesSinceLastEntry = 0;
    this.maxTimestampMs = -1;
    this.offsetOfMaxTimestamp = this.baseOffset;
    this.#firstTimestampMs = null;
    this.#recent = null;
    this.size = 0;
  }

  /** Where the log itself is damaged the indexes are all that leads past it: they stay as they are. */
  #rebuildOrKeep(cause: unknown): void {
    const offsets = this.#offsetIndex;
    const times = this.#timeIndex;
    const { maxTimestampMs, offsetOfMaxTimestamp } = this;
    const saved = this.#indexesSaved;
    try {
      this.rebuildIndexes(cause);
    } catch (error) {
      this.#offsetIndex = offsets;
      this.#timeIndex = times;
      this.maxTimestampMs = maxTimestampMs;
      this.offsetOfMaxTimestamp = offsetOfMaxTimestamp;
      this.#indexesSaved = saved;
      throw error;
    }
  }

  /** Rebuilds both indexes from batch headers, in memory. */
  rebuildIndexes(cause: unknown): void {
    const size = this.size;
    const wasActive = this.#active;
    this.#newIndexes();
    const offsets = this.#offsetIndex!;
    const times = this.#timeIndex!;
    const interval = this.#context.config.indexIntervalBytes;
    let sinceLast = 0;
    this.maxTimestampMs = -1;
    this.forEachHeader(0, (view, at, position) => {
      const timestamp = maxTimestamp(view, at);
      const last = lastOffset(view, at);
      if (timestamp > this.maxTimestampMs) {
        this.maxTimestampMs = timestamp;
        this.offsetOfMaxTimestamp = last;
      }
      if (sinceLast > interval && !offsets.isFull && !times.isFull) {
        offsets.append(last, position);
        times.maybeAppend(this.maxTimestampMs, this.offsetOfMaxTimestamp);
        sinceLast = 0;
      }
      sinceLast += sizeInBytes(view, at);
    });
    if (!wasActive) {
      times.maybeAppend(this.maxTimestampMs, this.offsetOfMaxTimestamp, { final: true });
    }
    assert(this.size === size, 'rebuilding indexes does not change the log');
    this.#bytesSinceLastEntry = sinceLast;
    this.#context.onIndexRebuilt(this.path, cause);
  }

  /**
   * After a recovery scan, which read the file as it was found. A segment that stays inactive is sealed as rolling
   * would have done; the last one is left for `activate`, and its file is cut when it is opened for appending.
   */
  async endRecovery(isLast: boolean): Promise<void> {
    await this.#file?.close({ keepReserved: true });
    this.#file = null;
    this.#recent = null;
    if (isLast) return;
    this.#timeIndex!.maybeAppend(this.maxTimestampMs, this.offsetOfMaxTimestamp, { final: true });
    // Nothing is synced here: the recovery point stays below this segment until a flush has covered it.
    await this.#cutTail();
    this.#unsynced = new UnsyncedFiles(this.#context.fs);
    await this.#unsynced.write(this.#sidePath('index'), this.#offsetIndex!.encode());
    await this.#unsynced.write(this.#sidePath('timeindex'), this.#timeIndex!.encode());
    this.#indexesSaved = true;
    this.#context.indexes.touch(this);
  }

  /** Forgets a sealed segment's indexes; they are read again when needed. */
  dropIndexes(): void {
    if (!this.#indexesSaved) return;
    this.#indexesSaved = false;
    this.#offsetIndex = null;
    this.#timeIndex = null;
  }

  /** Ends appending: the last time entry is forced (Kafka: onBecomeInactiveSegment). */
  becomeInactive(): void {
    if (!this.#active) return;
    this.#timeIndex!.maybeAppend(this.maxTimestampMs, this.offsetOfMaxTimestamp, {
      final: true,
    });
    this.#active = false;
    this.#recent = null;
  }

  /** Gives back reserved space and writes the index files, synced. */
  async seal(): Promise<void> {
    assert(!this.#active, 'only an inactive segment is sealed');
    // Not used since recovery: what that cut is still in the file, and a clean stop makes the next start believe it.
    if (this.#file === null) await this.#cutTail();
    else await this.#file.seal();
    await this.saveIndexes();
  }

  /** Takes away what the file has behind the data. It is not open. */
  async #cutTail(): Promise<void> {
    const { fs } = this.#context;
    if ((fs.stat(this.path)?.size ?? 0) <= this.size) return;
    const file = fs.openLog(this.path, { create: false, size: this.size, maxBytes: this.size });
    await file.close();
  }

  /** Writes the index files as the indexes are now, synced. Nothing to do for indexes that are not in memory. */
  async saveIndexes(): Promise<void> {
    const offsets = this.#offsetIndex;
    const times = this.#timeIndex;
    if (offsets === null || times === null || this.#indexesSaved || this.#removed) return;
    const offsetBytes = offsets.encode();
    const timeBytes = times.encode();
    await this.#context.fs.writeFile(this.#sidePath('index'), offsetBytes);
    if (this.#removed) return;
    await this.#context.fs.writeFile(this.#sidePath('timeindex'), timeBytes);
    if (this.#active || this.#removed || this.#offsetIndex !== offsets) return;
    this.#indexesSaved = true;
    this.#context.indexes.touch(this);
  }

  /** Synced; after a recovery with the next flush, as the other indexes. */
  async writeTransactionIndex(bytes: Buffer): Promise<void> {
    const path = this.#sidePath('txnindex');
    if (this.#unsynced === null) await this.#context.fs.writeFile(path, bytes);
    else await this.#unsynced.write(path, bytes);
  }

  /** Resolves when the log file, and indexes that recovery wrote, survive power loss. */
  flush(): Promise<void> {
    return this.#unsynced === null ? this.file.flush() : this.#flushWithIndexes();
  }

  async #flushWithIndexes(): Promise<void> {
    await this.file.flush();
    if (!this.#removed) await this.#unsynced?.sync();
    this.#unsynced = null;
  }

  /** Cuts at `position` (a batch boundary), durably, and cuts the indexes at `offset`. */
  async truncate(position: number, offset: number): Promise<void> {
    void this.offsetIndex;
    this.#keepIndexes();
    const sizeBefore = this.size;
    this.#recent = null;
    this.size = position;
    this.#offsetIndex!.truncateTo(offset);
    this.#timeIndex!.truncateTo(offset);
    this.maxTimestampMs = -1;
    this.offsetOfMaxTimestamp = this.baseOffset;
    if (position === 0) this.#firstTimestampMs = null;
    this.#loadMaxTimestamp();
    if (!this.#active) {
      // A sealed segment's file is open for reading only; it is about to take appends again.
      await this.#file?.close({ keepReserved: true });
      this.#file = null;
      this.#active = true;
      this.#file = this.#context.fs.openLog(this.path, {
        create: false,
        // Callers may hold views of all of it: the file must know what it is about to cut.
        size: sizeBefore,
        maxBytes: this.#context.config.segmentBytes,
      });
    }
    await this.file.truncate(position);
    this.#refreshMaxTimestamp();
    const last = this.#offsetIndex!.count - 1;
    this.#bytesSinceLastEntry = this.size - (last < 0 ? 0 : this.#offsetIndex!.positionAt(last));
  }

  /** Takes batches after the last time entry into account. */
  #refreshMaxTimestamp(): void {
    const last = this.#offsetIndex!.count - 1;
    const from = last < 0 ? 0 : this.#offsetIndex!.positionAt(last);
    this.forEachHeader(from, (view, at) => {
      const timestamp = maxTimestamp(view, at);
      if (timestamp > this.maxTimestampMs) {
        this.maxTimestampMs = timestamp;
        this.offsetOfMaxTimestamp = lastOffset(view, at);
      }
    });
  }

  /** After loading the last segment: batches after the last time entry count too. */
  refreshMaxTimestamp(): void {
    void this.timeIndex;
    this.#refreshMaxTimestamp();
  }

  /** Paths of every file of this segment that may exist. */
  filePaths(): string[] {
    return [this.path, ...SEGMENT_SIDE_KINDS.map((kind) => this.#sidePath(kind))];
  }

  async close(options: { readonly keepReserved?: boolean } = {}): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close(options);
  }

  /** Closes and forgets; the caller renames or deletes the files. */
  async discard(): Promise<void> {
    this.#removed = true;
    this.#context.indexes.remove(this);
    await this.close({ keepReserved: true });
  }
}
