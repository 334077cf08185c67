import { describe, expect, it } from 'vitest';
import { PartitionLog } from '../log/partition-log.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { CONFIG, DIRECTORY, FaultyLife } from './faults-workload.js';

const SEEDS = [1, 2, 3, 4];
const UNLIMITED = Number.MAX_SAFE_INTEGER;

async function reopened(fs: SimulatedFileSystem): Promise<PartitionLog> {
  return PartitionLog.open({ directory: DIRECTORY, fs, config: CONFIG });
}

/** A roll that found no space, and one record more that the old segment had room for. */
async function refusedRoll(seed: number) {
  const fs = new SimulatedFileSystem({ seed, reservationBytes: 4096 });
  const log = await reopened(fs);
  log.append([{ value: 'x'.repeat(700) }]);
  await log.flush();
  fs.capacityBytes = fs.usedBytes;
  expect(() => log.append([{ value: 'y'.repeat(300) }])).toThrowError(
    expect.objectContaining({ code: 'DISK_FULL' }),
  );
  expect(log.append([{ value: 'z' }]).baseOffset).toBe(1);
  return { fs, log };
}

async function expectRecords(fs: SimulatedFileSystem, end: number): Promise<void> {
  fs.capacityBytes = UNLIMITED;
  const log = await reopened(fs);
  expect(log.logEndOffset).toBe(end);
  for (let offset = 0; offset < end; offset += 1) {
    expect(log.readRecord(offset, { checkCrcs: true })?.offset).toBe(offset);
  }
  await log.close();
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('a full disk', () => {
  it.each(SEEDS)(
    'at append: refused, nothing changes; works on when there is room (seed %i)',
    async (seed) => {
      const fs = new SimulatedFileSystem({ seed, reservationBytes: 0 });
      const config = { ...CONFIG, 'internal.segment.bytes': 1 << 20 };
      const log = await PartitionLog.open({ directory: DIRECTORY, fs, config });
      log.append([{ value: 'kept' }]);
      await log.flush();
      fs.capacityBytes = fs.usedBytes;
      let refused: unknown = null;
      let appended = 1;
      for (; refused === null; appended += 1) {
        try {
          log.append([{ value: 'x'.repeat(500) }]);
        } catch (error) {
          refused = error;
          break;
        }
      }
      expect(refused).toMatchObject({ code: 'DISK_FULL', retriable: true });
      expect((refused as Error).message).toContain('.log');
      expect(log.logEndOffset).toBe(appended);
      expect(log.poisoned).toBeNull();
      expect(() => log.append([{ value: 'x'.repeat(5000) }])).toThrowError(
        expect.objectContaining({ code: 'DISK_FULL' }),
      );
      await log.flush();
      fs.capacityBytes = UNLIMITED;
      expect(log.append([{ value: 'after' }]).baseOffset).toBe(appended);
      await log.close();
      const again = await PartitionLog.open({ directory: DIRECTORY, fs: fs.powerFail(), config });
      expect(again.logEndOffset).toBe(appended + 1);
      expect(Buffer.from(again.readRecord(appended)!.value!).toString()).toBe('after');
      await again.close();
    },
  );

  it.each(SEEDS)(
    'at roll, then a crash: what the old segment took meanwhile is there (seed %i)',
    async (seed) => {
      const { fs } = await refusedRoll(seed);
      // Before anything in the background has run.
      await expectRecords(fs.kill(), 2);
    },
  );

  it.each(SEEDS)(
    'at roll, then a power failure: what was flushed meanwhile is there (seed %i)',
    async (seed) => {
      const { fs, log } = await refusedRoll(seed);
      await log.flush();
      for (let i = 0; i < 10; i += 1) await expectRecords(fs.powerFail(), 2);
      await expectRecords(fs.powerFail({ outcome: 'nothing' }), 2);
    },
  );

  it.each(SEEDS)(
    'at roll: refused, the old segment stays the active one (seed %i)',
    async (seed) => {
      const fs = new SimulatedFileSystem({ seed, reservationBytes: 4096 });
      const log = await reopened(fs);
      log.append([{ value: 'x'.repeat(700) }]);
      await log.flush();
      // There is room for the batch behind the first one, in the pages it has, and none for a new segment.
      fs.capacityBytes = fs.usedBytes;
      expect(() => log.append([{ value: 'y'.repeat(300) }])).toThrowError(
        expect.objectContaining({ code: 'DISK_FULL', retriable: true }),
      );
      expect(() => log.append([{ value: 'y'.repeat(300) }])).toThrowError(
        expect.objectContaining({ code: 'DISK_FULL' }),
      );
      expect(log.segmentCount).toBe(1);
      expect(log.logEndOffset).toBe(1);
      // What fits the old segment is still taken.
      expect(log.append([{ value: 'z' }]).baseOffset).toBe(1);
      fs.capacityBytes = UNLIMITED;
      expect(log.append([{ value: 'y'.repeat(300) }]).baseOffset).toBe(2);
      expect(log.segmentCount).toBe(2);
      await log.close();
      expect(fs.usage().openFiles).toBe(0);
      const again = await reopened(fs.kill());
      const values = [0, 1, 2].map((offset) => again.readRecord(offset)!.value![0]);
      expect(Buffer.from(values as number[]).toString()).toBe('xzy');
      await again.close();
    },
  );

  it.each(SEEDS)(
    'at checkpoint: deleting records is refused or done, never half (seed %i)',
    async (seed) => {
      const fs = new SimulatedFileSystem({ seed });
      const log = await reopened(fs);
      for (let i = 0; i < 8; i += 1) log.append([{ value: 'x'.repeat(300) }]);
      await log.flush();
      await settled();
      const fault = fs.faults.plant({
        operation: 'writeFileAtomic',
        path: /offset-checkpoint$/,
        nth: 1,
        persistent: true,
        errno: 'ENOSPC',
      });
      await expect(log.deleteRecordsBefore(3)).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(fault.hits).toBeGreaterThan(0);
      expect(log.poisoned).toBeNull();
      log.append([{ value: 'taken meanwhile' }]);
      await log.flush();
      fs.faults.clear();
      await log.deleteRecordsBefore(4);
      expect(log.logStartOffset).toBe(4);
      const again = await reopened(fs.powerFail());
      expect(again.logStartOffset).toBe(4);
      expect(again.logEndOffset).toBe(9);
      await again.close();
    },
  );

  it('at checkpoint, when closing: says so, and the next opening recovers', async () => {
    const fs = new SimulatedFileSystem({ seed: 9 });
    const log = await reopened(fs);
    for (let i = 0; i < 5; i += 1) log.append([{ value: 'x'.repeat(300) }]);
    await log.flush();
    await settled();
    fs.faults.plant({
      operation: 'writeFileAtomic',
      nth: 1,
      persistent: true,
      errno: 'ENOSPC',
    });
    await expect(log.close()).rejects.toMatchObject({
      code: 'LOG_POISONED',
      cause: { code: 'DISK_FULL' },
    });
    expect(fs.usage().openFiles).toBe(0);
    fs.faults.clear();
    const again = await reopened(fs);
    expect(again.recovery.wasClean).toBe(false);
    expect(again.logEndOffset).toBe(5);
    await again.close();
  });

  it('at any moment of a log’s work, page by page: nothing acknowledged is lost', {
    timeout: 120_000,
  }, async () => {
    let full = 0;
    for (const seed of SEEDS) {
      const whole = new SimulatedFileSystem({ seed });
      await (await FaultyLife.open(whole)).work();
      const needed = whole.usedBytes;
      for (let capacityBytes = 4096; capacityBytes <= needed; capacityBytes += 4096) {
        const about = `seed ${seed}, ${capacityBytes} of ${needed} bytes`;
        const fs = new SimulatedFileSystem({ seed, faults: { capacityBytes } });
        let life: FaultyLife;
        try {
          life = await FaultyLife.open(fs);
        } catch (error) {
          expect(error, about).toMatchObject({ code: 'DISK_FULL' });
          expect(fs.usage().openFiles, about).toBe(0);
          continue;
        }
        await life.work();
        await settled();
        for (const { code } of life.errors) {
          expect(['DISK_FULL', 'LOG_POISONED', 'OFFSET_OUT_OF_RANGE'], about).toContain(code);
        }
        if (life.errors.length > 0) full += 1;
        fs.capacityBytes = UNLIMITED;
        const end = life.values.length;
        const isTaken = await life.append();
        expect(isTaken, about).toBe(life.log.poisoned === null);
        await life.attempt(() => life.log.close());
        expect(fs.usage().openFiles, about).toBe(0);
        const killed = await reopened(fs.kill());
        life.check(killed, end);
        await killed.close();
        const failed = await reopened(fs.powerFail());
        life.check(failed, life.durableEnd);
        await failed.close();
      }
    }
    // Otherwise the table would prove nothing.
    expect(full).toBeGreaterThan(20);
  });
});
