import { VarveError } from '../errors.js';
import { DirtyKeys } from './cleaner-map.js';
import {
  type CleaningPlan,
  firstDirtyOffsetOf,
  groupSegments,
  planCleaning,
} from './cleaner-plan.js';
import { BatchCleaner, type LastOfProducer } from './cleaner-rewrite.js';
import { Slices } from './cleaner-slices.js';
import { CleanedTransactions } from './cleaner-transactions.js';
import { DEFAULT_DEDUPE_BUFFER_BYTES, OffsetMap } from './key-map.js';
import { deleteSnapshots } from './log-maintenance.js';
import { type LogState, readableEnd } from './log-state.js';
import { OFFSET_INDEX_ENTRY_BYTES } from './offset-index.js';
import { Segment } from './segment.js';
import { segmentPath } from './segment-files.js';
import { removeCleaned, swapIn } from './swap-files.js';
import { TIME_INDEX_ENTRY_BYTES } from './time-index.js';
import { type AbortedTransaction, TransactionIndex } from './transaction-index.js';

export interface CompactionOptions {
  /** Memory for the key map at most. Default 128 MiB, Kafka's `log.cleaner.dedupe.buffer.size`. */
  readonly mapBytes?: number;
  /** Compact even if it is not due, also what has been cleaned: tombstones go once their time has come. */
  readonly force?: boolean;
  /** Longest time on the main thread before everything else gets its turn. Default 1 ms. */
  readonly sliceMs?: number;
  readonly signal?: AbortSignal;
}

/** What a compaction did. Bytes and records are those of the segments it rewrote. */
export interface CompactionReport {
  /** False: the log was not dirty enough, or there was nothing to clean. Nothing has changed then. */
  readonly compacted: boolean;
  /** Dirty bytes as a share of what could be cleaned, before. */
  readonly dirtyRatio: number;
  /** Where the dirty part began. */
  readonly firstDirtyOffset: number;
  /** Everything below it is clean now. */
  readonly endOffset: number;
  /** The key map was full: another round will go on from `endOffset`. */
  readonly isMapFull: boolean;
  /** Different keys in the dirty part. */
  readonly keys: number;
  /** Records without a key that were dropped. */
  readonly keylessRecords: number;
  readonly segmentsBefore: number;
  readonly segmentsAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly recordsBefore: number;
  readonly recordsAfter: number;
  readonly durationMs: number;
}

/** What compaction needs from the log whose state it works on. */
export interface CompactionHost {
  readonly state: LogState;
  /** Resolves when all segments sealed so far are finished, synced and in no sync under way. */
  settle(): Promise<void>;
  saveCheckpoint(): Promise<void>;
  /** Aborted when the log has to have its segments back. */
  readonly signal: AbortSignal;
}

/** Thrown where the directory is half-way between two states, which the next open completes. */
export class SwapFailure extends Error {}

const DEFAULT_SLICE_MS = 1;
const DEFAULT_MAP_BYTES = DEFAULT_DEDUPE_BUFFER_BYTES;

export function planOf(state: LogState): CleaningPlan {
  const { segments, nextOffset, context } = state;
  return planCleaning({
    segments: segments.all().map((segment) => ({
      baseOffset: segment.baseOffset,
      sizeBytes: segment.size,
      isActive: segment.isActive,
      get largestTimestampMs() {
        return segment.largestTimestampMs;
      },
      get firstTimestampMs() {
        return segment.firstTimestampMs;
      },
    })),
    config: context.config,
    nowMs: context.fs.clock.now(),
    logStartOffset: state.logStartOffset,
    logEndOffset: nextOffset,
    lastStableOffset: Math.min(
      readableEnd(state),
      state.producers.firstUnstableOffset ?? Number.POSITIVE_INFINITY,
    ),
    cleanerOffset: state.cleanerOffset,
  });
}

export function firstDirtyOffset(state: LogState): number {
  const { cleanerOffset, logStartOffset, nextOffset } = state;
  return firstDirtyOffsetOf({ cleanerOffset, logStartOffset, logEndOffset: nextOffset });
}

/**
 * One round of compaction, group of segments by group. Appends go on meanwhile. What was swapped in stays when
 * it is stopped or fails; the same round again does the rest. Kafka: Cleaner.doClean.
 */
export async function compactLog(
  host: CompactionHost,
  options: CompactionOptions = {},
): Promise<CompactionReport> {
  const { state } = host;
  const { clock } = state.context.fs;
  const startMs = clock.monotonic();
  const round = new Round(host, options);
  const plan = planOf(state);
  const { endOffset } = plan;
  const isDue = options.force === true ? state.segments.first.baseOffset < endOffset : plan.isDue;
  if (isDue) {
    // What compaction drops an old value for must be on disk: a newer value, and the marker that commits it.
    await host.settle();
    await round.run(Math.min(plan.firstDirtyOffset, endOffset), endOffset);
  }
  return {
    compacted: isDue,
    dirtyRatio: plan.dirtyRatio,
    firstDirtyOffset: plan.firstDirtyOffset,
    ...round.result(firstDirtyOffset(state)),
    durationMs: clock.monotonic() - startMs,
  };
}

class Round {
  readonly #host: CompactionHost;
  readonly #slices: Slices;
  readonly #mapBytes: number;
  #keys: DirtyKeys | null = null;
  #cleaner: BatchCleaner | null = null;
  #segmentsBefore = 0;
  #segmentsAfter = 0;

  constructor(host: CompactionHost, options: CompactionOptions) {
    const { sliceMs = DEFAULT_SLICE_MS, mapBytes = DEFAULT_MAP_BYTES } = options;
    if (!(sliceMs > 0 && sliceMs <= 1000)) {
      throw new VarveError(
        'INVALID_ARGUMENT',
        `sliceMs ${sliceMs} must be above 0 and at most 1000`,
        {
          details: { sliceMs },
        },
      );
    }
    this.#host = host;
    this.#mapBytes = mapBytes;
    const signals = options.signal ? [host.signal, options.signal] : [host.signal];
    this.#slices = new Slices(host.state.context.fs.clock, sliceMs, signals);
    this.#slices.check();
  }

  async run(firstDirty: number, endOffset: number): Promise<void> {
    const { state } = this.#host;
    const { config, fs } = state.context;
    const entries = state.transactions.entries;
    const keys = new DirtyKeys(firstDirty, new OffsetMap(this.#mapBytes));
    this.#keys = keys;
    const dirty = this.#segments(firstDirty, endOffset);
    const seen = new CleanedTransactions(entries, firstDirty);
    await keys.build(dirty, endOffset, seen, this.#slices);

    const sources = this.#segments(state.segments.first.baseOffset, keys.endOffset);
    const transactions = new CleanedTransactions(entries, sources[0]?.baseOffset ?? 0);
    const nowMs = fs.clock.now();
    const { deleteRetentionMs } = config;
    this.#cleaner = new BatchCleaner({ keys, transactions, endOffset, nowMs, deleteRetentionMs });
    const groups = groupSegments(
      sources.map((segment) => ({
        baseOffset: segment.baseOffset,
        sizeBytes: segment.size,
        offsetIndexBytes: segment.offsetIndex.count * OFFSET_INDEX_ENTRY_BYTES,
        timeIndexBytes: segment.timeIndex.count * TIME_INDEX_ENTRY_BYTES,
      })),
      {
        segmentBytes: config.segmentBytes,
        segmentIndexBytes: config.segmentIndexBytes,
        endOffset,
      },
    );
    this.#segmentsBefore = sources.length;
    for (const count of groups) {
      await this.#cleanGroup(sources.splice(0, count), transactions);
      this.#segmentsAfter += 1;
    }
    state.cleanerOffset = keys.endOffset;
    await this.#host.saveCheckpoint();
  }

  result(endOffset: number) {
    const counts = this.#cleaner?.counts;
    return {
      endOffset,
      isMapFull: this.#keys?.isMapFull ?? false,
      keys: this.#keys?.map.size ?? 0,
      keylessRecords: this.#keys?.keylessRecords ?? 0,
      segmentsBefore: this.#segmentsBefore,
      segmentsAfter: this.#segmentsAfter,
      bytesBefore: counts?.bytesRead ?? 0,
      bytesAfter: counts?.bytesWritten ?? 0,
      recordsBefore: counts?.recordsRead ?? 0,
      recordsAfter: counts?.recordsWritten ?? 0,
    };
  }

  /** From the segment that holds `from` on, those that begin below `end`. */
  #segments(from: number, end: number): Segment[] {
    const { segments } = this.#host.state;
    const all = segments.all().slice(Math.max(0, segments.floorIndex(from)));
    return all.filter(({ baseOffset }) => baseOffset < end);
  }

  async #cleanGroup(sources: Segment[], transactions: CleanedTransactions): Promise<void> {
    const { context } = this.#host.state;
    const { fs, directory, config } = context;
    const { baseOffset } = sources[0]!;
    const bytes = sources.reduce((sum, { size }) => sum + size, 0);
    await removeCleaned(fs, directory, baseOffset);
    const cleaned = Segment.createCleaned(
      context,
      baseOffset,
      Math.max(bytes, config.segmentBytes),
    );
    try {
      transactions.kept = [];
      const lastOfProducer = this.#lastOfProducers();
      for (const source of sources) {
        await this.#cleaner!.clean(source, cleaned, lastOfProducer, this.#slices);
      }
      await this.#finish(cleaned, sources.at(-1)!, transactions.kept);
      this.#slices.check();
      await this.#swap(cleaned, sources, transactions.kept);
    } catch (error) {
      if (!cleaned.isCleaned) {
        // Whoever opens the log next finishes it; where it is not the log's yet, nobody else closes it.
        if (this.#host.state.segments.indexOf(cleaned) < 0) await cleaned.discard();
        throw new SwapFailure(`${cleaned.path} was left half-way`, { cause: error });
      }
      await cleaned.discard();
      await removeCleaned(fs, directory, baseOffset);
      throw error;
    }
  }

  /** Last data batch, or epoch, of every producer the log knows now. */
  #lastOfProducers(): Map<number, LastOfProducer> {
    const known = new Map<number, LastOfProducer>();
    for (const producer of this.#host.state.producers.takeSnapshot()) {
      const { producerId, lastOffset, producerEpoch } = producer;
      known.set(producerId, { lastOffset, producerEpoch });
    }
    return known;
  }

  /** Step 1 of swap-files.ts. */
  async #finish(
    cleaned: Segment,
    lastSource: Segment,
    kept: readonly AbortedTransaction[],
  ): Promise<void> {
    const { fs, directory } = this.#host.state.context;
    cleaned.becomeInactive();
    await cleaned.seal();
    await cleaned.flush();
    if (kept.length > 0) {
      const index = new TransactionIndex(cleaned.baseOffset);
      for (const entry of kept) index.append(entry);
      const path = segmentPath(directory, cleaned.baseOffset, 'txnindex', 'cleaned');
      await fs.writeFile(path, index.encode());
    }
    // Retention by time goes by it where records have no timestamps.
    const modifiedMs = fs.stat(lastSource.path)?.modifiedMs;
    if (modifiedMs !== undefined) fs.setModifiedTime(cleaned.path, modifiedMs);
    await fs.syncDirectory(directory);
  }

  async #swap(
    cleaned: Segment,
    sources: readonly Segment[],
    kept: readonly AbortedTransaction[],
  ): Promise<void> {
    const { state } = this.#host;
    const { fs, directory } = state.context;
    const { segments } = state;
    let closing: Promise<PromiseSettledResult<void>[]> = Promise.resolve([]);
    let end = 0;
    const { deletedPaths } = await swapIn(fs, directory, cleaned, () => {
      const first = segments.indexOf(sources[0]!);
      end = segments.endOffset(first + sources.length - 1, state.nextOffset);
      segments.replace(first, sources.length, cleaned);
      state.transactions.replaceRange(cleaned.baseOffset, end, kept);
      const sourcePaths = sources.flatMap((source) => source.filePaths());
      closing = Promise.allSettled(sources.map((source) => source.discard()));
      return { sourcePaths };
    });
    for (const closed of await closing) if (closed.status === 'rejected') throw closed.reason;
    for (const path of deletedPaths) await fs.remove(path);
    await deleteSnapshots(state, (at) => at > cleaned.baseOffset && at < end);
  }
}
