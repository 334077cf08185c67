import { assert } from '../assert.js';
import { parseTopicConfig, type TopicConfig } from '../config.js';
import { isVarveError, VarveError } from '../errors.js';
import {
  assignOffsetAndEpoch,
  baseOffset,
  isControl,
  lastOffset,
  lastOffsetDelta,
  maxTimestamp,
  partitionLeaderEpoch,
  producerId,
  setMaxTimestamp,
  sizeInBytes,
} from '../format/batch-header.js';
import { BatchOptions, batchSizeBound, writeBatch } from '../format/batch-writer.js';
import { BATCH_OVERHEAD, CRC_AT } from '../format/layout.js';
import type { ProducerSnapshotEntry } from '../format/producer-snapshot.js';
import { recordSizeBound, timestampOf } from '../format/record-encoder.js';
import { openFileSystem } from '../io/index.js';
import type { LogFile } from '../io/port.js';
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
import { poisonedBy } from './flush-queue.js';
import { IndexCache } from './index-cache.js';
import { JOINED_APPEND_BYTES, JoinedBatch } from './joined-batch.js';
import { LogDurability } from './log-durability.js';
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
import {
  checkProducer,
  checkReadyProducers,
  requireProducer,
  updateProducer,
} from './producer-gate.js';
import { noteBatch, replayBatch } from './producer-replay.js';
import { iterateRecords, type RecordsOptions } from './record-iterator.js';
import {
  busy,
  closedError,
  largerThanSegment,
  MAX_OFFSET_SPAN,
  requireKeys,
  requireOffsetSpan,
  tooLarge,
} from './refusals.js';
import { drawRollJitterMs, type RollReason, shouldRoll } from './roll.js';
import { Segment } from './segment.js';
import { clearTruncationMark, setTruncationMark } from './truncation-mark.js';
import { Waiters } from './waiters.js';

const DEFAULT_INDEX_CACHE_BYTES = 64 * 1024 * 1024;
const NO_OPTIONS: AppendOptions = {};
const BATCH_DEFAULTS: AppendBatchesOptions = {};
const NO_HEAD = Buffer.alloc(0);

/** Of large batches that stay as they are: written from where they lie. False: not done. */
function appendAsTheyAre(file: LogFile, source: Buffer): boolean {
  if (file.appendParts === undefined || !file.prefersParts?.(source.length)) return false;
  file.appendParts(NO_HEAD, source);
  return true;
}

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
  readonly #waiters = new Waiters();
  readonly #durability: LogDurability;
  readonly #maintenance = new Mutex();
  readonly #onEvent: (event: LogEvent) => void;
  readonly #batch = new BatchOptions();
  readonly #incoming = { bytes: 0, lastOffset: 0, maxTimestampMs: -1 };
  readonly #now: () => number;
  /** The start of a ready batch, with offset and epoch assigned. */
  readonly #head = newHead();
  /** Durable appends of this turn that are not in the log yet: `#current` puts them there. */
  readonly #joined: JoinedBatch;
  #endingJoined = false;
  #leaderEpoch: number;
  #truncating = false;
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
    this.#durability = new LogDurability(state, recovery, {
      checkpoints: options.checkpoints,
      onPoisoned: (cause) => onEvent({ kind: 'poisoned', cause }),
      onPostponed: (cause) => onEvent({ kind: 'postponed', cause }),
      beforeSync: () => this.#endJoined(),
    });
    this.#joined = new JoinedBatch((callers) => {
      this.#durability.flush().then(
        () => callers.resolve(),
        (error: unknown) => callers.reject(error),
      );
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
      // The first error counts, whatever becomes of the mark.
      await checkpoints.giveBack().catch(() => undefined);
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
      isRecoveryPointKnown: offsets.isRecoveryPointKnown ?? true,
      ...(options.onProgress && { onProgress: options.onProgress }),
    });
    log = new PartitionLog(state, report, options, onEvent);
    for (const event of early) onEvent(event);
    if (early.length > 0) log.#durability.isTouched = true;
    // A recovery point above the log's end must not outlive this: new appends would be taken for checked.
    if (state.recoveryPoint < offsets.recoveryPoint) {
      try {
        await log.#durability.saveCheckpoint();
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
    return this.#current.nextOffset;
  }

  /** Everything below it is on disk. */
  get recoveryPoint(): number {
    return this.#state.recoveryPoint;
  }

  /** Readers see offsets below it: the log end while nobody sets it. */
  get highWatermark(): number {
    return readableEnd(this.#current);
  }

  /** The high watermark that `setHighWatermark` set; null: the log stands alone. */
  get replicatedHighWatermark(): number | null {
    return this.#state.highWatermark;
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
    this.#requireOpen();
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
    const state = this.#current;
    state.context.config = parsed;
    state.producers.expirationMs = parsed.producerIdExpirationMs;
  }

  /** What checkpoints may say of this log now. Their recovery point may be below `recoveryPoint`. */
  get checkpointedOffsets(): CheckpointedOffsets {
    return this.#durability.checkpointedOffsets;
  }

  get segmentCount(): number {
    return this.#current.segments.count;
  }

  /** Bytes of all segments' data. */
  get sizeBytes(): number {
    return this.#current.segments.sizeBytes();
  }

  /** Base offset, size and largest timestamp of each segment, oldest first. */
  segments(): { baseOffset: number; sizeBytes: number; endOffset: number; isActive: boolean }[] {
    const { segments, nextOffset } = this.#current;
    return segments.all().map((segment, i) => ({
      baseOffset: segment.baseOffset,
      sizeBytes: segment.size,
      endOffset: segments.endOffset(i, nextOffset),
      isActive: segment.isActive,
    }));
  }

  /**
   * Appends records as one batch, in their order. When it returns they survive the death of this process; to
   * survive power loss, wait for `flush` or use `appendDurable`. flush.messages and flush.ms start syncs in the
   * background, which this does not wait for: `syncBeforeAck` says what to wait for. Fails before anything is appended with
   * INVALID_RECORD, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE (max.message.bytes), OUT_OF_ORDER_SEQUENCE_NUMBER,
   * INVALID_PRODUCER_EPOCH, DISK_FULL, LOG_POISONED or CLOSED.
   */
  append(records: readonly RecordInput[], options: AppendOptions = NO_OPTIONS): AppendResult {
    const state = this.#current;
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
    requireOffsetSpan(baseOffset, last);
    if (batch.producerId !== -1 || batch.isTransactional) requireProducer(batch);
    if (batch.producerId >= 0) {
      const duplicate = checkProducer(state.producers, batch, count);
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
    if (batch.producerId >= 0) updateProducer(state.producers, batch, { first: baseOffset, last });
    this.#appended(last + 1);
    return new AppendResult(baseOffset, last, false);
  }

  /**
   * `append`, resolved when the records survive power loss. Calls under way share syncs (group commit), and small
   * ones without options of one turn also share a batch: each gets its own offsets, in the order of the calls. A
   * truncation takes whole batches, so what must be cut apart later is appended with `append`. Fails as `append`
   * does; records are checked call by call, so nobody's append fails for another's record.
   */
  appendDurable(
    records: readonly RecordInput[],
    options: AppendOptions = NO_OPTIONS,
  ): Promise<AppendResult> {
    try {
      const joined = options === NO_OPTIONS ? this.#join(records) : null;
      if (joined !== null) return joined;
      const result = this.append(records, options);
      return this.flush().then(() => result);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Appends ready batches. As `client` (default): checked by the leader's rules, then offsets and epoch are
   * assigned in place. As `replication`: kept byte for byte; offsets must continue this log. `bytes` holds whole
   * batches and nothing else; it is copied once. Nothing is appended when any of them is refused. As durable as with
   * `append`.
   */
  appendBatches(bytes: Uint8Array, options: AppendBatchesOptions = BATCH_DEFAULTS): AppendResult {
    const state = this.#current;
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
    const plan = this.#planOf(sourceView, source.length, assigns, now);
    requireOffsetSpan(plan.baseOffset, plan.lastOffset);
    if (assigns) {
      const duplicate = checkReadyProducers(state.producers, source, sourceView);
      if (duplicate !== null) return duplicate;
    }
    let segment = state.segments.active;
    const reason = this.#rollReason(segment, source.length, plan.lastOffset, plan.maxTimestamp);
    if (reason !== null) {
      // A gap before the batches goes into the new segment where it fits: between two segments, a recovery could
      // not tell it from records that were lost.
      const isNear = plan.lastOffset - state.nextOffset <= MAX_OFFSET_SPAN;
      segment = this.#roll(reason, source.length, isNear ? state.nextOffset : plan.baseOffset);
    }
    const { file } = segment;
    const isWritten = assigns
      ? this.#appendOneReady(file, source, sourceView)
      : appendAsTheyAre(file, source);
    if (!isWritten) {
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
    }
    this.#acceptBatches(segment, sourceView, assigns, now);
    // A follower was perhaps leader of a later epoch, of which nothing is left.
    if (!assigns) this.#leaderEpoch = state.epochs.latestEpoch;
    this.#appended(plan.lastOffset + 1);
    return new AppendResult(plan.baseOffset, plan.lastOffset, false);
  }

  /** A single large batch is written from where it lies, but for the fields that the log sets. False: not done. */
  #appendOneReady(file: LogFile, source: Buffer, view: DataView): boolean {
    if (file.appendParts === undefined || !file.prefersParts?.(source.length)) return false;
    if (sizeInBytes(view, 0) !== source.length) return false;
    if (this.#state.context.config.messageTimestampType !== 'CreateTime') return false;
    const head = this.#head;
    source.copy(head.buffer, 0, 0, CRC_AT);
    assignOffsetAndEpoch(head.view, 0, this.#state.nextOffset, this.#leaderEpoch);
    file.appendParts(head.buffer, source.subarray(CRC_AT));
    return true;
  }

  #planOf(view: DataView, length: number, assigns: boolean, now: number) {
    const { nextOffset, context } = this.#state;
    let next = assigns ? nextOffset : baseOffset(view, 0);
    const base = next;
    // With LogAppendTime what the client says of time counts for nothing, for rolling neither.
    const appendTime = assigns && context.config.messageTimestampType === 'LogAppendTime';
    let max = appendTime ? now : -1;
    for (let at = 0; at < length; at += sizeInBytes(view, at)) {
      next = assigns ? next + lastOffset(view, at) + 1 : lastOffset(view, at) + 1;
      if (!appendTime) max = Math.max(max, maxTimestamp(view, at));
    }
    return { baseOffset: base, lastOffset: next - 1, maxTimestamp: max };
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

  /** Takes the batches of `source` into account, which lie at the segment's end now. Looks at the source: it is at hand. */
  #acceptBatches(segment: Segment, source: DataView, assigns: boolean, now: number): void {
    const { producers, transactions, epochs, context, nextOffset } = this.#state;
    const appendTime = assigns && context.config.messageTimestampType === 'LogAppendTime';
    let next = nextOffset;
    for (let at = 0; at < source.byteLength; ) {
      const size = sizeInBytes(source, at);
      const base = assigns ? next : baseOffset(source, at);
      const last = base + lastOffsetDelta(source, at);
      const epoch = assigns ? this.#leaderEpoch : partitionLeaderEpoch(source, at);
      if (epoch > epochs.latestEpoch) epochs.assign(epoch, base);
      const position = segment.size;
      const timestamp = appendTime ? now : maxTimestamp(source, at);
      segment.accept(size, last, timestamp);
      if (producerId(source, at) >= 0) {
        if (isControl(source, at)) {
          const { buffer, view, start } = segment.file.window(position, size);
          replayBatch(producers, transactions, buffer, view, position - start);
        } else noteBatch(producers, source, at, base, timestamp);
      }
      next = last + 1;
      at += size;
    }
  }

  /** Reads whole batches as one view. See `LogRead`. */
  read(offset: number, options?: ReadOptions): LogRead {
    this.#requireOpen();
    return readBatches(this.#current, offset, options);
  }

  /** The record at `offset`, or the next one there is, or null at the end. CRC checked only if asked. */
  readRecord(offset: number, options?: { readonly checkCrcs?: boolean }): LogRecord | null {
    this.#requireOpen();
    return readRecord(this.#current, offset, options);
  }

  /**
   * Records from an offset to the end, or to `to`, in order. Their bytes are views. Fails with OFFSET_OUT_OF_RANGE
   * and CORRUPT_MESSAGE.
   */
  records(options: RecordsOptions = {}): Generator<LogRecord, void, void> {
    this.#requireOpen();
    return iterateRecords(this.#current, options);
  }

  /** Like `records`, and then waits for more until `signal` aborts or the log is closed, which ends it quietly. */
  async *follow(
    options: RecordsOptions & { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<LogRecord, void, void> {
    const { signal, to = Number.POSITIVE_INFINITY } = options;
    let from = options.from ?? this.logStartOffset;
    while (from < to && !signal?.aborted && !this.isClosed) {
      const progress = { nextOffset: from };
      for (const record of iterateRecords(this.#current, { ...options, from }, progress)) {
        yield record;
        from = record.offset + 1;
        if (signal?.aborted || this.isClosed) return;
      }
      // Not to the end of what can be read: a batch that reaches above it comes whole, later.
      from = Math.max(from, progress.nextOffset);
      if (from >= to) return;
      try {
        await this.waitFor(Math.max(from, readableEnd(this.#current)), signal);
      } catch (error) {
        if (isVarveError(error, 'ABORTED') || isVarveError(error, 'CLOSED')) return;
        throw error;
      }
    }
  }

  /** The first record with a timestamp at or above `timestampMs` (milliseconds since 1970), or null. */
  findByTimestamp(timestampMs: number): TimestampAndOffset | null {
    this.#requireOpen();
    return findByTimestamp(this.#current, timestampMs);
  }

  /** Resolves when a record at `offset` can be read; at once if it can. Rejects ABORTED or CLOSED. */
  waitFor(offset: number, signal?: AbortSignal): Promise<void> {
    this.#requireOpen();
    requireOffset(offset);
    if (offset < readableEnd(this.#current)) return Promise.resolve();
    return this.#waiters.wait(offset, signal);
  }

  /** Resolves when everything appended before the call survives power loss. */
  flush(): Promise<void> {
    const state = this.#state;
    if (state.poisoned !== null) return Promise.reject(state.poisoned);
    if (state.closed) return Promise.reject(closedError(this.directory));
    if (this.#truncating)
      return this.#maintenance.run(async () => undefined).then(() => this.flush());
    return this.#durability.flush();
  }

  /**
   * What flush.messages makes an acknowledgement wait for: the sync (shared with all who wait) after which records up
   * to `endOffset` (exclusive) may be called written; null: now, as always with flush.messages at its default. So
   * that, with flush.messages=N, at most N-1 acknowledged records are not on disk at any time. A broker asks after
   * each append, also one that found a duplicate. Rejects with LOG_POISONED. Kafka: UnifiedLog.append, which syncs
   * inside.
   */
  syncBeforeAck(endOffset: number): Promise<void> | null {
    // No sync of its own may meet segments that are on their way out.
    if (this.#truncating || this.#state.closed) return this.flush();
    return this.#durability.syncBeforeAck(endOffset);
  }

  /** Starts a new segment now, unless the active one is empty. */
  roll(): void {
    this.#requireWritable();
    if (this.#current.segments.active.size > 0) this.#roll('asked', 0);
  }

  /** Sets what readers may see: replication's high watermark. Null: the log stands alone again. */
  setHighWatermark(offset: number | null): void {
    const state = this.#current;
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
    const { epochs, nextOffset } = this.#current;
    this.#leaderEpoch = epoch;
    epochs.assign(epoch, nextOffset);
    this.#durability.isTouched = true;
  }

  /** The epoch that `offset` was written in, and where an epoch ends: what followers ask to find divergence. */
  endOffsetForEpoch(epoch: number): { epoch: number; endOffset: number } {
    return this.#state.epochs.endOffsetFor(epoch, this.#current.nextOffset);
  }

  get latestEpoch(): number {
    return this.#state.epochs.latestEpoch;
  }

  /** The epoch that wrote `offset`; -1 below the first one known. */
  epochFor(offset: number): number {
    return this.#state.epochs.epochFor(offset);
  }

  /** Of all records, in milliseconds since 1970; -1 when there are none. */
  get largestTimestampMs(): number {
    let largest = -1;
    for (const segment of this.#state.segments.all()) {
      largest = Math.max(largest, segment.largestTimestampMs);
    }
    return largest;
  }

  /** What is known of each idempotent or transactional producer. */
  producers(): ProducerSnapshotEntry[] {
    this.#requireOpen();
    return this.#state.producers.takeSnapshot();
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
   * deleted. Resolves when that survives power loss. Kafka: DeleteRecords. A follower does it `asLeader` has done,
   * whatever the policy.
   */
  deleteRecordsBefore(
    offset: number,
    options: { readonly asLeader?: boolean } = {},
  ): Promise<void> {
    requireOffset(offset);
    return this.#exclusive(async () => {
      if (offset > readableEnd(this.#current)) {
        throw new VarveError(
          'OFFSET_OUT_OF_RANGE',
          `cannot delete records before ${offset}: the high watermark is ${readableEnd(this.#state)}`,
          { details: { offset, highWatermark: readableEnd(this.#state) } },
        );
      }
      if (!options.asLeader && !this.config.cleanupPolicy.includes('delete')) {
        throw new VarveError(
          'POLICY_VIOLATION',
          'records of a topic with cleanup.policy=compact are not deleted by offset; add `delete` to the policy',
        );
      }
      if (offset <= this.#state.logStartOffset) return;
      this.#durability.isTouched = true;
      maintenance.moveLogStart(this.#state, offset);
      await this.#durability.saveCheckpoint();
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
        this.#durability.isTouched = true;
        const report = await compactLog(this.#compactionHost(stop.signal), options);
        if (report.compacted) this.#onEvent({ kind: 'compacted', report });
        return report;
      } catch (error) {
        if (error instanceof SwapFailure) this.#durability.poison(error.cause);
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
        await this.#durability.backgroundIdle();
        await this.#durability.flush();
      },
      saveCheckpoint: () => this.#durability.saveCheckpoint(),
    };
  }

  /** Cuts the log at `offset`: everything from it on is gone, durably, when this resolves. Kafka: truncateTo. */
  truncateTo(offset: number): Promise<void> {
    requireOffset(offset);
    return this.#cut(offset, async () => {
      await maintenance.truncateTo(this.#state, offset);
    });
  }

  /** Forgets everything and starts again, empty, at `offset`. */
  truncateFullyAndStartAt(offset: number): Promise<void> {
    requireOffset(offset);
    return this.#cut(0, () => maintenance.startAt(this.#state, offset));
  }

  /** Runs `work`, which removes offsets from `from` on, with appends and syncs held off; durable when it resolves. */
  #cut(from: number, work: () => Promise<void>): Promise<void> {
    this.#compaction?.abort();
    return this.#exclusive(async () => {
      const durability = this.#durability;
      this.#endJoined();
      this.#truncating = true;
      durability.stop();
      durability.isTouched = true;
      try {
        await durability.settle();
        await durability.lowerCheckpoints(from);
        const { fs } = this.#state.context;
        await setTruncationMark(fs, this.directory);
        await work();
        durability.segmentsChanged(this.#state.segments.active);
        await durability.sync();
        await clearTruncationMark(fs, this.directory);
        await durability.saveCheckpoint();
        this.#onEvent({ kind: 'truncated', offset: this.#state.nextOffset });
      } catch (error) {
        durability.poison(error);
        throw error;
      } finally {
        this.#truncating = false;
        durability.resume();
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
    const state = this.#current;
    state.closed = true;
    this.#durability.stop();
    this.#compaction?.abort();
    this.#waiters.fail(closedError(this.directory));
    await this.#maintenance.run(async () => undefined);
    await this.#durability.settle();
    let failure: unknown = null;
    if (state.poisoned === null && this.#durability.isTouched) {
      try {
        await this.#durability.sealLate();
        await maintenance.sealActive(state);
        this.#durability.segmentsChanged(state.segments.active);
        await this.#durability.syncForClose();
        await this.#durability.saveCheckpoint();
      } catch (error) {
        this.#durability.poison(error);
        failure = error;
      }
    }
    for (const segment of state.segments.all()) {
      await segment.close({ keepReserved: state.poisoned !== null }).catch((error: unknown) => {
        failure ??= error;
      });
    }
    await this.#checkpoints.release(state.poisoned === null && failure === null);
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
      throw busy(this.directory);
    }
  }

  /** The state with every append so far in it. */
  get #current(): LogState {
    if (this.#joined.count > 0) this.#endJoined();
    return this.#state;
  }

  /** Takes a small durable append into the joined batch; null where it must go its own way. */
  #join(records: readonly RecordInput[]): Promise<AppendResult> | null {
    const count = records.length;
    const { config } = this.#state.context;
    if (count === 0 || config.messageTimestampType !== 'CreateTime') return null;
    this.#requireWritable();
    let bound = 0;
    for (let i = 0; i < count; i++) bound += recordSizeBound(records[i]!, i);
    const limit = Math.min(config.maxMessageBytes, config.segmentBytes);
    const joined = this.#joined;
    if (bound > JOINED_APPEND_BYTES) return null;
    if (!joined.hasRoomFor(bound, limit)) {
      if (joined.count === 0) return null;
      this.#endJoined();
      if (!joined.hasRoomFor(bound, limit)) return null;
    }
    if (config.cleanupPolicy !== 'delete') requireKeys(records);
    const now = this.#now();
    for (let i = 0; i < count; i++) {
      checkTimestamp(timestampOf(records[i]!, now, i), now, config, 0);
    }
    return joined.add(records, now);
  }

  /** Appends the joined batch. Never throws: what goes wrong is its callers' to know. */
  #endJoined(): void {
    const joined = this.#joined;
    // A listener told of a roll may look at the log half-way.
    if (joined.count === 0 || this.#endingJoined) return;
    this.#endingJoined = true;
    try {
      this.#appendJoined(joined);
    } catch (error) {
      joined.failed(error);
    } finally {
      this.#endingJoined = false;
    }
  }

  #appendJoined(joined: JoinedBatch): void {
    this.#requireWritable();
    const { count } = joined;
    const state = this.#state;
    const batch = this.#batch;
    const baseOffset = state.nextOffset;
    const last = baseOffset + count - 1;
    requireOffsetSpan(baseOffset, last);
    batch.baseOffset = baseOffset;
    batch.leaderEpoch = this.#leaderEpoch;
    batch.timestampType = 'CreateTime';
    batch.producerId = -1;
    batch.producerEpoch = -1;
    batch.baseSequence = -1;
    batch.isTransactional = false;
    const bytes = joined.sizeInBytes;
    let segment = state.segments.active;
    const reason = this.#rollReason(segment, bytes, last, joined.maxTimestampMs);
    if (reason !== null) segment = this.#roll(reason, bytes);
    const { file } = segment;
    file.reserve(bytes);
    try {
      joined.writeTo(file.buffer, file.view, file.at, batch);
      file.commit(bytes);
    } catch (error) {
      erase(file.buffer, file.at);
      throw error;
    }
    segment.accept(bytes, last, joined.maxTimestampMs);
    joined.ended(baseOffset);
    this.#appended(last + 1);
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
      this.#durability.takeBack(next);
      throw error;
    }
    next.rollJitterMs = drawRollJitterMs(state.context.config);
    previous.becomeInactive();
    state.segments.add(next);
    state.producers.advanceTo(base);
    this.#durability.rolled(previous, next);
    this.#onEvent({ kind: 'rolled', baseOffset: base, reason });
    return next;
  }

  #appended(nextOffset: number): void {
    const state = this.#state;
    const { epochs } = state;
    if (epochs.latestEpoch < this.#leaderEpoch) epochs.assign(this.#leaderEpoch, state.nextOffset);
    state.nextOffset = nextOffset;
    if (state.highWatermark === null) {
      if (state.producers.firstUnstableOffset !== null) state.producers.onHighWatermark(nextOffset);
      if (this.#waiters.lowest < nextOffset) this.#waiters.wake(nextOffset);
    }
    this.#durability.appended();
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

  // --- durability and maintenance

  async #retain(limits = {}): Promise<number> {
    const state = this.#state;
    const decision = maintenance.retentionOf(state, this.#now(), limits);
    if (decision.deletions.length === 0) return 0;
    this.#durability.isTouched = true;
    if (decision.rollFirst) this.#roll('asked', 0);
    state.logStartOffset = Math.max(state.logStartOffset, decision.logStartOffset);
    // The new start first: a crash in between must not bring back half of what was deleted. On a full disk it
    // cannot be written, and deleting is what makes room.
    let isStartOnDisk = true;
    await this.#durability.saveCheckpoint().catch((error: unknown) => {
      if (!isVarveError(error, 'DISK_FULL')) throw error;
      isStartOnDisk = false;
    });
    await this.#durability.settle();
    // From here to the first await nothing else runs, so that no sync meets a segment on its way out.
    const gone = maintenance.detachFirst(state, decision.deletions.length);
    this.#durability.segmentsChanged();
    // Without the new start on disk a recovery takes a hole between segments for damage: there must never be one.
    const together = isStartOnDisk ? [gone] : gone.map((segment) => [segment]);
    for (const segments of together) await maintenance.deleteSegments(state, segments);
    await maintenance.deleteSnapshots(state, (at) => at < state.segments.first.baseOffset);
    for (const { baseOffset, explanation } of decision.deletions) {
      this.#onEvent({ kind: 'deleted', baseOffset, reason: explanation });
    }
    return decision.deletions.length;
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#maintenance.run(async () => {
      this.#requireWritable();
      return work();
    });
  }

  #indexRebuilt(event: LogEvent & { readonly kind: 'index-rebuilt' }): void {
    this.#durability.isTouched = true;
    this.#onEvent(event);
    const segment = this.#state.segments.all().find(({ path }) => path === event.path);
    if (segment !== undefined && !segment.isActive)
      this.#durability.inBackground(segment.saveIndexes());
  }
}

function newHead(): { readonly buffer: Buffer; readonly view: DataView } {
  const buffer = Buffer.alloc(CRC_AT);
  return { buffer, view: new DataView(buffer.buffer, buffer.byteOffset, buffer.length) };
}

/** Makes the bytes behind the data unrecognisable as a batch. */
function erase(buffer: Buffer, at: number): void {
  buffer.fill(0, at, Math.min(buffer.length, at + BATCH_OVERHEAD));
}
