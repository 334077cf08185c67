import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { SimulatedTimers, settled } from '../testing/simulated-timers.js';
import { TestController } from '../testing/test-controller.js';
import { RemoteController, serveController } from './controller-rpc.js';
import { METHODS } from './controller-shapes.js';
import type { MessageChannel } from './message-channel.js';

/** Two ends of a channel in this process; messages pass as JSON text. */
class Pair {
  readonly ends: [MessageChannel, MessageChannel];
  readonly #listeners: [Set<(m: unknown) => void>, Set<(m: unknown) => void>] = [
    new Set(),
    new Set(),
  ];
  readonly #closers = new Set<() => void>();
  /** What goes from the first end to the second is lost. */
  isCut = false;

  constructor() {
    this.ends = [this.#end(0), this.#end(1)];
  }

  deliver(to: 0 | 1, message: unknown): void {
    for (const listener of [...this.#listeners[to]]) listener(message);
  }

  get listenerCount(): number {
    return this.#listeners[0].size + this.#listeners[1].size;
  }

  close(): void {
    for (const closer of [...this.#closers]) closer();
  }

  #end(own: 0 | 1): MessageChannel {
    const other = own === 0 ? 1 : 0;
    return {
      send: (message) => {
        if (this.isCut) return;
        const text = JSON.stringify(message);
        queueMicrotask(() => this.deliver(other, JSON.parse(text)));
      },
      onMessage: (listener) => {
        this.#listeners[own].add(listener);
        return () => this.#listeners[own].delete(listener);
      },
      onClose: (listener) => {
        this.#closers.add(listener);
        return () => this.#closers.delete(listener);
      },
    };
  }
}

async function connected(brokerId = 1) {
  const t = await TestController.open();
  const pair = new Pair();
  const timers = new SimulatedTimers(new SimulatedClock());
  serveController({ controller: t.controller, channel: pair.ends[1], brokerId });
  const remote = new RemoteController({ channel: pair.ends[0], timers, timeoutMs: 1_000 });
  return { t, pair, timers, remote };
}

const registration = { brokerId: 1, host: 'h', port: 1, rack: null, wasCleanStop: true };

describe('RemoteController', () => {
  it('is as good as the controller itself', async () => {
    const { t, remote } = await connected();
    const { brokerEpoch } = await remote.registerBroker(registration);
    const { version } = t.controller.image;
    const beat = { brokerId: 1, brokerEpoch, version, wantsShutdown: false, offline: [] };
    expect(await remote.heartbeat(beat)).toMatchObject({ isFenced: false });
    const topic = { name: 'a', partitions: 2, replicationFactor: 1, assignments: null };
    const [made] = await remote.createTopics({
      topics: [{ ...topic, config: { 'flush.ms': '1' } }],
      validateOnly: false,
    });
    expect(made).toMatchObject({ errorCode: 0, partitions: 2 });
    const direct = await t.controller.fetchMetadata({ fromVersion: 0, maxWaitMs: 0 });
    expect(await remote.fetchMetadata({ fromVersion: 0, maxWaitMs: 0 })).toEqual(direct);
    const state = t.partition('a');
    const newIsr = [{ brokerId: 1, brokerEpoch }];
    const { leaderEpoch, partitionEpoch } = state;
    const change = { topicId: made!.topicId, partition: 0, leaderEpoch, partitionEpoch, newIsr };
    expect(
      await remote.alterPartitions({
        brokerId: 1,
        brokerEpoch,
        changes: [{ ...change, isRecovering: false }],
      }),
    ).toEqual([{ topicId: made!.topicId, partition: 0, errorCode: 0, state }]);
    expect(await remote.allocateProducerIds({ brokerId: 1, brokerEpoch })).toEqual({
      first: 0,
      count: 1000,
    });
    const changes = { 'flush.ms': null };
    const resource = { resource: 'topic', name: 'a', changes, replaceAll: false } as const;
    expect(await remote.alterConfigs({ resources: [resource], validateOnly: false })).toMatchObject(
      [{ errorCode: 0 }],
    );
    const more = [{ name: 'a', count: 3, assignments: null }];
    expect(await remote.createPartitions({ topics: more, validateOnly: false })).toMatchObject([
      { errorCode: 0 },
    ]);
    expect(await remote.electLeaders({ type: 'preferred', partitions: null })).toEqual([]);
    const reassigned = [{ topic: 'a', partition: 0, replicas: null }];
    expect(await remote.reassignPartitions({ partitions: reassigned })).toMatchObject([
      { errorCode: 85 },
    ]);
    expect(await remote.deleteTopics({ topics: [{ name: 'a', topicId: null }] })).toMatchObject([
      { errorCode: 0 },
    ]);
  });

  it('gives errors back as they were', async () => {
    const { remote } = await connected();
    const asked = remote.allocateProducerIds({ brokerId: 1, brokerEpoch: 5 });
    await expect(asked).rejects.toMatchObject({
      name: 'VarveError',
      code: 'NOT_CONTROLLER',
      retriable: true,
      message: expect.stringContaining('is not registered with epoch 5'),
    });
  });

  it('an answer that does not come in time, beyond the wait asked for, is an error', async () => {
    const { pair, timers, remote } = await connected();
    pair.isCut = true;
    let failed: unknown = null;
    remote.fetchMetadata({ fromVersion: 0, maxWaitMs: 500 }).catch((error: unknown) => {
      failed = error;
    });
    await timers.advanceAsync(1_499);
    expect(failed).toBeNull();
    await timers.advanceAsync(2);
    expect(failed).toMatchObject({ code: 'NOT_CONTROLLER', retriable: true });
    expect(timers.count).toBe(0);
  });

  it('a closed channel rejects what is under way and what comes', async () => {
    const { t, pair, timers, remote } = await connected();
    const waiting = remote.fetchMetadata({
      fromVersion: t.controller.image.version,
      maxWaitMs: 60_000,
    });
    pair.close();
    await expect(waiting).rejects.toMatchObject({ code: 'NOT_CONTROLLER' });
    await expect(remote.registerBroker(registration)).rejects.toMatchObject({
      code: 'NOT_CONTROLLER',
    });
    expect(timers.count).toBe(0);
    expect(pair.listenerCount).toBe(0);
  });

  it('an answer of the wrong shape is not believed', async () => {
    const { pair, remote } = await connected();
    pair.isCut = true;
    const asked = remote.registerBroker(registration);
    pair.deliver(0, { type: 'controller-answer', id: 0, answer: { brokerEpoch: 'x' } });
    await expect(asked).rejects.toMatchObject({
      code: 'NOT_CONTROLLER',
      message: expect.stringContaining('answer.brokerEpoch is not a whole number'),
    });
    const fetched = remote.fetchMetadata({ fromVersion: 0, maxWaitMs: 0 });
    const batches = [{ records: ['{"type":"broker"}'], version: 1 }];
    pair.deliver(0, { type: 'controller-answer', id: 1, answer: { batches } });
    await expect(fetched).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
  });
});

describe('serveController', () => {
  it('a channel speaks for its own broker only', async () => {
    const { remote, t } = await connected(2);
    await expect(remote.registerBroker(registration)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining("this channel is broker 2's, not broker 1's"),
    });
    expect(t.controller.image.brokers.size).toBe(0);
  });

  it('refuses requests of any other shape, and methods there are not; other messages are not for it', async () => {
    const { t, pair } = await connected();
    const answers: { id: number; error?: { code: string } }[] = [];
    pair.ends[0].onMessage((message) => answers.push(message as (typeof answers)[number]));
    const { version } = t.controller.image;
    let id = 100;
    const junk = [null, 7, 'x', [], {}, { brokerId: 1 }, { topics: [{}] }, { topics: 1 }];
    const methods = [...Object.keys(METHODS), 'constructor', 'close', '__proto__', 'brokerFailed'];
    for (const method of methods) {
      for (const request of junk) {
        pair.deliver(1, { type: 'controller-request', id: id++, method, request });
      }
    }
    for (const message of [null, 3, 'x', {}, { type: 'other' }, { type: 'controller-request' }]) {
      pair.deliver(1, message);
    }
    await settled();
    expect(answers).toHaveLength(methods.length * junk.length);
    expect(new Set(answers.map(({ error }) => error?.code))).toEqual(new Set(['INVALID_ARGUMENT']));
    expect(t.controller.image.version).toBe(version);
  });
});
