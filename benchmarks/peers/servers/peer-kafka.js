// varve and Apache Kafka: the same protocol, settings and clients on both sides.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kafka as findKafka, SKIPPED } from '../../../conformance/lib/kafka.mjs';
import { startKafka, startVarve } from '../../kafka/targets.mjs';
import { parentOf } from './processes.js';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** A group of one member has nobody to wait for, and little to commit. Nothing that is timed depends on these. */
const BROKER_SETTINGS = {
  'group.initial.rebalance.delay.ms': 0,
  'offsets.topic.num.partitions': 1,
};

const SETTINGS = {
  process: 'acks=1, default flush settings (page cache)',
  disk: 'acks=1, flush.messages=1',
  replicas:
    'replication factor 3, acks=all, min.insync.replicas=3: acknowledged is on all three of three',
};

/** What the load process has to know. */
const clientSettings = (/** @type {import('./promises.js').PromiseName} */ promise) => ({
  acks: promise === 'replicas' ? -1 : 1,
  replicas: promise === 'replicas' ? 3 : 1,
  topicConfigs: {
    ...(promise === 'disk' ? { 'flush.messages': '1' } : {}),
    ...(promise === 'replicas' ? { 'min.insync.replicas': '3' } : {}),
  },
});

/** @param {{ name: string, version: string, start: (options: { brokers: number, directory: string, settings: Record<string, number> }) => Promise<import('../../kafka/targets.mjs').Started> }} side */
const peerOf = ({ name, version, start }) => ({
  name,
  version,
  client: 'load-kafka.js',
  modes: ['client', 'ready'],
  settings: (/** @type {import('./promises.js').PromiseName} */ promise) => SETTINGS[promise],
  cannot: () => null,
  async start(
    /** @type {import('./promises.js').Promised} */ { name: promise, nodes },
    /** @type {string} */ directory,
  ) {
    const target = await start({ brokers: nodes, directory, settings: BROKER_SETTINGS });
    const pids = target.nodes.map(({ pid }) => pid);
    // The supervisor of a varve cluster is its controller: part of the server. Kafka's is inside node 1.
    if (name === 'varve' && nodes > 1) pids.push(parentOf(pids[0] ?? -1));
    return {
      pids,
      stop: target.stop,
      connection: {
        address: target.address,
        nodes: target.nodes.map(({ id, address }) => ({ id, address })),
        ...clientSettings(promise),
      },
    };
  },
});

export async function varvePeer() {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return peerOf({ name: 'varve', version, start: startVarve });
}

export async function kafkaPeer() {
  // Asked here first: `findKafka` ends the process where Kafka cannot be had.
  const jars = spawnSync(join(ROOT, 'conformance', 'kafka-jars'), { encoding: 'utf8' });
  if (jars.status === SKIPPED) throw new Error(jars.stderr.trim().replace(/^SKIPPED: /, ''));
  const kafka = findKafka();
  return peerOf({
    name: 'Kafka',
    version: kafka.version,
    start: (options) => startKafka(kafka, options),
  });
}
