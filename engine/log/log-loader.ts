import { join } from 'node:path';
import type { TopicConfig } from '../config.js';
import { isVarveError, VarveError } from '../errors.js';
import { lastOffset, partitionLeaderEpoch } from '../format/batch-header.js';
import {
  decodeLeaderEpochCheckpoint,
  LEADER_EPOCH_CHECKPOINT_FILE,
} from '../format/leader-epoch-checkpoint.js';
import { parseSegmentFileName } from '../format/segment-file-name.js';
import { makeDurableDirectory } from './durable-directory.js';
import { LeaderEpochCache } from './leader-epoch-cache.js';
import type { LogState } from './log-state.js';
import {
  MAX_SIDE_FILE_BYTES,
  ProducerReload,
  type ReloadTarget,
  reloadProducers,
  removeSnapshotsAbove,
  settleTransactions,
} from './producer-reload.js';
import { ProducerState } from './producer-state.js';
import { recoverSegment, type SegmentRecovery } from './recovery.js';
import { drawRollJitterMs } from './roll.js';
import { Segment, type SegmentContext } from './segment.js';
import { segmentPath } from './segment-files.js';
import { SegmentList } from './segment-list.js';
import { completeSwaps } from './swap-files.js';
import { loadTransactions, writeTransactions } from './transaction-files.js';
import { TransactionIndex } from './transaction-index.js';
import { clearTruncationMark, isTruncationMark } from './truncation-mark.js';

export interface LoadOptions {
  /** The last stop left the clean-shutdown mark: nothing needs recovery. */
  readonly clean: boolean;
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  /** Default true. */
  readonly isRecoveryPointKnown?: boolean;
  /** Default 0. */
  readonly cleanerOffset?: number;
  readonly onProgress?: (progress: LoadProgress) => void;
}

export interface LoadProgress {
  readonly path: string;
  readonly scannedBytes: number;
  readonly totalBytes: number;
}

/** What opening a log found and mended. */
export interface RecoveryReport {
  readonly wasClean: boolean;
  readonly segments: readonly SegmentRecovery[];
  /** Files deleted because they were left over or came after damage. */
  readonly deletedFiles: readonly string[];
  /** Side files that were damaged and rebuilt from the log. */
  readonly rebuiltFiles: readonly string[];
  /** The leader epoch checkpoint on disk no longer says what the log does. */
  readonly epochsChanged: boolean;
}

/** What is left of the log after a recovery. */
interface Recovered {
  readonly segments: Segment[];
  /** Has seen every batch. */
  readonly producers: ProducerReload;
  /** From this segment on the transaction indexes are to be written. */
  readonly rebuiltFrom: number;
}

const NO_EPOCHS: { epoch: number; startOffset: number }[] = [];

/** Opens what is on disk. Kafka: LogLoader (reference: load and recovery). */
export async function loadLog(
  context: SegmentContext & { config: TopicConfig },
  options: LoadOptions,
): Promise<{ state: LogState; report: RecoveryReport }> {
  const loader = new Loader(context, options);
  try {
    return await loader.load();
  } catch (error) {
    await loader.abandon();
    throw error;
  }
}

class Loader {
  readonly #context: SegmentContext & { config: TopicConfig };
  readonly #options: LoadOptions;
  readonly #recoveries: SegmentRecovery[] = [];
  readonly #deletedFiles: string[] = [];
  readonly #rebuiltFiles: string[] = [];
  #epochsChanged = false;
  /** The last process died while it cut the log. */
  #wasBeingCut = false;
  /** Every segment there is an object of: what must be closed if opening fails. */
  readonly #segments = new Set<Segment>();

  constructor(context: SegmentContext & { config: TopicConfig }, options: LoadOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Closes what was opened; what went wrong before counts, not what goes wrong here. */
  async abandon(): Promise<void> {
    const closings = [...this.#segments].map((segment) => segment.close({ keepReserved: true }));
    await Promise.allSettled(closings);
  }

  async load(): Promise<{ state: LogState; report: RecoveryReport }> {
    const { fs, directory, config } = this.#context;
    await makeDurableDirectory(fs, directory);
    let segments = await this.#attach();
    const epochs = this.#loadEpochs(segments);
    const versionOnDisk = epochs.version;
    let logStartOffset = Math.max(this.#options.logStartOffset, segments[0]?.baseOffset ?? 0);
    const producers = new ProducerState(config.producerIdExpirationMs);
    let transactions = new TransactionIndex(0);
    let recovered: Recovered | null = null;
    if (!this.#options.clean && segments.length > 0) {
      const target = { context: this.#context, producers, transactions, logStartOffset };
      recovered = await this.#recover(segments, epochs, target);
      segments = recovered.segments;
    }
    // Read before, where epochs had to be taken from the log; opened again for appending.
    await segments.at(-1)?.close({ keepReserved: true });
    segments.at(-1)?.activate(drawRollJitterMs(config));
    let nextOffset = this.#readEnd(segments);
    if (segments.length > 0 && nextOffset < logStartOffset) {
      if (this.#options.clean) throw startBeyondEnd(directory, logStartOffset, nextOffset);
      // The log lost its end below its start: nothing of it is readable. Kafka starts again, empty.
      await this.#deleteSegments(segments);
      segments = [];
      transactions = new TransactionIndex(0);
      recovered = null;
    }
    if (segments.length === 0) {
      logStartOffset = this.#options.logStartOffset;
      const segment = Segment.create(this.#context, logStartOffset);
      this.#segments.add(segment);
      segment.rollJitterMs = drawRollJitterMs(config);
      segments = [segment];
      nextOffset = logStartOffset;
      await fs.syncDirectory(directory);
    }
    const list = new SegmentList(segments);
    list.active.refreshMaxTimestamp();
    epochs.truncateFromEnd(nextOffset);
    epochs.truncateFromStart(logStartOffset);
    const state: LogState = {
      context: this.#context,
      segments: list,
      epochs,
      producers,
      transactions,
      logStartOffset,
      nextOffset,
      recoveryPoint: this.#options.clean
        ? nextOffset
        : Math.min(this.#options.recoveryPoint, nextOffset),
      cleanerOffset: this.#options.cleanerOffset ?? 0,
      highWatermark: null,
      poisoned: null,
      closed: false,
    };
    await this.#finishProducers(state, recovered);
    await this.#settleFiles(list);
    return {
      state,
      report: {
        wasClean: this.#options.clean,
        segments: this.#recoveries,
        deletedFiles: this.#deletedFiles,
        rebuiltFiles: this.#rebuiltFiles,
        epochsChanged: this.#epochsChanged || epochs.version !== versionOnDisk,
      },
    };
  }

  /**
   * What this opening shows must not be undone by a power failure that comes after it: the next appends would then stand
   * beside records, or before them, that were cut, or take the place of ones that were lost with their segment's name.
   * Only in these two states does the page cache differ from the disk in more than bytes that are added. Waiting for the
   * disk at every opening would cost seconds after the death of a busy process.
   */
  async #settleFiles(segments: SegmentList): Promise<void> {
    const { fs, directory } = this.#context;
    // A log begins with one empty segment, and takes nothing before its name is on disk.
    const mayBeNameless =
      !this.#options.clean && segments.count === 1 && segments.active.size === 0;
    if (this.#wasBeingCut) await segments.active.flush();
    if (this.#wasBeingCut || mayBeNameless) await fs.syncDirectory(directory);
    if (this.#wasBeingCut) await clearTruncationMark(fs, directory);
  }

  /** Producer state and transactions: what recovery has read of them anyway, else from the log. */
  async #finishProducers(state: LogState, recovered: Recovered | null): Promise<void> {
    const { context, segments, transactions, nextOffset } = state;
    let rebuiltFrom: number;
    if (recovered === null) {
      rebuiltFrom = loadTransactions(context, segments.all(), transactions);
      await reloadProducers(state, { clean: this.#options.clean, rebuildFrom: rebuiltFrom });
    } else {
      rebuiltFrom = recovered.rebuiltFrom;
      await removeSnapshotsAbove(context, nextOffset);
      recovered.producers.finish(nextOffset);
      settleTransactions(state);
    }
    for (const segment of segments.all()) {
      if (segment.baseOffset < rebuiltFrom || segment.isActive) continue;
      await writeTransactions(state, segment);
    }
  }

  /** Leftovers of interrupted work go or are finished; what remains are the segments. */
  async #attach(): Promise<Segment[]> {
    const { fs, directory } = this.#context;
    this.#deletedFiles.push(...(await completeSwaps(fs, directory)));
    const bases: number[] = [];
    const sides: { name: string; baseOffset: number }[] = [];
    for (const { name, isDirectory } of fs.list(directory)) {
      if (isDirectory) continue;
      const file = parseSegmentFileName(name);
      if (isTruncationMark(name)) this.#wasBeingCut = true;
      else if (name.endsWith('.tmp')) await this.#delete(name);
      else if (file === null) continue;
      else if (file.suffix !== null) await this.#delete(name);
      else if (file.kind === 'log') bases.push(file.baseOffset);
      else if (file.kind !== 'snapshot') sides.push({ name, baseOffset: file.baseOffset });
    }
    const known = new Set(bases);
    for (const { name, baseOffset } of sides) if (!known.has(baseOffset)) await this.#delete(name);
    bases.sort((a, b) => a - b);
    return bases.map((base) => {
      const size = fs.stat(segmentPath(directory, base, 'log'))?.size ?? 0;
      const segment = Segment.attach(this.#context, base, size);
      this.#segments.add(segment);
      return segment;
    });
  }

  async #delete(name: string): Promise<void> {
    await this.#context.fs.remove(join(this.#context.directory, name));
    this.#deletedFiles.push(name);
  }

  /** Kafka: LogLoader.recoverLog. Everything from the segment that holds the recovery point on is scanned. */
  async #recover(
    segments: readonly Segment[],
    epochs: LeaderEpochCache,
    target: ReloadTarget,
  ): Promise<Recovered> {
    const { recoveryPoint } = this.#options;
    const first = this.#firstToRecover(segments);
    const kept = segments.slice(0, first);
    const rebuiltFrom = Math.min(
      segments[first]!.baseOffset,
      loadTransactions(this.#context, kept, target.transactions),
    );
    const producers = await ProducerReload.begin(target, {
      atMost: rebuiltFrom,
      from: target.logStartOffset,
    });
    kept.forEach((segment, i) => {
      if (segments[i + 1]!.baseOffset > producers.from) producers.visitSegment(segment);
    });
    for (let i = first; i < segments.length; i += 1) {
      const segment = segments[i]!;
      const next = segments[i + 1];
      const fileBytes = segment.size;
      const found = await recoverSegment(segment, fileBytes, {
        offsetLimit: next?.baseOffset ?? Number.MAX_SAFE_INTEGER,
        epochs,
        producers,
        onProgress: (scannedBytes) =>
          this.#options.onProgress?.({ path: segment.path, scannedBytes, totalBytes: fileBytes }),
      });
      this.#recoveries.push(found);
      kept.push(segment);
      const isLast = next === undefined || this.#endsHere(found, fileBytes, next);
      await segment.endRecovery(isLast);
      if (isLast) {
        await this.#deleteSegments(segments.slice(i + 1));
        break;
      }
      // No later flush looks at what lies below the recovery point.
      if (next.baseOffset <= recoveryPoint) {
        await segment.flush();
        await segment.close({ keepReserved: true });
      }
    }
    return { segments: kept, producers, rebuiltFrom };
  }

  #firstToRecover(segments: readonly Segment[]): number {
    const { recoveryPoint } = this.#options;
    let first = segments.length - 1;
    while (first > 0 && segments[first]!.baseOffset > recoveryPoint) first -= 1;
    if (first === 0) return 0;
    // Flushed to its end, then rolled: the stop may have come before its length and its indexes were on disk, or whole.
    const wasRolledLast = segments[first]!.baseOffset === recoveryPoint;
    return wasRolledLast || this.#hasRaggedEnd(segments[first - 1]!) ? first - 1 : first;
  }

  #hasRaggedEnd(segment: Segment): boolean {
    try {
      segment.readNextOffset();
      return false;
    } catch (error) {
      if (!isVarveError(error, 'CORRUPT_MESSAGE')) throw error;
      return true;
    }
  }

  /**
   * Whether what follows a recovered segment must go: something is missing before it. Either bytes were cut (Kafka's
   * rule), or it ends in a hole, which a power failure leaves where a later segment's data reached the disk and
   * this one's did not. Bytes behind batches that lead up to the next segment are none that were acknowledged:
   * a batch that was encoded here and then moved on, because the segment had to roll.
   */
  #endsHere(found: SegmentRecovery, fileBytes: number, next: Segment): boolean {
    if (found.nextOffset === next.baseOffset) return false;
    // On its way out when the machine stopped: some segments below the log start may be gone, some back, none is synced.
    if (next.baseOffset <= this.#options.logStartOffset) return false;
    if (found.cutBytes > 0) return true;
    const compacted = this.#context.config.cleanupPolicy.includes('compact');
    const isOldGap = compacted || this.#options.isRecoveryPointKnown === false;
    return !isOldGap || found.validBytes < fileBytes;
  }

  async #deleteSegments(segments: readonly Segment[]): Promise<void> {
    const { fs, directory } = this.#context;
    for (const segment of [...segments].reverse()) {
      await segment.discard();
      for (const path of segment.filePaths()) {
        if (fs.stat(path) === null) continue;
        await fs.remove(path);
        this.#deletedFiles.push(path.slice(directory.length + 1));
      }
    }
    if (segments.length > 0) await fs.syncDirectory(directory);
  }

  #readEnd(segments: readonly Segment[]): number {
    const last = segments.at(-1);
    if (last === undefined) return 0;
    const recovered = this.#recoveries.at(-1);
    if (recovered?.path === last.path) return recovered.nextOffset;
    try {
      return last.readNextOffset();
    } catch (error) {
      if (!isVarveError(error, 'CORRUPT_MESSAGE')) throw error;
      // A lying index looks the same as a damaged log: only the log can tell.
      last.rebuildIndexes(error);
      return last.readNextOffset();
    }
  }

  #loadEpochs(segments: readonly Segment[]): LeaderEpochCache {
    const { fs, directory } = this.#context;
    const path = join(directory, LEADER_EPOCH_CHECKPOINT_FILE);
    try {
      const bytes = fs.readFile(path, { maxBytes: MAX_SIDE_FILE_BYTES });
      return LeaderEpochCache.from(decodeLeaderEpochCheckpoint(bytes));
    } catch (error) {
      const isMissing = isVarveError(error, 'NOT_FOUND');
      if (!isMissing && !isVarveError(error, 'CORRUPT_CHECKPOINT')) throw error;
      this.#epochsChanged = true;
      if (!isMissing) this.#rebuiltFiles.push(LEADER_EPOCH_CHECKPOINT_FILE);
      return this.#epochsFromLog(segments);
    }
  }

  /** Reads every batch header: slow, and only where the checkpoint is missing or damaged. */
  #epochsFromLog(segments: readonly Segment[]): LeaderEpochCache {
    const epochs = LeaderEpochCache.from(NO_EPOCHS);
    for (const segment of segments) {
      let next = segment.baseOffset;
      try {
        segment.forEachHeader(0, (view, at) => {
          const epoch = partitionLeaderEpoch(view, at);
          if (epoch > epochs.latestEpoch) epochs.assign(epoch, next);
          next = lastOffset(view, at) + 1;
        });
      } catch (error) {
        // The unclean end of a log; recovery comes next and says what it cuts.
        if (this.#options.clean || !isVarveError(error, 'CORRUPT_MESSAGE')) throw error;
        break;
      }
    }
    return epochs;
  }
}

/** Kafka deletes the log here too; but nothing is lost in a clean stop, so it is the checkpoint that is wrong. */
function startBeyondEnd(directory: string, logStartOffset: number, end: number): VarveError {
  return new VarveError(
    'CORRUPT_CHECKPOINT',
    `${directory} was closed cleanly and ends at offset ${end}, but the checkpoint of log start offsets says ${logStartOffset}; correct or remove the line in log-start-offset-checkpoint`,
    { details: { directory, logStartOffset, logEndOffset: end } },
  );
}
