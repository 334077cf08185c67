import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataDirectory } from './data-directory.js';
import type { DataDirectoryEvent } from './events.js';

let directory: string;
const events: DataDirectoryEvent[] = [];
const opened: DataDirectory[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-topics-'));
  events.length = 0;
});
afterEach(async () => {
  for (const data of opened.splice(0)) await data.close().catch(() => undefined);
  rmSync(directory, { recursive: true, force: true });
});

async function open(options: Partial<Parameters<typeof DataDirectory.open>[0]> = {}) {
  const data = await DataDirectory.open({
    directory,
    onEvent: (event) => events.push(event),
    ...options,
  });
  opened.push(data);
  return data;
}

const kinds = () => events.map(({ kind }) => kind).filter((kind) => kind !== 'log');

describe('DataDirectory', () => {
  it('keeps topics, settings, ids and records over a clean close', async () => {
    const data = await open();
    const { id } = await data.createTopic('orders', {
      partitions: 3,
      config: { retentionMs: 1000, 'segment.bytes': 2 ** 20 },
    });
    await data.createTopic('users.eu');
    for (let p = 0; p < 3; p += 1) data.partition('orders', p).append([{ value: `v${p}` }]);
    expect(data.listTopics()).toEqual(['orders', 'users.eu']);
    await data.close();
    expect(readdirSync(directory).sort()).toEqual([
      '.kafka_cleanshutdown',
      '.lock',
      'cleaner-offset-checkpoint',
      'log-start-offset-checkpoint',
      'meta.properties',
      'orders-0',
      'orders-1',
      'orders-2',
      'recovery-point-offset-checkpoint',
      'users.eu-0',
      'varve-topics',
    ]);
    const again = await open();
    expect(again.wasClean).toBe(true);
    expect(existsSync(join(directory, '.kafka_cleanshutdown'))).toBe(false);
    expect(kinds()).toEqual([]);
    expect(again.identity).toEqual(data.identity);
    const described = again.describeTopic('orders');
    expect(described.id).toBe(id);
    expect(described.overrides).toEqual({ 'retention.ms': '1000', 'segment.bytes': '1048576' });
    expect(described.config.retentionMs).toBe(1000);
    for (let p = 0; p < 3; p += 1) {
      const record = again.partition('orders', p).readRecord(0);
      expect(Buffer.from(record!.value!).toString()).toBe(`v${p}`);
    }
    await again.close();
  });

  it('refuses names and numbers that break a rule', async () => {
    const data = await open();
    await data.createTopic('a.b', { partitions: 2 });
    await expect(data.createTopic('a.b')).rejects.toMatchObject({ code: 'TOPIC_ALREADY_EXISTS' });
    await expect(data.createTopic('a_b')).rejects.toMatchObject({ code: 'INVALID_TOPIC' });
    await expect(data.createTopic('..')).rejects.toMatchObject({ code: 'INVALID_TOPIC' });
    await expect(data.createTopic('__cluster_metadata')).rejects.toMatchObject({
      code: 'INVALID_TOPIC',
    });
    for (const partitions of [0, -1, 1.5, Number.NaN, 100_001]) {
      await expect(data.createTopic('c', { partitions })).rejects.toMatchObject({
        code: 'INVALID_PARTITIONS',
      });
    }
    await expect(data.createTopic('c', { config: { retentionMs: -5 } })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
    });
    await expect(data.addPartitions('a.b', 1)).rejects.toThrow(/never taken away/);
    await expect(data.addPartitions('a.b', 2)).rejects.toMatchObject({
      code: 'INVALID_PARTITIONS',
    });
    await expect(data.deleteTopic('none')).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
    expect(() => data.partition('a.b', 2)).toThrow(/partitions 0 to 1/);
    expect(data.listTopics()).toEqual(['a.b']);
  });

  it('adds partitions, which are there after reopening', async () => {
    const data = await open();
    await data.createTopic('t');
    await data.addPartitions('t', 4);
    expect(data.partitionCount('t')).toBe(4);
    data.partition('t', 3).append([{ value: 'x' }]);
    await data.close();
    const again = await open();
    expect(again.partitionCount('t')).toBe(4);
    expect(again.partition('t', 3).logEndOffset).toBe(1);
  });

  it('deletes a topic: files go, its views and a new topic of the name stay', async () => {
    const data = await open();
    const { id } = await data.createTopic('t', { partitions: 2 });
    const log = data.partition('t', 0);
    log.append([{ value: 'old' }, { value: 'older' }]);
    const { bytes } = log.read(0);
    const before = Buffer.from(bytes);
    await data.deleteTopic('t');
    expect(() => data.partition('t', 0)).toThrow(/no topic/);
    expect(() => log.append([{ value: 'x' }])).toThrow(/closed/);
    const made = await data.createTopic('t');
    expect(made.id).not.toBe(id);
    expect(data.partition('t', 0).logEndOffset).toBe(0);
    expect(Buffer.from(bytes)).toEqual(before);
    await data.close();
    await open();
    await expect
      .poll(() => readdirSync(directory).filter((n) => n.endsWith('-delete')))
      .toEqual([]);
  });
});
