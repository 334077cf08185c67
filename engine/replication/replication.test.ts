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
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';

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
    startCluster();
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

  test('an expansion that was asked for in vain is not for a later life of the follower', async () => {
    startCluster();
    await cluster.createTopic('t', [[1, 2]]);
    await cluster.advance(1000);
    cluster.refuseIsr = 'unreachable';
    await cluster.decide({ isr: [1] });
    await produce(1, ['a']).done;
    await cluster.advance(1000);
    expect(cluster.broker(1).events.at(-1)).toMatchObject({ kind: 'isr-expanding', isr: [1, 2] });
    // Its disk is lost, and what it is sent now does not fit.
    cluster.kill(2);
    cluster.tamper = (result) => ({ ...result, records: Buffer.alloc(result.records.length, 7) });
    const { logs } = cluster.broker(2);
    logs.fs = new SimulatedFileSystem({ seed: 9, clock: cluster.clock });
    logs.fs.makeDirectory('/data');
    logs.marks.clear();
    await cluster.restart(2);
    await cluster.advance(1000);
    cluster.refuseIsr = null;
    await cluster.advance(5000);
    expect([valuesOf(2), cluster.state().isr]).toEqual([[], [1]]);
    cluster.tamper = null;
    await cluster.advance(5000);
    expect([valuesOf(2), cluster.state().isr]).toEqual([['a'], [1, 2]]);
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
    startCluster();
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
