import { pathToFileURL } from 'node:url';
import { Bench } from 'tinybench';

/*
 * What short copies, text and views cost, which decides the thresholds in `record-encoder.ts` and how
 * `batch-reader.ts` makes views.
 * node dist/engine/format/record-encoder.bench.js
 */

const CALLS_PER_SAMPLE = 256;
const SIZES = [4, 6, 8, 16, 24, 32, 100];

/** Ways of doing the same thing to `size` bytes, by name. */
export function primitivesBench(size: number, timeMs: number): Bench {
  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4, throws: true });
  const target = Buffer.alloc(1 << 16);
  const memory = target.buffer;
  const sources = Array.from({ length: 16 }, (_, i) => new Uint8Array(size).fill(97 + i));
  const texts = sources.map((source) => Buffer.from(source).toString('latin1'));
  const kept: unknown[] = new Array(16);
  const add = (name: string, work: (index: number, at: number) => unknown) => {
    bench.add(name, () => {
      for (let i = 0; i < CALLS_PER_SAMPLE; i++) work(i & 15, (i & 15) * (size * 3 + 5));
    });
  };
  add('copy: loop', (index, at) => {
    const source = sources[index]!;
    for (let i = 0; i < size; i++) target[at + i] = source[i]!;
  });
  add('copy: set', (index, at) => target.set(sources[index]!, at));
  add('text: loop', (index, at) => {
    const text = texts[index]!;
    let seen = 0;
    for (let i = 0; i < size; i++) {
      const unit = text.charCodeAt(i);
      seen |= unit;
      target[at + i] = unit;
    }
    kept[index] = seen;
  });
  add('text: write', (index, at) => target.write(texts[index]!, at, size * 3));
  add('text: length, write', (index, at) => {
    kept[index] = Buffer.byteLength(texts[index]!);
    target.write(texts[index]!, at, size, 'latin1');
  });
  add('view: new Uint8Array', (index, at) => {
    kept[index] = new Uint8Array(memory, at, size);
  });
  add('view: new Uint8Array, asking for the memory', (index, at) => {
    kept[index] = new Uint8Array(target.buffer, target.byteOffset + at, size);
  });
  add('view: subarray', (index, at) => {
    kept[index] = target.subarray(at, at + size);
  });
  return bench;
}

function main(): void {
  for (const size of SIZES) {
    const bench = primitivesBench(size, 80);
    bench.runSync();
    const row: Record<string, string> = {};
    for (const task of bench.tasks) {
      const { result } = task;
      if (!('latency' in result)) throw new Error(`${task.name} did not complete: ${result.state}`);
      row[task.name] = `${((result.latency.p50 * 1e6) / CALLS_PER_SAMPLE).toFixed(1)} ns`;
    }
    console.log(size, row);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
