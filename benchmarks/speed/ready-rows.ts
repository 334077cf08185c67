import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { crc32c } from '@node-rs/crc32';
import { openEngineLog } from '../embedded/engine.js';
import type { PartitionLog } from '../embedded/varve.js';
import { rate } from '../figures.js';
import { median } from '../stats.js';
import { makeReadyBatches } from './material.js';
import {
  alternate,
  pause,
  type RowContext,
  ratioOutcome,
  type SpeedRow,
  turn,
  valueOutcome,
} from './row.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
/** 62 records of 1 KiB make a batch of about 64 KiB. */
const RECORD_BYTES = 1024;
const BATCH_RECORDS = 62;
/** 4 MiB: fits what is prepared ahead; the pause lets the next piece be prepared. */
const BURST_BATCHES = 64;
const BURSTS = 40;
/** The log must first see that it is worth preparing for. */
const WARM_UP_BURSTS = 16;
const PAUSE_MS = 4;

export const readyNoCrc: SpeedRow = {
  id: 'ready-no-crc',
  work: 'append ready 64 KiB batches into prepared space, CRC not checked',
  diskBytes: 512 * MIB,
  measure: (context) => measureReady(context, { checkCrcs: false, atLeast: 0.8 }),
};

export const readyCrc: SpeedRow = {
  id: 'ready-crc',
  work: 'append ready 64 KiB batches into prepared space, CRC checked',
  diskBytes: 512 * MIB,
  measure: (context) => measureReady(context, { checkCrcs: true, atLeast: 0.85 }),
};

async function measureReady(
  { directory, rounds, scale }: RowContext,
  { checkCrcs, atLeast }: { readonly checkCrcs: boolean; readonly atLeast: number },
) {
  const batches = await makeReadyBatches(directory, RECORD_BYTES, BATCH_RECORDS);
  const destination = Buffer.alloc(64 * MIB, 1);
  const bursts = Math.max(3, Math.round(BURSTS * scale));
  let at = 0;
  const copy = (batch: Buffer): void => {
    if (at + batch.length > destination.length) at = 0;
    batch.copy(destination, at);
    at += batch.length;
    if (checkCrcs) crc32c(batch);
  };
  const allBursts: number[] = [];
  const append = async (round: number): Promise<number> => {
    const path = join(directory, `ready-${round + 1}`);
    const log = await openEngineLog(path, { largestBatchBytes: 0 });
    try {
      const speed = await burstSpeed(batches, bursts, (batch) => {
        log.appendBatches(batch, { checkCrcs });
      });
      if (round >= 0) allBursts.push(speed.overall);
      return speed.median;
    } finally {
      await log.close();
      rmSync(path, { recursive: true });
    }
  };
  // Warm-up: the first run compiles.
  await append(-1);
  const { runs, controlRuns } = await alternate(
    rounds,
    append,
    async () => (await burstSpeed(batches, bursts, copy)).median,
  );
  return [
    ratioOutcome({
      what: `ready batches, CRC ${checkCrcs ? 'checked' : 'not checked'}`,
      runs,
      control: checkCrcs ? 'memcpy, then CRC' : 'walking memcpy',
      controlRuns,
      unit: 'bytes/s',
      format: rate,
      atLeast,
    }),
    valueOutcome({
      what: '  all bursts together, with those that met unprepared space',
      runs: allBursts,
      unit: 'bytes/s',
      format: rate,
    }),
  ];
}

/**
 * Bytes per second inside the bursts; the pauses between them do not count. The median burst is the
 * speed into prepared space; `overall` has the few in it for which space was not ready, too.
 */
async function burstSpeed(
  batches: readonly Buffer[],
  bursts: number,
  work: (batch: Buffer) => void,
): Promise<{ readonly median: number; readonly overall: number }> {
  const speeds: number[] = [];
  let bytes = 0;
  let elapsedMs = 0;
  for (let burst = -WARM_UP_BURSTS; burst < bursts; burst++) {
    await pause(PAUSE_MS);
    const started = performance.now();
    let burstBytes = 0;
    for (let at = 0; at < BURST_BATCHES; at++) {
      const batch = batches[at % batches.length] as Buffer;
      work(batch);
      burstBytes += batch.length;
    }
    if (burst < 0) continue;
    const burstMs = performance.now() - started;
    speeds.push((burstBytes * 1000) / burstMs);
    elapsedMs += burstMs;
    bytes += burstBytes;
  }
  return { median: median(speeds), overall: (bytes * 1000) / elapsedMs };
}

export const sustained: SpeedRow = {
  id: 'sustained',
  work: 'the same, CRC checked, sustained over 8 GiB while space is prepared beside it',
  diskBytes: 9 * GIB,
  measure: (context) => measureSustained(context, '', 1.2),
};

export const sustainedBusy: SpeedRow = {
  id: 'sustained-busy',
  work: 'the same while the other core is busy',
  diskBytes: 9 * GIB,
  async measure(context) {
    const spinner = new Worker('for (;;) {}', { eval: true });
    try {
      return await measureSustained(context, ', other core busy', 1);
    } finally {
      await spinner.terminate();
    }
  },
};

async function measureSustained(
  { directory, rounds, scale }: RowContext,
  circumstances: string,
  atLeast: number,
) {
  const batches = await makeReadyBatches(directory, RECORD_BYTES, BATCH_RECORDS);
  const totalBytes = 8 * GIB * scale;
  const { runs, controlRuns } = await alternate(
    Math.min(rounds, 3),
    async (round) => {
      const path = join(directory, `sustained-${round}`);
      const log = await openEngineLog(path, { largestBatchBytes: 0 });
      try {
        return await sustainedSpeed(batches, totalBytes, (batch) => appendChecked(log, batch));
      } finally {
        await log.close();
        rmSync(path, { recursive: true });
      }
    },
    async () => {
      const path = join(directory, 'sustained.raw');
      const file = openSync(path, 'wx');
      let position = 0;
      try {
        return await sustainedSpeed(batches, totalBytes, (batch) => {
          crc32c(batch);
          writeSync(file, batch, 0, batch.length, position);
          position += batch.length;
        });
      } finally {
        closeSync(file);
        rmSync(path);
      }
    },
  );
  return [
    ratioOutcome({
      what: `sustained over ${(totalBytes / GIB).toPrecision(2)} GiB${circumstances}`,
      runs,
      control: 'CRC + pwrite',
      controlRuns,
      unit: 'bytes/s',
      format: rate,
      atLeast,
    }),
  ];
}

function appendChecked(log: PartitionLog, batch: Buffer): void {
  log.appendBatches(batch, { checkCrcs: true });
}

async function sustainedSpeed(
  batches: readonly Buffer[],
  totalBytes: number,
  work: (batch: Buffer) => void,
): Promise<number> {
  const started = performance.now();
  let bytes = 0;
  for (let at = 0; bytes < totalBytes; at++) {
    const batch = batches[at % batches.length] as Buffer;
    work(batch);
    bytes += batch.length;
    if (at % 16 === 15) await turn();
  }
  return (bytes * 1000) / (performance.now() - started);
}
