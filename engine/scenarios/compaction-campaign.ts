import {
  baseOffset,
  isControl,
  isTransactional,
  lastOffset,
  producerId,
  sizeInBytes,
} from '../format/batch-header.js';
import { readRecords } from '../format/batch-reader.js';
import { BatchOptions, MARKER_BATCH_BYTES, writeControlBatch } from '../format/batch-writer.js';
import { decodeControlRecordKey } from '../format/control-record.js';
import type { CompactionReport } from '../log/cleaner.js';
import { PartitionLog } from '../log/partition-log.js';
import { Random } from '../testing/random.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { COMPRESSION_TYPES } from '../types.js';

/** What one life of a compacted log saw, for the report. */
export interface CompactionVerdict {
  readonly seed: number;
  readonly appended: number;
  readonly compactions: number;
  readonly crashes: number;
  readonly dropped: number;
}

/** A record as it was appended. */
interface Appended {
  readonly key: string | null;
  readonly value: string | null;
  readonly timestamp: number;
  readonly header: string | null;
  readonly batchStart: number;
  /** 0: not of a transaction. */
  readonly transaction: number;
}

interface Producer {
  readonly id: number;
  readonly isTransactional: boolean;
  /** The open transaction, or 0. */
  transaction: number;
}

const DIRECTORY = '/data/table-0';
const DELETE_RETENTION_MS = 10_000;

/**
 * Writes to a compacted log on a simulated disk, compacts it again and again, and holds what is left against a
 * naive model: the last value of each key is there, unchanged, under its offset; nothing that was overwritten
 * or aborted is left below what a finished round has cleaned; tombstones stay until their time; readers of
 * committed data see no aborted record; producers go on where they were. With `crashes`, the machine fails at a
 * random step, in the middle of a compaction too.
 */
export async function simulateCompaction(
  seed: number,
  options: { readonly crashes: boolean },
): Promise<CompactionVerdict> {
  const life = new Life(seed, options.crashes);
  try {
    return await life.run();
  } catch (cause) {
    throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

class Life {
  readonly #random: Random;
  readonly #clock = new SimulatedClock();
  readonly #seed: number;
  readonly #crashes: boolean;
  /** By offset; a hole is a marker. */
  #records: (Appended | undefined)[] = [];
  /** Outcome of each ended transaction, by number, and the offset of its marker. */
  readonly #outcomes = new Map<number, { aborted: boolean; marker: number; producer: number }>();
  readonly #producers: Producer[] = [];
  #transactions = 0;
  /** For each offset, when a compaction may first have stamped it. */
  #stampedMs: number[] = [];
  /** Everything below it may have been compacted. */
  #touchedEnd = 0;
  #verdict = { appended: 0, compactions: 0, crashes: 0, dropped: 0 };

  constructor(seed: number, crashes: boolean) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#crashes = crashes;
    for (let id = 0; id < 4; id += 1) {
      this.#producers.push({ id: 1000 + id, isTransactional: id < 3, transaction: 0 });
    }
  }

  async run(): Promise<CompactionVerdict> {
    const random = this.#random;
    const config = {
      'cleanup.policy': 'compact',
      'internal.segment.bytes': random.between(4000, 9000),
      'index.interval.bytes': random.between(50, 500),
      'segment.index.bytes': random.between(200, 1000),
      'delete.retention.ms': DELETE_RETENTION_MS,
      'min.cleanable.dirty.ratio': random.pick([0, 0.3, 0.5]),
      'min.compaction.lag.ms': random.chance(0.2) ? random.between(1, 5000) : 0,
      'producer.id.expiration.ms': 2_000_000_000,
    };
    const keys = random.between(2, 40);
    const faults = () => (this.#crashes ? { crashAtStep: random.between(1, 2500) } : {});
    let fs = new SimulatedFileSystem({ seed: this.#seed, clock: this.#clock, faults: faults() });
    for (let life = random.between(2, 5); life > 0; life -= 1) {
      try {
        const log = await PartitionLog.open({ directory: DIRECTORY, fs, config });
        this.#afterOpen(log);
        this.#check(log);
        await this.#work(log, keys);
        this.#check(log);
        await log.close();
        if (fs.usage().openFiles > 0) throw new Error(`${fs.usage().openFiles} files left open`);
      } catch (error) {
        if (fs.down === null) throw error;
        this.#verdict.crashes += 1;
        for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
      }
      // A crash while the machine is idle is one, too.
      if (fs.down !== null || (this.#crashes && random.chance(0.5))) {
        fs = random.chance(0.6)
          ? fs.powerFail({ faults: faults() })
          : fs.kill({ faults: faults() });
      }
    }
    fs = fs.powerFail({ faults: {} });
    const log = await PartitionLog.open({ directory: DIRECTORY, fs, config });
    this.#afterOpen(log);
    await this.#compact(log, { force: true });
    this.#check(log);
    await log.close();
    return { seed: this.#seed, ...this.#verdict };
  }

  /** What a power failure lost was never there. */
  #afterOpen(log: PartitionLog): void {
    const end = log.logEndOffset;
    this.#records.length = Math.min(this.#records.length, end);
    this.#stampedMs.length = Math.min(this.#stampedMs.length, end);
    for (const [number, { marker }] of this.#outcomes) {
      if (marker >= end) this.#outcomes.delete(number);
    }
    for (const producer of this.#producers) {
      const last = this.#lastOf(producer);
      producer.transaction =
        last !== null && last.transaction > 0 && !this.#outcomes.has(last.transaction)
          ? last.transaction
          : 0;
    }
  }

  async #work(log: PartitionLog, keys: number): Promise<void> {
    const random = this.#random;
    for (let step = random.between(20, 150); step > 0; step -= 1) {
      const dice = random.float();
      await this.#flush(log);
      if (dice < 0.5) this.#append(log, keys, null);
      else if (dice < 0.7) this.#append(log, keys, random.pick(this.#producers));
      else if (dice < 0.82) this.#endTransaction(log);
      else if (dice < 0.87) log.roll();
      else if (dice < 0.92) this.#clock.advance(random.between(1, DELETE_RETENTION_MS * 2));
      else if (dice < 0.97) await this.#compactAndCheck(log, keys);
      else await log.flush();
    }
  }

  #append(log: PartitionLog, keys: number, producer: Producer | null): void {
    const random = this.#random;
    const start = log.logEndOffset;
    const count = random.between(1, random.chance(0.1) ? 25 : 5);
    if (producer?.isTransactional && producer.transaction === 0) {
      this.#transactions += 1;
      producer.transaction = this.#transactions;
    }
    const records: Appended[] = Array.from({ length: count }, (_, i) => ({
      key: `key-${random.below(keys)}`,
      value: random.chance(0.2)
        ? null
        : `${this.#seed}:${start + i}:`.padEnd(random.between(10, 90), 'v'),
      timestamp: this.#clock.now() - random.below(3) * 1000,
      header: random.chance(0.3) ? `h${start + i}` : null,
      batchStart: start,
      transaction: producer?.transaction ?? 0,
    }));
    const inputs = records.map(({ key, value, timestamp, header }) => ({
      key,
      value,
      timestamp,
      headers: header === null ? [] : [{ key: 'h', value: header }],
    }));
    const options = {
      compression: random.chance(0.4) ? random.pick(COMPRESSION_TYPES) : 'none',
      ...(producer && {
        producerId: producer.id,
        producerEpoch: 0,
        baseSequence: this.#nextSequence(producer),
        isTransactional: producer.isTransactional,
      }),
    } as const;
    // Known before the call: a crash inside it may or may not leave the batch behind.
    for (let i = 0; i < count; i += 1) {
      this.#records[start + i] = records[i];
      this.#owners[start + i] = producer?.id ?? -1;
    }
    const { isDuplicate, baseOffset: at } = log.append(inputs, options);
    if (isDuplicate || at !== start) throw new Error(`append at ${start} went to ${at}`);
    this.#verdict.appended += count;
    if (producer !== null && random.chance(0.3)) {
      const again = log.append(inputs, options);
      if (!again.isDuplicate) throw new Error(`the batch at ${start} was taken twice`);
    }
  }

  #owners: number[] = [];

  #lastOf(producer: Producer): Appended | null {
    for (let offset = this.#records.length - 1; offset >= 0; offset -= 1) {
      const record = this.#records[offset];
      if (record !== undefined && this.#owners[offset] === producer.id) return record;
    }
    return null;
  }

  #nextSequence(producer: Producer): number {
    let sequence = 0;
    for (let offset = 0; offset < this.#records.length; offset += 1) {
      if (this.#records[offset] !== undefined && this.#owners[offset] === producer.id)
        sequence += 1;
    }
    return sequence;
  }

  #endTransaction(log: PartitionLog): void {
    const open = this.#producers.filter(({ transaction }) => transaction > 0);
    if (open.length === 0) return;
    const producer = this.#random.pick(open);
    const aborted = this.#random.chance(0.5);
    const options = new BatchOptions();
    options.producerId = producer.id;
    options.producerEpoch = 0;
    options.now = this.#clock.now();
    const bytes = Buffer.alloc(MARKER_BATCH_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    writeControlBatch(bytes, view, 0, aborted ? 'ABORT' : 'COMMIT', 0, options);
    const marker = log.logEndOffset;
    this.#outcomes.set(producer.transaction, { aborted, marker, producer: producer.id });
    this.#records[marker] = undefined;
    log.appendBatches(bytes, { origin: 'coordinator' });
    producer.transaction = 0;
  }

  /**
   * Before an append, where the machine may fail: only the last batch is ever unsynced then. Recovery takes a
   * hole that a power failure leaves before a later segment for compaction's, and the model knows none.
   */
  async #flush(log: PartitionLog): Promise<void> {
    if (this.#crashes) await log.flush();
  }

  /** Compacts while records are appended, and holds the finished round against the model. */
  async #compactAndCheck(log: PartitionLog, keys: number): Promise<void> {
    const random = this.#random;
    const force = random.chance(0.7);
    const mapBytes = random.chance(0.2) ? 32 * 1024 : 1 << 20;
    const running = this.#compact(log, { force, mapBytes });
    // What it fails with is thrown where it is awaited; until then, the check that fails first counts.
    running.catch(() => undefined);
    for (let turn = random.below(6); turn > 0; turn -= 1) {
      await new Promise(setImmediate);
      if (random.chance(0.3)) {
        await this.#flush(log);
        this.#append(log, keys, null);
      }
      this.#check(log);
    }
    const report = await running;
    this.#check(log);
    if (!report.compacted) return;
    this.#verdict.compactions += 1;
    this.#verdict.dropped += report.recordsBefore - report.recordsAfter;
    this.#checkCleaned(log, report.endOffset);
  }

  async #compact(
    log: PartitionLog,
    options: { force: boolean; mapBytes?: number },
  ): Promise<CompactionReport> {
    const end = log.segments().at(-1)!.baseOffset;
    for (let offset = 0; offset < end; offset += 1) this.#stampedMs[offset] ??= this.#clock.now();
    this.#touchedEnd = Math.max(this.#touchedEnd, end);
    return log.compact(options);
  }

  #isAborted(record: Appended): boolean {
    return this.#outcomes.get(record.transaction)?.aborted ?? false;
  }

  /** Latest offset of each key below `end` that counts. */
  #latest(end: number): Map<string | null, number> {
    const latest = new Map<string | null, number>();
    for (let offset = 0; offset < end; offset += 1) {
      const record = this.#records[offset];
      if (record !== undefined && !this.#isAborted(record)) latest.set(record.key, offset);
    }
    return latest;
  }

  /** What holds at any time. */
  #check(log: PartitionLog): void {
    const { present, committed } = readAll(log);
    const now = this.#clock.now();
    let previous = -1;
    for (const { offset, text } of present) {
      if (offset <= previous) throw new Error(`offset ${offset} comes after ${previous}`);
      previous = offset;
      const record = this.#records[offset];
      if (record === undefined) throw new Error(`nothing was appended at ${offset}`);
      if (text !== textOf(record)) throw new Error(`${offset} is ${text}, not ${textOf(record)}`);
    }
    const offsets = new Set(present.map(({ offset }) => offset));
    const latest = new Set(this.#latest(log.logEndOffset).values());
    for (let offset = 0; offset < log.logEndOffset; offset += 1) {
      const record = this.#records[offset];
      if (record === undefined || offsets.has(offset)) continue;
      if (offset >= this.#touchedEnd) throw new Error(`${offset} is gone, never compacted`);
      if (!latest.has(offset)) continue;
      const isTombstone = record.value === null;
      const stampedMs = this.#stampedMs[offset] ?? Number.POSITIVE_INFINITY;
      if (isTombstone && now >= stampedMs + DELETE_RETENTION_MS) continue;
      throw new Error(`${offset}, the latest of ${record.key}, is gone`);
    }
    for (const offset of offsets) {
      const isAborted = this.#isAborted(this.#records[offset]!);
      if (committed.has(offset) === isAborted) {
        throw new Error(`${offset} is ${isAborted ? '' : 'not '}aborted, committed readers differ`);
      }
    }
  }

  /** What holds after a round that ended at `end`. */
  #checkCleaned(log: PartitionLog, end: number): void {
    const latest = new Set(this.#latest(end).values());
    for (const { offset } of readAll(log).present) {
      if (offset >= end) break;
      if (this.#isAborted(this.#records[offset]!)) throw new Error(`aborted ${offset} is left`);
      if (!latest.has(offset))
        throw new Error(`${offset} is left, it was overwritten below ${end}`);
    }
  }
}

function textOf(record: Appended): string {
  return JSON.stringify([record.key, record.value, record.timestamp, record.header]);
}

function asText(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString();
}

/** All data records, and the offsets that a reader of committed data would be given. */
function readAll(log: PartitionLog) {
  const present: { offset: number; text: string }[] = [];
  const committed = new Set<number>();
  const aborted = log
    .abortedTransactions(0, log.logEndOffset)
    .sort((a, b) => a.firstOffset - b.firstOffset);
  const abortedProducers = new Set<number>();
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const { bytes, nextOffset } = log.read(offset, { isolation: 'log_end', maxBytes: 3000 });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
      const last = lastOffset(view, at);
      if (baseOffset(view, at) < offset) throw new Error(`batch at ${offset} begins below it`);
      while (aborted.length > 0 && aborted[0]!.firstOffset <= last) {
        abortedProducers.add(aborted.shift()!.producerId);
      }
      const records = readRecords(bytes, at);
      const id = producerId(view, at);
      if (isControl(view, at)) {
        const marker = records[0];
        if (marker && decodeControlRecordKey(marker.key).type === 'ABORT')
          abortedProducers.delete(id);
        continue;
      }
      const isVisible = !isTransactional(view, at) || !abortedProducers.has(id);
      for (const record of records) {
        const { key, value, timestamp, headers } = record;
        const header = asText(headers[0]?.value ?? null);
        const text = JSON.stringify([asText(key), asText(value), timestamp, header]);
        present.push({ offset: record.offset, text });
        if (isVisible) committed.add(record.offset);
      }
    }
    if (nextOffset <= offset) throw new Error(`reading at ${offset} does not go on`);
    offset = nextOffset;
  }
  return { present, committed };
}
