import { cpSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BatchOptions, batchSizeBound, writeBatch } from '../format/batch-writer.js';
import { encodeControlRecordKey } from '../format/control-record.js';
import { openFileSystem } from '../io/index.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import type { RecordInput } from '../types.js';
import { PartitionLog } from './partition-log.js';
import { Segment } from './segment.js';

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'varve-append-')), 'events-0');
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

function batchOf(records: RecordInput[], options: Partial<BatchOptions> = {}): Buffer {
  const settings = Object.assign(new BatchOptions(), { now: Date.now(), leaderEpoch: 0 }, options);
  const bytes = Buffer.alloc(batchSizeBound(records, 0, records.length));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return bytes.subarray(0, writeBatch(bytes, view, 0, records, 0, records.length, settings));
}

/** What a kill now would leave. */
async function afterKill(log: PartitionLog): Promise<PartitionLog> {
  const copy = `${directory.slice(0, -2)}-1`;
  cpSync(log.directory, copy, { recursive: true });
  return PartitionLog.open({ directory: copy });
}

const offsets = (log: PartitionLog) => [...log.records()].map(({ offset }) => offset);

describe('a control batch whose record cannot be read', () => {
  const marker = { isControl: true, isTransactional: true, producerId: 7, producerEpoch: 0 };
  const short = Buffer.from([1]);

  it.each([
    ['replication', 'key', { key: short, value: Buffer.alloc(6) }, 1],
    ['replication', 'value', { key: encodeControlRecordKey('ABORT'), value: short }, 1],
    ['coordinator', 'key', { key: short, value: Buffer.alloc(6) }, 0],
  ] as const)(
    'is refused by %s for its %s and changes nothing',
    async (origin, _part, record, baseOffset) => {
      const log = await PartitionLog.open({ directory });
      log.append([{ value: 'before' }]);
      const { size } = statSync(join(directory, '00000000000000000000.log'));
      const bytes = batchOf([record], { ...marker, baseOffset });
      expect(() => log.appendBatches(bytes, { origin })).toThrow(
        expect.objectContaining({ code: 'CORRUPT_MESSAGE' }),
      );
      expect(statSync(join(directory, '00000000000000000000.log')).size).toBe(size);
      log.append([{ value: 'after' }]);
      await log.flush();
      const again = await afterKill(log);
      expect(offsets(again)).toEqual([0, 1]);
      await again.close();
      await log.close();
    },
  );
});

describe('offsets', () => {
  it('refuses batches at a time that no segment spans, and takes them one by one', async () => {
    const log = await PartitionLog.open({ directory });
    const near = batchOf([{ value: 'near' }], { baseOffset: 0 });
    const far = batchOf([{ value: 'far'.repeat(2000) }], { baseOffset: 2 ** 31 + 5 });
    const next = batchOf([{ value: 'next' }], { baseOffset: 2 ** 31 + 6 });
    const origin = 'replication';
    expect(() => log.appendBatches(Buffer.concat([near, far, next]), { origin })).toThrow(
      expect.objectContaining({ code: 'RECORD_LIST_TOO_LARGE' }),
    );
    expect(log.logEndOffset).toBe(0);
    for (const bytes of [near, far, next]) log.appendBatches(bytes, { origin });
    expect(offsets(log)).toEqual([0, 2 ** 31 + 5, 2 ** 31 + 6]);
    await log.close();
  });

  it('end where the log end is still a safe integer', async () => {
    const log = await PartitionLog.open({ directory });
    await log.truncateFullyAndStartAt(Number.MAX_SAFE_INTEGER - 1);
    log.append([{ value: 'last' }]);
    expect(log.logEndOffset).toBe(Number.MAX_SAFE_INTEGER);
    const refused = expect.objectContaining({ code: 'OFFSET_OUT_OF_RANGE' });
    expect(() => log.append([{ value: 'beyond' }])).toThrow(refused);
    expect(() => log.appendBatches(batchOf([{ value: 'beyond' }]))).toThrow(refused);
    await log.close();
    const again = await PartitionLog.open({ directory });
    expect(again.recovery.wasClean).toBe(true);
    expect(again.logEndOffset).toBe(Number.MAX_SAFE_INTEGER);
    await again.close();
  });
});

it('a gap where a segment rolls loses nothing that was flushed', async () => {
  const config = { 'internal.segment.bytes': 4096 };
  const log = await PartitionLog.open({ directory, config });
  const value = 'v'.repeat(3000);
  for (const baseOffset of [0, 100]) {
    log.appendBatches(batchOf([{ value }], { baseOffset }), { origin: 'replication' });
  }
  expect(log.segmentCount).toBe(2);
  await log.flush();
  const again = await afterKill(log);
  expect(offsets(again)).toEqual([0, 100]);
  await again.close();
  await log.close();
});

it('a client cannot make a log with LogAppendTime roll by the time it claims', async () => {
  const config = { 'message.timestamp.type': 'LogAppendTime' };
  const log = await PartitionLog.open({ directory, config });
  for (let i = 0; i < 10; i += 1) {
    log.appendBatches(batchOf([{ value: 'x', timestamp: Date.now() + 1e12 }]));
  }
  expect(log.segmentCount).toBe(1);
  await log.close();
});

it.each([
  [{ producerId: 5 }],
  [{ producerId: 5, producerEpoch: 0 }],
  [{ producerId: 5, baseSequence: 0 }],
  [{ producerId: -2, producerEpoch: 0, baseSequence: 0 }],
  [{ producerId: 1.5, producerEpoch: 0, baseSequence: 0 }],
  [{ producerId: Number.NaN, producerEpoch: 0, baseSequence: 0 }],
  [{ producerId: 5, producerEpoch: 2 ** 15, baseSequence: 0 }],
  [{ producerId: 5, producerEpoch: 0, baseSequence: 2 ** 31 }],
  [{ isTransactional: true }],
])('refuses a producer that no header holds: %o', async (options) => {
  const log = await PartitionLog.open({ directory });
  expect(() => log.append([{ value: 'x' }], options)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  );
  expect(log.logEndOffset).toBe(0);
  await log.close();
});

describe('reading on', () => {
  it('follow gives a batch whole once the high watermark has passed it', async () => {
    const log = await PartitionLog.open({ directory });
    log.append(Array.from({ length: 10 }, (_, i) => ({ value: `${i}` })));
    log.setHighWatermark(5);
    const seen: number[] = [];
    const following = (async () => {
      for await (const { offset } of log.follow({ to: 10 })) seen.push(offset);
    })();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([]);
    log.setHighWatermark(10);
    await following;
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await log.close();
  });

  it('a generator from before the close fails with CLOSED and opens nothing again', async () => {
    const fs = openFileSystem();
    const log = await PartitionLog.open({ directory, fs });
    for (let i = 0; i < 300; i += 1) log.append([{ value: `value-${i}` }]);
    const records = log.records({ maxBytes: 200 });
    expect(records.next().value?.offset).toBe(0);
    await log.close();
    expect(() => [...records]).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(() => log.cleanableRatio).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(fs.usage().openFiles).toBe(0);
  });
});

it('a file that cannot be closed keeps neither the others open nor the directory locked', async () => {
  const fs = new SimulatedFileSystem({ seed: 1 });
  const config = { 'internal.segment.bytes': 4096 };
  const log = await PartitionLog.open({ directory: '/d/t-0', fs, config });
  for (let i = 0; i < 100; i += 1) log.append([{ value: 'x'.repeat(100) }]);
  await log.flush();
  const close = vi.spyOn(Segment.prototype, 'close');
  close.mockRejectedValueOnce(new Error('the first one fails'));
  try {
    await expect(log.close()).rejects.toMatchObject({ code: 'LOG_POISONED' });
    expect(close.mock.calls.length).toBe(log.segmentCount);
  } finally {
    close.mockRestore();
  }
  const again = await PartitionLog.open({ directory: '/d/t-0', fs, config });
  expect(again.recovery.wasClean).toBe(false);
  expect(again.logEndOffset).toBe(100);
  await again.close();
});
