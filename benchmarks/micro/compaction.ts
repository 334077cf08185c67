import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PartitionLog } from '../../engine/log/partition-log.js';
import type { CompressionType } from '../../engine/types.js';
import { Latencies } from '../latency.js';
import { createRandom } from '../random.js';

const MIB = 1024 * 1024;

export interface CompactionRun {
  readonly bytes: number;
  readonly keys: number;
  readonly recordBytes: number;
  readonly recordsPerBatch: number;
  readonly codec: CompressionType;
  /** How long each control runs. */
  readonly controlMs: number;
  /** Where the log goes. Default: the system's temporary directory. */
  readonly directory?: string;
}

export const ONE_GIB: CompactionRun = {
  bytes: 1024 * MIB,
  keys: 1_000_000,
  recordBytes: 100,
  recordsPerBatch: 1000,
  codec: 'none',
  controlMs: 1500,
};

/**
 * One compaction beside a writer that appends 10 records a millisecond; before it, the same writer alone (`idle`)
 * and beside work that only spins (`busy`), which shows what other programs on the machine do to it.
 */
export async function runCompaction(run: CompactionRun) {
  const root = mkdtempSync(join(run.directory ?? tmpdir(), 'varve-compaction-'));
  try {
    const log = await PartitionLog.open({
      directory: join(root, 'table-0'),
      config: { 'cleanup.policy': 'compact', 'segment.bytes': 256 * MIB },
    });
    await fill(log, run);
    const idle = await appendWhile(log, run, sleep(run.controlMs));
    const busy = await appendWhile(log, run, spin(run.controlMs));
    const compaction = log.compact({ force: true });
    const beside = await appendWhile(log, run, compaction);
    const report = await compaction;
    await log.close();
    return { report, idle, busy, beside };
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Work that does nothing, in slices as compaction's: what the machine makes of any such work. */
async function spin(ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs) {
    const sliceEndMs = performance.now() + 1;
    while (performance.now() < sliceEndMs);
    await nextTurn();
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function fill(log: PartitionLog, run: CompactionRun): Promise<void> {
  const random = createRandom(1);
  const value = Buffer.alloc(run.recordBytes - 16, 'v');
  const records = Array.from({ length: run.recordsPerBatch }, () => ({ key: '', value }));
  for (let bytes = 0; bytes < run.bytes; ) {
    for (const record of records) {
      record.key = `key-${String(random.below(run.keys)).padStart(12, '0')}`;
    }
    log.append(records, { compression: run.codec });
    bytes += run.recordBytes * run.recordsPerBatch;
    await nextTurn();
  }
  log.roll();
  await log.flush();
}

/** Appends a small batch, with its flush left to others, each millisecond until `work` is done. */
async function appendWhile(log: PartitionLog, run: CompactionRun, work: Promise<unknown>) {
  const delays = new Latencies();
  const appends = new Latencies();
  const records = Array.from({ length: 10 }, (_, i) => ({
    key: `beside-${i}`,
    value: Buffer.alloc(run.recordBytes - 16),
  }));
  let done = false;
  const end = work.finally(() => {
    done = true;
  });
  while (!done) {
    // From when it wanted to append: waiting for the main thread counts.
    const intendedMs = performance.now() + 1;
    await sleep(1);
    const startMs = performance.now();
    log.append(records);
    const endMs = performance.now();
    appends.recordMs(endMs - startMs);
    delays.recordMs(Math.max(0, endMs - intendedMs));
  }
  await end;
  return { appends: appends.summary(), delays: delays.summary() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const codec = (process.argv[2] ?? 'none') as CompressionType;
  const mib = Number(process.argv[3] ?? 1024);
  const { report, idle, busy, beside } = await runCompaction({
    ...ONE_GIB,
    bytes: mib * MIB,
    codec,
  });
  const seconds = report.durationMs / 1000;
  process.stdout.write(
    `${JSON.stringify({
      codec,
      mibRead: Math.round(report.bytesBefore / MIB),
      mibWritten: Math.round(report.bytesAfter / MIB),
      records: report.recordsBefore,
      keys: report.keys,
      seconds,
      mbPerSecond: Math.round(report.bytesBefore / 1e6 / seconds),
      idle,
      busy,
      beside,
    })}\n`,
  );
}
