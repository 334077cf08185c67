import fs from 'node:fs';
import { join } from 'node:path';
import { NETWORK_VARIABLE, tellNetwork } from './network-counts.js';
import { SYNCS_VARIABLE } from './sync-counts.js';

/*
 * The program of a measured broker's process: the engine's own, and a count of fsync and fdatasync calls in a file, where
 * it survives a process that is killed. Writing eight bytes to the page cache takes a thousandth of what a sync does. And
 * the bytes of its sockets, in another file.
 */

const directory = process.env[SYNCS_VARIABLE];
if (directory === undefined) throw new Error(`${SYNCS_VARIABLE} is not set`);
const file = fs.openSync(join(directory, String(process.pid)), 'w');
const bytes = Buffer.alloc(8);
let count = 0n;

function counted(): void {
  count += 1n;
  bytes.writeBigUInt64LE(count);
  fs.writeSync(file, bytes, 0, bytes.length, 0);
}

const real = { fsync: fs.fsync, fdatasync: fs.fdatasync, fdatasyncSync: fs.fdatasyncSync };

fs.fsync = Object.assign(
  (fd: number, callback: fs.NoParamCallback): void => {
    counted();
    real.fsync(fd, callback);
  },
  { __promisify__: fs.fsync.__promisify__ },
);
fs.fdatasync = Object.assign(
  (fd: number, callback: fs.NoParamCallback): void => {
    counted();
    real.fdatasync(fd, callback);
  },
  { __promisify__: fs.fdatasync.__promisify__ },
);
fs.fdatasyncSync = (fd: number): void => {
  counted();
  real.fdatasyncSync(fd);
};
// One that measures an earlier commit's brokers may not ask for it.
const network = process.env[NETWORK_VARIABLE];
if (network !== undefined) tellNetwork(network);
// The engine takes its functions when it is loaded.
await import('../../engine/cluster/broker-process.js');
