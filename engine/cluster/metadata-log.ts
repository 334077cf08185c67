import { join } from 'node:path';
import { VarveError } from '../errors.js';
import { BatchProblem, checkBatch, describeProblem } from '../format/batch-check.js';
import { isControl, lastOffset, sizeInBytes } from '../format/batch-header.js';
import { readRecords } from '../format/batch-reader.js';
import type { FileSystem } from '../io/port.js';
import type { LogEvent } from '../log/log-options.js';
import { PartitionLog } from '../log/partition-log.js';
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  METADATA_TOPIC,
  type MetadataRecord,
} from '../metadata/records.js';
import type { MetadataBatch, MetadataLog } from './ports.js';

/** A decision is one batch, and a snapshot of a million partitions is one too. */
const MAX_BATCH_BYTES = 512 * 1024 * 1024;

const SETTINGS = {
  'max.message.bytes': MAX_BATCH_BYTES,
  'segment.bytes': 1024 * 1024 * 1024,
  // The controller alone decides what goes.
  'retention.ms': -1,
  'retention.bytes': -1,
  'segment.ms': '9223372036854775807',
} as const;

const READ_BYTES = 4 * 1024 * 1024;

export interface MetadataLogOptions {
  /** The controller's own: the log is in `__cluster_metadata-0` in it. Made if it is not there. */
  readonly directory: string;
  readonly fs: FileSystem;
  readonly onEvent?: (event: LogEvent) => void;
}

/**
 * The controller's log as files: JSON records, one record batch per decision, so that a crash leaves each decision
 * whole or not at all. `varve log dump` shows it.
 */
export class PartitionMetadataLog implements MetadataLog {
  readonly #log: PartitionLog;
  /** Deletions under way. */
  #deleting: Promise<void> = Promise.resolve();

  private constructor(log: PartitionLog) {
    this.#log = log;
  }

  /** Fails with DIRECTORY_LOCKED while another controller has it, CORRUPT_MESSAGE, DISK_FULL. */
  static async open({ directory, fs, onEvent }: MetadataLogOptions): Promise<PartitionMetadataLog> {
    const log = await PartitionLog.open({
      directory: join(directory, `${METADATA_TOPIC}-0`),
      fs,
      config: SETTINGS,
      ...(onEvent && { onEvent }),
    });
    return new PartitionMetadataLog(log);
  }

  async load(): Promise<readonly MetadataBatch[]> {
    const log = this.#log;
    const batches: MetadataBatch[] = [];
    for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
      const { bytes, nextOffset } = log.read(offset, { maxBytes: READ_BYTES });
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
        this.#requireIntact(bytes, view, at, offset);
        if (isControl(view, at)) continue;
        const records = readRecords(bytes, at).map(({ value }) => decode(value));
        batches.push({ records, version: lastOffset(view, at) + 1 });
      }
      if (nextOffset <= offset) break;
      offset = nextOffset;
    }
    return batches;
  }

  append(records: readonly MetadataRecord[]): { readonly durable: Promise<void> } {
    this.#log.append(records.map((record) => ({ value: encodeMetadataRecord(record) })));
    return { durable: this.#log.flush() };
  }

  appendSnapshot(records: readonly MetadataRecord[]): { readonly durable: Promise<void> } {
    const log = this.#log;
    // Segments are deleted whole.
    log.roll();
    const from = log.logEndOffset;
    const { durable } = this.append(records);
    const before = this.#deleting;
    // What is not deleted is deleted with the next snapshot.
    const deleted = Promise.all([before, durable]).then(() => log.deleteRecordsBefore(from));
    this.#deleting = deleted.catch(() => undefined);
    return { durable };
  }

  async close(): Promise<void> {
    await this.#deleting;
    await this.#log.close();
  }

  #requireIntact(bytes: Buffer, view: DataView, at: number, offset: number): void {
    const options = { crc: true, maxBytes: bytes.length };
    const problem = checkBatch(bytes, view, at, bytes.length, options);
    if (problem === BatchProblem.BATCH_OK) return;
    const reason = describeProblem(problem, bytes, view, at, bytes.length, options);
    throw new VarveError(
      'CORRUPT_MESSAGE',
      `the cluster metadata in ${this.#log.directory} cannot be read after offset ${offset}: ${reason}; run \`varve log verify\` on the directory`,
      { details: { directory: this.#log.directory, offset, problem } },
    );
  }
}

function decode(value: Uint8Array | null): MetadataRecord {
  if (value === null) {
    throw new VarveError('CORRUPT_MESSAGE', 'a cluster metadata record has no value');
  }
  return decodeMetadataRecord(Buffer.from(value.buffer, value.byteOffset, value.length).toString());
}
