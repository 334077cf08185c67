import { join } from 'node:path';
import { isVarveError, type VarveError } from '../errors.js';
import { CLEAN_SHUTDOWN_FILE } from '../format/clean-shutdown.js';
import {
  decodeLeaderEpochCheckpoint,
  LEADER_EPOCH_CHECKPOINT_FILE,
} from '../format/leader-epoch-checkpoint.js';
import { decodeMetaProperties, META_PROPERTIES_FILE } from '../format/meta-properties.js';
import {
  CLEANER_OFFSET_CHECKPOINT_FILE,
  decodeOffsetCheckpoint,
  HIGH_WATERMARK_CHECKPOINT_FILE,
  LOG_START_OFFSET_CHECKPOINT_FILE,
  RECOVERY_POINT_CHECKPOINT_FILE,
} from '../format/offset-checkpoint.js';
import { decodePartitionMetadata, PARTITION_METADATA_FILE } from '../format/partition-metadata.js';
import { decodeProducerSnapshot } from '../format/producer-snapshot.js';
import type { FileSystem } from '../io/port.js';
import { listPartition, type PartitionFiles } from './inspect-directory.js';
import { EpochsCheck } from './inspect-epochs.js';
import type { Finding, FindingCode, Report } from './inspect-finding.js';
import { checkSegment } from './inspect-segment.js';
import { isSetAside } from './inspect-set-aside.js';
import { type LogClaims, readClaims } from './inspect-state.js';
import { LOCK_FILE } from './own-checkpoints.js';
import { segmentPath } from './segment-files.js';

const MAX_SIDE_FILE_BYTES = 256 * 1024 * 1024;
const OFFSET_CHECKPOINTS: ReadonlySet<string> = new Set([
  RECOVERY_POINT_CHECKPOINT_FILE,
  HIGH_WATERMARK_CHECKPOINT_FILE,
  LOG_START_OFFSET_CHECKPOINT_FILE,
  CLEANER_OFFSET_CHECKPOINT_FILE,
]);

export interface VerifyOptions {
  /** Decode every record. Default true; false checks structure and checksums at the speed of reading. */
  readonly checkRecords?: boolean;
  /** Only the segment with this base offset, with its indexes. */
  readonly onlySegment?: number;
  readonly signal?: AbortSignal;
  /** Told everything as it is found. */
  readonly report: Report;
  /** Bytes checked of the bytes there are. */
  readonly onProgress?: (bytes: number, totalBytes: number) => void;
}

export interface VerifySummary {
  readonly directory: string;
  readonly shutdown: LogClaims['shutdown'];
  readonly segments: number;
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Findings that are damage. */
  readonly damage: number;
  /** Where a repair cuts the log, or null where all of it stays. */
  readonly cut: {
    readonly baseOffset: number;
    readonly position: number;
    /** Where the log ends then. */
    readonly endOffset: number;
  } | null;
}

/**
 * Checks a partition directory without owning it: batches, records, indexes, epochs, producer snapshots and
 * checkpoints, each against the log. Reads the log once; memory does not grow with it. Works on a log in use, where
 * what its owner has not written yet is no damage. Rejects with the signal's reason when aborted.
 */
export function verifyPartition(
  fs: FileSystem,
  directory: string,
  options: VerifyOptions,
): Promise<VerifySummary> {
  return new PartitionCheck(fs, directory, options).run();
}

class PartitionCheck {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #options: VerifyOptions;
  readonly #claims: LogClaims;
  readonly #report: Report;
  #damage = 0;

  constructor(fs: FileSystem, directory: string, options: VerifyOptions) {
    this.#fs = fs;
    this.#directory = directory;
    this.#options = options;
    this.#claims = readClaims(fs, directory);
    this.#report = (finding) => {
      if (finding.severity === 'damage') this.#damage += 1;
      options.report(finding);
    };
  }

  async run(): Promise<VerifySummary> {
    const files = listPartition(this.#fs, this.#directory);
    const { onlySegment } = this.#options;
    const isWhole = onlySegment === undefined;
    const epochs = isWhole ? this.#openEpochs() : null;
    const totals = { segments: 0, batches: 0, records: 0, bytes: 0 };
    const sizes = files.bases.map((base) => this.#sizeOf(base));
    const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
    const settledBelow = this.#settledBelow();
    let next = files.bases[0] ?? this.#claims.logStartOffset ?? 0;
    let cut: VerifySummary['cut'] = null;
    let done = 0;
    for (let i = 0; i < files.bases.length; i += 1) {
      const base = files.bases[i]!;
      const nextBase = files.bases[i + 1] ?? null;
      if (!isWhole && base !== onlySegment) continue;
      try {
        const found = await checkSegment({
          fs: this.#fs,
          directory: this.#directory,
          baseOffset: base,
          nextBase,
          expectedOffset: isWhole ? Math.min(next, nextBase ?? next) : base,
          checkRecords: this.#options.checkRecords ?? true,
          epochs,
          isUnsettled: (nextBase ?? Number.POSITIVE_INFINITY) > settledBelow,
          flushedBelow: this.#claims.recoveryPoint ?? 0,
          isClean: this.#claims.shutdown === 'clean',
          isLost: cut !== null,
          signal: this.#options.signal,
          report: this.#report,
          onProgress: (bytes) => this.#options.onProgress?.(done + bytes, totalBytes),
        });
        totals.segments += 1;
        totals.batches += found.batches;
        totals.records += found.records;
        totals.bytes += found.bytes;
        next = found.nextOffset;
        if (found.cutAt !== null) {
          cut ??= { baseOffset: base, position: found.cutAt, endOffset: found.endIfCut };
        }
      } catch (error) {
        // Retention or compaction took it since the directory was listed.
        if (!isVarveError(error, 'NOT_FOUND')) throw error;
      }
      done += sizes[i]!;
    }
    if (isWhole) {
      this.#sideFiles(files, next, cut !== null);
      this.#checkEnds(files, next, cut !== null);
    }
    return {
      directory: this.#directory,
      shutdown: this.#claims.shutdown,
      ...totals,
      logStartOffset: Math.max(files.bases[0] ?? 0, this.#claims.logStartOffset ?? 0),
      logEndOffset: next,
      damage: this.#damage,
      cut,
    };
  }

  /** Side files for offsets from here on may be missing or old: the next open rebuilds them. */
  #settledBelow(): number {
    if (this.#claims.shutdown !== 'unclean') return Number.POSITIVE_INFINITY;
    return this.#claims.recoveryPoint ?? 0;
  }

  #sizeOf(base: number): number {
    return this.#fs.stat(segmentPath(this.#directory, base, 'log'))?.size ?? 0;
  }

  #openEpochs(): EpochsCheck | null {
    const path = join(this.#directory, LEADER_EPOCH_CHECKPOINT_FILE);
    try {
      const bytes = this.#fs.readFile(path, { maxBytes: MAX_SIDE_FILE_BYTES });
      const entries = bytes.length === 0 ? [] : decodeLeaderEpochCheckpoint(bytes);
      const known = {
        settledBelow: this.#settledBelow(),
        logStart: this.#claims.logStartOffset,
      };
      return new EpochsCheck(path, entries, known, this.#report);
    } catch (error) {
      if (isVarveError(error, 'NOT_FOUND')) return null;
      if (!isVarveError(error, 'CORRUPT_CHECKPOINT')) throw error;
      this.#report(damaged('bad-epochs', path, error, 'rebuilds it from the log'));
      return null;
    }
  }

  #sideFiles(files: PartitionFiles, logEnd: number, isCut: boolean): void {
    const known = new Set(files.bases);
    for (const { name, kind, baseOffset } of files.files) {
      const path = join(this.#directory, name);
      if (kind === 'snapshot') {
        const finding = checkSnapshot(this.#fs, path, baseOffset);
        if (finding !== null) this.#report(finding);
        else if (baseOffset > logEnd && !isCut) {
          this.#report(
            note('leftover', path, `is of offset ${baseOffset}, beyond the log's end ${logEnd}`),
          );
        }
      } else if (!known.has(baseOffset) && this.#fs.stat(path) !== null) {
        this.#report({
          severity: 'damage',
          code: 'orphan',
          path,
          position: null,
          offset: baseOffset,
          message: 'its segment’s .log file is missing',
          repair: 'sets it aside',
        });
      }
    }
    if (files.leftovers.length > 0) {
      const [first] = files.leftovers;
      const more = files.leftovers.length - 1;
      this.#report(
        note(
          'leftover',
          join(this.#directory, first!),
          `${more > 0 ? `and ${more} more files: ` : ''}left of a deletion or compaction; the next open finishes that`,
        ),
      );
    }
    for (const name of files.others) this.#other(name);
  }

  #other(name: string): void {
    const path = join(this.#directory, name);
    if (name === LEADER_EPOCH_CHECKPOINT_FILE) return;
    const finding = checkNamedFile(this.#fs, path, name);
    if (finding !== null) this.#report(finding);
  }

  #checkEnds(files: PartitionFiles, logEnd: number, isCut: boolean): void {
    const { recoveryPoint, logStartOffset, checkpointDirectory } = this.#claims;
    if (isCut || files.bases.length === 0 || checkpointDirectory === null) return;
    const claim = (name: string, message: string): Finding => ({
      severity: 'damage',
      code: 'lost-end',
      path: join(checkpointDirectory, name),
      position: null,
      offset: logEnd,
      message,
      repair: 'sets it to the log’s end',
    });
    if (recoveryPoint !== null && recoveryPoint > logEnd) {
      this.#report(
        claim(
          RECOVERY_POINT_CHECKPOINT_FILE,
          `says that ${this.#directory} was on disk up to offset ${recoveryPoint}, but the log ends at ${logEnd}: its end has been lost`,
        ),
      );
    } else if (logStartOffset !== null && logStartOffset > logEnd) {
      this.#report(
        claim(
          LOG_START_OFFSET_CHECKPOINT_FILE,
          `says that ${this.#directory} starts at offset ${logStartOffset}, but the log ends at ${logEnd}`,
        ),
      );
    }
  }
}

/** Null for a good snapshot. */
export function checkSnapshot(fs: FileSystem, path: string, offset: number): Finding | null {
  try {
    const bytes = fs.readFile(path, { maxBytes: MAX_SIDE_FILE_BYTES });
    const beyond = decodeProducerSnapshot(bytes).find((entry) => entry.lastOffset >= offset);
    if (beyond === undefined) return null;
    return {
      severity: 'damage',
      code: 'bad-snapshot',
      path,
      position: null,
      offset: beyond.lastOffset,
      message: `is the state before offset ${offset}, but knows offset ${beyond.lastOffset} of producer ${beyond.producerId}`,
      repair: 'sets it aside',
    };
  } catch (error) {
    if (isVarveError(error, 'NOT_FOUND')) return null;
    if (!isVarveError(error, 'CORRUPT_CHECKPOINT') && !isVarveError(error, 'UNSUPPORTED_FORMAT')) {
      throw error;
    }
    return damaged('bad-snapshot', path, error, 'sets it aside');
  }
}

/** Checks a file by its name: checkpoints, metadata, properties. A note for a file that belongs to nothing known. */
export function checkNamedFile(fs: FileSystem, path: string, name: string): Finding | null {
  if (name === LOCK_FILE || name === CLEAN_SHUTDOWN_FILE) return null;
  const check = checkerOf(name);
  if (check === null) {
    const message = isSetAside(name)
      ? 'was set aside by a repair; delete it when you no longer need it'
      : 'is no file of a log; it is left alone';
    return note('foreign', path, message);
  }
  try {
    const bytes = fs.readFile(path, { maxBytes: MAX_SIDE_FILE_BYTES });
    // Kafka makes checkpoints empty and reads an empty one as no entries.
    if (bytes.length > 0 || check.mayNotBeEmpty) check.decode(bytes);
    return null;
  } catch (error) {
    if (isVarveError(error, 'NOT_FOUND')) return null;
    const isDamage =
      isVarveError(error, 'CORRUPT_CHECKPOINT') || isVarveError(error, 'UNSUPPORTED_FORMAT');
    if (!isDamage) throw error;
    return damaged(check.code, path, error, check.repair);
  }
}

interface NamedCheck {
  readonly code: FindingCode;
  readonly decode: (bytes: Buffer) => unknown;
  readonly mayNotBeEmpty: boolean;
  readonly repair: string | null;
}

function checkerOf(name: string): NamedCheck | null {
  if (OFFSET_CHECKPOINTS.has(name)) {
    return {
      code: 'bad-checkpoint',
      decode: (bytes) => decodeOffsetCheckpoint(bytes, name),
      mayNotBeEmpty: false,
      repair: 'sets it aside',
    };
  }
  if (name === LEADER_EPOCH_CHECKPOINT_FILE) {
    return {
      code: 'bad-epochs',
      decode: decodeLeaderEpochCheckpoint,
      mayNotBeEmpty: false,
      repair: 'rebuilds it from the log',
    };
  }
  if (name === PARTITION_METADATA_FILE) {
    return {
      code: 'bad-metadata',
      decode: decodePartitionMetadata,
      mayNotBeEmpty: true,
      repair: 'sets it aside; the broker writes it again',
    };
  }
  if (name === META_PROPERTIES_FILE) {
    return {
      code: 'bad-metadata',
      decode: decodeMetaProperties,
      mayNotBeEmpty: true,
      repair: null,
    };
  }
  return null;
}

function damaged(
  code: FindingCode,
  path: string,
  error: VarveError,
  repair: string | null,
): Finding {
  const reason = error.details.reason ?? error.message;
  const line = error.details.line;
  const message = typeof line === 'number' ? `line ${line}: ${String(reason)}` : String(reason);
  return { severity: 'damage', code, path, position: null, offset: null, message, repair };
}

function note(code: FindingCode, path: string, message: string): Finding {
  return { severity: 'note', code, path, position: null, offset: null, message, repair: null };
}
