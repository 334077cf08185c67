import { describe, expect, it } from 'vitest';
import { PartitionLog } from '../log/partition-log.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import type { Scheduler } from '../testing/simulated-scheduler.js';
import { CONFIG, DIRECTORY } from './faults-workload.js';

/** Holds operations on request, until let go. */
class Gate implements Scheduler {
  holds: string | null = null;
  #waiting: (() => void)[] = [];

  async wait(operation: string, _path: string, phase: string): Promise<void> {
    if (operation !== this.holds || phase !== 'before') return;
    await new Promise<void>((go) => this.#waiting.push(go));
  }

  get held(): number {
    return this.#waiting.length;
  }

  open(): void {
    this.holds = null;
    for (const go of this.#waiting.splice(0)) go();
  }

  machineDown(): void {
    this.open();
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('flushing', () => {
  it('covers what was appended to a segment while its sync was under way, when it rolls before that ends', async () => {
    const gate = new Gate();
    const fs = new SimulatedFileSystem({ seed: 1, scheduler: gate });
    const log = await PartitionLog.open({ directory: DIRECTORY, fs, config: CONFIG });
    log.append([{ value: 'before the sync' }]);
    gate.holds = 'flush';
    const first = log.flush();
    await settled();
    expect(gate.held).toBe(1);
    log.append([{ value: 'while it syncs' }]);
    const second = log.flush();
    log.roll();
    log.append([{ value: 'in the next segment' }]);
    gate.open();
    await first;
    await second;
    const reboot = fs.powerFail({ outcome: 'nothing' });
    const again = await PartitionLog.open({ directory: DIRECTORY, fs: reboot, config: CONFIG });
    expect(again.logEndOffset).toBeGreaterThanOrEqual(2);
    const { value } = again.readRecord(1, { checkCrcs: true })!;
    expect(Buffer.from(value!).toString()).toBe('while it syncs');
    await again.close();
  });

  it('by flush.ms comes due while the log is truncated, and leaves the segments alone that go', async () => {
    const gate = new Gate();
    const fs = new SimulatedFileSystem({ seed: 2, scheduler: gate });
    const config = { ...CONFIG, 'flush.ms': 1 };
    const log = await PartitionLog.open({ directory: DIRECTORY, fs, config });
    for (let i = 0; i < 12; i += 1) log.append([{ value: 'x'.repeat(200) }]);
    expect(log.segmentCount).toBeGreaterThan(2);
    await log.flush();
    log.append([{ value: 'starts the timer' }]);
    gate.holds = 'remove';
    const truncated = log.truncateTo(2);
    for (let i = 0; i < 50 && gate.held === 0; i += 1) await settled();
    expect(gate.held).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    gate.open();
    await truncated;
    await settled();
    expect(log.poisoned).toBeNull();
    log.append([{ value: 'after' }]);
    expect(log.logEndOffset).toBe(3);
    await log.close();
    expect(fs.usage().openFiles).toBe(0);
  });

  it('that fails is not tried again: the log refuses writes, serves reads, and what was flushed before survives', async () => {
    const fs = new SimulatedFileSystem({ seed: 3 });
    const log = await PartitionLog.open({ directory: DIRECTORY, fs, config: CONFIG });
    await log.appendDurable([{ value: 'durable' }]);
    log.append([{ value: 'not yet' }]);
    fs.faults.plant({ operation: 'flush', nth: 1, errno: 'EIO' });
    const [failed, shared] = await Promise.allSettled([log.flush(), log.flush()]);
    for (const result of [failed, shared]) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'LOG_POISONED' } });
    }
    expect(log.poisoned).toMatchObject({
      code: 'LOG_POISONED',
      cause: { code: 'IO_FAILED', details: { operation: 'flush' } },
    });
    const writes: (() => unknown)[] = [
      () => log.append([{ value: 'refused' }]),
      () => log.appendBatches(Buffer.alloc(61)),
      () => log.flush(),
      () => log.appendDurable([{ value: 'refused' }]),
      () => log.roll(),
      () => log.truncateTo(0),
      () => log.deleteRecordsBefore(1),
      () => log.applyRetention(),
    ];
    for (const write of writes) {
      await expect(Promise.resolve().then(write)).rejects.toMatchObject({ code: 'LOG_POISONED' });
    }
    expect(log.logEndOffset).toBe(2);
    expect(Buffer.from(log.readRecord(1)!.value!).toString()).toBe('not yet');
    await log.close();
    expect(fs.usage().openFiles).toBe(0);
    const reboot = fs.powerFail();
    const again = await PartitionLog.open({ directory: DIRECTORY, fs: reboot, config: CONFIG });
    expect(again.recovery.wasClean).toBe(false);
    expect(Buffer.from(again.readRecord(0)!.value!).toString()).toBe('durable');
    await again.appendDurable([{ value: 'goes on' }]);
    await again.close();
  });
});
