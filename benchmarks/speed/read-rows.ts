import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { readValues, scanBatches } from '../embedded/engine.js';
import { type PartitionLog, sizeInBytes } from '../embedded/varve.js';
import { count, micros, rate } from '../figures.js';
import { createRandom } from '../random.js';
import { quantile } from '../stats.js';
import { buildLog, FIRST_TIMESTAMP_MS } from './material.js';
import { alternate, type Outcome, ratioOutcome, type SpeedRow, turn, valueOutcome } from './row.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const LOOKUPS = 20_000;
const LOOKUPS_BETWEEN_TURNS = 500;

export const scan: SpeedRow = {
  id: 'scan',
  work: 'scan, CRC checked, batch by batch (100 B x 1,000)',
  diskBytes: 1.2 * GIB,
  async measure({ directory, rounds, scale }) {
    const log = await buildLog(join(directory, 'scan-0'), {
      bytes: GIB * scale,
      recordBytes: 100,
      batchRecords: 1000,
    });
    try {
      let batchBytes = 0;
      const scanOnce = async (): Promise<number> => {
        let bytes = 0;
        const started = performance.now();
        scanBatches(log, (_bytes, view, at) => {
          batchBytes = sizeInBytes(view, at);
          bytes += batchBytes;
        });
        return (bytes * 1000) / (performance.now() - started);
      };
      // Warms the page cache and the code.
      await scanOnce();
      const memory = Buffer.alloc(256 * MIB, 7);
      const { runs, controlRuns } = await alternate(rounds, scanOnce, async () => {
        const started = performance.now();
        let bytes = 0;
        for (; bytes + batchBytes <= memory.length; bytes += batchBytes) {
          crc32c(memory.subarray(bytes, bytes + batchBytes));
        }
        return (bytes * 1000) / (performance.now() - started);
      });
      return [
        ratioOutcome({
          what: 'scan, CRC checked',
          runs,
          control: 'CRC of memory in pieces of the same size',
          controlRuns,
          unit: 'bytes/s',
          format: rate,
          atLeast: 0.85,
        }),
      ];
    } finally {
      await log.close();
    }
  },
};

export const views: SpeedRow = {
  id: 'views',
  work: 'read records as views, 100 B (3 x the best peer: see bench:peers)',
  diskBytes: 512 * MIB,
  async measure({ directory, rounds, scale }) {
    const log = await buildLog(join(directory, 'views-0'), {
      bytes: 300e6 * scale,
      recordBytes: 100,
      batchRecords: 1000,
    });
    try {
      const runs: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        globalThis.gc?.();
        let records = 0;
        let bytes = 0;
        const started = performance.now();
        await readValues(log, (value) => {
          records += 1;
          bytes += value.length;
        });
        // The first round is warm-up.
        if (round > 0) runs.push((records * 1000) / (performance.now() - started));
        if (bytes !== records * 100) throw new Error(`${records} records gave ${bytes} bytes`);
      }
      return [
        valueOutcome({
          what: 'records as views, CRC checked',
          runs,
          unit: 'records/s',
          format: (value) => `${count(value)} rec/s`,
          atLeast: 8e6,
        }),
      ];
    } finally {
      await log.close();
    }
  },
};

export const pointReads: SpeedRow = {
  id: 'point-reads',
  work: 'read one record by offset, and find by timestamp, in a warm 1 GiB log',
  diskBytes: 1.4 * GIB,
  async measure({ directory, rounds, scale }) {
    // Ten records make a batch of 1 KiB; with bigger ones a read walks its batch, which is shown beside.
    const outcomes: Outcome[] = [];
    for (const batchRecords of [10, 1000]) {
      const log = await buildLog(join(directory, `point-${batchRecords}`), {
        bytes: (GIB * scale) / (batchRecords === 10 ? 1 : 4),
        recordBytes: 100,
        batchRecords,
      });
      try {
        scanBatches(log, () => {});
        const targets = batchRecords === 10;
        outcomes.push(...(await pointOutcomes(log, rounds, batchRecords, targets)));
        if (targets) outcomes.push(await timeOutcome(log, rounds, batchRecords));
      } finally {
        await log.close();
      }
    }
    return outcomes;
  },
};

async function pointOutcomes(
  log: PartitionLog,
  rounds: number,
  batchRecords: number,
  hasTargets: boolean,
): Promise<Outcome[]> {
  const random = createRandom(1);
  const p50s: number[] = [];
  const p99s: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const latencies = await latenciesUs(() => {
      const offset = random.below(log.logEndOffset);
      return () => {
        if (log.readRecord(offset)?.offset !== offset) throw new Error(`wrong record at ${offset}`);
      };
    });
    if (round === 0) continue;
    p50s.push(quantile(latencies, 0.5));
    p99s.push(quantile(latencies, 0.99));
  }
  const what = `read by offset, ${batchRecords} x 100 B a batch`;
  const common = { unit: 'us', format: micros };
  return [
    valueOutcome({ ...common, what: `${what}, p50`, runs: p50s, ...(hasTargets && { atMost: 2 }) }),
    valueOutcome({
      ...common,
      what: `${what}, p99`,
      runs: p99s,
      ...(hasTargets && { atMost: 10 }),
    }),
  ];
}

async function timeOutcome(
  log: PartitionLog,
  rounds: number,
  batchRecords: number,
): Promise<Outcome> {
  const random = createRandom(1);
  const batches = log.logEndOffset / batchRecords;
  const p50s: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const latencies = await latenciesUs(() => {
      const batch = random.below(batches);
      return () => {
        const found = log.findByTimestamp(FIRST_TIMESTAMP_MS + batch);
        if (found?.offset !== batch * batchRecords) {
          throw new Error(`timestamp of batch ${batch} found offset ${found?.offset}`);
        }
      };
    });
    if (round > 0) p50s.push(quantile(latencies, 0.5));
  }
  return valueOutcome({
    what: 'find by timestamp, p50',
    runs: p50s,
    unit: 'us',
    format: micros,
    atMost: 10,
  });
}

/** `prepare` runs outside the timer, what it returns inside. */
async function latenciesUs(prepare: () => () => void): Promise<number[]> {
  const latencies: number[] = [];
  for (let at = 0; at < LOOKUPS; at++) {
    const work = prepare();
    const started = performance.now();
    work();
    latencies.push((performance.now() - started) * 1000);
    if (at % LOOKUPS_BETWEEN_TURNS === 0) await turn();
  }
  return latencies;
}
