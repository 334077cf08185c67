import { spawn } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEngineLog, scanBatches } from '../embedded/engine.js';
import { sizeInBytes } from '../embedded/varve.js';
import { rate } from '../figures.js';
import { anonymousBytes } from './memory.js';
import { type Outcome, ratioOutcome, type SpeedRow, valueOutcome } from './row.js';

const GIB = 1024 ** 3;
const RECOVERY_POINT_FILE = 'recovery-point-offset-checkpoint';
const WRITER = fileURLToPath(new URL('./recovery-writer.js', import.meta.url));

export const recovery: SpeedRow = {
  id: 'recovery',
  work: 'recovery of an unclean 4 GiB log (its writer was killed)',
  diskBytes: 4.5 * GIB,
  async measure({ directory, rounds, scale }): Promise<Outcome[]> {
    const runs: number[] = [];
    const firstScans: number[] = [];
    const scans: number[] = [];
    const grownBytes: number[] = [];
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      const path = join(directory, `recovery-${round}`);
      await writeAndDie(path, 4 * GIB * scale);
      // Rolling has flushed all segments but the last ones: without this only those would be looked at.
      rmSync(join(path, RECOVERY_POINT_FILE));
      // What the kernel has to write meanwhile would be measured as well, here and not in the scans.
      writeBack(path);
      const before = anonymousBytes();
      let highest = before;
      const sampler = setInterval(() => {
        highest = Math.max(highest, anonymousBytes());
      }, 5);
      const started = performance.now();
      const log = await openEngineLog(path, { largestBatchBytes: 0 });
      const elapsedMs = performance.now() - started;
      clearInterval(sampler);
      try {
        if (log.recovery.wasClean)
          throw new Error('the log was closed: there was nothing to recover');
        const recoveredBytes = log.recovery.segments.reduce(
          (sum, segment) => sum + segment.validBytes,
          0,
        );
        if (recoveredBytes < 4 * GIB * scale || recoveredBytes !== log.sizeBytes)
          throw new Error(`recovery looked at ${recoveredBytes} bytes of ${log.sizeBytes}`);
        runs.push((recoveredBytes * 1000) / elapsedMs);
        grownBytes.push(Math.max(highest, anonymousBytes()) - before);
        firstScans.push(scanSpeed(log));
        scans.push(scanSpeed(log));
      } finally {
        await log.close();
        rmSync(path, { recursive: true });
      }
    }
    return [
      ratioOutcome({
        what: 'recovery',
        runs,
        control: 'scan of the same log, CRC checked, pages mapped by an earlier one',
        controlRuns: scans,
        unit: 'bytes/s',
        format: rate,
        atLeast: 0.8,
      }),
      valueOutcome({
        what: '  the earlier scan, which maps pages as recovery does',
        runs: firstScans,
        unit: 'bytes/s',
        format: rate,
      }),
      valueOutcome({
        what: '  anonymous memory it took',
        runs: grownBytes,
        unit: 'bytes',
        format: (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`,
        atMost: 64 * 2 ** 20,
      }),
    ];
  },
};

function writeBack(directory: string): void {
  for (const name of readdirSync(directory)) {
    const fd = openSync(join(directory, name), 'r');
    fdatasyncSync(fd);
    closeSync(fd);
  }
}

function scanSpeed(log: Parameters<typeof scanBatches>[0]): number {
  let bytes = 0;
  const started = performance.now();
  scanBatches(log, (_bytes, view, at) => {
    bytes += sizeInBytes(view, at);
  });
  return (bytes * 1000) / (performance.now() - started);
}

function writeAndDie(directory: string, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [WRITER, directory, String(bytes)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (signal === 'SIGKILL') resolve();
      else reject(new Error(`the writer ended with code ${code}, signal ${signal}`));
    });
  });
}
