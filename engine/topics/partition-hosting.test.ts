import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { randomUuid } from '../format/uuid.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { DataDirectory } from './data-directory.js';

let directory: string;
const opened: DataDirectory[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-hosting-'));
});
afterEach(async () => {
  for (const data of opened.splice(0)) await data.close().catch(() => undefined);
  rmSync(directory, { recursive: true, force: true });
});

async function open() {
  const data = await DataDirectory.open({ directory });
  opened.push(data);
  return data;
}
const held = (data: DataDirectory) =>
  [...data.hosted()].map(({ topic, partition }) => `${topic}-${partition}`).sort();

describe('hosted partitions', () => {
  it('keeps some partitions of a topic under the id it was given, over a restart', async () => {
    const topicId = randomUuid();
    const data = await open();
    const config = { 'retention.ms': '1000' };
    const hosted = [{ topic: 'orders', topicId, partitions: [2, 5], config }];
    expect(await data.hostPartitions(hosted)).toEqual([]);
    data.partition('orders', 5).append([{ value: 'a' }]);
    expect(() => data.partition('orders', 3)).toThrow(/no partition 3/);
    await data.close();
    const again = await open();
    expect(again.wasClean).toBe(true);
    expect([...again.hosted()]).toEqual([
      { topic: 'orders', topicId, partition: 2 },
      { topic: 'orders', topicId, partition: 5 },
    ]);
    expect(again.partition('orders', 5).logEndOffset).toBe(1);
    expect(again.partition('orders', 2).config.retentionMs).toBe(1000);
  });

  it('takes more partitions and other settings, and leaves what is there alone', async () => {
    const topicId = randomUuid();
    const data = await open();
    await data.hostPartitions([{ topic: 't', topicId, partitions: [1], config: {} }]);
    data.partition('t', 1).append([{ value: 'a' }]);
    const config = { 'max.message.bytes': '2000' };
    await data.hostPartitions([{ topic: 't', topicId, partitions: [0, 1], config }]);
    expect(held(data)).toEqual(['t-0', 't-1']);
    expect(data.partition('t', 1).logEndOffset).toBe(1);
    expect(data.partition('t', 1).config.maxMessageBytes).toBe(2000);
    await data.hostPartitions([{ topic: 't', topicId, partitions: [], config: {} }]);
    expect(data.partition('t', 0).config.maxMessageBytes).not.toBe(2000);
  });

  it('replaces a topic of the same name with another id', async () => {
    const data = await open();
    const first = { topic: 't', topicId: randomUuid(), partitions: [0, 1], config: {} };
    await data.hostPartitions([first]);
    data.partition('t', 0).append([{ value: 'old' }]);
    const second = { ...first, topicId: randomUuid(), partitions: [0] };
    await data.hostPartitions([second]);
    expect(held(data)).toEqual(['t-0']);
    expect(data.partition('t', 0).logEndOffset).toBe(0);
    expect([...data.hosted()][0]!.topicId).toBe(second.topicId);
  });

  it('gives partitions up, and the topic with its last one', async () => {
    const data = await open();
    const topicId = randomUuid();
    await data.hostPartitions([{ topic: 't', topicId, partitions: [0, 1, 4], config: {} }]);
    await data.dropPartitions([{ topic: 't', partitions: [1, 4, 9] }]);
    expect(held(data)).toEqual(['t-0']);
    await data.dropPartitions([
      { topic: 't', partitions: null },
      { topic: 'none', partitions: [0] },
    ]);
    expect(data.listTopics()).toEqual([]);
    await data.close();
    expect(
      readdirSync(directory).filter((name) => name.startsWith('t-') && !name.endsWith('-delete')),
    ).toEqual([]);
  });

  it('makes one thousand partitions in one request with one write of the catalog', async () => {
    const fs = new SimulatedFileSystem({ seed: 1 });
    const data = await DataDirectory.open({ directory: '/data', fs });
    const hosted = Array.from({ length: 100 }, (_, i) => ({
      topic: `t${i}`,
      topicId: randomUuid(),
      partitions: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      config: {},
    }));
    expect(await data.hostPartitions(hosted)).toEqual([]);
    expect(held(data)).toHaveLength(1000);
    await data.close();
  });

  it('sets a partition aside whose directory is taken, and makes the others', async () => {
    const fs = new SimulatedFileSystem({ seed: 1 });
    const data = await DataDirectory.open({ directory: '/data', fs });
    fs.makeDirectory('/data/t-1');
    const topicId = randomUuid();
    const failures = await data.hostPartitions([
      { topic: 't', topicId, partitions: [0, 1, 2], config: {} },
    ]);
    expect(failures).toMatchObject([
      { topic: 't', partition: 1, cause: { code: 'ALREADY_EXISTS' } },
    ]);
    expect(data.partition('t', 2).logEndOffset).toBe(0);
    expect(() => data.partition('t', 1)).toThrow(/set aside/);
    await data.close();
  });

  it.each([
    ['a name that leaves the directory', '../t', [0], 'INVALID_TOPIC'],
    ['the metadata log', '__cluster_metadata', [0], 'INVALID_TOPIC'],
    ['a negative number', 't', [-1], 'INVALID_PARTITIONS'],
    ['a number beyond the limit', 't', [100_000], 'INVALID_PARTITIONS'],
  ])('refuses %s', async (_, topic, partitions, code) => {
    const data = await open();
    const hosted = [{ topic, topicId: randomUuid(), partitions, config: {} }];
    await expect(data.hostPartitions(hosted)).rejects.toMatchObject({ code });
    expect(held(data)).toEqual([]);
  });

  it('keeps the high watermarks that replication set, and none that nobody set', async () => {
    const data = await open();
    const topicId = randomUuid();
    await data.hostPartitions([{ topic: 't', topicId, partitions: [0, 1], config: {} }]);
    for (const p of [0, 1]) data.partition('t', p).append([{ value: 'a' }, { value: 'b' }]);
    data.partition('t', 1).setHighWatermark(1);
    await data.close();
    const again = await open();
    expect(again.checkpointedHighWatermark('t', 0)).toBe(0);
    expect(again.checkpointedHighWatermark('t', 1)).toBe(1);
    await again.checkpoint();
    await again.close();
    const third = await open();
    expect(third.checkpointedHighWatermark('t', 1)).toBe(1);
  });
});
