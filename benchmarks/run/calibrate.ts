import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { calibrate as calibrateMachine } from '../calibration.js';
import type { CalibrationInfo, RunResult } from '../model/result.js';

/** What the machine can do now; `effort` scales the samples, 1 takes about a second and a half. */
export async function calibrateNow(directory: string, effort: number): Promise<CalibrationInfo> {
  const measured = await calibrateMachine({
    directory,
    batchBytes: [],
    durable: false,
    effort,
  });
  return {
    memcpy64KiBBytesPerSecond: measured.memcpy64KiBBytesPerSecond,
    crc32c64KiBBytesPerSecond: measured.crc32c64KiBBytesPerSecond,
    pwrite64KiBBytesPerSecond: measured.pwrite64KiBBytesPerSecond,
    fdatasync4KiBP50Us: measured.fdatasync4KiBP50Us,
    fdatasync4KiBP99Us: measured.fdatasync4KiBP99Us,
    loopbackBytesPerSecond: await loopbackSpeed(Math.max(20, 200 * effort)),
    clockReadNs: measured.clockReadNs,
    cpuNoiseP99: measured.cpuNoiseP99,
  };
}

const SINK = `
  const server = require('node:net').createServer((socket) => {
    let bytes = 0;
    socket.on('data', (chunk) => { bytes += chunk.length; });
    socket.on('end', () => socket.end(String(bytes)));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
  process.on('disconnect', () => process.exit(0));
`;

/** Bytes a second through a loopback socket into another process, in writes of 64 KiB. */
async function loopbackSpeed(durationMs: number): Promise<number> {
  const child = spawn(process.execPath, ['-e', SINK], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    const [port] = await Promise.race([once(child, 'message'), failed(child)]);
    const socket = connect({ port: port as number, host: '127.0.0.1' });
    await once(socket, 'connect');
    const block = Buffer.alloc(64 * 1024, 7);
    const started = performance.now();
    while (performance.now() - started < durationMs) {
      if (!socket.write(block)) await once(socket, 'drain');
    }
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.end();
    await once(socket, 'close');
    return (Number(answer) * 1000) / (performance.now() - started);
  } finally {
    child.kill('SIGKILL');
  }
}

async function failed(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'close');
  throw new Error(`the process that reads a loopback socket ended with ${code}`);
}

const DRIFT = 0.15;
const JITTER = 0.5;

/** Did the machine do the same before and after, and equal work in equal time? */
export function noiseOf(
  before: CalibrationInfo | null,
  after: CalibrationInfo | null,
): RunResult['calibration']['noise'] {
  if (before === null || after === null) {
    return { verdict: 'unknown', text: 'the machine was not calibrated before and after' };
  }
  const found: string[] = [];
  const speeds = [
    ['memory copies', 'memcpy64KiBBytesPerSecond'],
    ['checksums', 'crc32c64KiBBytesPerSecond'],
    ['loopback', 'loopbackBytesPerSecond'],
    ['fdatasync', 'fdatasync4KiBP50Us'],
  ] as const;
  for (const [what, field] of speeds) {
    const change = after[field] / before[field] - 1;
    if (Math.abs(change) > DRIFT) {
      found.push(`${what} changed by ${Math.round(change * 100)} % during the run`);
    }
  }
  const jitter = Math.max(before.cpuNoiseP99, after.cpuNoiseP99);
  if (jitter > JITTER) {
    found.push(`the slowest percent of equal work took ${(1 + jitter).toFixed(1)} times as long`);
  }
  return found.length === 0
    ? { verdict: 'quiet', text: 'the machine did the same before and after the run' }
    : { verdict: 'noisy', text: found.join('; ') };
}
