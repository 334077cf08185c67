import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RecordCursor } from '../../../engine/format/batch-reader.js';
import { openFileSystem, PartitionLog } from '../../../engine/index.js';
import type { Cell } from '../../model/knobs.js';
import { BenchError, type Disturbance, type DisturbanceOutcome } from '../target.js';
import { monotonicNs } from './context.js';
import { lossesOf } from './crash.js';
import { EngineProcess } from './engine-process.js';
import { logFilesIn, writtenBytes } from './log-files.js';
import { openPageCache } from './page-cache.js';
import { takeBatches } from './read-back.js';
import { SeenSequences } from './sequences.js';
import { byCheckpointOfLog, byPageCache, unsyncedRecords } from './unsynced.js';

export interface EngineExperimentOptions {
  readonly cell: Cell;
  readonly config: Readonly<Record<string, string>>;
  /** Where it may write. */
  readonly directory: string;
}

const TOPIC = 'killed';
const WRITE_MS = 1_500;
const READ_BYTES = 8 * 1024 * 1024;

/**
 * Crash and recovery of the engine. The load, which has the engine in its own process, is ended; then a process of its own
 * writes as fast as it can, is killed, or stopped for a clean recovery, and its logs are opened again here.
 */
export function engineExperiment(options: EngineExperimentOptions): Disturbance {
  return async (view, signal) => {
    await view.stopLoad();
    const data = join(options.directory, 'killed');
    mkdirSync(data, { recursive: true });
    try {
      return await killAndOpen({ ...options, directory: data }, signal);
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  };
}

async function killAndOpen(
  { cell, config, directory }: EngineExperimentOptions,
  signal: AbortSignal,
): Promise<DisturbanceOutcome> {
  const directories = Array.from({ length: cell.partitions }, (_, partition) =>
    join(directory, `${TOPIC}-${partition}`),
  );
  const pageCache = await openPageCache();
  const onDisk = pageCache === null ? byCheckpointOfLog : byPageCache(pageCache);
  const scan = (acknowledged: readonly number[]): number =>
    unsyncedRecords(onDisk, acknowledged, () => [directory], TOPIC);
  const clean = cell.experiment === 'recovery' && cell.by === 'stop';
  const writer = new EngineProcess({ directories, cell, config });
  try {
    await sleep(WRITE_MS, undefined, { signal });
    writer.requireAlive();
    if (clean) await writer.stop(signal);
  } finally {
    await writer.kill();
  }
  const unsynced = scan(writer.acknowledged);
  const logBytes = directories.reduce((sum, path) => sum + bytesOf(path), 0);
  const startNs = monotonicNs();
  const fs = openFileSystem();
  const logs = await Promise.all(
    directories.map((path) => PartitionLog.open({ directory: path, config, fs })),
  );
  const untilServingMs = (monotonicNs() - startNs) / 1e6;
  const recovery = { logBytes, clean, untilServingMs };
  try {
    if (cell.experiment === 'recovery') return { recovery };
    const what = `the engine's process, by SIGKILL while it wrote; unsynced: ${onDisk.how}`;
    const losses = lossesOf(writer.acknowledged, logs.map(seenIn));
    return { crash: { what, ...losses, unsyncedRecords: unsynced } };
  } finally {
    await Promise.all(logs.map((log) => log.close()));
  }
}

function bytesOf(directory: string): number {
  const paths = logFilesIn(directory);
  return paths.reduce((sum, path) => sum + writtenBytes(path, statSync(path).size), 0);
}

function seenIn(log: PartitionLog): SeenSequences {
  if (log.logStartOffset > 0) {
    throw new BenchError(
      'TARGET_FAILED',
      `retention deleted records below ${log.logStartOffset}: the disk has no room for all that was written`,
    );
  }
  const seen = new SeenSequences();
  const cursor = new RecordCursor();
  for (let offset = 0; offset < log.logEndOffset; ) {
    const read = log.read(offset, { isolation: 'log_end', maxBytes: READ_BYTES });
    offset = takeBatches(read.bytes, offset, cursor, seen);
  }
  return seen;
}
