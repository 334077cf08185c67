import { pathToFileURL } from 'node:url';
import { Bench } from 'tinybench';
import {
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from './frames.js';
import type { RequestInputOf, ResponseOf } from './messages/index.js';

/*
 * What it costs to read and write the messages of the hot path, against JSON text of the same content
 * as the control.
 * node dist/engine/protocol/protocol.bench.js
 */

const CALLS_PER_SAMPLE = 64;
const CLIENT = { correlationId: 1, clientId: 'producer-1' };
const TOPIC = 'orders.created';
const TOPIC_ID = 'b8tRS7h4TJ2Vt43Dp85v2A';
export const PARTITION_COUNTS = [1, 12];

/** Produce 9 and Fetch 12, which name topics, and Fetch 17, which has topic ids. */
export function protocolBench(partitions: number, timeMs: number): Bench {
  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 2, throws: true });
  const records = Buffer.alloc(16 * 1024, 1);
  const each = <T>(make: (index: number) => T): T[] =>
    Array.from({ length: partitions }, (_, i) => make(i));
  const produce: RequestInputOf<'Produce'> = {
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: TOPIC, partitionData: each((index) => ({ index, records })) }],
  };
  const produced: ResponseOf<'Produce'> = {
    responses: [
      {
        name: TOPIC,
        partitionResponses: each((index) => ({ index, baseOffset: 1e9, logStartOffset: 0 })),
      },
    ],
  };
  const fetch: RequestInputOf<'Fetch'> = {
    maxWaitMs: 500,
    minBytes: 1,
    topics: [
      {
        topic: TOPIC,
        topicId: TOPIC_ID,
        partitions: each((partition) => ({
          partition,
          currentLeaderEpoch: 4,
          fetchOffset: 1e9,
          partitionMaxBytes: 1 << 20,
        })),
      },
    ],
  };
  const fetched: ResponseOf<'Fetch'> = {
    responses: [
      {
        topic: TOPIC,
        topicId: TOPIC_ID,
        partitions: each((partitionIndex) => ({
          partitionIndex,
          highWatermark: 1e9,
          lastStableOffset: 1e9,
          logStartOffset: 0,
          abortedTransactions: null,
          records: [records, records],
        })),
      },
    ],
  };
  const add = (name: string, work: () => unknown) => {
    bench.add(name, () => {
      for (let i = 0; i < CALLS_PER_SAMPLE; i++) work();
    });
  };
  const frame = (chunks: Buffer[]) => Buffer.concat(chunks).subarray(4);
  const read = (name: 'Produce' | 'Fetch', version: number, bytes: Buffer) => {
    const { bodyOffset } = decodeRequestHeader(bytes);
    return decodeRequest(name, version, bytes, bodyOffset);
  };
  const produceFrame = frame(encodeRequest('Produce', 9, CLIENT, produce));
  const producedFrame = frame(encodeResponse('Produce', 9, 1, produced));
  add('Produce 9: read request', () => read('Produce', 9, produceFrame));
  add('Produce 9: write response', () => encodeResponse('Produce', 9, 1, produced));
  add('Produce 9: write request', () => encodeRequest('Produce', 9, CLIENT, produce));
  add('Produce 9: read response', () => decodeResponse('Produce', 9, producedFrame));
  for (const version of [12, 17]) {
    const fetchFrame = frame(encodeRequest('Fetch', version, CLIENT, fetch));
    const fetchedFrame = frame(encodeResponse('Fetch', version, 1, fetched));
    add(`Fetch ${version}: read request`, () => read('Fetch', version, fetchFrame));
    add(`Fetch ${version}: write response`, () => encodeResponse('Fetch', version, 1, fetched));
    add(`Fetch ${version}: write request`, () => encodeRequest('Fetch', version, CLIENT, fetch));
    add(`Fetch ${version}: read response`, () => decodeResponse('Fetch', version, fetchedFrame));
  }
  const json = JSON.stringify(fetch);
  add('control: JSON.parse of the Fetch request', () => JSON.parse(json));
  add('control: JSON.stringify of the Fetch request', () => JSON.stringify(fetch));
  return bench;
}

function main(): void {
  for (const partitions of PARTITION_COUNTS) {
    const bench = protocolBench(partitions, 250);
    bench.runSync();
    console.log(`${partitions} partitions`);
    for (const { name, result } of bench.tasks) {
      if (!('latency' in result)) throw new Error(`${name} did not complete: ${result.state}`);
      const ns = (result.latency.p50 * 1e6) / CALLS_PER_SAMPLE;
      console.log(`  ${name.padEnd(44)} ${ns.toFixed(0).padStart(6)} ns`);
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
