// @platformatic/kafka: topics, produce with every codec, consume in a group that rebalances, commit, resume, delete.
import { strict as assert } from 'node:assert';
import zlib from 'node:zlib';
import {
  Admin,
  Consumer,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import {
  checkReceived,
  MORE,
  main,
  PARTITIONS,
  RECORDS,
  recordsFrom,
  until,
  withoutRepeats,
} from './scenario.mjs';

// It leaves zstd to Node, which has it from 22.15 on.
const hasZstd = 'zstdCompressSync' in zlib;
const CODECS = /** @type {const} */ (['none', 'gzip', 'snappy', 'lz4', hasZstd ? 'zstd' : 'none']);

/** @param {string} address @param {(name: string) => void} step @param {string[]} log */
export async function run(address, step, log) {
  const base = { clientId: 'varve-platformatic', bootstrapBrokers: address.split(',') };
  const topic = `platformatic-${process.pid}-${Date.now()}`;
  const groupId = `${topic}-group`;
  const admin = new Admin(base);
  const [created] = await admin.createTopics({
    topics: [topic],
    partitions: PARTITIONS,
    replicas: -1,
    configs: [{ name: 'retention.ms', value: '86400000' }],
  });
  assert.equal(created?.partitions, PARTITIONS);
  // This client does not wait until every broker has heard of the topic.
  await until('the topic is listed', async () => (await admin.listTopics()).includes(topic));
  let metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
  assert.equal(metadata.topics.get(topic)?.partitionsCount, PARTITIONS);
  const [configs] = await admin.describeConfigs({
    resources: [{ resourceType: 2, resourceName: topic, configurationKeys: ['retention.ms'] }],
  });
  assert.equal(configs?.configs[0]?.value, '86400000');
  step('create and describe');

  const producer = new Producer({ ...base, serializers: stringSerializers, idempotent: true });
  const plain = new Producer({ ...base, serializers: stringSerializers });
  const send = (
    /** @type {import('./scenario.mjs').Outgoing[]} */ records,
    options = {},
    by = producer,
  ) => by.send({ messages: records.map((record) => ({ topic, ...record })), ...options });
  const sent = recordsFrom(0, RECORDS);
  const started = Date.now();
  const share = RECORDS / CODECS.length;
  for (const [i, compression] of CODECS.entries()) {
    const { offsets } = await send(sent.slice(i * share, (i + 1) * share), {
      acks: -1,
      compression,
    });
    assert.equal(offsets?.length, PARTITIONS);
  }
  step('produce with every codec');

  /** @type {import('./scenario.mjs').Incoming[]} */
  const received = [];
  const join = async () => {
    const consumer = new Consumer({
      ...base,
      groupId,
      deserializers: stringDeserializers,
      sessionTimeout: 10_000,
      rebalanceTimeout: 10_000,
      heartbeatInterval: 500,
    });
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: 200,
      maxWaitTime: 100,
    });
    stream.on('data', ({ partition, offset, key, value, headers }) => {
      received.push({
        partition,
        offset: Number(offset),
        key,
        value,
        headers: Object.fromEntries(headers),
      });
    });
    stream.on('error', (error) => log.push(`stream: ${error.message}`));
    return {
      assigned: () => consumer.assignments?.find((a) => a.topic === topic)?.partitions ?? [],
      leave: async () => {
        await stream.close();
        await consumer.close();
      },
    };
  };
  const first = await join();
  await until('all records', () => received.length >= RECORDS);
  checkReceived(received, sent);
  assert.equal(first.assigned().length, PARTITIONS);
  step('consume alone');

  // What a member has read and not committed when it loses a partition comes again: wait for the commits.
  const committed = async () => {
    const [group] = await admin.listConsumerGroupOffsets({ groups: [groupId] });
    return (group?.topics[0]?.partitions ?? []).reduce(
      (sum, { committedOffset }) => sum + Number(committedOffset),
      0,
    );
  };
  await until('commits', async () => (await committed()) === RECORDS);
  const second = await join();
  await until('both have partitions', () => {
    const [a, b] = [first.assigned(), second.assigned()];
    return a.length > 0 && b.length > 0 && a.length + b.length === PARTITIONS;
  });
  // STABLE in 1.x, Stable in 2.x.
  const group = async () => {
    const found = (await admin.describeGroups({ groups: [groupId] })).get(groupId);
    return { state: String(found?.state).toUpperCase(), members: found?.members.size };
  };
  await until('a stable group of two', async () => {
    const { state, members } = await group();
    return state === 'STABLE' && members === 2;
  });
  const more = recordsFrom(RECORDS, MORE);
  await send(more, { acks: -1 });
  await until('records by both', () => withoutRepeats(received).length >= RECORDS + MORE);
  await until('commits', async () => (await committed()) === RECORDS + MORE);
  step('consume with two members');

  await first.leave();
  await until('the second has all', () => second.assigned().length === PARTITIONS);
  const again = recordsFrom(RECORDS + MORE, MORE);
  await send(again, { acks: 1 }, plain);
  await until('records by the second', () => withoutRepeats(received).length >= RECORDS + 2 * MORE);
  // Around a rebalance this client may hand out a record twice, against a real Kafka too.
  checkReceived(withoutRepeats(received), [...sent, ...more, ...again]);
  await until('commits', async () => (await committed()) === RECORDS + 2 * MORE);
  await second.leave();
  step('rebalance after a member left');

  const before = received.length;
  const third = await join();
  const last = recordsFrom(RECORDS + 2 * MORE, MORE);
  await send(last, { acks: -1 });
  await until('new records only', () => received.length >= before + MORE);
  checkReceived(withoutRepeats(received.slice(before)), last);
  await until('commits', async () => (await committed()) === RECORDS + 3 * MORE);
  await third.leave();
  step('resume from the committed offsets');

  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp: BigInt(started - 1000),
  }));
  const listed = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
  assert.deepEqual(
    listed[0]?.partitions.map(({ offset }) => offset),
    [0n, 0n, 0n],
  );
  // This client cannot leave the choice of brokers to the cluster.
  const brokerIds = metadata.topics.get(topic)?.partitions[0]?.replicas ?? [];
  await admin.createPartitions({
    topics: [
      {
        name: topic,
        count: PARTITIONS + 2,
        assignments: [{ brokerIds }, { brokerIds }],
      },
    ],
  });
  await until('more partitions', async () => {
    metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
    return metadata.topics.get(topic)?.partitionsCount === PARTITIONS + 2;
  });
  step('look up by time, add partitions');

  await until('the group is empty', async () => (await group()).state === 'EMPTY');
  await admin.deleteGroups({ groups: [groupId] });
  assert.ok(!(await admin.listGroups()).has(groupId));
  await admin.deleteTopics({ topics: [topic] });
  await until('the topic is gone', async () => !(await admin.listTopics()).includes(topic));
  await producer.close();
  await plain.close();
  await admin.close();
  step('delete');
}

if (import.meta.filename === process.argv[1]) await main('platformatic', run);
