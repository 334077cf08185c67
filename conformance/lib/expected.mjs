// expected.json: what a consumer gets from a partition, in the form both the fixtures and varve's written logs carry.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Larger keys and values are named by their hash, or the expectations would outweigh the logs. */
const INLINE_BYTES = 600;

/**
 * @typedef {string | null | { bytes: number, sha256: string }} Named  base64, null, or a long one by its hash
 * @typedef {{ offset: number, timestamp: number, key: Named, value: Named, headers: import('./client.mjs').Header[] }} ExpectedRecord
 *
 * @typedef {object} Expected
 * @property {string} topic
 * @property {Record<string, string | number | boolean>} configs of the topic
 * @property {'clean' | 'killed'} shutdown
 * @property {number} beginningOffset @property {number} endOffset @property {number} lastStableOffset
 * @property {ExpectedRecord[]} records @property {number[]} committedOffsets
 * @property {{ target: number, offset: number | null, timestamp: number | null }[]} offsetsForTimes
 * @property {boolean} [gaps] compacted or truncated: offsets are missing
 *
 * @typedef {Expected & { directory: string }} Case  with its partition directory
 */

/** @param {import('./client.mjs').ConsumedRecord} record @returns {ExpectedRecord} */
export function expectedRecord(record) {
  return { ...record, key: named(record.key), value: named(record.value) };
}

/** @param {string | null} base64 @returns {Named} */
function named(base64) {
  if (base64 === null || base64.length <= (INLINE_BYTES * 4) / 3) return base64;
  const bytes = Buffer.from(base64, 'base64');
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** The cases below a directory: CASE/expected.json beside CASE/TOPIC-0. */
export function cases(/** @type {string} */ root) {
  /** @type {Case[]} */ const found = [];
  for (const name of readdirSync(root).sort()) {
    const file = path.join(root, name, 'expected.json');
    if (!existsSync(file)) continue;
    const expected = JSON.parse(readFileSync(file, 'utf8'));
    const directory = path.join(root, name, `${expected.topic}-0`);
    if (existsSync(directory)) found.push({ ...expected, directory });
  }
  return found;
}

/**
 * What the Java consumer makes of a topic.
 * @param {import('./client.mjs').KafkaClient} client @param {string} topic @param {number[]} [timestamps] to look up; chosen from the records if not given
 * @param {number} [partition]
 */
export async function consumed(client, topic, timestamps, partition = 0) {
  const its = { topic, partition };
  const all = await client.call('consume', { ...its, isolation: 'read_uncommitted' });
  const committed = await client.call('consume', { ...its, isolation: 'read_committed' });
  /** @type {import('./client.mjs').ConsumedRecord[]} */ const records = all.records;
  return {
    beginningOffset: all.beginningOffset,
    endOffset: all.endOffset,
    lastStableOffset: committed.endOffset,
    offsetsForTimes: await client.call('offsetsForTimes', {
      ...its,
      timestamps: timestamps ?? someTimes(records),
    }),
    committedOffsets: committed.records.map((/** @type {any} */ r) => r.offset),
    records: records.map(expectedRecord),
  };
}

/** Up to a dozen of the records' timestamps, and the milliseconds before and after each. */
export function someTimes(/** @type {{ timestamp: number }[]} */ records) {
  const times = [...new Set(records.map((r) => r.timestamp))].sort((a, b) => a - b);
  const step = Math.ceil(times.length / 12);
  const some = times.filter((_, i) => i % step === 0 || i === times.length - 1);
  return [...new Set([0, ...some.flatMap((t) => [t - 1, t, t + 1])])].filter((t) => t >= 0);
}
