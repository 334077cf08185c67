import { describe, expect, test } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { batchOf } from '../testing/replica-cluster.js';
import {
  cluster,
  consume,
  produce,
  startCluster,
  threeReplicas,
  valuesOf,
} from '../testing/replica-test.js';
import { settled } from '../testing/simulated-timers.js';
import type { PartitionProduceResult } from './types.js';

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
    startCluster();
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
