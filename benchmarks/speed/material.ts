import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openEngineLog } from '../embedded/engine.js';
import { type PartitionLog, type RecordInput, sizeInBytes } from '../embedded/varve.js';
import { createGenerator } from '../payload.js';

/** Distinct batches, so that no run writes the same bytes again and again. */
const POOL = 16;
const BASE_OFFSET_BYTES = 8;

export function makeValues(recordBytes: number, count: number, seed = 1): Buffer[] {
  return createGenerator({ recordBytes, spread: 'exact', seed }).values(count);
}

/** A pool of batches, as a producer would hold them. */
export function makeRecordBatches(recordBytes: number, batchRecords: number): RecordInput[][] {
  const source = createGenerator({ recordBytes, spread: 'exact', seed: 1 });
  return Array.from({ length: POOL }, () =>
    source.values(batchRecords).map((value) => ({ value })),
  );
}

/** Encoded batches with offset 0, as a client sends them: made by a log, so that nothing but varve defines them. */
export async function makeReadyBatches(
  directory: string,
  recordBytes: number,
  batchRecords: number,
): Promise<Buffer[]> {
  const path = join(directory, 'ready-0');
  const log = await openEngineLog(path, { largestBatchBytes: recordBytes * batchRecords });
  try {
    return makeRecordBatches(recordBytes, batchRecords).map((records) => {
      const { baseOffset } = log.append(records);
      const { bytes } = log.read(baseOffset, { maxBytes: 1 });
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const batch = Buffer.from(bytes.subarray(0, sizeInBytes(view, 0)));
      // The leader's offset lies outside the checksum; a client sends 0.
      batch.fill(0, 0, BASE_OFFSET_BYTES);
      return batch;
    });
  } finally {
    await log.close();
    rmSync(path, { recursive: true });
  }
}

/** A log of about `bytes` bytes of values, its timestamps one millisecond a batch. */
export async function buildLog(
  directory: string,
  options: {
    readonly bytes: number;
    readonly recordBytes: number;
    readonly batchRecords: number;
    readonly config?: Readonly<Record<string, string | number | boolean>>;
  },
): Promise<PartitionLog> {
  const { bytes, recordBytes, batchRecords, config } = options;
  const log = await openEngineLog(directory, {
    largestBatchBytes: recordBytes * batchRecords,
    ...(config && { config }),
  });
  const pool = makeRecordBatches(recordBytes, batchRecords);
  const batches = Math.ceil(bytes / (recordBytes * batchRecords));
  let sinceTurn = 0;
  for (let at = 0; at < batches; at++) {
    const timestamp = FIRST_TIMESTAMP_MS + at;
    const records = pool[at % POOL] as RecordInput[];
    log.append(records.map(({ value }) => ({ value: value as Buffer, timestamp })));
    sinceTurn += recordBytes * batchRecords;
    if (sinceTurn >= 1024 * 1024) {
      sinceTurn = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return log;
}

/** Timestamp of the first batch of `buildLog`: in the past, which no broker refuses. */
export const FIRST_TIMESTAMP_MS = 1_704_067_200_000;
