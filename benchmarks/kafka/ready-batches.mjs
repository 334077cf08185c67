// A load generator of ready batches: nothing is encoded while it sends, so that the broker is what is measured.
// `node ready-batches.mjs ADDRESS TOPIC PARTITIONS BATCH_BYTES SECONDS ACKS IN_FLIGHT` prints one line of JSON.
import { BatchOptions, batchSizeBound, writeBatch } from '../../dist/engine/format/batch-writer.js';
import { WireClient } from '../../dist/engine/wire/index.js';

const [
  address = '',
  topic = '',
  partitions = '1',
  batchBytes = '65536',
  seconds = '5',
  acks = '1',
  inFlight = '8',
] = process.argv.slice(2);
const [host = '', port = ''] = address.split(':');
const RECORD_BYTES = 1024;
const VERSION = 9;

function batchOf(/** @type {number} */ bytes) {
  const value = Buffer.alloc(RECORD_BYTES, 'x');
  const records = Array.from(
    { length: Math.max(1, Math.round(bytes / (RECORD_BYTES + 8))) },
    () => ({ value }),
  );
  const target = Buffer.alloc(batchSizeBound(records, 0, records.length));
  const options = new BatchOptions();
  options.now = Date.now();
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  const written = writeBatch(target, view, 0, records, 0, records.length, options);
  return { batch: target.subarray(0, written), records: records.length };
}

const { batch, records } = batchOf(Number(batchBytes));
const client = new WireClient({ host, port: Number(port), clientId: 'ready-batches' });
let sentBatches = 0;
let isOver = false;
/** One lane keeps one request in flight. */
async function lane(/** @type {number} */ first) {
  for (let i = first; !isOver; i += 1) {
    const index = i % Number(partitions);
    const answer = await client.request('Produce', VERSION, {
      acks: Number(acks),
      timeoutMs: 30_000,
      topicData: [{ name: topic, partitionData: [{ index, records: batch }] }],
    });
    const { errorCode } = answer.responses[0].partitionResponses[0];
    if (errorCode !== 0) throw new Error(`Produce answered error ${errorCode}`);
    sentBatches += 1;
  }
}
const lanes = Array.from({ length: Number(inFlight) }, (_, i) => lane(i));
const failed = Promise.all(lanes);
failed.catch(() => {});
const pause = (/** @type {number} */ ms) =>
  Promise.race([failed, new Promise((resolve) => setTimeout(resolve, ms))]);
// A quarter of the time to warm up.
await pause(Number(seconds) * 250);
const [from, startedAt, cpu] = [sentBatches, performance.now(), process.cpuUsage()];
await pause(Number(seconds) * 1000);
const elapsed = (performance.now() - startedAt) / 1000;
const done = sentBatches - from;
const used = process.cpuUsage(cpu);
isOver = true;
await failed;
await client.close();
console.log(
  JSON.stringify({
    bytesPerSecond: (done * batch.length) / elapsed,
    recordsPerSecond: (done * records) / elapsed,
    requestsPerSecond: done / elapsed,
    generatorCpu: (used.user + used.system) / 1e6 / elapsed,
  }),
);
