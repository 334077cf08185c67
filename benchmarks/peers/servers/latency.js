// Publish to consume at a fixed rate, open loop: a slow answer delays no later record, and each latency counts from
// the moment the record was meant to leave, so that a stall of the peer or of this process shows.
import { setTimeout as sleep } from 'node:timers/promises';
import { Latencies } from '../../../dist/benchmarks/latency.js';

const WARM_UP_SECONDS = 1;
const ARRIVAL_LIMIT_MS = 30_000;
const LOG = 'latency';

/** @param {import('./load.js').LoadClient} client @param {import('./works.js').LatencyWork} work @param {(count: number) => Buffer[]} makeValues */
export async function measureLatency(client, work, makeValues) {
  await client.createLog(LOG);
  const warmUp = Math.round(Math.min(WARM_UP_SECONDS, work.seconds) * work.ratePerSecond);
  const total = warmUp + Math.round(work.seconds * work.ratePerSecond);
  const values = makeValues(total);
  // Each record says which one it is; the first of all only shows that the consumer is there.
  for (const [i, value] of values.entries()) value.writeUInt32BE(i, 0);

  const intervalMs = 1000 / work.ratePerSecond;
  const [all, fromSending, acknowledged, generator] = Array.from(
    { length: 4 },
    () => new Latencies(),
  );
  const sentMs = new Float64Array(total);
  let startMs = Number.POSITIVE_INFINITY;
  let seen = 0;
  let isReady = false;
  /** @type {Error | null} */ let failure = null;
  const fail = (/** @type {Error} */ error) => {
    failure ??= error;
  };
  const until = async (/** @type {string} */ what, /** @type {() => boolean} */ isSo) => {
    const deadline = Date.now() + ARRIVAL_LIMIT_MS;
    while (!isSo()) {
      if (failure !== null) throw failure;
      if (Date.now() > deadline) throw new Error(`not so after ${ARRIVAL_LIMIT_MS} ms: ${what}`);
      await sleep(5);
    }
  };
  const onValue = (/** @type {Uint8Array} */ value) => {
    if (!isReady) {
      isReady = true;
      return;
    }
    const now = performance.now();
    const at = Buffer.from(value.buffer, value.byteOffset, value.length).readUInt32BE(0);
    if (at !== seen) fail(new Error(`record ${at} came where ${seen} was due`));
    seen += 1;
    if (at < warmUp) return;
    all.recordMs(now - (startMs + at * intervalMs));
    fromSending.recordMs(now - sentMs[at]);
  };
  const subscription = await client.subscribe(LOG, onValue, fail);
  await client.publishOne(LOG, Buffer.alloc(work.recordBytes));
  await until('the consumer has the first record', () => isReady);

  startMs = performance.now() + 20;
  const answers = [];
  for (let at = 0; at < total; ) {
    const now = performance.now();
    const dueMs = startMs + at * intervalMs;
    if (now < dueMs) {
      await sleep(dueMs - now);
      continue;
    }
    const index = at;
    sentMs[at] = now;
    if (at >= warmUp) generator.recordMs(now - dueMs);
    const answer = client.publishOne(LOG, values[at]).then(() => {
      if (index >= warmUp) acknowledged.recordMs(performance.now() - dueMs);
    });
    // Its failure is thrown below; until then it must not count as unhandled.
    answer.catch(() => {});
    answers.push(answer);
    at += 1;
  }
  await Promise.all(answers);
  await until(`all ${total} records have come`, () => seen === total);
  if (failure !== null) throw failure;
  await subscription.stop();
  await client.deleteLog(LOG);
  return {
    endToEnd: all.summary(),
    endToEndFromSending: fromSending.summary(),
    acknowledged: acknowledged.summary(),
    generatorLate: generator.summary(),
  };
}
