import { afterEach, describe, expect, it } from 'vitest';
import { ZERO_UUID } from '../format/uuid.js';
import { Brokers } from '../testing/broker-harness.js';
import { batch } from '../testing/produce-batch.js';

let brokers: Brokers | null = null;
afterEach(async () => {
  await brokers?.close();
  brokers = null;
});

describe('one broker', () => {
  it('takes records and gives them back, and keeps a group with its offsets', async () => {
    brokers = await Brokers.start();
    const { apiKeys } = await brokers.call('ApiVersions', 3, {
      clientSoftwareName: 'test',
      clientSoftwareVersion: '1.0',
    });
    expect(apiKeys.find(({ apiKey }) => apiKey === 0)).toEqual({
      apiKey: 0,
      minVersion: 0,
      maxVersion: 12,
    });

    const created = await brokers.call('CreateTopics', 7, {
      topics: [{ name: 'orders', numPartitions: 2, replicationFactor: 1 }],
    });
    expect(created.topics[0]).toMatchObject({ name: 'orders', errorCode: 0, numPartitions: 2 });

    const metadata = await brokers.call('Metadata', 12, {
      topics: [{ name: 'orders', topicId: ZERO_UUID }],
    });
    expect(metadata.brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: 9001, rack: null }]);
    expect(metadata.controllerId).toBe(1);
    expect(metadata.topics[0]?.partitions.map(({ leaderId }) => leaderId)).toEqual([1, 1]);
    const topicId = metadata.topics[0]?.topicId ?? '';

    const produced = await brokers.call('Produce', 9, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        { name: 'orders', partitionData: [{ index: 1, records: batch(['a', 'b', 'c']) }] },
      ],
    });
    expect(produced.responses[0]?.partitionResponses[0]).toMatchObject({
      index: 1,
      errorCode: 0,
      baseOffset: 0,
      logStartOffset: 0,
    });

    const offsets = await brokers.call('ListOffsets', 5, {
      replicaId: -1,
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, timestamp: -1 }] }],
    });
    expect(offsets.topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, offset: 3 });

    const fetched = await brokers.call('Fetch', 13, {
      maxWaitMs: 100,
      minBytes: 1,
      maxBytes: 1 << 20,
      topics: [
        {
          topicId,
          partitions: [{ partition: 1, fetchOffset: 0, partitionMaxBytes: 1 << 20 }],
        },
      ],
    });
    const partition = fetched.responses[0]?.partitions[0];
    expect(partition).toMatchObject({ errorCode: 0, highWatermark: 3, logStartOffset: 0 });
    expect(partition?.records?.length).toBe(batch(['a', 'b', 'c']).length);

    const found = await brokers.call('FindCoordinator', 4, { coordinatorKeys: ['g1'] });
    expect(found.coordinators[0]).toMatchObject({ errorCode: 0, nodeId: 1, port: 9001 });

    const joining = {
      groupId: 'g1',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('sub') }],
    };
    const first = await brokers.call('JoinGroup', 5, { ...joining, memberId: '' });
    expect(first.errorCode).toBe(79);
    const joined = await brokers.call('JoinGroup', 5, { ...joining, memberId: first.memberId });
    expect(joined).toMatchObject({ errorCode: 0, leader: first.memberId, generationId: 1 });
    const group = { groupId: 'g1', memberId: first.memberId, generationId: 1 };
    const synced = await brokers.call('SyncGroup', 3, {
      ...group,
      assignments: [{ memberId: first.memberId, assignment: Buffer.from('mine') }],
    });
    expect(synced.assignment.toString()).toBe('mine');
    expect(await brokers.call('Heartbeat', 3, group)).toMatchObject({ errorCode: 0 });
    const committed = await brokers.call('OffsetCommit', 7, {
      groupId: 'g1',
      memberId: first.memberId,
      generationIdOrMemberEpoch: 1,
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, committedOffset: 2 }] }],
    });
    expect(committed.topics[0]?.partitions[0]?.errorCode).toBe(0);
    const fetchedOffsets = await brokers.call('OffsetFetch', 7, {
      groupId: 'g1',
      topics: [{ name: 'orders', partitionIndexes: [1] }],
    });
    expect(fetchedOffsets.topics[0]?.partitions[0]).toMatchObject({ committedOffset: 2 });
  }, 20_000);
});
