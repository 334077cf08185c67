import fs, { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openFileSystem } from './index.js';
import { loadLibc } from './libc.js';
import type { LogFile } from './port.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const BATCH_BYTES = 15_500;

const libc = loadLibc();
const hasMappings = !(libc instanceof Error);

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-ahead-'));
  path = join(directory, 'log');
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

const open = (maxBytes = 1024 * MIB) =>
  openFileSystem({ preparesWhenIdle: false }).openLog(path, { create: true, size: 0, maxBytes });

const written: Buffer[] = [];
afterEach(() => {
  written.length = 0;
});

function append(log: LogFile, count: number, bytes = BATCH_BYTES): void {
  for (let i = 0; i < count; i += 1) {
    const body = Buffer.alloc(bytes, 1 + (written.length % 250));
    // Both ways of a large append, in turn.
    if (i % 2 === 0 && log.prefersParts?.(bytes)) {
      log.appendParts?.(body.subarray(0, 17), body.subarray(17));
    } else {
      log.reserve(bytes);
      log.buffer.set(body, log.at);
      log.commit(bytes);
    }
    written.push(body);
  }
}

describe.runIf(hasMappings)('space written ahead of a fast log', () => {
  it('is zeros behind the data, which stays what it was, and is given back when the file is sealed', async () => {
    const log = open();
    append(log, 100);
    const content = readFileSync(path);
    expect(content.length).toBeGreaterThan(log.size + 64 * KIB);
    expect(content.subarray(0, log.size).equals(Buffer.concat(written))).toBe(true);
    expect(content.subarray(log.size).every((byte) => byte === 0)).toBe(true);
    await log.seal();
    expect(statSync(path).size).toBe(log.size);
    await log.close();
  });

  it('is written once, however appends lie across its steps', async () => {
    const zeros: [from: number, to: number][] = [];
    const writeSync = fs.writeSync.bind(fs) as (...args: unknown[]) => number;
    vi.spyOn(fs, 'writeSync').mockImplementation(((...args: unknown[]) => {
      const [, , , length, position] = args as [number, Buffer, number, number, number];
      zeros.push([position, position + length]);
      return writeSync(...args);
    }) as typeof fs.writeSync);
    const log = open();
    // All by `appendParts`, which writes otherwise.
    for (let i = 0; i < 100; i += 1) append(log, 1);
    expect(zeros.length).toBeGreaterThan(10);
    for (const [i, [from, to]] of zeros.entries()) {
      expect(to).toBeGreaterThan(from);
      if (i > 0) expect(from).toBe(zeros[i - 1]?.[1]);
    }
    await log.truncate(10 * BATCH_BYTES);
    written.length = 10;
    zeros.length = 0;
    for (let i = 0; i < 20; i += 1) append(log, 1);
    // Cut off with the rest: written anew.
    expect(zeros[0]?.[0]).toBeLessThan(20 * BATCH_BYTES);
    expect(log.bytes(0, log.size).equals(Buffer.concat(written))).toBe(true);
    await log.close();
  });

  it('is given back by a truncation, after which the log goes on at its new end', async () => {
    const log = open();
    append(log, 60);
    await log.truncate(20 * BATCH_BYTES);
    expect(statSync(path).size).toBe(20 * BATCH_BYTES);
    written.length = 20;
    append(log, 60);
    expect(log.bytes(0, log.size).equals(Buffer.concat(written))).toBe(true);
    await log.close();
    expect(readFileSync(path).equals(Buffer.concat(written))).toBe(true);
  });

  it('never makes a file longer than its largest size', async () => {
    const log = open(20 * BATCH_BYTES);
    append(log, 20);
    expect(statSync(path).size).toBe(20 * BATCH_BYTES);
    await log.close();
  });

  it('is not for logs that are slow, flushed often, or appended to in large pieces', async () => {
    const slow = open();
    const now = vi.spyOn(performance, 'now');
    let clockMs = performance.now();
    now.mockImplementation(() => clockMs);
    for (let i = 0; i < 40; i += 1) {
      append(slow, 1);
      clockMs += 1000;
    }
    expect(statSync(path).size).toBe(slow.size);
    await slow.close();
    now.mockRestore();

    path = join(directory, 'flushed');
    const flushed = open();
    append(flushed, 2);
    await flushed.flush();
    append(flushed, 100);
    expect(statSync(path).size).toBe(flushed.size);
    await flushed.close();

    path = join(directory, 'large');
    const large = open();
    append(large, 50, 40_000);
    expect(statSync(path).size).toBe(large.size);
    await large.close();
  });

  it('is done without where the file system has no blocks to spare', async () => {
    const noSpace = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    const allocate = vi.spyOn(libc as Exclude<typeof libc, Error>, 'allocate');
    allocate.mockImplementation(() => {
      throw noSpace;
    });
    const log = open();
    append(log, 100);
    expect(allocate).toHaveBeenCalledTimes(1);
    expect(readFileSync(path).equals(Buffer.concat(written))).toBe(true);
    await log.close();
  });

  it('leaves the log as it was when the zeros cannot be written', async () => {
    const log = open();
    append(log, 4);
    const { size } = log;
    const failure = Object.assign(new Error('device'), { code: 'EIO' });
    vi.spyOn(fs, 'writeSync').mockImplementation(() => {
      throw failure;
    });
    expect(() => append(log, 1)).toThrow(expect.objectContaining({ code: 'IO_FAILED' }));
    vi.restoreAllMocks();
    expect(log.size).toBe(size);
    append(log, 60);
    expect(log.bytes(0, log.size).equals(Buffer.concat(written))).toBe(true);
    await log.close();
    expect(readFileSync(path).equals(Buffer.concat(written))).toBe(true);
  });
});
