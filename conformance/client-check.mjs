#!/usr/bin/env node
// Real clients against varve, and the same programs against a real Kafka, so that they are known to test the right thing.
//   node conformance/client-check.mjs [--target kafka|varve|HOST:PORT] [--brokers N] [--said DIRECTORY] [CLIENT...]
// Each program checks its own results. With --said a run against Kafka keeps what the clients' logs said, besides what is
// in clients/kafka-says.json from earlier runs; and a run against varve fails for a warning, error or retry that is in
// neither: one that a real Kafka does not cause. --keep adds what a run against Kafka said to that file.
// Exit 0 good, 1 problems, 77 nothing could run.
import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { firstAcknowledged, startKafka, startVarve } from '../benchmarks/kafka/targets.mjs';
import { kafka as findKafka, javaArguments, SKIPPED } from './lib/kafka.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const LIMIT_MS = 120_000;
const KNOWN = path.join(here, 'clients/kafka-says.json');
/**
 * @typedef {object} Client
 * @property {string} name
 * @property {() => string | null} missing why it cannot run here
 * @property {(address: string) => [string, string[]]} command
 */

const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'varve');
const python = path.join(cache, 'python');
const node24 = path.join(cache, 'platformatic-2');
const tool = (/** @type {string} */ name, /** @type {string[]} */ args = ['-V']) =>
  spawnSync(name, args).error === undefined;
/** @type {import('./lib/kafka.mjs').Kafka | null} */ let found = null;
const kafka = () => {
  found ??= findKafka();
  return found;
};

/** @type {Client[]} */
const CLIENTS = [
  {
    name: 'kafkajs',
    missing: () => null,
    command: (address) => [process.execPath, [path.join(here, 'clients/kafkajs.mjs'), address]],
  },
  {
    name: 'platformatic',
    missing: () => null,
    command: (address) => [
      process.execPath,
      [path.join(here, 'clients/platformatic.mjs'), address],
    ],
  },
  {
    name: 'platformatic-2',
    missing: installPlatformatic2,
    command: (address) => [
      path.join(node24, 'node_modules/.bin/node'),
      [path.join(node24, 'platformatic.mjs'), address],
    ],
  },
  {
    name: 'kcat',
    missing: () =>
      tool('kcat') ? null : "there is no 'kcat' on the PATH (Debian: apt-get install kcat)",
    command: (address) => [process.execPath, [path.join(here, 'clients/kcat.mjs'), address]],
  },
  {
    name: 'confluent',
    missing: installConfluent,
    command: (address) => [
      path.join(python, 'bin/python'),
      [path.join(here, 'clients/confluent.py'), address],
    ],
  },
  {
    name: 'java',
    missing: () => (tool('javac') ? null : "there is no 'javac' on the PATH"),
    command: (address) => ['java', javaArguments(kafka(), 'ClientScenario', [address])],
  },
  {
    name: 'console',
    missing: () => (tool('javac') ? null : "there is no 'javac' on the PATH"),
    command: (address) => [process.execPath, [path.join(here, 'clients/console.mjs'), address]],
  },
];

/** confluent-kafka-python in a virtual environment of its own, kept with the jars. */
function installConfluent() {
  if (!tool('python3', ['--version'])) return "there is no 'python3' on the PATH";
  const made = install(
    python,
    'python3 -m venv "$0" && "$0/bin/pip" -q --disable-pip-version-check install confluent-kafka==2.16.1',
  );
  return made === null ? null : `confluent-kafka could not be installed: ${made}`;
}

/** @platformatic/kafka 2 needs Node 24: both in a directory of their own, kept with the jars. */
function installPlatformatic2() {
  const made = install(
    node24,
    'npm install --prefix "$0" --silent --no-audit --no-fund node@24 @platformatic/kafka@2 && "$0/node_modules/.bin/node" --version',
  );
  if (made !== null) return `Node 24 and @platformatic/kafka 2 could not be installed: ${made}`;
  // A program finds the packages beside it.
  for (const file of ['platformatic.mjs', 'scenario.mjs'])
    copyFileSync(path.join(here, 'clients', file), path.join(node24, file));
  return null;
}

/** Runs `script` with the directory as $0, unless an earlier run has come to its end. Returns what went wrong, or null. */
function install(/** @type {string} */ directory, /** @type {string} */ script) {
  if (existsSync(path.join(directory, 'ready'))) return null;
  mkdirSync(directory, { recursive: true });
  const made = spawnSync('sh', ['-c', script, directory], { encoding: 'utf8', timeout: LIMIT_MS });
  if (made.status === 0) {
    writeFileSync(path.join(directory, 'ready'), '');
    return null;
  }
  return `${made.stderr}${made.stdout}`.trim().split('\n').at(-1) ?? `status ${made.status}`;
}

/** @param {Client} client @param {string} address @returns {Promise<{ steps: string[], log: string[], ms: number, error: string | null }>} */
async function run(client, address) {
  const [command, args] = client.command(address);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  const status = await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(timer);
  const line = out.trim().split('\n').at(-1) ?? '';
  const result = line.startsWith('{')
    ? JSON.parse(line)
    : { steps: [], log: [], ms: 0, error: `ended with ${status}, printed ${out}` };
  // The Java clients log to standard error.
  result.log = [
    ...(result.log ?? []),
    ...err.split('\n').filter((text) => /WARN|ERROR/.test(text)),
  ];
  if (result.error !== null) result.error += `\n${err.slice(-4000)}`;
  return result;
}

/** A line without what differs from run to run: topics, ids, addresses, numbers, times. */
function normalised(/** @type {string} */ line) {
  return line
    .replace(/\b(kafkajs|platformatic|kcat|confluent|java|console)-\d+-\d+(-group)?/g, 'TOPIC$2')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
    .replace(/\d+\.\d+\.\d+\.\d+:\d+/g, 'ADDRESS')
    .replace(/\d+/g, 'N');
}

/** @returns {Record<string, string[]>} by client */
function read(/** @type {string} */ file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
}

function write(/** @type {string} */ file, /** @type {Record<string, string[]>} */ said) {
  const sorted = Object.entries(said)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, lines]) => [name, [...new Set(lines)].sort()]);
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: 'string', default: 'varve' },
    brokers: { type: 'string', default: '1' },
    said: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});
const clients =
  positionals.length === 0 ? CLIENTS : CLIENTS.filter(({ name }) => positionals.includes(name));
const brokers = Number(values.brokers);
const settings = {
  'group.initial.rebalance.delay.ms': 0,
  'offsets.topic.num.partitions': 5,
  'num.partitions': 2,
  // Topics of the clients have the default, and records are acknowledged by all replicas.
  'default.replication.factor': Math.min(3, brokers),
};
const isKafka = values.target === 'kafka';
const saidNow = values.said === undefined ? null : path.join(values.said, 'kafka-said.json');
/** What clients said of Kafka, in this run or before. */
const known = read(KNOWN);
for (const [name, lines] of Object.entries(saidNow === null || isKafka ? {} : read(saidNow)))
  known[name] = [...(known[name] ?? []), ...lines];
/** @type {Record<string, string[]>} */ const said = {};
const directory = mkdtempSync(path.join(tmpdir(), 'varve-clients-'));
let failures = 0;
let skipped = 0;
/** @type {import('../benchmarks/kafka/targets.mjs').Started | null} */ let target = null;
try {
  if (isKafka) target = await startKafka(kafka(), { brokers, directory, settings });
  else if (values.target === 'varve') target = await startVarve({ brokers, directory, settings });
  // A JVM answers seconds after it was started; a client that comes earlier says that nobody is there.
  if (target !== null) await firstAcknowledged(target, brokers);
  const address = target?.address ?? values.target;
  for (const client of clients) {
    const missing = client.missing();
    if (missing !== null) {
      console.log(`SKIPPED: ${client.name}: ${missing}`);
      skipped += 1;
      continue;
    }
    const { steps, log, ms, error } = await run(client, address);
    const lines = log.map((line) => ({ line, form: normalised(line) }));
    said[client.name] = [...new Set(lines.map(({ form }) => form))];
    const unexpected = isKafka
      ? []
      : lines.filter(({ form }) => !(known[client.name] ?? []).includes(form));
    const ok = error === null && unexpected.length === 0;
    if (!ok) failures += 1;
    console.log(
      `${ok ? 'passed' : 'FAILED'}: ${client.name} (${ms} ms, ${log.length} warnings): ${steps.join('; ')}`,
    );
    if (error !== null) console.log(error);
    for (const { line } of unexpected) console.log(`  a real Kafka does not cause this: ${line}`);
  }
} finally {
  await target?.stop();
  rmSync(directory, { recursive: true, force: true });
}
if (isKafka && saidNow !== null) write(saidNow, said);
if (isKafka && values.keep) {
  for (const [name, lines] of Object.entries(said))
    known[name] = [...(known[name] ?? []), ...lines];
  write(KNOWN, known);
}
if (failures > 0) process.exit(1);
process.exit(skipped === clients.length ? SKIPPED : 0);
