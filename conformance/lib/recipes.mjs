// What the fixtures hold: one recipe a case, each a topic with one partition filled through Kafka's Java client.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { checkpoint } from './broker.mjs';
import { line, lines, noise, random, START } from './payloads.mjs';

/** @typedef {import('./client.mjs').KafkaClient} KafkaClient */
/** @typedef {{ key?: string | Buffer | null, value?: string | Buffer | null, timestamp?: number, headers?: [string, string | Buffer | null][] }} RecordSpec */

/**
 * @typedef {object} Recipe
 * @property {string} name of the case and its topic
 * @property {string} about what the case is there to show
 * @property {boolean} [killed] the broker is killed after `more`, else it shuts down cleanly after `fill`
 * @property {Record<string, string | number | boolean>} [configs] of the topic
 * @property {(fill: Filler) => Promise<void>} fill
 * @property {(fill: Filler) => Promise<void>} [more] after a clean restart of the broker (a new leader epoch)
 */

export class Filler {
  #producers = new Set();

  /** @param {KafkaClient} client @param {string} topic @param {string} workDirectory */
  constructor(client, topic, workDirectory) {
    this.client = client;
    this.topic = topic;
    this.workDirectory = workDirectory;
  }

  /** A producer of that name; the same name later is the same producer id. */
  async producer(
    /** @type {string} */ name,
    /** @type {Record<string, string | number | boolean>} */ configs = {},
  ) {
    const id = `${this.topic}/${name}`;
    if (!this.#producers.has(id)) {
      this.#producers.add(id);
      await this.client.call('openProducer', { producer: id, configs });
    }
    return {
      /** Sends one batch. */
      batch: (/** @type {RecordSpec[]} */ records) =>
        this.client.call('produce', {
          producer: id,
          topic: this.topic,
          records: records.map(wire),
        }),
      begin: () => this.client.call('beginTransaction', { producer: id }),
      commit: () => this.client.call('commitTransaction', { producer: id }),
      abort: () => this.client.call('abortTransaction', { producer: id }),
    };
  }

  /** Waits until the cleaner has been over everything below the active segment. */
  async cleaned() {
    const directory = path.join(this.workDirectory, 'data', `${this.topic}-0`);
    for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 100) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const active = Math.max(
        ...readdirSync(directory)
          .filter((n) => n.endsWith('.log'))
          .map((n) => Number.parseInt(n, 10)),
      );
      const lines = checkpoint(this.workDirectory, 'cleaner-offset-checkpoint').split('\n');
      if (lines.includes(`${this.topic} 0 ${active}`)) return;
    }
    throw new Error(`the log cleaner did not finish ${this.topic} within 60 s`);
  }
}

function base64(/** @type {string | Buffer | null | undefined} */ bytes) {
  return bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString('base64');
}

function wire(/** @type {RecordSpec} */ r) {
  return {
    key: base64(r.key),
    value: base64(r.value),
    timestamp: r.timestamp ?? null,
    headers: (r.headers ?? []).map(([key, value]) => ({ key, value: base64(value) })),
  };
}

/** @returns {Recipe} */
function codec(/** @type {string} */ name) {
  return {
    name: `codec-${name}`,
    about: `compression.type=${name}: one record; a few; one batch above the 64 KiB of an LZ4 block and the 32 KiB of a xerial chunk, with a part that does not compress; headers and nulls`,
    async fill(f) {
      const producer = await f.producer('p', { 'compression.type': name });
      await producer.batch([{ key: 'one', value: 'a single record', timestamp: START }]);
      await producer.batch(lines(1, 40));
      await producer.batch([
        {
          key: 'text',
          value: Array.from({ length: 1500 }, (_, i) => line(i))
            .join('\n')
            .slice(0, 100_000),
          timestamp: START + 50_000,
        },
        { key: 'noise', value: noise(7, 20_000), timestamp: START + 49_000 },
        { key: null, value: null, timestamp: START + 51_000, headers: [['h', 'v']] },
        { key: '', value: '', timestamp: START + 48_000 },
      ]);
    },
  };
}

const SMALL_SEGMENTS = {
  'internal.segment.bytes': 4096,
  'segment.index.bytes': 1024,
  'index.interval.bytes': 256,
};

/** @returns {Recipe['fill']} */
function manyBatches(/** @type {number} */ from, /** @type {number} */ to) {
  return async (f) => {
    const producer = await f.producer('p');
    const next = random(from + 1);
    for (let i = from; i < to; ) {
      const count = Math.min(to - i, 1 + Math.floor(next() * 6));
      // Out of order by up to 20 s, as merged clients send: the largest timestamp is not always the last.
      await producer.batch(
        lines(i, i + count).map((r) => ({
          ...r,
          timestamp: START + i * 1000 + Math.floor(next() * 20_000),
        })),
      );
      i += count;
    }
  };
}

/** Transactions of one producer among the plain batches of another. */
async function transactions(/** @type {Filler} */ f) {
  const tx = await f.producer('tx', { 'transactional.id': `${f.topic}-tx` });
  const plain = await f.producer('plain');
  await plain.batch(lines(0, 3));
  await tx.begin();
  await tx.batch(lines(3, 6));
  await plain.batch(lines(6, 8));
  await tx.batch(lines(8, 10));
  await tx.commit();
  await tx.begin();
  await tx.batch(lines(10, 14));
  await plain.batch(lines(14, 16));
  await tx.abort();
  await tx.begin();
  await tx.batch(lines(16, 18));
  await tx.commit();
  await tx.begin();
  await tx.batch(lines(18, 19));
  await tx.abort();
  await plain.batch(lines(19, 21));
}

const COMPACTED = {
  ...SMALL_SEGMENTS,
  'internal.segment.bytes': 2048,
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0.01',
  'delete.retention.ms': 86_400_000,
};

/** Overwrites, tombstones, and a producer whose every record is overwritten, which leaves it an empty batch. */
async function overwrite(/** @type {Filler} */ f) {
  const once = await f.producer('once');
  const main = await f.producer('main');
  await once.batch(lines(0, 10));
  for (let i = 10; i < 60; i += 5) await main.batch(lines(i, i + 5));
  await main.batch([
    { key: 'k3', value: null, timestamp: START + 60_000 },
    { key: 'k4', value: null, timestamp: START + 61_000 },
  ]);
  await main.batch([{ key: '', value: 'empty key', timestamp: START + 62_000 }]);
  await fillSegments(main, 63);
}

/** The active segment is never cleaned: enough unlike keys to roll what matters out of it. */
async function fillSegments(
  /** @type {{ batch: (records: RecordSpec[]) => Promise<unknown> }} */ producer,
  /** @type {number} */ from,
) {
  for (let i = from; i < from + 30; i += 3) {
    await producer.batch(lines(i, i + 3).map((r, n) => ({ ...r, key: `filler-${i + n}` })));
  }
}

/** @type {Recipe[]} */
export const RECIPES = [
  ...['none', 'gzip', 'snappy', 'lz4', 'zstd'].map(codec),
  {
    name: 'headers-and-nulls',
    about:
      'header values null, empty and long, repeated and non-ASCII header keys, no headers; null, empty and binary keys and values; a producer that is not idempotent',
    async fill(f) {
      const producer = await f.producer('p', { 'enable.idempotence': false, acks: 1 });
      await producer.batch([
        { key: null, value: null, timestamp: START },
        { key: '', value: '', timestamp: START + 1 },
        { key: null, value: 'null key', timestamp: START + 2 },
        { key: 'null value', value: null, timestamp: START + 3 },
        { key: noise(1, 300), value: noise(2, 300), timestamp: START - 5000 },
        {
          key: 'h',
          value: 'v',
          timestamp: START + 4,
          headers: [
            ['null', null],
            ['empty', ''],
            ['', 'empty key'],
            ['same', '1'],
            ['same', '2'],
            ['grün-数', noise(3, 200)],
          ],
        },
        {
          key: 'many',
          value: 'headers',
          timestamp: START + 5,
          headers: Array.from({ length: 70 }, (_, i) => [`h${i}`, `${i}`]),
        },
      ]);
      await producer.batch([{ key: 'epoch', value: 'timestamp 0', timestamp: 0 }]);
    },
  },
  {
    name: 'segments',
    about: 'many small segments, out-of-order timestamps, an index entry every 256 bytes',
    configs: SMALL_SEGMENTS,
    fill: manyBatches(0, 300),
  },
  {
    name: 'idempotent',
    about:
      'two idempotent producers taking turns, more than five batches each, over several segments',
    configs: SMALL_SEGMENTS,
    async fill(f) {
      for (let i = 0; i < 80; i += 4)
        await (await f.producer(i % 8 === 0 ? 'a' : 'b')).batch(lines(i, i + 4));
    },
  },
  {
    name: 'transactions',
    about: 'committed and aborted transactions among plain batches: control batches, .txnindex',
    fill: transactions,
  },
  {
    name: 'log-append-time',
    about: 'message.timestamp.type=LogAppendTime, plain and compressed',
    configs: { 'message.timestamp.type': 'LogAppendTime' },
    async fill(f) {
      await (await f.producer('plain')).batch(lines(0, 5));
      await (await f.producer('gzip', { 'compression.type': 'gzip' })).batch(lines(5, 15));
    },
  },
  {
    name: 'compacted',
    about:
      'after one pass of the log cleaner: gaps, tombstones with a delete horizon, an empty batch kept for its producer',
    configs: COMPACTED,
    async fill(f) {
      await overwrite(f);
      await f.cleaned();
    },
  },
  {
    name: 'compacted-twice',
    about: 'delete.retention.ms=1: tombstones stamped by one pass are gone after the next',
    configs: { ...COMPACTED, 'delete.retention.ms': 1 },
    async fill(f) {
      await overwrite(f);
      await f.cleaned();
      await fillSegments(await f.producer('main'), 200);
      await f.cleaned();
    },
  },
  {
    name: 'compacted-transactions',
    about:
      'the log cleaner over committed and aborted transactions: aborted records gone, markers kept',
    configs: COMPACTED,
    async fill(f) {
      await transactions(f);
      await fillSegments(await f.producer('plain'), 40);
      await f.cleaned();
    },
  },
  {
    name: 'deleted-records',
    about: 'DeleteRecords moved the log start offset into the middle of a batch',
    configs: SMALL_SEGMENTS,
    async fill(f) {
      for (let i = 0; i < 120; i += 10) await (await f.producer('p')).batch(lines(i, i + 10));
      await f.client.call('deleteRecords', { topic: f.topic, beforeOffset: 47 });
    },
  },
  {
    name: 'killed',
    killed: true,
    about:
      'a broker killed while it wrote its second leader epoch: indexes of the active segment still at segment.index.bytes, padded with zeros',
    configs: SMALL_SEGMENTS,
    fill: manyBatches(0, 60),
    more: manyBatches(60, 130),
  },
  {
    name: 'killed-preallocated',
    killed: true,
    about: 'preallocate=true and a killed broker: zeros after the data of the active .log',
    configs: { ...SMALL_SEGMENTS, preallocate: true },
    fill: manyBatches(0, 20),
    more: manyBatches(20, 50),
  },
  {
    name: 'killed-open-transaction',
    killed: true,
    about: 'a broker killed with a transaction open: the last stable offset is below the log end',
    configs: SMALL_SEGMENTS,
    fill: transactions,
    async more(f) {
      await transactions(f);
      const open = await f.producer('open', { 'transactional.id': `${f.topic}-open` });
      await open.begin();
      await open.batch(lines(30, 34));
      await (await f.producer('plain')).batch(lines(34, 36));
    },
  },
];
