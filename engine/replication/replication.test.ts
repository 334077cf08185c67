import { afterEach, describe, expect, test } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { batchOf, ReplicaCluster, type ReplicaClusterOptions } from '../testing/replica-cluster.js';
import { settled } from '../testing/simulated-timers.js';
import type { FetchPartitionRequest, PartitionProduceResult } from './types.js';

let cluster: ReplicaCluster;
afterEach(async () => {
  await cluster.close();
  expect(cluster.spinning).toBeNull();
});

async function threeReplicas(
  config: Readonly<Record<string, string>> = {},
  options: ReplicaClusterOptions = {},
): Promise<void> {
  cluster = new ReplicaCluster(options);
  await cluster.createTopic('t', [[1, 2, 3]], config);
}

type Outcome = PartitionProduceResult | 'waiting';

/** Starts a produce request and says later what became of it. */
function produce(
  leader: number,
  values: readonly string[],
  options: { acks?: number; timeoutMs?: number; producer?: Parameters<typeof batchOf>[1] } = {},
): { outcome: Outcome; done: Promise<PartitionProduceResult> } {
  const { acks = -1, timeoutMs = 30_000, producer = null } = options;
  const records = batchOf(values, producer);
  const request = [{ topic: 't', partition: 0, records }];
  const answer = cluster.manager(leader).produce(request, { acks, timeoutMs });
  const produced: { outcome: Outcome; done: Promise<PartitionProduceResult> } = {
    outcome: Array.isArray(answer) ? answer[0]! : 'waiting',
    done: Promise.resolve(answer).then((results) => results[0]!),
  };
  void produced.done.then((result) => {
    produced.outcome = result;
  });
  return produced;
}

function valuesOf(id: number, topic = 't', partition = 0): string[] {
  const log = cluster.log(id, topic, partition);
  const values: string[] = [];
  let offset = log.logStartOffset;
  while (offset < log.logEndOffset) {
    const saved = log.highWatermark;
    log.setHighWatermark(log.logEndOffset);
    const record = log.readRecord(offset, { checkCrcs: true });
    log.setHighWatermark(saved);
    if (record === null) break;
    values.push(Buffer.from(record.value!).toString());
    offset = record.offset + 1;
  }
  return values;
}

const consume = (id: number, fetchOffset: number, over: Partial<FetchPartitionRequest> = {}) =>
  cluster.manager(id).fetch({
    replicaId: -1,
    replicaEpoch: -1,
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1 << 20,
    isolationLevel: 0,
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
        ...over,
      },
    ],
  });

describe('produce', () => {
  test('acks=all is answered when every in-sync replica has the records', async () => {
    await threeReplicas();
    cluster.cut(1, 3);
    const produced = produce(1, ['a', 'b']);
    await settled();
    expect(produced.outcome).toBe('waiting');
    cluster.heal();
    await cluster.advance(2000);
    expect(produced.outcome).toMatchObject({ errorCode: 0, baseOffset: 0 });
    for (const id of [1, 2, 3]) expect(valuesOf(id)).toEqual(['a', 'b']);
  });

  test('acks=1 is answered at once, without a promise', async () => {
    await threeReplicas();
    expect(produce(1, ['a'], { acks: 1 }).outcome).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(produce(1, ['b'], { acks: 0 }).outcome).toMatchObject({ errorCode: 0, baseOffset: 1 });
  });

  test('acks=all on a single replica is answered at once', async () => {
    cluster = new ReplicaCluster();
    await cluster.createTopic('t', [[2]]);
    expect(produce(2, ['a']).outcome).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(cluster.log(2).highWatermark).toBe(1);
  });

  test.each([
    ['unknown acks', 2, KafkaError.INVALID_REQUIRED_ACKS],
    ['acks -2', -2, KafkaError.INVALID_REQUIRED_ACKS],
  ])('%s', async (_, acks, code) => {
    await threeReplicas();
    expect(produce(1, ['a'], { acks }).outcome).toMatchObject({ errorCode: code, baseOffset: -1 });
    expect(cluster.log(1).logEndOffset).toBe(0);
  });

  test('to a follower: not the leader, and who is', async () => {
    await threeReplicas();
    expect(produce(2, ['a']).outcome).toMatchObject({
      errorCode: KafkaError.NOT_LEADER_OR_FOLLOWER,
      currentLeader: { leaderId: 1, leaderEpoch: 0 },
    });
  });

  test('to nothing, to an internal topic, damaged, empty: each with its code, and the others go through', async () => {
    await threeReplicas();
    const good = batchOf(['a']);
    const bad = Buffer.from(good);
    bad[bad.length - 1]! ^= 1;
    const results = cluster.manager(1).produce(
      [
        { topic: 'none', partition: 0, records: good },
        { topic: 't', partition: 1, records: good },
        { topic: '__consumer_offsets', partition: 0, records: good },
        { topic: 't', partition: 0, records: bad },
        { topic: 't', partition: 0, records: null },
        { topic: 't', partition: 0, records: good },
      ],
      { acks: 1, timeoutMs: 0 },
    ) as PartitionProduceResult[];
    expect(results.map(({ errorCode }) => errorCode)).toEqual([
      KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
      KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
      KafkaError.INVALID_TOPIC_EXCEPTION,
      KafkaError.CORRUPT_MESSAGE,
      KafkaError.INVALID_RECORD,
      KafkaError.NONE,
    ]);
  });

  test('fewer in sync than min.insync.replicas: refused before the append, acks=1 is not', async () => {
    await threeReplicas({ 'min.insync.replicas': '2' });
    await cluster.decide({ isr: [1] });
    expect(produce(1, ['a']).outcome).toMatchObject({ errorCode: KafkaError.NOT_ENOUGH_REPLICAS });
    expect(cluster.log(1).logEndOffset).toBe(0);
    expect(produce(1, ['b'], { acks: 1 }).outcome).toMatchObject({ errorCode: 0 });
    // Not committed, so not to be seen.
    expect(cluster.log(1).highWatermark).toBe(0);
  });

  test('times out though the records may be committed later', async () => {
    await threeReplicas();
    cluster.cut(1, 2);
    const produced = produce(1, ['a'], { timeoutMs: 1500 });
    await cluster.advance(1490);
    expect(produced.outcome).toBe('waiting');
    await cluster.advance(20);
    expect(produced.outcome).toMatchObject({ errorCode: KafkaError.REQUEST_TIMED_OUT });
    cluster.heal();
    await cluster.advance(2000);
    expect(cluster.log(1).highWatermark).toBe(1);
  });

  test('waiting when the leader changes: not the leader any more', async () => {
    await threeReplicas();
    cluster.cut(1, 2);
    const produced = produce(1, ['a']);
    await cluster.decide({ leader: 3 });
    expect(produced.outcome).toMatchObject({ errorCode: KafkaError.NOT_LEADER_OR_FOLLOWER });
  });

  test('waiting while the same leader gets a new epoch: goes on waiting', async () => {
    await threeReplicas();
    cluster.cut(1, 2);
    const produced = produce(1, ['a']);
    await cluster.decide({ leader: 1 });
    expect(produced.outcome).toBe('waiting');
    cluster.heal();
    await cluster.advance(2000);
    expect(produced.outcome).toMatchObject({ errorCode: 0 });
  });

  test('an idempotent producer goes on at the new leader: a retry is recognised, a gap refused', async () => {
    await threeReplicas();
    const producer = (sequence: number) => ({ id: 7, epoch: 0, sequence });
    await produce(1, ['a', 'b'], { producer: producer(0) }).done;
    await produce(1, ['c'], { producer: producer(2) }).done;
    await cluster.decide({ leader: 2 });
    const retried = await Promise.race([
      produce(2, ['c'], { producer: producer(2) }).done,
      cluster.advance(1000).then(() => null),
    ]);
    expect(retried).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(produce(2, ['e'], { producer: producer(4) }).outcome).toMatchObject({
      errorCode: KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
    });
    const next = produce(2, ['d'], { producer: producer(3) });
    await cluster.advance(1000);
    expect(next.outcome).toMatchObject({ errorCode: 0, baseOffset: 3 });
    expect(valuesOf(3)).toEqual(['a', 'b', 'c', 'd']);
  });
});

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
    cluster = new ReplicaCluster({ brokers: 1 });
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
    cluster = new ReplicaCluster({ brokers: 1 });
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

describe('replication', () => {
  test('followers take over byte for byte, and learn the high watermark', async () => {
    await threeReplicas();
    for (let i = 0; i < 20; i += 1) produce(1, [`v${i}`]);
    await cluster.advance(1100);
    const all = cluster.log(1).read(0, { isolation: 'log_end' }).bytes;
    for (const id of [2, 3]) {
      const log = cluster.log(id);
      expect(log.read(0, { isolation: 'log_end' }).bytes.equals(all)).toBe(true);
      expect(log.highWatermark).toBe(20);
    }
  });

  test('an idle cluster costs one fetch per follower and wait', async () => {
    cluster = new ReplicaCluster();
    await cluster.createTopic(
      't',
      Array.from({ length: 50 }, () => [1, 2, 3]),
    );
    await cluster.advance(1000);
    cluster.fetches.clear();
    await cluster.advance(10_000);
    expect(cluster.fetches.get(2)).toBeLessThanOrEqual(21);
  });

  test('the ISR shrinks by a follower that is away, and grows again when it has caught up', async () => {
    await threeReplicas();
    cluster.cut(1, 3);
    const produced = produce(1, ['a'], { timeoutMs: 120_000 });
    await cluster.advance(29_000);
    expect(cluster.state().isr).toEqual([1, 2, 3]);
    expect(produced.outcome).toBe('waiting');
    await cluster.advance(17_000);
    expect(cluster.state().isr).toEqual([1, 2]);
    expect(produced.outcome).toMatchObject({ errorCode: 0 });
    expect(cluster.manager(1).partition('t', 0)).toMatchObject({ isUnderReplicated: true });
    cluster.heal();
    await cluster.advance(2000);
    expect(cluster.state().isr).toEqual([1, 2, 3]);
    expect(valuesOf(3)).toEqual(['a']);
    expect(cluster.manager(1).partition('t', 0)).toMatchObject({
      isUnderReplicated: false,
      isr: [1, 2, 3],
    });
  });

  test('the controller cannot be reached: the shrink is asked for until it is in force, and the larger ISR counts', async () => {
    await threeReplicas();
    cluster.cut(1, 3);
    cluster.refuseIsr = 'unreachable';
    const produced = produce(1, ['a'], { timeoutMs: 300_000 });
    await cluster.advance(60_000);
    expect(produced.outcome).toBe('waiting');
    cluster.refuseIsr = null;
    await cluster.advance(1100);
    expect(produced.outcome).toMatchObject({ errorCode: 0 });
    expect(cluster.state().isr).toEqual([1, 2]);
  });

  test('a refused expansion is taken back, and asked for again after a pause', async () => {
    await threeReplicas();
    cluster.refuseIsr = KafkaError.INELIGIBLE_REPLICA;
    await cluster.decide({ isr: [1, 2] });
    await cluster.advance(3000);
    const refusals = cluster.broker(1).events.filter(({ kind }) => kind === 'isr-refused');
    expect(refusals.length).toBeGreaterThan(0);
    expect(refusals.length).toBeLessThanOrEqual(4);
    cluster.refuseIsr = null;
    await cluster.advance(2000);
    expect(cluster.state().isr).toEqual([1, 2, 3]);
  });

  test('a fenced broker does not join the ISR', async () => {
    await threeReplicas();
    await cluster.fence(3);
    await cluster.decide({ isr: [1, 2] });
    await produce(1, ['a']).done;
    await cluster.advance(2000);
    expect(cluster.state().isr).toEqual([1, 2]);
    await cluster.fence(3, false);
    await cluster.advance(2000);
    expect(cluster.state().isr).toEqual([1, 2, 3]);
  });

  test('a failing partition does not hold up the others of the same leader', async () => {
    cluster = new ReplicaCluster();
    await cluster.createTopic('t', [
      [1, 2],
      [1, 2],
    ]);
    cluster.tamper = (result) =>
      result.partitionIndex === 0 && result.records.length > 0
        ? { ...result, records: Buffer.alloc(result.records.length, 7) }
        : result;
    const requests = [0, 1].map((partition) => ({
      topic: 't',
      partition,
      records: batchOf(['a']),
    }));
    cluster.manager(1).produce(requests, { acks: 1, timeoutMs: 0 });
    await cluster.advance(3000);
    expect(valuesOf(2, 't', 0)).toEqual([]);
    expect(valuesOf(2, 't', 1)).toEqual(['a']);
    cluster.tamper = null;
    await cluster.advance(2000);
    expect(valuesOf(2, 't', 0)).toEqual(['a']);
  });

  test('flipped bits in what the leader sends are refused and fetched again', async () => {
    await threeReplicas();
    let left = 3;
    cluster.tamper = (result, to) => {
      if (to !== 2 || result.records.length === 0 || left === 0) return result;
      left -= 1;
      const records = Buffer.from(result.records);
      records[records.length - 3]! ^= 0x10;
      return { ...result, records };
    };
    const produced = produce(1, ['a', 'b']);
    await cluster.advance(1000);
    expect(left).toBe(0);
    expect(produced.outcome).toMatchObject({ errorCode: 0 });
    expect(valuesOf(2)).toEqual(['a', 'b']);
  });
});

describe('change of leader', () => {
  test('the old leader cuts what nobody else has, by epoch and not by its high watermark', async () => {
    await threeReplicas();
    await produce(1, ['a', 'b']).done;
    await cluster.advance(600);
    cluster.cut(1, 2);
    cluster.cut(1, 3);
    produce(1, ['lost1', 'lost2'], { acks: 1 });
    // Committed at the new leader before the old one comes back.
    cluster.publishes = false;
    await cluster.decide({ leader: 2, isr: [2, 3] });
    await cluster.publish(2, 3);
    const produced = produce(2, ['c']);
    await cluster.advance(2000);
    expect(produced.outcome).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(valuesOf(1)).toEqual(['a', 'b', 'lost1', 'lost2']);
    cluster.publishes = true;
    cluster.heal();
    await cluster.publish();
    await cluster.advance(2000);
    for (const id of [1, 2, 3]) expect(valuesOf(id)).toEqual(['a', 'b', 'c']);
    expect(cluster.state().isr).toEqual([2, 3, 1]);
    expect(cluster.broker(1).events).toContainEqual({
      kind: 'truncated',
      topic: 't',
      partition: 0,
      from: 4,
      to: 2,
    });
  });

  test('a follower whose high watermark lags keeps what was committed', async () => {
    await threeReplicas();
    const produced = produce(1, ['a', 'b']);
    await settled();
    expect(produced.outcome).toMatchObject({ errorCode: 0 });
    // Its high watermark comes with the next answer only.
    expect(cluster.log(2).highWatermark).toBe(0);
    cluster.kill(1);
    await cluster.decide({ leader: 2, isr: [2, 3] });
    await cluster.advance(2000);
    for (const id of [2, 3]) expect(valuesOf(id)).toEqual(['a', 'b']);
    expect(cluster.log(2).highWatermark).toBe(2);
    await cluster.restart(1);
    await cluster.advance(2000);
    expect(valuesOf(1)).toEqual(['a', 'b']);
  });

  test('until the high watermark is back: latest offset is not available, earliest is', async () => {
    await threeReplicas();
    await produce(1, ['a', 'b']).done;
    cluster.cut(2, 3);
    cluster.kill(1);
    await cluster.decide({ leader: 2, isr: [2, 3] });
    const ask = (timestamp: number) =>
      cluster
        .manager(2)
        .listOffset(
          { topic: 't', partition: 0, currentLeaderEpoch: 1, timestamp },
          { replicaId: -1, isolationLevel: 0 },
        );
    expect(ask(-1)).toMatchObject({ errorCode: KafkaError.OFFSET_NOT_AVAILABLE });
    expect(ask(1)).toMatchObject({ errorCode: KafkaError.OFFSET_NOT_AVAILABLE });
    expect(ask(-2)).toMatchObject({ errorCode: 0, offset: 0, leaderEpoch: 0 });
    cluster.heal();
    await cluster.advance(2000);
    expect(ask(-1)).toMatchObject({ errorCode: 0, offset: 2, leaderEpoch: 1 });
  });

  test('divergence over several epochs ends with equal logs', async () => {
    await threeReplicas();
    await produce(1, ['a']).done;
    await cluster.advance(600);
    cluster.cut(1, 2);
    cluster.cut(1, 3);
    cluster.cut(2, 3);
    cluster.publishes = false;
    // Each leads alone for a while, unseen by the others (unclean, and network cut).
    produce(1, ['x1', 'x2', 'x3'], { acks: 1 });
    await cluster.decide({ leader: 2, isr: [2] });
    await cluster.publish(2);
    produce(2, ['y1'], { acks: 1 });
    await cluster.decide({ leader: 1, isr: [1] });
    await cluster.publish(1);
    produce(1, ['x4'], { acks: 1 });
    await cluster.decide({ leader: 2, isr: [2] });
    await cluster.publish(2);
    produce(2, ['y2', 'y3', 'y4', 'y5'], { acks: 1 });
    cluster.publishes = true;
    cluster.heal();
    await cluster.publish();
    await cluster.advance(3000);
    for (const id of [1, 2, 3]) {
      expect(valuesOf(id)).toEqual(['a', 'y1', 'y2', 'y3', 'y4', 'y5']);
      expect(cluster.log(id).latestEpoch).toBe(3);
    }
  });

  test('unclean election: the out-of-sync replica leads, the others lose what it lacks', async () => {
    await threeReplicas();
    await produce(1, ['a']).done;
    cluster.cut(1, 3);
    await cluster.decide({ isr: [1, 2] });
    const committed = produce(1, ['b', 'c'], { timeoutMs: 60_000 });
    // Broker 3 was caught up a moment ago, so it is waited for, though it is not in the ISR.
    await cluster.advance(20_000);
    expect(committed.outcome).toBe('waiting');
    await cluster.advance(26_000);
    expect(committed.outcome).toMatchObject({ errorCode: 0 });
    cluster.kill(1);
    cluster.kill(2);
    await cluster.decide({ leader: 3, isr: [3], isRecovering: true });
    cluster.heal();
    expect(produce(3, ['d']).outcome).toMatchObject({ errorCode: 0, baseOffset: 1 });
    await cluster.restart(1);
    await cluster.restart(2);
    await cluster.advance(3000);
    for (const id of [1, 2, 3]) expect(valuesOf(id)).toEqual(['a', 'd']);
    expect([...cluster.state().isr].sort()).toEqual([1, 2, 3]);
  });

  test('a follower of an older epoch is fenced until the metadata reaches it', async () => {
    await threeReplicas();
    cluster.publishes = false;
    await cluster.decide({ leader: 1 });
    await cluster.publish(1);
    await cluster.advance(1500);
    expect(cluster.manager(2).partition('t', 0)).toMatchObject({ fetchPhase: 'fenced' });
    const before = cluster.fetches.get(2);
    await cluster.advance(5000);
    expect(cluster.fetches.get(2)).toBe(before);
    cluster.publishes = true;
    await cluster.publish();
    await produce(1, ['a']).done;
    expect(valuesOf(2)).toEqual(['a']);
  });

  test('followers that know the new epoch first ask again until the leader knows it too', async () => {
    await threeReplicas();
    cluster.publishes = false;
    await cluster.decide({ leader: 2 });
    await cluster.publish(1, 3);
    await cluster.advance(300);
    expect(cluster.manager(3).partition('t', 0)).toMatchObject({ fetchPhase: 'delayed' });
    await cluster.publish(2);
    const produced = produce(2, ['a']);
    await cluster.advance(1100);
    expect(produced.outcome).toMatchObject({ errorCode: 0 });
  });

  test('who listens for leadership is told of its beginning and end, once each', async () => {
    await threeReplicas();
    const told: string[] = [];
    const listen = (id: number) =>
      cluster.manager(id).onLeadership({
        elected: (topic, partition, epoch) =>
          told.push(`${id} leads ${topic}-${partition} ${epoch}`),
        resigned: (topic, partition, epoch) =>
          told.push(`${id} left ${topic}-${partition} ${epoch}`),
      });
    listen(1);
    listen(2);
    await cluster.decide({ leader: 2 });
    await cluster.decide({ leader: 2 });
    expect(told).toEqual([
      '1 leads t-0 0',
      '1 left t-0 0',
      '2 leads t-0 1',
      '2 left t-0 1',
      '2 leads t-0 2',
    ]);
  });

  test('leadership that ends, ends before the image is applied', async () => {
    await threeReplicas();
    cluster.publishes = false;
    await cluster.decide({ leader: 2 });
    const applied = cluster.manager(1).applyImage(cluster.image);
    expect(produce(1, ['a']).outcome).toMatchObject({
      errorCode: KafkaError.NOT_LEADER_OR_FOLLOWER,
    });
    await applied;
    cluster.publishes = true;
    await cluster.publish();
  });
});

describe('replicas that come and go', () => {
  test('an empty new follower starts at the leader’s log start', async () => {
    cluster = new ReplicaCluster();
    await cluster.createTopic('t', [[1]]);
    for (let i = 0; i < 10; i += 1) produce(1, [`v${i}`]);
    const [deleted] = await cluster
      .manager(1)
      .deleteRecords([{ topic: 't', partition: 0, offset: 6 }], { timeoutMs: 0 });
    expect(deleted).toMatchObject({ errorCode: 0, lowWatermark: 6 });
    await cluster.decide({ replicas: [1, 2], adding: [2] });
    await cluster.advance(2000);
    expect(cluster.state().isr).toEqual([1, 2]);
    expect(cluster.log(2).logStartOffset).toBe(6);
    expect(valuesOf(2)).toEqual(['v6', 'v7', 'v8', 'v9']);
  });

  test('the leader’s log start lies inside a batch', async () => {
    cluster = new ReplicaCluster();
    await cluster.createTopic('t', [[1]]);
    produce(1, ['a', 'b', 'c', 'd']);
    produce(1, ['e']);
    await cluster
      .manager(1)
      .deleteRecords([{ topic: 't', partition: 0, offset: 2 }], { timeoutMs: 0 });
    await cluster.decide({ replicas: [1, 2], adding: [2] });
    await cluster.advance(2000);
    expect(cluster.state().isr).toEqual([1, 2]);
    expect(cluster.log(2).logStartOffset).toBe(2);
    expect(valuesOf(2)).toEqual(['c', 'd', 'e']);
  });

  test('a reassignment: the new replica catches up and the old one is deleted', async () => {
    cluster = new ReplicaCluster({ brokers: 4 });
    await cluster.createTopic('t', [[1, 2, 3]]);
    await produce(1, ['a', 'b']).done;
    await cluster.decide({ replicas: [1, 2, 3, 4], adding: [4], removing: [3] });
    await cluster.advance(1000);
    expect(cluster.state().isr).toEqual([1, 2, 3, 4]);
    await cluster.decide({ replicas: [1, 2, 4], isr: [1, 2, 4], adding: [], removing: [] });
    expect(cluster.manager(3).partition('t', 0)).toBeNull();
    expect([...cluster.broker(3).logs.open.keys()]).toEqual([]);
    await cluster.decide({ leader: 4 });
    const produced = produce(4, ['c']);
    await cluster.advance(1000);
    expect(produced.outcome).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(valuesOf(4)).toEqual(['a', 'b', 'c']);
  });

  test('records deleted at the leader go from the followers, and deleteRecords waits for them', async () => {
    await threeReplicas();
    for (let i = 0; i < 10; i += 1) await produce(1, [`v${i}`]).done;
    await cluster.advance(600);
    cluster.cut(1, 3);
    let result: unknown = null;
    void cluster
      .manager(1)
      .deleteRecords([{ topic: 't', partition: 0, offset: -1 }], { timeoutMs: 10_000 })
      .then((results) => {
        result = results[0];
      });
    await cluster.advance(2000);
    expect(result).toBeNull();
    expect(cluster.log(2).logStartOffset).toBe(10);
    cluster.heal();
    await cluster.advance(2500);
    expect(result).toMatchObject({ errorCode: 0, lowWatermark: 10 });
    expect(cluster.log(3).logStartOffset).toBe(10);
    const [refused] = await cluster
      .manager(1)
      .deleteRecords([{ topic: 't', partition: 0, offset: 11 }], { timeoutMs: 0 });
    expect(refused).toMatchObject({ errorCode: KafkaError.OFFSET_OUT_OF_RANGE });
  });

  test('a topic that is deleted and made again under its name starts empty', async () => {
    await threeReplicas();
    await produce(1, ['a']).done;
    const { topicId } = cluster.image.topics.get('t')!;
    const waiting = produce(1, ['b']);
    cluster.publishes = false;
    await cluster.change([{ type: 'topic-removed', topicId }]);
    await cluster.createTopic('t', [[2, 3, 1]]);
    cluster.publishes = true;
    await cluster.publish();
    expect(waiting.outcome).toMatchObject({ errorCode: KafkaError.UNKNOWN_TOPIC_OR_PARTITION });
    const produced = produce(2, ['new']);
    await cluster.advance(1000);
    expect(produced.outcome).toMatchObject({ errorCode: 0, baseOffset: 0 });
    for (const id of [1, 2, 3]) expect(valuesOf(id)).toEqual(['new']);
  });

  test('a restarted broker continues from its log and saved high watermark', async () => {
    await threeReplicas();
    await produce(1, ['a', 'b']).done;
    await cluster.advance(600);
    await cluster.stop(3);
    expect(cluster.broker(3).logs.marks.get('t-0')).toBe(2);
    await produce(1, ['c'], { acks: 1 }).done;
    cluster.publishes = false;
    await cluster.restart(3);
    cluster.publishes = true;
    cluster.cut(1, 3);
    await cluster.publish(3);
    expect(cluster.log(3)).toMatchObject({ highWatermark: 2, logEndOffset: 2 });
    cluster.heal();
    await cluster.publish();
    await cluster.advance(2000);
    expect(valuesOf(3)).toEqual(['a', 'b', 'c']);
  });

  test('settings of the topic are in force at once: min.insync.replicas', async () => {
    await threeReplicas();
    await cluster.decide({ isr: [1] });
    cluster.cut(1, 2);
    cluster.cut(1, 3);
    expect(produce(1, ['a']).outcome).not.toMatchObject({
      errorCode: KafkaError.NOT_ENOUGH_REPLICAS,
    });
    await cluster.change([
      { type: 'config', resource: 'topic', name: 't', key: 'min.insync.replicas', value: '2' },
    ]);
    expect(produce(1, ['b']).outcome).toMatchObject({
      errorCode: KafkaError.NOT_ENOUGH_REPLICAS,
    });
  });
});

describe('failing disks', () => {
  test('a follower whose log fails goes offline and says so; the leader goes on without it', async () => {
    await threeReplicas();
    cluster.broker(3).logs.fs.faults.plant({ operation: 'commit', errno: 'EIO' });
    await produce(1, ['a'], { acks: 1 }).done;
    await cluster.advance(1000);
    expect(cluster.manager(3).offlinePartitions()).toMatchObject([{ topic: 't', partition: 0 }]);
    await cluster.advance(46_000);
    expect(cluster.state().isr).toEqual([1, 2]);
    expect(cluster.log(1).highWatermark).toBe(1);
  });

  test.each([
    ['fails', 'commit', 'EIO'],
    ['is full', 'reserve', 'ENOSPC'],
  ] as const)(
    'the leader’s disk %s: it answers with a storage error and leads no more; another one can',
    async (_, operation, errno) => {
      await threeReplicas();
      await produce(1, ['a']).done;
      await cluster.advance(600);
      cluster.cut(1, 2);
      const waiting = produce(1, ['b']);
      const left: number[] = [];
      cluster.manager(1).onLeadership({
        elected: () => undefined,
        resigned: (_topic, _partition, epoch) => left.push(epoch),
      });
      cluster.broker(1).logs.fs.faults.plant({ operation, errno, nth: 1, persistent: true });
      // Large, so that space has to be had.
      const refused = produce(1, ['x'.repeat(300_000)], { acks: 1 });
      expect(refused.outcome).toMatchObject({ errorCode: KafkaError.KAFKA_STORAGE_ERROR });
      await settled();
      expect(waiting.outcome).toMatchObject({ errorCode: KafkaError.KAFKA_STORAGE_ERROR });
      expect(left).toEqual([0]);
      expect(cluster.manager(1).partition('t', 0)).toMatchObject({ role: 'offline' });
      expect(cluster.manager(1).offlinePartitions()).toHaveLength(1);
      expect(consume(1, 0)).toMatchObject([{ errorCode: KafkaError.KAFKA_STORAGE_ERROR }]);
      cluster.heal();
      await cluster.decide({ leader: 3, isr: [2, 3] });
      const produced = produce(3, ['c']);
      await cluster.advance(1000);
      expect(produced.outcome).toMatchObject({ errorCode: 0 });
      expect(valuesOf(2)).toEqual(valuesOf(3));
      expect(valuesOf(3).slice(-1)).toEqual(['c']);
    },
  );

  test('a log that cannot be opened: offline, the other partitions of the topic are served', async () => {
    cluster = new ReplicaCluster();
    cluster.broker(1).logs.fs.faults.plant({ operation: 'lock', errno: 'EIO', path: /t-0/ });
    await cluster.createTopic('t', [[1], [1]]);
    const results = cluster.manager(1).produce(
      [0, 1].map((partition) => ({ topic: 't', partition, records: batchOf(['a']) })),
      { acks: -1, timeoutMs: 0 },
    ) as PartitionProduceResult[];
    expect(results.map(({ errorCode }) => errorCode)).toEqual([KafkaError.KAFKA_STORAGE_ERROR, 0]);
    expect(cluster.manager(1).offlinePartitions()).toMatchObject([{ topic: 't', partition: 0 }]);
  });
});

describe('the rest', () => {
  test('read_committed stops at the first open transaction, read_uncommitted does not', async () => {
    cluster = new ReplicaCluster({ brokers: 1 });
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
    cluster = new ReplicaCluster({ brokers: 1 });
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
    await committed;
  });

  test('the coordinator may write its internal topic, and waits until it is committed', async () => {
    cluster = new ReplicaCluster();
    await cluster.createTopic('__consumer_offsets', [[1, 2]], { 'cleanup.policy': 'compact' });
    const append = cluster
      .manager(1)
      .appendLocal('__consumer_offsets', 0, batchOf(['k']), { timeoutMs: 5000 });
    await cluster.manager(1).waitForHighWatermark('__consumer_offsets', 0, 1);
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
});
