import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogEvent } from './log-options.js';
import { PartitionLog } from './partition-log.js';

let directory: string;
beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), 'varve-loader-')), 'events-0');
  const log = await PartitionLog.open({ directory });
  for (let i = 0; i < 300; i += 1) log.append([{ value: `${'v'.repeat(30)}${i}`, timestamp: i }]);
  await log.close();
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

function change(file: string, edit: (bytes: Buffer) => void): void {
  const path = join(directory, `00000000000000000000.${file}`);
  const bytes = readFileSync(path);
  edit(bytes);
  writeFileSync(path, bytes);
}

describe('a clean open', () => {
  it('rebuilds the last segment’s index when its last entry points into a batch', async () => {
    change('index', (bytes) => {
      bytes.writeInt32BE(bytes.readInt32BE(bytes.length - 4) + 13, bytes.length - 4);
    });
    const events: LogEvent[] = [];
    const log = await PartitionLog.open({ directory, onEvent: (event) => events.push(event) });
    expect(events.map(({ kind }) => kind)).toEqual(['index-rebuilt']);
    expect(log.recovery.wasClean).toBe(true);
    expect(log.logEndOffset).toBe(300);
    expect([...log.records()]).toHaveLength(300);
    log.append([{ value: 'more' }]);
    expect(log.readRecord(300)?.offset).toBe(300);
    await log.close();
    const again = await PartitionLog.open({ directory });
    expect([...again.records()]).toHaveLength(301);
    await again.close();
  });

  it('fails when the log itself is damaged at its end', async () => {
    change('log', (bytes) => bytes.fill(0xff, bytes.length - 400));
    await expect(PartitionLog.open({ directory })).rejects.toMatchObject({
      code: 'CORRUPT_MESSAGE',
    });
  });
});
