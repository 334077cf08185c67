import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openFileSystem } from '../io/index.js';
import { PortableLogFile } from '../io/portable-log-file.js';
import { batch } from '../testing/produce-batch.js';
import { PartitionLog } from './partition-log.js';

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'varve-producers-')), 'events-0');
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(join(directory, '..'), { recursive: true, force: true });
});

const producer = { producerId: 7, producerEpoch: 3 };
/** One below and one above the size from which a batch is written from where it lies. */
const SIZES = [100, 20_000];

/** Ready batches of one producer. */
function appendAll(log: PartitionLog): void {
  const timestamps = [Date.now() - 5000, Date.now() - 9000];
  let baseSequence = 0;
  for (const timestamp of timestamps) {
    for (const bytes of SIZES) {
      const records = [1, 2].map(() => ({ value: Buffer.alloc(bytes), timestamp }));
      log.appendBatches(batch(records, { ...producer, baseSequence }));
      baseSequence += records.length;
    }
  }
}

describe('ready batches of an idempotent producer', () => {
  for (const kind of ['auto', 'portable'] as const) {
    it.each(['CreateTime', 'LogAppendTime'])(
      `leave what recovery finds in the files (${kind}, %s)`,
      async (type) => {
        const fs = openFileSystem({ kind });
        const config = { 'message.timestamp.type': type };
        const log = await PartitionLog.open({ directory, fs, config });
        appendAll(log);
        const known = log.producers();
        expect(known).toMatchObject([{ ...producer, lastSequence: 7, lastOffset: 7 }]);
        await log.flush();
        const copy = `${directory.slice(0, -2)}-1`;
        cpSync(directory, copy, { recursive: true });
        const recovered = await PartitionLog.open({ directory: copy, fs, config });
        expect(recovered.recovery.wasClean).toBe(false);
        expect(recovered.producers()).toEqual(known);
        await recovered.close();
        await log.close();
      },
    );
  }

  it('are not read back from the file they were written to', async () => {
    const log = await PartitionLog.open({ directory, fs: openFileSystem({ kind: 'portable' }) });
    const window = vi.spyOn(PortableLogFile.prototype, 'window');
    const bytes = vi.spyOn(PortableLogFile.prototype, 'bytes');
    appendAll(log);
    // The first batch's timestamp is looked up once, for the segment's age.
    expect(window.mock.calls.filter(([position]) => position > 0)).toEqual([]);
    expect(bytes).not.toHaveBeenCalled();
    await log.close();
  });
});
