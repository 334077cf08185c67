import { describe, expect, test } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import {
  cluster,
  produce,
  startCluster,
  threeReplicas,
  valuesOf,
} from '../testing/replica-test.js';

describe('replicas that come and go', () => {
  test('an empty new follower starts at the leader’s log start', async () => {
    startCluster();
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
    startCluster();
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
    startCluster({ brokers: 4 });
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
