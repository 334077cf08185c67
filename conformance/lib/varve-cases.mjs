// The logs varve writes for Kafka to read: every codec, shape and history the format has a rule for.
import { ok } from 'node:assert/strict';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { line, lines, noise, random, START } from './payloads.mjs';
import { PartitionLog } from './varve.mjs';
import { Writer } from './writer.mjs';

/**
 * @typedef {import('../../dist/engine/types.js').CompressionType} CompressionType
 * @typedef {Record<string, string | number | boolean>} Configs  by Kafka's names
 *
 * @typedef {object} VarveCase
 * @property {string} name @property {string} about
 * @property {Configs} [configs]
 * @property {boolean} [gaps] the log ends up with offsets that are in no batch
 * @property {(writer: Writer, open: () => Promise<import('./writer.mjs').PartitionLog>) => Promise<void> | void} write
 *   `open` opens the same directory again, once the log it had is closed
 * @property {(writer: Writer) => Promise<void> | void} [crash]  done first, in a process that then kills itself
 * @property {(directory: string) => void} [damage] done to what that process left
 */

const SMALL = {
  'internal.segment.bytes': 4096,
  'segment.index.bytes': 1024,
  'index.interval.bytes': 256,
};

/** @param {Writer} w @param {number} from @param {number} to @param {CompressionType} [compression] */
function manyBatches(w, from, to, compression = 'none') {
  const next = random(from + 1);
  for (let i = from; i < to; ) {
    const count = Math.min(to - i, 1 + Math.floor(next() * 6));
    const records = lines(i, i + count).map((r) => ({
      ...r,
      timestamp: r.timestamp + Math.floor(next() * 20_000),
    }));
    w.append(records, { compression });
    i += count;
  }
}

/** @param {CompressionType} compression @returns {VarveCase} */
function compacted(compression) {
  return {
    name: `compacted-${compression}`,
    about: 'compacted twice, with appends between: updates, tombstones, an idempotent producer',
    gaps: true,
    // The broker that serves it must not compact it any further.
    configs: { ...SMALL, 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': 1 },
    async write(w) {
      const next = random(11);
      const update = (/** @type {number} */ i) => ({
        key: `key-${Math.floor(next() * 25)}`,
        value: next() < 0.1 ? null : line(i),
        timestamp: START + i * 1000,
      });
      for (let i = 0; i < 240; i += 6) {
        w.append(
          [0, 1, 2, 3, 4, 5].map((j) => update(i + j)),
          { compression },
        );
        if (i === 120) {
          w.produce(7, [update(i), update(i + 1)], { compression });
          await w.compact();
        }
      }
      w.log.roll();
      await w.compact();
      w.append([update(300), update(301)], { compression });
    },
  };
}

/** @param {CompressionType} name @returns {VarveCase} */
function codec(name) {
  return {
    name: `codec-${name}`,
    about: `${name}: single records, small batches, a batch of several compressed blocks, incompressible bytes, nulls`,
    configs: { 'internal.segment.bytes': 400_000 },
    write(w) {
      const options = { compression: name };
      w.append([{ key: 'one', value: 'a single record', timestamp: START }], options);
      w.append(lines(1, 60), options);
      w.append(
        [
          {
            key: 'text',
            value: Array.from({ length: 4000 }, (_, i) => line(i)).join('\n'),
            timestamp: START + 90_000,
          },
          { key: 'noise', value: noise(9, 80_000), timestamp: START + 80_000 },
          { key: null, value: null, timestamp: START + 70_000 },
          { key: '', value: '', timestamp: START + 91_000 },
        ],
        options,
      );
      w.append([{ key: 'noise', value: noise(10, 5000), timestamp: START + 92_000 }], options);
      manyBatches(w, 100, 400, name);
    },
  };
}

/** @param {Writer} w */
function transactions(w) {
  w.produce(5, lines(0, 3));
  w.produce(6, lines(3, 6), { isTransactional: true });
  w.produce(5, lines(6, 8));
  w.produce(6, lines(8, 10), { isTransactional: true });
  w.end(6, 'COMMIT', START + 10_500);
  for (let round = 0; round < 8; round++) {
    const at = 11 + round * 10;
    w.produce(6, lines(at, at + 4), { isTransactional: true });
    w.produce(7, lines(at + 4, at + 6), { isTransactional: true });
    w.produce(5, lines(at + 6, at + 7));
    w.end(6, round % 2 === 0 ? 'ABORT' : 'COMMIT', START + at * 1000 + 7500);
    w.end(7, 'ABORT', START + at * 1000 + 8500);
  }
}

/** @type {VarveCase[]} */
export const CASES = [
  .../** @type {CompressionType[]} */ (['none', 'gzip', 'snappy', 'lz4', 'zstd']).map(codec),
  {
    name: 'headers-and-nulls',
    about:
      'null and empty keys, values and header values; repeated, empty, long and non-ASCII header keys; timestamps 0 and going back',
    write(w) {
      w.append([
        { key: null, value: null, timestamp: START },
        { key: '', value: '', timestamp: START - 100_000 },
        { timestamp: START + 1 },
        { key: noise(1, 700), value: noise(2, 700), timestamp: 0 },
        {
          key: 'h',
          value: 'v',
          timestamp: START + 2,
          headers: [
            { key: 'null', value: null },
            { key: 'empty', value: '' },
            { key: '', value: 'x' },
            { key: 'same', value: '1' },
            { key: 'same', value: '2' },
            { key: 'grün-数', value: noise(3, 300) },
          ],
        },
        {
          key: 'many',
          timestamp: START + 3,
          headers: Array.from({ length: 200 }, (_, i) => ({ key: `h${i}`, value: `${i}` })),
        },
      ]);
      w.append([{ key: 'after', value: 'x', timestamp: START + 1 }], { compression: 'gzip' });
    },
  },
  {
    name: 'segments',
    about: 'a hundred small segments, out-of-order timestamps',
    configs: SMALL,
    write: (w) => manyBatches(w, 0, 3000),
  },
  {
    name: 'default-segments',
    about: 'segments of 1 MiB with the default index interval, batches of 1 to 200 records',
    configs: { 'segment.bytes': 1 << 20 },
    write(w) {
      const next = random(3);
      for (let i = 0; i < 20_000; ) {
        const count = 1 + Math.floor(next() * 200);
        w.append(lines(i, i + count), { compression: next() < 0.3 ? 'lz4' : 'none' });
        i += count;
      }
    },
  },
  {
    name: 'index-full',
    about: 'segments rolled because an index of 64 bytes is full',
    configs: {
      'segment.index.bytes': 64,
      'index.interval.bytes': 1,
      'internal.segment.bytes': 65_536,
    },
    write: (w) => manyBatches(w, 0, 200),
  },
  {
    name: 'segment-ms',
    about: "segments rolled by segment.ms, as the records' timestamps move on",
    configs: { 'segment.ms': 60_000 },
    write: (w) => manyBatches(w, 0, 400),
  },
  {
    name: 'idempotent',
    about: 'three idempotent producers, one of them in a higher epoch, over several segments',
    configs: SMALL,
    write(w) {
      for (let i = 0; i < 300; i += 3)
        w.produce(10 + (i % 2), lines(i, i + 3), { compression: i % 4 === 0 ? 'lz4' : 'none' });
      for (let i = 300; i < 330; i += 3) w.produce(12, lines(i, i + 3), { producerEpoch: 3 });
    },
  },
  {
    name: 'transactions',
    about:
      'committed and aborted transactions, interleaved, over several segments: control batches, .txnindex',
    configs: SMALL,
    write: transactions,
  },
  {
    name: 'open-transaction',
    about: 'closed cleanly with a transaction open: the producer snapshot carries it',
    configs: SMALL,
    write(w) {
      transactions(w);
      w.produce(8, lines(100, 104), { isTransactional: true });
      w.produce(5, lines(104, 108));
    },
  },
  {
    name: 'leader-epochs',
    about: 'batches of two leader epochs',
    configs: SMALL,
    write(w) {
      manyBatches(w, 0, 50);
      w.log.setLeaderEpoch(1);
      manyBatches(w, 50, 120);
    },
  },
  {
    name: 'log-append-time',
    about: 'message.timestamp.type=LogAppendTime, plain and compressed',
    configs: { ...SMALL, 'message.timestamp.type': 'LogAppendTime' },
    write: (w) => {
      manyBatches(w, 0, 60);
      manyBatches(w, 60, 120, 'zstd');
    },
  },
  {
    name: 'replicated',
    about:
      'copied batch by batch from a log of several epochs, producers and transactions, as a follower does',
    configs: SMALL,
    async write(w) {
      const directory = mkdtempSync(path.join(tmpdir(), 'varve-leader-'));
      try {
        const leader = new Writer(
          await PartitionLog.open({ directory, config: { 'segment.bytes': 1 << 20 } }),
        );
        transactions(leader);
        leader.log.setLeaderEpoch(1);
        manyBatches(leader, 100, 200, 'snappy');
        const reads = [];
        for (let offset = 0; offset < leader.endOffset; ) {
          const read = leader.log.read(offset, { maxBytes: 1500 });
          reads.push(Buffer.from(read.bytes));
          offset = read.nextOffset;
        }
        w.replicate(reads, leader.written);
        await leader.log.close();
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  },
  {
    name: 'reopened',
    about: 'closed and opened again between batches',
    configs: SMALL,
    async write(w, open) {
      for (let i = 0; i < 5; i++) {
        manyBatches(w, i * 50, i * 50 + 50);
        await w.log.close();
        w.log = await open();
      }
    },
  },
  {
    name: 'truncated',
    about:
      'cut inside a batch of an earlier segment and inside the active one, appended to after each',
    gaps: true,
    configs: SMALL,
    async write(w) {
      for (let i = 0; i < 200; i += 10) w.append(lines(i, i + 10));
      await w.truncateTo(75, 70);
      ok(w.log.segmentCount < 5);
      for (let i = 75; i < 120; i += 5) w.append(lines(i, i + 5));
      await w.truncateTo(115, 115);
      manyBatches(w, 115, 160);
    },
  },
  {
    name: 'deleted-records',
    about: 'log start moved into the middle of a batch; the segments below it deleted',
    configs: { ...SMALL, 'retention.ms': -1 },
    async write(w) {
      for (let i = 0; i < 200; i += 10) w.append(lines(i, i + 10));
      await w.deleteRecordsBefore(95);
    },
  },
  .../** @type {CompressionType[]} */ (['none', 'gzip', 'snappy', 'lz4', 'zstd']).map(compacted),
  {
    name: 'killed-and-recovered',
    about: 'the writing process killed itself; opened, recovered, appended to',
    configs: SMALL,
    crash: (w) => manyBatches(w, 0, 150),
    write(w) {
      ok(!w.log.recovery.wasClean, 'the log was recovered');
      manyBatches(w, 150, 200);
    },
  },
  {
    name: 'killed-mid-transaction',
    about:
      'killed with transactions behind it and one open; recovered, then the transaction aborted',
    configs: SMALL,
    crash(w) {
      transactions(w);
      w.produce(8, lines(100, 104), { isTransactional: true });
    },
    write(w) {
      ok(!w.log.recovery.wasClean, 'the log was recovered');
      w.end(8, 'ABORT', START + 110_000);
      manyBatches(w, 150, 170);
    },
  },
  {
    name: 'killed-after-flush',
    about: 'killed with most of the log flushed: only the last segments are scanned again',
    configs: SMALL,
    async crash(w) {
      transactions(w);
      await w.log.flush();
      w.produce(8, lines(100, 104), { isTransactional: true });
    },
    write(w) {
      ok(!w.log.recovery.wasClean, 'the log was recovered');
      w.end(8, 'COMMIT', START + 110_000);
      w.produce(6, lines(111, 115), { isTransactional: true });
      w.end(6, 'ABORT', START + 116_000);
      manyBatches(w, 150, 170);
    },
  },
  {
    name: 'torn-tail',
    about: 'killed, and the last batch only half written: recovery cuts it',
    configs: SMALL,
    crash: (w) => manyBatches(w, 0, 100),
    damage: tearLastBatch,
    write(w) {
      ok(!w.log.recovery.wasClean, 'the log was recovered');
      manyBatches(w, 100, 130);
    },
  },
];

/** Writes the first half of a batch behind the data of the last segment, as a torn write leaves it. */
function tearLastBatch(/** @type {string} */ directory) {
  const logs = readdirSync(directory).filter((name) => name.endsWith('.log'));
  const file = path.join(directory, /** @type {string} */ (logs.sort().at(-1)));
  const content = readFileSync(file);
  let end = 0;
  let last = 0;
  // The data ends where the file does, or where the zeros of reserved space begin.
  while (end + 12 <= content.length && content.readInt32BE(end + 8) > 0) {
    last = end;
    end += 12 + content.readInt32BE(end + 8);
  }
  const half = Buffer.from(content.subarray(last, last + Math.floor((end - last) / 2)));
  half.writeBigInt64BE(content.readBigInt64BE(last) + BigInt(content.readInt32BE(last + 23)) + 1n);
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, half, 0, half.length, end);
  closeSync(descriptor);
}
