import { expect, test } from 'vitest';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { GroupHarness } from '../testing/group-harness.js';
import { settled } from '../testing/simulated-timers.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

test('anybody commits in a group without members; what was never committed is -1', async () => {
  const h = await GroupHarness.elected();
  expect(await h.commit({ t: 7 })).toEqual([KafkaError.NONE]);
  const answer = await h.coordinator.offsetFetch(
    h.fetchRequest({
      groups: [
        {
          groupId: 'g',
          memberId: null,
          memberEpoch: -1,
          topics: [{ name: 't', topicId: '', partitionIndexes: [0, 1] }],
        },
        {
          groupId: 'other',
          memberId: null,
          memberEpoch: -1,
          topics: [{ name: 't', topicId: '', partitionIndexes: [0] }],
        },
      ],
    }),
    h.context(8),
  );
  const none = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 0 };
  expect(answer).toEqual({
    groups: [
      {
        groupId: 'g',
        errorCode: 0,
        topics: [
          {
            name: 't',
            partitions: [
              {
                partitionIndex: 0,
                committedOffset: 7,
                committedLeaderEpoch: 3,
                metadata: 'm',
                errorCode: 0,
              },
              { partitionIndex: 1, ...none },
            ],
          },
        ],
      },
      {
        groupId: 'other',
        errorCode: 0,
        topics: [{ name: 't', partitions: [{ partitionIndex: 0, ...none }] }],
      },
    ],
  });
});

test('before version 8 one group is asked for; null topics are all of them', async () => {
  const h = await GroupHarness.elected();
  await h.commit({ t: 7, u: 8 });
  const all = await h.coordinator.offsetFetch(h.fetchRequest(), h.context(7));
  expect(all.errorCode).toBe(0);
  expect(
    all.topics?.map(({ name, partitions }) => [name, partitions?.[0]?.committedOffset]),
  ).toEqual([
    ['t', 7],
    ['u', 8],
  ]);
  h.coordinator.resigned(0);
  const topics = [{ name: 't', partitionIndexes: [0] }];
  const errorCode = KafkaError.NOT_COORDINATOR;
  expect(await h.coordinator.offsetFetch(h.fetchRequest({ topics }), h.context(2))).toEqual({
    topics: [],
    errorCode,
  });
  const oldest = await h.coordinator.offsetFetch(h.fetchRequest({ topics }), h.context(1));
  expect(oldest.topics?.[0]?.partitions?.[0]).toMatchObject({ errorCode, committedOffset: -1 });
});

test('members commit in their generation only', async () => {
  const h = await GroupHarness.elected();
  const [a = ''] = await h.stable(['a']);
  const as = (memberId: string, generationIdOrMemberEpoch: number, rest = {}) =>
    h.commit({ t: 1 }, { memberId, generationIdOrMemberEpoch, ...rest });
  expect(await as(a, 1)).toEqual([KafkaError.NONE]);
  expect(await as(a, 0)).toEqual([KafkaError.ILLEGAL_GENERATION]);
  expect(await as('x', 1)).toEqual([KafkaError.UNKNOWN_MEMBER_ID]);
  expect(await as('', -1)).toEqual([KafkaError.UNKNOWN_MEMBER_ID]);
  expect(await as(a, 1, { groupInstanceId: 'i' })).toEqual([KafkaError.UNKNOWN_MEMBER_ID]);
  expect(await as(a, 1, { groupId: 'none', version: 8 })).toEqual([KafkaError.ILLEGAL_GENERATION]);
  expect(await as(a, 1, { groupId: 'none', version: 9 })).toEqual([KafkaError.GROUP_ID_NOT_FOUND]);

  const b = await h.joinAsNew();
  expect(await as(a, 1)).toEqual([KafkaError.NONE]);
  h.join({ id: a });
  await settled();
  expect(b.answer?.generationId).toBe(2);
  expect(await as(a, 2)).toEqual([KafkaError.REBALANCE_IN_PROGRESS]);
  expect(await as(a, 1)).toEqual([KafkaError.ILLEGAL_GENERATION]);
});

test('a commit is a sign of life', async () => {
  const h = await GroupHarness.elected();
  const [a = ''] = await h.stable(['a']);
  for (let i = 0; i < 4; i++) {
    await h.advance(6000);
    expect(await h.commit({ t: i }, { memberId: a, generationIdOrMemberEpoch: 1 })).toEqual([0]);
  }
});

test('too much metadata and topics that do not exist are refused by themselves', async () => {
  const h = await GroupHarness.elected();
  h.storage.missingTopics.add('none');
  const request = h.commitRequest({ t: 1, none: 2, long: 3 });
  const long = 'x'.repeat(4097);
  const topics = request.topics.map((topic) =>
    topic.name === 'long'
      ? { ...topic, partitions: topic.partitions.map((p) => ({ ...p, committedMetadata: long })) }
      : topic,
  );
  expect(await h.commit({}, { topics })).toEqual([
    KafkaError.NONE,
    KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
    KafkaError.OFFSET_METADATA_TOO_LARGE,
  ]);
  expect(await h.committed()).toEqual({ t: 1 });
});

test('metadata of 4096 units and null are kept, though a longer limit cannot pass what a record holds', async () => {
  const h = await GroupHarness.elected({ config: { offsetMetadataMaxBytes: 20_000 } });
  const codes = [];
  for (const committedMetadata of ['é'.repeat(16_383), 'é'.repeat(16_384), null]) {
    const [topic] = h.commitRequest({ t: 1 }).topics;
    const partitions = topic!.partitions.map((p) => ({ ...p, committedMetadata }));
    codes.push(...(await h.commit({}, { topics: [{ ...topic!, partitions }] })));
  }
  expect(codes).toEqual([KafkaError.NONE, KafkaError.OFFSET_METADATA_TOO_LARGE, KafkaError.NONE]);
});

test('a commit is answered, and seen, when it is stored; those who need it wait', async () => {
  const h = await GroupHarness.elected();
  await h.commit({ t: 1 });
  h.storage.hold();
  let codes: number[] | null = null;
  void h.commit({ t: 2 }).then((answer) => {
    codes = answer;
  });
  await settled();
  expect(codes).toBeNull();
  expect(await h.committed()).toEqual({ t: 1 });
  const stable = h.committed({ requireStable: true });
  h.storage.release();
  expect(await stable).toEqual({ t: 2 });
  await settled();
  expect(codes).toEqual([0]);
});

test.each([
  ['NOT_ENOUGH_REPLICAS', KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.COORDINATOR_NOT_AVAILABLE],
  ['NOT_LEADER_OR_FOLLOWER', KafkaError.NOT_LEADER_OR_FOLLOWER, KafkaError.NOT_COORDINATOR],
] as [string, KafkaErrorCode, KafkaErrorCode][])(
  'a commit that could not be stored (%s) did not happen',
  async (_, appendError, errorCode) => {
    const h = await GroupHarness.elected();
    await h.commit({ t: 1 });
    h.storage.appendResults.push(appendError);
    expect(await h.commit({ t: 2, u: 3 })).toEqual([errorCode, errorCode]);
    expect(await h.committed()).toEqual({ t: 1 });
    h.storage.appendResults.push(appendError);
    expect(await h.commit({ t: 2 }, { groupId: 'new' })).toEqual([errorCode]);
    expect(await h.state('new')).toBe('Dead');
  },
);

test('a commit that was given up, and reached the log, shows as soon as it is committed', async () => {
  const h = await GroupHarness.elected();
  await h.commit({ t: 1 });
  h.storage.appendResults.push(KafkaError.REQUEST_TIMED_OUT, KafkaError.REQUEST_TIMED_OUT);
  expect(await h.commit({ t: 2 })).toEqual([KafkaError.COORDINATOR_NOT_AVAILABLE]);
  expect(await h.commit({ t: 3 }, { groupId: 'new' })).toEqual([
    KafkaError.COORDINATOR_NOT_AVAILABLE,
  ]);
  expect(await h.committed({ requireStable: true })).toEqual({ t: 1 });
  h.storage.commitLate();
  await settled();
  expect(await h.committed()).toEqual({ t: 2 });
  expect(await h.committed({ group: 'new' })).toEqual({ t: 3 });
  const again = await GroupHarness.elected({ storage: h.storage });
  expect(await again.committed()).toEqual({ t: 2 });
});

test('a commit that was given up does not come back over a later one', async () => {
  const h = await GroupHarness.elected();
  h.storage.appendResults.push(KafkaError.REQUEST_TIMED_OUT);
  await h.commit({ t: 2 });
  expect(await h.commit({ t: 3 })).toEqual([0]);
  await settled();
  expect(await h.committed()).toEqual({ t: 3 });
});

test('offsets of a group with members expire only for topics it has left', async () => {
  const h = await GroupHarness.elected();
  const subscribed = Buffer.from('0000' + '00000001' + '000174' + 'ffffffff', 'hex');
  const [a = ''] = await h.stable(['a'], { protocols: [['range', subscribed]] });
  const member = { memberId: a, generationIdOrMemberEpoch: 1 };
  await h.commit({ t: 1, u: 2 }, member);
  for (let passed = 0; passed < 8 * DAY; passed += 9000) {
    h.timers.advance(9000);
    void h.heartbeat(a);
  }
  await h.advance(0);
  expect(await h.state()).toBe('Stable');
  expect(await h.committed()).toEqual({ t: 1 });
});

test('offsets live seven days from when the group became empty, and the group goes with them', async () => {
  const h = await GroupHarness.elected();
  const [a = ''] = await h.stable(['a']);
  await h.commit({ t: 1 }, { memberId: a, generationIdOrMemberEpoch: 1 });
  for (let i = 0; i < 100; i++) {
    await h.advance(9000);
    await h.heartbeat(a);
  }
  await h.leave(a);
  await h.advance(7 * DAY - 10 * MINUTE);
  expect(await h.committed()).toEqual({ t: 1 });
  await h.advance(20 * MINUTE);
  expect(await h.committed()).toEqual({});
  expect(await h.state()).toBe('Dead');
  const again = await GroupHarness.elected({ storage: h.storage });
  expect(await again.state()).toBe('Dead');
});

test('without membership each offset lives seven days from its commit', async () => {
  const h = await GroupHarness.elected();
  await h.commit({ t: 1, u: 1 });
  await h.advance(5 * DAY);
  await h.commit({ u: 2 });
  await h.advance(3 * DAY);
  expect(await h.committed()).toEqual({ u: 2 });
  await h.advance(5 * DAY);
  expect(await h.state()).toBe('Dead');
});

test('a client before Kafka 2.1 may ask for a time of its own', async () => {
  const h = await GroupHarness.elected();
  await h.commit({ t: 1 }, { version: 4, retentionTimeMs: 30 * MINUTE });
  const again = await GroupHarness.elected({ storage: h.storage });
  await again.advance(20 * MINUTE);
  expect(await again.committed()).toEqual({ t: 1 });
  await again.advance(20 * MINUTE);
  expect(await again.committed()).toEqual({});
});

test('what is being committed does not expire', async () => {
  const h = await GroupHarness.elected();
  await h.commit({ t: 1 });
  await h.advance(7 * DAY - MINUTE);
  h.storage.hold();
  const commit = h.commit({ t: 2 });
  await h.advance(20 * MINUTE);
  h.storage.release();
  await commit;
  await settled();
  expect(await h.committed()).toEqual({ t: 2 });
});

test('deleting groups: empty ones with all they committed, others not', async () => {
  const h = await GroupHarness.elected();
  await h.stable(['a']);
  await h.commit({ t: 1, u: 2 }, { groupId: 'simple' });
  const request = { groupsNames: ['g', 'simple', 'none'] };
  expect(await h.coordinator.deleteGroups(request, h.context(2))).toEqual({
    results: [
      { groupId: 'g', errorCode: KafkaError.NON_EMPTY_GROUP },
      { groupId: 'simple', errorCode: KafkaError.NONE },
      { groupId: 'none', errorCode: KafkaError.GROUP_ID_NOT_FOUND },
    ],
  });
  expect(await h.committed({ group: 'simple' })).toEqual({});
  const again = await GroupHarness.elected({ storage: h.storage });
  expect(await again.state('simple')).toBe('Dead');
});

test('a commit under way is deleted with its group; one that comes after is not', async () => {
  const h = await GroupHarness.elected();
  await h.commit({ t: 1 });
  h.storage.hold();
  const before = h.commit({ u: 2 });
  const deleted = h.coordinator.deleteGroups({ groupsNames: ['g'] }, h.context(2));
  const after = h.commit({ v: 3 });
  h.storage.release();
  expect([await before, await after]).toEqual([[0], [0]]);
  expect((await deleted).results?.[0]?.errorCode).toBe(0);
  expect(await h.committed()).toEqual({ v: 3 });
  const again = await GroupHarness.elected({ storage: h.storage });
  expect(await again.committed()).toEqual({ v: 3 });
});

test('a group that could not be deleted is there as before', async () => {
  const h = await GroupHarness.elected();
  await h.commit({ t: 1 });
  const failure = KafkaError.NOT_ENOUGH_REPLICAS;
  h.storage.appendResults.push(failure, failure);
  const answer = await h.coordinator.deleteGroups({ groupsNames: ['g'] }, h.context(2));
  expect(answer.results?.[0]?.errorCode).toBe(KafkaError.COORDINATOR_NOT_AVAILABLE);
  expect(await h.committed()).toEqual({ t: 1 });
});

async function deleteOffsets(h: GroupHarness, ...topics: string[]) {
  return h.coordinator.offsetDelete(
    { groupId: 'g', topics: topics.map((name) => ({ name, partitions: [{ partitionIndex: 0 }] })) },
    h.context(0),
  );
}

test('deleting offsets: not of topics that members are subscribed to', async () => {
  const h = await GroupHarness.elected();
  h.storage.missingTopics.add('none');
  expect(await deleteOffsets(h, 't')).toEqual({ errorCode: KafkaError.GROUP_ID_NOT_FOUND });
  const subscribed = Buffer.from('0000' + '00000001' + '000174' + 'ffffffff', 'hex');
  const [a = ''] = await h.stable(['a'], { protocols: [['range', subscribed]] });
  await h.commit({ t: 1, u: 2 }, { memberId: a, generationIdOrMemberEpoch: 1 });
  const answer = await deleteOffsets(h, 't', 'u', 'none', 'v');
  expect(answer.topics?.map(({ partitions }) => partitions?.[0]?.errorCode)).toEqual([
    KafkaError.GROUP_SUBSCRIBED_TO_TOPIC,
    KafkaError.NONE,
    KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
    KafkaError.NONE,
  ]);
  expect(await h.committed()).toEqual({ t: 1 });
  await h.leave(a);
  await deleteOffsets(h, 't');
  const again = await GroupHarness.elected({ storage: h.storage });
  expect(await again.committed()).toEqual({});
});

test('deleting offsets of a group of another kind: not while it has members', async () => {
  const h = await GroupHarness.elected();
  await h.stable(['a'], { type: 'connect' });
  expect(await deleteOffsets(h, 't')).toEqual({ errorCode: KafkaError.NON_EMPTY_GROUP });
});

test('a topic that is deleted takes what was committed for it along', async () => {
  const h = await GroupHarness.elected();
  await h.commit({ t: 1, u: 2 });
  await h.commit({ t: 3 }, { groupId: 'only-t' });
  await h.coordinator.topicsDeleted(['t']);
  expect(await h.committed()).toEqual({ u: 2 });
  expect(await h.state('only-t')).toBe('Dead');
  expect([...h.coordinator.committedOffsets()]).toEqual([
    { group: 'g', topic: 'u', partition: 0, offset: 2 },
  ]);
  const again = await GroupHarness.elected({ storage: h.storage });
  expect(await again.committed()).toEqual({ u: 2 });
});

test('describing and listing: members with what they said once the group is stable', async () => {
  const h = await GroupHarness.elected();
  const [a = ''] = await h.stable(['a']);
  await h.commit({ t: 1 }, { groupId: 'simple' });
  const describe = (version: number, ...groups: string[]) =>
    h.coordinator.describeGroups(
      { groups, includeAuthorizedOperations: false },
      h.context(version),
    );
  const stable = {
    memberId: a,
    groupInstanceId: null,
    clientId: 'a',
    clientHost: '/127.0.0.1',
    memberMetadata: Buffer.from('m'),
    memberAssignment: Buffer.from('a-a'),
  };
  expect((await describe(5, 'g')).groups).toEqual([
    {
      groupId: 'g',
      groupState: 'Stable',
      protocolType: 'consumer',
      protocolData: 'range',
      members: [stable],
    },
  ]);
  await h.joinAsNew();
  const [during] = (await describe(5, 'g')).groups ?? [];
  expect(during).toMatchObject({ groupState: 'PreparingRebalance', protocolData: '' });
  expect(during?.members?.[0]?.memberAssignment).toHaveLength(0);
  expect((await describe(5, 'none')).groups).toEqual([{ groupId: 'none', groupState: 'Dead' }]);
  expect((await describe(6, 'none')).groups?.[0]).toMatchObject({
    errorCode: KafkaError.GROUP_ID_NOT_FOUND,
  });

  const list = async (statesFilter: string[], typesFilter: string[]) =>
    (await h.coordinator.listGroups({ statesFilter, typesFilter }, h.context(5))).groups;
  const g = {
    groupId: 'g',
    protocolType: 'consumer',
    groupState: 'PreparingRebalance',
    groupType: 'classic',
  };
  const simple = { groupId: 'simple', protocolType: '', groupState: 'Empty', groupType: 'classic' };
  expect(await list([], [])).toEqual([g, simple]);
  expect(await list(['empty'], ['Classic'])).toEqual([simple]);
  expect(await list([], ['consumer'])).toEqual([]);
});
