import {
  BatchProblem,
  checkBatch,
  describeProblem,
  type FileSystem,
  PartitionLog,
  RecordCursor,
  sizeInBytes,
} from './varve.js';

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
