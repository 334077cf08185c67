import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRecords } from '../format/batch-reader.js';
import { openFileSystem } from '../io/index.js';
import type { FileSystem } from '../io/port.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { PartitionLog } from './partition-log.js';

const SMALL = {
  'cleanup.policy': 'compact',
  'internal.segment.bytes': 16_384,
  'index.interval.bytes': 512,
};
const DIRECTORY = '/data/table-0';

/** Offset, key and value of every record that is left, as text. */
function left(log: PartitionLog): string[] {
  const found: string[] = [];
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const { bytes, nextOffset } = log.read(offset);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += 12 + view.getInt32(at + 8)) {
      for (const { offset: of, key, value } of readRecords(bytes, at)) {
        found.push(`${of} ${key && Buffer.from(key)} ${value && Buffer.from(value)}`);
      }
    }
    offset = nextOffset;
  }
  return found;
}

/** What a log of `count` records, appended by `fill`, is compacted to when it ended at `end`. */
function survivors(count: number, keys: number, end: number): string[] {
  const found: string[] = [];
  for (let i = 0; i < count; i += 1) {
    if (i >= end || i + keys >= end) found.push(`${i} key-${i % keys} value-${i}`);
  }
  return found;
}

function fill(log: PartitionLog, count: number, keys: number): void {
  for (let i = log.logEndOffset; i < count; i = log.logEndOffset) {
    const batch = Array.from({ length: Math.min(10, count - i) }, (_, n) => ({
      key: `key-${(i + n) % keys}`,
      value: `value-${i + n}`,
    }));
    log.append(batch);
  }
}

async function open(fs: FileSystem, config: Record<string, string | number> = {}) {
  return PartitionLog.open({ directory: DIRECTORY, fs, config: { ...SMALL, ...config } });
}

describe('compaction', () => {
  let clock: SimulatedClock;
  let fs: SimulatedFileSystem;
  beforeEach(() => {
    clock = new SimulatedClock();
    fs = new SimulatedFileSystem({ seed: 1, clock });
  });
  const leftovers = () =>
    fs.list(DIRECTORY).filter(({ name }) => /\.(cleaned|swap|deleted)$/.test(name));

  it('keeps the latest record of each key, and says what it did', async () => {
    const log = await open(fs);
    fill(log, 3000, 100);
    const before = log.sizeBytes;
    const { baseOffset: end } = log.segments().at(-1)!;
    expect(log.cleanableRatio).toBe(1);
    const report = await log.compact();
    expect(report).toMatchObject({
      compacted: true,
      dirtyRatio: 1,
      firstDirtyOffset: 0,
      endOffset: end,
      isMapFull: false,
      keys: 100,
      recordsBefore: end,
      recordsAfter: 100,
    });
    expect(log.sizeBytes).toBe(before - report.bytesBefore + report.bytesAfter);
    expect(left(log)).toEqual(survivors(3000, 100, end));
    expect(leftovers()).toEqual([]);
    expect(log.firstDirtyOffset).toBe(end);
    await log.close();
  });

  it('does nothing more in a second round, and knows after reopening what is clean', async () => {
    const log = await open(fs);
    fill(log, 3000, 100);
    const first = await log.compact();
    const found = left(log);
    expect(await log.compact()).toMatchObject({ compacted: false, dirtyRatio: 0 });
    const again = { compacted: true, recordsBefore: 100, recordsAfter: 100 };
    // Segments that the first round has emptied become one.
    expect(await log.compact({ force: true })).toMatchObject({ ...again, segmentsAfter: 1 });
    expect(left(log)).toEqual(found);
    const files = () =>
      [...fs.snapshot()].filter(([path]) => /\.(log|index|timeindex)$/.test(path)).sort();
    const before = files();
    expect(await log.compact({ force: true })).toMatchObject(again);
    expect(files().every(([path, bytes], i) => before[i]![1].equals(bytes) && path)).toBe(true);
    await log.close();
    const reopened = await open(fs);
    expect(reopened.firstDirtyOffset).toBe(first.endOffset);
    expect(left(reopened)).toEqual(survivors(3000, 100, first.endOffset));
    await reopened.close();
  });

  it('goes on where the key map was full, round by round', async () => {
    const log = await open(fs);
    fill(log, 6000, 2500);
    const { baseOffset: end } = log.segments().at(-1)!;
    const options = { mapBytes: 40 * 1024, force: true };
    let from = 0;
    for (let round = 0; ; round += 1) {
      const { isMapFull, endOffset, firstDirtyOffset } = await log.compact(options);
      expect(firstDirtyOffset).toBe(from);
      if (!isMapFull) break;
      expect(endOffset).toBeGreaterThan(from);
      expect(endOffset).toBeLessThan(end);
      from = endOffset;
      expect(round).toBeLessThan(20);
    }
    expect(from).toBeGreaterThan(0);
    expect(log.firstDirtyOffset).toBe(end);
    expect(left(log)).toEqual(survivors(6000, 2500, end));
    await log.close();
  });

  it('refuses a key map without room for one key, and leaves the log as it was', async () => {
    const log = await open(fs, { 'internal.segment.bytes': 200_000 });
    log.append([{ key: 'k'.repeat(60_000), value: 'v' }]);
    log.roll();
    const before = left(log);
    await expect(log.compact({ mapBytes: 40 * 1024 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { mapBytes: 40 * 1024, offset: 0 },
    });
    expect(left(log)).toEqual(before);
    expect((await log.compact()).compacted).toBe(true);
    await log.close();
  });

  it('drops records without a key, which an earlier policy let in', async () => {
    const loose = await open(fs, { 'cleanup.policy': 'delete' });
    loose.append([{ value: 'no key' }, { key: 'a', value: '1' }]);
    loose.append([{ value: 'no key either' }]);
    loose.roll();
    await expect(loose.compact()).rejects.toMatchObject({ code: 'POLICY_VIOLATION' });
    await loose.close();
    const log = await open(fs);
    const report = await log.compact({ force: true });
    expect(report.keylessRecords).toBe(2);
    expect(left(log)).toEqual(['1 a 1']);
    await log.close();
  });

  it('keeps a tombstone for delete.retention.ms from the round that first saw it', async () => {
    const log = await open(fs, { 'delete.retention.ms': 1000 });
    log.append([{ key: 'a', value: '1', timestamp: clock.now() - 5 }]);
    log.append([
      { key: 'a', value: null },
      { key: 'b', value: '2', timestamp: clock.now() - 9 },
    ]);
    log.roll();
    log.append([{ key: 'c', value: '3' }]);
    const stamp = log.readRecord(2)!.timestamp;
    await log.compact({ force: true });
    expect(left(log)).toEqual(['1 a null', '2 b 2', '3 c 3']);
    expect(log.readRecord(2)!.timestamp).toBe(stamp);
    clock.advance(999);
    await log.compact({ force: true });
    expect(left(log)).toEqual(['1 a null', '2 b 2', '3 c 3']);
    clock.advance(1);
    await log.compact({ force: true });
    expect(left(log)).toEqual(['2 b 2', '3 c 3']);
    expect(log.readRecord(2)!.timestamp).toBe(stamp);
    await log.close();
  });

  it('keeps the modification time of the last segment that a group was made of', async () => {
    const log = await open(fs);
    fill(log, 600, 30);
    const { baseOffset } = log.segments().at(-2)!;
    const path = (base: number) => join(DIRECTORY, `${String(base).padStart(20, '0')}.log`);
    fs.setModifiedTime(path(baseOffset), 1_600_000_000_000);
    expect(await log.compact()).toMatchObject({ segmentsAfter: 1 });
    expect(fs.stat(path(0))!.modifiedMs).toBe(1_600_000_000_000);
    await log.close();
  });

  it('is stopped by a truncation, by closing and by its signal, leaving nothing behind', async () => {
    const log = await open(fs);
    fill(log, 3000, 100);
    const before = left(log);
    const stop = new AbortController();
    const stopped = expect(log.compact({ signal: stop.signal })).rejects.toMatchObject({
      code: 'ABORTED',
      retriable: true,
    });
    await new Promise(setImmediate);
    stop.abort();
    await stopped;
    expect(left(log)).toEqual(before);
    const truncated = expect(log.compact()).rejects.toMatchObject({ code: 'ABORTED' });
    await new Promise(setImmediate);
    await log.truncateTo(1500);
    await truncated;
    expect(log.logEndOffset).toBe(1500);
    expect(leftovers()).toEqual([]);
    const closed = expect(log.compact()).rejects.toMatchObject({ code: 'ABORTED' });
    await new Promise(setImmediate);
    await log.close();
    await closed;
    expect(leftovers()).toEqual([]);
  });

  it('forgets what it knew as clean when that is truncated', async () => {
    const log = await open(fs);
    fill(log, 3000, 100);
    const { endOffset } = await log.compact();
    await log.truncateTo(endOffset - 5);
    expect(log.firstDirtyOffset).toBe(endOffset - 5);
    await log.truncateFullyAndStartAt(7);
    expect(log.firstDirtyOffset).toBe(7);
    await log.close();
  });

  it('rewrites nothing of a log with a damaged batch', async () => {
    const log = await open(fs);
    fill(log, 3000, 100);
    await log.close();
    const path = join(DIRECTORY, '00000000000000000000.log');
    const bytes = fs.readFile(path, { maxBytes: 1e6 });
    bytes[5000]! ^= 1;
    await fs.writeFile(path, bytes);
    const damaged = await open(fs);
    const before = damaged.sizeBytes;
    await expect(damaged.compact()).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
    expect(damaged.sizeBytes).toBe(before);
    expect(damaged.poisoned).toBeNull();
    await damaged.close();
  });

  it('gives up on a full disk and loses nothing, and can be run again', async () => {
    const log = await open(fs);
    fill(log, 3000, 100);
    const { baseOffset: end } = log.segments().at(-1)!;
    const fault = fs.faults.plant({ operation: 'commit', path: /\.cleaned$/, errno: 'ENOSPC' });
    await expect(log.compact()).rejects.toMatchObject({ code: 'DISK_FULL' });
    fault.clear();
    expect(log.firstDirtyOffset).toBe(0);
    expect(left(log)).toEqual(expect.arrayContaining(survivors(3000, 100, end)));
    expect(leftovers()).toEqual([]);
    expect((await log.compact({ force: true })).compacted).toBe(true);
    expect(left(log)).toEqual(survivors(3000, 100, end));
    await log.close();
  });

  it('poisons the log when it fails between two renames; the next open completes the swap', async () => {
    const log = await open(fs);
    fill(log, 3000, 100);
    const { baseOffset: end } = log.segments().at(-1)!;
    fs.faults.plant({ operation: 'rename', path: /\.log$/, nth: 2, errno: 'EIO' });
    await expect(log.compact()).rejects.toMatchObject({ code: 'LOG_POISONED' });
    expect(() => log.append([{ key: 'k', value: 'v' }])).toThrow('refuses writes');
    await log.close();
    const again = await open(fs);
    await again.compact({ force: true });
    expect(left(again)).toEqual(survivors(3000, 100, end));
    await again.close();
  });
});

describe('compaction crashed at every step', () => {
  it('leaves a log that opens with every latest record', { timeout: 60_000 }, async () => {
    const workload = async (fs: SimulatedFileSystem) => {
      const log = await open(fs);
      fill(log, 800, 40);
      await log.flush();
      await log.compact();
      await log.close();
    };
    const rehearsal = new SimulatedFileSystem({ seed: 3 });
    const log = await open(rehearsal);
    fill(log, 800, 40);
    await log.flush();
    const firstStep = rehearsal.steps;
    const { baseOffset: end } = log.segments().at(-1)!;
    await log.compact();
    const lastStep = rehearsal.steps;
    await log.close();
    expect(lastStep - firstStep).toBeGreaterThan(40);
    for (let step = firstStep; step <= lastStep; step += 1) {
      const fs = new SimulatedFileSystem({ seed: 3, faults: { crashAtStep: step } });
      await workload(fs).catch((error: unknown) => {
        if (fs.down === null) throw error;
      });
      for (let fate = 0; fate < 5; fate += 1) {
        const after = fate === 0 ? fs.kill() : fs.powerFail();
        const again = await open(after);
        const found = left(again);
        const found0 = new Set(found);
        expect(found0.size).toBe(found.length);
        for (const record of survivors(800, 40, end)) {
          if (!found0.has(record)) expect.fail(`step ${step}, fate ${fate}: ${record} is gone`);
        }
        await again.compact({ force: true });
        expect(left(again)).toEqual(survivors(800, 40, again.firstDirtyOffset));
        await again.close();
      }
    }
  });
});

describe.each(['mmap', 'portable'] as const)('compaction on real files, %s', (kind) => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'varve-cleaner-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('goes on beside appends and readers, whose views stay as they are', async () => {
    const fs = openFileSystem({ kind });
    const directory = join(root, 'table-0');
    const config = { ...SMALL, 'internal.segment.bytes': 256 * 1024 };
    const log = await PartitionLog.open({ directory, fs, config });
    fill(log, 20_000, 300);
    const { baseOffset: end } = log.segments().at(-1)!;
    const early = log.read(0).bytes;
    const copy = Buffer.from(early);
    const compaction = log.compact({ sliceMs: 0.2 });
    let done = false;
    void compaction.finally(() => {
      done = true;
    });
    let appended = 0;
    let position = 0;
    let seen = 0;
    while (!done) {
      log.append([{ key: `key-${appended % 300}`, value: `value-${log.logEndOffset}` }]);
      appended += 1;
      const { nextOffset } = log.read(position, { maxBytes: 2000 });
      expect(nextOffset).toBeGreaterThan(position);
      position = nextOffset >= end ? 0 : nextOffset;
      seen += 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const report = await compaction;
    expect(seen).toBeGreaterThan(5);
    expect(report.recordsAfter).toBe(300);
    expect(early.equals(copy)).toBe(true);
    expect(left(log).slice(0, 300)).toEqual(survivors(20_000, 300, end).slice(0, 300));
    expect(left(log).length).toBe(300 + 20_000 - end + appended);
    await log.close();
    const again = await PartitionLog.open({ directory, fs, config });
    expect(again.recovery.wasClean).toBe(true);
    expect(left(again).length).toBe(300 + 20_000 - end + appended);
    await again.close();
    expect(fs.usage().openFiles).toBe(0);
  });
});
