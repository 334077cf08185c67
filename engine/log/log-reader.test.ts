import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFileSystem } from '../io/index.js';
import { PartitionLog } from './partition-log.js';

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'varve-reader-')), 'events-0');
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

const LOG = '00000000000000000000.log';
const DAMAGED = 5;

/** Three hundred batches of one record, closed cleanly; then batch DAMAGED gets another length field. */
async function damagedLog(length: number): Promise<PartitionLog> {
  const log = await PartitionLog.open({ directory });
  for (let i = 0; i < 300; i += 1) {
    log.append([{ value: `${'v'.repeat(30)}${i}`, timestamp: 1000 + i }]);
  }
  await log.close();
  const path = join(directory, LOG);
  const bytes = readFileSync(path);
  let at = 0;
  for (let i = 0; i < DAMAGED; i += 1) at += 12 + bytes.readInt32BE(at + 8);
  bytes.writeInt32BE(length, at + 8);
  writeFileSync(path, bytes);
  const again = await PartitionLog.open({ directory });
  // Whatever the damage, it lies before the last index entry, where a clean open does not look.
  expect(again.logEndOffset).toBe(300);
  return again;
}

describe.each([-12, -100, 0, 5, 2 ** 31 - 1])('a batch whose length field says %d', (length) => {
  it('ends a read before it, and fails the read that begins there', async () => {
    const log = await damagedLog(length);
    const read = log.read(0);
    expect(read.nextOffset).toBe(DAMAGED);
    expect(() => log.read(DAMAGED)).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }));
    await log.close();
  });

  it('is met after the records before it', async () => {
    const log = await damagedLog(length);
    const seen: number[] = [];
    expect(() => {
      for (const { offset } of log.records()) seen.push(offset);
    }).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }));
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    await log.close();
  });

  it('leaves the records behind it within reach, in a sealed segment too', async () => {
    const log = await damagedLog(length);
    log.roll();
    log.append([{ value: 'in the next segment' }]);
    expect(log.read(250).nextOffset).toBe(300);
    expect(() => log.read(DAMAGED)).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }));
    expect(log.read(250).nextOffset).toBe(300);
    await log.close();
  });

  it('fails a search by time that comes past it', async () => {
    const log = await damagedLog(length);
    expect(log.findByTimestamp(1003)).toMatchObject({ offset: 3 });
    expect(() => log.findByTimestamp(1010)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_MESSAGE' }),
    );
    await log.close();
  });
});

describe('reading one record', () => {
  it('keeps nothing mapped that the caller has let go', async () => {
    const fs = openFileSystem();
    const log = await PartitionLog.open({ directory, fs });
    for (let i = 0; i < 200; i += 1) log.append([{ value: 'v'.repeat(5000), timestamp: 1000 + i }]);
    await log.close();
    const again = await PartitionLog.open({ directory, fs });
    expect(again.readRecord(3)?.offset).toBe(3);
    expect(again.findByTimestamp(1003)?.offset).toBe(3);
    await again.close();
    const deadline = performance.now() + 5000;
    while (fs.usage().mappings > 0 && performance.now() < deadline) {
      globalThis.gc!();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(fs.usage().mappings).toBe(0);
  });
});
