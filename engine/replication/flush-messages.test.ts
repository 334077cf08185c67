import { afterEach, describe, expect, test } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { Random } from '../testing/random.js';
import { batchOf, type ReplicaCluster } from '../testing/replica-cluster.js';
import {
  cluster,
  consume,
  produce,
  startCluster,
  threeReplicas,
  valuesOf,
} from '../testing/replica-test.js';
import { HeldScheduler, type Scheduler } from '../testing/simulated-scheduler.js';
import { settled } from '../testing/simulated-timers.js';

/** Holds syncs of `t` while the test says so. */
class Disk extends HeldScheduler {
  holds = false;

  override async wait(...step: Parameters<Scheduler['wait']>): Promise<void> {
    if (this.holds && step[1].includes('/t-0/')) await super.wait(...step);
  }
}

/** The disks of brokers 1, 2 and 3, whose syncs end when the test says so. */
let disks: Disk[] = [];
afterEach(() => {
  for (const disk of disks) {
    disk.holds = false;
    disk.releaseAll();
  }
});
const disk = (id: number): Disk => disks[id - 1]!;

const EACH = { 'flush.messages': '1' };

/** Topics `t` and, with defaults, `u` of one partition, led by broker 1; from then on its brokers' syncs are held. */
async function replicasOn(
  ids: readonly number[],
  config: Readonly<Record<string, string>> = EACH,
): Promise<void> {
  disks = [];
  startCluster({
    disk: () => {
      const held = new Disk('flush');
      disks.push(held);
      return held;
    },
  });
  await cluster.createTopic('t', [ids], config);
  await cluster.createTopic('u', [ids]);
  for (const id of ids) disk(id).holds = true;
}

/** Lets every sync end that waits or begins by that. */
async function release(...ids: number[]): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    for (const id of ids) disk(id).releaseAll();
    await settled();
  }
}

describe('flush.messages at the leader', () => {
  test('acks=1 is answered when the records are on disk; acks=0 waits for nothing', async () => {
    await replicasOn([1]);
    const produced = produce(1, ['a'], { acks: 1, timeoutMs: 0 });
    expect(produce(1, ['b'], { acks: 0 }).outcome).toMatchObject({ errorCode: 0, baseOffset: 1 });
    await cluster.advance(60_000);
    expect(produced.outcome).toBe('waiting');
    await release(1);
    expect(produced.outcome).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(cluster.log(1).recoveryPoint).toBe(2);
  });

  test('by default nobody waits, and nothing is synced', async () => {
    await replicasOn([1], {});
    expect(produce(1, ['a'], { acks: 1 }).outcome).toMatchObject({ errorCode: 0 });
    expect(produce(1, ['b'], { acks: -1 }).outcome).toMatchObject({ errorCode: 0 });
    await settled();
    expect(disk(1).held).toEqual([]);
  });

  test('all who wait share the next sync', async () => {
    await replicasOn([1]);
    const first = produce(1, ['first'], { acks: 1 });
    await settled();
    expect(disk(1).held).toHaveLength(1);
    const others = Array.from({ length: 50 }, (_, i) => produce(1, [`${i}`], { acks: 1 }));
    await settled();
    disk(1).release();
    await settled();
    expect(first.outcome).toMatchObject({ errorCode: 0 });
    expect(others.every(({ outcome }) => outcome === 'waiting')).toBe(true);
    expect(disk(1).held).toHaveLength(1);
    disk(1).release();
    await settled();
    expect(others.every(({ outcome }) => outcome !== 'waiting')).toBe(true);
    expect(disk(1).held).toEqual([]);
  });

  test('of 3: the append that reaches 3 waits, and so does none that leaves fewer off the disk', async () => {
    await replicasOn([1], { 'flush.messages': '3' });
    expect(produce(1, ['a'], { acks: 1 }).outcome).toMatchObject({ errorCode: 0 });
    expect(produce(1, ['b'], { acks: 1 }).outcome).toMatchObject({ errorCode: 0 });
    const third = produce(1, ['c'], { acks: 1 });
    await settled();
    // Begun with three: when it ends, one record is not on disk.
    const fourth = produce(1, ['d'], { acks: 1 });
    expect([third.outcome, fourth.outcome]).toEqual(['waiting', 'waiting']);
    disk(1).release();
    await settled();
    expect(third.outcome).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(fourth.outcome).toMatchObject({ errorCode: 0, baseOffset: 3 });
    expect(disk(1).held).toEqual([]);
    expect(produce(1, ['e'], { acks: 1 }).outcome).toMatchObject({ errorCode: 0 });
    expect(cluster.log(1).recoveryPoint).toBe(3);
  });

  test('the retry of what is on its way to disk waits for it too', async () => {
    await replicasOn([1]);
    const producer = { id: 7, epoch: 0, sequence: 0 };
    produce(1, ['a'], { acks: 1, producer });
    await settled();
    const retry = produce(1, ['a'], { acks: 1, producer });
    await settled();
    expect(retry.outcome).toBe('waiting');
    await release(1);
    expect(retry.outcome).toMatchObject({ errorCode: 0, baseOffset: 0 });
  });

  test('the retry of what a killed process left to the kernel waits for the disk', async () => {
    await replicasOn([1]);
    const producer = { id: 7, epoch: 0, sequence: 0 };
    produce(1, ['a'], { acks: 1, producer });
    cluster.kill(1);
    await cluster.restart(1);
    const retry = produce(1, ['a'], { acks: 1, producer });
    await settled();
    expect(retry.outcome).toBe('waiting');
    await release(1);
    expect(retry.outcome).toMatchObject({ errorCode: 0, baseOffset: 0 });
    cluster.powerFail(1);
    await cluster.restart(1);
    expect(valuesOf(1)).toEqual(['a']);
  });

  test('other topics are served meanwhile', async () => {
    await replicasOn([1]);
    const waiting = produce(1, ['a'], { acks: 1 });
    const records = batchOf(['b']);
    const answer = cluster
      .manager(1)
      .produce([{ topic: 'u', partition: 0, records }], { acks: -1, timeoutMs: 0 });
    expect(answer).toMatchObject([{ errorCode: 0 }]);
    await settled();
    expect(waiting.outcome).toBe('waiting');
    await release(1);
  });

  test('acks=all also waits for the leader’s own disk', async () => {
    await replicasOn([1, 2, 3]);
    const produced = produce(1, ['a']);
    for (let i = 0; i < 20; i += 1) {
      await release(2, 3);
      await cluster.advance(10);
    }
    expect(cluster.log(1).highWatermark).toBe(1);
    expect(produced.outcome).toBe('waiting');
    await release(1);
    expect(produced.outcome).toMatchObject({ errorCode: 0, baseOffset: 0 });
  });

  test.each([
    ['acks=1', 1],
    ['acks=all', -1],
  ])('%s: a sync that fails is a storage error, and the log takes no more', async (_, acks) => {
    startCluster();
    await cluster.createTopic('t', [[1]], EACH);
    expect(await produce(1, ['kept'], { acks }).done).toMatchObject({ errorCode: 0 });
    cluster.broker(1).logs.fs.faults.plant({ operation: 'flush', errno: 'EIO' });
    const [lost, shared] = [produce(1, ['lost'], { acks }), produce(1, ['too'], { acks })];
    expect(await lost.done).toMatchObject({
      errorCode: KafkaError.KAFKA_STORAGE_ERROR,
      baseOffset: -1,
      errorMessage: expect.stringMatching(/refuses writes/),
    });
    expect(await shared.done).toMatchObject({ errorCode: KafkaError.KAFKA_STORAGE_ERROR });
    expect(cluster.log(1).poisoned).toMatchObject({ code: 'LOG_POISONED' });
    expect(cluster.manager(1).offlinePartitions()).toMatchObject([{ topic: 't', partition: 0 }]);
    const after = produce(1, ['after'], { acks });
    expect(after.outcome).toMatchObject({ errorCode: KafkaError.KAFKA_STORAGE_ERROR });
    expect(consume(1, 0)).toMatchObject([{ errorCode: KafkaError.KAFKA_STORAGE_ERROR }]);
  });

  test('acks=all: followers are given up after the timeout, whatever the disk does', async () => {
    await replicasOn([1, 2, 3]);
    cluster.cut(1, 2);
    const produced = produce(1, ['a'], { timeoutMs: 100 });
    await cluster.advance(90);
    expect(produced.outcome).toBe('waiting');
    await cluster.advance(20);
    expect(produced.outcome).toMatchObject({ errorCode: KafkaError.REQUEST_TIMED_OUT });
    await release(1, 3);
  });
});

describe('flush.messages at a follower', () => {
  test('it does not say that it has what is not on its disk', async () => {
    await replicasOn([1, 2, 3]);
    const produced = produce(1, ['a']);
    for (let i = 0; i < 50; i += 1) {
      await release(1, 3);
      await cluster.advance(20);
    }
    expect(valuesOf(2)).toEqual(['a']);
    expect(cluster.log(1).highWatermark).toBe(0);
    expect(produced.outcome).toBe('waiting');
    await release(2);
    await cluster.advance(10);
    expect(cluster.log(1).highWatermark).toBe(1);
    expect(produced.outcome).toMatchObject({ errorCode: 0 });
  });

  test('started again after a kill, it syncs what it finds before it says so', async () => {
    await replicasOn([1, 2, 3]);
    const produced = produce(1, ['a']);
    await release(1, 3);
    await cluster.advance(10);
    expect(valuesOf(2)).toEqual(['a']);
    cluster.kill(2);
    await cluster.restart(2);
    await release(1, 3);
    await cluster.advance(1000);
    expect(produced.outcome).toBe('waiting');
    await release(2);
    await cluster.advance(10);
    expect(produced.outcome).toMatchObject({ errorCode: 0 });
  });

  test('partitions of other topics are not held up by a disk that takes its time', async () => {
    await replicasOn([1, 2, 3]);
    const waiting = produce(1, ['a']);
    await settled();
    for (let i = 0; i < 10; i += 1) {
      const answer = cluster
        .manager(1)
        .produce([{ topic: 'u', partition: 0, records: batchOf([`${i}`]) }], {
          acks: -1,
          timeoutMs: 1000,
        });
      let done = false;
      void Promise.resolve(answer).then(() => {
        done = true;
      });
      await cluster.advance(20);
      expect(done).toBe(true);
    }
    expect(waiting.outcome).toBe('waiting');
    const before = cluster.fetches.get(2) ?? 0;
    await cluster.advance(1000);
    // Fetches that wait little, but no flood of them.
    expect((cluster.fetches.get(2) ?? 0) - before).toBeLessThan(600);
    await release(1, 2, 3);
    await cluster.advance(20);
    await release(1, 2, 3);
    await cluster.advance(20);
    expect(waiting.outcome).toMatchObject({ errorCode: 0 });
  });

  test('a sync that fails takes the replica offline; the leader goes on without it', async () => {
    await threeReplicas(EACH);
    cluster.broker(3).logs.fs.faults.plant({ operation: 'flush', errno: 'EIO' });
    const produced = produce(1, ['a']);
    await cluster.advance(1000);
    expect(cluster.manager(3).offlinePartitions()).toMatchObject([{ topic: 't', partition: 0 }]);
    expect(produced.outcome).toBe('waiting');
    await cluster.advance(46_000);
    expect(cluster.state().isr).toEqual([1, 2]);
    expect(cluster.log(1).highWatermark).toBe(1);
  });
});

/** A disk whose syncs take random times while the cluster is at work. */
function slowDisk(random: Random, its: ReplicaCluster, isAtWork: () => boolean): Scheduler {
  return {
    wait: (operation) =>
      operation === 'flush' && isAtWork()
        ? new Promise((resolve) => its.timers.after(random.between(0, 12), resolve))
        : Promise.resolve(),
  };
}

describe('power loss of every broker at once', () => {
  test.each([
    { replicas: [1], acks: 1, flushMessages: 1 },
    { replicas: [1], acks: -1, flushMessages: 1 },
    { replicas: [1, 2, 3], acks: -1, flushMessages: 1 },
    { replicas: [1], acks: 1, flushMessages: 5 },
    { replicas: [1, 2, 3], acks: -1, flushMessages: 5 },
  ])(
    '$replicas.length replicas, acks=$acks, flush.messages=$flushMessages: fewer than that are lost',
    async ({ replicas, acks, flushMessages }) => {
      let acknowledged = 0;
      let missing = 0;
      for (let seed = 1; seed <= 40; seed += 1) {
        const random = new Random(seed);
        await cluster?.close();
        let isAtWork = false;
        startCluster({ seed, disk: (_, its) => slowDisk(random, its, () => isAtWork) });
        await cluster.createTopic('t', [replicas], { 'flush.messages': `${flushMessages}` });
        isAtWork = true;
        const kept = new Map<number, string>();
        let sent = 0;
        const send = () => {
          const value = `${seed}:${sent}`;
          sent += 1;
          void produce(cluster.state().leader, [value], { acks }).done.then((result) => {
            if (result.errorCode === KafkaError.NONE) kept.set(result.baseOffset, value);
          });
        };
        const lengthMs = random.between(5, 200);
        const turnAt = random.chance(0.5) ? random.between(0, lengthMs) : -1;
        for (let ms = 0; ms < lengthMs; ms += 1) {
          for (let i = random.below(4); i > 0; i -= 1) send();
          // Not waited for: it may have to wait for the disk, and so for time to pass.
          if (ms === turnAt && replicas.length > 1) {
            void cluster.decide({ leader: random.pick(replicas) });
          }
          await cluster.advance(1);
        }
        const { isr } = cluster.state();
        // Nobody hears of what happens from here on.
        const promised = new Map(kept);
        isAtWork = false;
        for (const id of replicas) cluster.powerFail(id);
        for (const id of replicas) await cluster.restart(id);
        await cluster.advance(0);
        acknowledged += promised.size;
        for (const id of isr) {
          const values = valuesOf(id);
          const lost = [...promised].filter(([offset, value]) => values[offset] !== value);
          missing += lost.length;
          expect(lost.length, `seed ${seed}, broker ${id}: ${lost}`).toBeLessThan(flushMessages);
        }
      }
      expect(acknowledged).toBeGreaterThan(500);
      // The disks do lose what is not synced.
      if (replicas.length === 1) expect(missing > 0).toBe(flushMessages > 1);
    },
  );
});
