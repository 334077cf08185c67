import { isVarveError, VarveError } from '../errors.js';
import { MetadataImage } from '../metadata/image.js';
import type { Timers } from '../timers.js';
import type { Decision } from './decision.js';
import { MetadataFeed } from './metadata-feed.js';
import type { MetadataLog } from './ports.js';

/** A snapshot replaces a log of more records than this that is also `SNAPSHOT_RATIO` times as long as the snapshot. */
const SNAPSHOT_MIN_RECORDS = 10_000;
const SNAPSHOT_RATIO = 4;

/**
 * Decisions in their order: each is made on what those before it have made of the image, written as one batch, and
 * answered when it survives power loss. Several may be on their way to disk at once. Brokers see what is durable.
 */
export class DecisionLog {
  readonly #log: MetadataLog;
  readonly #onFailed: (cause: unknown) => void;
  readonly feed: MetadataFeed;
  #latest: MetadataImage;
  /** Resolves when everything decided so far is durable. */
  #durable: Promise<void> = Promise.resolve();
  /** Records since the log's start. */
  #records: number;
  #stopped: VarveError | null = null;

  private constructor(
    log: MetadataLog,
    timers: Timers,
    image: MetadataImage,
    records: number,
    onFailed: (cause: unknown) => void,
  ) {
    this.#log = log;
    this.#latest = image;
    this.#records = records;
    this.#onFailed = onFailed;
    this.feed = new MetadataFeed(timers, image);
  }

  /** Fails with CORRUPT_MESSAGE when the log does not fit together, or as the log does. */
  static async load(
    log: MetadataLog,
    timers: Timers,
    onFailed: (cause: unknown) => void,
  ): Promise<DecisionLog> {
    let image = MetadataImage.EMPTY;
    let records = 0;
    for (const batch of await log.load()) {
      const isWhole = batch.version - batch.records.length === image.version;
      const isSnapshot = batch.records[0]?.type === 'snapshot';
      if (!isWhole && !isSnapshot) {
        throw new VarveError(
          'CORRUPT_MESSAGE',
          `the cluster metadata goes from version ${image.version} to a batch that ends at ${batch.version} with ${batch.records.length} records: something in between is missing`,
          { details: { version: image.version, next: batch.version } },
        );
      }
      image = image.apply(batch.records, batch.version);
      records += batch.records.length;
    }
    return new DecisionLog(log, timers, image, records, onFailed);
  }

  /** With every decision, also those that are not durable yet. */
  get latest(): MetadataImage {
    return this.#latest;
  }

  /** Why nothing is decided any more, or null. */
  get stopped(): VarveError | null {
    return this.#stopped;
  }

  /**
   * Makes a decision and resolves with its answer when it is durable, and with it everything that it was based on.
   * Rejects with NOT_CONTROLLER when the log is closed or has failed: then the decision may hold or not. A decision
   * that could not even be written (DISK_FULL) rejects with that and has changed nothing.
   */
  async decide<T>(decider: (image: MetadataImage) => Decision<T>): Promise<T> {
    if (this.#stopped !== null) throw this.#stopped;
    const { records, answer } = decider(this.#latest);
    if (records.length > 0) this.#append(records);
    await this.#durable;
    return answer;
  }

  /** Everything decided so far is durable, or the log has failed. */
  async close(): Promise<void> {
    this.#stopped ??= new VarveError('NOT_CONTROLLER', 'the controller has been stopped', {
      retriable: true,
    });
    await this.#durable.catch(() => undefined);
    this.feed.close(this.#stopped);
    await this.#log.close();
  }

  #append(records: Decision<unknown>['records']): void {
    const version = this.#latest.version + records.length;
    // Before it is written: what does not fit must not get into the log.
    const image = this.#latest.apply(records, version);
    this.#publishWhenDurable(this.#log.append(records).durable, image, records);
    this.#records += records.length;
    this.#snapshotIfDue();
  }

  #snapshotIfDue(): void {
    if (this.#records <= SNAPSHOT_MIN_RECORDS) return;
    const snapshot = this.#latest.toRecords();
    if (this.#records <= SNAPSHOT_RATIO * snapshot.length) return;
    const image = this.#latest.apply([], this.#latest.version + snapshot.length);
    try {
      this.#publishWhenDurable(this.#log.appendSnapshot(snapshot).durable, image, []);
      this.#records = snapshot.length;
    } catch (error) {
      // The log stays as long as it is, and the next decision tries again.
      if (!isVarveError(error)) throw error;
    }
  }

  #publishWhenDurable(
    durable: Promise<void>,
    image: MetadataImage,
    records: Decision<unknown>['records'],
  ): void {
    this.#latest = image;
    const before = this.#durable;
    this.#durable = (async () => {
      try {
        await before;
        await durable;
      } catch (error) {
        throw this.#fail(error);
      }
      this.feed.publish({ records, version: image.version }, image);
    })();
    // Whoever asked hears of it; decisions that nobody waits for must not end the process.
    this.#durable.catch(() => undefined);
  }

  /** What is on disk is unknown now: nothing more may be decided on top of it. */
  #fail(cause: unknown): VarveError {
    if (this.#stopped !== null) return this.#stopped;
    this.#stopped = new VarveError(
      'NOT_CONTROLLER',
      'the controller cannot write its log and has stopped; start it again when the disk is well',
      { cause, retriable: true },
    );
    this.feed.close(this.#stopped);
    this.#onFailed(cause);
    return this.#stopped;
  }
}
