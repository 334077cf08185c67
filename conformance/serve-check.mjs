#!/usr/bin/env node
// Puts partition directories under topics of a real Kafka broker, and has Kafka's Java consumer read them.
//   node conformance/serve-check.mjs DIRECTORY...    cases as write-varve-logs makes them: CASE/expected.json, CASE/TOPIC-0/
//   node conformance/serve-check.mjs --self-test     the same with logs Kafka wrote, and with damaged ones, which must fail
// Each case is served twice: opened as after a clean shutdown (indexes and snapshots trusted), and recovered by the broker
// as after a crash. Then one record is produced through the broker, to see the log go on. Exit 0 good, 1 problems, 77 skipped.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { Broker } from './lib/broker.mjs';
import { cases, consumed } from './lib/expected.mjs';
import { kafka as findKafka } from './lib/kafka.mjs';
import { settle, swap } from './lib/swap.mjs';

/** @typedef {import('./lib/expected.mjs').Case} Case */

const FIXTURES = fileURLToPath(new URL('../engine/scenarios/fixtures/kafka', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'self-test': { type: 'boolean', default: false } },
});
const kafka = findKafka();
const problems = values['self-test']
  ? await selfTest()
  : await serveAll(positionals.flatMap((root) => cases(path.resolve(root))));
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);

async function serveAll(/** @type {Case[]} */ all) {
  if (all.length === 0) return ['serve-check: no case was given: nothing was checked'];
  const found = [];
  for (const open of /** @type {const} */ (['clean', 'recovered'])) {
    // Padded indexes may only be met by a broker that recovers.
    const some = all.filter((one) => open === 'recovered' || one.shutdown === 'clean');
    if (some.length === 0) continue;
    const { wrong, records } = await serve(some, open);
    console.log(
      `serve-check, Kafka ${kafka.version}, ${open}: ${some.length} topics, ${records} records consumed: ${wrong.length} problems`,
    );
    found.push(...wrong.map((problem) => `${open}: ${problem}`));
  }
  return found;
}

async function serve(/** @type {Case[]} */ some, /** @type {'clean' | 'recovered'} */ open) {
  const work = mkdtempSync(path.join(tmpdir(), 'varve-serve-check-'));
  /** @type {string[]} */ const wrong = [];
  let records = 0;
  /** @type {Broker | undefined} */ let broker;
  try {
    broker = await Broker.start(kafka, work);
    for (const { topic, configs } of some) {
      // The log must be served as it is: nothing is cleaned, nothing ages out.
      await broker.client.call('createTopic', {
        topic,
        configs: { ...configs, 'cleanup.policy': 'delete' },
      });
    }
    await broker.stop('SIGTERM');
    for (const one of some) swap(path.join(work, 'data', `${one.topic}-0`), one.directory);
    settle(
      path.join(work, 'data'),
      some.map((one) => ({ ...one, partition: 0 })),
    );
    if (open === 'recovered') rmSync(path.join(work, 'data', '.kafka_cleanshutdown'));

    broker = await Broker.start(kafka, work);
    await broker.client.call('openProducer', { producer: 'p', configs: {} });
    for (const one of some) {
      const seen = await inspect(broker, one);
      records += seen.records;
      wrong.push(...seen.wrong.map((problem) => `${one.topic}: ${problem}`));
    }
    await broker.stop('SIGTERM');
  } finally {
    await broker?.stop('SIGKILL');
    rmSync(work, { recursive: true, force: true });
  }
  return { wrong, records };
}

async function inspect(/** @type {Broker} */ { client }, /** @type {Case} */ one) {
  const wrong = [];
  let records = 0;
  try {
    const { topic } = one;
    const actual = await consumed(
      client,
      topic,
      one.offsetsForTimes.map((row) => row.target),
    );
    records = actual.records.length;
    for (const field of /** @type {const} */ ([
      'beginningOffset',
      'endOffset',
      'lastStableOffset',
    ])) {
      if (actual[field] !== one[field])
        wrong.push(`${field} is ${actual[field]}, expected ${one[field]}`);
    }
    // Kafka looks for a time in the first segment whose largest timestamp fits, and answers nothing where compaction
    // has left only emptied batches there. varve looks on, and finds the record.
    if (one.gaps) {
      for (const [i, expected] of one.offsetsForTimes.entries()) {
        if (actual.offsetsForTimes[i]?.offset === null) actual.offsetsForTimes[i] = expected;
      }
    }
    for (const field of /** @type {const} */ (['records', 'committedOffsets', 'offsetsForTimes'])) {
      wrong.push(...difference(field, actual[field], one[field]));
    }
    const [offset] = await client.call('produce', {
      producer: 'p',
      topic,
      records: [{ key: null, value: 'bmV4dA==' }],
    });
    if (offset !== one.endOffset)
      wrong.push(`the next record got offset ${offset}, expected ${one.endOffset}`);
  } catch (error) {
    wrong.push(String(error));
  }
  return { wrong, records };
}

/** @param {string} what @param {unknown[]} actual @param {unknown[]} expected */
function difference(what, actual, expected) {
  const at = expected.findIndex((one, i) => !isDeepStrictEqual(actual[i], one));
  if (at >= 0)
    return [
      `${what}[${at}] is ${JSON.stringify(actual[at])}, expected ${JSON.stringify(expected[at])}`,
    ];
  return actual.length === expected.length
    ? []
    : [`${actual.length} ${what}, expected ${expected.length}`];
}

async function selfTest() {
  const found = await serveAll(cases(FIXTURES));
  const work = mkdtempSync(path.join(tmpdir(), 'varve-serve-self-test-'));
  try {
    const [good] = cases(FIXTURES).filter((one) => one.topic === 'segments');
    if (good === undefined) return ['the fixture "segments" is missing'];
    const directory = path.join(work, 'segments-0');
    mkdirSync(directory);
    swapAll(good.directory, directory);
    const log = path.join(directory, '00000000000000000000.log');
    const bytes = readFileSync(log);
    bytes[100] = /** @type {number} */ (bytes[100]) ^ 1;
    writeFileSync(log, bytes);
    for (const [name, one] of /** @type {[string, Case][]} */ ([
      ['a record that is not there', { ...good, records: [...good.records, good.records[0]] }],
      [
        'a record with another value',
        {
          ...good,
          records: good.records.map((r) => (r.offset === 7 ? { ...r, value: 'AA==' } : r)),
        },
      ],
      ['a damaged log', { ...good, directory }],
    ])) {
      const { wrong } = await serve([one], 'clean');
      console.log(
        `${wrong.length > 0 ? 'ok' : 'FAILED'}: ${name} is found: ${wrong[0]?.slice(0, 160)}`,
      );
      if (wrong.length === 0) found.push(`${name} was not found`);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return found;
}

function swapAll(/** @type {string} */ from, /** @type {string} */ to) {
  for (const name of readdirSync(from)) cpSync(path.join(from, name), path.join(to, name));
}
