import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRecords } from '../format/batch-reader.js';
import { PartitionLog } from './partition-log.js';

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'varve-log-')), 'events-0');
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

const SMALL = { 'internal.segment.bytes': 4096, 'index.interval.bytes': 256 };

function all(log: PartitionLog): { offset: number; value: string }[] {
  const found: { offset: number; value: string }[] = [];
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const read = log.read(offset, { maxBytes: 1000 });
    const view = new DataView(read.bytes.buffer, read.bytes.byteOffset, read.bytes.length);
    for (let at = 0; at < read.bytes.length; at += 12 + view.getInt32(at + 8)) {
      for (const record of readRecords(read.bytes, at)) {
        if (record.offset < offset) continue;
        found.push({ offset: record.offset, value: Buffer.from(record.value!).toString() });
      }
    }
    expect(read.nextOffset).toBeGreaterThan(offset);
    offset = read.nextOffset;
  }
  return found;
}

async function fill(log: PartitionLog, count: number): Promise<void> {
  for (let i = log.logEndOffset; i < count; i += 1)
    log.append([{ key: `k${i}`, value: `value-${i}` }]);
  await log.flush();
}

const expected = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ offset: from + i, value: `value-${from + i}` }));

describe('PartitionLog', () => {
  it('gives back what was appended, over many segments, and after reopening', async () => {
    const log = await PartitionLog.open({ directory, config: SMALL });
    await fill(log, 500);
    expect(log.segmentCount).toBeGreaterThan(5);
    expect(all(log)).toEqual(expected(0, 500));
    await log.close();
    const again = await PartitionLog.open({ directory, config: SMALL });
    expect(again.recovery.wasClean).toBe(true);
    expect(again.logEndOffset).toBe(500);
    expect(all(again)).toEqual(expected(0, 500));
    await fill(again, 600);
    expect(all(again)).toEqual(expected(0, 600));
    await again.close();
  });

  it('starts reading inside a batch, an index interval and a segment', async () => {
    const log = await PartitionLog.open({ directory, config: SMALL });
    await fill(log, 300);
    for (const offset of [0, 1, 57, 150, 299]) {
      const record = log.readRecord(offset);
      expect(record?.offset).toBe(offset);
      expect(Buffer.from(record!.value!).toString()).toBe(`value-${offset}`);
    }
    expect(log.readRecord(300)).toBe(null);
    expect(() => log.readRecord(301)).toThrow(/outside/);
    await log.close();
  });

  it('truncates in the middle of the log and goes on', async () => {
    const log = await PartitionLog.open({ directory, config: SMALL });
    await fill(log, 300);
    await log.truncateTo(123);
    expect(log.logEndOffset).toBe(123);
    expect(all(log)).toEqual(expected(0, 123));
    await fill(log, 200);
    expect(all(log)).toEqual(expected(0, 200));
    await log.close();
    const again = await PartitionLog.open({ directory, config: SMALL });
    expect(all(again)).toEqual(expected(0, 200));
    await again.close();
  });

  it('deletes records before an offset and keeps the start over a restart', async () => {
    const log = await PartitionLog.open({ directory, config: SMALL });
    await fill(log, 300);
    await log.deleteRecordsBefore(140);
    expect(log.logStartOffset).toBe(140);
    expect(all(log)).toEqual(expected(140, 300));
    expect(() => log.read(139)).toThrow(/outside/);
    await log.close();
    const again = await PartitionLog.open({ directory, config: SMALL });
    expect(again.logStartOffset).toBe(140);
    expect(all(again)).toEqual(expected(140, 300));
    await again.close();
  });

  it('finds records by timestamp', async () => {
    const log = await PartitionLog.open({ directory, config: SMALL });
    for (let i = 0; i < 300; i += 1)
      log.append([{ value: `value-${i}`, timestamp: 1000 + i * 10 }]);
    expect(log.findByTimestamp(0)?.offset).toBe(0);
    expect(log.findByTimestamp(1000 + 995)?.offset).toBe(100);
    expect(log.findByTimestamp(1000 + 2990)?.offset).toBe(299);
    expect(log.findByTimestamp(1000 + 2991)).toBe(null);
    await log.close();
  });

  it('recovers a directory that was not closed', async () => {
    const log = await PartitionLog.open({ directory, config: SMALL });
    await fill(log, 300);
    await log.close();
    rmSync(join(directory, '.kafka_cleanshutdown'));
    for (const name of readdirSync(directory)) {
      if (name.endsWith('index')) rmSync(join(directory, name));
    }
    const again = await PartitionLog.open({ directory, config: SMALL });
    expect(again.recovery.wasClean).toBe(false);
    expect(all(again)).toEqual(expected(0, 300));
    await again.close();
  });

  it('recognises a duplicate of an idempotent producer', async () => {
    const log = await PartitionLog.open({ directory });
    const options = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    const first = log.append([{ value: 'a' }, { value: 'b' }], options);
    expect(first.isDuplicate).toBe(false);
    const second = log.append([{ value: 'a' }, { value: 'b' }], options);
    expect(second).toMatchObject({ isDuplicate: true, baseOffset: 0, lastOffset: 1 });
    expect(log.logEndOffset).toBe(2);
    expect(() => log.append([{ value: 'z' }], { ...options, baseSequence: 9 })).toThrow(
      /sequence/i,
    );
    await log.close();
    const again = await PartitionLog.open({ directory });
    expect(again.append([{ value: 'a' }, { value: 'b' }], options).isDuplicate).toBe(true);
    await again.close();
  });
});

describe('what checkpoints say', () => {
  it('a start beyond the end of a log that was closed cleanly is refused, and nothing is deleted', async () => {
    const log = await PartitionLog.open({ directory, config: SMALL });
    await fill(log, 100);
    await log.close();
    writeFileSync(join(directory, 'log-start-offset-checkpoint'), '0\n1\nevents 0 5555\n');
    for (const _attempt of ['first', 'second']) {
      await expect(PartitionLog.open({ directory, config: SMALL })).rejects.toMatchObject({
        code: 'CORRUPT_CHECKPOINT',
        details: { logStartOffset: 5555, logEndOffset: 100 },
      });
    }
    writeFileSync(join(directory, 'log-start-offset-checkpoint'), '0\n1\nevents 0 5\n');
    const again = await PartitionLog.open({ directory, config: SMALL });
    expect([again.logStartOffset, again.logEndOffset]).toEqual([5, 100]);
    await again.close();
  });

  it('a partition of a closed data directory keeps its start when it is opened on its own', async () => {
    const log = await PartitionLog.open({ directory, config: SMALL });
    await fill(log, 100);
    await log.deleteRecordsBefore(50);
    await log.close();
    for (const name of ['log-start-offset-checkpoint', 'recovery-point-offset-checkpoint']) {
      renameSync(join(directory, name), join(directory, '..', name));
    }
    const again = await PartitionLog.open({ directory, config: SMALL });
    expect([again.logStartOffset, again.logEndOffset]).toEqual([50, 100]);
    await again.close();
  });

  it('gaps between segments are kept where no recovery point says that they are new', async () => {
    const log = await PartitionLog.open({
      directory,
      config: { ...SMALL, 'cleanup.policy': 'compact' },
    });
    for (let i = 0; i < 300; i += 1) log.append([{ key: `k${i % 3}`, value: `value-${i}` }]);
    log.roll();
    await log.compact({ force: true });
    const records = [...log.records()].map(({ offset }) => offset);
    await log.close();
    rmSync(join(directory, '.kafka_cleanshutdown'));
    rmSync(join(directory, 'recovery-point-offset-checkpoint'));
    const again = await PartitionLog.open({ directory, config: SMALL });
    expect([...again.records()].map(({ offset }) => offset)).toEqual(records);
    expect(again.logEndOffset).toBe(300);
    await again.close();
  });
});
