#!/usr/bin/env node
// Data that clients wrote through a varve broker, in Kafka; and what Kafka makes of it, back in varve.
//   node conformance/exchange-check.mjs          exit 0 good, 1 problems, 77 skipped
// 1. Clients fill a varve broker: every codec, idempotent producers, groups, deletions, a compacted __consumer_offsets.
//    It is stopped once cleanly, and once more by SIGKILL while it is written to.
// 2. DumpLogSegments reads every file of both directories, and the offsets topic decoded says what was committed.
// 3. A real broker serves both: the same records and offsets, and the group reads on where it was.
// 4. varve takes over the directory that Kafka leaves, the same holds, and DumpLogSegments is clean again.
import { spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { startVarve } from '../benchmarks/kafka/targets.mjs';
import { recordsFrom, until } from './clients/scenario.mjs';
import { Broker } from './lib/broker.mjs';
import { checkPartitions } from './lib/check.mjs';
import { KafkaClient } from './lib/client.mjs';
import {
  Clients,
  fill,
  GROUP,
  JAVA_GROUP,
  OFFSETS_PARTITIONS,
  ROLL_MS,
  resume,
  TOPICS,
  view,
} from './lib/exchange.mjs';
import { kafka as findKafka, javaArguments } from './lib/kafka.mjs';
import { dumpOffsets } from './lib/offsets.mjs';
import { settle, swap } from './lib/swap.mjs';

/** @typedef {import('./lib/exchange.mjs').View} View */

const kafka = findKafka();
const work = mkdtempSync(path.join(tmpdir(), 'varve-exchange-'));
const OFFSETS_TOPIC = '__consumer_offsets';
const NAMES = Object.entries({ ...TOPICS, [OFFSETS_TOPIC]: OFFSETS_PARTITIONS }).flatMap(
  ([topic, count]) => Array.from({ length: count }, (_, n) => `${topic}-${n}`),
);
/** With a member when its broker is killed. */
const LIVE_GROUP = 'alive';
/** Of a record batch: its base offset and its length. */
const BATCH_OVERHEAD = 12;
const SETTINGS = {
  'group.initial.rebalance.delay.ms': 0,
  'offsets.topic.num.partitions': OFFSETS_PARTITIONS,
};
/** Segments of the offsets topic that end soon, and a cleaner that looks often. */
const COMPACTING = {
  ...SETTINGS,
  'log.roll.ms': ROLL_MS,
  'log.cleaner.backoff.ms': 200,
  'log.cleaner.min.cleanable.ratio': 0.01,
};
/** @type {string[]} */ const problems = [];
/** @type {(() => Promise<unknown>)[]} */ const cleanUp = [];
const started = performance.now();

try {
  const template = path.join(work, 'kafka');
  // A JVM starts while varve is written to.
  const [views] = await Promise.all([writeWithVarve(), makeTopics(template)]);
  await dumped('clean', path.join(work, 'clean'), views.clean);
  const cut = path.join(work, 'killed-cut');
  copy(path.join(work, 'killed'), cut);
  cutPreparedBytes(cut);
  await dumped('killed', cut, views.killed, true);
  await dumped('recovered', path.join(work, 'recovered'), views.killed);
  for (const stop of /** @type {const} */ (['clean', 'killed'])) {
    const fromKafka = await serveWithKafka(stop, template, views[stop]);
    await takeOver(stop, path.join(template, `${stop}-data`), fromKafka);
  }
} catch (error) {
  problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  for (const end of cleanUp.reverse()) await end();
  rmSync(work, { recursive: true, force: true });
}
for (const problem of problems) console.error(problem);
say(`${problems.length} problems`);
if (problems.length > 0) process.exit(1);

function say(/** @type {string} */ text) {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`exchange-check, Kafka ${kafka.version}, ${seconds} s: ${text}`);
}

/** A varve broker over `directory` with the Java clients connected, until `end`. */
async function varve(
  /** @type {string} */ directory,
  /** @type {Record<string, string | number>} */ settings = COMPACTING,
) {
  const target = await startVarve({ brokers: 1, directory, settings });
  const java = new KafkaClient(kafka, target.address);
  const clients = new Clients(target.address);
  let ended = false;
  const end = async (/** @type {'SIGTERM' | 'SIGKILL'} */ signal = 'SIGTERM') => {
    if (ended) return;
    ended = true;
    if (signal === 'SIGKILL') process.kill(target.nodes[0]?.pid ?? 0, signal);
    else await clients.close();
    await java.close();
    await target.stop();
  };
  cleanUp.push(end);
  return { address: target.address, java, clients, end };
}

async function writeWithVarve() {
  const directory = path.join(work, 'written');
  const data = path.join(directory, 'varve', 'broker-1');
  let broker = await varve(directory);
  const programs = [
    run(process.execPath, [client('kafkajs.mjs'), broker.address]),
    run('java', javaArguments(kafka, 'ClientScenario', [broker.address])),
  ];
  const committed = await fill(broker.clients, broker.java);
  await Promise.all(programs);
  await until('compaction of the offsets topic', () => offsetsBytes(data) < 60_000);
  const clean = await view(broker.java);
  expectSame('what was committed', clean.groups[GROUP], committed);
  expectSame('a deleted group', clean.groups.deleted, {});
  expectSame('a group of a deleted topic', clean.groups['of-a-deleted-topic'], {});
  await broker.end();
  copy(data, path.join(work, 'clean'));
  say(`varve: ${counted(clean)}, stopped cleanly`);

  broker = await varve(directory);
  const acknowledged = await killWhileWritten(broker);
  copy(data, path.join(work, 'killed'));
  broker = await varve(directory);
  const killed = await view(broker.java);
  for (const [name, offset] of acknowledged) {
    if ((killed.partitions[name]?.endOffset ?? 0) <= offset)
      problems.push(`killed: ${name}@${offset} was acknowledged and is gone`);
  }
  expectSame('commits after SIGKILL', killed.groups[GROUP], committed);
  await broker.end();
  copy(data, path.join(work, 'recovered'));
  say(`varve: ${counted(killed)}, recovered after SIGKILL`);
  return { clean, killed };
}

/** @returns an offset of each partition that was acknowledged, near its end */
async function killWhileWritten(/** @type {Awaited<ReturnType<typeof varve>>} */ broker) {
  const program = fileURLToPath(new URL('lib/endless-writer.mjs', import.meta.url));
  const writer = spawn(process.execPath, [program, broker.address, LIVE_GROUP, 'orders'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise((resolve) => writer.on('close', resolve));
  let out = '';
  writer.stdout.on('data', (chunk) => {
    out += chunk;
  });
  try {
    await until('batches', () => out.split('\n').length > 50);
    const at = { topic: 'codecs', partition: 0, offset: 77, metadata: 'before the end' };
    await broker.java.call('commitOffset', { group: JAVA_GROUP, ...at });
    await broker.end('SIGKILL');
  } finally {
    writer.kill('SIGKILL');
    await ended;
  }
  /** @type {Map<string, number>} */ const acknowledged = new Map();
  const [joined, ...batches] = out.split('\n').slice(0, -1);
  if (joined !== 'joined') problems.push(`the writer began with ${joined}`);
  for (const batch of batches)
    for (const [partition, offset] of JSON.parse(batch))
      acknowledged.set(`orders-${partition}`, offset);
  return acknowledged;
}

/** Kafka's own logs of the same names, for others to be put in their place. */
async function makeTopics(/** @type {string} */ directory) {
  mkdirSync(directory);
  const broker = await Broker.start(kafka, directory, SETTINGS);
  try {
    for (const [topic, partitions] of Object.entries(TOPICS))
      await broker.client.call('createTopic', { topic, partitions });
    const commit = { group: 'first', topic: 'codecs', offset: 0, metadata: '' };
    await broker.client.call('commitOffset', commit);
  } finally {
    await broker.stop('SIGTERM');
  }
}

/**
 * @param {string} what @param {string} data @param {View} seen @param {boolean} [unclean]
 */
async function dumped(what, data, seen, unclean = false) {
  const directories = NAMES.map((name) => ({
    directory: path.join(data, name),
    gaps: name.startsWith(OFFSETS_TOPIC),
    unclean,
  }));
  const { problems: found, counts } = await checkPartitions(kafka, directories);
  problems.push(...found.map((problem) => `${what}: ${problem}`));
  const state = await dumpOffsets(kafka, data);
  problems.push(...state.problems.map((problem) => `${what}: ${problem}`));
  for (const [group, offsets] of Object.entries(seen.groups))
    expectSame(
      `${what}: decoded offsets of ${group}`,
      Object.fromEntries(state.commits.get(group) ?? []),
      offsets,
    );
  const others = [...state.commits.keys()].filter((group) => !(group in seen.groups));
  expectSame(
    `${what}: groups that left offsets`,
    others.filter((g) => g !== 'first'),
    [],
  );
  const group = state.groups.get(GROUP);
  expectSame(`${what}: members of ${GROUP}`, group?.members, []);
  expectSame(`${what}: protocol of ${GROUP}`, group?.protocolType, 'consumer');
  expectSame(`${what}: a deleted group's metadata`, state.groups.get('deleted'), undefined);
  if (what === 'killed') {
    const [member] = state.groups.get(LIVE_GROUP)?.members ?? [];
    const assignedPartitions = [{ topic: 'orders', partitions: [0, 1, 2] }];
    expectSame(`${what}: a member's assignment`, member?.assignment, {
      assignedPartitions,
      userData: '',
    });
  }
  if (state.gaps === 0) problems.push(`${what}: the offsets topic was not compacted`);
  say(
    `${what}: DumpLogSegments: ${counts.files} files, ${counts.batches} batches, ${counts.records} records; offsets decoded: ${state.records} records, ${state.tombstones} tombstones, ${state.gaps} compacted away`,
  );
}

/**
 * @param {'clean' | 'killed'} stop @param {string} template @param {View} seen
 * @returns {Promise<View>} what it leaves, in TEMPLATE/STOP-data
 */
async function serveWithKafka(stop, template, seen) {
  const directory = path.join(work, `kafka-${stop}`);
  cpSync(template, directory, { recursive: true });
  const data = path.join(directory, 'data');
  for (const name of NAMES) swap(path.join(data, name), path.join(work, stop, name));
  settle(data);
  if (stop === 'killed') rmSync(path.join(data, '.kafka_cleanshutdown'));
  const broker = await Broker.start(kafka, directory, SETTINGS);
  const clients = new Clients(broker.address);
  let after;
  try {
    expectSameView(`${stop}: Kafka`, await view(broker.client), seen);
    await resume(clients, seen, 'in Kafka');
    after = await view(broker.client);
    await clients.close();
  } finally {
    await broker.stop(stop === 'clean' ? 'SIGTERM' : 'SIGKILL');
  }
  say(`${stop}: Kafka: ${counted(seen)}, ${GROUP} resumed`);
  cpSync(data, path.join(template, `${stop}-data`), { recursive: true });
  return after;
}

/** @param {string} stop @param {string} kafkas @param {View} seen */
async function takeOver(stop, kafkas, seen) {
  const directory = path.join(work, `taken-${stop}`);
  const data = path.join(directory, 'varve', 'broker-1');
  mkdirSync(path.dirname(data), { recursive: true });
  cpSync(kafkas, data, { recursive: true });
  let broker = await varve(directory, SETTINGS);
  expectSameView(`${stop}: taken over`, await view(broker.java), seen);
  await resume(broker.clients, seen, 'back in varve');
  const producer = await broker.clients.producer();
  await producer.send({ topic: 'orders', messages: recordsFrom(50_000, 100) });
  const after = await view(broker.java);
  await broker.end();
  await dumped(`${stop}, taken over`, data, after);
  // The second start takes nothing over: it goes on.
  broker = await varve(directory, SETTINGS);
  expectSameView(`${stop}: started again`, await view(broker.java), after);
  await broker.end();
  say(`${stop}: taken over by varve: ${counted(after)}, ${GROUP} resumed`);
}

function copy(/** @type {string} */ from, /** @type {string} */ to) {
  mkdirSync(to);
  for (const name of NAMES) cpSync(path.join(from, name), path.join(to, name), { recursive: true });
}

/**
 * The zeros that a killed process had prepared for its next batches. A broker's recovery removes them; DumpLogSegments
 * gives up at them, in a log that Kafka preallocated too.
 */
function cutPreparedBytes(/** @type {string} */ data) {
  for (const name of NAMES) {
    for (const file of readdirSync(path.join(data, name)).filter((one) => one.endsWith('.log'))) {
      const log = path.join(data, name, file);
      const bytes = readFileSync(log);
      let end = 0;
      while (end + BATCH_OVERHEAD <= bytes.length && bytes.readInt32BE(end + 8) > 0)
        end += BATCH_OVERHEAD + bytes.readInt32BE(end + 8);
      if (end < bytes.length && bytes.subarray(end).every((byte) => byte === 0))
        truncateSync(log, end);
    }
  }
}

function offsetsBytes(/** @type {string} */ data) {
  let bytes = 0;
  for (const name of NAMES.filter((one) => one.startsWith(OFFSETS_TOPIC))) {
    const directory = path.join(data, name);
    for (const file of readdirSync(directory).filter((one) => one.endsWith('.log')))
      bytes += statSync(path.join(directory, file), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

function client(/** @type {string} */ name) {
  return fileURLToPath(new URL(`./clients/${name}`, import.meta.url));
}

/** One of the clients' programs, which say themselves what was wrong. */
async function run(/** @type {string} */ command, /** @type {string[]} */ args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (status !== 0) problems.push(`a client ended with ${status}: ${out}`);
}

function counted(/** @type {View} */ { partitions }) {
  const all = Object.values(partitions);
  return `${all.length} partitions, ${all.reduce((sum, one) => sum + one.records.length, 0)} records`;
}

/** @param {string} what @param {View} actual @param {View} expected */
function expectSameView(what, actual, expected) {
  for (const [name, partition] of Object.entries(expected.partitions)) {
    const its = actual.partitions[name];
    for (const field of /** @type {const} */ ([
      'beginningOffset',
      'endOffset',
      'lastStableOffset',
      'offsetsForTimes',
    ]))
      expectSame(`${what}: ${field} of ${name}`, its?.[field], partition[field]);
    const at = partition.records.findIndex((one, i) => !isDeepStrictEqual(its?.records[i], one));
    if (at >= 0)
      expectSame(`${what}: record ${at} of ${name}`, its?.records[at], partition.records[at]);
    expectSame(
      `${what}: number of records of ${name}`,
      its?.records.length,
      partition.records.length,
    );
  }
  expectSame(`${what}: committed offsets`, actual.groups, expected.groups);
}

/** @param {string} what @param {unknown} actual @param {unknown} expected */
function expectSame(what, actual, expected) {
  if (isDeepStrictEqual(actual, expected)) return;
  problems.push(`${what} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
}
