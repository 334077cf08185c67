import { join } from 'node:path';
import { openEngineLog } from '../embedded/engine.js';
import { micros } from '../figures.js';
import { Latencies } from '../latency.js';
import { makeRecordBatches } from './material.js';
import { type Outcome, type SpeedRow, turn, valueOutcome } from './row.js';

const MIB = 1024 * 1024;
const SECONDS = 4;
const FLUSH_EVERY_MS = 100;
const SEGMENT_BYTES = 64 * MIB;
const MAX_BYTES = 3 * 1024 * MIB;

export const stalls: SpeedRow = {
  id: 'stalls',
  work: 'main-thread stalls: appends while segments of 64 MiB roll and every 100 ms a flush runs',
  diskBytes: 3.2 * 1024 * MIB,
  async measure({ directory, rounds, scale }): Promise<Outcome[]> {
    const p999s: number[] = [];
    const longest: number[] = [];
    let rolls = 0;
    let flushes = 0;
    const pool = makeRecordBatches(100, 100);
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      const latencies = new Latencies();
      const log = await openEngineLog(join(directory, `stalls-${round}`), {
        largestBatchBytes: 0,
        config: { segmentBytes: SEGMENT_BYTES },
      });
      try {
        const pending = new Set<Promise<void>>();
        const flusher = setInterval(() => {
          flushes += 1;
          const flush = log.flush().finally(() => pending.delete(flush));
          pending.add(flush);
        }, FLUSH_EVERY_MS);
        const deadline = performance.now() + SECONDS * 1000 * scale;
        let bytes = 0;
        for (let at = 0; performance.now() < deadline && bytes < MAX_BYTES; at++) {
          const before = performance.now();
          log.append(pool[at % pool.length] as (typeof pool)[number]);
          latencies.recordMs(performance.now() - before);
          bytes += 10_000;
          if (at % 50 === 49) await turn();
        }
        clearInterval(flusher);
        await Promise.all(pending);
        rolls += log.segmentCount - 1;
      } finally {
        await log.close();
      }
      const summary = latencies.summary();
      if (summary === null) throw new Error('nothing was appended');
      p999s.push(summary.p999Us);
      longest.push(summary.maxUs);
    }
    const common = { unit: 'us', format: micros };
    return [
      valueOutcome({
        ...common,
        what: `append 100 B x 100, p99.9 (${rolls} rolls, ${flushes} flushes)`,
        runs: p999s,
        atMost: 1000,
      }),
      valueOutcome({ ...common, what: '  the longest', runs: longest }),
    ];
  },
};
