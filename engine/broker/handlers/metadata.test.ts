import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ZERO_UUID } from '../../format/uuid.js';
import { KafkaError } from '../../protocol/error-codes.js';
import { ADVERTISED, APIS, apiNameOf } from '../../protocol/messages/index.js';
import { Brokers } from '../../testing/broker-harness.js';
import { batch } from '../../testing/produce-batch.js';
import { SERVED_APIS } from '../dispatch.js';

let brokers: Brokers;
let topicId = '';
beforeAll(async () => {
  brokers = await Brokers.start({ settings: { 'num.partitions': 3 } });
  await brokers.call('CreateTopics', 7, {
    topics: ['a', 'b'].map((name) => ({ name, numPartitions: 2, replicationFactor: 1 })),
  });
  topicId = brokers.node().image.topics.get('a')?.topicId ?? '';
});
afterAll(() => brokers.close());

const named = (...names: string[]) => names.map((name) => ({ name, topicId: ZERO_UUID }));

describe('ApiVersions', () => {
  it.each([0, 1, 2, 3, 4])('serves version %i', async (version) => {
    const answer = await brokers.call('ApiVersions', version, {
      clientSoftwareName: 'librdkafka',
      clientSoftwareVersion: '2.0.2',
    });
    expect(answer.errorCode).toBe(0);
    expect(answer.apiKeys).toEqual(ADVERTISED);
    expect(answer.finalizedFeatures).toEqual([]);
  });

  it('refuses software names that break the rules, from version 3 on', async () => {
    const odd = { clientSoftwareName: 'a b', clientSoftwareVersion: '1' };
    const refused = await brokers.call('ApiVersions', 3, odd);
    expect(refused).toMatchObject({ errorCode: KafkaError.INVALID_REQUEST, apiKeys: [] });
    expect((await brokers.call('ApiVersions', 3, {})).errorCode).toBe(KafkaError.INVALID_REQUEST);
    expect((await brokers.call('ApiVersions', 2, {})).errorCode).toBe(0);
  });

  it('advertises only what has a handler', () => {
    const sasl = ['SaslHandshake', 'SaslAuthenticate'];
    const names = ADVERTISED.map(({ apiKey }) => apiNameOf(apiKey) ?? `key ${apiKey}`);
    const missing = names.filter((name) => !SERVED_APIS.some((served) => served === name));
    expect(missing.filter((name) => !sasl.includes(name))).toEqual([]);
    expect(APIS.Produce.key).toBe(0);
  });
});

describe('Metadata', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])(
    'version %i: null is all topics, none is none, a name is one',
    async (version) => {
      const all = await brokers.call('Metadata', version, { topics: null });
      const names = all.topics.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(['a', 'b']));
      expect((await brokers.call('Metadata', version, { topics: [] })).topics).toEqual([]);
      const one = await brokers.call('Metadata', version, { topics: named('b') });
      expect(one.topics).toHaveLength(1);
      expect(one.topics[0]).toMatchObject({ name: 'b', errorCode: 0 });
      expect(one.topics[0]?.partitions).toHaveLength(2);
      expect(one.topics[0]?.partitions[0]).toMatchObject({
        leaderId: 1,
        replicaNodes: [1],
        isrNodes: [1],
      });
      expect(one.brokers.map(({ nodeId }) => nodeId)).toEqual([1]);
    },
  );

  it('version 0: none is all topics', async () => {
    const { topics } = await brokers.call('Metadata', 0, { topics: [] });
    expect(topics.map(({ name }) => name)).toEqual(expect.arrayContaining(['a', 'b']));
  });

  it('has the real topic id and cluster id', async () => {
    const answer = await brokers.call('Metadata', 10, { topics: named('a') });
    expect(answer.topics[0]?.topicId).toBe(topicId);
    expect(answer.clusterId).toBe(brokers.controller.image.clusterId);
  });

  it('finds topics by id from version 12 on', async () => {
    const unknown = 'MTIzNDU2Nzg5MDEyMzQ1Ng';
    const answer = await brokers.call('Metadata', 12, {
      topics: [
        { topicId, name: null },
        { topicId: unknown, name: null },
      ],
    });
    expect(answer.topics).toMatchObject([
      { name: 'a', topicId, errorCode: 0 },
      { name: null, topicId: unknown, errorCode: KafkaError.UNKNOWN_TOPIC_ID },
    ]);
    const early = await brokers.call('Metadata', 10, { topics: [{ topicId, name: 'a' }] });
    expect(early.topics[0]?.errorCode).toBe(KafkaError.INVALID_REQUEST);
  });

  it("makes a topic that is not there, with the broker's number of partitions", async () => {
    const answer = await brokers.call('Metadata', 4, { topics: named('made') });
    expect(answer.topics[0]).toMatchObject({ name: 'made', errorCode: 0 });
    expect(answer.topics[0]?.partitions.map(({ leaderId }) => leaderId)).toEqual([1, 1, 1]);
    const produced = await brokers.call('Produce', 9, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 'made', partitionData: [{ index: 2, records: batch(['x']) }] }],
    });
    expect(produced.responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
  });

  it('makes a topic once for many that ask at the same time', async () => {
    const asked = Array.from({ length: 20 }, () =>
      brokers.call('Metadata', 9, { topics: named('many', 'others') }),
    );
    for (const { topics } of await Promise.all(asked)) {
      expect(topics.map(({ errorCode }) => errorCode)).toEqual([0, 0]);
    }
    const failed = brokers.events.filter(
      ({ event }) => event.source === 'broker' && event.event.kind === 'auto-creation-failed',
    );
    expect(failed).toEqual([]);
  });

  it('makes none when the client forbids it, when all are asked for, or with a bad name', async () => {
    const quiet = await brokers.call('Metadata', 4, {
      topics: named('not-made'),
      allowAutoTopicCreation: false,
    });
    expect(quiet.topics[0]?.errorCode).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
    for (const name of ['', '..', 'a b', '../../etc', 'x'.repeat(250), '__proto__ ']) {
      const { topics } = await brokers.call('Metadata', 9, { topics: named(name) });
      expect(topics[0]).toMatchObject({ name, errorCode: KafkaError.INVALID_TOPIC_EXCEPTION });
    }
    expect(brokers.node().image.topics.has('not-made')).toBe(false);
  });

  it('says what may be done only when asked', async () => {
    const plain = await brokers.call('Metadata', 8, { topics: named('a') });
    expect(plain.clusterAuthorizedOperations).toBe(-2147483648);
    expect(plain.topics[0]?.topicAuthorizedOperations).toBe(-2147483648);
    const asked = await brokers.call('Metadata', 8, {
      topics: named('a'),
      includeClusterAuthorizedOperations: true,
      includeTopicAuthorizedOperations: true,
    });
    expect(asked.clusterAuthorizedOperations).toBe(8096);
    expect(asked.topics[0]?.topicAuthorizedOperations).toBe(3576);
  });
});

describe('DescribeCluster', () => {
  it.each([0, 1])('serves version %i', async (version) => {
    const answer = await brokers.call('DescribeCluster', version, {});
    expect(answer).toMatchObject({
      errorCode: 0,
      clusterId: brokers.controller.image.clusterId,
      controllerId: 1,
      brokers: [{ brokerId: 1, host: '127.0.0.1', port: 9001, rack: null }],
    });
  });

  it('has no endpoints of controllers', async () => {
    const answer = await brokers.call('DescribeCluster', 1, { endpointType: 2 });
    expect(answer.errorCode).not.toBe(0);
    expect(answer.brokers).toEqual([]);
  });
});

describe('DescribeTopicPartitions', () => {
  const ask = (request: object) => brokers.exchange('DescribeTopicPartitions', 0, request);

  it('pages through topics and partitions without a gap', async () => {
    const seen: string[] = [];
    let cursor: { topicName: string; partitionIndex: number } | null = null;
    for (let page = 0; page < 20; page += 1) {
      const { answer } = await ask({
        topics: [{ name: 'b' }, { name: 'made' }, { name: 'a' }],
        responsePartitionLimit: 2,
        cursor,
      });
      for (const { name, partitions } of answer?.topics ?? []) {
        for (const { partitionIndex } of partitions) seen.push(`${name}-${partitionIndex}`);
      }
      cursor = answer?.nextCursor ?? null;
      if (cursor === null) break;
    }
    expect(seen).toEqual(['a-0', 'a-1', 'b-0', 'b-1', 'made-0', 'made-1', 'made-2']);
  });

  it('refuses unknown topics, one by one', async () => {
    const { answer } = await ask({ topics: [{ name: 'nowhere' }, { name: 'a' }, { name: '!' }] });
    expect(answer?.topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['!', KafkaError.INVALID_TOPIC_EXCEPTION],
      ['a', 0],
      ['nowhere', KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
  });

  it('refuses cursors that fit nothing', async () => {
    const topics = [{ name: 'a' }];
    const foreign = await ask({ topics, cursor: { topicName: 'b', partitionIndex: 0 } });
    expect(foreign.answer?.topics[0]?.errorCode).toBe(KafkaError.INVALID_REQUEST);
    expect(foreign.closed).toContain('cursor');
    const negative = await ask({ topics, cursor: { topicName: 'a', partitionIndex: -1 } });
    expect(negative.answer?.topics[0]?.errorCode).toBe(KafkaError.INVALID_REQUEST);
    const beyond = await ask({ topics, cursor: { topicName: 'a', partitionIndex: 99 } });
    expect(beyond.answer?.topics[0]?.partitions).toEqual([]);
    expect(beyond.answer?.nextCursor).toBeNull();
  });
});
