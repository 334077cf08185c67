import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { VarveError } from '../errors.js';
import type { BrokerHeartbeat, ControllerPort } from '../metadata/controller-port.js';
import { KafkaError } from '../protocol/error-codes.js';
import { Brokers, type BrokersOptions } from '../testing/broker-harness.js';
import { batch } from '../testing/produce-batch.js';
import type { BrokerEvent } from './events.js';

let brokers: Brokers;
afterEach(() => brokers.close());

async function start(options: BrokersOptions = {}): Promise<void> {
  brokers = await Brokers.start({
    ...options,
    settings: { 'broker.heartbeat.interval.ms': 50, ...options.settings },
  });
}

function eventsOf(brokerId: number): BrokerEvent[] {
  return brokers.events.flatMap(({ brokerId: id, event }) =>
    id === brokerId && event.source === 'broker' ? [event.event] : [],
  );
}

async function create(name: string, replicationFactor: number, partitions = 1): Promise<void> {
  const { topics } = await brokers.call('CreateTopics', 7, {
    topics: [{ name, numPartitions: partitions, replicationFactor }],
  });
  expect(topics[0]).toMatchObject({ errorCode: 0 });
}

async function produce(name: string, brokerId: number, values = ['v'], partition = 0) {
  const records = batch(values);
  const answer = await brokers.call(
    'Produce',
    11,
    {
      acks: -1,
      timeoutMs: 3000,
      topicData: [{ name, partitionData: [{ index: partition, records }] }],
    },
    { brokerId },
  );
  return { answer, partition: answer.responses[0]?.partitionResponses[0] };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const giveUpMs = performance.now() + 5000;
  while (!holds()) {
    if (performance.now() > giveUpMs) throw new Error(`not within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const leaderOf = (topic: string, partition = 0) =>
  brokers.controller.image.partition(topic, partition)?.leader ?? -1;

describe('three brokers', () => {
  it('replicate, and say where the leader is', async () => {
    await start({ brokers: 3 });
    await create('r', 3);
    const leader = leaderOf('r');
    const other = [1, 2, 3].find((id) => id !== leader) ?? -1;
    await until(() => brokers.node(other).image.topics.has('r'), 'the topic is known');
    expect((await produce('r', leader, ['a', 'b'])).partition?.errorCode).toBe(0);
    const wrong = await produce('r', other);
    expect(wrong.partition).toMatchObject({
      errorCode: KafkaError.NOT_LEADER_OR_FOLLOWER,
      currentLeader: { leaderId: leader },
    });
    expect(wrong.answer.nodeEndpoints).toEqual([
      { nodeId: leader, host: '127.0.0.1', port: 9000 + leader, rack: null },
    ]);
    const topicId = brokers.controller.image.topics.get('r')?.topicId ?? '';
    const fetched = await brokers.call(
      'Fetch',
      16,
      { topics: [{ topicId, partitions: [{ partition: 0, partitionMaxBytes: 1000 }] }] },
      { brokerId: other },
    );
    expect(fetched.responses[0]?.partitions[0]).toMatchObject({
      errorCode: KafkaError.NOT_LEADER_OR_FOLLOWER,
      currentLeader: { leaderId: leader },
    });
    expect(fetched.nodeEndpoints.map(({ nodeId }) => nodeId)).toEqual([leader]);
    await until(() => brokers.node(other).partition('r', 0)?.highWatermark === 2, 'replicated');
  }, 20_000);

  it('hand leadership over before one stops, and take it back with its records', async () => {
    await start({ brokers: 3 });
    await create('r', 3);
    const leader = leaderOf('r');
    await until(() => brokers.node(leader).partition('r', 0)?.role === 'leader', 'it leads');
    expect((await produce('r', leader, ['a', 'b'])).partition?.errorCode).toBe(0);
    await brokers.node(leader).shutdown();
    expect(eventsOf(leader).at(-1)).toMatchObject({ kind: 'stopped', isControlled: true });
    const next = leaderOf('r');
    expect(next).not.toBe(leader);
    await until(() => brokers.node(next).partition('r', 0)?.role === 'leader', 'the next leads');
    expect((await produce('r', next, ['c'])).partition).toMatchObject({
      errorCode: 0,
      baseOffset: 2,
    });
    await brokers.open(leader);
    expect(brokers.node(leader).directory.wasClean).toBe(true);
    await brokers.join(leader);
    await until(() => {
      const { isr } = brokers.controller.image.partition('r', 0) ?? { isr: [] };
      return isr.length === 3;
    }, 'in sync again');
    expect(brokers.node(leader).partition('r', 0)?.logEndOffset).toBe(3);
  }, 20_000);

  it('give up what was deleted while they were away', async () => {
    await start({ brokers: 2 });
    await create('kept', 2);
    await create('doomed', 2);
    await until(() => brokers.node(2).partition('doomed', 0) !== null, 'the replica is there');
    await brokers.node(2).shutdown();
    await brokers.call('DeleteTopics', 4, { topicNames: ['doomed'], timeoutMs: 5000 });
    await brokers.open(2);
    expect(brokers.node(2).directory.hasTopic('doomed')).toBe(true);
    await brokers.join(2);
    await until(() => !brokers.node(2).directory.hasTopic('doomed'), 'it is given up');
    expect(brokers.node(2).directory.hasTopic('kept')).toBe(true);
  }, 20_000);

  it('go on when a replica is lost with its disk', async () => {
    await start({ brokers: 2 });
    await create('r', 2);
    const leader = leaderOf('r');
    const other = leader === 1 ? 2 : 1;
    await until(() => brokers.node(leader).partition('r', 0)?.role === 'leader', 'it leads');
    expect((await produce('r', leader, ['a'])).partition?.errorCode).toBe(0);
    await brokers.node(other).close();
    await rm(join(brokers.directory, `broker-${other}`), { recursive: true });
    await brokers.open(other);
    await brokers.join(other);
    await until(() => brokers.node(other).partition('r', 0)?.logEndOffset === 1, 'copied again');
    expect((await produce('r', leader, ['b'])).partition?.errorCode).toBe(0);
  }, 20_000);

  it('take nobody for a follower who does not know the life that the follower is in', async () => {
    await start({ brokers: 2 });
    await create('r', 2);
    const leader = leaderOf('r');
    const other = leader === 1 ? 2 : 1;
    await until(() => brokers.node(leader).partition('r', 0)?.role === 'leader', 'it leads');
    const topicId = brokers.node(leader).image.topics.get('r')?.topicId ?? '';
    const { brokerEpoch } = brokers.node(other);
    await brokers.node(other).close();
    const produced = produce('r', leader, ['a']);
    const claim = async (version: number, replicaEpoch: number) => {
      const answer = await brokers.call(
        'Fetch',
        version,
        {
          replicaId: other,
          replicaState: { replicaId: other, replicaEpoch },
          topics: [
            {
              topic: 'r',
              topicId,
              partitions: [{ partition: 0, fetchOffset: 1, partitionMaxBytes: 1000 }],
            },
          ],
        },
        { brokerId: leader },
      );
      return answer.responses[0]?.partitions[0]?.errorCode;
    };
    const refused = KafkaError.NOT_LEADER_OR_FOLLOWER;
    expect(await claim(12, -1)).toBe(refused);
    expect(await claim(17, -1)).toBe(refused);
    expect(await claim(17, brokerEpoch - 1)).toBe(refused);
    expect(await claim(17, 2 ** 53)).toBe(refused);
    expect(brokers.node(leader).partition('r', 0)?.highWatermark).toBe(0);
    expect((await produced).partition?.errorCode).toBe(KafkaError.REQUEST_TIMED_OUT);
  }, 20_000);

  it('move the coordinator of a group with its offsets when one stops', async () => {
    await start({ brokers: 2, settings: { 'offsets.topic.replication.factor': 2 } });
    await create('t', 1);
    const find = async (brokerId: number) => {
      const { coordinators } = await brokers.call(
        'FindCoordinator',
        4,
        { coordinatorKeys: ['g'] },
        { brokerId },
      );
      return coordinators[0];
    };
    const first = (await find(1))?.nodeId ?? -1;
    expect(first).toBeGreaterThan(0);
    const other = first === 1 ? 2 : 1;
    await until(() => brokers.node(first).image.topics.has('t'), 'the topic is known');
    const commit = {
      groupId: 'g',
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 41 }] }],
    };
    let code = -1;
    await until(() => {
      void brokers.call('OffsetCommit', 7, commit, { brokerId: first }).then(({ topics }) => {
        code = topics[0]?.partitions[0]?.errorCode ?? -1;
      });
      return code === 0;
    }, 'the coordinator takes a commit');
    await brokers.node(first).shutdown();
    let offset = -1;
    await until(() => {
      void brokers
        .call(
          'OffsetFetch',
          7,
          { groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] },
          { brokerId: other },
        )
        .then(({ topics }) => {
          offset = topics[0]?.partitions[0]?.committedOffset ?? -1;
        });
      return offset === 41;
    }, 'the other broker has the offset');
    expect((await find(other))?.nodeId).toBe(other);
  }, 20_000);

  it('follow the metadata while what was committed for a deleted topic cannot be deleted', async () => {
    await start({ brokers: 2, settings: { 'offsets.topic.replication.factor': 2 } });
    await create('t', 2);
    const coordinatorKeys = ['g'];
    const { coordinators } = await brokers.call('FindCoordinator', 4, { coordinatorKeys });
    const leader = coordinators[0]?.nodeId ?? -1;
    const commit = {
      groupId: 'g',
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 41 }] }],
    };
    let code = -1;
    await until(() => {
      void brokers.call('OffsetCommit', 7, commit, { brokerId: leader }).then(({ topics }) => {
        code = topics[0]?.partitions[0]?.errorCode ?? -1;
      });
      return code === 0;
    }, 'the coordinator takes a commit');
    // The follower is gone and the controller does not know: nothing is committed until it does.
    await brokers.node(leader === 1 ? 2 : 1).close();
    await brokers.controller.deleteTopics({ topics: [{ name: 't', topicId: null }] });
    await brokers.controller.createTopics({
      topics: [{ name: 'u', partitions: 1, replicationFactor: 2, assignments: null, config: {} }],
      validateOnly: false,
    });
    const { version } = brokers.controller.image;
    const startMs = performance.now();
    await until(() => brokers.node(leader).image.version >= version, 'the metadata is known');
    expect(performance.now() - startMs).toBeLessThan(2000);
  }, 20_000);
});

describe('one broker', () => {
  it('stops at once when nobody else could lead, and starts again with its topics', async () => {
    await start();
    await create('t', 1, 3);
    expect((await produce('t', 1, ['a'], 2)).partition?.errorCode).toBe(0);
    const startMs = performance.now();
    await brokers.node().shutdown();
    expect(performance.now() - startMs).toBeLessThan(3000);
    expect(eventsOf(1).at(-1)).toMatchObject({ kind: 'stopped', isControlled: true });
    await brokers.open(1);
    await brokers.join(1);
    await until(() => brokers.node().partition('t', 2)?.role === 'leader', 'it leads again');
    expect(brokers.node().partition('t', 2)?.logEndOffset).toBe(1);
    expect((await produce('t', 1, ['b'], 2)).partition).toMatchObject({ baseOffset: 1 });
  }, 20_000);

  it('registers again when another registration has taken its id', async () => {
    await start();
    await create('t', 1);
    const before = brokers.node().brokerEpoch;
    await brokers.controller.registerBroker({
      brokerId: 1,
      host: '127.0.0.1',
      port: 1,
      rack: null,
      wasCleanStop: true,
    });
    await until(() => brokers.node().brokerEpoch > before, 'a new epoch');
    await until(() => brokers.node().isReady, 'it is let in again');
    expect(eventsOf(1).some(({ kind }) => kind === 'stale')).toBe(true);
    await until(() => brokers.node().image.brokers.get(1)?.port === 9001, 'its address is back');
    let code = -1;
    await until(() => {
      void produce('t', 1).then(({ partition }) => {
        code = partition?.errorCode ?? -1;
      });
      return code === 0;
    }, 'it serves again');
  }, 20_000);

  it('goes on serving while the controller is away, and comes back to it', async () => {
    let isAway = false;
    await start({ controller: (controller) => awayWhen(controller, () => isAway) });
    await create('t', 1);
    isAway = true;
    await until(
      () => eventsOf(1).some(({ kind }) => kind === 'heartbeat-failed'),
      'a heartbeat fails',
    );
    expect((await produce('t', 1)).partition?.errorCode).toBe(0);
    const unknown = await brokers.call('Metadata', 9, { topics: [{ name: 'later' }] });
    expect(unknown.topics[0]?.errorCode).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
    isAway = false;
    await until(() => brokers.node().isReady, 'it is ready');
    await create('after', 1);
  }, 20_000);

  it('tries to register until the controller is there, and gives up in time', async () => {
    let isAway = false;
    await start({
      controller: (controller) => awayWhen(controller, () => isAway),
      settings: { 'initial.broker.registration.timeout.ms': 300 },
    });
    isAway = true;
    await brokers.open(2);
    const failed = brokers.join(2);
    await expect(failed).rejects.toMatchObject({ code: 'NOT_CONTROLLER' });
    expect(eventsOf(2).filter(({ kind }) => kind === 'registration-failed').length).toBeGreaterThan(
      1,
    );
    await brokers.node(2).close();
    await brokers.open(3);
    const joined = brokers.join(3);
    await new Promise((resolve) => setTimeout(resolve, 100));
    isAway = false;
    await joined;
    expect(brokers.node(3).isReady).toBe(true);
  }, 20_000);

  it('tells the controller how far it is and what it wants', async () => {
    const beats: BrokerHeartbeat[] = [];
    await start({
      controller: (controller) =>
        new Proxy(controller, {
          get(target, name) {
            const method = Reflect.get(target, name, target) as (...args: unknown[]) => unknown;
            return (...args: unknown[]) => {
              if (name === 'heartbeat') beats.push(args[0] as BrokerHeartbeat);
              return method.apply(target, args);
            };
          },
        }),
    });
    await create('t', 1);
    await until(
      () => (beats.at(-1)?.version ?? 0) >= brokers.controller.image.version,
      'it has caught up',
    );
    expect(
      beats.every(({ offline, wantsShutdown }) => offline.length === 0 && !wantsShutdown),
    ).toBe(true);
    await brokers.node().shutdown();
    expect(beats.at(-1)?.wantsShutdown).toBe(true);
  }, 20_000);

  it('counts requests with the bytes of their records', async () => {
    const seen: [string, number, number][] = [];
    await start({
      onRequest: (api, _version, durationMs, bytesIn, bytesOut) => {
        expect(durationMs).toBeGreaterThanOrEqual(0);
        seen.push([api, bytesIn, bytesOut]);
      },
    });
    await create('t', 1);
    await produce('t', 1, ['abc']);
    const size = batch(['abc']).length;
    await brokers.call('Fetch', 12, {
      topics: [{ topic: 't', partitions: [{ partition: 0, partitionMaxBytes: 1000 }] }],
    });
    expect(seen).toEqual([
      ['CreateTopics', 0, 0],
      ['Produce', size, 0],
      ['Fetch', 0, size],
    ]);
  }, 20_000);
});

function awayWhen(controller: ControllerPort, isAway: () => boolean): ControllerPort {
  return new Proxy(controller, {
    get(target, name) {
      const method = Reflect.get(target, name, target) as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        if (isAway()) throw new VarveError('NOT_CONTROLLER', 'away for a test');
        const answer = await method.apply(target, args);
        if (isAway()) throw new VarveError('NOT_CONTROLLER', 'away for a test');
        return answer;
      };
    },
  });
}
