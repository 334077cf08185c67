import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VarveError } from '../errors.js';
import { openFileSystem } from '../io/index.js';
import { PartitionLog } from '../log/partition-log.js';
import { Consumer } from './consumer.js';
import type { PartitionSource } from './partition-source.js';
import { roundRobinPartitioner, stickyPartitioner } from './partitioner.js';
import { Producer } from './producer.js';

let root: string;
let logs: PartitionLog[];
let source: PartitionSource;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'varve-embedded-'));
  const fs = openFileSystem();
  logs = [];
  for (let i = 0; i < 3; i += 1) {
    logs.push(await PartitionLog.open({ directory: join(root, `t-${i}`), fs }));
  }
  source = {
    partitionCount(topic) {
      if (topic !== 't') throw new VarveError('UNKNOWN_TOPIC_OR_PARTITION', `no topic ${topic}`);
      return logs.length;
    },
    partition: (_topic, partition) => logs[partition]!,
  };
});

afterEach(async () => {
  for (const log of logs) await log.close();
  rmSync(root, { recursive: true, force: true });
});

const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString());

describe('Producer', () => {
  it('puts sends of one tick into one batch and gives each its offset', async () => {
    const producer = new Producer(source);
    const sent = await Promise.all(
      ['a', 'b', 'c'].map((value) => producer.send({ topic: 't', partition: 1, value })),
    );
    expect(sent.map(({ offset }) => offset)).toEqual([0, 1, 2]);
    const { bytes } = logs[1]!.read(0);
    expect(new DataView(bytes.buffer, bytes.byteOffset).getInt32(57)).toBe(3);
  });

  it('keeps a key in one partition, as Kafka does', async () => {
    const producer = new Producer(source);
    const sent = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        producer.send({ topic: 't', key: 'foobar', value: `${i}` }),
      ),
    );
    expect(new Set(sent.map(({ partition }) => partition)).size).toBe(1);
    // murmur2("foobar") = -790332482: a published vector.
    expect(sent[0]!.partition).toBe((-790332482 & 0x7fffffff) % 3);
    expect(sent.map(({ offset }) => offset)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it('round-robin deals keyless records over all partitions', async () => {
    const producer = new Producer(source, { partitioner: roundRobinPartitioner() });
    const sent = await Promise.all(
      Array.from({ length: 9 }, () => producer.send({ topic: 't', value: 'x' })),
    );
    expect(sent.map(({ partition }) => partition)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
  });

  it('sticky stays for a batch of bytes, then moves to another partition', () => {
    const partition = stickyPartitioner(() => 0.4);
    const record = { topic: 't', value: 'x'.repeat(10) };
    const chosen = Array.from({ length: 8 }, () => partition(record, 3, 30));
    expect(new Set(chosen.slice(0, 3)).size).toBe(1);
    expect(chosen[3]).not.toBe(chosen[2]);
    expect(new Set(chosen.slice(3, 6)).size).toBe(1);
  });

  it('a refused record does not take the others of its batch with it', async () => {
    const producer = new Producer(source);
    const results = await Promise.allSettled([
      producer.send({ topic: 't', partition: 0, value: 'good' }),
      producer.send({ topic: 't', partition: 0, value: 'bad', timestamp: Number.NaN }),
      producer.send({ topic: 't', partition: 0, value: 'also good' }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(logs[0]!.logEndOffset).toBe(2);
  });

  it('resolves a disk send only when the recovery point has passed it', async () => {
    const producer = new Producer(source, { durability: 'disk' });
    const { offset } = await producer.send({ topic: 't', partition: 0, value: 'x' });
    expect(logs[0]!.recoveryPoint).toBeGreaterThan(offset);
  });

  it('refuses an unknown topic, a wrong partition and sends after close', async () => {
    const producer = new Producer(source);
    await expect(producer.send({ topic: 'nope', value: 'x' })).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
    await expect(producer.send({ topic: 't', partition: 3, value: 'x' })).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
    await producer.close();
    await expect(producer.send({ topic: 't', value: 'x' })).rejects.toMatchObject({
      code: 'CLOSED',
    });
  });
});

describe('Consumer', () => {
  it('reads what was sent, in order, and waits for more', async () => {
    const producer = new Producer(source);
    const consumer = new Consumer(source);
    consumer.assign([{ topic: 't', partition: 0 }]);
    await producer.send({ topic: 't', partition: 0, key: 'k', value: 'one' });
    const [first] = await consumer.poll();
    expect([text(first!.key), text(first!.value), first!.offset]).toEqual(['k', 'one', 0]);
    const waiting = consumer.poll();
    await producer.send({ topic: 't', partition: 0, value: 'two' });
    expect((await waiting).map(({ value }) => text(value))).toEqual(['two']);
    await consumer.close();
  });

  it('gives nothing after the timeout', async () => {
    const consumer = new Consumer(source);
    consumer.assignTopics('t');
    expect(await consumer.poll({ timeoutMs: 10 })).toEqual([]);
    await consumer.close();
  });

  it('seeks to an offset inside a batch, to both ends and to a time', async () => {
    for (let i = 0; i < 5; i += 1) {
      logs[0]!.append(
        [0, 1].map((j) => ({ value: `${i * 2 + j}`, timestamp: 1000 * (i * 2 + j) })),
      );
    }
    const consumer = new Consumer(source);
    const place = { topic: 't', partition: 0 };
    consumer.assign([place]);
    const next = async () =>
      text((await consumer.poll({ timeoutMs: 0, maxRecords: 1 }))[0]?.value ?? null);
    consumer.seek(place, 3);
    expect(await next()).toBe('3');
    consumer.seek(place, 'beginning');
    expect(await next()).toBe('0');
    consumer.seek(place, { timestampMs: 6500 });
    expect(await next()).toBe('7');
    consumer.seek(place, 'end');
    expect(await next()).toBe(null);
    expect(consumer.position(place)).toBe(10);
    expect(consumer.lag()).toEqual([{ ...place, lag: 0 }]);
    await consumer.close();
  });

  it('leaves paused partitions out', async () => {
    logs[0]!.append([{ value: 'zero' }]);
    logs[1]!.append([{ value: 'one' }]);
    const consumer = new Consumer(source);
    consumer.assignTopics('t');
    consumer.pause({ topic: 't', partition: 0 });
    expect((await consumer.poll({ timeoutMs: 0 })).map(({ value }) => text(value))).toEqual([
      'one',
    ]);
    consumer.resume({ topic: 't', partition: 0 });
    expect((await consumer.poll({ timeoutMs: 0 })).map(({ value }) => text(value))).toEqual([
      'zero',
    ]);
    await consumer.close();
  });

  it('ends iteration when the signal aborts or the consumer closes', async () => {
    logs[0]!.append([{ value: 'x' }]);
    const consumer = new Consumer(source);
    consumer.assignTopics('t');
    const abort = new AbortController();
    const seen: string[] = [];
    for await (const record of consumer.records({ signal: abort.signal })) {
      seen.push(text(record.value)!);
      setImmediate(() => abort.abort());
    }
    expect(seen).toEqual(['x']);
    const rest = (async () => {
      for await (const _record of consumer) throw new Error('there is nothing more to read');
    })();
    setImmediate(() => void consumer.close());
    await rest;
  });

  it.each([
    ['earliest', 4],
    ['latest', 6],
  ] as const)('goes on at the %s offset when its position was deleted', async (reset, expected) => {
    for (let i = 0; i < 6; i += 1) logs[0]!.append([{ value: `${i}` }]);
    const consumer = new Consumer(source, { autoOffsetReset: reset });
    consumer.assign([{ topic: 't', partition: 0, offset: 1 }]);
    await logs[0]!.deleteRecordsBefore(4);
    await consumer.poll({ timeoutMs: 0, maxRecords: 1 });
    expect(consumer.position({ topic: 't', partition: 0 })).toBe(
      reset === 'earliest' ? expected + 1 : expected,
    );
    await consumer.close();
  });

  it('fails when its position was deleted and it may not reset', async () => {
    for (let i = 0; i < 6; i += 1) logs[0]!.append([{ value: `${i}` }]);
    const consumer = new Consumer(source, { autoOffsetReset: 'none' });
    consumer.assign([{ topic: 't', partition: 0, offset: 1 }]);
    await logs[0]!.deleteRecordsBefore(4);
    await expect(consumer.poll({ timeoutMs: 0 })).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
    });
    await consumer.close();
  });

  it('rejects and leaves nothing behind when one of its logs was closed', async () => {
    const unhandled: unknown[] = [];
    const listener = (cause: unknown) => unhandled.push(cause);
    process.on('unhandledRejection', listener);
    try {
      const consumer = new Consumer(source);
      consumer.assignTopics('t');
      await logs[2]!.close();
      await expect(consumer.poll({ timeoutMs: 1000 })).rejects.toMatchObject({ code: 'CLOSED' });
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(unhandled).toEqual([]);
      await consumer.close();
    } finally {
      process.off('unhandledRejection', listener);
    }
  });

  it('takes the new log of a partition that was closed and assigned again', async () => {
    const consumer = new Consumer(source);
    consumer.assignTopics('t');
    const { directory } = logs[0]!;
    await logs[0]!.close();
    logs[0] = await PartitionLog.open({ directory });
    logs[0].append([{ value: 'new' }]);
    consumer.assignTopics('t');
    const polled = await consumer.poll({ timeoutMs: 0 });
    expect(polled.map(({ value }) => text(value))).toEqual(['new']);
    await consumer.close();
  });

  it('waits, without spinning, for a batch that is only partly below the high watermark', async () => {
    logs[0]!.append([{ value: 'a' }, { value: 'b' }]);
    logs[0]!.setHighWatermark(1);
    const consumer = new Consumer(source);
    consumer.assignTopics('t');
    let turns = 0;
    setImmediate(() => {
      turns += 1;
      logs[0]!.setHighWatermark(2);
    });
    const polled = await consumer.poll({ timeoutMs: 5000 });
    expect(turns).toBe(1);
    expect(polled.map(({ value }) => text(value))).toEqual(['a', 'b']);
    await consumer.close();
  });

  it('refuses to poll for no records', async () => {
    const consumer = new Consumer(source);
    consumer.assignTopics('t');
    await expect(consumer.poll({ maxRecords: 0 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await consumer.close();
  });
});
