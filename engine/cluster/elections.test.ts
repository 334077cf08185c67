import { describe, expect, it } from 'vitest';
import type { PartitionState } from '../metadata/records.js';
import { changePartition, newPartition } from './elections.js';

const STATE: PartitionState = {
  replicas: [1, 2, 3],
  isr: [1, 2, 3],
  adding: [],
  removing: [],
  leader: 1,
  leaderEpoch: 5,
  partitionEpoch: 9,
  isRecovering: false,
};

const alive = (...ids: number[]) => ({ mayLead: (id: number) => ids.includes(id) });

describe('changePartition', () => {
  it('changes nothing while the leader may stay', () => {
    expect(changePartition(STATE, {}, alive(1, 2, 3))).toBeNull();
    expect(changePartition({ ...STATE, leader: 2 }, {}, alive(1, 2, 3))).toBeNull();
  });

  it('elects the first replica of the ISR, in the order of assignment', () => {
    const state = { ...STATE, isr: [3, 2, 1] };
    expect(changePartition(state, { isr: [3, 2] }, alive(2, 3))).toEqual({
      ...STATE,
      isr: [3, 2],
      leader: 2,
      leaderEpoch: 6,
      partitionEpoch: 10,
    });
  });

  it('does not elect a replica outside the ISR', () => {
    const after = changePartition({ ...STATE, isr: [1] }, { isr: [] }, alive(2, 3));
    expect(after).toMatchObject({ leader: -1, isr: [1], leaderEpoch: 6, partitionEpoch: 10 });
  });

  it('elects one outside the ISR where that is allowed, and marks it', () => {
    const rules = { ...alive(2, 3), allowsUnclean: true };
    const after = changePartition({ ...STATE, isr: [1] }, { isr: [] }, rules);
    expect(after).toMatchObject({ leader: 2, isr: [2], isRecovering: true, leaderEpoch: 6 });
  });

  it('prefers a clean leader where an unclean one is allowed', () => {
    const state = { ...STATE, replicas: [2, 3, 1], isr: [1, 3] };
    const rules = { ...alive(2, 3), allowsUnclean: true };
    expect(changePartition(state, {}, rules)).toMatchObject({
      leader: 3,
      isr: [3],
      isRecovering: false,
    });
  });

  it('moves to the first replica only when asked and only while it is in sync', () => {
    const state = { ...STATE, leader: 2 };
    expect(changePartition(state, {}, { ...alive(1, 2), prefersFirst: true })).toMatchObject({
      leader: 1,
      isr: [1, 2],
    });
    const behind = { ...STATE, leader: 2, isr: [2, 3] };
    expect(changePartition(behind, {}, { ...alive(1, 2, 3), prefersFirst: true })).toBeNull();
  });

  it('keeps the ISR of a partition without a leader, and cuts it to the living when one is elected', () => {
    const down = changePartition(STATE, {}, alive())!;
    expect(down).toMatchObject({ leader: -1, isr: [1, 2, 3], leaderEpoch: 6 });
    expect(changePartition(down, {}, alive(3))).toMatchObject({
      leader: 3,
      isr: [3],
      leaderEpoch: 7,
    });
  });

  it('a shrunk ISR keeps the leader epoch', () => {
    expect(changePartition(STATE, { isr: [1, 2] }, alive(1, 2, 3))).toMatchObject({
      leader: 1,
      leaderEpoch: 5,
      partitionEpoch: 10,
    });
  });

  it('ends a reassignment when every target replica is in the ISR, in a new leader epoch', () => {
    const moving = { ...STATE, replicas: [4, 2, 3, 1], adding: [4], removing: [1] };
    expect(changePartition(moving, {}, alive(1, 2, 3, 4))).toBeNull();
    expect(changePartition(moving, { isr: [1, 2, 3, 4] }, alive(1, 2, 3, 4))).toEqual({
      ...STATE,
      replicas: [4, 2, 3],
      isr: [2, 3, 4],
      leader: 4,
      leaderEpoch: 6,
      partitionEpoch: 10,
    });
  });

  it('the end of a reassignment that keeps the leader is a new leader epoch too', () => {
    const moving = { ...STATE, leader: 2, replicas: [2, 3, 1], removing: [1] };
    expect(changePartition(moving, {}, alive(1, 2, 3))).toMatchObject({
      replicas: [2, 3],
      isr: [2, 3],
      leader: 2,
      leaderEpoch: 6,
    });
  });

  it('a leader that has recovered says so', () => {
    const state = { ...STATE, isr: [1], isRecovering: true };
    expect(changePartition(state, { isRecovering: false }, alive(1))).toMatchObject({
      isRecovering: false,
      leaderEpoch: 5,
      partitionEpoch: 10,
    });
  });
});

describe('newPartition', () => {
  it('has the replicas that are alive in its ISR, led by the first of them', () => {
    const mayLead = (id: number) => id !== 1;
    expect(newPartition([1, 2, 3], mayLead)).toMatchObject({ isr: [2, 3], leader: 2 });
  });
});
