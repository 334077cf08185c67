import { describe, expect, test } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { batchOf } from '../testing/replica-cluster.js';
import {
  cluster,
  produce,
  startCluster,
  threeReplicas,
  valuesOf,
} from '../testing/replica-test.js';
import { settled } from '../testing/simulated-timers.js';
import type { PartitionProduceResult } from './types.js';

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
    startCluster();
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
