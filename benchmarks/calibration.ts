import { closeSync, fdatasync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32c as nativeCrc32c } from '@node-rs/crc32';
import scriptCrc32c from 'crc-32/crc32c.js';
import { median, quantile } from './stats.js';

/**
 * What this machine can do at this moment, measured in the same run: a figure of the engine means
 * little alone and much as a share of these.
 */
export interface Calibration {
  /** Bytes per second, walking a 64 MiB destination from a source that stays in cache. */
  readonly memcpy16KiBBytesPerSecond: number;
  readonly memcpy64KiBBytesPerSecond: number;
  readonly crc32c64KiBBytesPerSecond: number;
  /** 64 KiB blocks into a fresh file. */
  readonly pwrite64KiBBytesPerSecond: number;
  /** fdatasync after 4 KiB written inside blocks that hold data already. */
  readonly fdatasync4KiBP50Us: number;
  readonly fdatasync4KiBP99Us: number;
  /** One reading of the clock: it is inside every latency. */
  readonly clockReadNs: number;
  /** How much longer the slowest percent of equal pieces of work took than the median one: 0 on a quiet machine. */
  readonly cpuNoiseP99: number;
  /** Limits at the batch sizes of this run. */
  readonly perBatchBytes: readonly BatchCalibration[];
}

export interface BatchCalibration {
  readonly batchBytes: number;
  readonly memcpyBytesPerSecond: number;
  readonly crc32cBytesPerSecond: number;
  /** write + fdatasync into prepared blocks, one after the other; null when nothing durable is measured. */
  readonly durableWriteP50Us: number | null;
}

export interface CalibrationOptions {
  readonly directory: string;
  readonly batchBytes: readonly number[];
  readonly durable: boolean;
  /** Scales every sample count; tests run with little. Default 1. */
  readonly effort?: number;
}

const MIB = 1024 * 1024;
const DESTINATION_BYTES = 64 * MIB;
const sync = promisify(fdatasync);

export async function calibrate(options: CalibrationOptions): Promise<Calibration> {
  const effort = options.effort ?? 1;
  const times = (count: number): number => Math.max(3, Math.round(count * effort));
  // Touched once, so that no run pays for the kernel finding pages.
  const destination = Buffer.alloc(DESTINATION_BYTES, 1);
  const synced = await syncLatenciesUs(options.directory, 4096, times(100));
  const perBatchBytes: BatchCalibration[] = [];
  for (const batchBytes of [...new Set(options.batchBytes)].sort((a, b) => a - b)) {
    const durable = options.durable
      ? await syncLatenciesUs(options.directory, batchBytes, times(60))
      : null;
    perBatchBytes.push({
      batchBytes,
      memcpyBytesPerSecond: memcpySpeed(destination, batchBytes, times(5)),
      crc32cBytesPerSecond: crcSpeed(batchBytes, times(5), effort),
      durableWriteP50Us: durable === null ? null : median(durable),
    });
  }
  return {
    memcpy16KiBBytesPerSecond: memcpySpeed(destination, 16 * 1024, times(7)),
    memcpy64KiBBytesPerSecond: memcpySpeed(destination, 64 * 1024, times(7)),
    crc32c64KiBBytesPerSecond: crcSpeed(64 * 1024, times(7), effort),
    pwrite64KiBBytesPerSecond: writeSpeed(options.directory, times(3), effort),
    fdatasync4KiBP50Us: median(synced),
    fdatasync4KiBP99Us: quantile(synced, 0.99),
    clockReadNs: clockReadNs(),
    cpuNoiseP99: cpuNoise(times(200)),
    perBatchBytes,
  };
}

/** Copies one hot block over the whole destination, again and again; median of `rounds`. */
export function memcpySpeed(destination: Buffer, blockBytes: number, rounds: number): number {
  const block = Math.max(1, Math.min(blockBytes, destination.length));
  const source = Buffer.alloc(block, 7);
  // Small blocks cost a call each: a part of the walk is enough to know their speed.
  const blocks = Math.min(Math.floor(destination.length / block), 100_000);
  return median(
    repeat(rounds + 1, () => {
      const started = performance.now();
      for (let at = 0, left = blocks; left > 0; left--, at += block) source.copy(destination, at);
      return (blocks * block * 1000) / (performance.now() - started);
    }).slice(1),
  );
}

/** The faster of native code and plain JavaScript: short input loses more to the call than it gains. */
export function crcSpeed(blockBytes: number, rounds: number, effort = 1): number {
  const source = Buffer.alloc(Math.max(1, blockBytes), 7);
  const blocks = Math.max(2, Math.min(20_000, Math.ceil((16 * MIB * effort) / source.length)));
  const speedOf = (checksum: (bytes: Buffer) => number): number =>
    median(
      repeat(rounds + 1, () => {
        const started = performance.now();
        for (let left = blocks; left > 0; left--) checksum(source);
        return (blocks * source.length * 1000) / (performance.now() - started);
      }).slice(1),
    );
  const native = speedOf((bytes) => nativeCrc32c(bytes));
  return blockBytes < 1024
    ? Math.max(
        native,
        speedOf((bytes) => scriptCrc32c.buf(bytes)),
      )
    : native;
}

function writeSpeed(directory: string, rounds: number, effort: number): number {
  const block = Buffer.alloc(64 * 1024, 7);
  const blocks = Math.max(16, Math.round(1024 * effort));
  return median(
    repeat(rounds, (round) => {
      const path = join(directory, `calibration-write-${round}`);
      const file = openSync(path, 'wx');
      try {
        const started = performance.now();
        for (let at = 0; at < blocks; at++)
          writeSync(file, block, 0, block.length, at * block.length);
        return (blocks * block.length * 1000) / (performance.now() - started);
      } finally {
        closeSync(file);
        rmSync(path);
      }
    }),
  );
}

/** Latencies of write + fdatasync inside blocks that already hold data, in microseconds. */
async function syncLatenciesUs(
  directory: string,
  bytes: number,
  samples: number,
): Promise<number[]> {
  const path = join(directory, 'calibration-sync');
  const block = Buffer.alloc(Math.max(1, bytes), 7);
  const file = openSync(path, 'wx');
  try {
    writeSync(file, Buffer.alloc(block.length * 16), 0, block.length * 16, 0);
    await sync(file);
    const latencies: number[] = [];
    for (let at = 0; at < samples + 3; at++) {
      const started = performance.now();
      writeSync(file, block, 0, block.length, (at % 16) * block.length);
      await sync(file);
      latencies.push((performance.now() - started) * 1000);
    }
    // The first three are warm-up.
    return latencies.slice(3);
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

function clockReadNs(): number {
  const reads = 100_000;
  const rounds = repeat(4, () => {
    const started = performance.now();
    for (let left = reads; left > 0; left--) performance.now();
    return ((performance.now() - started) * 1e6) / reads;
  });
  return median(rounds.slice(1));
}

function cpuNoise(samples: number): number {
  const durations = repeat(samples + 20, () => {
    const started = performance.now();
    let spin = 1;
    for (let left = 200_000; left > 0; left--) spin = Math.imul(spin, 1_664_525) + left;
    const took = performance.now() - started;
    // Uses the sum, so that the loop is not optimised away.
    return spin === 0.5 ? 0 : took;
  }).slice(20);
  return quantile(durations, 0.99) / median(durations) - 1;
}

function repeat<T>(count: number, work: (round: number) => T): T[] {
  return Array.from({ length: count }, (_, round) => work(round));
}
