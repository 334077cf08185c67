// Kafka's load tools against Kafka, varve and a broker that has nothing to do, in turn: how much of what the tools reach
// is the broker's doing, and what is about the most to be had. All three run all the time; each load goes round them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Table from 'cli-table3';
import { ceilingRows, SIDES, timesRows } from '../../dist/benchmarks/kafka/ceiling-table.js';
import {
  busiestThread,
  ranSeconds,
  samplesSince,
} from '../../dist/benchmarks/kafka/thread-times.js';
import { KafkaJsAdmin } from './admin.mjs';
import { cpuOf, freshTopic, oneBrokerLoads } from './rows.mjs';
import { startKafka, startNothing, startVarve } from './targets.mjs';
import { consumerPerformance, producerPerformance } from './tools.mjs';

/**
 * @typedef {import('../../dist/benchmarks/kafka/ceiling-table.js').LoadRun} LoadRun
 * @typedef {import('../../dist/benchmarks/kafka/ceiling-table.js').Side} Side
 * @typedef {import('../../dist/benchmarks/kafka/thread-times.js').ThreadSample} ThreadSample
 */

/** Both brokers compile themselves while they work: they are not measured cold. */
const WARM_UP = { records: 300_000, recordBytes: 100, partitions: 12 };
/** Names of threads as Linux has them, cut to 15 characters. */
const MAIN = 'java';
const PRODUCER_NETWORK = 'kafka-producer-';
const CONSUMER_HEARTBEAT = 'kafka-coordinat';

/**
 * @param {import('./rows.mjs').Context} context
 * @param {{ rounds: number, rows?: string }} options `rows`: only the loads whose name has it
 * @returns {Promise<LoadRun[]>}
 */
export async function measureCeiling(context, { rounds, rows = '' }) {
  const directory = mkdtempSync(path.join(tmpdir(), 'varve-bench-ceiling-'));
  // Also when a signal ends it, which leaves no time for what is below.
  process.once('exit', () =>
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
  );
  /** @type {Map<Side, { target: import('./targets.mjs').Started, admin: KafkaJsAdmin }>} */
  const sides = new Map();
  /** @type {LoadRun[]} */ const runs = [];
  try {
    for (const side of SIDES) {
      const target = await start(context, side, directory);
      sides.set(side, { target, admin: new KafkaJsAdmin(target.address) });
    }
    for (const side of SIDES) await warmUp(context, side, theSide(side));
    for (const load of oneBrokerLoads(context.scale)) {
      if (!load.name.includes(rows)) continue;
      for (let round = 0; round < rounds; round += 1) {
        for (let i = 0; i < SIDES.length; i += 1) {
          // Who goes first changes with each round.
          const side = /** @type {Side} */ (SIDES[(i + round) % SIDES.length]);
          runs.push(...(await runLoad(context, side, round, load, theSide(side))));
        }
      }
    }
  } finally {
    for (const { target, admin } of sides.values()) {
      await admin.close();
      await target.stop();
    }
    rmSync(directory, { recursive: true, force: true });
  }
  return runs;

  function theSide(/** @type {Side} */ side) {
    const found = sides.get(side);
    if (found === undefined) throw new Error(`${side} was not started`);
    return found;
  }
}

/** @param {import('./rows.mjs').Context} context @param {Side} side @param {string} parent */
function start(context, side, parent) {
  const directory = path.join(parent, side);
  if (side === 'nothing') return startNothing({ directory });
  const options = { brokers: 1, directory };
  return side === 'kafka' ? startKafka(context.kafka, options) : startVarve(options);
}

/** @typedef {{ target: import('./targets.mjs').Started, admin: KafkaJsAdmin }} Running */

/** @param {import('./rows.mjs').Context} context @param {Side} side @param {Running} running */
async function warmUp(context, side, { target, admin }) {
  context.progress(`${side}: warm up`);
  const topic = freshTopic('warm-up');
  const { partitions, ...work } = WARM_UP;
  await admin.createTopic(topic, partitions, 1);
  await producerPerformance(context.kafka, { ...work, address: target.address, topic });
  await consumerPerformance(context.kafka, {
    address: target.address,
    topic,
    records: work.records,
  });
  await admin.deleteTopic(topic);
}

/** @param {import('./rows.mjs').Context} context @param {Side} side @param {number} round @param {ReturnType<typeof oneBrokerLoads>[number]} load @param {Running} running */
async function runLoad(context, side, round, load, { target, admin }) {
  const { address } = target;
  const { recordBytes, records, partitions, acks } = load;
  const topic = freshTopic('ceiling');
  await admin.createTopic(topic, partitions, 1);
  context.progress(`round ${round + 1}, ${side}: produce ${load.name}`);
  const runs = [
    await watched(side, round, target, `ProducerPerformance, ${load.name}`, PRODUCER_NETWORK, () =>
      producerPerformance(context.kafka, {
        address,
        topic,
        records,
        recordBytes,
        properties: { acks },
        watches: true,
      }),
    ),
  ];
  if (load.consumes) {
    context.progress(`round ${round + 1}, ${side}: consume ${recordBytes} B`);
    const row = `ConsumerPerformance, ${recordBytes} B, ${partitions} partitions`;
    runs.push(
      await watched(side, round, target, row, CONSUMER_HEARTBEAT, () =>
        consumerPerformance(context.kafka, { address, topic, records, watches: true }),
      ),
    );
  }
  await admin.deleteTopic(topic);
  return runs;
}

/**
 * @param {Side} side @param {number} round @param {import('./targets.mjs').Started} target @param {string} row
 * @param {string} working a thread that is there while the tool does its work
 * @param {() => Promise<{ recordsPerSecond: number, samples: ThreadSample[] }>} run
 * @returns {Promise<LoadRun>}
 */
async function watched(side, round, target, row, working, run) {
  const before = cpuOf(target);
  const { recordsPerSecond, samples } = await run();
  const its = samplesSince(samples, working);
  return {
    row,
    side,
    round,
    recordsPerSecond,
    clientCpuSeconds: ranSeconds(samples),
    brokerCpuSeconds: cpuOf(target) - before,
    main: busiestThread(its, MAIN),
    network: busiestThread(its, working),
  };
}

/** The two tables: rates with their ratios, and where the time went. */
export function ceilingTables(/** @type {LoadRun[]} */ runs) {
  const rate = (/** @type {number} */ value) => Math.round(value).toLocaleString('en');
  const times = (/** @type {number} */ value) => `${value.toFixed(2)} x`;
  const rates = new Table({
    head: [
      'records/s',
      'Kafka',
      'varve',
      'ceiling',
      'varve / Kafka',
      'ceiling / Kafka',
      'varve / ceiling',
    ],
    style: { head: [], border: [] },
  });
  for (const row of ceilingRows(runs)) {
    const { kafka, varve, nothing } = row.recordsPerSecond;
    rates.push([
      row.row,
      rate(kafka),
      rate(varve),
      rate(nothing),
      times(row.varveToKafka),
      times(row.ceilingToKafka),
      times(row.varveToCeiling),
    ]);
  }
  const shares = new Table({
    head: ['', 'broker', 'client, CPU s', 'broker, CPU s', 'main thread', 'network thread'],
    style: { head: [], border: [] },
  });
  const percent = (/** @type {number} */ share) => `${Math.round(share * 100)}`;
  const shareOf = (/** @type {{ ran: number, waited: number, slept: number } | null} */ its) =>
    its === null ? '-' : [its.ran, its.waited, its.slept].map(percent).join(' / ');
  for (const row of timesRows(runs)) {
    shares.push([
      row.row,
      row.side,
      row.clientCpuSeconds.toFixed(1),
      row.brokerCpuSeconds.toFixed(1),
      shareOf(row.main),
      shareOf(row.network),
    ]);
  }
  return [
    rates.toString(),
    'Threads of the client: % of the time it worked that they ran / waited for a processor / slept.',
    shares.toString(),
  ].join('\n');
}
