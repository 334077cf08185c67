import { assert } from '../assert.js';
import { parseTopicConfig, type TopicConfig } from '../config.js';
import { isVarveError, VarveError } from '../errors.js';
import {
  assignOffsetAndEpoch,
  baseOffset,
  baseSequence,
  isControl,
  isTransactional,
  lastOffset,
  lastSequence,
  maxTimestamp,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
  setMaxTimestamp,
  sizeInBytes,
} from '../format/batch-header.js';
import { BatchOptions, batchSizeBound, writeBatch } from '../format/batch-writer.js';
import { BATCH_OVERHEAD } from '../format/layout.js';
import { openFileSystem } from '../io/index.js';
import type { LogRecord, RecordInput } from '../types.js';
import { checkTimestamp, validateBatches } from './batch-validation.js';
import {
  type CompactionHost,
  type CompactionOptions,
  type CompactionReport,
  compactLog,
  firstDirtyOffset,
  planOf,
  SwapFailure,
} from './cleaner.js';
import { makeDurableDirectory } from './durable-directory.js';
import { FlushQueue, poisonedBy } from './flush-queue.js';
import { IndexCache } from './index-cache.js';
import { loadLog, type RecoveryReport } from './log-loader.js';
import * as maintenance from './log-maintenance.js';
import {
  type AppendBatchesOptions,
  type AppendOptions,
  AppendResult,
  type CheckpointedOffsets,
  type LoadLogOptions,
  type LogCheckpoints,
  type LogEvent,
  type OpenLogOptions,
  type TopicSettings,
} from './log-options.js';
import {
  findByTimestamp,
  type LogRead,
  type ReadOptions,
  readBatches,
  readRecord,
  type TimestampAndOffset,
} from './log-reader.js';
import { type LogState, readableEnd, requireOffset } from './log-state.js';
import { Mutex } from './mutex.js';
import { OwnCheckpoints, requireNoOwner } from './own-checkpoints.js';
import { checkMarker, replayBatch } from './producer-replay.js';
import { addSequence } from './producer-state.js';
import { iterateRecords, type RecordsOptions } from './record-iterator.js';
import { drawRollJitterMs, type RollReason, shouldRoll } from './roll.js';
import { Segment } from './segment.js';
import { writeTransactions } from './transaction-files.js';
import { Waiters } from './waiters.js';

const DEFAULT_INDEX_CACHE_BYTES = 64 * 1024 * 1024;
const NO_OPTIONS: AppendOptions = {};
const BATCH_DEFAULTS: AppendBatchesOptions = {};

/**
 * One partition's log: record batches in segment files, in Kafka's format.
 *
 * Appending is synchronous: when `append` returns, the bytes are in the page cache and survive the death of
 * this process. They survive power loss once `flush` resolves. One object owns a directory; its methods
 * may be called in any order from one thread. After a failed sync or write the log refuses writes
 * (LOG_POISONED) and goes on serving reads.
 */
export class PartitionLog {
  readonly directory: string;
  /** What opening found and mended. */
  readonly recovery: RecoveryReport;
  readonly #state: LogState;
  readonly #checkpoints: LogCheckpoints;
  readonly #flushes: FlushQueue;
  readonly #waiters = new Waiters();
  readonly #maintenance = new Mutex();
  readonly #checkpointWrites = new Mutex();
  readonly #background = new Set<Promise<void>>();
  readonly #onEvent: (event: LogEvent) => void;
  readonly #batch = new BatchOptions();
  readonly #incoming = { bytes: 0, lastOffset: 0, maxTimestampMs: -1 };
  readonly #now: () => number;
  #leaderEpoch: number;
  /** Segments with bytes that no sync has covered, oldest first. */
  #unsynced: Segment[];
  /** Rolled, but not trimmed and on disk yet: the recovery point kept on disk stays below them. */
  readonly #unsealed = new Set<Segment>();
  #directoryUnsynced = false;
  #epochVersionWritten: number;
  #unflushedRecords = 0;
  #flushTimer: NodeJS.Timeout | null = null;
  #truncating = false;
  /** Whether anything on disk may differ from what a clean open found: a log that was only read closes at once. */
  #isTouched: boolean;
  #compaction: AbortController | null = null;
  #closing: Promise<void> | null = null;

  private constructor(
    state: LogState,
    recovery: RecoveryReport,
    options: LoadLogOptions,
    onEvent: (event: LogEvent) => void,
  ) {
    this.#state = state;
    this.recovery = recovery;
    this.directory = options.directory;
    this.#checkpoints = options.checkpoints;
    this.#onEvent = onEvent;
    this.#now = () => state.context.fs.clock.now();
    this.#leaderEpoch = options.leaderEpoch ?? Math.max(0, state.epochs.latestEpoch);
    // After a kill the page cache still holds what the last process never synced.
    const { segments } = state;
    this.#unsynced = segments.all().slice(Math.max(0, segments.floorIndex(state.recoveryPoint)));
    this.#directoryUnsynced = !recovery.wasClean;
    this.#epochVersionWritten = recovery.epochsChanged ? -1 : state.epochs.version;
    this.#isTouched = !recovery.wasClean || recovery.epochsChanged;
    this.#flushes = new FlushQueue({
      sync: () => this.#sync(),
      onFailure: (cause) => this.#poison(cause),
    });
  }

  /**
   * Opens one log on its own, taking the directory's lock. After an unclean stop it is recovered first: see
   * `recovery`. Fails with DIRECTORY_LOCKED, INVALID_CONFIG, READ_ONLY, DISK_FULL, CORRUPT_MESSAGE (damage in the
   * part that was closed cleanly).
   */
  static async open(options: OpenLogOptions): Promise<PartitionLog> {
    const { fs = openFileSystem(), ...rest } = options;
    await makeDurableDirectory(fs, options.directory);
    requireNoOwner(fs, options.directory);
    const checkpoints = new OwnCheckpoints(fs, options.directory);
    try {
      // Again: a data directory that opened since has not seen this lock, one that opens from now on will.
      requireNoOwner(fs, options.directory);
      return await PartitionLog.load({ ...rest, fs, checkpoints });
    } catch (error) {
      checkpoints.abandon();
      throw error;
    }
  }

  /** Opens a partition directory for an owner that keeps its checkpoints (a data directory, or one log alone). */
  static async load(options: LoadLogOptions): Promise<PartitionLog> {
    let log: PartitionLog | null = null;
    const early: LogEvent[] = [];
    const onEvent = options.onEvent ?? (() => undefined);
    const config = parseTopicConfig(options.config ?? {});
    const { clean, cleanerOffset = 0, ...offsets } = await options.checkpoints.take();
    const context = {
      fs: options.fs,
      directory: options.directory,
      config,
      indexes: options.indexes ?? new IndexCache(DEFAULT_INDEX_CACHE_BYTES),
      onIndexRebuilt: (path: string, cause: unknown) => {
        const event: LogEvent = { kind: 'index-rebuilt', path, cause };
        if (log === null) early.push(event);
        else log.#indexRebuilt(event);
      },
    };
    const { state, report } = await loadLog(context, {
      clean,
      cleanerOffset,
      logStartOffset: offsets.logStartOffset,
      recoveryPoint: offsets.recoveryPoint,
      ...(options.onProgress && { onProgress: options.onProgress }),
    });
    log = new PartitionLog(state, report, options, onEvent);
    for (const event of early) onEvent(event);
    if (early.length > 0) log.#isTouched = true;
    // A recovery point above the log's end must not outlive this: new appends would be taken for checked.
    if (state.recoveryPoint < offsets.recoveryPoint) {
      try {
        await log.#saveCheckpoint();
      } catch (error) {
        for (const segment of state.segments.all()) await segment.close({ keepReserved: true });
        throw error;
      }
    }
    return log;
  }

  /** Earliest offset that can be read. */
  get logStartOffset(): number {
    return this.#state.logStartOffset;
  }

  /** The next offset to be assigned. */
  get logEndOffset(): number {
    return this.#state.nextOffset;
  }

  /** Everything below it is on disk. */
  get recoveryPoint(): number {
    return this.#state.recoveryPoint;
  }

  /** Readers see offsets below it: the log end while nobody sets it. */
  get highWatermark(): number {
    return readableEnd(this.#state);
  }

  /** Offset below which no transaction is open, at most the high watermark. */
  get lastStableOffset(): number {
    return Math.min(this.highWatermark, this.#state.producers.firstUnstableOffset ?? Infinity);
  }

  /** Where the uncompacted part begins. Kafka: the cleaner checkpoint. */
  get firstDirtyOffset(): number {
    return firstDirtyOffset(this.#state);
  }

  /** Bytes that compaction could clean, as a share of those and the clean ones: what min.cleanable.dirty.ratio is compared with. */
  get cleanableRatio(): number {
    return planOf(this.#state).dirtyRatio;
  }

  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }

  get config(): TopicConfig {
    return this.#state.context.config;
  }

  /** Why the log refuses writes, or null. */
  get poisoned(): VarveError | null {
    return this.#state.poisoned;
  }

  /** True once `close` has been called. */
  get isClosed(): boolean {
    return this.#state.closed;
  }

  /**
   * Puts other settings in force at once: checks and rolls look at them with the next append, retention with its
   * next round. A segment keeps the sizes it was made with. Fails with INVALID_CONFIG.
   */
  updateConfig(config: TopicSettings): void {
    const parsed = parseTopicConfig(config);
    this.#state.context.config = parsed;
    this.#state.producers.expirationMs = parsed.producerIdExpirationMs;
  }

  /** What checkpoints may say of this log now. Their recovery point may be below `recoveryPoint`. */
  get checkpointedOffsets(): CheckpointedOffsets {
    const { logStartOffset, cleanerOffset } = this.#state;
    let { recoveryPoint } = this.#state;
    for (const { baseOffset: unsealed } of this.#unsealed) {
      recoveryPoint = Math.min(recoveryPoint, unsealed);
    }
    return { recoveryPoint, logStartOffset, cleanerOffset };
  }

  get segmentCount(): number {
    return this.#state.segments.count;
  }

  /** Bytes of all segments' data. */
  get sizeBytes(): number {
    return this.#state.segments.sizeBytes();
  }

  /** Base offset, size and largest timestamp of each segment, oldest first. */
  segments(): { baseOffset: number; sizeBytes: number; endOffset: number; isActive: boolean }[] {
    const { segments, nextOffset } = this.#state;
    return segments.all().map((segment, i) => ({
      baseOffset: segment.baseOffset,
      sizeBytes: segment.size,
      endOffset: segments.endOffset(i, nextOffset),
      isActive: segment.isActive,
    }));
  }

  /**
   * Appends records as one batch, in their order. When it returns they survive the death of this process; to
   * survive power loss, wait for `flush` or use `appendDurable`. Fails before anything is appended with
   * INVALID_RECORD, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE (max.message.bytes), OUT_OF_ORDER_SEQUENCE_NUMBER,
   * INVALID_PRODUCER_EPOCH, DISK_FULL, LOG_POISONED or CLOSED.
   */
  append(records: readonly RecordInput[], options: AppendOptions = NO_OPTIONS): AppendResult {
    const state = this.#state;
    this.#requireWritable();
    const count = records.length;
    if (count === 0) throw new VarveError('INVALID_ARGUMENT', 'there are no records to append');
    const { config } = state.context;
    const batch = this.#batch;
    const bound = batchSizeBound(records, 0, count);
    const baseOffset = state.nextOffset;
    batch.baseOffset = baseOffset;
    batch.leaderEpoch = this.#leaderEpoch;
    batch.compression = options.compression ?? 'none';
    batch.compressionLevel = options.compressionLevel;
    batch.timestampType = config.messageTimestampType;
    batch.producerId = options.producerId ?? -1;
    batch.producerEpoch = options.producerEpoch ?? -1;
    batch.baseSequence = options.baseSequence ?? -1;
    batch.isTransactional = options.isTransactional ?? false;
    batch.now = this.#now();
    const last = baseOffset + count - 1;
    if (batch.producerId >= 0) {
      const duplicate = this.#checkProducer(batch, count);
      if (duplicate !== null) return duplicate;
    }
    if (config.cleanupPolicy !== 'delete') requireKeys(records);

    let segment = state.segments.active;
    let file = segment.file;
    file.reserve(bound);
    const at = file.at;
    let bytes: number;
    try {
      bytes = writeBatch(file.buffer, file.view, at, records, 0, count, batch);
      if (bytes > config.maxMessageBytes) throw tooLarge(bytes, config.maxMessageBytes);
      if (bytes > config.segmentBytes) throw largerThanSegment(bytes, config.segmentBytes);
      if (batch.timestampType === 'CreateTime') this.#checkTimestamps(records, batch, config);
      const reason = this.#rollReason(segment, bytes, last, batch.maxTimestamp);
      if (reason !== null) {
        const next = this.#roll(reason, bytes);
        if (next !== segment) {
          next.file.buffer.set(file.buffer.subarray(at, at + bytes), next.file.at);
          erase(file.buffer, at);
          segment = next;
          file = next.file;
        }
      }
      file.commit(bytes);
    } catch (error) {
      // What was refused must not be found behind the data by a recovery.
      erase(file.buffer, file.at);
      throw error;
    }
    segment.accept(bytes, last, batch.maxTimestamp);
    if (batch.producerId >= 0) this.#updateProducer(batch, baseOffset, last);
    this.#appended(last + 1, count);
    return new AppendResult(baseOffset, last, false);
  }

  /** `append`, resolved when the records survive power loss. Calls under way share syncs (group commit). */
  async appendDurable(
    records: readonly RecordInput[],
    options: AppendOptions = NO_OPTIONS,
  ): Promise<AppendResult> {
    const result = this.append(records, options);
    await this.flush();
    return result;
  }

  /**
   * Appends ready batches. As `client` (default): checked by the leader's rules, then offsets and epoch are
   * assigned in place. As `replication`: kept byte for byte; offsets must continue this log. `bytes` holds whole
   * batches and nothing else; it is copied once. Nothing is appended when any of them is refused.
   */
  appendBatches(bytes: Uint8Array, options: AppendBatchesOptions = BATCH_DEFAULTS): AppendResult {
    const state = this.#state;
    this.#requireWritable();
    const { config } = state.context;
    const origin = options.origin ?? 'client';
    const source = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const sourceView = new DataView(source.buffer, source.byteOffset, source.byteLength);
    const now = this.#now();
    validateBatches({
      bytes: source,
      view: sourceView,
      config,
      origin,
      nextOffset: state.nextOffset,
      nowMs: now,
      checkCrcs: options.checkCrcs ?? true,
      checkRecords: options.checkRecords ?? false,
    });
    const assigns = origin !== 'replication';
    const plan = this.#planOf(sourceView, source.length, assigns);
    if (assigns) {
      const duplicate = this.#checkReadyProducers(source, sourceView);
      if (duplicate !== null) return duplicate;
    }
    let segment = state.segments.active;
    const reason = this.#rollReason(segment, source.length, plan.lastOffset, plan.maxTimestamp);
    if (reason !== null) segment = this.#roll(reason, source.length, plan.baseOffset);
    const file = segment.file;
    file.reserve(source.length);
    const { buffer, view, at } = file;
    buffer.set(source, at);
    if (assigns) this.#assign(buffer, view, at, source.length, now);
    try {
      file.commit(source.length);
    } catch (error) {
      erase(buffer, at);
      throw error;
    }
    this.#acceptBatches(segment, source.length);
    this.#appended(plan.lastOffset + 1, plan.records);
    return new AppendResult(plan.baseOffset, plan.lastOffset, false);
  }

  #planOf(view: DataView, length: number, assigns: boolean) {
    let next = assigns ? this.#state.nextOffset : baseOffset(view, 0);
    const base = next;
    let max = -1;
    for (let at = 0; at < length; at += sizeInBytes(view, at)) {
      next = assigns ? next + lastOffset(view, at) + 1 : lastOffset(view, at) + 1;
      max = Math.max(max, maxTimestamp(view, at));
    }
    return { baseOffset: base, lastOffset: next - 1, maxTimestamp: max, records: next - base };
  }

  #assign(buffer: Buffer, view: DataView, from: number, length: number, now: number): void {
    let offset = this.#state.nextOffset;
    const appendTime = this.#state.context.config.messageTimestampType === 'LogAppendTime';
    for (let at = from; at < from + length; at += sizeInBytes(view, at)) {
      const records = lastOffset(view, at) + 1;
      assignOffsetAndEpoch(view, at, offset, this.#leaderEpoch);
      if (appendTime) setMaxTimestamp(buffer, view, at, true, now);
      offset += records;
    }
  }

  #acceptBatches(segment: Segment, length: number): void {
    const { producers, transactions, epochs } = this.#state;
    const { buffer, view, start } = segment.file.window(segment.size, length);
    const end = segment.size - start + length;
    for (let at = segment.size - start; at < end; ) {
      const size = sizeInBytes(view, at);
      const epoch = partitionLeaderEpoch(view, at);
      if (epoch > epochs.latestEpoch) epochs.assign(epoch, baseOffset(view, at));
      segment.accept(size, lastOffset(view, at), maxTimestamp(view, at));
      if (producerId(view, at) >= 0) replayBatch(producers, transactions, buffer, view, at);
      at += size;
    }
  }

  /** Reads whole batches as one view. See `LogRead`. */
  read(offset: number, options?: ReadOptions): LogRead {
    this.#requireOpen();
    return readBatches(this.#state, offset, options);
  }

  /** The record at `offset`, or the next one there is, or null at the end. CRC checked only if asked. */
  readRecord(offset: number, options?: { readonly checkCrcs?: boolean }): LogRecord | null {
    this.#requireOpen();
    return readRecord(this.#state, offset, options);
  }

  /**
   * Records from an offset to the end, or to `to`, in order. Their bytes are views. Fails with OFFSET_OUT_OF_RANGE
   * and CORRUPT_MESSAGE.
   */
  records(options: RecordsOptions = {}): Generator<LogRecord, void, void> {
    this.#requireOpen();
    return iterateRecords(this.#state, options);
  }

  /** Like `records`, and then waits for more until `signal` aborts or the log is closed, which ends it quietly. */
  async *follow(
    options: RecordsOptions & { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<LogRecord, void, void> {
    const { signal, to = Number.POSITIVE_INFINITY } = options;
    let from = options.from ?? this.logStartOffset;
    while (from < to && !signal?.aborted && !this.isClosed) {
      for (const record of iterateRecords(this.#state, { ...options, from })) {
        yield record;
        from = record.offset + 1;
        if (signal?.aborted || this.isClosed) return;
      }
      from = Math.max(from, Math.min(readableEnd(this.#state), to));
      if (from >= to) return;
      try {
        await this.waitFor(from, signal);
      } catch (error) {
        if (isVarveError(error, 'ABORTED') || isVarveError(error, 'CLOSED')) return;
        throw error;
      }
    }
  }

  /** The first record with a timestamp at or above `timestampMs` (milliseconds since 1970), or null. */
  findByTimestamp(timestampMs: number): TimestampAndOffset | null {
    this.#requireOpen();
    return findByTimestamp(this.#state, timestampMs);
  }

  /** Resolves when a record at `offset` can be read; at once if it can. Rejects ABORTED or CLOSED. */
  waitFor(offset: number, signal?: AbortSignal): Promise<void> {
    this.#requireOpen();
    requireOffset(offset);
    if (offset < readableEnd(this.#state)) return Promise.resolve();
    return this.#waiters.wait(offset, signal);
  }

  /** Resolves when everything appended before the call survives power loss. */
  flush(): Promise<void> {
    const state = this.#state;
    if (state.poisoned !== null) return Promise.reject(state.poisoned);
    if (state.closed) return Promise.reject(closedError(this.directory));
    if (this.#truncating)
      return this.#maintenance.run(async () => undefined).then(() => this.flush());
    return this.#flushes.flush();
  }

  /** Starts a new segment now, unless the active one is empty. */
  roll(): void {
    this.#requireWritable();
    if (this.#state.segments.active.size > 0) this.#roll('asked', 0);
  }

  /** Sets what readers may see: replication's high watermark. Null: the log stands alone again. */
  setHighWatermark(offset: number | null): void {
    const state = this.#state;
    if (offset !== null) {
      requireOffset(offset, 'highWatermark');
      assert(offset <= state.nextOffset, 'the high watermark is not above the log end');
      state.producers.onHighWatermark(offset);
    }
    state.highWatermark = offset;
    this.#waiters.wake(readableEnd(state));
  }

  /** Becomes leader of `epoch`: batches appended from now on carry it. Older epochs are refused. */
  setLeaderEpoch(epoch: number): void {
    if (!Number.isInteger(epoch) || epoch < this.#state.epochs.latestEpoch) {
      throw new VarveError(
        'FENCED_LEADER_EPOCH',
        `leader epoch ${epoch} is below the log's latest, ${this.#state.epochs.latestEpoch}`,
        { details: { epoch, latestEpoch: this.#state.epochs.latestEpoch } },
      );
    }
    this.#leaderEpoch = epoch;
    this.#state.epochs.assign(epoch, this.#state.nextOffset);
    this.#isTouched = true;
  }

  /** The epoch that `offset` was written in, and where an epoch ends: what followers ask to find divergence. */
  endOffsetForEpoch(epoch: number): { epoch: number; endOffset: number } {
    return this.#state.epochs.endOffsetFor(epoch, this.#state.nextOffset);
  }

  get latestEpoch(): number {
    return this.#state.epochs.latestEpoch;
  }

  /** Aborted transactions overlapping [from, to), for readers of committed data. */
  abortedTransactions(from: number, to: number): { producerId: number; firstOffset: number }[] {
    return this.#state.transactions.collectAborted(from, to).aborted.map((entry) => ({
      producerId: entry.producerId,
      firstOffset: entry.firstOffset,
    }));
  }

  /**
   * Makes `offset` the log start: records below it can no longer be read, and segments wholly below it are
   * deleted. Resolves when that survives power loss. Kafka: DeleteRecords.
   */
  deleteRecordsBefore(offset: number): Promise<void> {
    requireOffset(offset);
    return this.#exclusive(async () => {
      if (offset > readableEnd(this.#state)) {
        throw new VarveError(
          'OFFSET_OUT_OF_RANGE',
          `cannot delete records before ${offset}: the high watermark is ${readableEnd(this.#state)}`,
          { details: { offset, highWatermark: readableEnd(this.#state) } },
        );
      }
      if (!this.config.cleanupPolicy.includes('delete')) {
        throw new VarveError(
          'POLICY_VIOLATION',
          'records of a topic with cleanup.policy=compact are not deleted by offset; add `delete` to the policy',
        );
      }
      if (offset <= this.#state.logStartOffset) return;
      this.#isTouched = true;
      maintenance.moveLogStart(this.#state, offset);
      await this.#saveCheckpoint();
      await this.#retain({
        retentionMs: Number.POSITIVE_INFINITY,
        retentionBytes: Number.POSITIVE_INFINITY,
      });
    });
  }

  /**
   * Deletes whole segments by retention.ms, retention.bytes and log start, and forgets idle producers by
   * producer.id.expiration.ms. Returns the number of segments.
   */
  applyRetention(): Promise<number> {
    return this.#exclusive(() => {
      this.#state.producers.expire(this.#now());
      return this.#retain();
    });
  }

  /**
   * Compacts the log if it is due (cleanup.policy with compact): of each key only the latest record stays, with
   * its offset. Runs in slices beside appends and reads; truncating or closing the log stops it. Fails with
   * POLICY_VIOLATION, ABORTED (what was done stays), CORRUPT_MESSAGE (a damaged batch: nothing is rewritten),
   * DISK_FULL. Kafka: LogCleaner.
   */
  compact(options?: CompactionOptions): Promise<CompactionReport> {
    return this.#exclusive(async () => {
      if (this.config.cleanupPolicy === 'delete') {
        throw new VarveError(
          'POLICY_VIOLATION',
          'a log with cleanup.policy=delete is not compacted; add `compact` to the policy',
        );
      }
      const stop = new AbortController();
      this.#compaction = stop;
      try {
        this.#isTouched = true;
        const report = await compactLog(this.#compactionHost(stop.signal), options);
        if (report.compacted) this.#onEvent({ kind: 'compacted', report });
        return report;
      } catch (error) {
        if (error instanceof SwapFailure) this.#poison(error.cause);
        throw this.#state.poisoned ?? error;
      } finally {
        this.#compaction = null;
      }
    });
  }

  #compactionHost(signal: AbortSignal): CompactionHost {
    return {
      state: this.#state,
      signal,
      settle: async () => {
        await Promise.all(this.#background);
        await this.#flushes.flush();
      },
      saveCheckpoint: () => this.#saveCheckpoint(),
    };
  }

  /** Cuts the log at `offset`: everything from it on is gone, durably, when this resolves. Kafka: truncateTo. */
  truncateTo(offset: number): Promise<void> {
    requireOffset(offset);
    this.#compaction?.abort();
    return this.#exclusive(async () => {
      this.#truncating = true;
      this.#isTouched = true;
      try {
        await this.#settle();
        await this.#lowerCheckpoints(offset);
        const created = await maintenance.truncateTo(this.#state, offset);
        if (created !== null) this.#unsynced = [];
        this.#unsynced = this.#unsynced.filter((segment) => this.#owns(segment));
        const { active } = this.#state.segments;
        if (!this.#unsynced.includes(active)) this.#unsynced.push(active);
        this.#directoryUnsynced = true;
        await this.#sync();
        await this.#saveCheckpoint();
        this.#onEvent({ kind: 'truncated', offset });
      } catch (error) {
        this.#poison(error);
        throw error;
      } finally {
        this.#truncating = false;
      }
    });
  }

  /** Forgets everything and starts again, empty, at `offset`. */
  truncateFullyAndStartAt(offset: number): Promise<void> {
    requireOffset(offset);
    this.#compaction?.abort();
    return this.#exclusive(async () => {
      this.#truncating = true;
      this.#isTouched = true;
      try {
        await this.#settle();
        await this.#lowerCheckpoints(0);
        await maintenance.startAt(this.#state, offset);
        this.#unsynced = [this.#state.segments.active];
        this.#directoryUnsynced = true;
        await this.#sync();
        await this.#saveCheckpoint();
      } catch (error) {
        this.#poison(error);
        throw error;
      } finally {
        this.#truncating = false;
      }
    });
  }

  /**
   * Closes cleanly: flushes everything, writes indexes and the producer snapshot, and leaves the mark that lets
   * the next open skip recovery. Waiting readers are told CLOSED. Idempotent. A poisoned log is closed without
   * the mark, so that the next open recovers it.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const state = this.#state;
    state.closed = true;
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    this.#compaction?.abort();
    this.#waiters.fail(closedError(this.directory));
    await this.#maintenance.run(async () => undefined);
    await this.#settle();
    let failure: unknown = null;
    if (state.poisoned === null && this.#isTouched) {
      try {
        await maintenance.sealActive(state);
        this.#unsynced.push(state.segments.active);
        this.#directoryUnsynced = true;
        await this.#sync();
        await this.#saveCheckpoint();
      } catch (error) {
        this.#poison(error);
        failure = error;
      }
    }
    for (const segment of state.segments.all()) {
      await segment.close({ keepReserved: state.poisoned !== null });
    }
    await this.#checkpoints.release(state.poisoned === null);
    if (failure !== null) throw poisonedBy(failure);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- appending

  #requireOpen(): void {
    if (this.#state.closed) throw closedError(this.directory);
  }

  #requireWritable(): void {
    const state = this.#state;
    if (state.poisoned !== null) throw state.poisoned;
    if (state.closed) throw closedError(this.directory);
    if (this.#truncating) {
      throw new VarveError(
        'LOG_BUSY',
        `${this.directory} is being truncated; append again when it is done`,
        {
          retriable: true,
        },
      );
    }
  }

  #rollReason(
    segment: Segment,
    bytes: number,
    last: number,
    maxTimestampMs: number,
  ): RollReason | null {
    const incoming = this.#incoming;
    incoming.bytes = bytes;
    incoming.lastOffset = last;
    incoming.maxTimestampMs = maxTimestampMs;
    return shouldRoll(segment, incoming, this.#state.context.config, this.#now);
  }

  /** A new active segment with room for `bytes`; on failure nothing has changed. */
  #roll(reason: RollReason | 'asked', bytes: number, base = this.#state.nextOffset): Segment {
    const state = this.#state;
    const previous = state.segments.active;
    if (previous.size === 0 && previous.baseOffset === base) return previous;
    const next = Segment.create(state.context, base);
    try {
      if (bytes > 0) next.file.reserve(bytes);
    } catch (error) {
      this.#takeBack(next);
      throw error;
    }
    next.rollJitterMs = drawRollJitterMs(state.context.config);
    this.#isTouched = true;
    previous.becomeInactive();
    this.#unsealed.add(previous);
    state.segments.add(next);
    this.#unsynced.push(next);
    this.#directoryUnsynced = true;
    state.producers.advanceTo(base);
    const snapshot = maintenance.snapshotOf(state);
    this.#inBackground(this.#finishRoll(previous, base, snapshot));
    this.#onEvent({ kind: 'rolled', baseOffset: base, reason });
    return next;
  }

  /**
   * A segment that got no space goes at once: found after a crash, it would end the one before it at its base
   * offset, whatever that has taken meanwhile.
   */
  #takeBack(segment: Segment): void {
    const { fs } = this.#state.context;
    const doomed = `${segment.path}.deleted`;
    try {
      fs.rename(segment.path, doomed);
    } catch (error) {
      this.#poison(error);
    }
    this.#directoryUnsynced = true;
    this.#inBackground(segment.discard().then(() => fs.remove(doomed)));
  }

  /** What rolling leaves for later, off the append path. Kafka flushes the old segment in the background too. */
  async #finishRoll(previous: Segment, base: number, snapshot: Buffer): Promise<void> {
    await maintenance.writeSnapshot(this.#state, base, snapshot);
    await previous.seal();
    await writeTransactions(this.#state, previous);
    await this.#flushes.flush();
    // The trimmed length too: below the recovery point nobody looks for reserved space behind the data.
    await previous.flush();
    this.#unsealed.delete(previous);
    await this.#saveCheckpoint();
  }

  #appended(nextOffset: number, records: number): void {
    const state = this.#state;
    this.#isTouched = true;
    const { epochs } = state;
    const { config } = state.context;
    if (epochs.latestEpoch < this.#leaderEpoch) epochs.assign(this.#leaderEpoch, state.nextOffset);
    state.nextOffset = nextOffset;
    if (state.highWatermark === null) {
      if (state.producers.firstUnstableOffset !== null) state.producers.onHighWatermark(nextOffset);
      if (this.#waiters.lowest < nextOffset) this.#waiters.wake(nextOffset);
    }
    this.#unflushedRecords += records;
    if (this.#unflushedRecords >= config.flushMessages) {
      this.#inBackground(this.#flushes.flush());
    } else if (config.flushMs !== Number.POSITIVE_INFINITY) this.#flushLater(config.flushMs);
  }

  #flushLater(ms: number): void {
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = null;
      // Truncating syncs by itself, and no other sync may meet the segments it removes.
      if (this.#state.closed || this.#truncating) return;
      this.#inBackground(this.#flushes.flush());
    }, ms).unref();
  }

  #checkTimestamps(
    records: readonly RecordInput[],
    batch: BatchOptions,
    config: TopicConfig,
  ): void {
    checkTimestamp(batch.maxTimestamp, batch.now, config, 0);
    if (config.messageTimestampBeforeMaxMs === Number.POSITIVE_INFINITY) return;
    for (const record of records)
      checkTimestamp(record.timestamp ?? batch.now, batch.now, config, 0);
  }

  #checkProducer(batch: BatchOptions, count: number): AppendResult | null {
    const duplicate = this.#state.producers.check(
      {
        producerId: batch.producerId,
        producerEpoch: batch.producerEpoch,
        baseSequence: batch.baseSequence,
        lastSequence: addSequence(batch.baseSequence, count - 1),
        isTransactional: batch.isTransactional,
      },
      'client',
    );
    return duplicate && new AppendResult(duplicate.baseOffset, duplicate.lastOffset, true);
  }

  #updateProducer(batch: BatchOptions, baseOffset: number, last: number): void {
    this.#state.producers.update({
      producerId: batch.producerId,
      producerEpoch: batch.producerEpoch,
      baseSequence: batch.baseSequence,
      lastSequence: addSequence(batch.baseSequence, last - baseOffset),
      isTransactional: batch.isTransactional,
      baseOffset,
      lastOffset: last,
      maxTimestamp: batch.maxTimestamp,
    });
  }

  #checkReadyProducers(bytes: Buffer, view: DataView): AppendResult | null {
    for (let at = 0; at < view.byteLength; at += sizeInBytes(view, at)) {
      if (producerId(view, at) < 0) continue;
      if (sizeInBytes(view, at) !== view.byteLength) {
        throw new VarveError(
          'INVALID_RECORD',
          'batches of an idempotent producer are appended one at a time, as its sequence is checked for each',
        );
      }
      if (isControl(view, at)) {
        checkMarker(this.#state.producers, bytes, view, at);
        return null;
      }
      const duplicate = this.#state.producers.check(
        {
          producerId: producerId(view, at),
          producerEpoch: producerEpoch(view, at),
          baseSequence: baseSequence(view, at),
          lastSequence: lastSequence(view, at),
          isTransactional: isTransactional(view, at),
        },
        'client',
      );
      return duplicate && new AppendResult(duplicate.baseOffset, duplicate.lastOffset, true);
    }
    return null;
  }

  // --- durability and maintenance

  /** One sync of everything unsynced. Runs alone: in the flush queue, or while that is settled. */
  async #sync(): Promise<void> {
    const state = this.#state;
    // After a failed sync the kernel may have dropped the bytes: a second one would succeed without them.
    if (state.poisoned !== null) throw state.poisoned;
    const end = state.nextOffset;
    const covered = new Map(this.#unsynced.map((segment) => [segment, segment.size]));
    const flushed = this.#unflushedRecords;
    if (state.epochs.version !== this.#epochVersionWritten) {
      const { version } = state.epochs;
      await maintenance.writeEpochs(state);
      this.#epochVersionWritten = version;
    }
    for (const segment of covered.keys()) await segment.flush();
    if (this.#directoryUnsynced) {
      this.#directoryUnsynced = false;
      await state.context.fs.syncDirectory(this.directory);
    }
    this.#unflushedRecords -= flushed;
    // A segment that was rolled meanwhile may have got batches that its own sync came too early for.
    this.#unsynced = this.#unsynced.filter(
      (segment) => segment.isActive || segment.size > (covered.get(segment) ?? -1),
    );
    if (end > state.recoveryPoint) state.recoveryPoint = Math.min(end, state.nextOffset);
  }

  /** Durable when it resolves: the state at the time of writing, which is never older than the call. */
  #saveCheckpoint(): Promise<void> {
    return this.#checkpointWrites.run(() => {
      return this.#checkpoints.write(this.checkpointedOffsets);
    });
  }

  /**
   * Before the log is cut at `offset`: a crash half-way would leave checkpoints above the log's end, and what is
   * appended there later would count as checked, or as compacted.
   */
  async #lowerCheckpoints(offset: number): Promise<void> {
    const state = this.#state;
    if (state.recoveryPoint <= offset && state.cleanerOffset <= offset) return;
    state.recoveryPoint = Math.min(state.recoveryPoint, offset);
    state.cleanerOffset = Math.min(state.cleanerOffset, offset);
    await this.#saveCheckpoint();
  }

  async #retain(limits = {}): Promise<number> {
    const state = this.#state;
    const decision = maintenance.retentionOf(state, this.#now(), limits);
    if (decision.deletions.length === 0) return 0;
    this.#isTouched = true;
    if (decision.rollFirst) this.#roll('asked', 0);
    state.logStartOffset = Math.max(state.logStartOffset, decision.logStartOffset);
    // The new start first: a crash in between must not bring back half of what was deleted. On a full disk it
    // cannot be written, and deleting is what makes room.
    await this.#saveCheckpoint().catch((error: unknown) => {
      if (!isVarveError(error, 'DISK_FULL')) throw error;
    });
    await this.#settle();
    // From here to the first await nothing else runs, so that no sync meets a segment on its way out.
    const gone = maintenance.detachFirst(state, decision.deletions.length);
    this.#unsynced = this.#unsynced.filter((segment) => this.#owns(segment));
    await maintenance.deleteSegments(state, gone);
    await maintenance.deleteSnapshots(state, (at) => at < state.segments.first.baseOffset);
    for (const { baseOffset, explanation } of decision.deletions) {
      this.#onEvent({ kind: 'deleted', baseOffset, reason: explanation });
    }
    return decision.deletions.length;
  }

  #owns(segment: Segment): boolean {
    return this.#state.segments.indexOf(segment) >= 0;
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#maintenance.run(async () => {
      this.#requireWritable();
      return work();
    });
  }

  /** Waits for background work and syncs, leaving nothing under way. */
  async #settle(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
    await this.#flushes.idle();
  }

  #inBackground(work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((error: unknown) => this.#poison(error))
      .finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }

  #indexRebuilt(event: LogEvent & { readonly kind: 'index-rebuilt' }): void {
    this.#isTouched = true;
    this.#onEvent(event);
    const segment = this.#state.segments.all().find(({ path }) => path === event.path);
    if (segment !== undefined && !segment.isActive) this.#inBackground(segment.saveIndexes());
  }

  #poison(cause: unknown): void {
    const state = this.#state;
    if (state.poisoned !== null) return;
    state.poisoned = poisonedBy(cause);
    this.#onEvent({ kind: 'poisoned', cause });
  }
}

/** Makes the bytes behind the data unrecognisable as a batch. */
function erase(buffer: Buffer, at: number): void {
  buffer.fill(0, at, Math.min(buffer.length, at + BATCH_OVERHEAD));
}

function requireKeys(records: readonly RecordInput[]): void {
  for (let i = 0; i < records.length; i += 1) {
    if (records[i]!.key !== null && records[i]!.key !== undefined) continue;
    throw new VarveError(
      'INVALID_RECORD',
      `record ${i} has no key, which a topic with cleanup.policy=compact needs`,
      { details: { record: i } },
    );
  }
}

function tooLarge(bytes: number, limit: number): VarveError {
  return new VarveError(
    'MESSAGE_TOO_LARGE',
    `the batch has ${bytes} bytes, more than max.message.bytes ${limit}; append fewer or smaller records at a time`,
    { details: { bytes, limit } },
  );
}

function largerThanSegment(bytes: number, limit: number): VarveError {
  return new VarveError(
    'RECORD_LIST_TOO_LARGE',
    `the batch has ${bytes} bytes, more than segment.bytes ${limit}; append fewer or smaller records at a time`,
    { details: { bytes, limit } },
  );
}

function closedError(directory: string): VarveError {
  return new VarveError('CLOSED', `${directory} is closed`);
}
