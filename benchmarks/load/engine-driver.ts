import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BenchError } from '../model/bench-error.js';
import { diskFull } from '../model/disk-full.js';
import type { Codec } from '../model/knobs.js';
import type { Batch } from './batch.js';
import { NS_PER_MS, NS_PER_SECOND, nowNs } from './clock.js';
import { type Driver, Outcome } from './driver.js';
import type { EngineConnection, LoadPlan, LoadResult } from './plan.js';
import { STAMP_BYTES } from './stamp.js';
import {
  BatchProblem,
  checkBatch,
  describeProblem,
  isVarveError,
  PartitionLog,
  RecordCursor,
  sizeInBytes,
} from './varve.js';

/** Appends never wait: after so long everything else has its turn. */
const SLICE_NS = 5 * NS_PER_MS;
const READ_BYTES = 1024 * 1024;
const CHECK = { crc: true, maxBytes: Number.MAX_SAFE_INTEGER };
/** Kafka's default of `max.message.bytes`, and what records take in a batch beyond their values at most. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;
const OVERHEAD_FACTOR = 2;
const OVERHEAD_BYTES = 1024;

/** The engine in this process: one log a partition, as somebody uses it who embeds it. Writers are `cell.producers`. */
export class EngineDriver implements Driver {
  readonly isEncoded = false;
  readonly mostBatches = 1;
  readonly #logs: readonly PartitionLog[];
  readonly #codec: Codec;
  readonly #isDurable: boolean;
  #yieldedNs = 0;
  /** Of everything that was acknowledged. */
  #records = 0;
  #bytes = 0;
  #checksum = 0;

  private constructor(logs: readonly PartitionLog[], plan: LoadPlan) {
    this.#logs = logs;
    this.#codec = plan.cell.codec;
    this.#isDurable = plan.cell.flush === 'batch';
  }

  static async open(plan: LoadPlan, { directory }: EngineConnection): Promise<EngineDriver> {
    const { partitions, batchBytes, flush } = plan.cell;
    const needed = batchBytes * OVERHEAD_FACTOR + OVERHEAD_BYTES;
    const everyMs = /^(\d+)ms$/.exec(flush)?.[1];
    const config = {
      maxMessageBytes: Math.max(DEFAULT_MAX_MESSAGE_BYTES, needed),
      ...(everyMs !== undefined && { flushMs: Number(everyMs) }),
    };
    const logs: PartitionLog[] = [];
    try {
      for (let partition = 0; partition < partitions; partition++) {
        const own = join(directory, `${plan.topic}-${partition}`);
        mkdirSync(own, { recursive: true });
        logs.push(await PartitionLog.open({ directory: own, config }));
      }
    } catch (error) {
      await Promise.all(logs.map((log) => log.close()));
      throw failure(error);
    }
    return new EngineDriver(logs, plan);
  }

  laneOf(): number {
    return 0;
  }

  onLanesChanged(): void {}

  send(_lane: number, batches: readonly Batch[]): Promise<readonly Outcome[]> {
    const batch = batches[0] as Batch;
    const log = this.#logs[batch.partition] as PartitionLog;
    const records = batch.inputs();
    const options = this.#codec === 'none' ? undefined : { compression: this.#codec };
    try {
      if (this.#isDurable) {
        return log.appendDurable(records, options).then(
          () => this.#appended(batch),
          (error: unknown) => {
            throw failure(error);
          },
        );
      }
      log.append(records, options);
    } catch (error) {
      return Promise.reject(failure(error));
    }
    const ns = nowNs();
    batch.answeredNs = ns;
    const outcome = this.#appended(batch);
    if (ns - this.#yieldedNs < SLICE_NS) return Promise.resolve(outcome);
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#yieldedNs = nowNs();
        resolve(outcome);
      });
    });
  }

  /** Everything that was acknowledged is read and compared: how many, how large, the last byte of each value. */
  async readBack(): Promise<NonNullable<LoadResult['readBack']>> {
    const startedNs = nowNs();
    const cursor = new RecordCursor();
    let records = 0;
    let bytes = 0;
    let checksum = 0;
    for (const log of this.#logs) {
      for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
        const read = log.read(offset, { maxBytes: READ_BYTES });
        const buffer = read.bytes;
        const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
        for (let at = 0; at < buffer.length; at += sizeInBytes(view, at)) {
          const problem = checkBatch(buffer, view, at, buffer.length, CHECK);
          if (problem !== BatchProblem.BATCH_OK) {
            throw wrong(describeProblem(problem, buffer, view, at, buffer.length, CHECK));
          }
          cursor.reset(buffer, view, at);
          while (cursor.next()) {
            const length = cursor.valueEnd - cursor.valueStart;
            records += 1;
            bytes += length;
            if (length > STAMP_BYTES) checksum += cursor.buffer[cursor.valueEnd - 1]!;
          }
        }
        if (read.nextOffset <= offset)
          throw wrong(`reading from offset ${offset} does not advance`);
        offset = read.nextOffset;
      }
    }
    if (records !== this.#records || bytes !== this.#bytes || checksum !== this.#checksum) {
      throw wrong(
        `${records} records of ${bytes} bytes (checksum ${checksum}) where ${this.#records} of ${this.#bytes} (${this.#checksum}) were acknowledged`,
      );
    }
    return { records, bytes, seconds: (nowNs() - startedNs) / NS_PER_SECOND };
  }

  async close(): Promise<void> {
    await Promise.all(this.#logs.map((log) => log.close()));
  }

  #appended(batch: Batch): readonly Outcome[] {
    this.#records += batch.records;
    this.#bytes += batch.valueBytes;
    this.#checksum += batch.lastBytes();
    return ACKNOWLEDGED;
  }
}

const ACKNOWLEDGED: readonly Outcome[] = [Outcome.ACKNOWLEDGED];

function failure(error: unknown): BenchError {
  if (isVarveError(error, 'DISK_FULL')) {
    return diskFull(error.message, error);
  }
  const message = error instanceof Error ? error.message : String(error);
  return new BenchError('LOAD_FAILED', `the engine: ${message}`, { cause: error });
}

function wrong(what: string): BenchError {
  return new BenchError('LOAD_FAILED', `what was read back is not what was written: ${what}`);
}
