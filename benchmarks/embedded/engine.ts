import { join } from 'node:path';
import { checksumOf } from '../workload.js';
import type { OpenOptions, OpenTarget, ReadTotals, Target } from './target.js';
import {
  BatchProblem,
  checkBatch,
  describeProblem,
  type FileSystem,
  openFileSystem,
  PartitionLog,
  RecordCursor,
  type RecordInput,
  sizeInBytes,
} from './varve.js';

/** varve in this process: one log a partition. */
export const engineTarget: Target = {
  name: 'engine',
  async open(options: OpenOptions): Promise<OpenTarget> {
    const fs = openFileSystem();
    const logs: PartitionLog[] = [];
    for (let partition = 0; partition < options.partitions; partition++) {
      logs.push(
        await openEngineLog(join(options.directory, `bench-${partition}`), { ...options, fs }),
      );
    }
    return new EngineLogs(logs, fs);
  },
};

/** Kafka's default of `max.message.bytes`. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;
/** More than a record's framing can take. */
const RECORD_OVERHEAD_BYTES = 32;
const BATCH_OVERHEAD_BYTES = 1024;

export interface EngineLogOptions {
  readonly largestBatchBytes: number;
  readonly largestBatchRecords?: number;
  readonly fs?: FileSystem;
  readonly config?: Readonly<Record<string, string | number | boolean>>;
}

/** A log with default settings; only a batch too large for them raises `max.message.bytes`. */
export function openEngineLog(directory: string, options: EngineLogOptions): Promise<PartitionLog> {
  return PartitionLog.open({
    directory,
    ...(options.fs && { fs: options.fs }),
    config: { maxMessageBytes: maxMessageBytesFor(options), ...options.config },
  });
}

function maxMessageBytesFor({
  largestBatchBytes,
  largestBatchRecords = 0,
}: EngineLogOptions): number {
  const needed =
    largestBatchBytes + largestBatchRecords * RECORD_OVERHEAD_BYTES + BATCH_OVERHEAD_BYTES;
  return Math.max(DEFAULT_MAX_MESSAGE_BYTES, needed);
}

class EngineLogs implements OpenTarget {
  readonly settings;
  readonly #logs: readonly PartitionLog[];

  constructor(logs: readonly PartitionLog[], fs: FileSystem) {
    this.#logs = logs;
    const { segmentBytes, indexIntervalBytes, maxMessageBytes } = this.#log(0).config;
    this.settings = {
      files: fs.kind,
      segmentBytes,
      indexIntervalBytes,
      maxMessageBytes,
      compression: 'none',
      reads: 'value views, CRC checked',
    };
  }

  append(partition: number, records: readonly RecordInput[]): void {
    this.#log(partition).append(records);
  }

  async appendDurable(partition: number, records: readonly RecordInput[]): Promise<void> {
    await this.#log(partition).appendDurable(records);
  }

  async flush(): Promise<void> {
    await Promise.all(this.#logs.map((log) => log.flush()));
  }

  async read(partition: number): Promise<ReadTotals> {
    let records = 0;
    let valueBytes = 0;
    let checksum = 0;
    await readValues(this.#log(partition), (value) => {
      records += 1;
      valueBytes += value.length;
      checksum += checksumOf(value);
    });
    return { records, valueBytes, checksum };
  }

  async close(): Promise<void> {
    await Promise.all(this.#logs.map((log) => log.close()));
  }

  #log(partition: number): PartitionLog {
    const log = this.#logs[partition];
    if (log === undefined) throw new RangeError(`no partition ${partition}`);
    return log;
  }
}

const READ_BYTES = 1024 * 1024;
const EMPTY = Buffer.alloc(0);

/** Reads a log from its start to its end as a consumer does: CRC of every batch, then every value as a view. */
export async function readValues(
  log: PartitionLog,
  visit: (value: Uint8Array) => void,
): Promise<void> {
  const cursor = new RecordCursor();
  scanBatches(log, (bytes, view, at) => {
    cursor.reset(bytes, view, at);
    while (cursor.next()) visit(cursor.value() ?? EMPTY);
  });
}

/** Every batch of the log, its CRC checked, without looking at its records. */
export function scanBatches(
  log: PartitionLog,
  visit: (bytes: Buffer, view: DataView, at: number) => void,
): void {
  const options = { crc: true, maxBytes: Number.MAX_SAFE_INTEGER };
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const { bytes, nextOffset } = log.read(offset, { maxBytes: READ_BYTES });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
      const problem = checkBatch(bytes, view, at, bytes.length, options);
      if (problem !== BatchProblem.BATCH_OK) {
        throw new Error(describeProblem(problem, bytes, view, at, bytes.length, options));
      }
      visit(bytes, view, at);
    }
    if (nextOffset <= offset) throw new Error(`reading from offset ${offset} does not advance`);
    offset = nextOffset;
  }
}
