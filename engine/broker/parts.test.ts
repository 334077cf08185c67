import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { VarveError } from '../errors.js';
import { randomUuid } from '../format/uuid.js';
import type { FetchMetadataAnswer } from '../metadata/controller-port.js';
import { MetadataImage } from '../metadata/image.js';
import type { MetadataRecord } from '../metadata/records.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { SimulatedTimers } from '../testing/simulated-timers.js';
import { DataDirectory } from '../topics/data-directory.js';
import { DirectoryLogs } from './directory-logs.js';
import type { BrokerEvent } from './events.js';
import { LiveSettings } from './live-settings.js';
import { MetadataCache } from './metadata-cache.js';
import { MetadataLoop } from './metadata-loop.js';
import { ProducerIds } from './producer-ids.js';

function imageOf(...records: MetadataRecord[]): MetadataImage {
  return MetadataImage.EMPTY.apply([{ type: 'cluster', clusterId: 'c' }, ...records], 1);
}
const setting = (name: string, key: string, value: string | null): MetadataRecord => ({
  type: 'config',
  resource: 'broker',
  name,
  key,
  value,
});

describe('ProducerIds', () => {
  it('asks for one block at a time, however many ask', async () => {
    let blocks = 0;
    const ids = new ProducerIds(
      {
        allocateProducerIds: async () => {
          blocks += 1;
          return { first: blocks * 10, count: 3 };
        },
      },
      1,
      () => 5,
    );
    const got = await Promise.all(Array.from({ length: 7 }, () => ids.next()));
    expect(got.sort((a, b) => a - b)).toEqual([10, 11, 12, 20, 21, 22, 30]);
    expect(blocks).toBe(3);
    expect(ids.next()).toBe(31);
  });

  it('hands a failure to those who wait, and asks again for the next', async () => {
    let fails = true;
    const ids = new ProducerIds(
      {
        allocateProducerIds: async () => {
          if (fails) throw new VarveError('NOT_CONTROLLER', 'away');
          return { first: 1, count: 1 };
        },
      },
      1,
      () => 5,
    );
    await expect(Promise.all([ids.next(), ids.next()])).rejects.toThrow('away');
    fails = false;
    expect(await ids.next()).toBe(1);
  });
});

describe('LiveSettings', () => {
  it('puts what the cluster says over what the broker was started with', () => {
    const settings = new LiveSettings(3, { messageMaxBytes: 1000, 'log.retention.hours': '5' });
    expect(settings.current.messageMaxBytes).toBe(1000);
    const image = imageOf(
      setting('', 'message.max.bytes', '2000'),
      setting('3', 'message.max.bytes', '3000'),
      setting('4', 'message.max.bytes', '4000'),
      setting('', 'log.retention.ms', '-1'),
    );
    expect(settings.apply(image)).toBe(true);
    expect(settings.apply(image)).toBe(false);
    expect(settings.current.messageMaxBytes).toBe(3000);
    expect(settings.layers('message.max.bytes')).toEqual([
      { name: 'message.max.bytes', value: '3000', source: 2 },
      { name: 'message.max.bytes', value: '2000', source: 3 },
      { name: 'message.max.bytes', value: '1000', source: 4 },
      { name: 'message.max.bytes', value: '1048588', source: 5 },
    ]);
    expect(settings.topicDefaultsAtRunTime()).toEqual({
      'max.message.bytes': '3000',
      'retention.ms': '-1',
    });
    settings.apply(imageOf());
    expect(settings.current).toEqual(
      new LiveSettings(3, { 'message.max.bytes': 1000, 'log.retention.hours': 5 }).current,
    );
  });

  it('keeps what was in force when the cluster says what it does not know', () => {
    const settings = new LiveSettings(1);
    expect(() => settings.apply(imageOf(setting('', 'of.a.later.version', '1')))).toThrow(
      VarveError,
    );
    expect(settings.current.messageMaxBytes).toBe(1048588);
  });

  it('refuses to be started with nonsense', () => {
    expect(() => new LiveSettings(1, { 'num.partitions': -4 })).toThrow('num.partitions is -4');
    expect(() => new LiveSettings(1, { 'num.partitions': 1, numPartitions: 1 })).toThrow('twice');
  });
});

describe('MetadataCache', () => {
  it('wakes who waits for an image, and gives up after the time', async () => {
    const clock = new SimulatedClock();
    const timers = new SimulatedTimers(clock);
    const cache = new MetadataCache(timers);
    const has = (id: string) => (image: MetadataImage) => image.clusterId === id;
    const early = cache.waitFor(has('c'), 100);
    const never = cache.waitFor(has('other'), 100);
    cache.publish(imageOf());
    expect(await early).toBe(true);
    expect(await cache.waitFor(has('c'), 100)).toBe(true);
    timers.advance(100);
    expect(await never).toBe(false);
    const closed = cache.waitFor(has('other'), 100);
    cache.close();
    expect(await closed).toBe(false);
  });
});

describe('MetadataLoop', () => {
  const topicId = randomUuid();
  const topic: MetadataRecord = { type: 'topic', name: 't', topicId };

  function run(answers: (FetchMetadataAnswer | Error)[], onImage?: () => Promise<void>) {
    const clock = new SimulatedClock();
    const timers = new SimulatedTimers(clock);
    const asked: number[] = [];
    const images: MetadataImage[] = [];
    const events: BrokerEvent[] = [];
    const loop = new MetadataLoop({
      controller: {
        fetchMetadata: ({ fromVersion }) => {
          asked.push(fromVersion);
          const next = answers.shift();
          if (next === undefined) return new Promise(() => undefined);
          return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
        },
      },
      clock,
      timers,
      onImage: async (image) => {
        await onImage?.();
        images.push(image);
      },
      onEvent: (event) => events.push(event),
    });
    loop.start();
    loop.start();
    return { asked, images, events, loop, timers };
  }

  it('acts once on many decisions, and asks for what follows', async () => {
    const { asked, images, timers } = run([
      {
        batches: [
          { records: [{ type: 'cluster', clusterId: 'c' }], version: 1 },
          { records: [topic], version: 2 },
        ],
      },
      { batches: [] },
    ]);
    await timers.advanceAsync(0);
    expect(asked).toEqual([0, 2, 2]);
    expect(images.map(({ version }) => version)).toEqual([2]);
    expect(images[0]?.topics.has('t')).toBe(true);
  });

  it('tries again, more and more slowly, while the controller is away', async () => {
    const away = new VarveError('NOT_CONTROLLER', 'away');
    const { asked, events, timers } = run([away, away, { batches: [] }]);
    await timers.advanceAsync(0);
    expect(asked).toHaveLength(1);
    await timers.advanceAsync(20);
    expect(asked).toHaveLength(2);
    await timers.advanceAsync(20);
    expect(asked).toHaveLength(2);
    await timers.advanceAsync(20);
    expect(asked).toHaveLength(4);
    expect(events.map(({ kind }) => kind)).toEqual(['metadata-failed', 'metadata-failed']);
  });

  it('begins again from nothing when what comes does not fit', async () => {
    const { asked, images, timers } = run([
      { batches: [{ records: [topic], version: 5 }] },
      { batches: [{ records: [topic], version: 6 }] },
      { batches: [{ records: [{ type: 'snapshot' }, topic], version: 6 }] },
    ]);
    await timers.advanceAsync(0);
    await timers.advanceAsync(100);
    expect(asked).toEqual([0, 5, 0, 6]);
    expect(images.map(({ version }) => version)).toEqual([5, 6]);
  });

  it('gives the same image again when acting on it failed', async () => {
    let fails = true;
    const { asked, images, timers } = run(
      [
        { batches: [{ records: [topic], version: 1 }] },
        { batches: [{ records: [topic], version: 1 }] },
      ],
      async () => {
        if (!fails) return;
        fails = false;
        throw new Error('for a test');
      },
    );
    await timers.advanceAsync(0);
    await timers.advanceAsync(100);
    expect(asked).toEqual([0, 0, 1]);
    expect(images).toHaveLength(1);
  });

  it('acts on nothing after it was stopped', async () => {
    const answer = { batches: [{ records: [topic], version: 1 }] };
    const { images, loop, timers } = run([answer]);
    await loop.stop();
    await timers.advanceAsync(100);
    expect(images).toEqual([]);
  });
});

describe('DirectoryLogs', () => {
  let path = '';
  afterEach(() => rm(path, { recursive: true, force: true }));

  it('makes what is asked for in one turn together, and keeps one refusal to itself', async () => {
    path = await mkdtemp(join(tmpdir(), 'varve-logs-'));
    await using directory = await DataDirectory.open({ directory: path, nodeId: 1 });
    const logs = new DirectoryLogs(directory);
    const [good, bad] = [randomUuid(), randomUuid()];
    const results = await Promise.allSettled([
      logs.hostPartition({ topic: 'good', topicId: good, partition: 0, config: {} }),
      logs.hostPartition({
        topic: 'bad',
        topicId: bad,
        partition: 0,
        config: { 'segment.ms': '-7' },
      }),
      logs.hostPartition({ topic: 'good', topicId: good, partition: 2, config: {} }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const hosted = [...logs.hosted()].sort((a, b) => a.partition - b.partition);
    expect(hosted).toEqual([
      { topic: 'good', topicId: good, partition: 0 },
      { topic: 'good', topicId: good, partition: 2 },
    ]);
    await logs.dropPartition('good', 2);
    await logs.dropTopic(randomUuid());
    expect([...logs.hosted()]).toHaveLength(1);
    await logs.dropTopic(good);
    expect([...logs.hosted()]).toEqual([]);
  });

  it('drops a topic by its id, also while another of that name takes its place', async () => {
    path = await mkdtemp(join(tmpdir(), 'varve-logs-'));
    await using directory = await DataDirectory.open({ directory: path, nodeId: 1 });
    const logs = new DirectoryLogs(directory);
    const [before, after] = [randomUuid(), randomUuid()];
    await logs.hostPartition({ topic: 't', topicId: before, partition: 0, config: {} });
    const hosting = logs.hostPartition({ topic: 't', topicId: after, partition: 0, config: {} });
    await null;
    const dropping = logs.dropTopic(before);
    const log = await hosting;
    await dropping;
    expect(log.isClosed).toBe(false);
    expect([...logs.hosted()]).toEqual([{ topic: 't', topicId: after, partition: 0 }]);
  });

  it("puts common settings below each topic's own", async () => {
    path = await mkdtemp(join(tmpdir(), 'varve-logs-'));
    await using directory = await DataDirectory.open({ directory: path, nodeId: 1 });
    const logs = new DirectoryLogs(directory);
    const own = await logs.hostPartition({
      topic: 'own',
      topicId: randomUuid(),
      partition: 0,
      config: { 'max.message.bytes': '111' },
    });
    const plain = await logs.hostPartition({
      topic: 'plain',
      topicId: randomUuid(),
      partition: 0,
      config: {},
    });
    await logs.setCommonConfig({ 'max.message.bytes': '999', 'flush.ms': '5' });
    expect([own.config.maxMessageBytes, own.config.flushMs]).toEqual([111, 5]);
    expect(plain.config.maxMessageBytes).toBe(999);
    await logs.setTopicConfig('own', {});
    expect(own.config.maxMessageBytes).toBe(999);
    await logs.setCommonConfig({});
    expect(plain.config.maxMessageBytes).toBe(1048588);
  });
});
