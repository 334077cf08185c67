import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openEngineLog } from '../embedded/engine.js';
import { FramedFile, framedBytes } from '../embedded/framed-file.js';
import { GroupCommit } from '../embedded/group-commit.js';
import { count } from '../figures.js';
import { makeRecordBatches, makeValues } from './material.js';
import { alternate, type RowContext, ratioOutcome, type SpeedRow } from './row.js';

const MIB = 1024 * 1024;
const BATCHES = 200;
const WRITERS = 64;
const APPENDS_PER_WRITER = 200;

export const durable100: SpeedRow = {
  id: 'durable-100',
  work: 'each batch durable, one writer, 100 B x 1,000',
  diskBytes: 256 * MIB,
  measure: (context) => measureDurable(context, 100, 1000),
};

export const durable1k: SpeedRow = {
  id: 'durable-1k',
  work: 'each batch durable, one writer, 1 KiB x 100',
  diskBytes: 256 * MIB,
  measure: (context) => measureDurable(context, 1024, 100),
};

async function measureDurable(
  { directory, rounds, scale }: RowContext,
  recordBytes: number,
  batchRecords: number,
) {
  const pool = makeRecordBatches(recordBytes, batchRecords);
  const values = pool.map((records) => records.map((record) => record.value as Buffer));
  const batches = Math.max(10, Math.round(BATCHES * scale));
  const frameBytes = framedBytes(batchRecords, recordBytes * batchRecords);
  const speed = async (append: (at: number) => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    for (let at = 0; at < batches; at++) await append(at % pool.length);
    return (batches * batchRecords * 1000) / (performance.now() - started);
  };
  const { runs, controlRuns } = await alternate(
    rounds,
    (round) =>
      withLog(directory, round, (log) =>
        speed((at) => log.appendDurable(pool[at] as (typeof pool)[number])),
      ),
    (round) =>
      withFramedFile(directory, round, frameBytes, frameBytes * batches, (file) =>
        speed((at) => {
          file.append(values[at] as Buffer[]);
          return file.flush();
        }),
      ),
  );
  return [
    ratioOutcome({
      what: `durable, ${recordBytes} B x ${batchRecords}`,
      runs,
      control: 'framed write into prepared blocks + fdatasync',
      controlRuns,
      unit: 'records/s',
      format: (value) => `${count(value)} rec/s`,
      atLeast: 0.9,
    }),
  ];
}

export const writers64: SpeedRow = {
  id: 'writers-64',
  work: '64 writers, one 100 B record each, each durable',
  diskBytes: 64 * MIB,
  async measure({ directory, rounds, scale }: RowContext) {
    const values = makeValues(100, 1000);
    const perWriter = Math.max(3, Math.round(APPENDS_PER_WRITER * scale));
    const total = perWriter * WRITERS;
    const speed = async (append: (value: Buffer) => Promise<unknown>): Promise<number> => {
      const writer = async (number: number): Promise<void> => {
        for (let at = 0; at < perWriter; at++) {
          await append(values[(number + at) % values.length] as Buffer);
        }
      };
      const started = performance.now();
      await Promise.all(Array.from({ length: WRITERS }, (_, number) => writer(number)));
      return (total * 1000) / (performance.now() - started);
    };
    const frameBytes = framedBytes(WRITERS, WRITERS * 100);
    const { runs, controlRuns } = await alternate(
      rounds,
      (round) =>
        withLog(directory, round, (log) => speed((value) => log.appendDurable([{ value }]))),
      (round) =>
        withFramedFile(directory, round, frameBytes, framedBytes(total, total * 100), (file) => {
          const group = new GroupCommit((waiting) => {
            file.append(waiting);
            return file.flush();
          });
          return speed((value) => group.append(value));
        }),
    );
    return [
      ratioOutcome({
        what: '64 writers x one 100 B record, durable',
        runs,
        control: 'raw group commit into prepared blocks',
        controlRuns,
        unit: 'records/s',
        format: (value) => `${count(value)} rec/s`,
        atLeast: 0.95,
      }),
    ];
  },
};

async function withLog<T>(
  directory: string,
  round: number,
  work: (log: Awaited<ReturnType<typeof openEngineLog>>) => Promise<T>,
): Promise<T> {
  const path = join(directory, `durable-${round}`);
  const log = await openEngineLog(path, { largestBatchBytes: 0 });
  try {
    // Creating files and their directory entries is not part of the work.
    await log.flush();
    return await work(log);
  } finally {
    await log.close();
    rmSync(path, { recursive: true });
  }
}

async function withFramedFile<T>(
  directory: string,
  round: number,
  largestBatchBytes: number,
  preparedBytes: number,
  work: (file: FramedFile) => Promise<T>,
): Promise<T> {
  const path = join(directory, `durable-${round}.raw`);
  const file = new FramedFile(path, { largestBatchBytes, preparedBytes });
  try {
    return await work(file);
  } finally {
    file.close();
    rmSync(path);
  }
}
