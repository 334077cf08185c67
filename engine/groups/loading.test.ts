import { expect, test } from 'vitest';
import { VarveError } from '../errors.js';
import { BatchBuilder } from '../format/batch-builder.js';
import { BatchOptions, writeControlBatch } from '../format/batch-writer.js';
import { KafkaError } from '../protocol/error-codes.js';
import { GroupMetadataValue, OffsetCommitValue } from '../protocol/messages/offsets-topic.js';
import { encodeVersioned } from '../protocol/versioned.js';
import { GroupHarness } from '../testing/group-harness.js';
import { MemoryGroupStorage } from '../testing/memory-group-storage.js';
import { settled } from '../testing/simulated-timers.js';
import type { RecordInput } from '../types.js';
import { offsetRecord, offsetTombstone } from './stored-records.js';

const NOW = 1_700_000_000_000;
const GROUP_KEY = Buffer.from('0002' + '0001' + '67', 'hex');
const OFFSET_KEY = Buffer.from('0001' + '0001' + '67' + '0001' + '74' + '00000000', 'hex');

function batch(records: readonly RecordInput[], options: Partial<BatchOptions> = {}): Buffer {
  const builder = new BatchBuilder();
  for (const record of records) builder.append(record, NOW);
  return builder.finish(Object.assign(new BatchOptions(), options));
}

function offset(topic: string, value: number): RecordInput {
  return offsetRecord('g', topic, 0, {
    offset: value,
    leaderEpoch: 1,
    metadata: '',
    commitTimestampMs: NOW,
    expireTimestampMs: null,
  });
}

async function loaded(storage: MemoryGroupStorage): Promise<GroupHarness> {
  return GroupHarness.elected({ storage, seed: 2 });
}

test('the next coordinator goes on where the former one was', async () => {
  const first = await GroupHarness.elected();
  const [a = '', b = ''] = await first.stable(['a', 'b']);
  await first.commit({ t: 5 }, { memberId: a, generationIdOrMemberEpoch: 1 });
  first.coordinator.resigned(0);
  expect(await first.heartbeat(a)).toBe(KafkaError.NOT_COORDINATOR);

  const next = await loaded(first.storage);
  expect(next.events).toMatchObject([
    { type: 'group-partition-loaded', partition: 0, leaderEpoch: 1, groups: 1, offsets: 1 },
  ]);
  expect(await next.state()).toBe('Stable');
  expect(await next.heartbeat(a)).toBe(KafkaError.NONE);
  expect((await next.sync({ memberId: b }).promise).assignment).toEqual(Buffer.from('a-b'));
  expect(await next.commit({ t: 6 }, { memberId: a, generationIdOrMemberEpoch: 1 })).toEqual([0]);
  expect(await next.committed()).toEqual({ t: 6 });
  await next.advance(5000);
  await next.heartbeat(a);
  await next.advance(5000);
  expect(await next.state()).toBe('PreparingRebalance');
});

test('an empty group keeps its generation, so that a later one is new', async () => {
  const first = await GroupHarness.elected();
  const [a = ''] = await first.stable(['a']);
  await first.leave(a);
  const next = await loaded(first.storage);
  expect(await next.state()).toBe('Empty');
  const join = await next.joinAsNew();
  await next.advance(3000);
  expect(join.answer?.generationId).toBe(3);
});

test('static members keep their instance ids', async () => {
  const first = await GroupHarness.elected();
  const i = first.join({ instance: 'i' });
  await first.advance(3000);
  const id = i.answer?.memberId ?? '';
  first.sync({ memberId: id, groupInstanceId: 'i', assign: { [id]: 'mine' } });
  await settled();
  const next = await loaded(first.storage);
  const back = await next.join({ instance: 'i' }).promise;
  expect(back).toMatchObject({ errorCode: KafkaError.NONE, generationId: 1 });
  expect(await next.heartbeat(id, 1, 'i')).toBe(KafkaError.FENCED_INSTANCE_ID);
});

test('while groups are loaded, requests are put off and heartbeats count', async () => {
  const first = await GroupHarness.elected();
  const [a = ''] = await first.stable(['a']);
  first.storage.holdReads();
  const h = new GroupHarness({ storage: first.storage });
  expect((await h.join().promise).errorCode).toBe(KafkaError.NOT_COORDINATOR);
  const elected = h.coordinator.elected(0, 4);
  const errorCode = KafkaError.COORDINATOR_LOAD_IN_PROGRESS;
  expect(await h.join({ id: a }).promise).toMatchObject({ errorCode, memberId: a });
  expect(await h.sync({ memberId: a }).promise).toEqual({ errorCode });
  expect(await h.heartbeat(a)).toBe(KafkaError.NONE);
  expect(await h.commit({ t: 1 })).toEqual([errorCode]);
  expect(
    await h.coordinator.listGroups({ statesFilter: [], typesFilter: [] }, h.context(5)),
  ).toEqual({ errorCode });
  h.storage.releaseReads();
  await elected;
  expect(await h.heartbeat(a)).toBe(KafkaError.NONE);
});

test('what was loaded is served when the in-sync replicas have it', async () => {
  const first = await GroupHarness.elected();
  await first.commit({ t: 1 });
  let reached = () => {};
  first.storage.highWatermarkReached = new Promise((resolve) => {
    reached = resolve;
  });
  const h = new GroupHarness({ storage: first.storage });
  const elected = h.coordinator.elected(0, 2);
  await settled();
  expect(h.storage.waitedFor).toBe(1);
  expect(await h.commit({ t: 2 })).toEqual([KafkaError.COORDINATOR_LOAD_IN_PROGRESS]);
  reached();
  await elected;
  expect(await h.committed()).toEqual({ t: 1 });
});

test('who waits when leadership goes is told where not to wait; old news change nothing', async () => {
  const h = new GroupHarness();
  await h.coordinator.elected(0, 5);
  await h.stable(['a']);
  const join = await h.joinAsNew();
  h.coordinator.resigned(0, 4);
  await settled();
  expect(join.answer).toBeNull();
  h.coordinator.resigned(0, 5);
  await settled();
  expect(join.answer).toMatchObject({ errorCode: KafkaError.NOT_COORDINATOR });
  expect(h.timers.count).toBe(1);
  expect(h.events.at(-1)).toEqual({ type: 'group-partition-unloaded', partition: 0, groups: 1 });
});

test('a sync that waits for the log ends with the leadership, and changes nothing afterwards', async () => {
  const h = await GroupHarness.elected();
  const a = await h.joinAsNew();
  await h.advance(3000);
  h.storage.hold();
  const sync = h.sync({ memberId: a.id, assign: { [a.id]: 'x' } });
  await settled();
  h.coordinator.resigned(0);
  await settled();
  expect(sync.answer).toEqual({ errorCode: KafkaError.NOT_COORDINATOR });
  h.storage.release();
  await settled();
  expect(await h.heartbeat(a.id)).toBe(KafkaError.NOT_COORDINATOR);
});

test('a loader that leadership has overtaken gives up', async () => {
  const first = await GroupHarness.elected();
  await first.commit({ t: 1 });
  const h = new GroupHarness({ storage: first.storage });
  h.storage.holdReads();
  const stale = h.coordinator.elected(0, 1);
  h.coordinator.resigned(0, 2);
  await stale;
  const current = h.coordinator.elected(0, 3);
  await first.commit({ t: 2 });
  h.storage.releaseReads();
  await current;
  expect(await h.committed()).toEqual({ t: 2 });
  expect(h.events.filter(({ type }) => type === 'group-partition-loaded')).toHaveLength(1);
});

test('elected again without having lost it: nothing is loaded, members stay', async () => {
  const h = await GroupHarness.elected();
  const [a = ''] = await h.stable(['a']);
  await h.coordinator.elected(0, 2);
  expect(await h.heartbeat(a)).toBe(KafkaError.NONE);
  expect(h.events.filter(({ type }) => type === 'group-partition-loaded')).toHaveLength(1);
  h.coordinator.resigned(0, 1);
  expect(await h.heartbeat(a)).toBe(KafkaError.NONE);
});

test('a log that cannot be read for a moment is read again; other failures are final', async () => {
  const first = await GroupHarness.elected();
  await first.commit({ t: 1 });
  const h = new GroupHarness({ storage: first.storage });
  h.storage.readError = new VarveError('LOG_BUSY', 'busy', { retriable: true });
  const elected = h.coordinator.elected(0, 1);
  await h.advance(999);
  expect(await h.commit({ t: 2 })).toEqual([KafkaError.COORDINATOR_LOAD_IN_PROGRESS]);
  await h.advance(1);
  await elected;
  expect(await h.committed()).toEqual({ t: 1 });

  const broken = new GroupHarness({ storage: first.storage });
  broken.storage.readError = new VarveError('IO_FAILED', 'gone');
  await broken.coordinator.elected(0, 1);
  expect(await broken.commit({ t: 2 })).toEqual([KafkaError.NOT_COORDINATOR]);
  expect(broken.events).toMatchObject([{ type: 'group-partition-load-failed', willRetry: false }]);
  await broken.coordinator.elected(0, 2);
  expect(await broken.committed()).toEqual({ t: 1 });
});

test.each([0, 1, 2, 3, 4])('offsets of version %i', async (version) => {
  const storage = new MemoryGroupStorage();
  const value = encodeVersioned(OffsetCommitValue, version, {
    offset: 42,
    leaderEpoch: 6,
    metadata: 'text',
    commitTimestamp: NOW,
    expireTimestamp: NOW + 1,
    topicId: 'AAAAAAAAAAAAAAAAAAAAAg',
  });
  storage.put(0, batch([{ key: OFFSET_KEY, value }]));
  const h = await loaded(storage);
  const answer = await h.coordinator.offsetFetch(h.fetchRequest(), h.context(8));
  expect(answer.groups?.[0]?.topics?.[0]?.partitions).toEqual([
    {
      partitionIndex: 0,
      committedOffset: 42,
      committedLeaderEpoch: version >= 3 ? 6 : -1,
      metadata: 'text',
      errorCode: 0,
    },
  ]);
});

test.each([0, 1, 2, 3, 4])('groups of version %i', async (version) => {
  const storage = new MemoryGroupStorage();
  const value = encodeVersioned(GroupMetadataValue, version, {
    protocolType: 'consumer',
    generation: 1,
    protocol: 'range',
    leader: 'm1',
    currentStateTimestamp: NOW,
    members: [
      {
        memberId: 'm1',
        groupInstanceId: 'i',
        clientId: 'c',
        clientHost: '/::1',
        rebalanceTimeout: 60_000,
        sessionTimeout: 10_000,
        subscription: Buffer.from('s'),
        assignment: Buffer.from('x'),
      },
    ],
  });
  storage.put(0, batch([{ key: GROUP_KEY, value }]));
  const h = await loaded(storage);
  const answer = await h.coordinator.describeGroups(
    { groups: ['g'], includeAuthorizedOperations: false },
    h.context(5),
  );
  expect(answer.groups?.[0]).toMatchObject({
    groupState: 'Stable',
    protocolData: 'range',
    members: [
      {
        memberId: 'm1',
        groupInstanceId: version >= 3 ? 'i' : null,
        clientHost: '/::1',
        memberMetadata: Buffer.from('s'),
        memberAssignment: Buffer.from('x'),
      },
    ],
  });
  expect(await h.heartbeat('m1', 1, version >= 3 ? 'i' : null)).toBe(KafkaError.NONE);
});

test('what is written: the bytes of version 3', async () => {
  const h = await GroupHarness.elected();
  await h.commit({ t: 258 });
  const [record] = h.storage.records();
  expect(Buffer.from(record!.key!)).toEqual(OFFSET_KEY);
  expect(Buffer.from(record!.value!).toString('hex')).toBe(
    '0003' + '0000000000000102' + '00000003' + '0001' + '6d' + '0000018bcfe56800',
  );
  await h.coordinator.deleteGroups({ groupsNames: ['g'] }, h.context(2));
  const [, offsetGone, groupGone] = h.storage.records();
  expect([Buffer.from(offsetGone!.key!), offsetGone!.value]).toEqual([OFFSET_KEY, null]);
  expect([Buffer.from(groupGone!.key!), groupGone!.value]).toEqual([GROUP_KEY, null]);
});

test('later records win, tombstones delete, in batches however large', async () => {
  const storage = new MemoryGroupStorage();
  const many = [...Array(5000).keys()];
  storage.put(
    0,
    batch(
      many.map((at) => offset(`t${at % 100}`, at)),
      { compression: 'gzip' },
    ),
  );
  storage.put(0, batch([offsetTombstone('g', 't7', 0), offset('t8', 1)]));
  const h = new GroupHarness({ storage, config: { offsetsLoadBufferSize: 1 } });
  await h.coordinator.elected(0, 1);
  const committed = await h.committed();
  expect(Object.keys(committed)).toHaveLength(99);
  expect([committed.t9, committed.t8, committed.t7]).toEqual([4909, 1, undefined]);
});

test('records of kinds that are not kept here are passed over', async () => {
  const storage = new MemoryGroupStorage();
  const consumerGroup = {
    key: Buffer.from('0003000167', 'hex'),
    value: Buffer.from('000000000001', 'hex'),
  };
  storage.put(0, batch([consumerGroup, offset('t', 1)]));
  const h = await loaded(storage);
  expect(h.events).toMatchObject([{ skippedRecords: 1, groups: 1 }]);
  expect(await h.committed()).toEqual({ t: 1 });
});

function transactional(producerId: number, ...records: RecordInput[]): Buffer {
  return batch(records, { producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true });
}

function marker(producerId: number, type: 'ABORT' | 'COMMIT'): Buffer {
  const buffer = Buffer.alloc(256);
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const options = Object.assign(new BatchOptions(), { producerId, producerEpoch: 0, now: NOW });
  return buffer.subarray(0, writeControlBatch(buffer, view, 0, type, 0, options));
}

test('offsets of transactions count from their commit on, unless something later was there', async () => {
  const storage = new MemoryGroupStorage();
  storage.put(0, transactional(1, offset('committed', 1), offset('overtaken', 1)));
  storage.put(0, transactional(2, offset('aborted', 2)));
  storage.put(0, transactional(3, offset('open', 3)));
  storage.put(0, batch([offset('overtaken', 9)]));
  storage.put(0, marker(1, 'COMMIT'));
  storage.put(0, marker(2, 'ABORT'));
  const h = await loaded(storage);
  expect(await h.committed()).toEqual({ committed: 1, overtaken: 9 });
  expect(h.events).toMatchObject([{ openTransactions: 1 }]);
});

test.each([
  ['no key', [{ key: null, value: Buffer.from('x') }]],
  ['a key cut short', [{ key: OFFSET_KEY.subarray(0, 5), value: Buffer.from('x') }]],
  ['a value cut short', [{ key: OFFSET_KEY, value: Buffer.from('000300', 'hex') }]],
  ['a version that does not exist', [{ key: OFFSET_KEY, value: Buffer.from('0063', 'hex') }]],
  [
    'bytes after the value',
    [
      {
        ...offset('t', 1),
        value: Buffer.concat([offset('t', 1).value as Buffer, Buffer.from('x')]),
      },
    ],
  ],
] as [string, RecordInput[]][])('a record with %s ends the loading', async (_, records) => {
  const storage = new MemoryGroupStorage();
  storage.put(0, batch(records));
  const h = await loaded(storage);
  expect(h.events).toMatchObject([{ type: 'group-partition-load-failed', willRetry: false }]);
  expect(await h.commit({ t: 1 })).toEqual([KafkaError.NOT_COORDINATOR]);
});

test('a damaged batch ends the loading', async () => {
  const storage = new MemoryGroupStorage();
  const damaged = batch([offset('t', 1)]);
  damaged[damaged.length - 1]! ^= 1;
  storage.put(0, damaged);
  const h = await loaded(storage);
  expect(String((h.events[0] as { error?: unknown }).error)).toContain('checksum');
});

test('closed: everybody is told, no timer is left, and nothing is taken any more', async () => {
  const h = await GroupHarness.elected();
  await h.stable(['a']);
  const join = await h.joinAsNew();
  h.coordinator.close();
  await settled();
  expect(join.answer?.errorCode).toBe(KafkaError.NOT_COORDINATOR);
  expect(h.timers.count).toBe(0);
  expect(await h.commit({ t: 1 })).toEqual([KafkaError.COORDINATOR_NOT_AVAILABLE]);
  await h.coordinator.elected(0, 9);
  expect(await h.commit({ t: 1 })).toEqual([KafkaError.COORDINATOR_NOT_AVAILABLE]);
});

test('a thousand groups cost one timer each, and none when they are empty', async () => {
  const h = await GroupHarness.elected();
  for (let at = 0; at < 1000; at++) await h.commit({ t: at }, { groupId: `g${at}` });
  expect(h.timers.count).toBe(1);
  for (let at = 0; at < 1000; at++) h.join({ group: `g${at}`, version: 3 });
  await h.advance(2000);
  expect(h.timers.count).toBe(2001);
});
