import { describe, expect, it } from 'vitest';
import { VarveError } from '../errors.js';
import { MetadataImage } from '../metadata/image.js';
import { MemoryMetadataLog } from '../testing/memory-metadata-log.js';
import { settled } from '../testing/simulated-timers.js';
import { TestController } from '../testing/test-controller.js';

describe('durability', () => {
  it('nothing is answered, or shown to brokers, before it is durable', async () => {
    const t = await TestController.open();
    await t.startAll(1);
    const { version } = t.controller.image;
    t.log.hold();
    let isAnswered = false;
    const answer = t.create('a').then((its) => {
      isAnswered = true;
      return its;
    });
    const fetched = t.controller.fetchMetadata({ fromVersion: version, maxWaitMs: 1_000 });
    await settled();
    expect(isAnswered).toBe(false);
    expect(t.controller.image.version).toBe(version);
    t.log.release();
    expect(await answer).toMatchObject({ errorCode: 0 });
    expect((await fetched).batches).toHaveLength(1);
  });

  it('an answer that rests on a decision under way waits for it', async () => {
    const t = await TestController.open();
    await t.startAll(1);
    t.log.hold();
    const order: string[] = [];
    const first = t.create('a').then(() => order.push('made'));
    const second = t.create('a').then((its) => order.push(its.errorMessage ?? ''));
    await settled();
    expect(order).toEqual([]);
    t.log.release();
    await Promise.all([first, second]);
    expect(order).toEqual(['made', "Topic 'a' already exists."]);
  });

  it('a failed disk ends the controller: what was under way and what comes is rejected', async () => {
    const t = await TestController.open();
    await t.startAll(1);
    t.log.hold();
    const waiting = t.controller.fetchMetadata({
      fromVersion: t.controller.image.version,
      maxWaitMs: 1_000,
    });
    const made = t.create('a');
    t.log.break(new VarveError('LOG_POISONED', 'the disk failed'));
    await expect(made).rejects.toMatchObject({ code: 'NOT_CONTROLLER', retriable: true });
    await expect(waiting).rejects.toMatchObject({ code: 'NOT_CONTROLLER' });
    await expect(t.create('b')).rejects.toMatchObject({ code: 'NOT_CONTROLLER' });
    await expect(t.beat(1)).rejects.toMatchObject({ code: 'NOT_CONTROLLER' });
    expect(t.events.at(-1)).toMatchObject({ kind: 'failed', cause: { code: 'LOG_POISONED' } });
    expect(t.controller.image.topics.size).toBe(0);
  });

  it('a full disk refuses one decision and changes nothing', async () => {
    const t = await TestController.open();
    await t.startAll(1);
    t.log.refusal = new VarveError('DISK_FULL', 'no space', { retriable: true });
    await expect(t.create('a')).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await t.create('a')).toMatchObject({ errorCode: 0 });
  });

  it('a fencing that a full disk puts off is tried again', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    await t.create('a', { assignments: [[1, 2]] });
    await t.timers.advanceAsync(8_000);
    await t.beat(2);
    t.log.refusal = new VarveError('DISK_FULL', 'no space', { retriable: true });
    await t.timers.advanceAsync(1_500);
    expect(t.partition('a').leader).toBe(1);
    expect(t.events.at(-1)).toMatchObject({ kind: 'postponed' });
    await t.timers.advanceAsync(1_000);
    expect(t.partition('a').leader).toBe(2);
  });

  it('a stopped controller leaves no timers and rejects those who wait', async () => {
    const t = await TestController.open();
    await t.startAll(1);
    const waiting = t.controller.fetchMetadata({
      fromVersion: t.controller.image.version,
      maxWaitMs: 1_000,
    });
    const rejected = expect(waiting).rejects.toMatchObject({ code: 'NOT_CONTROLLER' });
    await t.controller.close();
    await rejected;
    expect(t.timers.count).toBe(0);
    await expect(t.create('a')).rejects.toMatchObject({ code: 'NOT_CONTROLLER' });
  });
});

describe('restart', () => {
  it('finds everything again', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2, 3);
    await t.create('a', { partitions: 3, replicationFactor: 3, config: { 'flush.ms': '7' } });
    await t.alterIsr('a', [t.partition('a').leader]);
    const { image } = t.controller;
    const u = await TestController.open({ log: t.log });
    expect(u.controller.image).toEqual(image);
    expect(u.controller.image.clusterId).not.toBe('');
  });

  it('refuses a log with a hole', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2, 3);
    const log = new MemoryMetadataLog();
    log.batches = t.log.batches.toSpliced(2, 1);
    await expect(TestController.open({ log })).rejects.toMatchObject({
      code: 'CORRUPT_MESSAGE',
      message: expect.stringContaining('something in between is missing'),
    });
  });

  it('a long log is replaced by a snapshot, which says the same', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    await t.create('a', { assignments: [[1, 2]] });
    let isr = [1, 2];
    for (let i = 0; i < 10_100; i += 1) {
      isr = isr.length === 2 ? [1] : [1, 2];
      await t.alterIsr('a', isr);
    }
    expect(t.log.snapshots).toBe(1);
    expect(t.log.batches.length).toBeLessThan(200);
    const u = await TestController.open({ log: t.log });
    expect(u.controller.image).toEqual(t.controller.image);
    expect(u.partition('a').partitionEpoch).toBe(10_100);
  });
});

describe('fetchMetadata', () => {
  /** Follows the controller as a broker does. */
  async function follow(t: TestController, image: MetadataImage): Promise<MetadataImage> {
    const { batches } = await t.controller.fetchMetadata({
      fromVersion: image.version,
      maxWaitMs: 0,
    });
    return batches.reduce((now, { records, version }) => now.apply(records, version), image);
  }

  it('gives batch after batch, each as a whole, and then waits', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    const image = await follow(t, MetadataImage.EMPTY);
    expect(image).toEqual(t.controller.image);
    let answered = false;
    const next = t.controller
      .fetchMetadata({ fromVersion: image.version, maxWaitMs: 500 })
      .then((answer) => {
        answered = true;
        return answer;
      });
    await t.timers.advanceAsync(499);
    expect(answered).toBe(false);
    await t.timers.advanceAsync(2);
    expect(await next).toEqual({ batches: [] });
  });

  it('what did not change stays the same object', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    await t.create('a');
    await t.create('b');
    const before = await follow(t, MetadataImage.EMPTY);
    await t.controller.createPartitions({
      topics: [{ name: 'b', count: 2, assignments: null }],
      validateOnly: false,
    });
    const after = await follow(t, before);
    expect(after.topics.get('a')).toBe(before.topics.get('a'));
    expect(after.topics.get('b')).not.toBe(before.topics.get('b'));
  });

  it.each([
    ['older than what is kept', 3],
    ['inside a batch', -1],
    ['ahead of the controller', 1_000_000],
  ])('a version %s gets a snapshot', async (_, fromVersion) => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    await t.create('a', { partitions: 3 });
    const u = await TestController.open({ log: t.log });
    const { batches } = await u.controller.fetchMetadata({ fromVersion, maxWaitMs: 1_000 });
    expect(batches).toHaveLength(1);
    expect(batches[0]!.records[0]).toEqual({ type: 'snapshot' });
    const { records, version } = batches[0]!;
    expect(MetadataImage.EMPTY.apply(records, version)).toEqual(u.controller.image);
  });

  it('a follower that is far behind gets there, over thousands of decisions', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    await t.create('a', { assignments: [[1, 2]] });
    let image = await follow(t, MetadataImage.EMPTY);
    for (let i = 0; i < 5_000; i += 1) {
      await t.alterIsr('a', i % 2 === 0 ? [1] : [1, 2]);
      if (i % 1_700 === 0) {
        image = await follow(t, image);
        expect(image.partition('a', 0)).toEqual(t.partition('a'));
      }
    }
    expect(await follow(t, image)).toEqual(t.controller.image);
  });
});
