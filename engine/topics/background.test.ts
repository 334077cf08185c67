import { describe, expect, it } from 'vitest';
import { isVarveError } from '../errors.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { BackgroundTasks, type Scheduler } from './background.js';
import { DataDirectory } from './data-directory.js';
import type { DataDirectoryEvent } from './events.js';

/** Rounds start when the test says so. */
class HandScheduler implements Scheduler {
  readonly timers: { readonly ms: number; readonly run: () => void; isCancelled: boolean }[] = [];

  every(ms: number, run: () => void): () => void {
    const timer = { ms, run, isCancelled: false };
    this.timers.push(timer);
    return () => {
      timer.isCancelled = true;
    };
  }

  fire(ms: number): void {
    for (const timer of this.timers) if (timer.ms === ms && !timer.isCancelled) timer.run();
  }
}

const CHECKPOINT_MS = 60_000;
const RETENTION_MS = 300_000;
const COMPACTION_MS = 15_000;
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

async function simulated() {
  const clock = new SimulatedClock();
  const fs = new SimulatedFileSystem({ seed: 7, clock });
  const scheduler = new HandScheduler();
  const events: DataDirectoryEvent[] = [];
  const open = (onto = fs) =>
    DataDirectory.open({
      directory: '/data',
      fs: onto,
      scheduler,
      onEvent: (event) => events.push(event),
      topicDefaults: { 'internal.segment.bytes': 1024 },
    });
  const kinds = () => events.map(({ kind }) => kind).filter((kind) => kind !== 'log');
  return { clock, fs, scheduler, events, kinds, open };
}

const text = (fs: SimulatedFileSystem, name: string) =>
  fs.readFile(`/data/${name}`, { maxBytes: 10_000 }).toString();

describe('a data directory’s background work', () => {
  it('writes recovery points in rounds, and nothing where nothing changed', async () => {
    const { fs, scheduler, open } = await simulated();
    const data = await open();
    await data.createTopic('t');
    const log = data.partition('t', 0);
    log.append([{ value: 'a' }, { value: 'b' }]);
    await log.flush();
    scheduler.fire(CHECKPOINT_MS);
    await settled();
    expect(text(fs, 'recovery-point-offset-checkpoint')).toBe('0\n1\nt 0 2\n');
    const { steps } = fs;
    scheduler.fire(CHECKPOINT_MS);
    await settled();
    expect(fs.steps).toBe(steps);
    await data.close();
  });

  it('survives a checkpoint that cannot be written, says so, and tries again', async () => {
    const { fs, scheduler, kinds, open } = await simulated();
    const data = await open();
    await data.createTopic('t');
    const log = data.partition('t', 0);
    log.append([{ value: 'a' }]);
    await log.flush();
    const fault = fs.faults.plant({
      operation: 'writeFileAtomic',
      path: 'recovery-point-offset-checkpoint',
      errno: 'ENOSPC',
      nth: 1,
      persistent: true,
    });
    scheduler.fire(CHECKPOINT_MS);
    await settled();
    expect(kinds()).toEqual(['checkpoint-failed']);
    log.append([{ value: 'b' }]);
    await log.flush();
    expect(data.offline).toEqual([]);
    fault.clear();
    scheduler.fire(CHECKPOINT_MS);
    await settled();
    expect(kinds()).toEqual(['checkpoint-failed']);
    expect(text(fs, 'recovery-point-offset-checkpoint')).toBe('0\n1\nt 0 2\n');
    await data.close();
  });

  it('rolls on while the checkpoint cannot be written', async () => {
    const { fs, open, kinds, clock } = await simulated();
    const data = await open();
    await data.createTopic('t');
    const log = data.partition('t', 0);
    const fault = fs.faults.plant({
      operation: 'writeFileAtomic',
      path: /offset-checkpoint$/,
      errno: 'ENOSPC',
      nth: 1,
      persistent: true,
    });
    for (let i = 0; i < 10; i += 1) {
      log.append([{ value: 'x'.repeat(600) }]);
      clock.advance(2000);
      await settled();
    }
    expect(log.segmentCount).toBeGreaterThan(3);
    expect(log.poisoned).toBe(null);
    expect(kinds()).toContain('checkpoint-failed');
    fault.clear();
    await data.close();
    const again = await open();
    expect(again.wasClean).toBe(true);
    expect(again.partition('t', 0).logEndOffset).toBe(10);
    await again.close();
  });

  it('does not write the mark when the last checkpoint fails, and close says why', async () => {
    const { fs, open } = await simulated();
    const data = await open();
    await data.createTopic('t');
    data.partition('t', 0).append([{ value: 'a' }]);
    const fault = fs.faults.plant({
      operation: 'writeFileAtomic',
      path: 'recovery-point-offset-checkpoint',
      errno: 'ENOSPC',
      nth: 1,
      persistent: true,
    });
    await expect(data.close()).rejects.toMatchObject({ code: 'DISK_FULL' });
    fault.clear();
    expect(fs.stat('/data/.kafka_cleanshutdown')).toBe(null);
    const again = await open();
    expect(again.wasClean).toBe(false);
    expect(again.partition('t', 0).logEndOffset).toBe(1);
    await again.close();
  });

  it('deletes by retention in rounds, with settings that were changed a moment ago', async () => {
    const { clock, scheduler, open } = await simulated();
    const data = await open();
    await data.createTopic('t', { partitions: 2 });
    for (let p = 0; p < 2; p += 1) {
      for (let i = 0; i < 10; i += 1) data.partition('t', p).append([{ value: 'x'.repeat(600) }]);
    }
    clock.advance(10_000);
    scheduler.fire(RETENTION_MS);
    await settled();
    expect(data.partition('t', 1).logStartOffset).toBe(0);
    await data.alterConfig('t', { 'retention.ms': 5000 });
    expect(data.partition('t', 0).config.retentionMs).toBe(5000);
    scheduler.fire(RETENTION_MS);
    await settled();
    expect(data.partition('t', 0).logStartOffset).toBe(10);
    expect(data.partition('t', 1).logStartOffset).toBe(10);
    await data.alterConfig('t', { retentionMs: null });
    expect(data.describeTopic('t').overrides).toEqual({});
    expect(data.partition('t', 0).config.retentionMs).toBe(7 * 24 * 3600 * 1000);
    await expect(data.alterConfig('t', { 'retention.ms': 'soon' })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
    });
    await data.close();
    const again = await open();
    expect(again.partition('t', 1).logStartOffset).toBe(10);
    await again.close();
  });

  it('compacts the logs that are due, keeps how far it came, and stops for close', async () => {
    const { fs, clock, scheduler, open, kinds } = await simulated();
    const data = await open();
    const config = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': 0.1 };
    await data.createTopic('c', { config });
    await data.createTopic('plain');
    for (const topic of ['c', 'plain']) {
      for (let i = 0; i < 40; i += 1) {
        data.partition(topic, 0).append([{ key: `k${i % 3}`, value: `${'x'.repeat(200)}${i}` }]);
      }
    }
    clock.advance(1000);
    scheduler.fire(COMPACTION_MS);
    await expect.poll(() => data.partition('c', 0).cleanableRatio).toBe(0);
    const { sizeBytes, firstDirtyOffset } = data.partition('c', 0);
    expect(sizeBytes).toBeLessThan(data.partition('plain', 0).sizeBytes / 2);
    expect(firstDirtyOffset).toBeGreaterThan(30);
    expect(await data.compact()).toBe(0);
    expect(kinds()).toEqual([]);
    await data.close();
    expect(text(fs, 'cleaner-offset-checkpoint')).toBe(`0\n1\nc 0 ${firstDirtyOffset}\n`);
    const again = await open();
    expect(again.partition('c', 0).firstDirtyOffset).toBe(firstDirtyOffset);
    for (let i = 0; i < 200; i += 1) {
      again.partition('c', 0).append([{ key: `k${i % 3}`, value: 'x'.repeat(300) }]);
    }
    const compacting = again.compact();
    await again.close();
    await compacting;
    expect(kinds()).toEqual([]);
    const third = await open();
    expect(third.wasClean).toBe(true);
    expect(third.partition('c', 0).logEndOffset).toBe(240);
    await third.close();
  });

  it('retention makes room where a full disk refuses even the checkpoint', async () => {
    const { fs, clock, open } = await simulated();
    const data = await open();
    await data.createTopic('t', { config: { retentionMs: 1000 } });
    const log = data.partition('t', 0);
    for (let i = 0; i < 10; i += 1) log.append([{ value: 'x'.repeat(600) }]);
    await log.flush();
    await settled();
    clock.advance(5000);
    fs.faults.plant({
      operation: 'writeFileAtomic',
      path: 'log-start-offset-checkpoint',
      errno: 'ENOSPC',
    });
    expect(await data.applyRetention()).toBeGreaterThan(5);
    expect(log.logStartOffset).toBe(10);
    await data.close();
  });

  it('names a poisoned partition and closes without the mark; its records are there after recovery', async () => {
    const { fs, open, kinds } = await simulated();
    const data = await open();
    await data.createTopic('t', { partitions: 2 });
    const log = data.partition('t', 0);
    log.append([{ value: 'a' }]);
    fs.faults.plant({ operation: 'flush', errno: 'EIO' });
    await expect(log.flush()).rejects.toMatchObject({ code: 'LOG_POISONED' });
    expect(data.offline).toMatchObject([{ topic: 't', partition: 0, isReadable: true }]);
    expect(kinds()).toEqual(['partition-offline']);
    expect(data.partition('t', 0).readRecord(0)?.offset).toBe(0);
    expect(() => data.partition('t', 0).append([{ value: 'b' }])).toThrow(
      expect.objectContaining({ code: 'LOG_POISONED' }),
    );
    await data.close();
    expect(fs.stat('/data/.kafka_cleanshutdown')).toBe(null);
    const again = await open(fs);
    expect(again.offline).toEqual([]);
    expect(again.partition('t', 0).logEndOffset).toBe(1);
    await again.close();
  });

  it('leaves no topic where creating it fails half-way, and the name free', async () => {
    const { fs, open } = await simulated();
    const data = await open();
    for (const path of ['new-2/partition.metadata', /new-1\/0+\.log$/, 'varve-topics']) {
      fs.faults.plant({ operation: '*', path, errno: 'ENOSPC', nth: 2, persistent: false });
      const made = await data.createTopic('new', { partitions: 4 }).then(
        () => true,
        (error: unknown) => {
          expect(isVarveError(error, 'DISK_FULL')).toBe(true);
          return false;
        },
      );
      expect(data.hasTopic('new')).toBe(made);
      if (made) await data.deleteTopic('new');
      expect(fs.list('/data').filter(({ name }) => /^new-\d$/.test(name))).toEqual([]);
      fs.faults.clear();
    }
    await data.createTopic('new', { partitions: 4 });
    await data.close();
    const again = await open();
    expect(again.partitionCount('new')).toBe(4);
    await again.close();
  });

  it('refuses everything once closed', async () => {
    const { open } = await simulated();
    const data = await open();
    await data.createTopic('t');
    const closing = data.close();
    expect(() => data.partition('t', 0)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    await expect(data.createTopic('u')).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(data.deleteTopic('t')).rejects.toMatchObject({ code: 'CLOSED' });
    await closing;
    await data.close();
  });
});

describe('BackgroundTasks', () => {
  it('never runs a task twice at once, reports failures, and waits for a round when stopping', async () => {
    const scheduler = new HandScheduler();
    const failures: unknown[] = [];
    const tasks = new BackgroundTasks(scheduler, (task, cause) => failures.push([task, cause]));
    let rounds = 0;
    let go: () => void = () => undefined;
    tasks.add('slow', 5, async () => {
      rounds += 1;
      await new Promise<void>((resolve) => {
        go = resolve;
      });
    });
    tasks.add('broken', 7, () => Promise.reject(new Error('no')));
    tasks.add('never', Number.POSITIVE_INFINITY, () => Promise.reject(new Error('never')));
    scheduler.fire(5);
    scheduler.fire(5);
    scheduler.fire(7);
    expect(rounds).toBe(1);
    const stopped = tasks.stop();
    let isStopped = false;
    void stopped.then(() => {
      isStopped = true;
    });
    await settled();
    expect(isStopped).toBe(false);
    go();
    await stopped;
    scheduler.fire(5);
    expect(rounds).toBe(1);
    expect(failures).toEqual([['broken', new Error('no')]]);
  });

  it('compacts the others when one log cannot tell how dirty it is', async () => {
    const { events, open } = await simulated();
    const data = await open();
    for (const topic of ['broken', 'fine']) {
      await data.createTopic(topic, { config: { 'cleanup.policy': 'compact' } });
      const log = data.partition(topic, 0);
      for (let i = 0; i < 200; i += 1) log.append([{ key: 'k', value: `value-${i}` }]);
    }
    const cause = new Error('its file cannot be read');
    Object.defineProperty(data.partition('broken', 0), 'cleanableRatio', {
      get() {
        throw cause;
      },
    });
    expect(await data.compact()).toBe(1);
    expect(events.filter(({ kind }) => kind === 'compaction-failed')).toEqual([
      { kind: 'compaction-failed', topic: 'broken', partition: 0, cause },
    ]);
    await data.close();
  });
});
