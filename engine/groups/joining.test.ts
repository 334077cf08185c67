import { expect, test } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { GroupHarness } from '../testing/group-harness.js';
import { settled } from '../testing/simulated-timers.js';

test('a first join gets an id to come back with; the group waits the initial delay', async () => {
  const h = await GroupHarness.elected();
  const first = await h.join({ client: 'app' }).promise;
  expect(first.errorCode).toBe(KafkaError.MEMBER_ID_REQUIRED);
  expect(first.memberId).toMatch(
    /^app-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  const id = first.memberId ?? '';
  const join = h.join({ id });
  await h.advance(2999);
  expect(join.answer).toBeNull();
  expect(await h.state()).toBe('PreparingRebalance');
  await h.advance(1);
  expect(join.answer).toMatchObject({
    errorCode: KafkaError.NONE,
    generationId: 1,
    leader: id,
    memberId: id,
    protocolName: 'range',
    protocolType: 'consumer',
    members: [{ memberId: id, groupInstanceId: null, metadata: Buffer.from('m') }],
  });
  expect(await h.state()).toBe('CompletingRebalance');
});

test('before version 4 a member is taken in without coming back', async () => {
  const h = await GroupHarness.elected();
  const join = h.join({ version: 3 });
  await h.advance(3000);
  expect(join.answer).toMatchObject({ errorCode: KafkaError.NONE, generationId: 1 });
});

test('each new member extends the initial delay, up to the rebalance timeout', async () => {
  const h = await GroupHarness.elected();
  const first = await h.joinAsNew({ rebalanceMs: 7000 });
  await h.advance(2000);
  await h.joinAsNew({ rebalanceMs: 7000 });
  await h.advance(3500);
  expect(first.answer).toBeNull();
  await h.joinAsNew({ rebalanceMs: 7000 });
  await h.advance(1499);
  expect(first.answer).toBeNull();
  await h.advance(1);
  expect(first.answer).toMatchObject({ errorCode: KafkaError.NONE, generationId: 1 });
  expect(first.answer?.members).toHaveLength(3);
});

test('only the leader, who joined first, gets the list of members', async () => {
  const h = await GroupHarness.elected();
  const a = await h.joinAsNew();
  const b = await h.joinAsNew();
  await h.advance(6000);
  expect(a.answer?.leader).toBe(a.id);
  expect(a.answer?.members?.map(({ memberId }) => memberId)).toEqual([a.id, b.id]);
  expect(b.answer).toMatchObject({ leader: a.id, members: [], generationId: 1 });
});

test.each([
  ['an empty group id', { group: '' }, KafkaError.INVALID_GROUP_ID],
  ['a session timeout below the least', { sessionMs: 5999 }, KafkaError.INVALID_SESSION_TIMEOUT],
  [
    'a session timeout above the largest',
    { sessionMs: 1_800_001 },
    KafkaError.INVALID_SESSION_TIMEOUT,
  ],
  ['no protocol type', { type: '' }, KafkaError.INCONSISTENT_GROUP_PROTOCOL],
  ['no protocols', { protocols: [] }, KafkaError.INCONSISTENT_GROUP_PROTOCOL],
  ['an id that is not known', { id: 'x' }, KafkaError.UNKNOWN_MEMBER_ID],
] as const)('refused: %s', async (_, options, errorCode) => {
  const h = await GroupHarness.elected();
  expect(await h.join(options).promise).toMatchObject({ errorCode });
  expect(h.timers.count).toBe(1);
  const listed = await h.coordinator.listGroups(
    { statesFilter: [], typesFilter: [] },
    h.context(5),
  );
  expect(listed.groups).toEqual([]);
});

test('a member of another protocol type, or without a common protocol, is refused', async () => {
  const h = await GroupHarness.elected();
  const [id = ''] = await h.stable(['a'], {
    protocols: [
      ['range', 'm'],
      ['x', 'm'],
    ],
  });
  const errorCode = KafkaError.INCONSISTENT_GROUP_PROTOCOL;
  expect(await h.join({ type: 'connect' }).promise).toMatchObject({ errorCode });
  expect(await h.join({ protocols: [['y', 'm']] }).promise).toMatchObject({ errorCode });
  expect(await h.heartbeat(id)).toBe(KafkaError.NONE);
});

test('before version 7 there is no null protocol, not even in a refusal', async () => {
  const h = await GroupHarness.elected();
  expect(await h.join({ id: 'x', version: 6 }).promise).toMatchObject({ protocolName: '' });
  expect(await h.join({ id: 'x', version: 7 }).promise).toMatchObject({ protocolName: null });
});

test('every member votes for its first choice among what all support', async () => {
  const h = await GroupHarness.elected();
  const a = await h.joinAsNew({
    protocols: [
      ['only-a', 'm'],
      ['sticky', 'm'],
      ['range', 'm'],
    ],
  });
  await h.joinAsNew({
    protocols: [
      ['range', 'm'],
      ['sticky', 'm'],
    ],
  });
  await h.joinAsNew({
    protocols: [
      ['range', 'm'],
      ['sticky', 'm'],
    ],
  });
  await h.advance(60_000);
  expect(a.answer?.protocolName).toBe('range');
});

test('an id that is not taken up is forgotten after the session timeout, and the group with it', async () => {
  const h = await GroupHarness.elected();
  const id = (await h.join().promise).memberId ?? '';
  await h.advance(9999);
  expect(await h.state()).toBe('Empty');
  await h.advance(1);
  expect(await h.state()).toBe('Dead');
  expect((await h.join({ id }).promise).errorCode).toBe(KafkaError.UNKNOWN_MEMBER_ID);
});

test('a rebalance waits for an id that was given out, until its time is over', async () => {
  const h = await GroupHarness.elected();
  const [a = ''] = await h.stable(['a']);
  await h.join();
  const rejoin = h.join({ id: a });
  await h.advance(9999);
  expect(rejoin.answer).toBeNull();
  await h.advance(1);
  expect(rejoin.answer).toMatchObject({ errorCode: KafkaError.NONE, generationId: 2 });
});

test('a new member makes the others rejoin; the rebalance ends with the last of them', async () => {
  const h = await GroupHarness.elected();
  const [a = '', b = ''] = await h.stable(['a', 'b']);
  const c = await h.joinAsNew();
  expect(await h.heartbeat(a)).toBe(KafkaError.REBALANCE_IN_PROGRESS);
  const again = h.join({ id: a });
  await h.advance(5000);
  expect(c.answer).toBeNull();
  h.join({ id: b });
  await settled();
  expect(c.answer).toMatchObject({ generationId: 2, leader: a, members: [] });
  expect(again.answer?.members).toHaveLength(3);
});

test('members that do not rejoin within the rebalance timeout are removed, the leader too', async () => {
  const h = await GroupHarness.elected();
  const [a = '', b = ''] = await h.stable(['a', 'b'], { rebalanceMs: 20_000, sessionMs: 30_000 });
  const again = h.join({
    id: b,
    protocols: [['range', 'changed']],
    rebalanceMs: 20_000,
    sessionMs: 30_000,
  });
  await h.advance(19_999);
  expect(again.answer).toBeNull();
  await h.advance(1);
  expect(again.answer).toMatchObject({ generationId: 2, leader: b });
  expect(again.answer?.members).toHaveLength(1);
  expect(await h.heartbeat(a, 2)).toBe(KafkaError.UNKNOWN_MEMBER_ID);
});

test('rejoining: a leader starts a rebalance, a follower that says the same does not', async () => {
  const h = await GroupHarness.elected();
  const [a = '', b = ''] = await h.stable(['a', 'b']);
  expect(await h.join({ id: b }).promise).toMatchObject({
    generationId: 1,
    leader: a,
    members: [],
  });
  expect(await h.state()).toBe('Stable');
  h.join({ id: a });
  await settled();
  expect(await h.state()).toBe('PreparingRebalance');
});

test('rejoining before the assignment is there: the same generation again, unless something changed', async () => {
  const h = await GroupHarness.elected();
  const a = await h.joinAsNew();
  const b = await h.joinAsNew();
  await h.advance(6000);
  const again = await h.join({ id: a.id }).promise;
  expect(again.generationId).toBe(1);
  expect(again.members).toHaveLength(2);
  const waiting = h.sync({ memberId: b.id });
  h.join({ id: a.id, protocols: [['range', 'changed']] });
  await settled();
  expect(waiting.answer).toMatchObject({ errorCode: KafkaError.REBALANCE_IN_PROGRESS });
  expect(await h.state()).toBe('PreparingRebalance');
});

test('a join that is sent again replaces the first, which is answered too', async () => {
  const h = await GroupHarness.elected();
  const first = await h.joinAsNew();
  const second = h.join({ id: first.id });
  await settled();
  expect(first.answer?.errorCode).toBe(KafkaError.REBALANCE_IN_PROGRESS);
  await h.advance(6000);
  expect(second.answer?.generationId).toBe(1);
});

test('a full group takes no more; the last to rejoin a group that is too large are dropped', async () => {
  const h = await GroupHarness.elected({ config: { groupMaxSize: 2 } });
  const [a = '', b = ''] = await h.stable(['a', 'b']);
  expect(await h.join().promise).toMatchObject({
    errorCode: KafkaError.GROUP_MAX_SIZE_REACHED,
    memberId: '',
  });
  const smaller = await GroupHarness.elected({ config: { groupMaxSize: 1 }, storage: h.storage });
  expect(await smaller.state()).toBe('PreparingRebalance');
  const kept = smaller.join({ id: b });
  expect((await smaller.join({ id: a }).promise).errorCode).toBe(KafkaError.GROUP_MAX_SIZE_REACHED);
  await settled();
  expect(kept.answer).toMatchObject({ errorCode: KafkaError.NONE, generationId: 2, leader: b });
});

test('a new member that never hears of its generation is dropped after five minutes', async () => {
  const h = await GroupHarness.elected();
  const [a = ''] = await h.stable(['a'], { rebalanceMs: 1_000_000, sessionMs: 1_800_000 });
  const b = await h.joinAsNew({ rebalanceMs: 1_000_000 });
  await h.advance(299_999);
  expect(b.answer).toBeNull();
  await h.advance(1);
  expect(b.answer).toMatchObject({ errorCode: KafkaError.UNKNOWN_MEMBER_ID, memberId: '' });
  expect(await h.heartbeat(a)).toBe(KafkaError.REBALANCE_IN_PROGRESS);
});
