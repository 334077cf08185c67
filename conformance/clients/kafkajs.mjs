// KafkaJS: topics, produce, consume in a group that rebalances, commit, resume, delete.
import { strict as assert } from 'node:assert';
import kafkajs from 'kafkajs';
import { checkReceived, MORE, main, PARTITIONS, RECORDS, recordsFrom, until } from './scenario.mjs';

const { CompressionTypes, Kafka, logLevel } = kafkajs;

/** @param {string} address @param {(name: string) => void} step @param {string[]} log */
export async function run(address, step, log) {
  const kafka = new Kafka({
    clientId: 'varve-kafkajs',
    brokers: address.split(','),
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ label, log: { message, error } }) => {
        // Said once by every KafkaJS 2 producer, whatever the broker.
        if (message.includes('KafkaJS v2.0.0 switched default partitioner')) return;
        log.push(`${label}: ${message}${error ? `: ${error}` : ''}`);
      },
  });
  const topic = `kafkajs-${process.pid}-${Date.now()}`;
  const groupId = `${topic}-group`;
  const admin = kafka.admin();
  await admin.connect();
  assert.equal(
    await admin.createTopics({
      topics: [
        {
          topic,
          numPartitions: PARTITIONS,
          replicationFactor: -1,
          configEntries: [{ name: 'retention.ms', value: '86400000' }],
        },
      ],
    }),
    true,
  );
  assert.ok((await admin.listTopics()).includes(topic));
  const [described] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics;
  assert.equal(described?.partitions.length, PARTITIONS);
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: 2, name: topic, configNames: ['retention.ms'] }],
  });
  assert.equal(resources[0]?.configEntries[0]?.configValue, '86400000');
  step('create and describe');

  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 5 });
  await producer.connect();
  const plain = kafka.producer();
  await plain.connect();
  const sent = recordsFrom(0, RECORDS);
  const started = Date.now();
  for (const [i, compression] of [
    CompressionTypes.None,
    CompressionTypes.GZIP,
    CompressionTypes.None,
  ].entries()) {
    const messages = sent.slice(i * 1000, (i + 1) * 1000);
    const results = await producer.send({ topic, acks: -1, compression, messages });
    for (const { errorCode } of results) assert.equal(errorCode, 0);
  }
  step('produce');

  /** @type {import('./scenario.mjs').Incoming[]} */
  const received = [];
  /** @type {Map<string, number[]>} */
  const assigned = new Map();
  const consumers = [];
  const join = async (/** @type {string} */ name, fromBeginning = true) => {
    const consumer = kafka.consumer({
      groupId,
      sessionTimeout: 10_000,
      heartbeatInterval: 500,
      rebalanceTimeout: 10_000,
      maxWaitTimeInMs: 100,
    });
    consumer.on('consumer.group_join', ({ payload }) => {
      assigned.set(name, payload.memberAssignment[topic] ?? []);
    });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning });
    await consumer.run({
      autoCommitInterval: 200,
      eachMessage: async ({ partition, message }) => {
        received.push({
          partition,
          offset: Number(message.offset),
          key: String(message.key),
          value: String(message.value),
          headers: Object.fromEntries(
            Object.entries(message.headers ?? {}).map(([k, v]) => [k, String(v)]),
          ),
        });
      },
    });
    consumers.push(consumer);
    return consumer;
  };
  const first = await join('a');
  await until('all records', () => received.length >= RECORDS);
  checkReceived(received, sent);
  assert.equal(assigned.get('a')?.length, PARTITIONS);
  step('consume alone');

  const second = await join('b');
  await until('both have partitions', () => {
    const [a, b] = [assigned.get('a') ?? [], assigned.get('b') ?? []];
    return a.length > 0 && b.length > 0 && a.length + b.length === PARTITIONS;
  });
  const group = (await admin.describeGroups([groupId])).groups[0];
  assert.equal(group?.state, 'Stable');
  assert.equal(group?.members.length, 2);
  const more = recordsFrom(RECORDS, MORE);
  await producer.send({ topic, acks: -1, messages: more });
  await until('records by both', () => received.length >= RECORDS + MORE);
  step('consume with two members');

  await first.disconnect();
  await until('b has all', () => assigned.get('b')?.length === PARTITIONS);
  const again = recordsFrom(RECORDS + MORE, MORE);
  await plain.send({ topic, acks: 1, messages: again });
  await until('records by b', () => received.length >= RECORDS + 2 * MORE);
  checkReceived(received, [...sent, ...more, ...again]);
  await second.disconnect();
  step('rebalance after a member left');

  const ends = await admin.fetchTopicOffsets(topic);
  const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
  for (const { partition, high } of ends) {
    assert.equal(
      committed?.partitions.find((p) => p.partition === partition)?.offset,
      high,
      `committed offset of partition ${partition}`,
    );
  }
  const byTime = await admin.fetchTopicOffsetsByTimestamp(topic, started - 1000);
  assert.deepEqual(
    byTime.map(({ offset }) => offset),
    ['0', '0', '0'],
  );
  const before = received.length;
  const third = await join('c');
  const last = recordsFrom(RECORDS + 2 * MORE, MORE);
  await producer.send({ topic, acks: -1, messages: last });
  await until('new records only', () => received.length >= before + MORE);
  checkReceived(received.slice(before), last);
  await third.disconnect();
  step('resume from the committed offsets');

  await plain.send({ topic, acks: 0, messages: recordsFrom(0, 10) });
  await until('records without acknowledgement', async () => {
    const total = (await admin.fetchTopicOffsets(topic)).reduce(
      (sum, { high }) => sum + Number(high),
      0,
    );
    return total === RECORDS + 3 * MORE + 10;
  });
  step('produce without acknowledgement');

  await admin.createPartitions({ topicPartitions: [{ topic, count: PARTITIONS + 2 }] });
  await until(
    'more partitions',
    async () =>
      (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions.length ===
      PARTITIONS + 2,
  );
  // A leader may not be in place everywhere at once, with Kafka neither.
  await until('leaders of the new partitions', () =>
    admin.fetchTopicOffsets(topic).then(
      () => true,
      () => false,
    ),
  );
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '5' }] });
  assert.equal(
    (await admin.fetchTopicOffsets(topic)).find(({ partition }) => partition === 0)?.low,
    '5',
  );
  step('add partitions, delete records');

  await admin.deleteGroups([groupId]);
  assert.ok(!(await admin.listGroups()).groups.some((g) => g.groupId === groupId));
  await admin.deleteTopics({ topics: [topic] });
  await until('the topic is gone', async () => !(await admin.listTopics()).includes(topic));
  await producer.disconnect();
  await plain.disconnect();
  await admin.disconnect();
  step('delete');
}

if (import.meta.filename === process.argv[1]) await main('kafkajs', run);
