import { describe, expect, test } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { batchOf } from '../testing/replica-cluster.js';
import { cluster, consume, produce, startCluster, threeReplicas } from '../testing/replica-test.js';
import { settled } from '../testing/simulated-timers.js';

describe('fetch', () => {
  test('consumers see what is committed', async () => {
    await threeReplicas();
    cluster.cut(1, 2);
    produce(1, ['a']);
    await settled();
    expect(consume(1, 0)).toMatchObject([
      { errorCode: 0, highWatermark: 0, records: { length: 0 } },
    ]);
    cluster.heal();
    await cluster.advance(2000);
    const [read] = await consume(1, 0);
    expect(read).toMatchObject({ errorCode: 0, highWatermark: 1, lastStableOffset: 1 });
    expect(read!.records.length).toBeGreaterThan(0);
  });

  test('waits for records, and is answered when they are committed', async () => {
    await threeReplicas();
    let answer: unknown = null;
    const partition = {
      topic: 't',
      topicId: '',
      partition: 0,
      currentLeaderEpoch: 0,
      fetchOffset: 0,
      lastFetchedEpoch: -1,
      logStartOffset: -1,
      partitionMaxBytes: 1000,
    };
    const options = {
      replicaId: -1,
      replicaEpoch: -1,
      maxWaitMs: 10_000,
      minBytes: 1,
      maxBytes: 1000,
      isolationLevel: 0,
      partitions: [partition],
    };
    void Promise.resolve(cluster.manager(1).fetch(options)).then((results) => {
      answer = results;
    });
    await cluster.advance(3000);
    expect(answer).toBeNull();
    await produce(1, ['a']).done;
    await settled();
    expect(answer).toMatchObject([{ errorCode: 0, highWatermark: 1 }]);
    // Nothing new: empty when its time is over.
    let second: unknown = null;
    void Promise.resolve(
      cluster.manager(1).fetch({ ...options, partitions: [{ ...partition, fetchOffset: 1 }] }),
    ).then((results) => {
      second = results;
    });
    await cluster.advance(10_010);
    expect(second).toMatchObject([{ errorCode: 0, records: { length: 0 } }]);
  });

  test('waits for minBytes of all partitions together', async () => {
    startCluster({ brokers: 1 });
    await cluster.createTopic('t', [[1], [1]]);
    const size = batchOf(['a']).length;
    const partitions = [0, 1].map((partition) => ({
      topic: 't',
      topicId: '',
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: 0,
      lastFetchedEpoch: -1,
      logStartOffset: -1,
      partitionMaxBytes: 1000,
    }));
    let answer: unknown = null;
    const manager = cluster.manager(1);
    const put = (partition: number) =>
      manager.produce([{ topic: 't', partition, records: batchOf(['a']) }], {
        acks: 1,
        timeoutMs: 0,
      });
    put(0);
    void Promise.resolve(
      manager.fetch({
        replicaId: -1,
        replicaEpoch: -1,
        maxWaitMs: 1000,
        minBytes: 3 * size,
        maxBytes: 1 << 20,
        isolationLevel: 0,
        partitions,
      }),
    ).then((results) => {
      answer = results.map(({ records }) => records.length);
    });
    put(1);
    await settled();
    expect(answer).toBeNull();
    put(1);
    await settled();
    expect(answer).toEqual([size, 2 * size]);
  });

  test('what comes in one tick is one answer, to a consumer and to a follower', async () => {
    startCluster({ brokers: 2 });
    await cluster.createTopic('t', [
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    await cluster.advance(100);
    const manager = cluster.manager(1);
    const size = batchOf(['a']).length;
    let answer: number[] | null = null;
    const partitions = [0, 1, 2].map((partition) => ({
      topic: 't',
      topicId: '',
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: 0,
      lastFetchedEpoch: -1,
      logStartOffset: -1,
      partitionMaxBytes: 1000,
    }));
    const options = { replicaId: -1, replicaEpoch: -1, maxWaitMs: 10_000, minBytes: 1 };
    void Promise.resolve(
      manager.fetch({ ...options, maxBytes: 1 << 20, isolationLevel: 0, partitions }),
    ).then((results) => {
      answer = results.map(({ records }) => records.length);
    });
    const fetches = cluster.fetches.get(2)!;
    // As requests that come in one read of a socket.
    for (const partition of [0, 1, 2, 0]) {
      void manager.produce([{ topic: 't', partition, records: batchOf(['a']) }], {
        acks: -1,
        timeoutMs: 1000,
      });
    }
    expect(answer).toBeNull();
    await settled();
    expect(answer).toEqual([2 * size, size, size]);
    // One brings everything and says so, the next is answered with the high watermarks or waits.
    expect(cluster.fetches.get(2)! - fetches).toBeLessThanOrEqual(2);
  });

  test.each([
    ['an older epoch', { currentLeaderEpoch: 0 }, KafkaError.FENCED_LEADER_EPOCH],
    ['a later epoch', { currentLeaderEpoch: 2 }, KafkaError.UNKNOWN_LEADER_EPOCH],
    ['another topic id', { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ' }, KafkaError.INCONSISTENT_TOPIC_ID],
    ['a partition that is not there', { partition: 9 }, KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
    ['an offset above the end', { fetchOffset: 5 }, KafkaError.OFFSET_OUT_OF_RANGE],
  ])('with %s: its error, at once', async (_, over, errorCode) => {
    await threeReplicas();
    await cluster.decide({ leader: 1 });
    expect(consume(1, 0, over)).toMatchObject([{ errorCode, highWatermark: -1 }]);
  });

  test('the first batch comes whole however large, further ones only if they fit', async () => {
    startCluster({ brokers: 1 });
    await cluster.createTopic('t', [[1], [1]]);
    const records = batchOf(['x'.repeat(500)]);
    for (const partition of [0, 1]) {
      cluster.manager(1).produce([{ topic: 't', partition, records }], { acks: 1, timeoutMs: 0 });
    }
    const results = cluster.manager(1).fetch({
      replicaId: -1,
      replicaEpoch: -1,
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: records.length + 10,
      isolationLevel: 0,
      partitions: [0, 1].map((partition) => ({
        topic: 't',
        topicId: '',
        partition,
        currentLeaderEpoch: -1,
        fetchOffset: 0,
        lastFetchedEpoch: -1,
        logStartOffset: -1,
        partitionMaxBytes: 10,
      })),
    });
    expect((results as { records: Buffer }[]).map((r) => r.records.length)).toEqual([
      records.length,
      0,
    ]);
  });
});
