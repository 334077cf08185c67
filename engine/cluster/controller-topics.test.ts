import { describe, expect, it } from 'vitest';
import { KafkaError } from '../protocol/error-codes.js';
import { TestController } from '../testing/test-controller.js';

async function three(options = {}): Promise<TestController> {
  const t = await TestController.open(options);
  await t.startAll(1, 2, 3);
  return t;
}

describe('createTopics', () => {
  it('makes a topic with its id, partitions and settings', async () => {
    const t = await three();
    const config = { 'retention.ms': '1000' };
    const answer = await t.create('a', { partitions: 6, replicationFactor: 2, config });
    expect(answer).toMatchObject({ errorCode: 0, partitions: 6, replicationFactor: 2 });
    const topic = t.controller.image.topics.get('a')!;
    expect(topic).toMatchObject({ topicId: answer.topicId, config });
    expect(topic.partitions).toHaveLength(6);
    for (const state of topic.partitions) {
      expect(state).toMatchObject({
        leader: state.replicas[0],
        isr: state.replicas,
        leaderEpoch: 0,
      });
    }
  });

  it('-1 is the default of the cluster', async () => {
    const t = await three({ config: { numPartitions: 4, defaultReplicationFactor: 3 } });
    expect(await t.create('a', { partitions: -1, replicationFactor: -1 })).toMatchObject({
      partitions: 4,
      replicationFactor: 3,
    });
  });

  it('only checks when asked only to check', async () => {
    const t = await three();
    const { version } = t.controller.image;
    expect(await t.create('a', { partitions: 2, validateOnly: true })).toMatchObject({
      errorCode: 0,
      partitions: 2,
    });
    expect(t.controller.image.version).toBe(version);
  });

  type Options = Parameters<TestController['create']>[1];
  const refused: readonly [string, string, Options, number, string][] = [
    ['a name that is taken', 'taken', {}, 36, "Topic 'taken' already exists."],
    ['a name that collides', 'a_b', {}, 17, "Topic 'a_b' collides with existing topic: a.b"],
    ['an empty name', '', {}, 17, "Topic name is invalid: '' is empty"],
    [
      'the name of the metadata',
      '__cluster_metadata',
      {},
      42,
      'Creation of internal topic __cluster_metadata is prohibited.',
    ],
    [
      'no partitions',
      'x',
      { partitions: 0 },
      37,
      'Number of partitions was set to an invalid non-positive value.',
    ],
    [
      'no replicas',
      'x',
      { replicationFactor: 0 },
      38,
      'Replication factor must be larger than 0, or -1 to use the default value.',
    ],
    [
      'more replicas than brokers',
      'x',
      { replicationFactor: 4 },
      38,
      'Unable to replicate the partition 4 time(s): The target replication factor of 4 cannot be reached because only 3 broker(s) are registered.',
    ],
    [
      'too many partitions',
      'x',
      { partitions: 10_001 },
      44,
      'Excessively large number of partitions per request: at most 10000 are allowed.',
    ],
    [
      'both assignment and factor',
      'x',
      { assignments: [[1]], replicationFactor: 1 },
      42,
      'A manual partition assignment was specified, but replication factor was not set to -1.',
    ],
    [
      'both assignment and count',
      'x',
      { assignments: [[1]], partitions: 1 },
      42,
      'A manual partition assignment was specified, but numPartitions was not set to -1.',
    ],
    [
      'an empty replica list',
      'x',
      { assignments: [[]] },
      39,
      'The manual partition assignment includes an empty replica list.',
    ],
    [
      'a replica twice',
      'x',
      { assignments: [[1, 1]] },
      39,
      'The manual partition assignment includes the broker 1 more than once.',
    ],
    [
      'an unknown broker',
      'x',
      { assignments: [[1, 9]] },
      39,
      'The manual partition assignment includes broker 9, but no such broker is registered.',
    ],
    [
      'uneven replicas',
      'x',
      { assignments: [[1, 2], [1]] },
      39,
      'The manual partition assignment includes a partition with 1 replica(s), but this is not consistent with previous partitions, which have 2 replica(s).',
    ],
    ['an unknown setting', 'x', { config: { nope: '1' } }, 40, 'Unknown topic config name: nope'],
    [
      'a setting in camel case',
      'x',
      { config: { retentionMs: '1' } },
      40,
      'Unknown topic config name: retentionMs',
    ],
    [
      'a setting out of range',
      'x',
      { config: { 'retention.ms': '-7' } },
      40,
      'retention.ms is "-7"',
    ],
  ];
  it.each(refused)('refuses %s', async (_, name, options, errorCode, message) => {
    const t = await three();
    await t.create('taken');
    await t.create('a.b');
    const { version } = t.controller.image;
    const answer = await t.create(name, options);
    expect(answer.errorCode).toBe(errorCode);
    expect(answer.errorMessage).toContain(message);
    expect(t.controller.image.version).toBe(version);
  });

  it('refuses when no broker is there, and an assignment to fenced ones only', async () => {
    const t = await TestController.open();
    expect(await t.create('a')).toMatchObject({ errorCode: 38 });
    await t.startAll(1, 2);
    await t.controller.brokerFailed(2);
    expect(await t.create('a', { assignments: [[2]] })).toMatchObject({ errorCode: 39 });
    expect(await t.create('a', { assignments: [[2, 1]] })).toMatchObject({ errorCode: 0 });
    expect(t.partition('a')).toMatchObject({ leader: 1, isr: [1] });
  });

  it('one request: each topic on its own, none twice, none that collides with another', async () => {
    const t = await three();
    const topic = (name: string) => ({
      name,
      partitions: 1,
      replicationFactor: 1,
      assignments: null,
      config: {},
    });
    const answers = await t.controller.createTopics({
      topics: [topic('twice'), topic('good'), topic('twice'), topic('a.b'), topic('a_b')],
      validateOnly: false,
    });
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([42, 0, 42, 0, 17]);
    expect([...t.controller.image.topics.keys()]).toEqual(['good', 'a.b']);
  });
});

describe('deleteTopics', () => {
  it('takes a topic by name or by id; the name is free again', async () => {
    const t = await three();
    const { topicId } = await t.create('a');
    await t.create('b');
    const answers = await t.controller.deleteTopics({
      topics: [
        { name: null, topicId },
        { name: 'b', topicId: null },
      ],
    });
    expect(answers).toMatchObject([
      { name: 'a', topicId, errorCode: 0 },
      { name: 'b', errorCode: 0 },
    ]);
    expect(t.controller.image.topics.size).toBe(0);
    expect((await t.create('a')).topicId).not.toBe(topicId);
  });

  it('refuses what is not there, not clear or named twice', async () => {
    const t = await three();
    const { topicId } = await t.create('a');
    const answers = await t.controller.deleteTopics({
      topics: [
        { name: 'b', topicId: null },
        { name: null, topicId: 'AAECAwQFBgcICQoLDA0ODw' },
        { name: null, topicId: null },
        { name: 'a', topicId },
        { name: 'a', topicId: null },
        { name: null, topicId },
      ],
    });
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([3, 100, 42, 42, 0, 42]);
  });
});

describe('createPartitions', () => {
  const grow = (t: TestController, count: number, assignments: number[][] | null = null) =>
    t.controller.createPartitions({
      topics: [{ name: 'a', count, assignments }],
      validateOnly: false,
    });

  it('adds partitions and leaves those that are there', async () => {
    const t = await three();
    await t.create('a', { partitions: 2, replicationFactor: 2 });
    const before = t.controller.image.topics.get('a')!.partitions;
    expect(await grow(t, 4)).toMatchObject([{ name: 'a', errorCode: 0 }]);
    const after = t.controller.image.topics.get('a')!.partitions;
    expect(after.slice(0, 2)).toEqual(before);
    expect(after.map(({ replicas }) => replicas.length)).toEqual([2, 2, 2, 2]);
    await grow(t, 5, [[3, 1]]);
    expect(t.partition('a', 4)).toMatchObject({ replicas: [3, 1], leader: 3 });
  });

  it('refuses fewer, as many, unknown topics and assignments that do not fit', async () => {
    const t = await three();
    await t.create('a', { partitions: 2, replicationFactor: 2 });
    expect(await grow(t, 1)).toMatchObject([
      {
        errorCode: KafkaError.INVALID_PARTITIONS,
        errorMessage: 'The topic a currently has 2 partition(s); 1 would not be an increase.',
      },
    ]);
    expect(await grow(t, 2)).toMatchObject([
      { errorCode: 37, errorMessage: 'Topic already has 2 partition(s).' },
    ]);
    expect(await grow(t, 4, [[1, 2]])).toMatchObject([{ errorCode: 39 }]);
    expect(await grow(t, 3, [[1]])).toMatchObject([{ errorCode: 39 }]);
    expect(await grow(t, 20_000)).toMatchObject([{ errorCode: 44 }]);
    await t.controller.deleteTopics({ topics: [{ name: 'a', topicId: null }] });
    expect(await grow(t, 3)).toMatchObject([{ errorCode: 3 }]);
  });
});

describe('alterConfigs', () => {
  type Resource = 'topic' | 'broker' | 'group';
  const alter = async (
    t: TestController,
    resource: Resource,
    name: string,
    changes: Record<string, string | null>,
    o: { replaceAll?: boolean; validateOnly?: boolean } = {},
  ) => {
    const [answer] = await t.controller.alterConfigs({
      resources: [{ resource, name, changes, replaceAll: o.replaceAll ?? false }],
      validateOnly: o.validateOnly ?? false,
    });
    return answer!;
  };
  const configOf = (t: TestController) => t.controller.image.topics.get('a')!.config;

  it('sets, takes back and replaces', async () => {
    const t = await three();
    await t.create('a', { config: { 'retention.ms': '1', 'segment.ms': '2' } });
    await alter(t, 'topic', 'a', { 'retention.ms': null, 'flush.ms': '3' });
    expect(configOf(t)).toEqual({ 'segment.ms': '2', 'flush.ms': '3' });
    await alter(t, 'topic', 'a', { 'retention.bytes': '4' }, { replaceAll: true });
    expect(configOf(t)).toEqual({ 'retention.bytes': '4' });
    await alter(t, 'topic', 'a', { 'retention.bytes': '5' }, { validateOnly: true });
    expect(configOf(t)).toEqual({ 'retention.bytes': '4' });
  });

  it('refuses unknown settings, bad values, unknown topics and a resource named twice', async () => {
    const t = await three();
    await t.create('a');
    expect(await alter(t, 'topic', 'a', { nope: null })).toMatchObject({ errorCode: 40 });
    expect(await alter(t, 'topic', 'a', { 'retention.ms': 'x' })).toMatchObject({ errorCode: 40 });
    expect(
      await alter(t, 'topic', 'a', { 'min.compaction.lag.ms': '9', 'max.compaction.lag.ms': '5' }),
    ).toMatchObject({ errorCode: 40 });
    expect(await alter(t, 'topic', 'b', {})).toMatchObject({ errorCode: 3 });
    const change = { resource: 'topic', name: 'a', changes: { 'flush.ms': '3' } } as const;
    const twice = await t.controller.alterConfigs({
      resources: [
        { ...change, replaceAll: false },
        { ...change, replaceAll: false },
      ],
      validateOnly: false,
    });
    expect(twice.map(({ errorCode }) => errorCode)).toEqual([0, 42]);
  });

  it('asks whoever knows them about brokers and groups', async () => {
    const seen: unknown[] = [];
    const t = await three({
      validateConfig: (...args: unknown[]) => {
        seen.push(args);
        return args[1] === '2' ? 'no' : null;
      },
    });
    expect(await alter(t, 'broker', '', { x: '1' })).toMatchObject({ errorCode: 0 });
    expect(await alter(t, 'broker', '', { y: '2' })).toMatchObject({ errorCode: 0 });
    expect(await alter(t, 'broker', '2', { x: '1' })).toMatchObject({
      errorCode: 40,
      errorMessage: 'no',
    });
    expect(await alter(t, 'group', 'g', { x: '1' })).toMatchObject({ errorCode: 0 });
    expect(seen).toEqual([
      ['broker', '', { x: '1' }],
      ['broker', '', { x: '1', y: '2' }],
      ['broker', '2', { x: '1' }],
      ['group', 'g', { x: '1' }],
    ]);
    expect(t.controller.image.configOf('broker', '')).toEqual({ x: '1', y: '2' });
    expect(await alter(t, 'broker', '9', {})).toMatchObject({ errorCode: 102 });
    expect(await alter(t, 'broker', 'one', {})).toMatchObject({ errorCode: 42 });
    expect(await alter(t, 'group', '', {})).toMatchObject({ errorCode: 42 });
  });
});
