#!/usr/bin/env node
// Writes engine/scenarios/fixtures/kafka afresh with a real Kafka broker and Kafka's own Java clients. By hand, seldom:
//   node conformance/make-fixtures.mjs
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Broker } from './lib/broker.mjs';
import { checkPartitions } from './lib/check.mjs';
import { dump, dumpableFiles } from './lib/dump.mjs';
import { consumed } from './lib/expected.mjs';
import { kafka as findKafka } from './lib/kafka.mjs';
import { Filler, RECIPES } from './lib/recipes.mjs';

const FIXTURES = fileURLToPath(new URL('../engine/scenarios/fixtures/kafka', import.meta.url));
const TOTAL_LIMIT_BYTES = 2 << 20;

const kafka = findKafka();
const work = mkdtempSync(path.join(tmpdir(), 'varve-fixtures-'));
const fresh = path.join(work, 'fixtures');
/** @type {Broker | undefined} */ let broker;
try {
  await dataDirectory();
  const expected = new Map();
  broker = await Broker.start(kafka, work);
  for (const recipe of RECIPES) {
    console.log(`${recipe.name}: ${recipe.about}`);
    await broker.client.call('createTopic', { topic: recipe.name, configs: topicConfigs(recipe) });
    await recipe.fill(new Filler(broker.client, recipe.name, work));
    if (!recipe.killed) expected.set(recipe, await consumed(broker.client, recipe.name));
  }
  await broker.stop('SIGTERM');
  for (const recipe of RECIPES) if (!recipe.killed) keep(recipe.name);

  broker = await Broker.start(kafka, work);
  for (const recipe of RECIPES) {
    if (!recipe.killed) continue;
    await recipe.more?.(new Filler(broker.client, recipe.name, work));
    expected.set(recipe, await consumed(broker.client, recipe.name));
  }
  await broker.stop('SIGKILL');
  for (const recipe of RECIPES) if (recipe.killed) keep(recipe.name);

  for (const [recipe, view] of expected) {
    const { name, about, killed } = recipe;
    const head = {
      kafkaVersion: kafka.version,
      about,
      topic: name,
      shutdown: killed ? 'killed' : 'clean',
      configs: topicConfigs(recipe),
    };
    write(path.join(fresh, name, 'expected.json'), {
      ...head,
      ...view,
      ...(await dumped(path.join(fresh, name, `${name}-0`))),
    });
  }
  const options = [...expected.keys()]
    .filter((recipe) => !recipe.configs?.preallocate)
    .map(({ name, killed, configs }) => ({
      directory: path.join(fresh, name, `${name}-0`),
      gaps: configs?.['cleanup.policy'] === 'compact',
      unclean: killed === true,
    }));
  const { problems } = await checkPartitions(kafka, options);
  // The broker's own files are right by definition: what is found here is a fault of the check.
  if (problems.length > 0) throw new Error(problems.join('\n'));
  replace();
} finally {
  await broker?.stop('SIGKILL');
  rmSync(work, { recursive: true, force: true });
}

/** Records of years ago must not fall to retention, neither in the broker nor in whatever opens the fixture. */
function topicConfigs(/** @type {import('./lib/recipes.mjs').Recipe} */ { configs }) {
  return { 'retention.ms': -1, ...configs };
}

/** A whole data directory of a broker that shut down: every root file, and Kafka's internal topics. */
async function dataDirectory() {
  console.log(
    'data-directory: two topics, a committed group offset, a transaction, everything in the log.dir root',
  );
  const own = path.join(work, 'whole');
  mkdirSync(own);
  const whole = await Broker.start(kafka, own, {
    'log.segment.bytes': 1 << 20,
    'log.index.size.max.bytes': 4096,
  });
  broker = whole;
  const topics = ['orders', 'payments.eu-1'];
  for (const topic of topics) {
    await whole.client.call('createTopic', { topic, configs: {} });
    const filler = new Filler(whole.client, topic, own);
    const producer = await filler.producer('p', { 'transactional.id': `${topic}-tx` });
    await producer.begin();
    await producer.batch([{ key: 'a', value: topic, timestamp: 1_704_067_200_000 }]);
    await producer.commit();
  }
  await whole.client.call('deleteRecords', { topic: 'orders', beforeOffset: 1 });
  await whole.client.call('commitOffset', {
    topic: 'orders',
    group: 'billing',
    offset: 1,
    metadata: 'by hand',
  });
  /** @type {Record<string, unknown>} */ const views = {};
  for (const topic of topics) views[topic] = await consumed(whole.client, topic);
  await whole.stop('SIGTERM');
  const target = path.join(fresh, 'data-directory');
  cpSync(path.join(own, 'data'), path.join(target, 'data'), { recursive: true });
  for (const topic of topics)
    views[topic] = {
      .../** @type {object} */ (views[topic]),
      ...(await dumped(path.join(target, 'data', `${topic}-0`))),
    };
  write(path.join(target, 'expected.json'), {
    kafkaVersion: kafka.version,
    shutdown: 'clean',
    topics: views,
  });
  rmSync(own, { recursive: true });
}

/** What DumpLogSegments prints about a partition directory: batches and index entries by segment, producers by snapshot. */
async function dumped(/** @type {string} */ directory) {
  // Logs last: zeros after the data of a preallocated one end the tool.
  const all = dumpableFiles(directory);
  const isLog = (/** @type {string} */ file) => file.endsWith('.log');
  const { files } = await dump(kafka, [
    ...all.filter((file) => !isLog(file)),
    ...all.filter(isLog),
  ]);
  const of = (/** @type {string} */ kind) => files.filter((file) => file.kind === kind);
  return {
    segments: of('log').map((log) => ({
      baseOffset: log.baseOffset,
      batches: log.batches.map(({ records, isValid, ...batch }) => batch),
      offsetIndex:
        files.find((f) => f.kind === 'index' && f.baseOffset === log.baseOffset)?.entries ?? null,
      timeIndex:
        files.find((f) => f.kind === 'timeindex' && f.baseOffset === log.baseOffset)?.entries ??
        null,
      abortedTransactions:
        files.find((f) => f.kind === 'txnindex' && f.baseOffset === log.baseOffset)?.entries ??
        null,
    })),
    snapshots: of('snapshot').map((file) => ({ offset: file.baseOffset, producers: file.entries })),
  };
}

function keep(/** @type {string} */ topic) {
  cpSync(path.join(work, 'data', `${topic}-0`), path.join(fresh, topic, `${topic}-0`), {
    recursive: true,
  });
}

/** One array element a line where elements are small: reviewable, and half the bytes of indented JSON. */
function write(/** @type {string} */ file, /** @type {object} */ value) {
  writeFileSync(file, `${render(value, '')}\n`);
}

/** @returns {string} */
function render(/** @type {unknown} */ value, /** @type {string} */ indent) {
  const flat = JSON.stringify(value);
  if (flat.length + indent.length <= 110 || value === null || typeof value !== 'object')
    return flat;
  const deeper = `${indent} `;
  if (Array.isArray(value)) {
    const leaf = value.every((v) => JSON.stringify(v).length <= 700 && !Array.isArray(v?.batches));
    return `[\n${value.map((v) => deeper + (leaf ? JSON.stringify(v) : render(v, deeper))).join(',\n')}\n${indent}]`;
  }
  return `{\n${Object.entries(value)
    .map(([k, v]) => `${deeper}${JSON.stringify(k)}: ${render(v, deeper)}`)
    .join(',\n')}\n${indent}}`;
}

/** Puts the new fixtures in place only when all of them were made; the files kept by hand stay. */
function replace() {
  let total = 0;
  const add = (/** @type {string} */ directory) => {
    for (const name of readdirSync(directory)) {
      const child = path.join(directory, name);
      if (statSync(child).isDirectory()) add(child);
      else total += statSync(child).size;
    }
  };
  add(fresh);
  if (total > TOTAL_LIMIT_BYTES)
    throw new Error(`the fixtures take ${total} bytes; the limit is ${TOTAL_LIMIT_BYTES}`);
  mkdirSync(FIXTURES, { recursive: true });
  for (const name of readdirSync(FIXTURES)) {
    if (existsSync(path.join(FIXTURES, name, 'expected.json')))
      rmSync(path.join(FIXTURES, name), { recursive: true });
  }
  cpSync(fresh, FIXTURES, { recursive: true });
  const records = readdirSync(fresh).map((name) =>
    JSON.parse(readFileSync(path.join(fresh, name, 'expected.json'), 'utf8')),
  );
  console.log(`${records.length} cases, ${total} bytes`);
}
