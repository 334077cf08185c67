// The load of one run, in a process of its own: the parent sends a job, gets one result, and this ends.
import { inspect } from 'node:util';
import { createGenerator } from '../../../dist/benchmarks/payload.js';
import { makeBatches } from '../works.js';
import { measureLatency } from './latency.js';
import { cpuOf } from './processes.js';
import { IN_FLIGHT } from './promises.js';

/**
 * @typedef {object} Job
 * @property {string} client module
 * @property {object} connection of the peer
 * @property {string} mode
 * @property {(import('./works.js').PublishWork | import('./works.js').LatencyWork)[]} works
 * @property {number[]} pids of the server
 * @property {number} seed
 *
 * @typedef {object} LoadClient
 * @property {(log: string) => Promise<void>} createLog
 * @property {(log: string) => Promise<void>} deleteLog
 * @property {(mode: string, log: string, batches: Buffer[][]) => Promise<(at: number) => Promise<void>>} publisher
 *   encodes what the mode encodes before the clock; the result sends a batch and resolves with its acknowledgement
 * @property {(log: string, visit: (value: Uint8Array) => void, fail: (error: Error) => void) => Promise<{ stop: () => Promise<void> }>} subscribe
 *   everything from the first record on, in order, and whatever comes; `visit` throws nothing
 * @property {(log: string, value: Buffer) => Promise<void>} publishOne
 * @property {() => Promise<void>} close
 */

const WARM_UP_SHARE = 0.2;
/** Joining and the first fetch are not reading: timing starts behind so much of the records. */
const UNTIMED_READ_SHARE = 0.05;
const READ_LIMIT_MS = 120_000;

process.once('message', async (/** @type {Job} */ job) => {
  try {
    const { open } = await import(`./${job.client}`);
    const client = await open(job.connection);
    /** @type {Record<string, unknown>} */ const result = {};
    for (const work of job.works) result[work.name] = await run(client, job, work);
    await client.close();
    process.send?.({ result }, () => process.exit(0));
  } catch (error) {
    process.send?.({ error: inspect(error) }, () => process.exit(1));
  }
});
process.once('disconnect', () => process.exit(1));

/** @param {LoadClient} client @param {Job} job @param {Job['works'][number]} work */
async function run(client, job, work) {
  const { seed } = job;
  if ('ratePerSecond' in work) {
    const { values } = createGenerator({ recordBytes: work.recordBytes, spread: 'exact', seed });
    return measureLatency(client, work, values);
  }
  const batches = makeBatches({ ...work, writers: 1 }, seed);
  const few = batches.slice(0, Math.max(1, Math.round(batches.length * WARM_UP_SHARE)));
  await publishAndRead(client, job, work, `${work.name}-warm-up`, few, true);
  return publishAndRead(client, job, work, work.name, batches, false);
}

/**
 * @param {LoadClient} client @param {Job} job @param {import('./works.js').PublishWork} work
 * @param {string} log @param {Buffer[][]} batches @param {boolean} comparesEveryByte
 */
async function publishAndRead(client, { mode, pids }, work, log, batches, comparesEveryByte) {
  await client.createLog(log);
  const publish = await client.publisher(mode, log, batches);
  const records = batches.length * work.batchRecords;

  globalThis.gc?.();
  const published = await timed(pids, async () => {
    let next = 0;
    const lane = async () => {
      while (next < batches.length) await publish(next++);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  });

  globalThis.gc?.();
  const skipped = Math.floor(records * UNTIMED_READ_SHARE);
  const expected = comparesEveryByte ? batches.flat() : [];
  const got = { records: 0, sum: 0 };
  let startedMs = 0;
  let endedMs = 0;
  const read = await timed(pids, () =>
    visitAll(client, log, records, (value) => {
      got.sum += value[0] + value[value.length - 1] * 256 + value.length;
      if (comparesEveryByte && Buffer.compare(expected[got.records], value) !== 0) {
        throw new Error(`record ${got.records} is not what was published`);
      }
      got.records += 1;
      if (got.records === skipped) startedMs = performance.now();
      if (got.records === records) endedMs = performance.now();
    }),
  );
  const sum = batches.flat().reduce((s, v) => s + v[0] + v[v.length - 1] * 256 + v.length, 0);
  if (got.records !== records || got.sum !== sum) {
    throw new Error(
      `read back ${got.records} records (checksum ${got.sum}), published ${records} (${sum})`,
    );
  }
  await client.deleteLog(log);
  const perMillion = (/** @type {number} */ seconds) => (seconds / records) * 1e6;
  return {
    publishPerSecond: (records * 1000) / published.ms,
    publishServerCpuPerMillion: perMillion(published.serverCpu),
    publishClientCpuPerMillion: perMillion(published.clientCpu),
    readPerSecond: ((records - skipped) * 1000) / (endedMs - startedMs),
    readServerCpuPerMillion: perMillion(read.serverCpu),
  };
}

/** Time, and processor seconds of the server and of this process meanwhile. */
async function timed(/** @type {number[]} */ pids, /** @type {() => Promise<void>} */ work) {
  const serverCpu = cpuOf(pids);
  const clientCpu = process.cpuUsage();
  const startedMs = performance.now();
  await work();
  const ms = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(clientCpu);
  return { ms, serverCpu: cpuOf(pids) - serverCpu, clientCpu: (user + system) / 1e6 };
}

/** @param {LoadClient} client @param {string} log @param {number} records @param {(value: Uint8Array) => void} visit */
async function visitAll(client, log, records, visit) {
  let seen = 0;
  /** @type {{ stop: () => Promise<void> } | undefined} */ let subscription;
  /** @type {NodeJS.Timeout | undefined} */ let timer;
  try {
    await new Promise((resolve, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${seen} of ${records} records after ${READ_LIMIT_MS} ms`)),
        READ_LIMIT_MS,
      );
      client
        .subscribe(
          log,
          (value) => {
            // What comes behind the last one is too much, and the caller's count shows it.
            try {
              visit(value);
            } catch (error) {
              reject(error);
            }
            seen += 1;
            if (seen === records) resolve(undefined);
          },
          reject,
        )
        .then((own) => {
          subscription = own;
        }, reject);
    });
  } finally {
    clearTimeout(timer);
    await subscription?.stop();
  }
}
