// What is compared: real Kafka and varve, each as its users start it, behind the same few calls.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { KafkaCluster } from '../../dist/benchmarks/targets/kafka-cluster.js';
import { KafkaJsAdmin } from './admin.mjs';

const VARVE = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const NOTHING = fileURLToPath(
  new URL('../../dist/benchmarks/kafka/nothing-broker.js', import.meta.url),
);

export { freePorts } from '../../dist/benchmarks/targets/free-ports.js';
export { SERVER_JVM } from '../../dist/benchmarks/targets/kafka-node.js';

const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 30_000;

export const TOOL_JVM = ['-Xmx512M', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'];

/**
 * @typedef {object} Node
 * @property {number} id
 * @property {number} pid
 * @property {string} address
 *
 * @typedef {object} Target
 * @property {string} name
 * @property {string} address bootstrap
 * @property {Node[]} nodes
 * @property {() => Promise<void>} stop
 *
 * @typedef {Target & { startedAt: number }} Started
 */

/**
 * Kafka with its default settings: one node is broker and controller, further ones are brokers. Replication of its
 * internal topics is the number of brokers, 3 at most, as in its defaults.
 * @param {import('../../conformance/lib/kafka.mjs').Kafka} kafka
 * @param {{ brokers: number, directory: string, settings?: Record<string, string | number> }} options
 * @returns {Promise<Started>}
 */
export async function startKafka(kafka, { brokers, directory, settings = {} }) {
  const cluster = await KafkaCluster.spawn({
    jars: kafka,
    brokers,
    directory,
    settings,
    controller: 'combined',
    signal: new AbortController().signal,
  });
  const nodes = cluster.processes().map(({ pid }, i) => ({
    id: i + 1,
    address: cluster.addresses[i] ?? '',
    pid,
  }));
  const address = cluster.addresses.join(',');
  const stop = () => cluster.stopAll();
  return { name: 'kafka', address, nodes, stop, startedAt: cluster.startedAtMs };
}

/**
 * varve with its default settings, through its command.
 * @param {{ brokers: number, directory: string, settings?: Record<string, string | number> }} options
 * @returns {Promise<Started>}
 */
export async function startVarve({ brokers, directory, settings = {} }) {
  const configs = Object.entries(settings).flatMap(([key, value]) => [
    '--config',
    `${key}=${value}`,
  ]);
  const command =
    brokers === 1 ? ['broker', '--port', '0'] : ['cluster', '--brokers', String(brokers)];
  const startedAt = performance.now();
  const child = spawnBroker([
    VARVE,
    ...command,
    '--directory',
    path.join(directory, 'varve'),
    '--json',
    '--log-level',
    'warn',
    ...configs,
  ]);
  const ready = await firstEvent(child, 'ready');
  const nodes = /** @type {Node[]} */ (ready.brokers);
  return {
    ...targetOf('varve', nodes.map((node) => node.address).join(','), [child], nodes),
    startedAt,
  };
}

/**
 * A broker that acknowledges records and forgets them: the most that a client can reach here.
 * @param {{ directory: string }} options
 * @returns {Promise<Started>}
 */
export async function startNothing({ directory }) {
  const startedAt = performance.now();
  const child = spawnBroker([NOTHING, path.join(directory, 'nothing')]);
  const ready = await firstEvent(child, 'ready');
  const nodes = /** @type {Node[]} */ (ready.brokers);
  return {
    ...targetOf('nothing', nodes.map((node) => node.address).join(','), [child], nodes),
    startedAt,
  };
}

/**
 * A program of Node in a session of its own, as Kafka is started too, and as services are. Linux shares processors out
 * among sessions first: with those of the load tool, a broker would be one thread among its dozens.
 */
function spawnBroker(/** @type {string[]} */ args) {
  const child = spawn(process.execPath, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const end = () => child.kill('SIGTERM');
  // Ctrl-C does not reach it.
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  return child;
}

/** The first line of JSON with this `event` on a program's standard output. */
function firstEvent(
  /** @type {import('node:child_process').ChildProcess} */ child,
  /** @type {string} */ event,
) {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(
      () => reject(new Error(`no ${event} after ${START_LIMIT_MS} ms:\n${text}`)),
      START_LIMIT_MS,
    );
    child.on('close', (status) =>
      reject(new Error(`it ended with ${status} before ${event}:\n${text}`)),
    );
    child.stdout?.on('data', (chunk) => {
      text += chunk;
      for (const line of text.split('\n').slice(0, -1)) {
        const value = JSON.parse(line);
        if (value.event !== event) continue;
        clearTimeout(timer);
        resolve(value);
      }
      text = text.slice(text.lastIndexOf('\n') + 1);
    });
  });
}

/** @param {string} name @param {string} address @param {import('node:child_process').ChildProcess[]} children @param {Node[]} nodes */
function targetOf(name, address, children, nodes) {
  return {
    name,
    address,
    nodes,
    stop: async () => {
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          const ended = new Promise((resolve) => child.on('close', resolve));
          child.kill('SIGTERM');
          const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
          await ended;
          clearTimeout(timer);
        }),
      );
    },
  };
}

/** Waits until a record has been acknowledged by all replicas; milliseconds since the processes were started. */
export async function firstAcknowledged(
  /** @type {Started} */ target,
  /** @type {number} */ replicas,
) {
  const admin = new KafkaJsAdmin(target.address);
  try {
    await admin.firstRecord('first', replicas);
    return performance.now() - target.startedAt;
  } finally {
    await admin.close();
  }
}

const TICKS_A_SECOND =
  Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout) || 100;

/** Seconds of processor time that a process has used, user and system. */
export function cpuSeconds(/** @type {number} */ pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** Resident bytes of a process. */
export function residentBytes(/** @type {number} */ pid) {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? Number.NaN) * 1024;
}
