import { writeSync } from 'node:fs';
import { BatchOptions, batchSizeBound, writeBatch } from '../format/batch-writer.js';
import { openFileSystem } from '../io/index.js';
import type { FileSystem } from '../io/port.js';
import type { AppendResult } from '../log/log-options.js';
import type { PartitionLog } from '../log/partition-log.js';
import { Random } from '../testing/random.js';
import type { LastBatch } from './crash-model.js';
import {
  batchesAt,
  type CrashPlan,
  firstGenerationOf,
  PRODUCER_ID,
  planOf,
  recordOf,
  STEP_KINDS,
  type StepKind,
} from './crash-plan.js';
import { openStore, type Store } from './crash-store.js';

/*
 * The process that is killed. It says on standard output, a line each and before it goes on, what it has done
 * (capitals) and what it is about to do where a kill may leave that half done (lower case):
 *
 *   S                               about to open
 *   O partition start end generation  opened
 *   A partition base end generation sequence  appended, acknowledged
 *   t, T partition offset [generation]  truncating, truncated; a new generation begins
 *   d, D partition start            deleting records before, done
 *   r, R partition start            applying retention, done
 *   c partition                     compacting from here on
 *   F partition recoveryPoint end   flushed up to `end`
 *   X, Z                            closing, closed
 */
export interface WriterOptions {
  readonly directory: string;
  readonly seed: number;
  readonly startMs: number;
  readonly life: number;
  readonly lastBatches: readonly (LastBatch | null)[];
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

class Writer {
  readonly #plan: CrashPlan;
  readonly #options: WriterOptions;
  readonly #fs: FileSystem;
  readonly #random: Random;
  readonly #generations: number[];
  /** Offset at which each partition's generation began: where its producer's sequence counts from. */
  readonly #generationStarts: number[] = [];
  readonly #batchStarts: number[][];
  readonly #background = new Set<Promise<unknown>>();
  #store!: Store;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#plan = planOf(options.seed, options.startMs);
    this.#fs = openFileSystem({ kind: this.#plan.files });
    this.#random = new Random(options.seed * 100 + options.life);
    const first = firstGenerationOf(options.life);
    this.#generations = Array.from({ length: this.#plan.partitions }, () => first);
    this.#batchStarts = this.#generations.map(() => []);
  }

  async run(): Promise<void> {
    await this.#open();
    if (this.#plan.isIdempotent) {
      for (const [p, last] of this.#options.lastBatches.entries()) {
        if (last !== null) this.#retry(p, last);
      }
    }
    const kinds = this.#weighted();
    for (let step = 0; step < this.#plan.steps; step += 1) {
      const p = this.#random.below(this.#plan.partitions);
      await this.#step(this.#random.pick(kinds), p);
      if (this.#random.chance(0.05)) await new Promise((resolve) => setImmediate(resolve));
    }
    await this.#close();
  }

  #weighted(): StepKind[] {
    return STEP_KINDS.flatMap((kind) =>
      Array.from({ length: Math.ceil(this.#plan.weights[kind] * 10) }, () => kind),
    );
  }

  async #open(): Promise<void> {
    say('S');
    const { directory } = this.#options;
    this.#store = await openStore(this.#plan, directory, this.#fs, { create: true });
    for (const [p, log] of this.#store.logs.entries()) {
      this.#generationStarts[p] = log.logEndOffset;
      say(`O ${p} ${log.logStartOffset} ${log.logEndOffset} ${this.#generations[p]}`);
    }
  }

  async #close(): Promise<void> {
    await Promise.all(this.#background);
    say('X');
    await this.#store.close();
    say('Z');
  }

  /** What a producer does that never heard of its success: the log knows it, and says where it put it. */
  #retry(p: number, last: LastBatch): void {
    const log = this.#store.logs[p]!;
    if (last.base < log.logStartOffset) return;
    let result: AppendResult;
    try {
      result = log.append(this.#records(p, last.base, last.end, last.generation), {
        producerId: PRODUCER_ID,
        producerEpoch: last.generation,
        baseSequence: last.sequence,
      });
    } catch (error) {
      // The last process began its own epoch with a batch that was never acknowledged.
      const isFenced = (error as { code?: string }).code === 'INVALID_PRODUCER_EPOCH';
      if (isFenced && log.logEndOffset > last.end) return;
      throw error;
    }
    if (result.isDuplicate && result.baseOffset === last.base) return;
    throw new Error(
      `partition ${p}: batch ${last.base} sent again was put at ${result.baseOffset}, duplicate: ${result.isDuplicate}`,
    );
  }

  async #step(kind: StepKind, p: number): Promise<void> {
    const log = this.#store.logs[p]!;
    switch (kind) {
      case 'append':
        return this.#append(log, p);
      case 'flush':
        return this.#flush(log, p);
      case 'flushLater':
        return this.#inBackground(this.#flush(log, p));
      case 'roll':
        return log.roll();
      case 'deleteBefore':
        return this.#deleteBefore(log, p);
      case 'truncate':
        return this.#truncate(log, p);
      case 'retain':
        say(`r ${p}`);
        await log.applyRetention();
        return say(`R ${p} ${log.logStartOffset}`);
      case 'compact':
        say(`c ${p}`);
        return this.#inBackground(log.compact().catch(unlessAborted));
      case 'epoch':
        return log.setLeaderEpoch(log.leaderEpoch + 1);
      case 'checkpoint':
        return this.#store.checkpoint();
      case 'reopen':
        await this.#close();
        for (const starts of this.#batchStarts) starts.length = 0;
        for (let i = 0; i < this.#generations.length; i += 1) this.#generations[i]! += 1;
        return this.#open();
    }
  }

  #append(log: PartitionLog, p: number): void {
    const generation = this.#generations[p]!;
    const base = log.logEndOffset;
    const sequence = base - this.#generationStarts[p]!;
    const counts = batchesAt(this.#plan, p, base, generation);
    const { compression, isIdempotent } = this.#plan;
    const producer = isIdempotent
      ? { producerId: PRODUCER_ID, producerEpoch: generation, baseSequence: sequence }
      : {};
    if (this.#plan.readyBatches) log.appendBatches(this.#ready(p, base, counts, producer));
    else {
      const records = this.#records(p, base, base + counts[0]!, generation);
      log.append(records, { compression, ...producer });
    }
    say(`A ${p} ${base} ${log.logEndOffset} ${generation} ${sequence}`);
    this.#batchStarts[p]!.push(base);
  }

  #records(p: number, from: number, to: number, generation: number) {
    return Array.from({ length: to - from }, (_, i) =>
      recordOf(this.#plan, p, from + i, generation),
    );
  }

  #ready(p: number, base: number, counts: readonly number[], producer: object): Buffer {
    const batches: Buffer[] = [];
    let from = base;
    for (const count of counts) {
      const records = this.#records(p, from, from + count, this.#generations[p]!);
      const buffer = Buffer.alloc(batchSizeBound(records, 0, count));
      const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
      const { compression } = this.#plan;
      const options = Object.assign(new BatchOptions(), { compression }, producer);
      batches.push(buffer.subarray(0, writeBatch(buffer, view, 0, records, 0, count, options)));
      from += count;
    }
    return Buffer.concat(batches);
  }

  async #flush(log: PartitionLog, p: number): Promise<void> {
    const end = log.logEndOffset;
    const generation = this.#generations[p];
    await log.flush();
    if (generation === this.#generations[p] && log.recoveryPoint < end) {
      throw new Error(`partition ${p}: flushed to ${end}, recovery point ${log.recoveryPoint}`);
    }
  }

  async #deleteBefore(log: PartitionLog, p: number): Promise<void> {
    const offset = this.#random.between(log.logStartOffset, log.logEndOffset);
    say(`d ${p} ${offset}`);
    await log.deleteRecordsBefore(offset);
    say(`D ${p} ${log.logStartOffset}`);
  }

  async #truncate(log: PartitionLog, p: number): Promise<void> {
    // At batch boundaries: elsewhere the whole batch goes and its offsets stay unused. In a compacted log within the
    // active segment, as what was removed for a record that is cut does not come back.
    const least = this.#plan.isCompacted ? log.segments().at(-1)!.baseOffset : log.logStartOffset;
    const starts = this.#batchStarts[p]!.filter((at) => at >= Math.max(least, log.logStartOffset));
    if (starts.length === 0) return;
    const offset = this.#random.pick(starts);
    this.#generations[p]! += 1;
    say(`t ${p} ${offset}`);
    await log.truncateTo(offset);
    this.#generationStarts[p] = offset;
    this.#batchStarts[p] = this.#batchStarts[p]!.filter((at) => at < offset);
    say(`T ${p} ${offset} ${this.#generations[p]}`);
  }

  #inBackground(work: Promise<unknown>): void {
    const tracked: Promise<unknown> = work.then(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }
}

function unlessAborted(error: unknown): void {
  const code = (error as { code?: string }).code;
  if (code !== 'ABORTED' && code !== 'CLOSED') throw error;
}

await new Writer(JSON.parse(process.argv[2] ?? '{}') as WriterOptions).run();
