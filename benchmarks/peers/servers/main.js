#!/usr/bin/env node
// varve beside other servers on this machine, in one run, alternating: `npm run bench:servers`.
import { describeEnvironment } from '../../../dist/benchmarks/environment.js';
import { createProgress } from '../../../dist/benchmarks/progress.js';
import { createRandom, shuffled } from '../../../dist/benchmarks/random.js';
import {
  createTempDirectory,
  removeTempDirectory,
} from '../../../dist/benchmarks/temp-directory.js';
import { parseOptions } from './options.js';
import { loadPeers } from './peers.js';
import { cleanUpEverythingOnSignals, memoryOf } from './processes.js';
import { IN_FLIGHT, PROMISES } from './promises.js';
import { runLoad } from './run-load.js';
import { summarize } from './summary.js';
import { print } from './table.js';
import { LATENCY_WORK, PUBLISH_WORKS, scaledLatency, scaledPublish } from './works.js';

const options = parseOptions();
if (process.platform !== 'linux') {
  process.stderr.write(
    `bench:servers measures the servers' processes through /proc, which ${process.platform} has not: run it on Linux\n`,
  );
  process.exit(2);
}
cleanUpEverythingOnSignals();

const { peers, missing } = await loadPeers(options.only);
for (const { name, reason } of missing) process.stderr.write(`left out: ${name}: ${reason}\n`);
if (peers.length === 0) {
  process.stderr.write('no server is left to measure\n');
  process.exit(1);
}
const promises = PROMISES.filter(({ name }) => options.promise.includes(name)).map((promise) => ({
  ...promise,
  peers: peers.filter((peer) => peer.cannot(promise.name) === null),
  cannot: peers.flatMap((peer) => {
    const reason = peer.cannot(promise.name);
    return reason === null ? [] : [{ name: peer.name, reason }];
  }),
}));
for (const { cannot } of promises) {
  for (const { reason } of cannot) process.stderr.write(`left out: ${reason}\n`);
}

const publishWorks = PUBLISH_WORKS.filter(({ name }) => options.work.includes(name));
const hasLatency = options.work.includes(LATENCY_WORK.name);
const random = createRandom(options.seed);
const progress = createProgress(process.stderr);
progress.begin(promises.reduce((sum, { peers: own }) => sum + own.length, 0) * options.rounds);

/** @type {import('./summary.js').Run[]} */
const runs = [];
/** @type {{ round: number, name: string, promise: string, reason: string }[]} */
const failures = [];
for (let round = 0; round < options.rounds; round += 1) {
  for (const promise of promises) {
    // In another order each time: what one leaves in caches is not always the same one's gain.
    for (const peer of shuffled(promise.peers, random)) {
      progress.step(`round ${round + 1}: ${peer.name}, ${promise.name}`);
      try {
        runs.push(...(await runPeer(peer, promise, round)));
      } catch (error) {
        // The others' figures are not lost with it; the row has a run less, and the exit code says so.
        const reason = String(error.message).split('\n')[0];
        failures.push({ round, name: peer.name, promise: promise.name, reason });
        process.stderr.write(`FAILED in round ${round + 1}: ${error.message}\n`);
      }
    }
  }
}
progress.end();

const results = promises.map((promise) => ({
  promise: promise.name,
  title: promise.title,
  cannot: promise.cannot,
  rows: summarize(promise, runs),
}));
const document = {
  environment: describeEnvironment(options.directory),
  options,
  inFlight: IN_FLIGHT,
  missing,
  failures,
  results,
};
if (options.json) console.log(JSON.stringify(document, null, 2));
else print(document);
if (failures.length > 0) process.exitCode = 1;

/**
 * Everything that one peer does for one promise in one round, on a server started for it.
 * @param {import('./peers.js').Peer} peer @param {import('./promises.js').Promised} promise @param {number} round
 */
async function runPeer(peer, promise, round) {
  const directory = createTempDirectory(options.directory);
  const running = await peer.start(promise, directory);
  try {
    const own = [];
    for (const mode of peer.modes) {
      const job = {
        client: peer.client,
        connection: running.connection,
        mode,
        works: [
          ...publishWorks.map((work) => scaledPublish(work, options.scale * promise.scale)),
          ...(hasLatency && mode === 'client' ? [scaledLatency(LATENCY_WORK, options.scale)] : []),
        ],
        pids: running.pids,
        seed: options.seed,
      };
      if (job.works.length === 0) continue;
      const works = await runLoad(job).catch((error) => {
        throw new Error(`${peer.name}, ${promise.name}, ${mode}: ${error.message}`);
      });
      own.push({ promise: promise.name, peer, mode, round, works });
    }
    const memory = memoryOf(running.pids);
    return own.map((run) => ({ ...run, memory }));
  } finally {
    await running.stop();
    removeTempDirectory(directory);
  }
}
