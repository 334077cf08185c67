import { pathToFileURL } from 'node:url';
import { crc32c as nativeCrc32c } from '@node-rs/crc32';
import crc32cOfPackage from 'crc-32/crc32c.js';
import { Bench } from 'tinybench';
import { crc32c, crc32cNative, crc32cTables } from './crc32c.js';

/*
 * Which CRC-32C is fastest for which size: the figures of `engine/decisions/0002-crc32c.md`.
 * node dist/engine/format/crc32c.bench.js
 */

export const CRC_SIZES = [64, 128, 256, 384, 448, 512, 768, 1024, 4096, 65_536];

/** `memcpy` is the control: the same bytes copied once. */
export function crc32cBench(bytes: number, timeMs: number): Bench {
  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4, throws: true });
  const buffer = Buffer.from(Array.from({ length: bytes + 8 }, (_, i) => (i * 131) >> 3));
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const copy = Buffer.alloc(bytes);
  const end = 3 + bytes;
  const expected = crc32cOfPackage.buf(buffer.subarray(3, end)) >>> 0;
  const expect = (name: string, compute: () => number) => {
    if (compute() !== expected) throw new Error(`${name} disagrees at ${bytes} bytes`);
    bench.add(name, () => repeated(compute));
  };
  expect('crc32c', () => crc32c(buffer, 3, end, view));
  expect('crc32c without view', () => crc32c(buffer, 3, end));
  expect('tables', () => crc32cTables(view, 3, end));
  expect('native', () => crc32cNative(buffer, 3, end));
  expect('native, subarray', () => nativeCrc32c(buffer.subarray(3, end)));
  expect('crc-32, subarray', () => crc32cOfPackage.buf(buffer.subarray(3, end)) >>> 0);
  bench.add('memcpy', () =>
    repeated(() => {
      copy.set(buffer.subarray(3, end));
      return 0;
    }),
  );
  return bench;
}

/** Calls within one sample, so that reading the clock does not count. */
const CALLS_PER_SAMPLE = 64;

function repeated(compute: () => number): void {
  let sum = 0;
  for (let i = 0; i < CALLS_PER_SAMPLE; i++) sum ^= compute();
  sink = sum;
}

/** Read by nobody: keeps the computations from being optimised away. */
export let sink = 0;

function main(): void {
  for (const bytes of CRC_SIZES) {
    const bench = crc32cBench(bytes, 120);
    bench.runSync();
    const row: Record<string, string> = {};
    for (const task of bench.tasks) {
      const { result } = task;
      if (!('latency' in result)) throw new Error(`${task.name} did not complete: ${result.state}`);
      const nanoseconds = (result.latency.p50 * 1e6) / CALLS_PER_SAMPLE;
      row[task.name] = `${nanoseconds.toFixed(0)} ns ${(bytes / nanoseconds).toFixed(2)} GB/s`;
    }
    console.log(bytes, row);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
