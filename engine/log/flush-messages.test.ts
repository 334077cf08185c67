import { describe, expect, it } from 'vitest';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { HeldScheduler } from '../testing/simulated-scheduler.js';
import { PartitionLog } from './partition-log.js';

const DIRECTORY = '/data/events-0';

async function opened(
  flushMessages: number | null,
): Promise<{ log: PartitionLog; fs: SimulatedFileSystem; disk: HeldScheduler }> {
  const disk = new HeldScheduler('flush');
  const fs = new SimulatedFileSystem({ seed: 1, scheduler: disk });
  const config = flushMessages === null ? {} : { 'flush.messages': flushMessages };
  return { log: await PartitionLog.open({ directory: DIRECTORY, fs, config }), fs, disk };
}

async function settled(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function close(log: PartitionLog, disk: HeldScheduler): Promise<void> {
  const closed = log.close();
  let isClosed = false;
  void closed.then(() => {
    isClosed = true;
  });
  while (!isClosed) {
    disk.releaseAll();
    await settled();
  }
}

const append = (log: PartitionLog, value = 'a') => log.append([{ value }]).lastOffset + 1;

describe('an acknowledgement under flush.messages', () => {
  it('waits for nothing by default', async () => {
    const { log, disk } = await opened(null);
    expect(log.syncBeforeAck(append(log))).toBeNull();
    await settled();
    expect(disk.held).toEqual([]);
    await close(log, disk);
  });

  it('waits for the sync that has the record in it, which all share', async () => {
    const { log, fs, disk } = await opened(1);
    const first = log.syncBeforeAck(append(log));
    await settled();
    expect(disk.held).toHaveLength(1);
    const [second, third] = [log.syncBeforeAck(append(log)), log.syncBeforeAck(append(log))];
    expect(second).not.toBe(first);
    expect(third).toBe(second);
    disk.release();
    await first;
    expect(log.syncBeforeAck(1)).toBeNull();
    expect(log.syncBeforeAck(2)).not.toBeNull();
    await settled();
    disk.release();
    await third;
    expect(disk.held).toEqual([]);
    expect(log.syncBeforeAck(3)).toBeNull();
    const reboot = fs.powerFail({ outcome: 'nothing' });
    const again = await PartitionLog.open({ directory: DIRECTORY, fs: reboot });
    expect(again.logEndOffset).toBe(3);
    await close(again, disk);
  });

  it('of 3 waits where three records would be off the disk', async () => {
    const { log, disk } = await opened(3);
    expect(log.syncBeforeAck(append(log))).toBeNull();
    expect(log.syncBeforeAck(append(log))).toBeNull();
    const third = log.syncBeforeAck(append(log));
    expect(third).not.toBeNull();
    await settled();
    // The sync under way ends with these two off the disk, and the third above one too many.
    expect(log.syncBeforeAck(append(log))).toBe(third);
    expect(log.syncBeforeAck(append(log))).toBe(third);
    expect(log.syncBeforeAck(append(log))).not.toBe(third);
    disk.release();
    await third;
    expect(log.recoveryPoint).toBe(3);
    await close(log, disk);
  });

  it('waits for the disk where a killed process left records to the kernel', async () => {
    const { log, fs } = await opened(1);
    append(log);
    const fsAfter = fs.kill();
    const again = await PartitionLog.open({
      directory: DIRECTORY,
      fs: fsAfter,
      config: { 'flush.messages': 1 },
    });
    expect(again.logEndOffset).toBe(1);
    expect(again.syncBeforeAck(1)).not.toBeNull();
  });

  it('waits for nothing after a truncation, which is on disk, and for what is appended after it', async () => {
    const fs = new SimulatedFileSystem({ seed: 1 });
    const config = { 'flush.messages': 1 };
    const log = await PartitionLog.open({ directory: DIRECTORY, fs, config });
    for (let i = 0; i < 5; i += 1) append(log);
    await log.truncateTo(2);
    expect(log.syncBeforeAck(2)).toBeNull();
    const sync = log.syncBeforeAck(append(log));
    expect(sync).not.toBeNull();
    await sync;
    expect(log.recoveryPoint).toBe(3);
    await log.close();
  });

  it('fails with the sync, then and later', async () => {
    const fs = new SimulatedFileSystem({ seed: 1 });
    const config = { 'flush.messages': 1 };
    const log = await PartitionLog.open({ directory: DIRECTORY, fs, config });
    fs.faults.plant({ operation: 'flush', errno: 'EIO' });
    await expect(log.syncBeforeAck(append(log))).rejects.toMatchObject({ code: 'LOG_POISONED' });
    await expect(log.syncBeforeAck(1)).rejects.toMatchObject({ code: 'LOG_POISONED' });
    expect(() => append(log)).toThrow(/refuses writes/);
    await log.close();
  });

  it('leaves a durable append at one sync', async () => {
    const { log, disk } = await opened(1);
    const done = log.appendDurable([{ value: 'a' }]);
    await settled();
    expect(disk.held).toHaveLength(1);
    disk.release();
    await done;
    await settled();
    expect(disk.held).toEqual([]);
    await close(log, disk);
  });
});
