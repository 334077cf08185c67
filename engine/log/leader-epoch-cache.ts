import { VarveError } from '../errors.js';

/** `epoch` was leader from `startOffset` on, up to the next entry's start. */
export interface LeaderEpochEntry {
  readonly epoch: number;
  readonly startOffset: number;
}

export interface EpochEnd {
  /** Largest known epoch that is <= the requested one; -1 when it cannot be told. */
  readonly epoch: number;
  /** First offset that is not of that epoch; -1 when it cannot be told. */
  readonly endOffset: number;
}

const UNDEFINED_END: EpochEnd = { epoch: -1, endOffset: -1 };

/**
 * Which leader epoch wrote which offsets of a partition. Both epochs and start offsets ascend
 * strictly. Pure: the owner writes `entries()` to the checkpoint when `version` has changed.
 * Kafka's `LeaderEpochFileCache`.
 */
export class LeaderEpochCache {
  readonly #entries: LeaderEpochEntry[] = [];
  #version = 0;

  /** Grows with every change. Compare with the version last written to know if a write is due. */
  get version(): number {
    return this.#version;
  }

  get count(): number {
    return this.#entries.length;
  }

  /** The epoch that is being written, or -1 when none is known. */
  get latestEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? -1;
  }

  get latest(): LeaderEpochEntry | undefined {
    return this.#entries.at(-1);
  }

  get earliest(): LeaderEpochEntry | undefined {
    return this.#entries[0];
  }

  /** A copy, ascending. */
  entries(): LeaderEpochEntry[] {
    return this.#entries.slice();
  }

  /**
   * Notes that `epoch` starts at `startOffset`; says whether anything changed. Entries at the tail
   * with an epoch or a start at or above the new one contradict it and go. Assigning the latest
   * epoch again, at its start or later, changes nothing: the cost on every append is one comparison.
   */
  assign(epoch: number, startOffset: number): boolean {
    const entries = this.#entries;
    const latest = entries.length === 0 ? undefined : entries[entries.length - 1];
    if (latest !== undefined && epoch === latest.epoch && startOffset >= latest.startOffset) {
      return false;
    }
    if (!isCount(epoch, 0x7fffffff) || !isCount(startOffset, Number.MAX_SAFE_INTEGER)) {
      throw new VarveError(
        'INVALID_ARGUMENT',
        `leader epoch ${epoch} starting at offset ${startOffset}: the epoch must be an integer ` +
          'from 0 to 2147483647 and the offset an integer from 0 to 2^53-1',
        { details: { epoch, startOffset } },
      );
    }
    let keep = entries.length;
    while (keep > 0) {
      const entry = entries[keep - 1] as LeaderEpochEntry;
      if (entry.epoch < epoch && entry.startOffset < startOffset) break;
      keep--;
    }
    entries.length = keep;
    entries.push({ epoch, startOffset });
    this.#version++;
    return true;
  }

  /**
   * Where `epoch` ends, for a follower that asks how far it agrees with this log: the log end offset
   * for the latest epoch, else the start of the next one. An epoch older than all known ones ends
   * where the first known one starts; an epoch above the latest, or -1, is undefined (-1, -1).
   */
  endOffsetFor(epoch: number, logEndOffset: number): EpochEnd {
    const entries = this.#entries;
    if (epoch < 0 || epoch > this.latestEpoch) return UNDEFINED_END;
    if (epoch === this.latestEpoch) return { epoch, endOffset: logEndOffset };
    const next = entries.findIndex((entry) => entry.epoch > epoch);
    const endOffset = (entries[next] as LeaderEpochEntry).startOffset;
    return { epoch: next === 0 ? epoch : (entries[next - 1] as LeaderEpochEntry).epoch, endOffset };
  }

  /** The epoch that wrote `offset`, or -1 when it lies before the first known one. */
  epochFor(offset: number): number {
    const entries = this.#entries;
    for (let at = entries.length - 1; at >= 0; at--) {
      const entry = entries[at] as LeaderEpochEntry;
      if (entry.startOffset <= offset) return entry.epoch;
    }
    return -1;
  }

  /** The log now ends at `offset`: forgets epochs that start there or later. */
  truncateFromEnd(offset: number): boolean {
    const entries = this.#entries;
    let keep = entries.length;
    while (keep > 0 && (entries[keep - 1] as LeaderEpochEntry).startOffset >= offset) keep--;
    if (offset < 0 || keep === entries.length) return false;
    entries.length = keep;
    this.#version++;
    return true;
  }

  /**
   * The log now starts at `offset`: forgets epochs that end at or before it; the epoch that holds it
   * starts there.
   */
  truncateFromStart(offset: number): boolean {
    const entries = this.#entries;
    let covered = 0;
    while (
      covered < entries.length &&
      (entries[covered] as LeaderEpochEntry).startOffset <= offset
    ) {
      covered++;
    }
    if (covered === 0) return false;
    const holder = entries[covered - 1] as LeaderEpochEntry;
    if (covered === 1 && holder.startOffset === offset) return false;
    entries.splice(0, covered, { epoch: holder.epoch, startOffset: offset });
    this.#version++;
    return true;
  }

  clear(): void {
    if (this.#entries.length === 0) return;
    this.#entries.length = 0;
    this.#version++;
  }

  /**
   * A cache with the entries of a checkpoint, at version 0. Fails with CORRUPT_CHECKPOINT unless
   * epochs and offsets ascend strictly: later truncation would silently drop the wrong ones.
   */
  static from(entries: Iterable<LeaderEpochEntry>): LeaderEpochCache {
    const cache = new LeaderEpochCache();
    let last: LeaderEpochEntry = { epoch: -1, startOffset: -1 };
    for (const entry of entries) {
      if (
        !isCount(entry.epoch, 0x7fffffff) ||
        !isCount(entry.startOffset, Number.MAX_SAFE_INTEGER) ||
        entry.epoch <= last.epoch ||
        entry.startOffset <= last.startOffset
      ) {
        throw new VarveError(
          'CORRUPT_CHECKPOINT',
          `leader epoch checkpoint, entry ${cache.count}: epoch ${entry.epoch} at offset ` +
            `${entry.startOffset} does not ascend from epoch ${last.epoch} at ${last.startOffset}; ` +
            'delete the file to have it rebuilt from the log',
          { details: { entry: cache.count, ...entry } },
        );
      }
      cache.#entries.push({ epoch: entry.epoch, startOffset: entry.startOffset });
      last = entry;
    }
    return cache;
  }
}

function isCount(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max;
}
