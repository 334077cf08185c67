import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KafkaError } from '../../protocol/error-codes.js';
import { Brokers } from '../../testing/broker-harness.js';
import { batch } from '../../testing/produce-batch.js';

let brokers: Brokers;
beforeAll(async () => {
  brokers = await Brokers.start({ settings: { 'group.initial.rebalance.delay.ms': 0 } });
  await brokers.call('CreateTopics', 7, {
    topics: [{ name: 't', numPartitions: 1, replicationFactor: 1 }],
  });
  for (const timestamp of [1000, 2000, 3000]) {
    await brokers.call('Produce', 9, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        {
          name: 't',
          partitionData: [{ index: 0, records: batch([{ value: 'v', timestamp }]) }],
        },
      ],
    });
  }
});
afterAll(() => brokers.close());

async function list(
  version: number,
  timestamp: number,
  o: { topic?: string; partition?: number; epoch?: number } = {},
) {
  const { topics } = await brokers.call('ListOffsets', version, {
    replicaId: -1,
    topics: [
      {
        name: o.topic ?? 't',
        partitions: [
          {
            partitionIndex: o.partition ?? 0,
            currentLeaderEpoch: o.epoch ?? -1,
            timestamp,
          },
        ],
      },
    ],
  });
  return topics[0]?.partitions[0];
}

describe('ListOffsets', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9])('serves version %i', async (version) => {
    expect(await list(version, -1)).toMatchObject({ errorCode: 0, offset: 3 });
    expect(await list(version, -2)).toMatchObject({ errorCode: 0, offset: 0 });
    expect(await list(version, 1500)).toMatchObject({ errorCode: 0, offset: 1, timestamp: 2000 });
    expect(await list(version, 9999)).toMatchObject({ errorCode: 0, offset: -1, timestamp: -1 });
  });

  it('knows special timestamps from the version on that brought them', async () => {
    const code = async (version: number, timestamp: number) =>
      (await list(version, timestamp))?.errorCode;
    expect(await code(6, -3)).toBe(KafkaError.UNSUPPORTED_VERSION);
    expect(await list(7, -3)).toMatchObject({ errorCode: 0, offset: 2, timestamp: 3000 });
    expect(await code(7, -4)).toBe(KafkaError.UNSUPPORTED_VERSION);
    expect(await list(8, -4)).toMatchObject({ errorCode: 0, offset: 0 });
    expect(await code(8, -5)).toBe(KafkaError.UNSUPPORTED_VERSION);
    expect(await code(9, -5)).toBe(0);
    expect(await code(9, -9)).toBe(KafkaError.UNSUPPORTED_VERSION);
  });

  it('refuses what is not there, given twice, or of another epoch', async () => {
    expect((await list(5, -1, { topic: 'x' }))?.errorCode).toBe(3);
    expect((await list(5, -1, { partition: 4 }))?.errorCode).toBe(3);
    expect((await list(5, -1, { epoch: 40 }))?.errorCode).toBe(KafkaError.UNKNOWN_LEADER_EPOCH);
    const one = { partitionIndex: 0, timestamp: -1 };
    const { topics } = await brokers.call('ListOffsets', 5, {
      replicaId: -1,
      topics: [{ name: 't', partitions: [one, one] }],
    });
    expect(topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([42, 42]);
  });
});

describe('OffsetForLeaderEpoch', () => {
  it.each([2, 3, 4])('serves version %i', async (version) => {
    const ask = async (topic: string, partition: number, leaderEpoch: number) => {
      const { topics } = await brokers.call('OffsetForLeaderEpoch', version, {
        topics: [{ topic, partitions: [{ partition, currentLeaderEpoch: -1, leaderEpoch }] }],
      });
      return topics[0]?.partitions[0];
    };
    const epoch = brokers.node().partition('t', 0)?.leaderEpoch ?? -1;
    expect(await ask('t', 0, epoch)).toMatchObject({ errorCode: 0, endOffset: 3 });
    expect(await ask('t', 0, epoch + 5)).toMatchObject({ errorCode: 0, endOffset: -1 });
    expect((await ask('t', 3, 0))?.errorCode).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
  });
});

describe('InitProducerId', () => {
  it.each([0, 1, 2, 3, 4, 5])('version %i gives ids that differ', async (version) => {
    const asked = Array.from({ length: 30 }, () =>
      brokers.call('InitProducerId', version, { transactionalId: null }),
    );
    const answers = await Promise.all(asked);
    expect(answers.every(({ errorCode, producerEpoch }) => errorCode + producerEpoch === 0)).toBe(
      true,
    );
    expect(new Set(answers.map(({ producerId }) => producerId)).size).toBe(30);
  });

  it('goes on with a new block when one is used up', async () => {
    const seen = new Set<number>();
    for (let i = 0; i < 2500; i += 1) {
      const { producerId } = await brokers.call('InitProducerId', 0, { transactionalId: null });
      seen.add(producerId);
    }
    expect(seen.size).toBe(2500);
  });

  it('refuses a transactional id with a code that clients do not retry', async () => {
    const refused = await brokers.call('InitProducerId', 4, {
      transactionalId: 'tx',
      transactionTimeoutMs: 1000,
    });
    expect(refused).toMatchObject({ errorCode: KafkaError.INVALID_REQUEST, producerId: -1 });
  });
});

describe('FindCoordinator', () => {
  it.each([0, 1, 2, 3, 4, 5, 6])(
    'version %i makes __consumer_offsets and names its leader',
    async (version) => {
      const answer = await brokers.call(
        'FindCoordinator',
        version,
        version < 4 ? { key: 'g' } : { coordinatorKeys: ['g', 'h'] },
      );
      const found = version < 4 ? [answer] : answer.coordinators;
      expect(found).toHaveLength(version < 4 ? 1 : 2);
      for (const its of found) {
        expect(its).toMatchObject({ errorCode: 0, nodeId: 1, host: '127.0.0.1', port: 9001 });
      }
      const topic = brokers.node().image.topics.get('__consumer_offsets');
      expect(topic?.partitions).toHaveLength(50);
      expect(topic?.config['cleanup.policy']).toBe('compact');
    },
  );

  it('has no coordinator of transactions', async () => {
    const refused = await brokers.call('FindCoordinator', 2, { key: 'tx', keyType: 1 });
    expect(refused).toMatchObject({ errorCode: KafkaError.INVALID_REQUEST, nodeId: -1 });
    const many = await brokers.call('FindCoordinator', 4, { coordinatorKeys: ['x'], keyType: 9 });
    expect(many.coordinators[0]?.errorCode).toBe(KafkaError.INVALID_REQUEST);
  });
});

describe('groups', () => {
  it('are joined, described, listed, emptied and deleted', async () => {
    const groupId = 'whole-life';
    const joining = {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      groupInstanceId: 'i1',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('m') }],
    };
    const joined = await brokers.call('JoinGroup', 9, joining, { clientId: 'app' });
    expect(joined).toMatchObject({ errorCode: 0, protocolName: 'range' });
    const { generationId, memberId } = joined;
    const assignments = [{ memberId, assignment: Buffer.from('all') }];
    await brokers.call('SyncGroup', 5, {
      groupId,
      generationId,
      memberId,
      groupInstanceId: 'i1',
      protocolType: 'consumer',
      protocolName: 'range',
      assignments,
    });
    const described = await brokers.call('DescribeGroups', 5, {
      groups: [groupId, 'nobody'],
      includeAuthorizedOperations: true,
    });
    expect(described.groups[0]).toMatchObject({
      errorCode: 0,
      groupState: 'Stable',
      members: [{ clientId: 'app', clientHost: '/127.0.0.1', groupInstanceId: 'i1' }],
    });
    expect(described.groups[0]?.authorizedOperations).toBeGreaterThan(0);
    expect(described.groups[1]).toMatchObject({ groupState: 'Dead' });
    const listed = await brokers.call('ListGroups', 4, { statesFilter: ['Stable'] });
    expect(listed.groups.map((group) => group.groupId)).toContain(groupId);

    const commit = (topic: string, partitionIndex: number) =>
      brokers.call('OffsetCommit', 8, {
        groupId,
        memberId,
        groupInstanceId: 'i1',
        generationIdOrMemberEpoch: generationId,
        topics: [
          {
            name: topic,
            partitions: [{ partitionIndex, committedOffset: 3, committedMetadata: 'note' }],
          },
        ],
      });
    expect((await commit('t', 0)).topics[0]?.partitions[0]?.errorCode).toBe(0);
    expect((await commit('nowhere', 0)).topics[0]?.partitions[0]?.errorCode).toBe(
      KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
    );
    const fetched = await brokers.call('OffsetFetch', 8, { groups: [{ groupId, topics: null }] });
    expect(fetched.groups[0]?.topics).toMatchObject([
      { name: 't', partitions: [{ committedOffset: 3, metadata: 'note' }] },
    ]);

    const busy = await brokers.call('DeleteGroups', 2, { groupsNames: [groupId] });
    expect(busy.results[0]?.errorCode).toBe(KafkaError.NON_EMPTY_GROUP);
    const left = await brokers.call('LeaveGroup', 4, {
      groupId,
      members: [{ memberId, groupInstanceId: 'i1' }],
    });
    expect(left.members[0]?.errorCode).toBe(0);
    const forgotten = await brokers.call('OffsetDelete', 0, {
      groupId,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0 }] }],
    });
    expect(forgotten.topics[0]?.partitions[0]?.errorCode).toBe(0);
    const gone = await brokers.call('DeleteGroups', 2, { groupsNames: [groupId] });
    expect(gone.results[0]?.errorCode).toBeOneOf([0, KafkaError.GROUP_ID_NOT_FOUND]);
  });
});

describe('what tools ask', () => {
  it.each([1, 2, 3, 4])('DescribeLogDirs version %i', async (version) => {
    const all = await brokers.call('DescribeLogDirs', version, { topics: null });
    const found = all.results[0]?.topics.find(({ name }) => name === 't');
    expect(all.results[0]?.logDir).toBe(brokers.node().directory.directory);
    expect(found?.partitions[0]).toMatchObject({ partitionIndex: 0, offsetLag: 0 });
    expect(found?.partitions[0]?.partitionSize).toBeGreaterThan(100);
    const some = await brokers.call('DescribeLogDirs', version, {
      topics: [
        { topic: 't', partitions: [0, 0, 7] },
        { topic: 'nowhere', partitions: [0] },
      ],
    });
    expect(some.results[0]?.topics).toHaveLength(1);
    expect(some.results[0]?.topics[0]?.partitions).toHaveLength(1);
  });

  it('DescribeProducers', async () => {
    const records = batch(['a', 'b'], { producerId: 9, producerEpoch: 1, baseSequence: 0 });
    await brokers.call('Produce', 9, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
    });
    const { topics } = await brokers.call('DescribeProducers', 0, {
      topics: [{ name: 't', partitionIndexes: [0, 3] }],
    });
    expect(topics[0]?.partitions[0]).toMatchObject({
      errorCode: 0,
      activeProducers: [
        { producerId: 9, producerEpoch: 1, lastSequence: 1, currentTxnStartOffset: -1 },
      ],
    });
    expect(topics[0]?.partitions[1]?.errorCode).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
  });

  it.each([0, 1, 2])('ElectLeaders version %i', async (version) => {
    const one = await brokers.call('ElectLeaders', version, {
      electionType: 0,
      topicPartitions: [{ topic: 't', partitions: [0] }],
    });
    expect(one.replicaElectionResults).toMatchObject([
      { topic: 't', partitionResult: [{ errorCode: KafkaError.ELECTION_NOT_NEEDED }] },
    ]);
    const all = await brokers.call('ElectLeaders', version, { topicPartitions: null });
    expect(all.replicaElectionResults).toEqual([]);
  });

  it('reassignments: refused for brokers that are not there, none under way, none to cancel', async () => {
    const answer = await brokers.call('AlterPartitionReassignments', 0, {
      topics: [
        {
          name: 't',
          partitions: [
            { partitionIndex: 0, replicas: [77] },
            { partitionIndex: 9, replicas: [1] },
          ],
        },
      ],
    });
    expect(answer.responses[0]?.partitions).toMatchObject([
      { partitionIndex: 0, errorCode: KafkaError.INVALID_REPLICA_ASSIGNMENT },
      { partitionIndex: 9, errorCode: KafkaError.UNKNOWN_TOPIC_OR_PARTITION },
    ]);
    const cancelled = await brokers.call('AlterPartitionReassignments', 0, {
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, replicas: null }] }],
    });
    expect(cancelled.responses[0]?.partitions[0]?.errorCode).toBe(85);
    const listed = await brokers.call('ListPartitionReassignments', 0, { topics: null });
    expect(listed.topics).toEqual([]);
  });
});
