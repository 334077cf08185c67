import fs from 'node:fs';
import { join } from 'node:path';
import { SYNCS_VARIABLE } from './sync-counts.js';

/*
 * The program of a measured broker's process: the engine's own, and a count of fsync and fdatasync calls in a file, where
 * it survives a process that is killed. Writing eight bytes to the page cache takes a thousandth of what a sync does.
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
// The engine takes its functions when it is loaded.
await import('../../engine/cluster/broker-process.js');
