import { buildLog } from './material.js';

/** Run as a process of its own: fills a log and dies without closing it. */
const [directory, bytes] = process.argv.slice(2);
if (directory === undefined || bytes === undefined) throw new Error('directory and bytes expected');
await buildLog(directory, {
  bytes: Number(bytes),
  recordBytes: 1024,
  batchRecords: 60,
  // One segment a GiB, as by default; nothing is flushed by policy.
});
process.kill(process.pid, 'SIGKILL');
