import { afterEach, expect, test } from 'vitest';
import { Random } from '../testing/random.js';
import { batchOf, ReplicaCluster } from '../testing/replica-cluster.js';
import { settled } from '../testing/simulated-timers.js';
import type { PartitionProduceResult } from './types.js';

/*
 * Random histories: produce requests, kills and restarts, cuts of the network, clean elections, metadata that reaches
 * some brokers later. Afterwards everything is healed, and what was acknowledged with acks=all must be there.
 */

const BROKERS = [1, 2, 3];
const SEEDS = Number(process.env.VARVE_REPLICATION_SEEDS ?? 40);

let cluster: ReplicaCluster;
afterEach(() => cluster.close());

test.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))(
  'seed %i: nothing acknowledged is lost, replicas are equal, the high watermark never falls',
  async (seed) => {
    await new History(seed).run();
  },
);

class History {
  readonly #random: Random;
  readonly #acknowledged: { readonly value: string; readonly offset: number }[] = [];
  /** What a consumer of the leader was allowed to see, by offset. */
  readonly #seen: string[] = [];
  #sequence = 0;
  #next = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    cluster = new ReplicaCluster({ seed });
    cluster.controllerDelayMs = () => (this.#random.chance(0.5) ? this.#random.below(3000) : 0);
  }

  async run(): Promise<void> {
    await cluster.createTopic('t', [BROKERS], { 'min.insync.replicas': '2' });
    for (let step = 0; step < 60; step += 1) {
      await this.#step();
      this.#consume();
    }
    cluster.heal();
    cluster.publishes = true;
    cluster.refuseIsr = null;
    for (const id of BROKERS) if (!cluster.broker(id).isUp) await cluster.restart(id);
    await cluster.publish();
    await this.#elect();
    await cluster.advance(60_000);
    this.#consume();
    this.#check();
  }

  async #step(): Promise<void> {
    const random = this.#random;
    switch (random.pick(ACTIONS)) {
      case 'produce': {
        const count = 1 + random.below(3);
        for (let i = 0; i < count; i += 1) this.#produce();
        await settled();
        return;
      }
      case 'time':
        return cluster.advance(random.pick([1, 5, 20, 100, 600, 2000]));
      case 'long time':
        return cluster.advance(20_000 + random.below(30_000));
      case 'cut': {
        const [a, b] = random.shuffle([...BROKERS]);
        cluster.cut(a!, b!);
        return;
      }
      case 'heal':
        cluster.heal();
        return;
      case 'kill': {
        const up = BROKERS.filter((id) => cluster.broker(id).isUp);
        if (up.length < 2) return;
        const id = random.pick(up);
        cluster.kill(id);
        // The controller finds out sooner or later.
        if (random.chance(0.5)) await cluster.advance(random.below(3000));
        await cluster.fence(id);
        await this.#elect();
        return;
      }
      case 'restart': {
        const down = BROKERS.filter((id) => !cluster.broker(id).isUp);
        if (down.length === 0) return;
        await cluster.restart(random.pick(down));
        await this.#elect();
        return;
      }
      case 'move leader': {
        const { isr } = cluster.state();
        const candidates = isr.filter((id) => cluster.broker(id).isUp);
        if (candidates.length > 0) await cluster.decide({ leader: random.pick(candidates) });
        return;
      }
      case 'controller away':
        cluster.refuseIsr = cluster.refuseIsr === null ? 'unreachable' : null;
        return;
      case 'hold metadata':
        cluster.publishes = false;
        return;
      case 'bring metadata':
        if (random.chance(0.5)) cluster.publishes = true;
        return cluster.publish(...(cluster.publishes ? [] : [random.pick(BROKERS)]));
    }
  }

  /** As the controller does: dead brokers leave the ISR unless they are the last; the leader is alive and in it. */
  async #elect(): Promise<void> {
    const { isr, leader } = cluster.state();
    const alive = isr.filter((id) => cluster.broker(id).isUp);
    const newIsr = alive.length === 0 ? [isr[0]!] : alive;
    const isLeading = leader >= 0 && cluster.broker(leader).isUp && newIsr.includes(leader);
    if (isLeading && newIsr.length === isr.length) return;
    const next = isLeading ? {} : { leader: alive[0] ?? -1 };
    await cluster.decide({ isr: newIsr, ...next });
  }

  /** To the broker that the metadata names or, like a client whose metadata is old, to any. */
  #produce(): void {
    const random = this.#random;
    const { leader } = cluster.state();
    const to = random.chance(0.8) && leader > 0 ? leader : random.pick(BROKERS);
    if (!cluster.broker(to).isUp) return;
    const value = `v${this.#next++}`;
    const acks = random.chance(0.8) ? -1 : 1;
    // Each value has a producer of its own: a retry is not part of these histories.
    const producer = { id: 1000 + this.#sequence++, epoch: 0, sequence: 0 };
    const records = batchOf([value], random.chance(0.5) ? producer : null);
    const answer = cluster
      .manager(to)
      .produce([{ topic: 't', partition: 0, records }], { acks, timeoutMs: 10_000 });
    void Promise.resolve(answer).then(([result]: PartitionProduceResult[]) => {
      if (result!.errorCode !== 0 || acks !== -1) return;
      this.#acknowledged.push({ value, offset: result!.baseOffset });
    });
  }

  /** Reads below the high watermark of who leads by the newest metadata: what was seen there stays. */
  #consume(): void {
    const { leader, leaderEpoch } = cluster.state();
    if (leader < 0 || !cluster.broker(leader).isUp) return;
    const status = cluster.manager(leader).partition('t', 0);
    if (status?.role !== 'leader' || status.leaderEpoch !== leaderEpoch) return;
    const log = cluster.log(leader);
    for (let offset = 0; offset < log.highWatermark; offset += 1) {
      const value = Buffer.from(log.readRecord(offset)!.value!).toString();
      if (offset < this.#seen.length) expect(value).toBe(this.#seen[offset]);
      else this.#seen.push(value);
    }
  }

  #check(): void {
    expect(cluster.spinning).toBeNull();
    const { leader } = cluster.state();
    const bytes = (id: number) =>
      cluster.log(id).read(0, { isolation: 'log_end', maxBytes: 1e7 }).bytes;
    const end = cluster.log(leader).logEndOffset;
    expect([...cluster.state().isr].sort()).toEqual(BROKERS);
    for (const id of BROKERS) {
      expect(cluster.log(id).logEndOffset).toBe(end);
      expect(cluster.log(id).highWatermark).toBe(end);
      expect(bytes(id).equals(bytes(leader))).toBe(true);
    }
    expect(this.#seen.length).toBe(end);
    expect(new Set(this.#seen).size).toBe(end);
    for (const { value, offset } of this.#acknowledged) expect(this.#seen[offset]).toBe(value);
  }
}

const ACTIONS = [
  'produce',
  'produce',
  'produce',
  'produce',
  'produce',
  'time',
  'time',
  'time',
  'long time',
  'cut',
  'heal',
  'heal',
  'kill',
  'restart',
  'restart',
  'move leader',
  'controller away',
  'hold metadata',
  'bring metadata',
  'bring metadata',
] as const;
