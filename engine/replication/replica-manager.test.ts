import { describe, expect, test } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { batchOf } from '../testing/replica-cluster.js';
import { cluster, produce, startCluster, threeReplicas } from '../testing/replica-test.js';

describe('the rest', () => {
  test('read_committed stops at the first open transaction, read_uncommitted does not', async () => {
    startCluster({ brokers: 1 });
    await cluster.createTopic('t', [[1]]);
    produce(1, ['a']);
    const records = batchOf(['b'], { id: 5, epoch: 0, sequence: 0 }, undefined, true);
    cluster.manager(1).produce([{ topic: 't', partition: 0, records }], { acks: -1, timeoutMs: 0 });
    const read = (isolationLevel: number, fetchOffset: number) =>
      cluster.manager(1).fetch({
        replicaId: -1,
        replicaEpoch: -1,
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: 1 << 20,
        isolationLevel,
        partitions: [
          {
            topic: 't',
            topicId: '',
            partition: 0,
            currentLeaderEpoch: -1,
            fetchOffset,
            lastFetchedEpoch: -1,
            logStartOffset: -1,
            partitionMaxBytes: 1 << 20,
          },
        ],
      });
    const offsets = { highWatermark: 2, lastStableOffset: 1 };
    expect(read(1, 1)).toMatchObject([
      { ...offsets, records: { length: 0 }, abortedTransactions: [] },
    ]);
    expect(read(0, 1)).toMatchObject([{ ...offsets, abortedTransactions: null }]);
    expect((read(0, 1) as { records: Buffer }[])[0]!.records.length).toBe(records.length);
    const latest = (isolationLevel: number) =>
      cluster
        .manager(1)
        .listOffset(
          { topic: 't', partition: 0, currentLeaderEpoch: -1, timestamp: -1 },
          { replicaId: -1, isolationLevel },
        ).offset;
    expect([latest(0), latest(1)]).toEqual([2, 1]);
  });

  test('offsets by time, the largest time, the earliest, and those only tiered storage has', async () => {
    startCluster({ brokers: 1 });
    await cluster.createTopic('t', [[1]]);
    const baseMs = 1_700_000_000_000 - 60_000;
    for (const [i, ms] of [0, 500, 200].entries()) {
      const records = batchOf([`v${i}`], null, baseMs + ms);
      cluster
        .manager(1)
        .produce([{ topic: 't', partition: 0, records }], { acks: 1, timeoutMs: 0 });
    }
    const ask = (timestamp: number) => {
      const {
        errorCode,
        offset,
        timestamp: found,
        leaderEpoch,
      } = cluster
        .manager(1)
        .listOffset(
          { topic: 't', partition: 0, currentLeaderEpoch: 0, timestamp },
          { replicaId: -1, isolationLevel: 0 },
        );
      return [errorCode, offset, found, leaderEpoch];
    };
    expect(ask(baseMs + 100)).toEqual([0, 1, baseMs + 500, 0]);
    expect(ask(baseMs + 501)).toEqual([0, -1, -1, -1]);
    expect(ask(-1)).toEqual([0, 3, -1, 0]);
    expect(ask(-2)).toEqual([0, 0, -1, 0]);
    expect(ask(-3)).toEqual([0, 1, baseMs + 500, 0]);
    expect(ask(-4)).toEqual([0, 0, -1, 0]);
    expect(ask(-5)).toEqual([0, -1, -1, -1]);
    expect(ask(-6)[0]).toBe(KafkaError.INVALID_REQUEST);
  });

  test('the end of an epoch, as followers of older protocols and consumers ask for it', async () => {
    await threeReplicas();
    await produce(1, ['a', 'b']).done;
    await cluster.decide({ leader: 1 });
    const ask = (leaderEpoch: number, currentLeaderEpoch = 1) =>
      cluster
        .manager(1)
        .offsetForLeaderEpoch({ topic: 't', partition: 0, currentLeaderEpoch, leaderEpoch });
    expect(ask(0)).toMatchObject({ errorCode: 0, leaderEpoch: 0, endOffset: 2 });
    expect(ask(1)).toMatchObject({ errorCode: 0, leaderEpoch: 1, endOffset: 2 });
    expect(ask(5)).toMatchObject({ errorCode: 0, leaderEpoch: -1, endOffset: -1 });
    expect(ask(0, 0)).toMatchObject({ errorCode: KafkaError.FENCED_LEADER_EPOCH });
  });

  test('closing answers everything that waits', async () => {
    await threeReplicas();
    cluster.cut(1, 2);
    const produced = produce(1, ['a']);
    const fetched = Promise.resolve(
      cluster.manager(1).fetch({
        replicaId: -1,
        replicaEpoch: -1,
        maxWaitMs: 30_000,
        minBytes: 1,
        maxBytes: 1,
        isolationLevel: 0,
        partitions: [
          {
            topic: 't',
            topicId: '',
            partition: 0,
            currentLeaderEpoch: -1,
            fetchOffset: 0,
            lastFetchedEpoch: -1,
            logStartOffset: -1,
            partitionMaxBytes: 1,
          },
        ],
      }),
    );
    const committed = cluster.manager(1).waitForHighWatermark('t', 0, 1);
    await cluster.stop(1);
    const errorCode = KafkaError.NOT_LEADER_OR_FOLLOWER;
    expect(await produced.done).toMatchObject({ errorCode });
    expect(await fetched).toMatchObject([{ errorCode }]);
    expect(await committed).toBe(false);
  });

  test('the coordinator may write its internal topic, and waits until it is committed', async () => {
    startCluster();
    await cluster.createTopic('__consumer_offsets', [[1, 2]], { 'cleanup.policy': 'compact' });
    const append = cluster
      .manager(1)
      .appendLocal('__consumer_offsets', 0, batchOf(['k']), { timeoutMs: 5000 });
    expect(await cluster.manager(1).waitForHighWatermark('__consumer_offsets', 0, 1)).toBe(true);
    expect(await append).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(cluster.manager(1).leaderLog('__consumer_offsets', 0)?.highWatermark).toBe(1);
    expect(cluster.manager(2).leaderLog('__consumer_offsets', 0)).toBeNull();
  });

  test('logs that the metadata gives nobody here are deleted when asked, the others stay', async () => {
    await threeReplicas();
    const stray = { topic: 'old', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partition: 2 };
    await cluster.broker(2).logs.hostPartition({ ...stray, config: {} });
    expect(await cluster.manager(2).removeStrays()).toMatchObject([stray]);
    expect([...cluster.broker(2).logs.open.keys()]).toEqual(['t-0']);
  });

  test('a log that becomes a replica while strays are deleted stays', async () => {
    startCluster();
    await cluster.createTopic('t', [
      [1, 3],
      [1, 3],
    ]);
    const { logs } = cluster.broker(2);
    const { topicId } = cluster.image.topics.get('t')!;
    for (const partition of [0, 1]) {
      await logs.hostPartition({ topic: 't', topicId, partition, config: {} });
    }
    const removed = cluster.manager(2).removeStrays();
    await cluster.decide({ replicas: [1, 3, 2] }, 't', 1);
    expect(await removed).toMatchObject([{ topic: 't', topicId, partition: 0 }]);
    expect([...logs.open.keys()]).toEqual(['t-1']);
    expect(cluster.log(2, 't', 1).isClosed).toBe(false);
  });
});
