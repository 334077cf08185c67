#!/usr/bin/env node
// Real clients against varve, and the same programs against a real Kafka: `client-check.mjs [--target varve|kafka|HOST:PORT]
// [--brokers N] [CLIENT...]`. Each program checks its own results; here, what the clients' logs say is compared: varve may
// cause no error and no retry that a real Kafka would not.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { firstAcknowledged, startKafka, startVarve } from '../benchmarks/kafka/targets.mjs';
import { kafka as findKafka, javaArguments, SKIPPED } from './lib/kafka.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const LIMIT_MS = 120_000;
/** What every client may say, since a real Kafka makes it say so too: rebalances, and a coordinator that is just being made. */
const EXPECTED = [
  /rebalanc/i,
  /coordinator is loading|Coordinator load in progress/i,
  /coordinator is not available/i,
  /There is no leader for this topic-partition as we are in the middle of a leadership election/,
];

/**
 * @typedef {object} Client
 * @property {string} name
 * @property {() => string | null} missing why it cannot run here
 * @property {(address: string) => [string, string[]]} command
 */

const python = path.join(
  process.env.VARVE_CACHE ?? path.join(homedir(), '.cache', 'varve'),
  'python',
);
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
  if (existsSync(path.join(python, 'ready'))) return null;
  if (!tool('python3', ['--version'])) return "there is no 'python3' on the PATH";
  const script =
    'set -e; python3 -m venv "$0"; "$0/bin/pip" -q install confluent-kafka==2.16.1; touch "$0/ready"';
  const made = spawnSync('sh', ['-c', script, python], { encoding: 'utf8', timeout: LIMIT_MS });
  if (made.status === 0) return null;
  return `confluent-kafka could not be installed: ${made.stderr.trim().split('\n').at(-1)}`;
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
    ...err.split('\n').filter((text) => /^\[.*\] (WARN|ERROR)|ERROR|WARN/.test(text)),
  ];
  if (result.error !== null) result.error += `\n${err.slice(-4000)}`;
  return result;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: 'string', default: 'varve' },
    brokers: { type: 'string', default: '1' },
  },
});
const clients =
  positionals.length === 0 ? CLIENTS : CLIENTS.filter(({ name }) => positionals.includes(name));
const brokers = Number(values.brokers);
const settings = {
  'group.initial.rebalance.delay.ms': 0,
  'offsets.topic.num.partitions': 5,
  'num.partitions': 2,
};
const directory = mkdtempSync(path.join(tmpdir(), 'varve-clients-'));
let failures = 0;
let skipped = 0;
/** @type {import('../benchmarks/kafka/targets.mjs').Started | null} */ let target = null;
try {
  if (values.target === 'kafka')
    target = await startKafka(kafka(), { brokers, directory, settings });
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
    const unexpected = log.filter((line) => !EXPECTED.some((pattern) => pattern.test(line)));
    const ok = error === null && unexpected.length === 0;
    if (!ok) failures += 1;
    console.log(`${ok ? 'passed' : 'FAILED'}: ${client.name} (${ms} ms): ${steps.join('; ')}`);
    if (error !== null) console.log(error);
    for (const line of unexpected) console.log(`  unexpected in its log: ${line}`);
  }
} finally {
  await target?.stop();
  rmSync(directory, { recursive: true, force: true });
}
if (failures > 0) process.exit(1);
process.exit(skipped === clients.length ? SKIPPED : 0);
