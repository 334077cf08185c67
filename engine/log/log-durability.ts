import { isVarveError, type VarveError } from '../errors.js';
import { FlushQueue, poisonedBy } from './flush-queue.js';
import type { RecoveryReport } from './log-loader.js';
import * as maintenance from './log-maintenance.js';
import type { CheckpointedOffsets, LogCheckpoints } from './log-options.js';
import type { LogState } from './log-state.js';
import { Mutex } from './mutex.js';
import type { Segment } from './segment.js';
import { writeTransactions } from './transaction-files.js';

/**
 * What of one log is on disk and what is not yet: syncs, the recovery point, checkpoints, the work that rolling leaves
 * for later, and the end of all writing when any of it fails.
 */
export class LogDurability {
  /** Whether anything on disk may differ from what a clean open found: a log that was only read closes at once. */
  isTouched: boolean;
  readonly #state: LogState;
  readonly #checkpoints: LogCheckpoints;
  readonly #onPoisoned: (cause: unknown) => void;
  readonly #onPostponed: (cause: unknown) => void;
  readonly #beforeSync: () => void;
  readonly #flushes: FlushQueue;
  readonly #checkpointWrites = new Mutex();
  readonly #background = new Set<Promise<void>>();
  /** Segments with bytes that no sync has covered, oldest first. */
  #unsynced: Segment[];
  /** Rolled, but not trimmed and on disk yet: the recovery point kept on disk stays below them. */
  readonly #unsealed = new Set<Segment>();
  /** Those of them that a full disk kept from being sealed; tried again with the next roll and at close. */
  readonly #late = new Set<Segment>();
  #directoryUnsynced: boolean;
  #epochVersionWritten: number;
  /** Where the log ended when the newest sync that succeeded began: everything below is on disk. */
  #syncedEnd: number;
  /** Where it ended when the newest sync began at all. */
  #coveredEnd: number;
  #isStartingSync = false;
  #flushTimer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(
    state: LogState,
    recovery: RecoveryReport,
    options: {
      readonly checkpoints: LogCheckpoints;
      readonly onPoisoned: (cause: unknown) => void;
      /** A full disk put off work that only saves time at the next open. */
      readonly onPostponed: (cause: unknown) => void;
      /** Last chance to append what the sync shall cover. */
      readonly beforeSync: () => void;
    },
  ) {
    this.#state = state;
    this.#checkpoints = options.checkpoints;
    this.#onPoisoned = options.onPoisoned;
    this.#onPostponed = options.onPostponed;
    this.#beforeSync = options.beforeSync;
    // After a kill the page cache still holds what the last process never synced.
    const { segments } = state;
    this.#syncedEnd = Math.min(state.recoveryPoint, state.nextOffset);
    this.#coveredEnd = this.#syncedEnd;
    this.#unsynced = segments.all().slice(Math.max(0, segments.floorIndex(state.recoveryPoint)));
    this.#directoryUnsynced = !recovery.wasClean;
    this.#epochVersionWritten = recovery.epochsChanged ? -1 : state.epochs.version;
    this.isTouched = !recovery.wasClean || recovery.epochsChanged;
    this.#flushes = new FlushQueue({
      sync: () => this.sync(),
      onFailure: (cause) => this.poison(cause),
    });
  }

  /** Resolves when everything appended before the call survives power loss. */
  flush(): Promise<void> {
    return this.#flushes.flush();
  }

  /** Applies flush.messages and flush.ms to an append. Nobody waits here: see `syncBeforeAck`. */
  appended(): void {
    this.isTouched = true;
    const { context, nextOffset } = this.#state;
    const { flushMessages, flushMs } = context.config;
    if (nextOffset - this.#coveredEnd >= flushMessages) {
      // The sync that is about to begin covers this one too.
      if (!this.#isStartingSync) this.inBackground(this.#flushes.flush());
    } else if (flushMs !== Number.POSITIVE_INFINITY) this.#flushLater(flushMs);
  }

  /**
   * The sync to wait for before records up to `endOffset` (exclusive) are acknowledged; null: they may be now. Of
   * what has been acknowledged, fewer than flush.messages records are off the disk at any time.
   */
  syncBeforeAck(endOffset: number): Promise<void> | null {
    const { flushMessages } = this.#state.context.config;
    if (endOffset - this.#syncedEnd < flushMessages) return null;
    const { running } = this.#flushes;
    if (running !== null && endOffset - this.#coveredEnd < flushMessages) return running;
    return this.#flushes.flush();
  }

  #flushLater(ms: number): void {
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = null;
      // While stopped somebody else syncs, and no other sync may meet the segments that are on their way out.
      if (!this.#stopped) this.inBackground(this.#flushes.flush());
    }, ms).unref();
  }

  /** No timed flush starts until `resume`. */
  stop(): void {
    this.#stopped = true;
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    this.#flushTimer = null;
  }

  resume(): void {
    this.#stopped = false;
  }

  /** `next` is active from now on; what is left of rolling is done off the append path, as Kafka does. */
  rolled(previous: Segment, next: Segment): void {
    this.isTouched = true;
    this.#unsealed.add(previous);
    this.#unsynced.push(next);
    this.#directoryUnsynced = true;
    const snapshot = maintenance.snapshotOf(this.#state);
    this.inBackground(this.#finishRoll(previous, next.baseOffset, snapshot));
  }

  async #finishRoll(previous: Segment, base: number, snapshot: Buffer): Promise<void> {
    try {
      await maintenance.writeSnapshot(this.#state, base, snapshot);
      await this.sealLate();
      await this.#seal(previous);
      await this.saveCheckpoint();
    } catch (error) {
      if (!isVarveError(error, 'DISK_FULL')) throw error;
      if (this.#unsealed.has(previous)) this.#late.add(previous);
      this.#onPostponed(error);
    }
  }

  async #seal(segment: Segment): Promise<void> {
    await segment.seal();
    await writeTransactions(this.#state, segment);
    await this.#flushes.flush();
    // The trimmed length too: below the recovery point nobody looks for reserved space behind the data.
    await segment.flush();
    this.#unsealed.delete(segment);
    this.#late.delete(segment);
  }

  /** Seals what a full disk kept from it. */
  async sealLate(): Promise<void> {
    for (const segment of this.#late) {
      if (this.#state.segments.indexOf(segment) >= 0) await this.#seal(segment);
      else this.#late.delete(segment);
    }
  }

  /**
   * A segment that got no space goes at once: found after a crash, it would end the one before it at its base
   * offset, whatever that has taken meanwhile.
   */
  takeBack(segment: Segment): void {
    const { fs } = this.#state.context;
    const doomed = `${segment.path}.deleted`;
    try {
      fs.rename(segment.path, doomed);
    } catch (error) {
      this.poison(error);
    }
    this.#directoryUnsynced = true;
    this.inBackground(segment.discard().then(() => fs.remove(doomed)));
  }

  /** Segments have left the log: they are not synced any more. Those in it and `changed` are. */
  segmentsChanged(...changed: Segment[]): void {
    this.#directoryUnsynced = true;
    const { segments } = this.#state;
    this.#unsynced = this.#unsynced.filter((segment) => segments.indexOf(segment) >= 0);
    for (const segment of changed) {
      if (!this.#unsynced.includes(segment)) this.#unsynced.push(segment);
    }
  }

  /** The last sync. Unlike the others it fails when the leader epochs find no room: a clean open would miss them. */
  async syncForClose(): Promise<void> {
    await this.sync();
    if (this.#state.epochs.version === this.#epochVersionWritten) return;
    await maintenance.writeEpochs(this.#state);
  }

  /** One sync of everything unsynced. Runs alone: in the flush queue, or after `settle` with appends held off. */
  async sync(): Promise<void> {
    const state = this.#state;
    this.#isStartingSync = true;
    try {
      this.#beforeSync();
    } finally {
      this.#isStartingSync = false;
    }
    // After a failed sync the kernel may have dropped the bytes: a second one would succeed without them.
    if (state.poisoned !== null) throw state.poisoned;
    const end = state.nextOffset;
    const covered = new Map(this.#unsynced.map((segment) => [segment, segment.size]));
    this.#coveredEnd = end;
    const hasEpochs = await this.#saveEpochs();
    for (const segment of covered.keys()) await segment.flush();
    if (this.#directoryUnsynced) {
      this.#directoryUnsynced = false;
      await state.context.fs.syncDirectory(state.context.directory);
    }
    this.#syncedEnd = end;
    // A segment that was rolled meanwhile may have got batches that its own sync came too early for.
    this.#unsynced = this.#unsynced.filter(
      (segment) => segment.isActive || segment.size > (covered.get(segment) ?? -1),
    );
    if (hasEpochs && end > state.recoveryPoint)
      state.recoveryPoint = Math.min(end, state.nextOffset);
  }

  /**
   * Whether the checkpoint on disk has every leader epoch. A full disk is no reason to fail a sync: epochs are in the
   * batches too, and recovery finds them there as long as the recovery point stays below.
   */
  async #saveEpochs(): Promise<boolean> {
    const { epochs } = this.#state;
    const { version } = epochs;
    if (version === this.#epochVersionWritten) return true;
    try {
      await maintenance.writeEpochs(this.#state);
    } catch (error) {
      if (!isVarveError(error, 'DISK_FULL')) throw error;
      this.#onPostponed(error);
      return false;
    }
    this.#epochVersionWritten = version;
    return true;
  }

  /** What checkpoints may say of this log now. Their recovery point may be below the log's own. */
  get checkpointedOffsets(): CheckpointedOffsets {
    const { logStartOffset, cleanerOffset } = this.#state;
    let { recoveryPoint } = this.#state;
    for (const { baseOffset: unsealed } of this.#unsealed) {
      recoveryPoint = Math.min(recoveryPoint, unsealed);
    }
    return { recoveryPoint, logStartOffset, cleanerOffset };
  }

  /** Durable when it resolves: the state at the time of writing, which is never older than the call. */
  saveCheckpoint(): Promise<void> {
    return this.#checkpointWrites.run(() => this.#checkpoints.write(this.checkpointedOffsets));
  }

  /**
   * Before the log is cut at `offset`: a crash half-way would leave checkpoints above the log's end, and what is
   * appended there later would count as checked, or as compacted.
   */
  async lowerCheckpoints(offset: number): Promise<void> {
    const state = this.#state;
    if (state.recoveryPoint <= offset && state.cleanerOffset <= offset) return;
    state.recoveryPoint = Math.min(state.recoveryPoint, offset);
    state.cleanerOffset = Math.min(state.cleanerOffset, offset);
    await this.saveCheckpoint();
  }

  /** Waits for background work, not for a flush that somebody else asked for. */
  async backgroundIdle(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  /** Waits for background work and syncs, leaving nothing under way. */
  async settle(): Promise<void> {
    await this.backgroundIdle();
    await this.#flushes.idle();
  }

  inBackground(work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((error: unknown) => this.poison(error))
      .finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }

  /** Ends all writing; the first cause counts. */
  poison(cause: unknown): void {
    const state = this.#state;
    if (state.poisoned !== null) return;
    const poisoned: VarveError = poisonedBy(cause);
    state.poisoned = poisoned;
    this.#onPoisoned(cause);
  }
}
