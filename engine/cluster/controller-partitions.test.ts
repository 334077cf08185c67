import { describe, expect, it } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { TestController } from '../testing/test-controller.js';

async function threeBrokers(): Promise<TestController> {
  const t = await TestController.open();
  await t.startAll(1, 2, 3);
  await t.create('a', { assignments: [[1, 2, 3]] });
  return t;
}

describe('alterPartitions', () => {
  it('shrinks and expands the ISR, each time in a new partition epoch', async () => {
    const t = await threeBrokers();
    const answer = await t.alterIsr('a', [1, 2]);
    expect(answer.errorCode).toBe(KafkaError.NONE);
    expect(answer.state).toMatchObject({ isr: [1, 2], leaderEpoch: 0, partitionEpoch: 1 });
    expect((await t.alterIsr('a', [1, 2, 3])).state).toMatchObject({
      isr: [1, 2, 3],
      partitionEpoch: 2,
    });
  });

  it('the same ISR again changes nothing', async () => {
    const t = await threeBrokers();
    const { version } = t.controller.image;
    expect(await t.alterIsr('a', [1, 2, 3])).toMatchObject({ errorCode: KafkaError.NONE });
    expect(t.controller.image.version).toBe(version);
  });

  const refused: readonly [string, Parameters<TestController['alterIsr']>[2], number[], number][] =
    [
      [
        'an older partition epoch',
        { partitionEpoch: 0 },
        [1, 2],
        KafkaError.INVALID_UPDATE_VERSION,
      ],
      ['a later partition epoch', { partitionEpoch: 9 }, [1, 2], KafkaError.NOT_CONTROLLER],
      ['an older leader epoch', { leaderEpoch: 0 }, [1, 2], KafkaError.FENCED_LEADER_EPOCH],
      ['a later leader epoch', { leaderEpoch: 9 }, [1, 2], KafkaError.NOT_CONTROLLER],
      ['a broker that does not lead', { from: 2 }, [1, 2], KafkaError.INVALID_REQUEST],
      ['an earlier life of the leader', { brokerEpoch: 1 }, [1, 2], KafkaError.STALE_BROKER_EPOCH],
      ['an ISR without the leader', {}, [2, 3], KafkaError.INVALID_REQUEST],
      ['an empty ISR', {}, [], KafkaError.INVALID_REQUEST],
      ['a broker that is no replica', {}, [1, 4], KafkaError.INVALID_REQUEST],
      ['a broker twice', {}, [1, 2, 2], KafkaError.INVALID_REQUEST],
      ['recovery that nobody asked for', { isRecovering: true }, [1], KafkaError.INVALID_REQUEST],
      ['a fenced replica', {}, [1, 3], KafkaError.INELIGIBLE_REPLICA],
      ['an earlier life of a replica', { epochs: { 2: 1 } }, [1, 2], KafkaError.INELIGIBLE_REPLICA],
    ];
  it.each(refused)('refuses %s', async (_, options, isr, errorCode) => {
    const t = await TestController.open();
    await t.startAll(1, 2, 3, 4);
    await t.create('a', { assignments: [[1, 2, 3]] });
    // Leader epoch 2, led by 1 again; broker 3 is fenced.
    await t.controller.brokerFailed(1);
    await t.start(1);
    await t.alterIsr('a', [1, 2, 3]);
    await t.controller.electLeaders({ type: 'preferred', partitions: null });
    await t.controller.brokerFailed(3);
    const before = t.partition('a');
    expect(before).toMatchObject({ leader: 1, leaderEpoch: 2, isr: [1, 2] });
    expect(await t.alterIsr('a', isr, options)).toMatchObject({ errorCode, state: before });
    expect(t.partition('a')).toBe(before);
  });

  it('refuses what it does not know', async () => {
    const t = await threeBrokers();
    const { topicId } = t.controller.image.topics.get('a')!;
    const ask = (id: string, partition: number) =>
      t.controller.alterPartitions({
        brokerId: 1,
        brokerEpoch: t.epochs.get(1)!,
        changes: [
          {
            topicId: id,
            partition,
            leaderEpoch: 0,
            partitionEpoch: 0,
            newIsr: [{ brokerId: 1, brokerEpoch: t.epochs.get(1)! }],
            isRecovering: false,
          },
        ],
      });
    expect(await ask('AAECAwQFBgcICQoLDA0ODw', 0)).toMatchObject([
      { errorCode: KafkaError.UNKNOWN_TOPIC_ID, state: null },
    ]);
    expect(await ask(topicId, 7)).toMatchObject([
      { errorCode: KafkaError.UNKNOWN_TOPIC_OR_PARTITION, state: null },
    ]);
  });

  it('two changes from one state: the first holds, the second is told', async () => {
    const t = await threeBrokers();
    const [first, second] = await Promise.all([t.alterIsr('a', [1, 2]), t.alterIsr('a', [1, 3])]);
    expect(first.errorCode).toBe(KafkaError.NONE);
    expect(second).toMatchObject({
      errorCode: KafkaError.INVALID_UPDATE_VERSION,
      state: { isr: [1, 2], partitionEpoch: 1 },
    });
  });
});

describe('electLeaders preferred', () => {
  async function movedAway(): Promise<TestController> {
    const t = await threeBrokers();
    await t.controller.brokerFailed(1);
    await t.start(1);
    expect(t.partition('a')).toMatchObject({ leader: 2, isr: [2, 3] });
    return t;
  }
  const preferred = (t: TestController, topic = 'a', partition = 0) =>
    t.controller.electLeaders({ type: 'preferred', partitions: [{ topic, partition }] });

  it('waits for the first replica to be in sync, and is then not needed again', async () => {
    const t = await movedAway();
    expect(await preferred(t)).toMatchObject([
      { errorCode: KafkaError.PREFERRED_LEADER_NOT_AVAILABLE },
    ]);
    await t.alterIsr('a', [2, 3, 1]);
    expect(await preferred(t)).toMatchObject([{ errorCode: KafkaError.NONE }]);
    expect(t.partition('a')).toMatchObject({ leader: 1, leaderEpoch: 2, isr: [2, 3, 1] });
    expect(await preferred(t)).toMatchObject([{ errorCode: KafkaError.ELECTION_NOT_NEEDED }]);
    expect(await t.controller.electLeaders({ type: 'preferred', partitions: null })).toEqual([]);
  });

  it('says which topic or partition there is not', async () => {
    const t = await threeBrokers();
    expect(await preferred(t, 'b')).toMatchObject([
      { errorCode: KafkaError.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: 'No such topic as b' },
    ]);
    expect(await preferred(t, 'a', 4)).toMatchObject([
      {
        errorCode: KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
        errorMessage: 'No such partition as a-4',
      },
    ]);
  });

  it('happens by itself every leader.imbalance.check.interval.seconds', async () => {
    const t = await movedAway();
    await t.alterIsr('a', [2, 3, 1]);
    for (let ms = 0; ms < 300_000; ms += 5_000) {
      expect(t.partition('a').leader).toBe(2);
      await t.timers.advanceAsync(5_000);
      for (const id of [1, 2, 3]) await t.beat(id);
    }
    expect(t.partition('a').leader).toBe(1);
  });
});

describe('reassignPartitions', () => {
  const reassign = (t: TestController, replicas: number[] | null, partition = 0) =>
    t.controller.reassignPartitions({ partitions: [{ topic: 'a', partition, replicas }] });

  async function fourBrokers(): Promise<TestController> {
    const t = await threeBrokers();
    await t.start(4);
    return t;
  }

  it('adds the new replicas, and removes the old ones when the new ones are in sync', async () => {
    const t = await fourBrokers();
    expect(await reassign(t, [4, 3])).toMatchObject([{ errorCode: KafkaError.NONE }]);
    expect(t.partition('a')).toMatchObject({
      replicas: [4, 3, 1, 2],
      adding: [4],
      removing: [1, 2],
      isr: [1, 2, 3],
      leader: 1,
    });
    const answer = await t.alterIsr('a', [1, 2, 3, 4]);
    expect(answer.errorCode).toBe(KafkaError.NEW_LEADER_ELECTED);
    expect(t.partition('a')).toMatchObject({
      replicas: [4, 3],
      adding: [],
      removing: [],
      isr: [3, 4],
      leader: 4,
      leaderEpoch: 1,
    });
  });

  it('is done at once where the new replicas are in sync', async () => {
    const t = await fourBrokers();
    await reassign(t, [2, 1]);
    expect(t.partition('a')).toMatchObject({
      replicas: [2, 1],
      isr: [1, 2],
      leader: 1,
      leaderEpoch: 1,
    });
  });

  it('can be undone', async () => {
    const t = await fourBrokers();
    await reassign(t, [4, 1]);
    expect(await reassign(t, null)).toMatchObject([{ errorCode: KafkaError.NONE }]);
    expect(t.partition('a')).toMatchObject({ adding: [], removing: [], leader: 1 });
    expect([...t.partition('a').replicas].sort()).toEqual([1, 2, 3]);
    expect(await reassign(t, null)).toMatchObject([
      { errorCode: KafkaError.NO_REASSIGNMENT_IN_PROGRESS },
    ]);
  });

  it('can be changed on its way', async () => {
    const t = await fourBrokers();
    await t.start(5);
    await reassign(t, [4, 2]);
    await reassign(t, [5, 2]);
    expect(t.partition('a')).toMatchObject({
      replicas: [5, 2, 4, 1, 3],
      adding: [5],
      removing: [4, 1, 3],
    });
    await t.alterIsr('a', [1, 2, 3, 5]);
    expect(t.partition('a')).toMatchObject({ replicas: [5, 2], isr: [2, 5], leader: 5 });
  });

  it('refuses replicas that cannot be', async () => {
    const t = await threeBrokers();
    const code = KafkaError.INVALID_REPLICA_ASSIGNMENT;
    expect(await reassign(t, [])).toMatchObject([{ errorCode: code }]);
    expect(await reassign(t, [1, 1])).toMatchObject([{ errorCode: code }]);
    expect(await reassign(t, [1, 9])).toMatchObject([{ errorCode: code }]);
    expect(await reassign(t, [1, -1])).toMatchObject([{ errorCode: code }]);
    expect(await reassign(t, [1, 2], 5)).toMatchObject([
      { errorCode: KafkaError.UNKNOWN_TOPIC_OR_PARTITION },
    ]);
  });
});
