import fs, { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RawClient } from '../testing/raw-client.js';
import { WireClient } from '../wire/index.js';
import { Broker, type BrokerOptions } from './local-broker.js';

const A = { topic: 'a', partition: 0 };
const open: { close(): unknown }[] = [];
let directory: string;
let temporary: string;
const { TMPDIR } = process.env;

async function start(options: BrokerOptions = {}): Promise<{ broker: Broker; client: RawClient }> {
  const broker = await Broker.start(options);
  const client = new RawClient([broker.address]);
  open.push(client, broker);
  return { broker, client };
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-local-broker-'));
  temporary = mkdtempSync(join(tmpdir(), 'varve-local-broker-tmp-'));
  process.env.TMPDIR = temporary;
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  for (const path of [directory, temporary]) rmSync(path, { recursive: true, force: true });
});

const handles = () =>
  process.getActiveResourcesInfo().filter((name) => /TCP|Timeout|Pipe/.test(name)).length;

describe('Broker', () => {
  it('serves a client: topics, records in, records out', async () => {
    const { broker, client } = await start();
    expect(broker.address).toBe(`127.0.0.1:${broker.port}`);
    await client.createTopic('a', 2, 1);
    expect(await client.produce(A, ['one', 'two'])).toBe(0);
    expect(await client.produce(A, ['three'], { acks: 1 })).toBe(2);
    expect(await client.consume(A)).toEqual(['one', 'two', 'three']);
    expect(await client.consume({ topic: 'a', partition: 1 })).toEqual([]);
  });

  it('makes a topic that a client asks for, with the defaults it was given', async () => {
    const { broker, client } = await start({ config: { 'num.partitions': 3 } });
    await client.produce({ topic: 'auto', partition: 2 }, ['x']);
    expect(broker.controller.image.topics.get('auto')?.partitions).toHaveLength(3);
  });

  it('goes on where it was with a directory of its own', async () => {
    const first = await start({ directory });
    await first.client.produce(A, ['one', 'two']);
    const { topicId } = first.broker.controller.image.topics.get('a')!;
    first.client.close();
    await first.broker.close();
    const { broker, client } = await start({ directory });
    expect(broker.controller.image.topics.get('a')?.topicId).toBe(topicId);
    expect(await client.consume(A)).toEqual(['one', 'two']);
    expect(await client.produce(A, ['three'])).toBe(2);
  });

  it('syncs what it was given a directory for, and nothing that is deleted when it closes', async () => {
    const syncs = vi.spyOn(fs, 'fdatasync');
    try {
      const temporary = await start();
      await temporary.client.produce(A, ['x'], { acks: -1 });
      await temporary.broker.close();
      expect(syncs).not.toHaveBeenCalled();
      const kept = await start({ directory });
      await kept.client.produce(A, ['x'], { acks: -1 });
      await kept.broker.close();
      expect(syncs).toHaveBeenCalled();
    } finally {
      syncs.mockRestore();
    }
  });

  it('leaves neither files nor handles', async () => {
    const before = handles();
    const { broker, client } = await start();
    await client.produce(A, ['x']);
    expect(existsSync(broker.directory)).toBe(true);
    client.close();
    await broker.close();
    await broker.close();
    expect(existsSync(broker.directory)).toBe(false);
    await new Promise((resolve) => setImmediate(resolve));
    expect(handles()).toBeLessThanOrEqual(before);
  });

  it('many run at once, each on its own', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => start()));
    expect(new Set(all.map(({ broker }) => broker.port)).size).toBe(8);
    await Promise.all(all.map(({ client }, i) => client.produce(A, [`from ${i}`])));
    const seen = await Promise.all(all.map(({ client }) => client.consume(A)));
    expect(seen).toEqual(all.map((_, i) => [`from ${i}`]));
  });

  it('a client that waits for records does not hold up closing', async () => {
    const { broker, client } = await start();
    await client.produce(A, ['x']);
    const { host, port } = broker;
    const reader = new WireClient({ host, port });
    open.push(reader);
    const partitions = [{ partition: 0, fetchOffset: 1, partitionMaxBytes: 1024 }];
    const waiting = reader.request('Fetch', 12, {
      maxWaitMs: 30_000,
      minBytes: 1,
      maxBytes: 1024,
      topics: [{ topic: 'a', partitions }],
    });
    const answered = waiting.then(
      () => 'answered',
      () => 'closed',
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    const startMs = performance.now();
    await broker.close();
    expect(performance.now() - startMs).toBeLessThan(2_000);
    expect(['answered', 'closed']).toContain(await answered);
  });

  it('refuses a port that is taken, a directory in use and bad settings, and leaves nothing', async () => {
    const { broker } = await start({ directory });
    await expect(Broker.start({ port: broker.port })).rejects.toMatchObject({
      code: 'NETWORK_EXCEPTION',
    });
    await expect(Broker.start({ directory })).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
    await expect(Broker.start({ config: { 'num.partitions': 0 } })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
    });
    await expect(Broker.start({ host: '0.0.0.0' })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining('allowInsecure'),
    });
    expect(readdirSync(temporary)).toEqual([]);
  });
});
