import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openEngineLog } from '../embedded/engine.js';
import type { RecordInput } from '../embedded/varve.js';
import { count, rate } from '../figures.js';
import { makeRecordBatches } from './material.js';
import {
  alternate,
  type Outcome,
  type RowContext,
  type SpeedRow,
  turn,
  valueOutcome,
} from './row.js';

const MIB = 1024 * 1024;
const LENGTH_BYTES = 4;

export const records100: SpeedRow = {
  id: 'records-100',
  work: 'append records, 100 B, 1,000 a batch (4 x lmdb: see bench:peers)',
  diskBytes: 512 * MIB,
  measure: (context) =>
    measureRecords(
      context,
      { recordBytes: 100, batchRecords: 1000, records: 3_000_000 },
      (speeds) =>
        valueOutcome({
          what: '100 B x 1,000',
          runs: speeds,
          unit: 'records/s',
          format: (value) => `${count(value)} rec/s`,
          atLeast: 9e6,
        }),
    ),
};

export const records1k: SpeedRow = {
  id: 'records-1k',
  work: 'append records, 1 KiB, 100 a batch (4 x lmdb: see bench:peers)',
  diskBytes: 512 * MIB,
  measure: (context) =>
    measureRecords(context, { recordBytes: 1024, batchRecords: 100, records: 300_000 }, (speeds) =>
      valueOutcome({
        what: '1 KiB x 100',
        runs: speeds.map((speed) => speed * 1024),
        unit: 'bytes/s',
        format: rate,
        atLeast: 2.2e9,
      }),
    ),
};

export const single100: SpeedRow = {
  id: 'single-100',
  work: 'append one 100 B record a call',
  diskBytes: 512 * MIB,
  measure: (context) =>
    measureRecords(context, { recordBytes: 100, batchRecords: 1, records: 1_000_000 }, (speeds) =>
      valueOutcome({
        what: 'one 100 B record a call',
        runs: speeds,
        unit: 'records/s',
        format: (value) => `${count(value)} rec/s`,
        atLeast: 1.5e6,
      }),
    ),
};

interface Shape {
  readonly recordBytes: number;
  readonly batchRecords: number;
  readonly records: number;
}

async function measureRecords(
  { directory, rounds, scale }: RowContext,
  shape: Shape,
  judge: (recordsPerSecond: readonly number[]) => Outcome,
): Promise<Outcome[]> {
  const pool = makeRecordBatches(shape.recordBytes, shape.batchRecords);
  const batches = Math.max(10, Math.round((shape.records * scale) / shape.batchRecords));
  const buffer = Buffer.alloc(4 * MIB, 1);
  let at = 0;
  // What JavaScript needs to put the same records behind their lengths into memory that is there.
  const frame = (records: readonly RecordInput[]): void => {
    for (const record of records) {
      const value = record.value as Buffer;
      if (at + value.length + LENGTH_BYTES > buffer.length) at = 0;
      buffer.writeUInt32LE(value.length, at);
      buffer.set(value, at + LENGTH_BYTES);
      at += value.length + LENGTH_BYTES;
    }
  };
  const append = async (round: number): Promise<number> => {
    const path = join(directory, `records-${round + 1}`);
    const log = await openEngineLog(path, { largestBatchBytes: 0 });
    try {
      return await recordSpeed(pool, batches, shape, (records) => {
        log.append(records);
      });
    } finally {
      await log.close();
      rmSync(path, { recursive: true });
    }
  };
  // Warm-up: the first run compiles.
  await append(-1);
  const { runs, controlRuns } = await alternate(rounds, append, () =>
    recordSpeed(pool, batches, shape, frame),
  );
  return [
    judge(runs),
    valueOutcome({
      what: '  control: framed into memory, no CRC, no log',
      runs: controlRuns,
      unit: 'records/s',
      format: (value) => `${count(value)} rec/s`,
    }),
  ];
}

async function recordSpeed(
  pool: readonly RecordInput[][],
  batches: number,
  shape: Shape,
  work: (records: readonly RecordInput[]) => void,
): Promise<number> {
  globalThis.gc?.();
  const batchBytes = shape.recordBytes * shape.batchRecords;
  const started = performance.now();
  let sinceTurn = 0;
  for (let at = 0; at < batches; at++) {
    work(pool[at % pool.length] as RecordInput[]);
    sinceTurn += batchBytes;
    if (sinceTurn >= MIB) {
      sinceTurn = 0;
      await turn();
    }
  }
  return (batches * shape.batchRecords * 1000) / (performance.now() - started);
}
