import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Store } from './store.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-store-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

it('a newcomer sends and reads back, over a restart', async () => {
  const store = await Store.open({ directory });
  await store.createTopic('events', { partitions: 3 });
  const producer = store.producer();
  await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      producer.send({ topic: 'events', key: `user-${i % 10}`, value: `${i}` }),
    ),
  );
  await store.close();

  const again = await Store.open({ directory });
  expect(again.wasClean).toBe(true);
  const consumer = again.consumer();
  consumer.assignTopics('events');
  const seen = new Map<string, number[]>();
  for (let count = 0; count < 100; ) {
    for (const record of await consumer.poll({ timeoutMs: 1000 })) {
      const key = Buffer.from(record.key!).toString();
      seen.set(key, [...(seen.get(key) ?? []), Number(Buffer.from(record.value!))]);
      count += 1;
    }
  }
  // Order holds within a key, which stays in one partition.
  for (const [key, values] of seen) {
    const first = Number(key.slice('user-'.length));
    expect(values).toEqual(Array.from({ length: 10 }, (_, i) => first + i * 10));
  }
  await again.close();
});

it('closing the store ends its consumers and refuses its producers', async () => {
  const store = await Store.open({ directory });
  await store.createTopic('events');
  const producer = store.producer();
  const consumer = store.consumer();
  consumer.assignTopics('events');
  const iteration = (async () => {
    for await (const _record of consumer) throw new Error('nothing was sent');
  })();
  await store.close();
  await iteration;
  await expect(producer.send({ topic: 'events', value: 'x' })).rejects.toMatchObject({
    code: 'CLOSED',
  });
});

it('a consumer follows into partitions added later when it is assigned them', async () => {
  const store = await Store.open({ directory });
  await store.createTopic('events');
  const consumer = store.consumer();
  consumer.assignTopics('events');
  await store.addPartitions('events', 2);
  consumer.assignTopics('events');
  await store.producer().send({ topic: 'events', partition: 1, value: 'late' });
  const [record] = await consumer.poll({ timeoutMs: 1000 });
  expect(record).toMatchObject({ partition: 1, offset: 0 });
  await store.close();
});
