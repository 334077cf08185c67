import { isVarveError, type VarveError } from '../errors.js';
import type { FileSystem } from '../io/port.js';
import { PartitionLog } from '../log/partition-log.js';
import type { CompressionType } from '../types.js';

export const DIRECTORY = '/data/events-0';

/** Segments of a few batches, an index entry for each. */
export const CONFIG = {
  'internal.segment.bytes': 900,
  'index.interval.bytes': 50,
  'segment.index.bytes': 1024,
  'retention.ms': -1,
};

/**
 * A log under faults, and what it must hold whatever fails: every call either does what it says or throws a
 * `VarveError` and changes nothing that was acknowledged.
 */
export class FaultyLife {
  readonly log: PartitionLog;
  /** Value of the record at each offset that was acknowledged. */
  readonly values: string[] = [];
  /** Everything below it was flushed. */
  durableEnd = 0;
  startAcknowledged = 0;
  startAsked = 0;
  /** Where a truncation that failed was to cut. */
  failedCut: number | null = null;
  readonly errors: VarveError[] = [];
  #next = 0;

  constructor(log: PartitionLog) {
    this.log = log;
  }

  static async open(fs: FileSystem, config: object = CONFIG): Promise<FaultyLife> {
    return new FaultyLife(await PartitionLog.open({ directory: DIRECTORY, fs, config }));
  }

  /** Runs the call; an error must be one of ours, and is kept. */
  async attempt(call: () => unknown): Promise<boolean> {
    try {
      await call();
      return true;
    } catch (error) {
      if (!isVarveError(error)) throw error;
      this.errors.push(error);
      return false;
    }
  }

  append(count = 1, compression: CompressionType = 'none'): Promise<boolean> {
    return this.attempt(() => {
      const records = Array.from({ length: count }, () => {
        this.#next += 1;
        return { key: `k${this.#next % 3}`, value: `value-${this.#next}-`.padEnd(120, 'x') };
      });
      const base = this.log.logEndOffset;
      if (base !== this.values.length && this.log.poisoned === null) {
        throw new Error(`the log ends at ${base}, acknowledged are ${this.values.length}`);
      }
      const { baseOffset } = this.log.append(records, { compression });
      if (baseOffset !== base) throw new Error(`put at ${baseOffset}, not ${base}`);
      this.values.push(...records.map(({ value }) => value));
    });
  }

  flush(): Promise<boolean> {
    return this.attempt(async () => {
      const end = this.log.logEndOffset;
      await this.log.flush();
      this.durableEnd = Math.max(this.durableEnd, end);
    });
  }

  deleteBefore(offset: number): Promise<boolean> {
    return this.attempt(async () => {
      this.startAsked = Math.max(this.startAsked, offset);
      await this.log.deleteRecordsBefore(offset);
      this.startAcknowledged = offset;
    });
  }

  truncate(offset: number): Promise<boolean> {
    return this.attempt(async () => {
      if (this.log.poisoned === null) this.failedCut = offset;
      await this.log.truncateTo(offset);
      this.failedCut = null;
      this.values.length = offset;
      this.durableEnd = offset;
    });
  }

  /** Every record a reader gets. */
  read(): Promise<boolean> {
    return this.attempt(() => requireValues(this.log, this.values));
  }

  /** Something of everything a log does. */
  async work(): Promise<void> {
    await this.append(2);
    await this.append(1, 'gzip');
    await this.flush();
    for (let i = 0; i < 6; i += 1) await this.append(2);
    await this.attempt(() => this.log.roll());
    await this.append(3, 'lz4');
    await this.read();
    await this.attempt(() => this.log.setLeaderEpoch(this.log.leaderEpoch + 1));
    await this.append();
    await this.flush();
    await this.deleteBefore(Math.min(7, this.log.logEndOffset));
    // Between batches: in the middle of one, the whole batch goes and leaves a gap.
    const cut = this.log.logEndOffset;
    await this.append(3);
    await this.append(2);
    if (cut >= this.log.logStartOffset) await this.truncate(cut);
    await this.append(4);
    await this.flush();
    await this.attempt(() => this.log.findByTimestamp(0));
    await this.read();
  }

  /**
   * What another process finds afterwards: `leastEnd` says how much must be there. Nothing that was refused, or cut,
   * may come back.
   */
  check(log: PartitionLog, leastEnd: number): void {
    const { logStartOffset: start, logEndOffset: end } = log;
    if (start < this.startAcknowledged || start > this.startAsked) {
      throw new Error(`starts at ${start}, not in ${this.startAcknowledged}..${this.startAsked}`);
    }
    const least = Math.min(leastEnd, this.failedCut ?? leastEnd);
    if (end < least) throw new Error(`ends at ${end}, acknowledged is ${least}`);
    if (end > this.values.length) {
      throw new Error(`ends at ${end}: more than the ${this.values.length} acknowledged`);
    }
    requireValues(log, this.values.slice(0, end));
  }
}

function requireValues(log: PartitionLog, values: readonly string[]): void {
  for (let offset = log.logStartOffset; offset < log.logEndOffset; offset += 1) {
    const record = log.readRecord(offset, { checkCrcs: true });
    const value = record?.value ? Buffer.from(record.value).toString() : null;
    if (record?.offset !== offset || value !== values[offset]) {
      throw new Error(`offset ${offset} holds ${value}, not ${values[offset]}`);
    }
  }
}
