// What every client has to do, whatever its API: the same steps, the same checks, against varve and a real Kafka.
import { strict as assert } from 'node:assert';

export const PARTITIONS = 3;
export const RECORDS = 3000;
export const KEYS = 120;
export const MORE = 300;

/** @typedef {{ key: string, value: string, headers: Record<string, string> }} Outgoing */
/** @typedef {{ partition: number, offset: number, key: string, value: string, headers: Record<string, string> }} Incoming */

/** @returns {Outgoing[]} */
export function recordsFrom(/** @type {number} */ first, /** @type {number} */ count) {
  return Array.from({ length: count }, (_, i) => {
    const n = first + i;
    return {
      key: `key-${n % KEYS}`,
      value: `${n}:${'x'.repeat(n % 200)}`,
      headers: { n: String(n) },
    };
  });
}

export const numberOf = (/** @type {{ value: string }} */ { value }) => Number(value.split(':')[0]);

/** Waits until `done()` is true, or fails saying what it waited for. */
export async function until(
  /** @type {string} */ what,
  /** @type {() => boolean | Promise<boolean>} */ done,
  limitMs = 30_000,
) {
  const deadline = Date.now() + limitMs;
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * Every record of `sent` is there once, whole, and those of one key are in one partition and in order.
 * @param {Incoming[]} received @param {Outgoing[]} sent
 */
export function checkReceived(received, sent) {
  const byNumber = new Map();
  for (const record of received) {
    const n = numberOf(record);
    assert.ok(!byNumber.has(n), `record ${n} came twice`);
    byNumber.set(n, record);
  }
  assert.equal(byNumber.size, sent.length, 'number of records');
  for (const record of sent) {
    const found = byNumber.get(numberOf(record));
    assert.ok(found, `record ${numberOf(record)} is missing`);
    assert.deepEqual(
      { key: found.key, value: found.value, headers: found.headers },
      record,
      `record ${numberOf(record)}`,
    );
  }
  const last = new Map();
  const place = new Map();
  const inOrder = [...received].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  for (const record of inOrder) {
    const n = numberOf(record);
    assert.ok(n > (last.get(record.key) ?? -1), `records of ${record.key} are out of order`);
    assert.equal(
      place.get(record.key) ?? record.partition,
      record.partition,
      'one partition a key',
    );
    last.set(record.key, n);
    place.set(record.key, record.partition);
  }
}

/** At least once: the same offset again is the same record again. */
export function withoutRepeats(/** @type {Incoming[]} */ received) {
  return [
    ...new Map(received.map((record) => [`${record.partition}/${record.offset}`, record])).values(),
  ];
}

/** Runs a client's program: `node CLIENT.mjs ADDRESS`. Prints one line of JSON: the steps done and what its log said. */
export async function main(
  /** @type {string} */ client,
  /** @type {(address: string, step: (name: string) => void, log: string[]) => Promise<void>} */ run,
) {
  const address = process.argv[2];
  if (address === undefined) {
    console.error(`usage: node ${client}.mjs HOST:PORT`);
    process.exit(2);
  }
  /** @type {string[]} */ const steps = [];
  /** @type {string[]} */ const log = [];
  let error = null;
  const started = performance.now();
  try {
    await run(address, (name) => steps.push(name), log);
  } catch (cause) {
    error = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    if (cause instanceof AggregateError) error += `\nbecause of ${cause.errors.join('\n')}`;
  }
  const ms = Math.round(performance.now() - started);
  console.log(JSON.stringify({ client, steps, log, ms, error }));
  process.exit(error === null ? 0 : 1);
}
