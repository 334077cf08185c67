// What clients do on both sides of an exchange of data directories, and what one side must find of the other.
import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { KEYS, recordsFrom, until } from '../clients/scenario.mjs';
import { consumed } from './expected.mjs';

const { CompressionTypes, Kafka, logLevel } = kafkajs;

export const TOPICS = { orders: 3, codecs: 5 };
export const OFFSETS_PARTITIONS = 3;
export const GROUP = 'by-kafkajs';
export const JAVA_GROUP = 'by-java';
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const RECORDS = 2000;
/** Enough for compaction to have something to take away. */
const COMMITS = 600;
/** After this long a segment of the offsets topic ends. */
export const ROLL_MS = 400;

/**
 * @typedef {import('./client.mjs').KafkaClient} KafkaClient
 * @typedef {Awaited<ReturnType<typeof consumed>>} PartitionView
 * @typedef {{ partitions: Record<string, PartitionView>, groups: Record<string, unknown> }} View
 */

/** Sessions of several clients with one broker; `close` ends them. */
export class Clients {
  /** @type {(() => Promise<void>)[]} */ #close = [];
  #kafka;

  constructor(/** @type {string} */ address) {
    this.#kafka = new Kafka({
      clientId: 'exchange',
      brokers: [address],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 50, retries: 12 },
    });
  }

  async admin() {
    const admin = this.#kafka.admin();
    await admin.connect();
    this.#close.push(() => admin.disconnect());
    return admin;
  }

  async producer() {
    const producer = this.#kafka.producer({ idempotent: true });
    await producer.connect();
    this.#close.push(() => producer.disconnect());
    return producer;
  }

  /** Without an id of its own: one broker's ids mean nothing to another. */
  async plainProducer() {
    const producer = this.#kafka.producer();
    await producer.connect();
    this.#close.push(() => producer.disconnect());
    return producer;
  }

  /**
   * A member of `groupId` that reads `count` records from where the group is, then does `last`.
   * @param {string} groupId @param {string} topic @param {number} count
   * @param {(consumer: import('kafkajs').Consumer) => Promise<void>} last
   */
  async read(groupId, topic, count, last) {
    const consumer = this.#kafka.consumer({ groupId, maxWaitTimeInMs: 50, sessionTimeout: 10_000 });
    /** @type {{ partition: number, offset: string, value: string }[]} */ const records = [];
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message: { offset, value } }) => {
        records.push({ partition, offset, value: String(value) });
      },
    });
    try {
      await until(`${count} records for ${groupId}`, () => records.length >= count);
      // One too many would come now.
      await sleep(200);
      await last(consumer);
    } finally {
      await consumer.disconnect();
    }
    return records;
  }

  /** A member that stays, with every partition of the topic. */
  async join(/** @type {string} */ groupId, /** @type {string} */ topic) {
    const consumer = this.#kafka.consumer({ groupId, sessionTimeout: 10_000 });
    const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve));
    await consumer.connect();
    await consumer.subscribe({ topic });
    await consumer.run({ autoCommit: false, eachMessage: async () => {} });
    this.#close.push(() => consumer.disconnect());
    await joined;
  }

  async close() {
    for (const close of this.#close.splice(0)) await close();
  }
}

/** Topics, records in every codec, commits and deletions: what a broker is left with. */
export async function fill(/** @type {Clients} */ clients, /** @type {KafkaClient} */ java) {
  const admin = await clients.admin();
  const topics = [
    ...Object.entries(TOPICS).map(([topic, numPartitions]) => ({ topic, numPartitions })),
    { topic: 'gone', numPartitions: 2 },
  ];
  await admin.createTopics({ waitForLeaders: true, topics });
  for (const [partition, codec] of CODECS.entries()) {
    const producer = `codec-${codec}`;
    await java.call('openProducer', { producer, configs: { 'compression.type': codec } });
    for (let batch = 0; batch < 3; batch++) {
      const records = recordsFrom(batch * 50, 50).map(({ key, value, headers }, i) => ({
        key: i % 7 === 3 ? null : base64(key),
        value: i % 11 === 5 ? null : base64(value),
        headers: Object.entries(headers).map(([name, text]) => ({
          key: name,
          value: base64(text),
        })),
      }));
      await java.call('produce', { producer, topic: 'codecs', partition, records });
    }
    await java.call('closeProducer', { producer });
  }
  const producer = await clients.producer();
  for (let first = 0; first < RECORDS; first += 500) {
    const compression = first % 1000 === 0 ? CompressionTypes.None : CompressionTypes.GZIP;
    const messages = recordsFrom(first, 500);
    await producer.send({ topic: 'orders', acks: -1, compression, messages });
  }
  await producer.send({ topic: 'gone', messages: recordsFrom(0, 10) });

  const ends = await admin.fetchTopicOffsets('orders');
  /** Half of each partition is left to be read on the other side. */
  const half = ends.map(({ partition, high }) => ({
    topic: 'orders',
    partition,
    offset: String(Math.floor(Number(high) / 2)),
    metadata: `half of ${partition}`,
  }));
  const read = await clients.read(GROUP, 'orders', RECORDS, async (consumer) => {
    for (let i = 0; i < COMMITS; i++) {
      const offset = String(i % 10);
      await consumer.commitOffsets(half.map((one) => ({ ...one, offset })));
    }
    // A segment ends with the first append after its time, and only then is it compacted.
    await sleep(ROLL_MS + 100);
    await consumer.commitOffsets(half);
  });
  assert.equal(new Set(read.map(({ value }) => value)).size, RECORDS);
  for (const partition of CODECS.keys()) {
    const fields = { topic: 'codecs', partition, offset: 10 + partition, metadata: 'by hand' };
    await java.call('commitOffset', { group: JAVA_GROUP, ...fields });
  }
  for (const group of ['deleted', 'of-a-deleted-topic']) {
    const fields = { topic: 'gone', partition: 1, offset: 3, metadata: '' };
    await java.call('commitOffset', { group, ...fields });
  }
  await admin.deleteGroups(['deleted']);
  await admin.deleteTopics({ topics: ['gone'] });
  return Object.fromEntries(
    half.map(({ partition, offset, metadata }) => [
      `orders-${partition}`,
      { offset: Number(offset), metadata },
    ]),
  );
}

/** Everything clients can see of the exchanged topics and groups. */
export async function view(/** @type {KafkaClient} */ java) {
  /** @type {View} */ const seen = { partitions: {}, groups: {} };
  for (const [topic, count] of Object.entries(TOPICS)) {
    for (let partition = 0; partition < count; partition++)
      seen.partitions[`${topic}-${partition}`] = await consumed(java, topic, undefined, partition);
  }
  for (const group of [GROUP, JAVA_GROUP, 'deleted', 'of-a-deleted-topic'])
    seen.groups[group] = await java.call('groupOffsets', { group });
  return seen;
}

/**
 * The group reads what it has not read, no more and no less, commits, and is given new records to leave behind.
 * @param {Clients} clients @param {View} before @param {string} mark of the new records
 */
export async function resume(clients, before, mark) {
  const committed = /** @type {Record<string, { offset: number }>} */ (before.groups[GROUP]);
  const left = Object.entries(committed).flatMap(([name, { offset }]) =>
    (before.partitions[name]?.records ?? [])
      .filter((record) => record.offset >= offset)
      .map((record) => `${name}@${record.offset}`),
  );
  assert.ok(left.length > 0, 'the group has something left to read');
  const read = await clients.read(GROUP, 'orders', left.length, async (consumer) => {
    const offsets = Object.keys(committed).map((name) => ({
      topic: 'orders',
      partition: Number(name.split('-')[1]),
      offset: String(before.partitions[name]?.endOffset),
      metadata: mark,
    }));
    await consumer.commitOffsets(offsets);
  });
  assert.deepEqual(
    read.map(({ partition, offset }) => `orders-${partition}@${offset}`).sort(),
    left.sort(),
    'the group reads on from what it committed',
  );
  const producer = await clients.plainProducer();
  const messages = recordsFrom(0, KEYS).map(({ key }) => ({ key, value: `${mark} ${key}` }));
  await producer.send({ topic: 'orders', acks: -1, messages });
}

const base64 = (/** @type {string} */ text) => Buffer.from(text).toString('base64');
