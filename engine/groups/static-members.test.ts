import { expect, test } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { GroupHarness } from '../testing/group-harness.js';
import { settled } from '../testing/simulated-timers.js';

/** A stable group of static members i and j, with sessions of five minutes. */
async function stableStatic(h: GroupHarness): Promise<[i: string, j: string]> {
  const options = { sessionMs: 300_000 };
  const i = h.join({ ...options, instance: 'i' });
  const j = h.join({ ...options, instance: 'j' });
  await h.advance(6000);
  const [a, b] = [i.answer?.memberId ?? '', j.answer?.memberId ?? ''];
  h.sync({ memberId: b, groupInstanceId: 'j' });
  h.sync({ memberId: a, groupInstanceId: 'i', assign: { [a]: 'for i', [b]: 'for j' } });
  await settled();
  expect(await h.state()).toBe('Stable');
  return [a, b];
}

test('a static member is taken in at once, under an id that begins with its instance id', async () => {
  const h = await GroupHarness.elected();
  const [i] = await stableStatic(h);
  expect(i).toMatch(/^i-[0-9a-f-]{36}$/);
});

test('one that comes back under no id gets a new one and what it had: no rebalance; the former id is fenced', async () => {
  const h = await GroupHarness.elected();
  const [i, j] = await stableStatic(h);
  const back = await h.join({ instance: 'j', sessionMs: 300_000 }).promise;
  expect(back).toMatchObject({
    errorCode: KafkaError.NONE,
    generationId: 1,
    leader: i,
    members: [],
    skipAssignment: false,
  });
  const id = back.memberId ?? '';
  expect(id).not.toBe(j);
  expect(await h.state()).toBe('Stable');
  expect((await h.sync({ memberId: id, groupInstanceId: 'j' }).promise).assignment).toEqual(
    Buffer.from('for j'),
  );
  expect(await h.heartbeat(j, 1, 'j')).toBe(KafkaError.FENCED_INSTANCE_ID);
  expect(await h.heartbeat(j, 1)).toBe(KafkaError.UNKNOWN_MEMBER_ID);
  expect(await h.heartbeat(id, 1, 'j')).toBe(KafkaError.NONE);
  expect((await h.join({ id: j, instance: 'j', sessionMs: 300_000 }).promise).errorCode).toBe(
    KafkaError.FENCED_INSTANCE_ID,
  );
  expect((await h.sync({ memberId: j, groupInstanceId: 'j' }).promise).errorCode).toBe(
    KafkaError.FENCED_INSTANCE_ID,
  );
});

test('a leader that comes back is told to skip the assignment; an older one is not told that it leads', async () => {
  const h = await GroupHarness.elected();
  const [i] = await stableStatic(h);
  const back = await h.join({ instance: 'i', sessionMs: 300_000, version: 9 }).promise;
  expect(back).toMatchObject({ skipAssignment: true, leader: back.memberId, generationId: 1 });
  expect(back.members).toHaveLength(2);
  const older = await h.join({ instance: 'i', sessionMs: 300_000, version: 8 }).promise;
  expect(older).toMatchObject({ leader: back.memberId, members: [], generationId: 1 });
  expect(older.skipAssignment).toBeUndefined();
  expect([i, back.memberId]).not.toContain(older.memberId);
});

test('the answer waits for the log; if that fails the former id is back', async () => {
  const h = await GroupHarness.elected();
  const [, j] = await stableStatic(h);
  h.storage.appendResults.push(KafkaError.NOT_ENOUGH_REPLICAS);
  h.storage.hold();
  const back = h.join({ instance: 'j', sessionMs: 300_000 });
  await settled();
  expect(back.answer).toBeNull();
  h.storage.release();
  await settled();
  expect(back.answer).toMatchObject({
    errorCode: KafkaError.COORDINATOR_NOT_AVAILABLE,
    memberId: '',
  });
  expect(await h.heartbeat(j, 1, 'j')).toBe(KafkaError.NONE);
});

test('one that comes back while a rebalance is under way takes part in it', async () => {
  const h = await GroupHarness.elected();
  const [i, j] = await stableStatic(h);
  const lead = h.join({ id: i, instance: 'i', sessionMs: 300_000 });
  const waiting = h.join({ id: j, instance: 'j', sessionMs: 300_000 });
  await settled();
  expect(waiting.answer?.generationId).toBe(2);
  expect(lead.answer?.members).toHaveLength(2);
  const sync = h.sync({ memberId: j, groupInstanceId: 'j', generationId: 2 });
  const back = h.join({ instance: 'j', sessionMs: 300_000 });
  await settled();
  expect(sync.answer).toEqual({ errorCode: KafkaError.FENCED_INSTANCE_ID });
  expect(await h.state()).toBe('PreparingRebalance');
  h.join({ id: i, instance: 'i', sessionMs: 300_000 });
  await settled();
  expect(back.answer).toMatchObject({ errorCode: KafkaError.NONE, generationId: 3 });
});

test('one whose join waits is fenced by its successor', async () => {
  const h = await GroupHarness.elected();
  const [, j] = await stableStatic(h);
  const waiting = h.join({
    id: j,
    instance: 'j',
    sessionMs: 300_000,
    protocols: [['range', 'new']],
  });
  await settled();
  expect(waiting.answer).toBeNull();
  h.join({ instance: 'j', sessionMs: 300_000 });
  await settled();
  expect(waiting.answer?.errorCode).toBe(KafkaError.FENCED_INSTANCE_ID);
});

test('a change of what it supports that changes the protocol makes the group rebalance', async () => {
  const h = await GroupHarness.elected();
  const both = [
    ['range', 'm'],
    ['sticky', 'm'],
  ] as const;
  const i = h.join({ instance: 'i', protocols: both });
  await h.advance(3000);
  const id = i.answer?.memberId ?? '';
  h.sync({ memberId: id });
  await settled();
  const back = h.join({ instance: 'i', protocols: [['sticky', 'm']] });
  await settled();
  // Only what all support may come: the former protocols of the member itself count.
  expect(back.answer).toMatchObject({
    errorCode: KafkaError.NONE,
    generationId: 2,
    protocolName: 'sticky',
  });
});

test('static members stay through a rebalance without them, until their session ends', async () => {
  const h = await GroupHarness.elected();
  const [i, j] = await stableStatic(h);
  const rejoined = h.join({ id: i, instance: 'i', sessionMs: 300_000 });
  await h.advance(60_000);
  expect(rejoined.answer).toMatchObject({ generationId: 2, leader: i });
  expect(rejoined.answer?.members?.map(({ memberId }) => memberId)).toEqual([i, j]);
  expect(await h.heartbeat(j, 2, 'j')).toBe(KafkaError.NONE);
});

test('with only absent static members the rebalance goes on until their sessions end', async () => {
  const h = await GroupHarness.elected();
  const [i, j] = await stableStatic(h);
  await h.leave({ id: j, instance: 'j' });
  await h.advance(240_000);
  expect(await h.state()).toBe('PreparingRebalance');
  await h.advance(60_000);
  expect(await h.state()).toBe('Empty');
  expect(await h.heartbeat(i, 1, 'i')).toBe(KafkaError.UNKNOWN_MEMBER_ID);
});

test('leaving: by instance id alone, with the right id, and with a wrong one', async () => {
  const h = await GroupHarness.elected();
  const [, j] = await stableStatic(h);
  expect(
    await h.leave(
      { id: 'x', instance: 'j' },
      { instance: 'none' },
      { instance: 'i' },
      { id: j, instance: 'j' },
    ),
  ).toEqual([
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.NONE,
    KafkaError.NONE,
  ]);
  expect(await h.state()).toBe('Empty');
});

test('an absent static member does not make waiting a busy loop, whatever its rebalance timeout', async () => {
  const h = await GroupHarness.elected();
  const options = { rebalanceMs: 1, sessionMs: 60_000 };
  const first = h.join({ ...options, instance: 'i' });
  const second = await h.joinAsNew(options);
  await h.advance(3000);
  h.sync({ memberId: second.id });
  h.sync({ memberId: first.answer?.memberId ?? '', groupInstanceId: 'i' });
  await settled();
  await h.leave(second.id);
  expect(await h.state()).toBe('PreparingRebalance');
  let fired = 0;
  while (h.timers.nextMs !== null && h.timers.nextMs < h.clock.monotonic() + 50_000) {
    h.timers.runNext();
    fired++;
  }
  expect(fired).toBeLessThan(150);
});
