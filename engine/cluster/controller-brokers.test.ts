import { describe, expect, it } from 'vitest';
import { VarveError } from '../errors.js';
import { MemoryMetadataLog } from '../testing/memory-metadata-log.js';
import { TestController } from '../testing/test-controller.js';

const OF_THREE = { assignments: [[1, 2, 3]] };

describe('registration and heartbeats', () => {
  it('a broker is fenced until it has applied its own registration', async () => {
    const t = await TestController.open();
    const epoch = await t.register(1);
    expect(t.controller.image.brokers.get(1)).toMatchObject({ isFenced: true, port: 9001 });
    expect(await t.beat(1, { version: epoch - 1 })).toEqual({
      isFenced: true,
      mayShutDown: false,
      isStale: false,
    });
    expect(await t.beat(1, { version: epoch })).toMatchObject({ isFenced: false });
    expect(t.controller.image.liveBrokers().map(({ brokerId }) => brokerId)).toEqual([1]);
  });

  it('each registration has a larger epoch, and the life before it is told that it is over', async () => {
    const t = await TestController.open();
    const first = await t.start(1);
    const second = await t.register(1);
    expect(second).toBeGreaterThan(first);
    t.epochs.set(1, first);
    expect(await t.beat(1)).toEqual({ isFenced: true, mayShutDown: true, isStale: true });
    t.epochs.set(9, 1);
    expect(await t.beat(9)).toMatchObject({ isStale: true });
  });

  it('a broker that registers again while it leads loses its leadership first', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2, 3);
    await t.create('a', OF_THREE);
    await t.register(1);
    expect(t.partition('a')).toMatchObject({ leader: 2, isr: [2, 3], leaderEpoch: 1 });
  });

  it('after an unclean stop a broker leaves every ISR that has another member, and no other', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    await t.create('both', { assignments: [[1, 2]] });
    await t.create('alone', { assignments: [[1]] });
    const u = await TestController.open({ log: t.log, isColdStart: true });
    expect(u.partition('both')).toMatchObject({ leader: -1, isr: [1, 2] });
    await u.register(1, { wasCleanStop: false });
    expect(u.partition('both')).toMatchObject({ leader: -1, isr: [2] });
    expect(u.partition('alone')).toMatchObject({ leader: -1, isr: [1] });
    await u.beat(1);
    expect(u.partition('both').leader).toBe(-1);
    expect(u.partition('alone').leader).toBe(1);
    await u.start(2, { wasCleanStop: false });
    expect(u.partition('both')).toMatchObject({ leader: 2, isr: [2] });
  });

  it('after a clean stop of all, whoever comes first leads', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2, 3);
    await t.create('a', OF_THREE);
    const u = await TestController.open({ log: t.log, isColdStart: true });
    expect(u.controller.image.liveBrokers()).toEqual([]);
    await u.start(3);
    expect(u.partition('a')).toMatchObject({ leader: 3, isr: [3], leaderEpoch: 2 });
  });
});

describe('sessions', () => {
  it('a broker not heard of for the timeout is fenced, and what it led is led elsewhere', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2, 3);
    await t.create('a', OF_THREE);
    await t.timers.advanceAsync(5_000);
    await t.beat(2);
    await t.beat(3);
    await t.timers.advanceAsync(3_999);
    expect(t.partition('a').leader).toBe(1);
    await t.timers.advanceAsync(2);
    expect(t.partition('a')).toMatchObject({ leader: 2, isr: [2, 3], leaderEpoch: 1 });
    expect(t.events.at(-1)).toEqual({
      kind: 'broker-fenced',
      brokerId: 1,
      reason: 'session-timeout',
    });
    expect(await t.beat(1)).toMatchObject({ isFenced: false, isStale: false });
  });

  it('those that fall silent together stay in an ISR that they are the whole of', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    await t.create('a', { assignments: [[1, 2]] });
    await t.timers.advanceAsync(9_001);
    expect(t.partition('a')).toMatchObject({ leader: -1, isr: [1, 2] });
    await t.beat(2);
    expect(t.partition('a')).toMatchObject({ leader: 2, isr: [2] });
  });

  it('nobody is fenced for a time in which the controller itself was stopped', async () => {
    const t = await TestController.open();
    await t.startAll(1);
    // A timer that is due while the process sleeps fires when it wakes.
    t.clock.advance(60_000);
    await t.timers.advanceAsync(0);
    expect(t.controller.image.liveBrokers()).toHaveLength(1);
    await t.timers.advanceAsync(9_001);
    expect(t.controller.image.liveBrokers()).toHaveLength(0);
  });

  it('a session goes on over a restart of the controller', async () => {
    const t = await TestController.open();
    await t.startAll(1);
    const u = await TestController.open({ log: t.log });
    expect(u.controller.image.liveBrokers()).toHaveLength(1);
    await u.timers.advanceAsync(9_001);
    expect(u.controller.image.liveBrokers()).toHaveLength(0);
  });

  it('a process that is seen to have died is fenced at once', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2, 3);
    await t.create('a', OF_THREE);
    await t.controller.brokerFailed(1);
    expect(t.partition('a')).toMatchObject({ leader: 2, isr: [2, 3] });
    const { version } = t.controller.image;
    await t.controller.brokerFailed(1);
    expect(t.controller.image.version).toBe(version);
  });

  it('one that could not be fenced for want of space is fenced when its session ends', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    const full = () => new VarveError('DISK_FULL', 'no space', { retriable: true });
    t.log.refusal = full();
    await expect(t.controller.brokerFailed(1)).rejects.toMatchObject({ code: 'DISK_FULL' });
    t.log.refusal = full();
    await expect(t.register(2)).rejects.toMatchObject({ code: 'DISK_FULL' });
    await t.timers.advanceAsync(20_000);
    const { brokers } = t.controller.image;
    expect([brokers.get(1)?.isFenced, brokers.get(2)?.isFenced]).toEqual([true, true]);
  });

  it('the last of the ISR stays in it, without a leader, and leads again when it is back', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    await t.create('a', { assignments: [[1, 2]] });
    await t.controller.brokerFailed(2);
    await t.controller.brokerFailed(1);
    expect(t.partition('a')).toMatchObject({ leader: -1, isr: [1] });
    await t.start(2, { wasCleanStop: false });
    expect(t.partition('a')).toMatchObject({ leader: -1, isr: [1] });
    await t.start(1, { wasCleanStop: false });
    expect(t.partition('a')).toMatchObject({ leader: 1, isr: [1], isRecovering: false });
  });
});

describe('controlled shutdown', () => {
  it('others lead what the broker led, and then it may stop', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2, 3);
    await t.create('a', OF_THREE);
    await t.create('alone', { assignments: [[1]] });
    expect(await t.beat(1, { wantsShutdown: true })).toEqual({
      isFenced: true,
      mayShutDown: true,
      isStale: false,
    });
    expect(t.partition('a')).toMatchObject({ leader: 2, isr: [2, 3] });
    expect(t.partition('alone')).toMatchObject({ leader: -1, isr: [1] });
    const { version } = t.controller.image;
    expect(await t.beat(1, { wantsShutdown: true })).toMatchObject({ mayShutDown: true });
    expect(t.controller.image.version).toBe(version);
    expect(await t.beat(1)).toMatchObject({ isFenced: true });
  });

  it('a new life of it is in service again', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    await t.beat(1, { wantsShutdown: true });
    await t.start(1);
    expect(t.controller.image.brokers.get(1)).toMatchObject({
      isFenced: false,
      isShuttingDown: false,
    });
  });
});

describe('partitions that a broker cannot write', () => {
  it('are led elsewhere, and stay so until the broker can write them', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    const { topicId } = await t.create('a', {
      assignments: [
        [1, 2],
        [1, 2],
      ],
    });
    const offline = [{ topicId, partition: 0 }];
    await t.beat(1, { offline });
    await t.timers.advanceAsync(0);
    expect(t.partition('a', 0)).toMatchObject({ leader: 2, isr: [2] });
    expect(t.partition('a', 1)).toMatchObject({ leader: 1, isr: [1, 2] });
    expect(await t.alterIsr('a', [1, 2])).toMatchObject({ errorCode: 107 });
    await t.beat(1, { offline: [] });
    expect(await t.alterIsr('a', [1, 2])).toMatchObject({ errorCode: 0 });
  });

  it('have no leader when no other replica may lead, and get it back', async () => {
    const t = await TestController.open();
    await t.startAll(1);
    const { topicId } = await t.create('a', { assignments: [[1]] });
    await t.beat(1, { offline: [{ topicId, partition: 0 }] });
    await t.timers.advanceAsync(0);
    expect(t.partition('a')).toMatchObject({ leader: -1, isr: [1] });
    await t.beat(1);
    await t.timers.advanceAsync(0);
    expect(t.partition('a')).toMatchObject({ leader: 1, isr: [1] });
  });
});

describe('unclean election', () => {
  it('happens by itself only where the topic allows it', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    await t.create('safe', { assignments: [[1, 2]] });
    await t.create('lossy', {
      assignments: [[1, 2]],
      config: { 'unclean.leader.election.enable': 'true' },
    });
    for (const topic of ['safe', 'lossy']) await t.alterIsr(topic, [1]);
    await t.controller.brokerFailed(1);
    expect(t.partition('safe')).toMatchObject({ leader: -1, isr: [1], isRecovering: false });
    expect(t.partition('lossy')).toMatchObject({ leader: 2, isr: [2], isRecovering: true });
    expect(t.events).toContainEqual({
      kind: 'unclean-election',
      topic: 'lossy',
      partition: 0,
      leader: 2,
    });
    expect(await t.alterIsr('lossy', [2], { isRecovering: false })).toMatchObject({ errorCode: 0 });
    expect(t.partition('lossy').isRecovering).toBe(false);
  });

  it('happens when it becomes allowed', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    await t.create('a', { assignments: [[1, 2]] });
    await t.alterIsr('a', [1]);
    await t.controller.brokerFailed(1);
    await t.controller.alterConfigs({
      resources: [
        {
          resource: 'broker',
          name: '',
          changes: { 'unclean.leader.election.enable': 'true' },
          replaceAll: false,
        },
      ],
      validateOnly: false,
    });
    expect(t.partition('a')).toMatchObject({ leader: 2, isr: [2], isRecovering: true });
  });

  it('can be asked for', async () => {
    const t = await TestController.open();
    await t.startAll(1, 2);
    await t.create('a', {
      assignments: [
        [1, 2],
        [1, 2],
      ],
    });
    await t.alterIsr('a', [1]);
    await t.controller.brokerFailed(1);
    const [first, second] = await t.controller.electLeaders({
      type: 'unclean',
      partitions: [
        { topic: 'a', partition: 0 },
        { topic: 'a', partition: 1 },
      ],
    });
    expect(first).toMatchObject({ errorCode: 0 });
    expect(second).toMatchObject({ errorCode: 84 });
    expect(t.partition('a')).toMatchObject({ leader: 2, isr: [2], isRecovering: true });
  });
});

describe('producer ids', () => {
  it('are given in blocks that never overlap, also after a restart', async () => {
    const t = await TestController.open();
    await t.startAll(1);
    const ask = (c: TestController) =>
      c.controller.allocateProducerIds({ brokerId: 1, brokerEpoch: t.epochs.get(1)! });
    expect(await ask(t)).toEqual({ first: 0, count: 1000 });
    expect(await ask(t)).toEqual({ first: 1000, count: 1000 });
    const log = new MemoryMetadataLog();
    log.batches = t.log.batches;
    log.version = t.log.version;
    expect(await ask(await TestController.open({ log }))).toEqual({ first: 2000, count: 1000 });
  });

  it('are not given to an earlier life of a broker', async () => {
    const t = await TestController.open();
    const epoch = await t.start(1);
    await t.register(1);
    const stale = t.controller.allocateProducerIds({ brokerId: 1, brokerEpoch: epoch });
    await expect(stale).rejects.toMatchObject({ code: 'NOT_CONTROLLER' });
  });
});
