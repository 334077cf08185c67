import { describe, expect, it } from 'vitest';
import { sizeInBytes } from '../format/batch-header.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import type { RecordInput } from '../types.js';
import { PartitionLog } from './partition-log.js';

const DIRECTORY = '/data/events-0';

async function openLog(
  config: Record<string, string | number> = {},
  fs = new SimulatedFileSystem({ seed: 1 }),
): Promise<{ log: PartitionLog; fs: SimulatedFileSystem }> {
  return { log: await PartitionLog.open({ directory: DIRECTORY, fs, config }), fs };
}

function values(log: PartitionLog): string[] {
  return [...log.records()].map(({ value }) => Buffer.from(value!).toString());
}

function batchCount(log: PartitionLog): number {
  const { bytes } = log.read(log.logStartOffset, { maxBytes: 1 << 20 });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let count = 0;
  for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) count += 1;
  return count;
}

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `value-${i}`);

describe('small durable appends of one turn', () => {
  it('share a batch: each gets its own offsets, in the order of the calls', async () => {
    const { log, fs } = await openLog();
    const results = await Promise.all([
      log.appendDurable([{ value: 'a' }]),
      log.appendDurable([{ value: 'b' }, { value: 'c' }]),
      log.appendDurable([{ value: 'd' }]),
    ]);
    expect(results.map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset])).toEqual([
      [0, 0],
      [1, 2],
      [3, 3],
    ]);
    expect(batchCount(log)).toBe(1);
    expect(log.recoveryPoint).toBe(4);
    const after = await PartitionLog.open({ directory: DIRECTORY, fs: fs.powerFail() });
    expect(values(after)).toEqual(['a', 'b', 'c', 'd']);
    await after.close();
  });

  it('keep their own timestamps, keys and headers', async () => {
    const { log } = await openLog();
    const records: RecordInput[] = [
      { key: 'k', value: 'a', timestamp: 2_000 },
      { value: null, timestamp: 1_000, headers: [{ key: 'h', value: 'v' }] },
      { value: 'c', timestamp: 3_000 },
    ];
    await Promise.all(records.map((record) => log.appendDurable([record])));
    const found = [...log.records()];
    expect(found.map(({ timestamp }) => timestamp)).toEqual([2_000, 1_000, 3_000]);
    expect(Buffer.from(found[0]!.key!).toString()).toBe('k');
    expect(found[1]!.value).toBeNull();
    expect(found[1]!.headers).toHaveLength(1);
    expect(log.findByTimestamp(2_500)?.offset).toBe(2);
    await log.close();
  });

  it('are seen at once by whoever looks at the log', async () => {
    const { log } = await openLog();
    const first = log.appendDurable([{ value: 'a' }]);
    expect(log.logEndOffset).toBe(1);
    const second = log.appendDurable([{ value: 'b' }]);
    expect(values(log)).toEqual(['a', 'b']);
    expect((await first).baseOffset).toBe(0);
    expect((await second).baseOffset).toBe(1);
    await log.close();
  });

  it('stay in order with other appends', async () => {
    const { log } = await openLog();
    const pending = [log.appendDurable([{ value: 'a' }])];
    expect(log.append([{ value: 'b' }]).baseOffset).toBe(1);
    pending.push(log.appendDurable([{ value: 'c' }]));
    pending.push(log.appendDurable([{ value: 'd' }], { compression: 'gzip' }));
    pending.push(log.appendDurable([{ value: 'e'.repeat(5000) }]));
    pending.push(log.appendDurable([{ value: 'f' }]));
    const results = await Promise.all(pending);
    expect(results.map(({ baseOffset }) => baseOffset)).toEqual([0, 2, 3, 4, 5]);
    expect(values(log).map((value) => value[0])).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    await log.close();
  });

  it('do not fail for each other', async () => {
    const { log } = await openLog();
    const results = await Promise.allSettled([
      log.appendDurable([{ value: 'a' }]),
      log.appendDurable([{ value: 7 } as unknown as RecordInput]),
      log.appendDurable([{ value: 'b' }, { value: 'b', timestamp: 0.5 }]),
      log.appendDurable([]),
      log.appendDurable([{ value: 'c' }]),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect(results.slice(1, 4)).toMatchObject([
      { reason: { code: 'INVALID_RECORD' } },
      { reason: { code: 'INVALID_RECORD' } },
      { reason: { code: 'INVALID_ARGUMENT' } },
    ]);
    expect(values(log)).toEqual(['a', 'c']);
    await log.close();
  });

  it('leave the caller its bytes to change', async () => {
    const { log } = await openLog();
    const value = Buffer.from('first');
    const pending = log.appendDurable([{ value }]);
    value.fill('x');
    await pending;
    expect(values(log)).toEqual(['first']);
    await log.close();
  });

  it('start another batch above max.message.bytes, and roll segments', async () => {
    const { log } = await openLog({
      'max.message.bytes': 300,
      'internal.segment.bytes': 1000,
    });
    const all = names(200);
    const results = await Promise.all(all.map((value) => log.appendDurable([{ value }])));
    expect(results.map(({ baseOffset }) => baseOffset)).toEqual(all.map((_, i) => i));
    expect(values(log)).toEqual(all);
    expect(log.segmentCount).toBeGreaterThan(2);
    await log.close();
  });

  it('need keys where the topic is compacted', async () => {
    const { log } = await openLog({ 'cleanup.policy': 'compact' });
    await expect(log.appendDurable([{ value: 'a' }])).rejects.toMatchObject({
      code: 'INVALID_RECORD',
    });
    expect((await log.appendDurable([{ key: 'k', value: 'a' }])).baseOffset).toBe(0);
    await log.close();
  });

  it('carry the leader epoch they were made in', async () => {
    const { log } = await openLog();
    const first = log.appendDurable([{ value: 'a' }]);
    log.setLeaderEpoch(3);
    await Promise.all([first, log.appendDurable([{ value: 'b' }])]);
    expect(log.endOffsetForEpoch(0)).toEqual({ epoch: 0, endOffset: 1 });
    expect(log.endOffsetForEpoch(3)).toEqual({ epoch: 3, endOffset: 2 });
    await log.close();
  });

  it('are cut by a truncation that was asked for later, and kept by closing', async () => {
    const { log, fs } = await openLog();
    await log.appendDurable([{ value: 'kept' }]);
    const cut = Promise.all(names(3).map((value) => log.appendDurable([{ value }])));
    await log.truncateTo(1);
    await cut;
    expect(values(log)).toEqual(['kept']);
    const last = log.appendDurable([{ value: 'last' }]);
    await log.close();
    expect((await last).baseOffset).toBe(1);
    const again = await PartitionLog.open({ directory: DIRECTORY, fs });
    expect(values(again)).toEqual(['kept', 'last']);
    await again.close();
  });

  it('all fail with the write on a full disk, and the log goes on', async () => {
    const { log, fs } = await openLog(
      {},
      new SimulatedFileSystem({ seed: 2, reservationBytes: 0 }),
    );
    await log.appendDurable([{ value: 'kept' }]);
    fs.capacityBytes = fs.usedBytes + 50_000;
    const big = 'x'.repeat(3000);
    const group = () =>
      Promise.allSettled([big, big, big].map((value) => log.appendDurable([{ value }])));
    let end = log.logEndOffset;
    let results = await group();
    for (; results[0]!.status === 'fulfilled'; results = await group()) end = log.logEndOffset;
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'DISK_FULL' } });
    }
    expect(end).toBeGreaterThan(1);
    expect(log.logEndOffset).toBe(end);
    fs.capacityBytes = Number.MAX_SAFE_INTEGER;
    expect((await log.appendDurable([{ value: 'next' }])).baseOffset).toBe(end);
    expect(values(log).slice(end - 1)).toEqual([big, 'next']);
    await log.close();
  });

  it('all fail with the sync, which ends writing', async () => {
    const { log, fs } = await openLog();
    await log.appendDurable([{ value: 'kept' }]);
    fs.faults.plant({ operation: 'flush', nth: 1, errno: 'EIO' });
    const refused = await Promise.allSettled(
      names(3).map((value) => log.appendDurable([{ value }])),
    );
    for (const result of refused) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'LOG_POISONED' } });
    }
    await expect(log.appendDurable([{ value: 'x' }])).rejects.toMatchObject({
      code: 'LOG_POISONED',
    });
    await log.close();
  });
});
