import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BrokerState } from '../metadata/records.js';
import { Random } from '../testing/random.js';
import { placeReplicas } from './placement.js';

function broker(brokerId: number, rack: string | null = null, isFenced = false): BrokerState {
  return {
    brokerId,
    brokerEpoch: brokerId,
    host: '127.0.0.1',
    port: 9092,
    rack,
    isFenced,
    isShuttingDown: false,
  };
}

function place(brokers: BrokerState[], partitions: number, replicationFactor: number, seed = 1) {
  const random = new Random(seed);
  return placeReplicas({ brokers, partitions, replicationFactor, random: () => random.float() });
}

function counts(ids: number[]): number[] {
  const count = new Map<number, number>();
  for (const id of ids) count.set(id, (count.get(id) ?? 0) + 1);
  return [...count.values()].sort((a, b) => a - b);
}

describe('placeReplicas', () => {
  it('spreads leaders and replicas evenly', () => {
    const brokers = [1, 2, 3, 4].map((id) => broker(id));
    const placed = place(brokers, 40, 3);
    expect(counts(placed.map((replicas) => replicas[0]!))).toEqual([10, 10, 10, 10]);
    expect(counts(placed.flat())).toEqual([30, 30, 30, 30]);
  });

  it('puts a partition into as many racks as there are', () => {
    const brokers = [1, 2, 3, 4, 5, 6].map((id) => broker(id, `rack-${id % 3}`));
    const placed = place(brokers, 24, 3);
    for (const replicas of placed) expect(new Set(replicas.map((id) => id % 3)).size).toBe(3);
    expect(counts(placed.map((replicas) => replicas[0]!))).toEqual([4, 4, 4, 4, 4, 4]);
    expect(counts(placed.flat())).toEqual([12, 12, 12, 12, 12, 12]);
  });

  it('moves the leaders of a dead broker to several others', () => {
    const brokers = [1, 2, 3, 4].map((id) => broker(id));
    const seconds = place(brokers, 60, 2)
      .filter((replicas) => replicas[0] === 1)
      .map((replicas) => replicas[1]);
    expect(new Set(seconds).size).toBe(3);
  });

  it('takes fenced brokers only where live ones do not suffice', () => {
    const brokers = [broker(1), broker(2), broker(3, null, true)];
    expect(place(brokers, 20, 2).flat()).not.toContain(3);
    for (const replicas of place(brokers, 20, 3)) expect(replicas[2]).toBe(3);
  });

  it('refuses more replicas than brokers, and having no live broker', () => {
    expect(() => place([broker(1)], 1, 3)).toThrow(
      'Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered.',
    );
    expect(() => place([broker(1, null, true)], 1, 1)).toThrow(
      'Unable to replicate the partition 1 time(s): All brokers are currently fenced.',
    );
    expect(() => place([], 1, 1)).toThrow('All brokers are currently fenced.');
  });

  it('gives distinct known replicas, a live leader and balanced leaders, whatever the racks', () => {
    const brokers = fc.uniqueArray(
      fc.record({ id: fc.nat(50), rack: fc.nat(3), isFenced: fc.boolean() }),
      { selector: ({ id }) => id, minLength: 1, maxLength: 9 },
    );
    const property = fc.property(
      brokers,
      fc.integer({ min: 1, max: 40 }),
      fc.nat(),
      (all, n, seed) => {
        fc.pre(all.some(({ isFenced }) => !isFenced));
        const states = all.map(({ id, rack, isFenced }) => broker(id, `r${rack}`, isFenced));
        const live = new Set(all.filter(({ isFenced }) => !isFenced).map(({ id }) => id));
        const replicationFactor = 1 + (seed % all.length);
        const placed = place(states, n, replicationFactor, seed);
        expect(placed).toHaveLength(n);
        const leaders = counts(placed.map((replicas) => replicas[0]!));
        expect(
          leaders.at(-1)! - (leaders.length < live.size ? 0 : leaders[0]!),
        ).toBeLessThanOrEqual(1);
        const racks = new Set(all.filter(({ id }) => live.has(id)).map(({ rack }) => rack));
        for (const replicas of placed) {
          expect(live.has(replicas[0]!)).toBe(true);
          expect(new Set(replicas).size).toBe(replicationFactor);
          const used = new Set(replicas.map((id) => all.find((b) => b.id === id)!.rack));
          expect(used.size).toBeGreaterThanOrEqual(Math.min(racks.size, replicationFactor));
        }
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});
