import { expect, test } from 'vitest';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { GroupHarness } from '../testing/group-harness.js';
import { settled } from '../testing/simulated-timers.js';

async function completing(h: GroupHarness): Promise<[a: string, b: string]> {
  const a = await h.joinAsNew();
  const b = await h.joinAsNew();
  await h.advance(6000);
  return [a.id, b.id];
}

test('followers wait for the leader, and everybody for the log', async () => {
  const h = await GroupHarness.elected();
  const [a, b] = await completing(h);
  const follower = h.sync({ memberId: b });
  await settled();
  expect(follower.answer).toBeNull();
  h.storage.hold();
  const leader = h.sync({ memberId: a, assign: { [a]: 'for a', [b]: 'for b' } });
  await settled();
  expect([follower.answer, leader.answer]).toEqual([null, null]);
  expect(await h.state()).toBe('CompletingRebalance');
  h.storage.release();
  await settled();
  expect(follower.answer).toEqual({
    errorCode: KafkaError.NONE,
    protocolType: 'consumer',
    protocolName: 'range',
    assignment: Buffer.from('for b'),
  });
  expect(leader.answer?.assignment).toEqual(Buffer.from('for a'));
  expect(await h.state()).toBe('Stable');
});

test('a member that the leader leaves out gets an empty assignment', async () => {
  const h = await GroupHarness.elected();
  const [a, b] = await completing(h);
  const follower = h.sync({ memberId: b });
  h.sync({ memberId: a, assign: { [a]: 'for a', unknown: 'x' } });
  await settled();
  expect(follower.answer).toMatchObject({
    errorCode: KafkaError.NONE,
    assignment: Buffer.alloc(0),
  });
});

test('a stable group gives the assignment again; before version 5 without naming the protocol', async () => {
  const h = await GroupHarness.elected();
  const [a = ''] = await h.stable(['a']);
  expect((await h.sync({ memberId: a }).promise).assignment).toEqual(Buffer.from('a-a'));
  const request = {
    groupId: 'g',
    generationId: 1,
    memberId: a,
    groupInstanceId: null,
    protocolType: null,
    protocolName: null,
    assignments: [],
  };
  const old = await h.coordinator.syncGroup(request, h.context(3));
  expect(old).toMatchObject({ errorCode: KafkaError.NONE, assignment: Buffer.from('a-a') });
  const incomplete = await h.coordinator.syncGroup(request, h.context(5));
  expect(incomplete).toEqual({ errorCode: KafkaError.INCONSISTENT_GROUP_PROTOCOL });
});

test.each([
  ['an empty group id', { groupId: '' }, KafkaError.INVALID_GROUP_ID],
  ['a group that is not known', { groupId: 'other' }, KafkaError.UNKNOWN_MEMBER_ID],
  ['a member that is not known', { memberId: 'x' }, KafkaError.UNKNOWN_MEMBER_ID],
  ['a former generation', { generationId: 0 }, KafkaError.ILLEGAL_GENERATION],
  ['a later generation', { generationId: 2 }, KafkaError.ILLEGAL_GENERATION],
  ['another protocol type', { protocolType: 'connect' }, KafkaError.INCONSISTENT_GROUP_PROTOCOL],
  ['another protocol', { protocolName: 'sticky' }, KafkaError.INCONSISTENT_GROUP_PROTOCOL],
  ['an instance id that is not known', { groupInstanceId: 'i' }, KafkaError.UNKNOWN_MEMBER_ID],
] as const)('sync refused: %s', async (_, options, errorCode) => {
  const h = await GroupHarness.elected();
  const [a = ''] = await h.stable(['a']);
  expect(await h.sync({ memberId: a, ...options }).promise).toEqual({ errorCode });
});

test('sync during a rebalance: join first', async () => {
  const h = await GroupHarness.elected();
  const [a = ''] = await h.stable(['a']);
  await h.joinAsNew();
  const errorCode = KafkaError.REBALANCE_IN_PROGRESS;
  expect(await h.sync({ memberId: a }).promise).toEqual({ errorCode });
});

test('a leader that asks again does not store another assignment', async () => {
  const h = await GroupHarness.elected();
  const [a, b] = await completing(h);
  h.storage.hold();
  const first = h.sync({ memberId: a, assign: { [b]: 'one' } });
  const second = h.sync({ memberId: a, assign: { [b]: 'two' } });
  await settled();
  expect(first.answer?.errorCode).toBe(KafkaError.REBALANCE_IN_PROGRESS);
  expect(h.storage.appends).toBe(1);
  h.storage.release();
  await settled();
  expect(second.answer?.errorCode).toBe(KafkaError.NONE);
  expect((await h.sync({ memberId: b }).promise).assignment).toEqual(Buffer.from('one'));
});

test.each([
  ['NOT_ENOUGH_REPLICAS', KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.COORDINATOR_NOT_AVAILABLE],
  ['REQUEST_TIMED_OUT', KafkaError.REQUEST_TIMED_OUT, KafkaError.COORDINATOR_NOT_AVAILABLE],
  ['NOT_LEADER_OR_FOLLOWER', KafkaError.NOT_LEADER_OR_FOLLOWER, KafkaError.NOT_COORDINATOR],
  ['KAFKA_STORAGE_ERROR', KafkaError.KAFKA_STORAGE_ERROR, KafkaError.NOT_COORDINATOR],
  ['MESSAGE_TOO_LARGE', KafkaError.MESSAGE_TOO_LARGE, KafkaError.UNKNOWN_SERVER_ERROR],
] as [string, KafkaErrorCode, KafkaErrorCode][])(
  'an assignment that cannot be stored (%s) is not given out, and the group rebalances',
  async (_, appendError, errorCode) => {
    const h = await GroupHarness.elected();
    const [a, b] = await completing(h);
    h.storage.appendResults.push(appendError);
    const follower = h.sync({ memberId: b });
    const leader = h.sync({ memberId: a, assign: { [b]: 'x' } });
    await settled();
    const refused = { errorCode, assignment: Buffer.alloc(0) };
    expect(follower.answer).toMatchObject(refused);
    expect(leader.answer).toMatchObject(refused);
    expect(await h.state()).toBe('PreparingRebalance');
  },
);

test('an assignment stored too late, when a rebalance has begun, is not given out', async () => {
  const h = await GroupHarness.elected();
  const [a, b] = await completing(h);
  h.storage.hold();
  const leader = h.sync({ memberId: a, assign: { [b]: 'x' } });
  await h.joinAsNew();
  await settled();
  expect(leader.answer?.errorCode).toBe(KafkaError.REBALANCE_IN_PROGRESS);
  h.storage.release();
  await settled();
  expect(await h.state()).toBe('PreparingRebalance');
});

test('members that never ask for their assignment are removed after the rebalance timeout', async () => {
  const h = await GroupHarness.elected();
  const options = { rebalanceMs: 20_000, sessionMs: 60_000 };
  const a = await h.joinAsNew(options);
  const b = await h.joinAsNew(options);
  await h.advance(6000);
  h.sync({ memberId: a.id, assign: { [a.id]: 'x' } });
  await h.advance(19_999);
  expect(await h.heartbeat(b.id)).toBe(KafkaError.NONE);
  await h.advance(1);
  expect(await h.heartbeat(b.id)).toBe(KafkaError.UNKNOWN_MEMBER_ID);
  expect(await h.heartbeat(a.id)).toBe(KafkaError.REBALANCE_IN_PROGRESS);
});

test('heartbeats keep a member; without them it goes after its session timeout', async () => {
  const h = await GroupHarness.elected();
  const [a = '', b = ''] = await h.stable(['a', 'b']);
  for (let i = 0; i < 5; i++) {
    await h.advance(5000);
    expect(await h.heartbeat(a)).toBe(i < 1 ? KafkaError.NONE : KafkaError.REBALANCE_IN_PROGRESS);
  }
  expect(await h.heartbeat(b)).toBe(KafkaError.UNKNOWN_MEMBER_ID);
  const { members } = await h.join({ id: a }).promise;
  expect(members?.map(({ memberId }) => memberId)).toEqual([a]);
});

test.each([
  ['an empty group id', { groupId: '' }, KafkaError.INVALID_GROUP_ID],
  ['a group that is not known', { groupId: 'other' }, KafkaError.UNKNOWN_MEMBER_ID],
  ['a member that is not known', { memberId: 'x' }, KafkaError.UNKNOWN_MEMBER_ID],
  ['another generation', { generationId: 7 }, KafkaError.ILLEGAL_GENERATION],
] as const)('heartbeat refused: %s', async (_, options, errorCode) => {
  const h = await GroupHarness.elected();
  const [a = ''] = await h.stable(['a']);
  const request = { groupId: 'g', generationId: 1, memberId: a, groupInstanceId: null, ...options };
  expect(await h.coordinator.heartbeat(request, h.context(4))).toEqual({ errorCode });
});

test('one who leaves makes the others rejoin; the last leaves an empty group behind', async () => {
  const h = await GroupHarness.elected();
  const [a = '', b = ''] = await h.stable(['a', 'b']);
  expect(await h.leave(a, 'x')).toEqual([KafkaError.NONE, KafkaError.UNKNOWN_MEMBER_ID]);
  expect(await h.heartbeat(b)).toBe(KafkaError.REBALANCE_IN_PROGRESS);
  expect(await h.leave(b)).toEqual([KafkaError.NONE]);
  expect(await h.state()).toBe('Empty');
  expect(h.timers.count).toBe(1);
});

test('who leaves while waiting is answered', async () => {
  const h = await GroupHarness.elected();
  const [a, b] = await completing(h);
  const sync = h.sync({ memberId: b });
  await h.leave(b);
  await settled();
  expect(sync.answer).toEqual({ errorCode: KafkaError.UNKNOWN_MEMBER_ID });
  const join = h.join({ id: a });
  await settled();
  expect(join.answer).toMatchObject({ errorCode: KafkaError.NONE, generationId: 2 });
  const c = await h.joinAsNew();
  await h.leave(c.id);
  await settled();
  expect(c.answer).toMatchObject({ errorCode: KafkaError.UNKNOWN_MEMBER_ID });
});

test('before version 3 one member leaves, and the answer has one code', async () => {
  const h = await GroupHarness.elected();
  const [a = ''] = await h.stable(['a']);
  const request = { groupId: 'g', memberId: a, members: [] };
  const { coordinator } = h;
  expect(await coordinator.leaveGroup(request, h.context(2))).toEqual({
    errorCode: KafkaError.NONE,
  });
  const errorCode = KafkaError.UNKNOWN_MEMBER_ID;
  expect(await coordinator.leaveGroup(request, h.context(2))).toEqual({ errorCode });
});

test('an id that was given out can be given back', async () => {
  const h = await GroupHarness.elected();
  const id = (await h.join().promise).memberId ?? '';
  expect(await h.leave(id)).toEqual([KafkaError.NONE]);
  expect(await h.state()).toBe('Dead');
  expect(h.timers.count).toBe(1);
});

test('a heartbeat costs no timer', async () => {
  const h = await GroupHarness.elected();
  const ids = await h.stable(['a', 'b', 'c']);
  const timers = h.timers.count;
  for (let i = 0; i < 100; i++) {
    await h.advance(100);
    for (const id of ids) await h.heartbeat(id);
  }
  expect(h.timers.count).toBe(timers);
});
