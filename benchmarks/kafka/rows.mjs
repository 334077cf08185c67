// The rows of the comparison: what is done, on how many brokers, and which figure counts.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runJava } from '../../conformance/lib/kafka.mjs';
import { KafkaJsAdmin } from './admin.mjs';
import {
  cpuSeconds,
  firstAcknowledged,
  residentBytes,
  startKafka,
  startVarve,
} from './targets.mjs';
import { consumerPerformance, producerPerformance } from './tools.mjs';

/**
 * @typedef {object} Measurement
 * @property {string} row
 * @property {string} unit
 * @property {boolean} moreIsBetter
 * @property {number} value
 *
 * @typedef {object} Context
 * @property {import('../../conformance/lib/kafka.mjs').Kafka} kafka
 * @property {number} scale share of the full amount of work
 * @property {(text: string) => void} progress
 */

let topics = 0;
export const freshTopic = (/** @type {string} */ name) => {
  topics += 1;
  return `${name}-${topics}`;
};
const IDLE_MS = 5000;

/** What Kafka's load tools do with one broker, in order. `consumes`: what was produced is read too. */
export function oneBrokerLoads(/** @type {number} */ scale) {
  const loads = [];
  for (const recordBytes of [100, 1024]) {
    const records = Math.round((recordBytes === 100 ? 4_000_000 : 800_000) * scale);
    for (const partitions of [1, 12]) {
      for (const acks of [1, -1]) {
        loads.push({
          name: `${recordBytes} B, ${partitions} partition${partitions === 1 ? '' : 's'}, acks=${acks === 1 ? 1 : 'all'}`,
          recordBytes,
          records,
          partitions,
          acks,
          consumes: partitions === 12 && acks === 1,
        });
      }
    }
  }
  return loads;
}

/** @param {Context} context @param {'kafka' | 'varve'} name @param {number} brokers @param {(target: Awaited<ReturnType<typeof startKafka>>, directory: string) => Promise<Measurement[]>} work */
async function withTarget(context, name, brokers, work) {
  const directory = mkdtempSync(path.join(tmpdir(), `varve-bench-${name}-`));
  const options = { brokers, directory };
  const target =
    name === 'kafka' ? await startKafka(context.kafka, options) : await startVarve(options);
  try {
    return await work(target, directory);
  } finally {
    await target.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const lower = (
  /** @type {string} */ row,
  /** @type {string} */ unit,
  /** @type {number} */ value,
) => ({ row, unit, moreIsBetter: false, value });
const higher = (
  /** @type {string} */ row,
  /** @type {string} */ unit,
  /** @type {number} */ value,
) => ({ row, unit, moreIsBetter: true, value });

/** Start, idle memory, produce and consume on one broker. */
export function oneBroker(/** @type {Context} */ context, /** @type {'kafka' | 'varve'} */ name) {
  return withTarget(context, name, 1, async (target) => {
    const out = [
      lower(
        'one broker: process start to first acknowledged record',
        'ms',
        await firstAcknowledged(target, 1),
      ),
    ];
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    out.push(
      lower(
        'one broker: idle memory',
        'MB',
        (target.nodes[0] ? residentBytes(target.nodes[0].pid) : Number.NaN) / 1e6,
      ),
    );
    const admin = new KafkaJsAdmin(target.address);
    try {
      for (const load of oneBrokerLoads(context.scale)) {
        const { name: work, recordBytes, records, partitions, acks } = load;
        const topic = freshTopic('produce');
        await admin.createTopic(topic, partitions, 1);
        context.progress(`${name}: produce ${work}`);
        const before = cpuOf(target);
        const { recordsPerSecond } = await producerPerformance(context.kafka, {
          address: target.address,
          topic,
          records,
          recordBytes,
          properties: { acks },
        });
        out.push(higher(`ProducerPerformance, ${work}`, 'records/s', recordsPerSecond));
        if (recordBytes === 1024 && partitions === 12 && acks === -1) {
          out.push(
            lower(
              'broker CPU per million 1 KiB records produced',
              's',
              ((cpuOf(target) - before) / records) * 1e6,
            ),
          );
        }
        if (load.consumes) {
          context.progress(`${name}: consume ${recordBytes} B`);
          const consumed = await consumerPerformance(context.kafka, {
            address: target.address,
            topic,
            records,
          });
          out.push(
            higher(
              `ConsumerPerformance, ${recordBytes} B, 12 partitions`,
              'records/s',
              consumed.recordsPerSecond,
            ),
          );
        }
        await admin.deleteTopic(topic);
      }
      const topic = freshTopic('ready');
      await admin.createTopic(topic, 1, 1);
      context.progress(`${name}: ready batches`);
      const seconds = String(Math.max(2, Math.round(5 * context.scale)));
      const ready = await readyBatches([target.address, topic, '1', '65536', seconds, '1', '8']);
      out.push(
        higher('ready 64 KiB batches, acks=1, 8 in flight', 'MB/s', ready.bytesPerSecond / 1e6),
      );
    } finally {
      await admin.close();
    }
    return out;
  });
}

/** The load generator of ready batches, in a process of its own. */
async function readyBatches(/** @type {string[]} */ args) {
  const program = fileURLToPath(new URL('ready-batches.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args]);
  return JSON.parse(stdout);
}

/** The same on three brokers with three replicas; latency at a fixed rate. */
export function threeBrokers(
  /** @type {Context} */ context,
  /** @type {'kafka' | 'varve'} */ name,
) {
  return withTarget(context, name, 3, async (target) => {
    const out = [
      lower(
        'three brokers: process start to first acknowledged record',
        'ms',
        await firstAcknowledged(target, 3),
      ),
    ];
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const largest = Math.max(...target.nodes.map(({ pid }) => residentBytes(pid)));
    out.push(lower('three brokers: idle memory of the largest', 'MB', largest / 1e6));
    const admin = new KafkaJsAdmin(target.address);
    try {
      for (const recordBytes of [100, 1024]) {
        const records = Math.round((recordBytes === 100 ? 1_500_000 : 250_000) * context.scale);
        for (const partitions of [1, 12]) {
          const topic = freshTopic('replicate');
          await admin.createTopic(topic, partitions, 3);
          const work = `${recordBytes} B, ${partitions} partition${partitions === 1 ? '' : 's'}`;
          context.progress(`${name}: three replicas, ${work}`);
          const { recordsPerSecond } = await producerPerformance(context.kafka, {
            address: target.address,
            topic,
            records,
            recordBytes,
            properties: { acks: -1 },
          });
          out.push(higher(`three replicas, acks=all, ${work}`, 'records/s', recordsPerSecond));
          await admin.deleteTopic(topic);
        }
      }
      const topic = freshTopic('latency');
      await admin.createTopic(topic, 3, 3);
      context.progress(`${name}: end-to-end latency at 10 MB/s`);
      const seconds = Math.max(5, Math.round(20 * context.scale));
      const { status, stdout, stderr } = await runJava(context.kafka, 'EndToEnd', [
        target.address,
        topic,
        '10000',
        '1024',
        String(seconds),
      ]);
      if (status !== 0) throw new Error(`EndToEnd ended with ${status}: ${stderr}`);
      const { p50Ms, p99Ms } = JSON.parse(stdout);
      out.push(lower('end to end at 10 MB/s, three replicas, acks=all: p50', 'ms', p50Ms));
      out.push(lower('end to end at 10 MB/s, three replicas, acks=all: p99', 'ms', p99Ms));
    } finally {
      await admin.close();
    }
    return out;
  });
}

/** A thousand idle connections and five thousand partitions: memory. */
export function manyIdle(/** @type {Context} */ context, /** @type {'kafka' | 'varve'} */ name) {
  return withTarget(context, name, 1, async (target) => {
    await firstAcknowledged(target, 1);
    const admin = new KafkaJsAdmin(target.address);
    const [host, port] = (target.nodes[0]?.address ?? '').split(':');
    /** @type {import('node:net').Socket[]} */ const sockets = [];
    try {
      context.progress(`${name}: 5,000 partitions, 1,000 connections`);
      for (let i = 0; i < 10; i += 1) await admin.createTopic(`many-${i}`, 500, 1);
      for (let i = 0; i < 1000; i += 1) {
        const socket = connect(Number(port), host);
        socket.on('error', () => {});
        await new Promise((resolve, reject) =>
          socket.once('connect', () => resolve(undefined)).once('error', reject),
        );
        sockets.push(socket);
      }
      await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
      if (sockets.some((socket) => socket.destroyed))
        throw new Error('idle connections were closed');
      return [
        lower(
          '5,000 partitions and 1,000 idle connections: memory',
          'MB',
          residentBytes(target.nodes[0]?.pid ?? -1) / 1e6,
        ),
      ];
    } finally {
      for (const socket of sockets) socket.destroy();
      await admin.close();
    }
  });
}

/** Processor seconds of a target's brokers so far. */
export function cpuOf(/** @type {import('./targets.mjs').Target} */ target) {
  return target.nodes.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);
}

export const GROUPS = { oneBroker, threeBrokers, manyIdle };
