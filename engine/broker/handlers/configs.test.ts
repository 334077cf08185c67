import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KafkaError } from '../../protocol/error-codes.js';
import { Brokers } from '../../testing/broker-harness.js';
import { batch } from '../../testing/produce-batch.js';

const TOPIC = 2;
const BROKER = 4;
const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

let brokers: Brokers;
beforeAll(async () => {
  brokers = await Brokers.start({ settings: { 'log.retention.hours': 2 } });
  await brokers.call('CreateTopics', 7, {
    topics: [
      {
        name: 't',
        numPartitions: 1,
        replicationFactor: 1,
        configs: [{ name: 'segment.ms', value: '60000' }],
      },
    ],
  });
});
afterAll(() => brokers.close());

async function describeOne(
  resourceType: number,
  resourceName: string,
  o: { version?: number; keys?: string[] | null; synonyms?: boolean; documents?: boolean } = {},
) {
  const { results } = await brokers.call('DescribeConfigs', o.version ?? 4, {
    resources: [{ resourceType, resourceName, configurationKeys: o.keys ?? null }],
    includeSynonyms: o.synonyms ?? false,
    includeDocumentation: o.documents ?? false,
  });
  return results[0];
}

async function settingOf(resourceType: number, resourceName: string, key: string) {
  const result = await describeOne(resourceType, resourceName, { keys: [key] });
  const { value, configSource } = result?.configs[0] ?? {};
  return { value, configSource };
}

async function change(
  resourceType: number,
  resourceName: string,
  configs: { name: string; configOperation: number; value: string | null }[],
  validateOnly = false,
) {
  const { responses } = await brokers.call('IncrementalAlterConfigs', 1, {
    resources: [{ resourceType, resourceName, configs }],
    validateOnly,
  });
  return responses[0];
}

describe('DescribeConfigs', () => {
  it.each([1, 2, 3, 4])('version %i describes every setting of a topic', async (version) => {
    const result = await describeOne(TOPIC, 't', { version });
    expect(result).toMatchObject({ errorCode: 0, resourceType: TOPIC, resourceName: 't' });
    const configs = new Map(result?.configs.map((config) => [config.name, config]));
    expect(configs.get('segment.ms')).toMatchObject({ value: '60000', configSource: 1 });
    expect(configs.get('retention.ms')).toMatchObject({ value: '7200000', configSource: 4 });
    expect(configs.get('flush.messages')).toMatchObject({
      value: '9223372036854775807',
      configSource: 5,
    });
    expect(configs.get('cleanup.policy')).toMatchObject({ value: 'delete', configSource: 5 });
    expect(configs.has('internal.segment.bytes')).toBe(false);
    expect(configs.size).toBeGreaterThan(20);
    if (version >= 3) {
      expect(configs.get('segment.bytes')?.configType).toBe(3);
      expect(configs.get('segment.ms')?.configType).toBe(5);
      expect(configs.get('preallocate')?.configType).toBe(1);
      expect(configs.get('cleanup.policy')?.configType).toBe(7);
      expect(configs.get('min.cleanable.dirty.ratio')?.configType).toBe(6);
    }
  });

  it('gives names, synonyms and documentation only when asked', async () => {
    const plain = await describeOne(TOPIC, 't', { keys: ['retention.ms', 'no.such'] });
    expect(plain?.configs).toHaveLength(1);
    expect(plain?.configs[0]).toMatchObject({ synonyms: [], documentation: null });
    const full = await describeOne(TOPIC, 't', {
      keys: ['retention.ms', 'segment.ms'],
      synonyms: true,
      documents: true,
    });
    const [segment, retention] = full?.configs ?? [];
    expect(retention?.synonyms).toEqual([
      { name: 'log.retention.hours', value: '2', source: 4 },
      { name: 'log.retention.hours', value: '168', source: 5 },
    ]);
    expect(segment?.synonyms[0]).toEqual({ name: 'segment.ms', value: '60000', source: 1 });
    expect(segment?.documentation).toContain('segment');
  });

  it('describes this broker, and what was given to all', async () => {
    const own = await describeOne(BROKER, '1');
    const configs = new Map(own?.configs.map((config) => [config.name, config]));
    expect(configs.get('log.retention.hours')).toMatchObject({
      value: '2',
      configSource: 4,
      readOnly: true,
    });
    expect(configs.get('message.max.bytes')).toMatchObject({ readOnly: false, configSource: 5 });
    expect(configs.get('broker.rack')).toMatchObject({ value: null });
    expect((await describeOne(BROKER, ''))?.configs).toEqual([]);
  });

  it.each<[string, number, string, number]>([
    ['an unknown topic', TOPIC, 'nowhere', KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
    ['a bad name', TOPIC, 'a/b', KafkaError.INVALID_TOPIC_EXCEPTION],
    ['another broker', BROKER, '2', KafkaError.INVALID_REQUEST],
    ['a broker that is no number', BROKER, 'x', KafkaError.INVALID_REQUEST],
    ['an unknown type', 99, 't', KafkaError.INVALID_REQUEST],
  ])('refuses %s', async (_, type, name, code) => {
    expect(await describeOne(type, name)).toMatchObject({
      errorCode: code,
      resourceType: type,
      resourceName: name,
      configs: [],
    });
  });
});

describe('IncrementalAlterConfigs', () => {
  it('sets, takes back, appends to and subtracts from settings of a topic', async () => {
    expect(
      await change(TOPIC, 't', [
        { name: 'max.message.bytes', configOperation: SET, value: '300' },
        { name: 'segment.ms', configOperation: DELETE, value: null },
        { name: 'cleanup.policy', configOperation: APPEND, value: 'compact' },
      ]),
    ).toMatchObject({ errorCode: 0, resourceType: TOPIC, resourceName: 't' });
    expect(await settingOf(TOPIC, 't', 'max.message.bytes')).toEqual({
      value: '300',
      configSource: 1,
    });
    expect(await settingOf(TOPIC, 't', 'segment.ms')).toEqual({
      value: '604800000',
      configSource: 5,
    });
    expect((await settingOf(TOPIC, 't', 'cleanup.policy')).value).toBe('compact,delete');
    await change(TOPIC, 't', [
      { name: 'cleanup.policy', configOperation: SUBTRACT, value: 'compact' },
    ]);
    expect((await settingOf(TOPIC, 't', 'cleanup.policy')).value).toBe('delete');
  });

  it('is in force in the log at once', async () => {
    const { responses } = await brokers.call('Produce', 9, {
      acks: 1,
      timeoutMs: 1000,
      topicData: [{ name: 't', partitionData: [{ index: 0, records: batch(['x'.repeat(400)]) }] }],
    });
    expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(KafkaError.MESSAGE_TOO_LARGE);
  });

  it('only checks when asked to', async () => {
    const configs = [{ name: 'segment.ms', configOperation: SET, value: '777777' }];
    expect((await change(TOPIC, 't', configs, true))?.errorCode).toBe(0);
    expect((await settingOf(TOPIC, 't', 'segment.ms')).value).toBe('604800000');
  });

  it.each<[string, number, string, [string, number, string | null], number]>([
    ['an unknown setting', TOPIC, 't', ['no.such', SET, '1'], KafkaError.INVALID_CONFIG],
    ['deleting one', TOPIC, 't', ['no.such', DELETE, null], KafkaError.INVALID_CONFIG],
    ['a value out of range', TOPIC, 't', ['segment.ms', SET, '0'], KafkaError.INVALID_CONFIG],
    ['no value', TOPIC, 't', ['segment.ms', SET, null], KafkaError.INVALID_REQUEST],
    ['appending to a number', TOPIC, 't', ['segment.ms', APPEND, '1'], KafkaError.INVALID_CONFIG],
    [
      'a list that is empty then',
      TOPIC,
      't',
      ['cleanup.policy', SUBTRACT, 'delete'],
      KafkaError.INVALID_CONFIG,
    ],
    ['an unknown operation', TOPIC, 't', ['segment.ms', 7, '1'], KafkaError.INVALID_REQUEST],
    [
      'an unknown topic',
      TOPIC,
      'nowhere',
      ['segment.ms', SET, '1'],
      KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
    ],
    ['an unknown broker', BROKER, '9', ['message.max.bytes', SET, '1'], KafkaError.INVALID_REQUEST],
    [
      'a setting that needs a restart',
      BROKER,
      '1',
      ['num.partitions', SET, '4'],
      KafkaError.INVALID_CONFIG,
    ],
  ])('refuses %s', async (_, type, resource, [name, configOperation, value], code) => {
    const refused = await change(type, resource, [{ name, configOperation, value }]);
    expect(refused?.errorCode).toBe(code);
  });

  it('refuses a resource that is given twice, and a setting that is', async () => {
    const one = { name: 'segment.ms', configOperation: SET, value: '5000' };
    const resource = { resourceType: TOPIC, resourceName: 't', configs: [one] };
    const { responses } = await brokers.call('IncrementalAlterConfigs', 1, {
      resources: [resource, resource],
    });
    expect(responses.map(({ errorCode }) => errorCode)).toEqual([KafkaError.INVALID_REQUEST]);
    const twice = await change(TOPIC, 't', [one, one]);
    expect(twice?.errorCode).toBe(KafkaError.INVALID_REQUEST);
  });

  it('changes defaults of topics on every broker and on one, while they run', async () => {
    await change(BROKER, '', [{ name: 'message.max.bytes', configOperation: SET, value: '5000' }]);
    expect(brokers.node().settings.current.messageMaxBytes).toBe(5000);
    await brokers.call('CreateTopics', 7, {
      topics: [{ name: 'plain', numPartitions: 1, replicationFactor: 1 }],
    });
    expect(await settingOf(TOPIC, 'plain', 'max.message.bytes')).toEqual({
      value: '5000',
      configSource: 3,
    });
    const produce = async (bytes: number) => {
      const records = batch(['x'.repeat(bytes)]);
      const { responses } = await brokers.call('Produce', 9, {
        acks: 1,
        timeoutMs: 1000,
        topicData: [{ name: 'plain', partitionData: [{ index: 0, records }] }],
      });
      return responses[0]?.partitionResponses[0]?.errorCode;
    };
    expect(await produce(6000)).toBe(KafkaError.MESSAGE_TOO_LARGE);
    await change(BROKER, '1', [{ name: 'message.max.bytes', configOperation: SET, value: '9000' }]);
    expect(await settingOf(BROKER, '1', 'message.max.bytes')).toEqual({
      value: '9000',
      configSource: 2,
    });
    expect(await produce(6000)).toBe(0);
    await change(BROKER, '1', [
      { name: 'message.max.bytes', configOperation: DELETE, value: null },
    ]);
    await change(BROKER, '', [{ name: 'message.max.bytes', configOperation: DELETE, value: null }]);
    expect(await produce(20_000)).toBe(0);
  });
});

describe('AlterConfigs', () => {
  it.each([0, 1, 2])('version %i replaces everything a topic sets', async (version) => {
    await change(TOPIC, 't', [{ name: 'segment.ms', configOperation: SET, value: '5000' }]);
    const { responses } = await brokers.call('AlterConfigs', version, {
      resources: [
        {
          resourceType: TOPIC,
          resourceName: 't',
          configs: [{ name: 'retention.ms', value: '1000' }],
        },
      ],
    });
    expect(responses[0]?.errorCode).toBe(0);
    expect(brokers.node().image.topics.get('t')?.config).toEqual({ 'retention.ms': '1000' });
  });

  it('refuses values out of range and settings without a value', async () => {
    for (const [name, value, code] of [
      ['retention.ms', 'x', KafkaError.INVALID_CONFIG],
      ['retention.ms', null, KafkaError.INVALID_REQUEST],
    ] as const) {
      const { responses } = await brokers.call('AlterConfigs', 2, {
        resources: [{ resourceType: TOPIC, resourceName: 't', configs: [{ name, value }] }],
      });
      expect(responses[0]?.errorCode).toBe(code);
    }
  });
});
