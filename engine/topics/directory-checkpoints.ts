import { join } from 'node:path';
import { isVarveError } from '../errors.js';
import {
  CLEANER_OFFSET_CHECKPOINT_FILE,
  decodeOffsetCheckpoint,
  encodeOffsetCheckpoint,
  HIGH_WATERMARK_CHECKPOINT_FILE,
  LOG_START_OFFSET_CHECKPOINT_FILE,
  type OffsetCheckpointEntry,
  RECOVERY_POINT_CHECKPOINT_FILE,
} from '../format/offset-checkpoint.js';
import type { PartitionName } from '../format/partition-directory-name.js';
import type { FileSystem } from '../io/port.js';
import type { LogCheckpoints } from '../log/log-options.js';
import type { EmitEvent } from './events.js';

const MAX_FILE_BYTES = 256 * 1024 * 1024;
/** Least time between two writes that only move recovery points up: segments roll often, recovery is rare. */
const EAGER_WRITE_MS = 1000;

export interface PartitionOffsets {
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  /** Everything below it has been compacted; 0 or left out: nothing is known to be. */
  readonly cleanerOffset?: number;
}

/** Asked for its offsets at each write, so that no change is missed. */
export interface OffsetsSource {
  readonly checkpointedOffsets: PartitionOffsets;
  /** Null: nobody replicates the partition, or nobody has said yet how far. */
  readonly replicatedHighWatermark: number | null;
}

interface Row extends PartitionName {
  /** The open log, or null. */
  log: OffsetsSource | null;
  /** What is written while there is none. */
  kept: PartitionOffsets;
  /** What the files hold; while a write is under way or has failed, the most they may hold (NaN: either). */
  durable: PartitionOffsets;
  /** Last known; 0: nothing is. It may be above the end of a log that lost its tail. */
  highWatermark: number;
  onRelease: (clean: boolean) => void;
}

export interface CheckpointSession extends PartitionName {
  /** The directory was closed cleanly, or the partition has just been made. */
  readonly isClean: boolean;
  /** Overrides what the checkpoints say. */
  readonly offsets?: PartitionOffsets | undefined;
  /** Told when the log has closed: true if its files are whole. */
  readonly onRelease: (clean: boolean) => void;
}

const NOTHING: PartitionOffsets = { recoveryPoint: 0, logStartOffset: 0, cleanerOffset: 0 };

/**
 * The recovery points, log start offsets, cleaner offsets and, where they are replicated, high watermarks of all
 * partitions, in files in the root.
 * Writes are whole and shared: everyone who asks while one is under way shares the next.
 */
export class DirectoryCheckpoints {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #emit: EmitEvent;
  readonly #rows = new Map<string, Row>();
  /** Content of each file as last written here. */
  readonly #written = new Map<string, Buffer>();
  /** Partitions that the files may name. */
  #listed = new Set<string>();
  #running: Promise<unknown> = Promise.resolve();
  #queued: Promise<void> | null = null;
  #lastWriteMs = Number.NEGATIVE_INFINITY;

  constructor(fs: FileSystem, directory: string, emit: EmitEvent) {
    this.#fs = fs;
    this.#directory = directory;
    this.#emit = emit;
  }

  /** Reads the files. A damaged one counts as missing, which costs time and never records: see `event`. */
  load(): void {
    for (const { topic, partition, offset } of this.#read(RECOVERY_POINT_CHECKPOINT_FILE)) {
      const row = this.#row(topic, partition);
      row.durable = { ...row.durable, recoveryPoint: offset };
    }
    for (const { topic, partition, offset } of this.#read(LOG_START_OFFSET_CHECKPOINT_FILE)) {
      const row = this.#row(topic, partition);
      row.durable = { ...row.durable, logStartOffset: offset };
    }
    for (const { topic, partition, offset } of this.#read(CLEANER_OFFSET_CHECKPOINT_FILE)) {
      const row = this.#row(topic, partition);
      row.durable = { ...row.durable, cleanerOffset: offset };
    }
    for (const { topic, partition, offset } of this.#read(HIGH_WATERMARK_CHECKPOINT_FILE)) {
      this.#row(topic, partition).highWatermark = offset;
    }
    for (const row of this.#rows.values()) row.kept = row.durable;
    this.#listed = new Set(this.#rows.keys());
  }

  /** True if the files may still say something of the partition, also of an earlier one of its name. */
  has(topic: string, partition: number): boolean {
    return this.#listed.has(keyOf(topic, partition));
  }

  /** The high watermark that was written last, or 0. */
  highWatermark(topic: string, partition: number): number {
    return this.#rows.get(keyOf(topic, partition))?.highWatermark ?? 0;
  }

  /** The checkpoints of one partition, for `PartitionLog.load`. */
  of(session: CheckpointSession): LogCheckpoints {
    const row = this.#row(session.topic, session.partition);
    row.onRelease = session.onRelease;
    if (session.offsets !== undefined) row.kept = session.offsets;
    return {
      take: async () => ({
        ...row.kept,
        clean: session.isClean,
        isRecoveryPointKnown:
          session.offsets !== undefined || this.has(session.topic, session.partition),
      }),
      write: (state) => this.#write(row, state),
      release: async (clean) => row.onRelease(clean),
    };
  }

  /** Forgets partitions that are not there any more: another one moved in under such a name is not that one. */
  retain(isThere: (topic: string, partition: number) => boolean): void {
    for (const [key, { topic, partition }] of this.#rows) {
      if (!isThere(topic, partition)) this.#rows.delete(key);
    }
  }

  /** From now on `log` says what is written for its partition. */
  follow(topic: string, partition: number, log: OffsetsSource): void {
    this.#row(topic, partition).log = log;
  }

  /** Leaves the partition out from the next write on. */
  forget(topic: string, partition: number): void {
    this.#rows.delete(keyOf(topic, partition));
  }

  /** Forgets what an earlier partition of this name left, durably: it would be taken for the new one's. */
  async forgetDurably(topic: string, partition: number): Promise<void> {
    this.forget(topic, partition);
    await this.write();
  }

  /** When it resolves, the offsets as of the call, or later ones, survive power loss. */
  write(): Promise<void> {
    this.#queued ??= this.#running.then(() => {
      this.#queued = null;
      const run = this.#writeFiles();
      this.#running = run.catch(() => undefined);
      return run;
    });
    return this.#queued;
  }

  /**
   * A recovery or cleaner point that moved up may wait: a lower one only makes for more work. Anything else must be
   * on disk before the log goes on.
   */
  async #write(row: Row, state: PartitionOffsets): Promise<void> {
    const isKnown = this.#rows.get(keyOf(row.topic, row.partition)) === row;
    if (!isKnown) return;
    row.kept = state;
    const { durable } = row;
    const mayWait =
      state.logStartOffset === durable.logStartOffset &&
      state.recoveryPoint >= durable.recoveryPoint &&
      cleaned(state) >= cleaned(durable);
    if (!mayWait) return this.write();
    if (this.#fs.clock.monotonic() - this.#lastWriteMs < EAGER_WRITE_MS) return;
    this.#lastWriteMs = this.#fs.clock.monotonic();
    this.write().catch((cause: unknown) => this.#emit({ kind: 'checkpoint-failed', cause }));
  }

  async #writeFiles(): Promise<void> {
    const rows = [...this.#rows.values()];
    const offsets = rows.map(({ log, kept }) => log?.checkpointedOffsets ?? kept);
    for (let i = 0; i < rows.length; i += 1)
      rows[i]!.durable = either(rows[i]!.durable, offsets[i]!);
    for (const key of this.#rows.keys()) this.#listed.add(key);
    const keys = new Set(this.#rows.keys());
    for (const row of rows) {
      row.highWatermark = row.log?.replicatedHighWatermark ?? row.highWatermark;
    }
    const entries = (pick: (offsets: PartitionOffsets) => number | null) =>
      rows.flatMap(({ topic, partition }, i) => {
        const offset = pick(offsets[i]!);
        return offset === null ? [] : [{ topic, partition, offset }];
      });
    // As in Kafka, only partitions that do not start at 0 are listed.
    const starts = entries(({ logStartOffset }) => logStartOffset || null);
    const points = entries(({ recoveryPoint }) => recoveryPoint);
    const cleanerOffsets = entries((state) => cleaned(state) || null);
    await this.#replace(LOG_START_OFFSET_CHECKPOINT_FILE, starts);
    await this.#replace(RECOVERY_POINT_CHECKPOINT_FILE, points);
    await this.#replace(CLEANER_OFFSET_CHECKPOINT_FILE, cleanerOffsets);
    const highWatermarks = rows
      .filter(({ highWatermark }) => highWatermark > 0)
      .map(({ topic, partition, highWatermark: offset }) => ({ topic, partition, offset }));
    const isReplicated =
      highWatermarks.length > 0 || this.#written.has(HIGH_WATERMARK_CHECKPOINT_FILE);
    if (isReplicated) await this.#replace(HIGH_WATERMARK_CHECKPOINT_FILE, highWatermarks);
    for (let i = 0; i < rows.length; i += 1) rows[i]!.durable = offsets[i]!;
    this.#listed = keys;
    this.#lastWriteMs = this.#fs.clock.monotonic();
  }

  async #replace(name: string, entries: readonly OffsetCheckpointEntry[]): Promise<void> {
    const bytes = encodeOffsetCheckpoint(entries);
    if (this.#written.get(name)?.equals(bytes)) return;
    this.#written.delete(name);
    await this.#fs.writeFileAtomic(join(this.#directory, name), bytes);
    this.#written.set(name, bytes);
  }

  #row(topic: string, partition: number): Row {
    const key = keyOf(topic, partition);
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = {
        topic,
        partition,
        log: null,
        kept: NOTHING,
        durable: NOTHING,
        highWatermark: 0,
        onRelease: () => undefined,
      };
      this.#rows.set(key, row);
    }
    return row;
  }

  #read(name: string): OffsetCheckpointEntry[] {
    const path = join(this.#directory, name);
    try {
      const bytes = this.#fs.readFile(path, { maxBytes: MAX_FILE_BYTES });
      // Kafka makes the file empty before it first writes it.
      return bytes.length === 0 ? [] : decodeOffsetCheckpoint(bytes, name);
    } catch (cause) {
      if (isVarveError(cause, 'NOT_FOUND')) return [];
      if (!isVarveError(cause, 'CORRUPT_CHECKPOINT')) throw cause;
      this.#emit({ kind: 'checkpoint-damaged', path, cause });
      return [];
    }
  }
}

function cleaned({ cleanerOffset = 0 }: PartitionOffsets): number {
  return cleanerOffset;
}

/** What a file may hold that is being replaced: for the log start nobody can say, of the others the higher. */
function either(before: PartitionOffsets, after: PartitionOffsets): PartitionOffsets {
  return {
    recoveryPoint: Math.max(before.recoveryPoint, after.recoveryPoint),
    cleanerOffset: Math.max(cleaned(before), cleaned(after)),
    logStartOffset:
      before.logStartOffset === after.logStartOffset ? after.logStartOffset : Number.NaN,
  };
}

function keyOf(topic: string, partition: number): string {
  return `${topic} ${partition}`;
}
