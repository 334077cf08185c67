import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MetadataImage } from '../metadata/image.js';
import { Random } from '../testing/random.js';
import { TestController } from '../testing/test-controller.js';

const BROKERS = [1, 2, 3, 4];
const LOSSY = 'lossy';

/** What must hold of every state that is durable, and of every step from one to the next. */
function checkStep(
  before: MetadataImage,
  after: MetadataImage,
  mayLose: ReadonlySet<string>,
): void {
  expect(after.version).toBeGreaterThanOrEqual(before.version);
  for (const [brokerId, { brokerEpoch }] of before.brokers) {
    expect(after.brokers.get(brokerId)!.brokerEpoch).toBeGreaterThanOrEqual(brokerEpoch);
  }
  for (const topic of after.topics.values()) {
    for (const [partition, now] of topic.partitions.entries()) {
      const where = `${topic.name}-${partition} ${JSON.stringify(now)}`;
      expect(now.replicas.length, where).toBeGreaterThan(0);
      expect(now.isr.length, where).toBeGreaterThan(0);
      expect(now.replicas, where).toEqual(expect.arrayContaining([...now.isr]));
      expect(now.replicas, where).toEqual(expect.arrayContaining([...now.adding, ...now.removing]));
      if (now.leader !== -1) {
        expect(now.isr, where).toContain(now.leader);
        for (const id of now.isr) expect(after.brokers.get(id)!.isFenced, where).toBe(false);
      } else {
        const canLead = now.isr.filter((id) => !after.brokers.get(id)!.isFenced);
        expect(canLead, `nobody leads ${where}`).toEqual([]);
      }
      const was = before.topicById(topic.topicId)?.partitions[partition];
      if (was === undefined || was === now) continue;
      expect(now.partitionEpoch, where).toBeGreaterThan(was.partitionEpoch);
      expect(now.leaderEpoch, where).toBeGreaterThanOrEqual(was.leaderEpoch);
      if (now.leader !== was.leader)
        expect(now.leaderEpoch, where).toBeGreaterThan(was.leaderEpoch);
      const isUnclean =
        now.leader !== -1 && now.leader !== was.leader && !was.isr.includes(now.leader);
      // The end of a reassignment takes in, and gives the lead to, whom the leader said is in sync.
      if (isUnclean && was.adding.length + was.removing.length === 0) {
        expect(mayLose.has(topic.name), `unclean: ${JSON.stringify(was)} -> ${where}`).toBe(true);
        expect(now.isRecovering, where).toBe(true);
        expect(now.isr, where).toEqual([now.leader]);
      }
      // Without data loss, an ISR only grows by what its leader says.
      if (now.leader === -1) expect(was.isr, where).toEqual(expect.arrayContaining([...now.isr]));
    }
  }
}

async function run(seed: number, steps: number): Promise<void> {
  const random = new Random(seed);
  let t = await TestController.open();
  await t.startAll(...BROKERS);
  await t.create('safe', { partitions: 3, replicationFactor: 3 });
  const config = { 'unclean.leader.election.enable': 'true' };
  await t.create(LOSSY, { partitions: 2, replicationFactor: 2, config });
  await t.create('single', { partitions: 4, replicationFactor: 1 });
  const mayLose = new Set([LOSSY]);

  /** Every durable batch is a step: what several decisions did together is looked at one by one. */
  let seen = t.controller.image;
  const check = async (): Promise<void> => {
    await t.timers.advanceAsync(0);
    const { batches } = await t.controller.fetchMetadata({
      fromVersion: seen.version,
      maxWaitMs: 0,
    });
    for (const { records, version } of batches) {
      const next = seen.apply(records, version);
      checkStep(seen, next, mayLose);
      seen = next;
    }
    expect(seen).toEqual(t.controller.image);
  };

  const alterIsr = async (topic: string, partition: number): Promise<void> => {
    const state = t.partition(topic, partition);
    const wanted = state.replicas.filter((id) => id === state.leader || random.chance(0.7));
    const from = random.chance(0.9) ? state.leader : random.pick(BROKERS);
    const stale = random.chance(0.1) ? { partitionEpoch: state.partitionEpoch - 1 } : {};
    await t.alterIsr(topic, wanted, { partition, from, ...stale });
  };

  for (let step = 0; step < steps; step += 1) {
    const broker = random.pick(BROKERS);
    const topic = random.pick([...t.controller.image.topics.values()]);
    const partition = random.below(topic.partitions.length);
    const dice = random.float();
    if (dice < 0.3) await alterIsr(topic.name, partition);
    else if (dice < 0.4) await t.controller.brokerFailed(broker);
    else if (dice < 0.5) await t.register(broker, { wasCleanStop: random.chance(0.5) });
    else if (dice < 0.7) await t.beat(broker);
    else if (dice < 0.74) await t.beat(broker, { wantsShutdown: true });
    else if (dice < 0.8) await t.timers.advanceAsync(random.between(0, 4_000));
    else if (dice < 0.85) await t.controller.electLeaders({ type: 'preferred', partitions: null });
    else if (dice < 0.93) {
      const replicas = random.chance(0.2)
        ? null
        : random.shuffle([...BROKERS]).slice(0, 1 + random.below(3));
      await t.controller.reassignPartitions({
        partitions: [{ topic: topic.name, partition, replicas }],
      });
    } else if (dice < 0.96) {
      // Several at once, from one state.
      await Promise.all([
        alterIsr(topic.name, partition),
        t.controller.brokerFailed(broker),
        t.beat(random.pick(BROKERS)),
      ]);
    } else {
      await check();
      const epochs = t.epochs;
      t = await TestController.open({ log: t.log, isColdStart: random.chance(0.5) });
      for (const [id, epoch] of epochs) t.epochs.set(id, epoch);
    }
    await check();
  }
}

describe('Controller', () => {
  it('keeps its promises whatever brokers do', async () => {
    const property = fc.asyncProperty(fc.nat(), (seed) => run(seed, 60));
    await fc.assert(property, { numRuns: 60 });
  });
});
