import { openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { NetworkMeter, type NetworkTotals } from '../network-meter.js';

/** Where brokers' processes tell what went over their sockets: a file each, named after the process, of two numbers. */
export const NETWORK_VARIABLE = 'VARVE_BENCH_NETWORK';

/** How old what is told may be: little of a window, and a thousandth of a processor. */
const TELL_EVERY_MS = 20;
const NUMBER_BYTES = 8;

/** In the broker's process, before its program is loaded. */
export function tellNetwork(directory: string): void {
  const meter = NetworkMeter.start();
  const file = openSync(networkFile(directory, process.pid), 'w');
  const bytes = Buffer.alloc(2 * NUMBER_BYTES);
  const tell = (): void => {
    const { receivedBytes, sentBytes } = meter.totals();
    bytes.writeBigUInt64LE(BigInt(receivedBytes));
    bytes.writeBigUInt64LE(BigInt(sentBytes), NUMBER_BYTES);
    writeSync(file, bytes, 0, bytes.length, 0);
  };
  tell();
  setInterval(tell, TELL_EVERY_MS).unref();
}

export function networkFile(directory: string, pid: number): string {
  return join(directory, String(pid));
}

/** What a process has told last; null: it tells nothing. */
export function toldNetwork(file: string): NetworkTotals | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return null;
  }
  if (bytes.length < 2 * NUMBER_BYTES) return null;
  return {
    receivedBytes: Number(bytes.readBigUInt64LE()),
    sentBytes: Number(bytes.readBigUInt64LE(NUMBER_BYTES)),
  };
}
