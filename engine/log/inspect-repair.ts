import { basename, dirname, join, resolve } from 'node:path';
import { parseTopicConfig } from '../config.js';
import { isVarveError, VarveError } from '../errors.js';
import { CLEAN_SHUTDOWN_FILE, encodeCleanShutdown } from '../format/clean-shutdown.js';
import { DEFAULT_MAX_MESSAGE_BYTES } from '../format/layout.js';
import { LEADER_EPOCH_CHECKPOINT_FILE } from '../format/leader-epoch-checkpoint.js';
import {
  decodeOffsetCheckpoint,
  encodeOffsetCheckpoint,
  LOG_START_OFFSET_CHECKPOINT_FILE,
  RECOVERY_POINT_CHECKPOINT_FILE,
} from '../format/offset-checkpoint.js';
import { parsePartitionDirectoryName } from '../format/partition-directory-name.js';
import { parseSegmentFileName } from '../format/segment-file-name.js';
import type { DirectoryLock, FileSystem } from '../io/port.js';
import { IndexCache } from './index-cache.js';
import { listPartition } from './inspect-directory.js';
import type { Finding, FindingCode } from './inspect-finding.js';
import { BatchScan } from './inspect-scan.js';
import { copyTail, setAside } from './inspect-set-aside.js';
import { readClaims } from './inspect-state.js';
import { type VerifySummary, verifyPartition } from './inspect-verify.js';
import { type LoadProgress, loadLog } from './log-loader.js';
import { sealActive, writeEpochs } from './log-maintenance.js';
import type { LogState } from './log-state.js';
import { LOCK_FILE } from './own-checkpoints.js';
import { segmentPath } from './segment-files.js';
import { writeTransactions } from './transaction-files.js';

const MAX_CHECKPOINT_BYTES = 64 * 1024 * 1024;
const INDEX_CACHE_BYTES = 64 * 1024 * 1024;

/** One thing a repair does, or with `dryRun` would do. */
export interface RepairAction {
  readonly action:
    | 'cut'
    | 'copy-tail'
    | 'set-aside'
    | 'rebuild-index'
    | 'rebuild-transactions'
    | 'rebuild-epochs'
    | 'set-checkpoint';
  readonly path: string;
  /** The file that keeps what `path` held; null where nothing is taken away or nothing has been done yet. */
  readonly keptIn: string | null;
  readonly message: string;
}

export interface RepairOptions {
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly onAction?: (action: RepairAction) => void;
  /** What the first check finds. */
  readonly onFinding?: (finding: Finding) => void;
  readonly onProgress?: (what: 'verifying' | 'rebuilding', bytes: number, total: number) => void;
}

export interface RepairReport {
  readonly directory: string;
  readonly before: VerifySummary;
  /** Null where there was nothing to repair, or with `dryRun`. */
  readonly after: VerifySummary | null;
  /** What the check after the repair still finds wrong. */
  readonly remaining: readonly Finding[];
  readonly actions: readonly RepairAction[];
}

/**
 * Mends a partition directory by the rules of recovery: keeps everything up to the first damage, and rebuilds side
 * files from it. Nothing is thrown away: what is cut is copied, and what must go renamed, beside the log. Afterwards
 * the directory is verified.
 *
 * Takes the directory's lock and the data directory's: DIRECTORY_LOCKED where somebody has them.
 */
export async function repairPartition(
  fs: FileSystem,
  path: string,
  options: RepairOptions = {},
): Promise<RepairReport> {
  const directory = resolve(path);
  const locks = takeLocks(fs, directory);
  try {
    return await new Repair(fs, directory, options).run();
  } finally {
    for (const lock of locks) lock.release();
  }
}

/** Existing lock files only: a repair leaves none behind in a directory that had none. */
function takeLocks(fs: FileSystem, directory: string): DirectoryLock[] {
  const locks: DirectoryLock[] = [];
  try {
    for (const owner of [dirname(directory), directory]) {
      const lock = join(owner, LOCK_FILE);
      if (fs.stat(lock) !== null) locks.push(fs.lock(lock));
    }
  } catch (error) {
    for (const lock of locks) lock.release();
    if (!isVarveError(error, 'DIRECTORY_LOCKED')) throw error;
    throw new VarveError(
      'DIRECTORY_LOCKED',
      `${directory} is in use, stop its owner first: ${error.message}`,
      {
        cause: error,
        details: error.details,
      },
    );
  }
  return locks;
}

class Repair {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #options: RepairOptions;
  readonly #actions: RepairAction[] = [];

  constructor(fs: FileSystem, directory: string, options: RepairOptions) {
    this.#fs = fs;
    this.#directory = directory;
    this.#options = options;
  }

  async run(): Promise<RepairReport> {
    const needs = new Needs();
    const before = await this.#verify((finding) => {
      needs.note(finding);
      this.#options.onFinding?.(finding);
    });
    if (!needs.any && before.cut === null) return this.#report(before, null, []);
    this.#options.signal?.throwIfAborted();
    await this.#cut(before);
    this.#setAside(needs, before);
    if (this.#options.dryRun) {
      this.#plan(needs, before);
      return this.#report(before, null, []);
    }
    await this.#fs.syncDirectory(this.#directory);
    await this.#rebuild(needs, before);
    const remaining: Finding[] = [];
    const after = await this.#verify((finding) => {
      if (finding.severity === 'damage') remaining.push(finding);
    });
    return this.#report(before, after, remaining);
  }

  #report(
    before: VerifySummary,
    after: VerifySummary | null,
    remaining: readonly Finding[],
  ): RepairReport {
    return { directory: this.#directory, before, after, remaining, actions: this.#actions };
  }

  #verify(report: (finding: Finding) => void): Promise<VerifySummary> {
    const { signal, onProgress } = this.#options;
    return verifyPartition(this.#fs, this.#directory, {
      report,
      ...(signal && { signal }),
      onProgress: (bytes, total) => onProgress?.('verifying', bytes, total),
    });
  }

  /** Saves what lies behind the first damage, cuts the segment there and sets later segments aside. */
  async #cut({ cut }: VerifySummary): Promise<void> {
    if (cut === null) return;
    const { baseOffset, position } = cut;
    const path = segmentPath(this.#directory, baseOffset, 'log');
    const name = basename(path);
    const scan = new BatchScan(this.#fs, path, { checkCrcs: false, from: position });
    const damaged = scan.bytesBeforeZeros();
    const rest = scan.fileBytes - position;
    scan.close();
    // A batch may end in zeros of its own: keep as many as one usually holds at most, not all reserved space.
    const length = damaged === 0 ? 0 : Math.min(rest, damaged + DEFAULT_MAX_MESSAGE_BYTES);
    if (length > 0) {
      const keptIn = this.#options.dryRun
        ? null
        : await copyTail(this.#fs, this.#directory, name, { position, length });
      this.#did('copy-tail', path, keptIn, `${length} bytes from position ${position} on`);
    }
    for (const { name: later, baseOffset: base, kind } of listPartition(this.#fs, this.#directory)
      .files) {
      const isLater = kind === 'snapshot' ? base > baseOffset : base > baseOffset;
      if (isLater)
        this.#moveAway(
          later,
          kind === 'snapshot' ? 'of an offset that is cut' : 'after the damage',
        );
    }
    if (!this.#options.dryRun) {
      // The names first: a crash now leaves a log that ends in damage, not one with a hole.
      await this.#fs.syncDirectory(this.#directory);
      const file = this.#fs.openLog(path, {
        create: false,
        size: position,
        maxBytes: Math.max(1, position),
      });
      await file.truncate(position);
      await file.close();
    }
    this.#did('cut', path, null, `ends at position ${position} now`);
  }

  /** Side files that are wrong go out of the way, so that what is built next is built from the log alone. */
  #setAside(needs: Needs, before: VerifySummary): void {
    const present = new Set(this.#fs.list(this.#directory).map(({ name }) => name));
    const transactionsFrom = this.#rebuiltTransactions(needs, before);
    for (const name of [...present].sort()) {
      const file = parseSegmentFileName(name);
      const isWrong = needs.setAside.has(name);
      const isStale =
        file !== null &&
        file.suffix === null &&
        transactionsFrom !== null &&
        ((file.kind === 'txnindex' && file.baseOffset >= transactionsFrom) ||
          // Their state is as good as any, but with one of them the log below it is not read again.
          (file.kind === 'snapshot' && file.baseOffset > transactionsFrom));
      if (isWrong) this.#moveAway(name, 'damaged');
      else if (isStale) this.#moveAway(name, 'made again from the log');
    }
  }

  /** Base offset of the first segment whose aborted transactions are read from the log again, or null. */
  #rebuiltTransactions(needs: Needs, { cut }: VerifySummary): number | null {
    const bases = [...needs.transactions];
    if (cut !== null) bases.push(cut.baseOffset);
    return bases.length === 0 ? null : Math.min(...bases);
  }

  #moveAway(name: string, why: string): void {
    if (this.#actions.some(({ path }) => basename(path) === name)) return;
    const keptIn = this.#options.dryRun ? null : setAside(this.#fs, this.#directory, name);
    this.#did('set-aside', join(this.#directory, name), keptIn, why);
  }

  /** Side files that are built again, but for those of segments that are gone. */
  #rebuilt(needs: Needs, { cut }: VerifySummary): void {
    const last = cut?.baseOffset ?? Number.POSITIVE_INFINITY;
    for (const path of needs.indexes) {
      const base = parseSegmentFileName(basename(path))?.baseOffset ?? 0;
      if (base <= last) this.#did('rebuild-index', path, null, 'from the log');
    }
    for (const base of needs.transactions) {
      if (base > last) continue;
      const path = segmentPath(this.#directory, base, 'txnindex');
      this.#did('rebuild-transactions', path, null, 'from the log');
    }
    if (!needs.epochs) return;
    const path = join(this.#directory, LEADER_EPOCH_CHECKPOINT_FILE);
    this.#did('rebuild-epochs', path, null, 'from the log');
  }

  #plan(needs: Needs, before: VerifySummary): void {
    this.#rebuilt(needs, before);
    const { checkpointDirectory, recoveryPoint } = readClaims(this.#fs, this.#directory);
    const end = before.cut?.endOffset ?? before.logEndOffset;
    const isBeyond = recoveryPoint !== null && recoveryPoint > end;
    if (checkpointDirectory === null || !isBeyond) return;
    const path = join(checkpointDirectory, RECOVERY_POINT_CHECKPOINT_FILE);
    this.#did('set-checkpoint', path, null, `to ${end}`);
  }

  /** Recovery of every segment, as after an unclean stop, and a clean close. */
  async #rebuild(needs: Needs, before: VerifySummary): Promise<void> {
    const fs = this.#fs;
    const claims = readClaims(fs, this.#directory);
    const config = parseTopicConfig({
      // Segments of any size, and gaps as compaction leaves them, are fine.
      segmentBytes: 0x7fff_ffff,
      cleanupPolicy: 'compact,delete',
    });
    const context = {
      fs,
      directory: this.#directory,
      config,
      indexes: new IndexCache(INDEX_CACHE_BYTES),
      onIndexRebuilt: () => undefined,
    };
    const { state } = await loadLog(context, {
      clean: false,
      recoveryPoint: 0,
      logStartOffset: Math.min(claims.logStartOffset ?? 0, before.logEndOffset),
      cleanerOffset: 0,
      onProgress: ({ scannedBytes, totalBytes }: LoadProgress) =>
        this.#options.onProgress?.('rebuilding', scannedBytes, totalBytes),
    });
    await this.#close(state);
    this.#rebuilt(needs, before);
    await this.#checkpoints(state, claims.checkpointDirectory);
  }

  async #close(state: LogState): Promise<void> {
    for (const segment of state.segments.all()) {
      if (!segment.isActive) await writeTransactions(state, segment);
    }
    await sealActive(state);
    await writeEpochs(state);
    for (const segment of state.segments.all()) {
      if (segment.isOpen) await segment.flush();
      await segment.close();
    }
    await this.#fs.syncDirectory(this.#directory);
  }

  /** The files that say where the log ends and starts, and for a log that stands alone that it is whole. */
  async #checkpoints(state: LogState, place: string | null): Promise<void> {
    if (place === null) return;
    const { nextOffset, logStartOffset } = state;
    await this.#setOffset(place, RECOVERY_POINT_CHECKPOINT_FILE, (offset) =>
      place === this.#directory ? nextOffset : Math.min(offset, nextOffset),
    );
    await this.#setOffset(place, LOG_START_OFFSET_CHECKPOINT_FILE, (offset) =>
      Math.min(offset, logStartOffset),
    );
    if (place !== this.#directory) return;
    const mark = encodeCleanShutdown({ brokerEpoch: -1 });
    await this.#fs.writeFileAtomic(join(place, CLEAN_SHUTDOWN_FILE), mark);
  }

  async #setOffset(place: string, name: string, value: (offset: number) => number): Promise<void> {
    const path = join(place, name);
    const partition = parsePartitionDirectoryName(basename(this.#directory));
    const entries = readEntries(this.#fs, path);
    const own =
      place === this.#directory
        ? entries[0]
        : entries.find(
            (entry) => entry.topic === partition?.topic && entry.partition === partition.partition,
          );
    if (own === undefined || value(own.offset) === own.offset) return;
    const changed = entries.map((entry) =>
      entry === own ? { ...own, offset: value(own.offset) } : entry,
    );
    await this.#fs.writeFileAtomic(path, encodeOffsetCheckpoint(changed));
    this.#did('set-checkpoint', path, null, `from ${own.offset} to ${value(own.offset)}`);
  }

  #did(action: RepairAction['action'], path: string, keptIn: string | null, message: string): void {
    const kept = keptIn === null ? null : join(this.#directory, keptIn);
    const done: RepairAction = { action, path, keptIn: kept, message };
    this.#actions.push(done);
    this.#options.onAction?.(done);
  }
}

/** What the findings of a check ask a repair to do. */
class Needs {
  any = false;
  epochs = false;
  readonly indexes = new Set<string>();
  /** Base offsets of segments whose transaction index is wrong. */
  readonly transactions = new Set<number>();
  /** Names of files to put out of the way. */
  readonly setAside = new Set<string>();

  note({ severity, code, path, repair }: Finding): void {
    if (severity !== 'damage' || repair === null) return;
    this.any = true;
    if (code === 'bad-index' || code === 'bad-time-index') this.indexes.add(path);
    if (code === 'bad-epochs') this.epochs = true;
    if (code === 'bad-transaction-index') {
      this.transactions.add(parseSegmentFileName(basename(path))?.baseOffset ?? 0);
    }
    if (GO_ASIDE.has(code)) this.setAside.add(basename(path));
  }
}

const GO_ASIDE: ReadonlySet<FindingCode> = new Set([
  'bad-transaction-index',
  'bad-epochs',
  'bad-snapshot',
  'bad-checkpoint',
  'bad-metadata',
  'orphan',
]);

function readEntries(fs: FileSystem, path: string) {
  try {
    const bytes = fs.readFile(path, { maxBytes: MAX_CHECKPOINT_BYTES });
    return bytes.length === 0 ? [] : decodeOffsetCheckpoint(bytes);
  } catch (error) {
    if (isVarveError(error, 'NOT_FOUND') || isVarveError(error, 'CORRUPT_CHECKPOINT')) return [];
    throw error;
  }
}
