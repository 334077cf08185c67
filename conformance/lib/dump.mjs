// Runs Kafka's DumpLogSegments over many files in one JVM, and turns what it prints into data.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { runJava } from './kafka.mjs';

/**
 * @typedef {object} DumpedRecord
 * @property {number} offset @property {number} timestamp @property {number} keySize -1 for null
 * @property {number} valueSize -1 for null @property {number} sequence
 * @property {'ABORT' | 'COMMIT'} [marker] of a control record
 *
 * @typedef {object} DumpedBatch
 * @property {number} baseOffset @property {number} lastOffset @property {number} count
 * @property {number} baseSequence @property {number} lastSequence
 * @property {number} producerId @property {number} producerEpoch @property {number} partitionLeaderEpoch
 * @property {boolean} isTransactional @property {boolean} isControl
 * @property {number | null} deleteHorizonMs
 * @property {number} position @property {'CreateTime' | 'LogAppendTime'} timestampType
 * @property {number} maxTimestamp @property {number} size @property {string} codec @property {number} crc
 * @property {boolean} isValid
 * @property {DumpedRecord[]} records
 *
 * @typedef {Record<string, number | null>} Entry  a line of "name: number" pairs
 *
 * @typedef {object} DumpedFile
 * @property {string} file
 * @property {'log' | 'index' | 'timeindex' | 'txnindex' | 'snapshot'} kind
 * @property {number} baseOffset from its name
 * @property {DumpedBatch[]} batches of a .log
 * @property {Entry[]} entries of the other kinds
 * @property {string[]} complaints lines that report damage or that this parser does not know
 */

const KINDS = /** @type {const} */ (['log', 'index', 'timeindex', 'txnindex', 'snapshot']);

const BATCH =
  /^baseOffset: (-?\d+) lastOffset: (-?\d+) count: (-?\d+) baseSequence: (-?\d+) lastSequence: (-?\d+) producerId: (-?\d+) producerEpoch: (-?\d+) partitionLeaderEpoch: (-?\d+) isTransactional: (true|false) isControl: (true|false) deleteHorizonMs: (?:OptionalLong\.empty|OptionalLong\[(-?\d+)\]) position: (\d+) (CreateTime|LogAppendTime): (-?\d+) size: (\d+) magic: 2 compresscodec: (\w+) crc: (\d+) isvalid: (true|false)$/;
const RECORD =
  /^\| offset: (-?\d+) (?:CreateTime|LogAppendTime): (-?\d+) keySize: (-?\d+) valueSize: (-?\d+) sequence: (-?\d+) headerKeys: \[.*\](?: endTxnMarker: (ABORT|COMMIT) coordinatorEpoch: -?\d+| (?:LeaderChange|SnapshotHeader|SnapshotFooter|KRaftVersion|KRaftVoters)[: ].*)?$/;
const VALUE = String.raw`(-?\d+|OptionalLong\.empty|OptionalLong\[-?\d+\])`;
const ENTRY = new RegExp(`^(?:[A-Za-z]+: ${VALUE} ?)+$`);
const FIELD = new RegExp(`([A-Za-z]+): ${VALUE}`, 'g');

/** The files in a partition directory that DumpLogSegments reads, in order. */
export function dumpableFiles(/** @type {string} */ directory) {
  return readdirSync(directory)
    .filter((name) => /^\d{20}\.(log|index|timeindex|txnindex|snapshot)$/.test(name))
    .sort()
    .map((name) => path.join(directory, name));
}

/**
 * @param {import('./kafka.mjs').Kafka} kafka @param {string[]} files
 * @returns {Promise<{ status: number | null, stderr: string, files: DumpedFile[] }>}
 */
export async function dump(kafka, files) {
  /** @type {DumpedFile[]} */ const dumped = [];
  let [status, stderr] = [/** @type {number | null} */ (0), ''];
  for (const some of argumentSized(files)) {
    const run = await runJava(kafka, 'kafka.tools.DumpLogSegments', [
      '--deep-iteration',
      '--files',
      some.join(','),
    ]);
    dumped.push(...parse(run.stdout));
    stderr += run.stderr;
    if (run.status !== 0) status = run.status;
  }
  return { status, stderr, files: dumped };
}

/**
 * The check a broker makes of an index at startup.
 * @param {import('./kafka.mjs').Kafka} kafka @param {string[]} files
 */
export async function indexSanityCheck(kafka, files) {
  const indexes = files.filter((file) => file.endsWith('.index') || file.endsWith('.timeindex'));
  const failures = [];
  let passed = 0;
  for (const some of argumentSized(indexes)) {
    const run = await runJava(kafka, 'kafka.tools.DumpLogSegments', [
      '--index-sanity-check',
      '--files',
      some.join(','),
    ]);
    passed += run.stdout
      .split('\n')
      .filter((line) => / passed sanity check\.$| is empty\.$/.test(line)).length;
    if (run.status !== 0 || run.stderr !== '')
      failures.push(`index sanity check: status ${run.status}: ${run.stderr}`);
  }
  if (passed !== indexes.length && failures.length === 0) {
    failures.push(`index sanity check: ${passed} of ${indexes.length} files passed`);
  }
  return failures;
}

/** Linux allows 128 KiB in one argument: the comma-separated list is cut well below it. */
function argumentSized(/** @type {string[]} */ files) {
  /** @type {string[][]} */ const lists = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const file of files) {
    if (file.includes(','))
      throw new Error(`DumpLogSegments cannot be given a path with a comma: ${file}`);
    bytes += file.length + 1;
    if (bytes > 100_000) {
      lists.push([]);
      bytes = file.length;
    }
    lists[lists.length - 1]?.push(file);
  }
  return lists;
}

function parse(/** @type {string} */ stdout) {
  /** @type {DumpedFile[]} */ const files = [];
  /** @type {DumpedFile | undefined} */ let current;
  for (const line of stdout.split('\n')) {
    if (line === '') continue;
    if (line.startsWith('Dumping ')) {
      current = dumpedFile(line.slice(8));
      files.push(current);
    } else if (current === undefined) {
      throw new Error(`DumpLogSegments began with ${JSON.stringify(line)}, not with a file`);
    } else {
      parseLine(current, line);
    }
  }
  return files;
}

/** @returns {DumpedFile} */
function dumpedFile(/** @type {string} */ file) {
  const [base, suffix] = path.basename(file).split('.');
  const kind = KINDS.find((known) => known === suffix);
  if (kind === undefined)
    throw new Error(`DumpLogSegments dumped ${file}, which is none of ${KINDS}`);
  return { file, kind, baseOffset: Number(base), batches: [], entries: [], complaints: [] };
}

function parseLine(/** @type {DumpedFile} */ file, /** @type {string} */ line) {
  if (file.kind !== 'log') {
    if (ENTRY.test(line)) file.entries.push(entry(line));
    else if (line !== `${file.file} is empty.`) file.complaints.push(line);
    return;
  }
  if (line === `Log starting offset: ${file.baseOffset}`) return;
  const batch = BATCH.exec(line);
  if (batch !== null) {
    file.batches.push(dumpedBatch(batch));
    return;
  }
  const record = RECORD.exec(line);
  const owner = file.batches.at(-1);
  if (record === null || owner === undefined) file.complaints.push(line);
  else owner.records.push(dumpedRecord(record));
}

/** @returns {DumpedBatch} */
function dumpedBatch(/** @type {RegExpExecArray} */ m) {
  return {
    baseOffset: Number(m[1]),
    lastOffset: Number(m[2]),
    count: Number(m[3]),
    baseSequence: Number(m[4]),
    lastSequence: Number(m[5]),
    producerId: Number(m[6]),
    producerEpoch: Number(m[7]),
    partitionLeaderEpoch: Number(m[8]),
    isTransactional: m[9] === 'true',
    isControl: m[10] === 'true',
    deleteHorizonMs: m[11] === undefined ? null : Number(m[11]),
    position: Number(m[12]),
    timestampType: m[13] === 'CreateTime' ? 'CreateTime' : 'LogAppendTime',
    maxTimestamp: Number(m[14]),
    size: Number(m[15]),
    codec: /** @type {string} */ (m[16]),
    crc: Number(m[17]),
    isValid: m[18] === 'true',
    records: [],
  };
}

/** @returns {DumpedRecord} */
function dumpedRecord(/** @type {RegExpExecArray} */ m) {
  const record = {
    offset: Number(m[1]),
    timestamp: Number(m[2]),
    keySize: Number(m[3]),
    valueSize: Number(m[4]),
    sequence: Number(m[5]),
  };
  return m[6] === 'ABORT' || m[6] === 'COMMIT' ? { ...record, marker: m[6] } : record;
}

/** @returns {Entry} */
function entry(/** @type {string} */ line) {
  return Object.fromEntries(
    [...line.matchAll(FIELD)].map(([, name, value]) => {
      const digits = /-?\d+/.exec(/** @type {string} */ (value));
      return [name, digits === null ? null : Number(digits[0])];
    }),
  );
}

/** Directories at or below `root` that hold log segments. */
export function partitionDirectories(/** @type {string} */ root) {
  /** @type {string[]} */ const found = [];
  const visit = (/** @type {string} */ directory) => {
    if (dumpableFiles(directory).length > 0) found.push(directory);
    for (const name of readdirSync(directory).sort()) {
      const child = path.join(directory, name);
      if (statSync(child).isDirectory()) visit(child);
    }
  };
  visit(root);
  return found;
}
