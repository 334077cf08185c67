#!/usr/bin/env node
// Writes logs of every kind with the built engine, and beside each what a consumer must get from it.
//   node conformance/write-varve-logs.mjs [--io auto|mmap|portable] DIRECTORY
// makes CASE/expected.json and CASE/CASE-0/ in it, for dump-check and serve-check.
import { ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openFileSystem, PartitionLog } from './lib/varve.mjs';
import { CASES } from './lib/varve-cases.mjs';
import { Writer } from './lib/writer.mjs';

/** @typedef {import('./lib/varve-cases.mjs').VarveCase} VarveCase */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { io: { type: 'string', default: 'auto' }, 'crash-in': { type: 'string' } },
});
const [target] = positionals;
if (target === undefined) throw new Error('write-varve-logs: name the directory to write to');
const { io, 'crash-in': crashing } = values;
if (io !== 'auto' && io !== 'mmap' && io !== 'portable')
  throw new Error(`--io ${io}: auto, mmap or portable`);
const fs = openFileSystem({ kind: io });
if (crashing !== undefined) await writeAndCrash(crashing, target);
else await writeAll(path.resolve(target));

/** @param {VarveCase} one @param {string} directory */
function openLog(one, directory) {
  return PartitionLog.open({ directory, fs, config: one.configs ?? {} });
}

async function writeAll(/** @type {string} */ target) {
  let records = 0;
  let failed = 0;
  for (const one of CASES) {
    const directory = path.join(target, one.name, `${one.name}-0`);
    mkdirSync(directory, { recursive: true });
    try {
      const expected = await write(one, directory);
      records += expected.records.length;
      const segments = readdirSync(directory).filter((name) => name.endsWith('.log')).length;
      console.log(`${one.name}: ${expected.records.length} records, ${segments} segments`);
    } catch (error) {
      failed++;
      console.error(`FAILED: ${one.name}:`, error);
    }
  }
  console.log(
    `write-varve-logs, ${fs.kind} files: ${CASES.length} logs, ${failed} failed, ${records} records`,
  );
  if (failed > 0) process.exitCode = 1;
}

async function write(/** @type {VarveCase} */ one, /** @type {string} */ directory) {
  const open = () => openLog(one, directory);
  /** @type {Writer} */ let writer;
  if (one.crash === undefined) {
    writer = new Writer(await open());
  } else {
    crashFirst(one, directory);
    // The same writes again, into a log nobody keeps: the model of what the dead process wrote.
    writer = await rehearse(one, one.crash);
    writer.log = await open();
  }
  await one.write(writer, open);
  const expected = writer.expected();
  const { name, about, configs = {}, gaps = false } = one;
  // Written before varve's own reading is compared, so that Kafka is asked about the log in any case.
  writeFileSync(
    path.join(directory, '..', 'expected.json'),
    `${JSON.stringify({ topic: name, about, shutdown: 'clean', configs, gaps, ...expected })}\n`,
  );
  try {
    writer.verify();
  } finally {
    await writer.log.close();
  }
  // What the files say must not depend on what the process that wrote them still had in memory.
  writer.log = await open();
  try {
    ok(writer.log.recovery.wasClean, 'a clean close is followed by a clean open');
    writer.verify();
  } finally {
    await writer.log.close();
  }
  return expected;
}

function crashFirst(/** @type {VarveCase} */ one, /** @type {string} */ directory) {
  const child = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), '--io', io, '--crash-in', one.name, directory],
    { encoding: 'utf8' },
  );
  if (child.signal !== 'SIGKILL') {
    throw new Error(
      `${one.name}: the writer was to die by SIGKILL; status ${child.status}, signal ${child.signal}:\n${child.stderr}`,
    );
  }
  one.damage?.(directory);
}

async function writeAndCrash(/** @type {string} */ name, /** @type {string} */ directory) {
  const one = CASES.find((known) => known.name === name);
  if (one?.crash === undefined) throw new Error(`no case ${name} that crashes`);
  const log = await openLog(one, directory);
  await one.crash(new Writer(log));
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => {});
}

async function rehearse(
  /** @type {VarveCase} */ one,
  /** @type {(writer: Writer) => Promise<void> | void} */ crash,
) {
  const directory = mkdtempSync(path.join(tmpdir(), 'varve-rehearsal-'));
  try {
    const log = await openLog(one, directory);
    const writer = new Writer(log);
    await crash(writer);
    await log.close();
    return writer;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
