import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngineLog, scanBatches } from '../embedded/engine.js';
import type { PartitionLog } from '../embedded/varve.js';
import { createRandom } from '../random.js';
import { encodeBatch, makeRecords, SHAPES, type Shape, shapeName } from './batches.js';
import { expectEqual, type MicroGroup, type MicroTask } from './task.js';

const MIB = 1024 * 1024;
/** Small segments, so that a long run can delete what it wrote instead of filling the disk. */
const CONFIG = { segmentBytes: 64 * MIB, fileDeleteDelayMs: 0 };
const KEEP_BYTES = 256 * MIB;
/** Values appended in one call, so that a turn of the event loop is small beside it. */
const CALL_BYTES = 256 * 1024;
const LOOKUPS = 100;
const RECORDS_TO_READ = 20_000;

/** Appends and reads through a whole partition log in a temporary directory. */
export const logGroup: MicroGroup = {
  name: 'log',
  async open() {
    const directory = mkdtempSync(join(tmpdir(), 'varve-micro-'));
    const logs: PartitionLog[] = [];
    const openLog = async (): Promise<PartitionLog> => {
      const path = join(directory, `log-${logs.length}`);
      const log = await openEngineLog(path, { largestBatchBytes: 0, config: CONFIG });
      logs.push(log);
      return log;
    };
    const tasks: MicroTask[] = [];
    for (const shape of SHAPES) tasks.push(appendTask(await openLog(), shape));
    tasks.push(appendReadyTask(await openLog(), { recordBytes: 1024, records: 62 }));
    const full = await openLog();
    const records = makeRecords({ recordBytes: 100, records: 10 });
    while (full.logEndOffset < RECORDS_TO_READ) full.append(records);
    tasks.push(scanTask(full), readRecordTask(full));
    return {
      tasks,
      async close() {
        for (const log of logs) await log.close();
        rmSync(directory, { recursive: true });
      },
    };
  },
};

function appendTask(log: PartitionLog, shape: Shape): MicroTask {
  const records = makeRecords(shape);
  const appends = Math.ceil(CALL_BYTES / (shape.recordBytes * shape.records));
  let appended = -1;
  return {
    name: `append ${shapeName(shape)}`,
    unit: 'records',
    unitsPerCall: shape.records * appends,
    run: async () => {
      for (let left = appends; left > 0; left--) appended = log.append(records).lastOffset;
      await letGo(log);
    },
    check: () => {
      expectEqual('log end offset', log.logEndOffset, appended + 1);
      expectEqual('records in the log', log.logEndOffset % (shape.records * appends), 0);
      const last = log.readRecord(appended)?.value;
      const expected = records.at(-1)?.value as Buffer;
      expectEqual('order of the last value', expected.compare(last as Uint8Array), 0);
    },
  };
}

function appendReadyTask(log: PartitionLog, shape: Shape): MicroTask {
  const { buffer, bytes } = encodeBatch(makeRecords(shape));
  const batch = buffer.subarray(0, bytes);
  const appends = Math.ceil(CALL_BYTES / bytes);
  let appended = -1;
  return {
    name: `append a ready batch of ${shapeName(shape)}`,
    unit: 'bytes',
    unitsPerCall: bytes * appends,
    run: async () => {
      for (let left = appends; left > 0; left--) appended = log.appendBatches(batch).lastOffset;
      await letGo(log);
    },
    check: () => {
      expectEqual('log end offset', log.logEndOffset, appended + 1);
      expectEqual('offset of the last record', log.readRecord(appended)?.offset, appended);
    },
  };
}

/** A turn of the event loop, and now and then the deletion of old segments. */
async function letGo(log: PartitionLog): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (log.sizeBytes > KEEP_BYTES) await log.deleteRecordsBefore(log.logEndOffset - 1);
}

function scanTask(log: PartitionLog): MicroTask {
  let batches = 0;
  return {
    name: 'scan batches of 10 x 100 B, CRC checked',
    unit: 'records',
    unitsPerCall: RECORDS_TO_READ,
    run: () => {
      batches = 0;
      scanBatches(log, () => {
        batches += 1;
      });
    },
    check: () => expectEqual('batches', batches, RECORDS_TO_READ / 10),
  };
}

function readRecordTask(log: PartitionLog): MicroTask {
  const random = createRandom(1);
  const offsets = Array.from({ length: LOOKUPS }, () => random.below(RECORDS_TO_READ));
  const expected = offsets.reduce((sum, offset) => sum + offset, 0);
  let sum = -1;
  return {
    name: 'read one record by offset',
    unit: 'lookups',
    unitsPerCall: LOOKUPS,
    run: () => {
      sum = 0;
      for (const offset of offsets) sum += log.readRecord(offset)?.offset ?? 0;
    },
    check: () => expectEqual('sum of the offsets found', sum, expected),
  };
}
