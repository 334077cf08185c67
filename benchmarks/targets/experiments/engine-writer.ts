import { isVarveError, PartitionLog } from '../../../engine/index.js';
import { STAMP_BYTES, writeStamp } from '../../load/stamp.js';
import type { FromWriter, WriterOptions } from './engine-writer-messages.js';

/*
 * The program that an experiment on the engine kills: appends numbered records as fast as it can, and tells what was
 * acknowledged. Told to end (SIGTERM), it closes its logs first.
 */

const TURN_MS = 10;

function tell(message: FromWriter): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

const [given] = process.argv.slice(2);
if (given === undefined) throw new Error('usage: engine-writer OPTIONS');
const { directories, cell, config } = JSON.parse(given) as WriterOptions;

process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined);
let isEnding = false;
process.on('SIGTERM', () => {
  isEnding = true;
});

async function write(): Promise<void> {
  const logs = await Promise.all(
    directories.map((directory) => PartitionLog.open({ directory, config })),
  );
  const acknowledged = logs.map(() => 0);
  const count = Math.max(1, Math.floor(cell.batchBytes / cell.recordBytes));
  const values = Array.from({ length: count }, (_, i) =>
    Buffer.alloc(Math.max(STAMP_BYTES, cell.recordBytes), i),
  );
  const batch = values.map((value) => ({ value }));
  const appendTo = async (log: PartitionLog, partition: number): Promise<void> => {
    const first = acknowledged[partition] ?? 0;
    // The producer is number 0; the times are of no use here, but a stamp without one is none.
    for (const [i, value] of values.entries()) writeStamp(value, 0, 1, 0, first + i);
    log.append(batch);
    if (cell.flush === 'batch') await log.flush();
    acknowledged[partition] = first + count;
  };
  while (!isEnding) {
    for (const endMs = performance.now() + TURN_MS; performance.now() < endMs; ) {
      // One at a time: they share the values.
      for (const [partition, log] of logs.entries()) await appendTo(log, partition);
    }
    tell({ kind: 'acknowledged', records: acknowledged });
    // The end of the channel is heard here.
    await new Promise(setImmediate);
  }
  await Promise.all(logs.map((log) => log.close()));
  process.exit(0);
}

write().catch((error: unknown) => {
  const code = isVarveError(error) ? error.code : 'IO_FAILED';
  tell({ kind: 'failed', code, message: error instanceof Error ? error.message : String(error) });
  setImmediate(() => process.exit(1));
});
