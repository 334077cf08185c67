/**
 * What the space ahead of a log's end costs: appends through `engine/io` beside the same work done
 * with plain calls, alternating, in one run. Every line is a ratio; absolutes are for this machine.
 *
 *     node --expose-gc dist/benchmarks/micro/io-space.js [--mib N] [--only NAME]
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { crc32c } from '@node-rs/crc32';
import { openFileSystem } from '../../engine/io/index.js';
import type { FileSystem } from '../../engine/io/port.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

interface Round {
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly totalBytes: number;
}

/** Milliseconds of the work alone. */
type Work = (round: Round) => number | Promise<number>;

interface Comparison {
  readonly name: string;
  readonly bytes: (mib: number) => number;
  readonly varve: Work;
  readonly control: Work;
  readonly busy?: boolean;
}

function append(batchBytes: number, checked: boolean): Work {
  return async ({ directory, fileSystem, totalBytes }) => {
    const batch = pattern(batchBytes);
    const started = performance.now();
    let sum = 0;
    let file = 0;
    let elapsed = 0;
    for (let done = 0; done < totalBytes; file++) {
      const log = fileSystem.openLog(join(directory, `${file}.log`), {
        create: true,
        size: 0,
        maxBytes: GIB,
      });
      while (log.size + batchBytes <= GIB && done < totalBytes) {
        log.reserve(batchBytes);
        batch.copy(log.buffer, log.at);
        if (checked) sum += crc32c(log.buffer.subarray(log.at, log.at + batchBytes));
        log.commit(batchBytes);
        done += batchBytes;
      }
      elapsed = performance.now() - started;
      await log.close();
      await fileSystem.remove(join(directory, `${file}.log`));
    }
    if (checked && sum === 0) throw new Error('no checksum was taken');
    return elapsed;
  };
}

function pwrite(batchBytes: number, checked: boolean): Work {
  return async ({ directory, fileSystem, totalBytes }) => {
    const batch = pattern(batchBytes);
    const started = performance.now();
    let sum = 0;
    let file = 0;
    let elapsed = 0;
    for (let done = 0; done < totalBytes; file++) {
      const path = join(directory, `${file}.raw`);
      const fd = fs.openSync(path, 'w');
      for (let at = 0; at + batchBytes <= GIB && done < totalBytes; at += batchBytes) {
        if (checked) sum += crc32c(batch);
        fs.writeSync(fd, batch, 0, batchBytes, at);
        done += batchBytes;
      }
      elapsed = performance.now() - started;
      fs.closeSync(fd);
      await fileSystem.remove(path);
    }
    if (checked && sum === 0) throw new Error('no checksum was taken');
    return elapsed;
  };
}

/** The same copies into memory that is there already. */
function memcpy(batchBytes: number, checked: boolean): Work {
  return ({ totalBytes }) => {
    const batch = pattern(batchBytes);
    const memory = Buffer.alloc(64 * MIB, 1);
    let sum = 0;
    const started = performance.now();
    for (let done = 0; done < totalBytes; done += batchBytes) {
      const at = done % (memory.length - batchBytes);
      batch.copy(memory, at);
      if (checked) sum += crc32c(memory.subarray(at, at + batchBytes));
    }
    if (checked && sum === 0) throw new Error('no checksum was taken');
    return performance.now() - started;
  };
}

function appendDurably(batchBytes: number): Work {
  return async ({ directory, fileSystem, totalBytes }) => {
    const path = join(directory, 'durable.log');
    const log = fileSystem.openLog(path, { create: true, size: 0, maxBytes: GIB });
    const batch = pattern(batchBytes);
    const started = performance.now();
    for (let done = 0; done < totalBytes; done += batchBytes) {
      log.reserve(batchBytes);
      batch.copy(log.buffer, log.at);
      log.commit(batchBytes);
      await log.flush();
    }
    const elapsed = performance.now() - started;
    await log.close();
    await fileSystem.remove(path);
    return elapsed;
  };
}

/** Into blocks that were written with zeros and synced before the clock starts. */
function pwriteDurably(batchBytes: number): Work {
  return async ({ directory, fileSystem, totalBytes }) => {
    const path = join(directory, 'durable.raw');
    const fd = fs.openSync(path, 'w');
    const zeros = Buffer.alloc(MIB);
    for (let at = 0; at < totalBytes + MIB; at += MIB) fs.writeSync(fd, zeros, 0, MIB, at);
    fs.fsyncSync(fd);
    const batch = pattern(batchBytes);
    const started = performance.now();
    for (let done = 0; done < totalBytes; done += batchBytes) {
      fs.writeSync(fd, batch, 0, batchBytes, done);
      await new Promise<void>((resolve, reject) =>
        fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error))),
      );
    }
    const elapsed = performance.now() - started;
    fs.closeSync(fd);
    await fileSystem.remove(path);
    return elapsed;
  };
}

function scan(checked: boolean): Work {
  const batchBytes = 64 * KIB;
  return async ({ directory, fileSystem, totalBytes }) => {
    const path = join(directory, 'scan.log');
    const batch = pattern(batchBytes);
    let log = fileSystem.openLog(path, { create: true, size: 0, maxBytes: GIB });
    while (log.size < totalBytes) {
      log.reserve(batchBytes);
      batch.copy(log.buffer, log.at);
      log.commit(batchBytes);
    }
    const { size } = log;
    await log.close();
    log = fileSystem.openLog(path, { create: false, size, maxBytes: GIB, readOnly: true });
    let sum = 0;
    const started = performance.now();
    log.willRead(0, size);
    for (let at = 0; at < size; at += batchBytes) {
      const window = log.window(at, batchBytes);
      const from = at - window.start;
      if (checked) sum += crc32c(window.buffer.subarray(from, from + batchBytes));
    }
    const elapsed = performance.now() - started;
    if (checked && sum === 0) throw new Error('no checksum was taken');
    await log.close();
    await fileSystem.remove(path);
    return elapsed;
  };
}

const crcOfMemory: Work = ({ totalBytes }) => {
  const memory = Buffer.alloc(256 * MIB, 7);
  const batchBytes = 64 * KIB;
  let sum = 0;
  const started = performance.now();
  for (let done = 0; done < totalBytes; done += batchBytes) {
    const at = done % memory.length;
    sum += crc32c(memory.subarray(at, at + batchBytes));
  }
  if (sum === 0) throw new Error('no checksum was taken');
  return performance.now() - started;
};

const all = (mib: number) => mib * MIB;
const few = (mib: number) => Math.min(mib, 48) * MIB;

const COMPARISONS: readonly Comparison[] = [
  {
    name: 'append 64 KiB, CRC / pwrite',
    bytes: all,
    varve: append(64 * KIB, true),
    control: pwrite(64 * KIB, true),
  },
  {
    name: 'append 64 KiB, CRC, busy core / pwrite',
    bytes: all,
    varve: append(64 * KIB, true),
    control: pwrite(64 * KIB, true),
    busy: true,
  },
  {
    name: 'append 64 KiB, CRC / memcpy + CRC',
    bytes: all,
    varve: append(64 * KIB, true),
    control: memcpy(64 * KIB, true),
  },
  {
    name: 'append 64 KiB / memcpy',
    bytes: all,
    varve: append(64 * KIB, false),
    control: memcpy(64 * KIB, false),
  },
  {
    name: 'append 1 KiB / pwrite',
    bytes: all,
    varve: append(KIB, false),
    control: pwrite(KIB, false),
  },
  {
    name: 'append 100 B / pwrite',
    bytes: (mib) => Math.min(mib, 128) * MIB,
    varve: append(100, false),
    control: pwrite(100, false),
  },
  {
    name: 'durable 104 KB / raw, prepared',
    bytes: few,
    varve: appendDurably(104_000),
    control: pwriteDurably(104_000),
  },
  {
    name: 'durable 4 KiB / raw, prepared',
    bytes: (mib) => Math.min(mib, 16) * MIB,
    varve: appendDurably(4 * KIB),
    control: pwriteDurably(4 * KIB),
  },
  { name: 'scan, CRC / CRC of memory', bytes: all, varve: scan(true), control: crcOfMemory },
];

function pattern(bytes: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  for (let i = 0; i < bytes; i++) buffer[i] = (i * 31 + (i >> 5)) & 255;
  return buffer;
}

/** Keeps one processor busy until it is told to stop. */
async function withBusyCore<T>(busy: boolean, run: () => Promise<T>): Promise<T> {
  if (!busy) return run();
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const code = `const { workerData } = require('node:worker_threads');
    while (Atomics.load(workerData, 0) === 0);`;
  const worker = new Worker(code, { eval: true, workerData: stop });
  await new Promise((resolve) => worker.once('online', resolve));
  try {
    return await run();
  } finally {
    Atomics.store(stop, 0, 1);
    await new Promise((resolve) => worker.once('exit', resolve));
  }
}

export async function main(args: readonly string[]): Promise<void> {
  const value = (name: string) => {
    const at = args.indexOf(name);
    return at < 0 ? undefined : args[at + 1];
  };
  const mib = Number(value('--mib') ?? 1024);
  const only = value('--only');
  const repeats = Number(value('--repeats') ?? 3);
  const parent = value('--directory') ?? tmpdir();
  const directory = fs.mkdtempSync(join(parent, 'varve-io-space-'));
  try {
    for (const { name, bytes, varve, control, busy } of COMPARISONS) {
      if (only !== undefined && !name.includes(only)) continue;
      const fileSystem = openFileSystem();
      const totalBytes = bytes(mib);
      const round = { directory, fileSystem, totalBytes };
      const ratios: number[] = [];
      let best = Number.POSITIVE_INFINITY;
      await control(round);
      for (let i = 0; i < repeats; i++) {
        await withBusyCore(busy ?? false, async () => {
          const controlMs = await control(round);
          const varveMs = await varve(round);
          best = Math.min(best, varveMs);
          ratios.push(controlMs / varveMs);
        });
        globalThis.gc?.();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      ratios.sort((a, b) => a - b);
      const middle = ratios[ratios.length >> 1]!;
      console.log(
        `${name.padEnd(42)} ${middle.toFixed(2)} x (${ratios[0]!.toFixed(2)} - ${ratios.at(-1)!.toFixed(2)})  best ${(totalBytes / best / 1e6).toFixed(2)} GB/s`,
      );
    }
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv[1]?.includes('io-space')) await main(process.argv.slice(2));
