import { describe, expect, test } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { cluster, produce, threeReplicas, valuesOf } from '../testing/replica-test.js';
import { settled } from '../testing/simulated-timers.js';

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
