import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BATCH_LENGTH_AT, MAGIC_AT } from '../../format/layout.js';
import { ZERO_UUID } from '../../format/uuid.js';
import { KafkaError } from '../../protocol/error-codes.js';
import { Brokers } from '../../testing/broker-harness.js';
import { batch } from '../../testing/produce-batch.js';

let brokers: Brokers;
let topicId = '';
beforeAll(async () => {
  brokers = await Brokers.start({ settings: { 'auto.create.topics.enable': false } });
  await create('t', {});
  topicId = brokers.node().image.topics.get('t')?.topicId ?? '';
});
afterAll(() => brokers.close());

async function create(name: string, configs: Record<string, string>, partitions = 1) {
  const { topics } = await brokers.call('CreateTopics', 7, {
    topics: [
      {
        name,
        numPartitions: partitions,
        replicationFactor: 1,
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
  });
  expect(topics[0]?.errorCode).toBe(0);
}

async function produce(
  records: Buffer | null,
  o: {
    topic?: string;
    partition?: number;
    acks?: number;
    version?: number;
    transactionalId?: string;
    clientId?: string;
  } = {},
) {
  const { answer, closed } = await brokers.exchange(
    'Produce',
    o.version ?? 9,
    {
      acks: o.acks ?? -1,
      timeoutMs: 1000,
      transactionalId: o.transactionalId ?? null,
      topicData: [{ name: o.topic ?? 't', partitionData: [{ index: o.partition ?? 0, records }] }],
    },
    o.clientId === undefined ? {} : { clientId: o.clientId },
  );
  return { partition: answer?.responses[0]?.partitionResponses[0], closed, answer };
}

function fetch(o: {
  version?: number;
  topic?: string;
  topicId?: string;
  partition?: number;
  offset?: number;
  maxWaitMs?: number;
  minBytes?: number;
  sessionId?: number;
  sessionEpoch?: number;
  epoch?: number;
}) {
  return brokers.call('Fetch', o.version ?? 12, {
    maxWaitMs: o.maxWaitMs ?? 0,
    minBytes: o.minBytes ?? 1,
    sessionId: o.sessionId ?? 0,
    sessionEpoch: o.sessionEpoch ?? -1,
    topics: [
      {
        topic: o.topic ?? 't',
        topicId: o.topicId ?? ZERO_UUID,
        partitions: [
          {
            partition: o.partition ?? 0,
            fetchOffset: o.offset ?? 0,
            currentLeaderEpoch: o.epoch ?? -1,
            partitionMaxBytes: 1 << 20,
          },
        ],
      },
    ],
  });
}

function patched(at: number, ...bytes: number[]): Buffer {
  const copy = Buffer.from(batch(['x']));
  copy.set(bytes, at);
  return copy;
}

describe('Produce', () => {
  it.each([3, 4, 5, 6, 7, 8, 9, 10, 11, 12])('serves version %i', async (version) => {
    const { partition } = await produce(batch(['v']), { version });
    expect(partition?.errorCode).toBe(0);
    expect(partition?.baseOffset).toBeGreaterThanOrEqual(0);
  });

  it.each<[string, Buffer | null, number, number]>([
    ['no records', null, 9, KafkaError.INVALID_RECORD],
    ['empty records', Buffer.alloc(0), 9, KafkaError.INVALID_RECORD],
    ['an incomplete batch', batch(['x']).subarray(0, 40), 9, KafkaError.INVALID_RECORD],
    ['two batches', Buffer.concat([batch(['x']), batch(['y'])]), 9, KafkaError.INVALID_RECORD],
    ['magic 1', patched(MAGIC_AT, 1), 3, KafkaError.INVALID_RECORD],
    ['magic 3', patched(MAGIC_AT, 3), 9, KafkaError.CORRUPT_MESSAGE],
    [
      'a length below any header',
      patched(BATCH_LENGTH_AT, 0, 0, 0, 5),
      9,
      KafkaError.CORRUPT_MESSAGE,
    ],
    [
      'a length that ends in the header',
      patched(BATCH_LENGTH_AT, 0, 0, 0, 16),
      9,
      KafkaError.CORRUPT_MESSAGE,
    ],
    ['a length below zero', patched(BATCH_LENGTH_AT, 255), 9, KafkaError.CORRUPT_MESSAGE],
    ['a wrong checksum', patched(64, 9, 9), 9, KafkaError.CORRUPT_MESSAGE],
    [
      'zstd below version 7',
      batch(['x'.repeat(500)], { compression: 'zstd' }),
      6,
      KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    ],
    [
      'a transactional batch',
      batch(['x'], { producerId: 5, producerEpoch: 0, baseSequence: 0, isTransactional: true }),
      9,
      KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ],
  ])('refuses %s', async (_, records, version, code) => {
    const before = brokers.node().partition('t', 0)?.logEndOffset;
    const { partition, closed } = await produce(records, { version });
    expect(partition).toMatchObject({ errorCode: code, baseOffset: -1 });
    expect(closed).toBeNull();
    expect(brokers.node().partition('t', 0)?.logEndOffset).toBe(before);
  });

  it('cuts off an incomplete batch behind a whole one', async () => {
    const records = Buffer.concat([batch(['x']), batch(['y']).subarray(0, 30)]);
    expect((await produce(records)).partition?.errorCode).toBe(0);
  });

  it.each<[string, Parameters<typeof produce>[1], number]>([
    ['an unknown topic', { topic: 'nowhere' }, KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
    ['an unknown partition', { partition: 7 }, KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
    ['a negative partition', { partition: -1 }, KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
    ['a hostile name', { topic: '__proto__' }, KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
    ['acks of 2', { acks: 2 }, KafkaError.INVALID_REQUIRED_ACKS],
    [
      'a transactional id',
      { transactionalId: 'tx' },
      KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ],
  ])('refuses %s', async (_, options, code) => {
    expect((await produce(batch(['x']), options)).partition?.errorCode).toBe(code);
  });

  it('answers partitions in their order, refused ones between accepted ones', async () => {
    await create('wide', {}, 3);
    const answer = await brokers.call('Produce', 9, {
      acks: 1,
      timeoutMs: 1000,
      topicData: [
        { name: 'nowhere', partitionData: [{ index: 0, records: batch(['a']) }] },
        {
          name: 'wide',
          partitionData: [
            { index: 0, records: batch(['a']) },
            { index: 9, records: batch(['a']) },
            { index: 1, records: batch(['a']) },
            { index: 2, records: null },
          ],
        },
      ],
    });
    const codes = answer.responses.map(({ partitionResponses }) =>
      partitionResponses.map(({ index, errorCode }) => [index, errorCode]),
    );
    expect(codes).toEqual([
      [[0, 3]],
      [
        [0, 0],
        [9, 3],
        [1, 0],
        [2, 87],
      ],
    ]);
  });

  it('closes the connection for what acks=0 cannot be told, and only then', async () => {
    const good = await produce(batch(['x']), { acks: 0 });
    expect(good).toMatchObject({ answer: null, closed: null });
    const unknown = await produce(batch(['x']), { acks: 0, topic: 'nowhere' });
    expect(unknown.answer).toBeNull();
    expect(unknown.closed).toContain('UNKNOWN_TOPIC_OR_PARTITION');
    const corrupt = await produce(patched(64, 9, 9), { acks: 0 });
    expect(corrupt.closed).toContain('CORRUPT_MESSAGE');
  });

  it('knows an idempotent batch again, by producer id alone', async () => {
    await create('idempotent', {});
    const idempotent = { producerId: 77, producerEpoch: 0, baseSequence: 0 };
    const topic = { topic: 'idempotent' };
    const first = await produce(batch(['a', 'b'], idempotent), topic);
    expect(first.partition).toMatchObject({ errorCode: 0, baseOffset: 0 });
    const again = await produce(batch(['a', 'b'], idempotent), topic);
    expect(again.partition).toMatchObject({ errorCode: 0, baseOffset: 0 });
    const gap = await produce(batch(['c'], { ...idempotent, baseSequence: 9 }), topic);
    expect(gap.partition?.errorCode).toBe(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(brokers.node().partition('idempotent', 0)?.logEndOffset).toBe(2);
    // kafkajs sends epoch and sequence 0 without a producer id.
    const plain = { producerId: -1, producerEpoch: 0, baseSequence: 0 };
    expect((await produce(batch(['d'], plain), topic)).partition?.errorCode).toBe(0);
    expect((await produce(batch(['d'], plain), topic)).partition?.errorCode).toBe(0);
  });

  it('holds a topic to its limits', async () => {
    await create('small', { 'max.message.bytes': '200' });
    const large = await produce(batch(['x'.repeat(300)]), { topic: 'small' });
    expect(large.partition?.errorCode).toBe(KafkaError.MESSAGE_TOO_LARGE);
    await create('keyed', { 'cleanup.policy': 'compact' });
    const keyless = await produce(batch(['x']), { topic: 'keyed' });
    expect(keyless.partition?.errorCode).toBe(KafkaError.INVALID_RECORD);
  });

  it('keeps clients out of internal topics', async () => {
    await brokers.call('FindCoordinator', 4, { coordinatorKeys: ['g'] });
    const options = { topic: '__consumer_offsets' };
    const refused = await produce(batch([{ key: 'k', value: 'v' }]), options);
    expect(refused.partition?.errorCode).toBe(KafkaError.INVALID_TOPIC_EXCEPTION);
    const admin = await produce(batch(['x']), { ...options, clientId: '__admin_client' });
    expect(admin.partition?.errorCode).toBe(KafkaError.INVALID_TOPIC_EXCEPTION);
  });
});

describe('Fetch', () => {
  it.each([4, 5, 6, 7, 8, 9, 10, 11, 12])('serves version %i by name', async (version) => {
    const { responses, sessionId } = await fetch({ version });
    expect(sessionId).toBe(0);
    expect(responses[0]).toMatchObject({ topic: 't' });
    expect(responses[0]?.partitions[0]?.errorCode).toBe(0);
    expect(responses[0]?.partitions[0]?.records?.length).toBeGreaterThan(0);
  });

  it.each([13, 14, 15, 16, 17])('serves version %i by topic id', async (version) => {
    const { responses } = await fetch({ version, topicId });
    expect(responses[0]).toMatchObject({ topicId });
    expect(responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, preferredReadReplica: -1 });
    expect(responses[0]?.partitions[0]?.records?.length).toBeGreaterThan(0);
  });

  it.each<[string, Parameters<typeof fetch>[0], number]>([
    ['an unknown topic', { topic: 'nowhere' }, KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
    ['an unknown partition', { partition: 8 }, KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
    ['no topic id', { version: 13 }, KafkaError.UNKNOWN_TOPIC_ID],
    [
      'an unknown topic id',
      { version: 13, topicId: 'MTIzNDU2Nzg5MDEyMzQ1Ng' },
      KafkaError.UNKNOWN_TOPIC_ID,
    ],
    ['an offset above the end', { offset: 1_000_000 }, KafkaError.OFFSET_OUT_OF_RANGE],
    ['an offset below zero', { offset: -5 }, KafkaError.OFFSET_OUT_OF_RANGE],
    ['a leader epoch to come', { epoch: 99 }, KafkaError.UNKNOWN_LEADER_EPOCH],
  ])('refuses %s', async (_, options, code) => {
    const { responses } = await fetch(options);
    expect(responses[0]?.partitions[0]?.errorCode).toBe(code);
    expect(responses[0]?.partitions[0]?.records?.length ?? 0).toBe(0);
  });

  it('has no sessions: it begins one with id 0 and refuses to go on with one', async () => {
    const begun = await fetch({ sessionEpoch: 0 });
    expect(begun).toMatchObject({ errorCode: 0, sessionId: 0 });
    expect(begun.responses).toHaveLength(1);
    const next = await fetch({ sessionId: 12, sessionEpoch: 1 });
    expect(next).toMatchObject({ errorCode: KafkaError.FETCH_SESSION_ID_NOT_FOUND, responses: [] });
  });

  it('returns the batch that contains the offset, whole', async () => {
    await create('three', {});
    await produce(batch(['a', 'b', 'c']), { topic: 'three' });
    const { responses } = await fetch({ topic: 'three', offset: 2 });
    const records = responses[0]?.partitions[0]?.records;
    expect(records?.readBigInt64BE(0)).toBe(0n);
    expect(records?.length).toBe(batch(['a', 'b', 'c']).length);
  });

  it('waits for records, until they come or the wait is over', async () => {
    await create('later', {});
    const waiting = fetch({ topic: 'later', maxWaitMs: 5000 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await produce(batch(['now']), { topic: 'later' });
    expect((await waiting).responses[0]?.partitions[0]?.records?.length).toBeGreaterThan(0);
    const startMs = performance.now();
    const empty = await fetch({ topic: 'later', offset: 1, maxWaitMs: 50 });
    expect(performance.now() - startMs).toBeGreaterThan(40);
    expect(empty.responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 1 });
  });

  it('tells clients that cannot read zstd so', async () => {
    await create('packed', { 'compression.type': 'zstd' });
    const old = await fetch({ topic: 'packed', version: 9 });
    expect(old.responses[0]?.partitions[0]?.errorCode).toBe(
      KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    );
    const recent = await fetch({ topic: 'packed', version: 10 });
    expect(recent.responses[0]?.partitions[0]?.errorCode).toBe(0);
  });

  it('answers refused and served partitions in their order', async () => {
    const { responses } = await brokers.call('Fetch', 11, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [
        { topic: 'no', partitions: [{ partition: 0, partitionMaxBytes: 1000 }] },
        {
          topic: 't',
          partitions: [
            { partition: 4, partitionMaxBytes: 1000 },
            { partition: 0, partitionMaxBytes: 1000 },
          ],
        },
      ],
    });
    expect(
      responses.map(({ partitions }) =>
        partitions.map((its) => [its.partitionIndex, its.errorCode]),
      ),
    ).toEqual([
      [[0, 3]],
      [
        [4, 3],
        [0, 0],
      ],
    ]);
  });
});
