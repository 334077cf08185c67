import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VarveError } from '../../errors.js';
import { ZERO_UUID } from '../../format/uuid.js';
import { KafkaError } from '../../protocol/error-codes.js';
import type { CreatableTopicInput } from '../../protocol/messages/index.js';
import { Brokers } from '../../testing/broker-harness.js';
import { batch } from '../../testing/produce-batch.js';

let brokers: Brokers;
let isControllerGone = false;
beforeAll(async () => {
  brokers = await Brokers.start({
    settings: { 'num.partitions': 2 },
    controller: (controller) =>
      new Proxy(controller, {
        get(target, name) {
          const method = Reflect.get(target, name, target) as (...args: unknown[]) => unknown;
          return async (...args: unknown[]) => {
            if (isControllerGone) throw new VarveError('NOT_CONTROLLER', 'gone for a test');
            return method.apply(target, args);
          };
        },
      }),
  });
});
afterAll(() => brokers.close());

async function create(topic: CreatableTopicInput, version = 7, validateOnly = false) {
  const answer = await brokers.call('CreateTopics', version, { topics: [topic], validateOnly });
  return answer.topics[0];
}

describe('CreateTopics', () => {
  it.each([2, 3, 4, 5, 6, 7])('serves version %i', async (version) => {
    const name = `v${version}`;
    const created = await create({ name, numPartitions: 1, replicationFactor: 1 }, version);
    expect(created).toMatchObject({ name, errorCode: 0 });
    expect(brokers.node().image.topics.has(name)).toBe(true);
    if (version >= 5) {
      expect(created).toMatchObject({ numPartitions: 1, replicationFactor: 1 });
      expect(created?.configs?.find((config) => config.name === 'retention.ms')).toMatchObject({
        value: '604800000',
        configSource: 5,
        readOnly: false,
      });
    }
    if (version >= 7) expect(created?.topicId).toBe(brokers.node().image.topics.get(name)?.topicId);
  });

  it("takes -1 for the broker's defaults", async () => {
    const created = await create({ name: 'defaults', numPartitions: -1, replicationFactor: -1 });
    expect(created).toMatchObject({ errorCode: 0, numPartitions: 2, replicationFactor: 1 });
  });

  it('takes replicas assigned by hand', async () => {
    const created = await create({
      name: 'by-hand',
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [
        { partitionIndex: 1, brokerIds: [1] },
        { partitionIndex: 0, brokerIds: [1] },
      ],
    });
    expect(created).toMatchObject({ errorCode: 0, numPartitions: 2 });
  });

  it('only checks when asked to', async () => {
    const name = 'only-checked';
    const checked = await create({ name, numPartitions: 1, replicationFactor: 1 }, 7, true);
    expect(checked).toMatchObject({ errorCode: 0, numPartitions: 1 });
    expect(brokers.node().image.topics.has(name)).toBe(false);
  });

  it.each<[string, CreatableTopicInput, number]>([
    [
      'a name with a slash',
      { name: '../x', numPartitions: 1, replicationFactor: 1 },
      KafkaError.INVALID_TOPIC_EXCEPTION,
    ],
    [
      'the metadata log',
      { name: '__cluster_metadata', numPartitions: 1, replicationFactor: 1 },
      KafkaError.INVALID_REQUEST,
    ],
    ['no partitions', { name: 'x', replicationFactor: 1 }, KafkaError.INVALID_PARTITIONS],
    [
      'no replicas',
      { name: 'x', numPartitions: 1, replicationFactor: 0 },
      KafkaError.INVALID_REPLICATION_FACTOR,
    ],
    [
      'more replicas than brokers',
      { name: 'x', numPartitions: 1, replicationFactor: 3 },
      KafkaError.INVALID_REPLICATION_FACTOR,
    ],
    [
      'too many partitions',
      { name: 'x', numPartitions: 2_000_000_000, replicationFactor: 1 },
      KafkaError.POLICY_VIOLATION,
    ],
    [
      'an unknown setting',
      {
        name: 'x',
        numPartitions: 1,
        replicationFactor: 1,
        configs: [{ name: 'no.such', value: '1' }],
      },
      KafkaError.INVALID_CONFIG,
    ],
    [
      'a setting in camel case',
      {
        name: 'x',
        numPartitions: 1,
        replicationFactor: 1,
        configs: [{ name: 'retentionMs', value: '1' }],
      },
      KafkaError.INVALID_CONFIG,
    ],
    [
      'a setting named as an object part',
      {
        name: 'x',
        numPartitions: 1,
        replicationFactor: 1,
        configs: [{ name: '__proto__', value: '1' }],
      },
      KafkaError.INVALID_CONFIG,
    ],
    [
      'a value out of range',
      {
        name: 'x',
        numPartitions: 1,
        replicationFactor: 1,
        configs: [{ name: 'segment.ms', value: '-4' }],
      },
      KafkaError.INVALID_CONFIG,
    ],
    [
      'a setting without a value',
      {
        name: 'x',
        numPartitions: 1,
        replicationFactor: 1,
        configs: [{ name: 'segment.ms', value: null }],
      },
      KafkaError.INVALID_CONFIG,
    ],
    [
      'an assignment and a count',
      {
        name: 'x',
        numPartitions: 1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 0, brokerIds: [1] }],
      },
      KafkaError.INVALID_REQUEST,
    ],
    [
      'an assignment with a gap',
      {
        name: 'x',
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 1, brokerIds: [1] }],
      },
      KafkaError.INVALID_REPLICA_ASSIGNMENT,
    ],
    [
      'an assignment with a replica twice',
      {
        name: 'x',
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 0, brokerIds: [1, 1] }],
      },
      KafkaError.INVALID_REPLICA_ASSIGNMENT,
    ],
    [
      'an assignment to an unknown broker',
      {
        name: 'x',
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 0, brokerIds: [9] }],
      },
      KafkaError.INVALID_REPLICA_ASSIGNMENT,
    ],
  ])('refuses %s', async (_, topic, code) => {
    const refused = await create(topic);
    expect(refused?.errorCode).toBe(code);
    expect(refused?.errorMessage).toBeTruthy();
    expect(brokers.node().image.topics.has('x')).toBe(false);
  });

  it('refuses a name that is given twice, and one that is there', async () => {
    const twice = { name: 'twice', numPartitions: 1, replicationFactor: 1 };
    const { topics } = await brokers.call('CreateTopics', 7, {
      topics: [twice, { ...twice, name: 'once' }, twice],
    });
    const codes = Object.fromEntries(topics.map(({ name, errorCode }) => [name, errorCode]));
    expect(codes).toEqual({ twice: KafkaError.INVALID_REQUEST, once: 0 });
    expect(topics).toHaveLength(2);
    const again = await create({ ...twice, name: 'once' });
    expect(again?.errorCode).toBe(KafkaError.TOPIC_ALREADY_EXISTS);
  });

  it('says that the controller cannot be reached', async () => {
    isControllerGone = true;
    try {
      const refused = await create({ name: 'lost', numPartitions: 1, replicationFactor: 1 });
      expect(refused?.errorCode).toBe(KafkaError.NOT_CONTROLLER);
    } finally {
      isControllerGone = false;
    }
  });
});

describe('DeleteTopics', () => {
  it.each([1, 2, 3, 4, 5])('serves version %i by name', async (version) => {
    const name = `gone-${version}`;
    await create({ name, numPartitions: 1, replicationFactor: 1 });
    const answer = await brokers.call('DeleteTopics', version, {
      topicNames: [name, 'nowhere'],
      timeoutMs: 5000,
    });
    const codes = answer.responses.map((its) => [its.name, its.errorCode]);
    expect(codes).toEqual([
      [name, 0],
      ['nowhere', KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
    expect(brokers.node().image.topics.has(name)).toBe(false);
  });

  it('serves version 6 by name and by id, and refuses what is unclear', async () => {
    const ids = await Promise.all(
      ['d1', 'd2', 'd3', 'd4'].map(async (name) => {
        const created = await create({ name, numPartitions: 1, replicationFactor: 1 });
        return created?.topicId ?? '';
      }),
    );
    const unknown = 'MTIzNDU2Nzg5MDEyMzQ1Ng';
    const { responses } = await brokers.call('DeleteTopics', 6, {
      topics: [
        { name: 'd1', topicId: ZERO_UUID },
        { name: null, topicId: ids[1] ?? '' },
        { name: 'd3', topicId: ids[2] ?? '' },
        { name: null, topicId: ZERO_UUID },
        { name: 'd4', topicId: ZERO_UUID },
        { name: 'd4', topicId: ZERO_UUID },
        { name: null, topicId: unknown },
      ],
      timeoutMs: 5000,
    });
    const of = (name: string | null, topicId?: string) =>
      responses.filter(
        (its) => its.name === name && (topicId === undefined || its.topicId === topicId),
      );
    expect(of('d1')).toMatchObject([{ errorCode: 0, topicId: ids[0] }]);
    expect(of('d2')).toMatchObject([{ errorCode: 0, topicId: ids[1] }]);
    expect(of('d3')).toMatchObject([{ errorCode: KafkaError.INVALID_REQUEST }]);
    expect(of(null, ZERO_UUID)).toMatchObject([{ errorCode: KafkaError.INVALID_REQUEST }]);
    expect(of('d4')).toMatchObject([{ errorCode: KafkaError.INVALID_REQUEST }]);
    expect(of(null, unknown)).toMatchObject([{ errorCode: KafkaError.UNKNOWN_TOPIC_ID }]);
    expect(responses).toHaveLength(6);
    const left = ['d1', 'd2', 'd3', 'd4'].filter((name) => brokers.node().image.topics.has(name));
    expect(left).toEqual(['d3', 'd4']);
  });

  it('refuses a topic named by its name and by its id', async () => {
    const created = await create({ name: 'both', numPartitions: 1, replicationFactor: 1 });
    const { responses } = await brokers.call('DeleteTopics', 6, {
      topics: [
        { name: 'both', topicId: ZERO_UUID },
        { name: null, topicId: created?.topicId ?? '' },
      ],
    });
    expect(responses.map(({ errorCode }) => errorCode)).toEqual([KafkaError.INVALID_REQUEST]);
    expect(brokers.node().image.topics.has('both')).toBe(true);
  });

  it('makes a topic of the same name anew, without the old records', async () => {
    const again = { name: 'again', numPartitions: 1, replicationFactor: 1 };
    await create(again);
    const topicData = [{ name: 'again', partitionData: [{ index: 0, records: batch(['x']) }] }];
    await brokers.call('Produce', 9, { acks: -1, timeoutMs: 1000, topicData });
    await brokers.call('DeleteTopics', 4, { topicNames: ['again'], timeoutMs: 5000 });
    await create(again);
    expect(brokers.node().partition('again', 0)?.logEndOffset).toBe(0);
  });
});

describe('CreatePartitions', () => {
  it.each([0, 1, 2, 3])('serves version %i', async (version) => {
    const name = `grow-${version}`;
    await create({ name, numPartitions: 1, replicationFactor: 1 });
    const { results } = await brokers.call('CreatePartitions', version, {
      topics: [{ name, count: 3, assignments: null }],
      timeoutMs: 5000,
    });
    expect(results).toMatchObject([{ name, errorCode: 0 }]);
    expect(brokers.node().image.topics.get(name)?.partitions).toHaveLength(3);
  });

  it('refuses fewer, too many, unknown topics and topics given twice', async () => {
    const topics = [
      { name: 'grow-0', count: 1, assignments: null },
      { name: 'nowhere', count: 4, assignments: null },
      { name: 'grow-1', count: 4, assignments: null },
      { name: 'grow-1', count: 5, assignments: null },
    ];
    const { results } = await brokers.call('CreatePartitions', 3, { topics, timeoutMs: 5000 });
    const codes = Object.fromEntries(results.map(({ name, errorCode }) => [name, errorCode]));
    expect(codes).toEqual({
      'grow-0': KafkaError.INVALID_PARTITIONS,
      nowhere: KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
      'grow-1': KafkaError.INVALID_REQUEST,
    });
    const huge = await brokers.call('CreatePartitions', 3, {
      topics: [{ name: 'grow-2', count: 2_000_000_000, assignments: null }],
    });
    expect(huge.results[0]?.errorCode).toBe(KafkaError.POLICY_VIOLATION);
  });
});

describe('DeleteRecords', () => {
  it.each([0, 1, 2])('serves version %i', async (version) => {
    const name = `cut-${version}`;
    await create({ name, numPartitions: 1, replicationFactor: 1 });
    const records = batch(['a', 'b', 'c']);
    await brokers.call('Produce', 9, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name, partitionData: [{ index: 0, records }] }],
    });
    const cut = async (partitionIndex: number, offset: number) => {
      const { topics } = await brokers.call('DeleteRecords', version, {
        topics: [{ name, partitions: [{ partitionIndex, offset }] }],
        timeoutMs: 1000,
      });
      const { errorCode, lowWatermark } = topics[0]?.partitions[0] ?? {};
      return { errorCode, lowWatermark };
    };
    expect(await cut(0, 2)).toEqual({ errorCode: 0, lowWatermark: 2 });
    expect(await cut(0, 9)).toEqual({
      errorCode: KafkaError.OFFSET_OUT_OF_RANGE,
      lowWatermark: -1,
    });
    expect(await cut(5, 0)).toMatchObject({ errorCode: KafkaError.UNKNOWN_TOPIC_OR_PARTITION });
    expect(await cut(0, -1)).toEqual({ errorCode: 0, lowWatermark: 3 });
  });

  it('refuses compacted topics', async () => {
    await create({
      name: 'compacted',
      numPartitions: 1,
      replicationFactor: 1,
      configs: [{ name: 'cleanup.policy', value: 'compact' }],
    });
    const { topics } = await brokers.call('DeleteRecords', 2, {
      topics: [{ name: 'compacted', partitions: [{ partitionIndex: 0, offset: 0 }] }],
    });
    expect(topics[0]?.partitions[0]?.errorCode).toBe(KafkaError.POLICY_VIOLATION);
  });
});
