import { pathToFileURL } from 'node:url';
import { isVarveError } from '../errors.js';
import { BatchProblem, checkBatch } from '../format/batch-check.js';
import { BatchFilter } from '../format/batch-filter.js';
import { sizeInBytes, writeCrc } from '../format/batch-header.js';
import { RecordCursor } from '../format/batch-reader.js';
import { BatchOptions, batchSizeBound, writeBatch } from '../format/batch-writer.js';
import { decompress } from '../format/compression/index.js';
import { BATCH_LENGTH_AT, BATCH_OVERHEAD, LOG_OVERHEAD } from '../format/layout.js';
import { Random } from '../testing/random.js';
import { COMPRESSION_TYPES, type LogRecord, type RecordInput } from '../types.js';

/*
 * Damaged batches against the decoders. An input passes when it is read, or refused with one of the
 * errors meant for it, and:
 *  - nothing outside the batch has a say: with other bytes around it the outcome is the same;
 *  - every view lies inside the batch or its decompressed records, which keep to their limit;
 *  - it takes no longer than SLOW_MS.
 *
 * node dist/engine/scenarios/fuzz-format.js [inputs] [seed]
 */

export interface FuzzReport {
  readonly inputs: number;
  /** Inputs by outcome: `read`, a problem of `checkBatch`, or an error code. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly slowestMs: number;
}

const SLOW_MS = 1000;
const MARGIN = 64;
const MAX_DECOMPRESSED_BYTES = 1 << 20;
const EXPECTED_CODES = new Set([
  'CORRUPT_MESSAGE',
  'DECOMPRESSION_LIMIT',
  'UNSUPPORTED_COMPRESSION_TYPE',
]);
const PROBLEMS = Object.fromEntries(
  Object.entries(BatchProblem).map(([name, code]) => [code, name]),
);
/** Values at the edges of the integers the format has. */
const EDGES = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xfe, 0xff];

/** Runs `inputs` damaged batches; throws with seed and bytes at the first that does not pass. */
export function fuzzFormat(
  inputs: number,
  seed: number,
  onProgress: (done: number) => void = () => {},
): FuzzReport {
  const random = new Random(seed);
  const outcomes: Record<string, number> = {};
  let slowestMs = 0;
  let original = makeBatch(random);
  for (let done = 0; done < inputs; done++) {
    if (done % 16 === 0) original = makeBatch(random);
    const bytes = damage(original, random);
    let before = performance.now();
    const outcome = tryBatch(bytes, seed, done);
    let elapsed = performance.now() - before;
    if (elapsed > slowestMs) {
      // A pause of the machine's is not the input's: what is slow is slow twice.
      before = performance.now();
      tryBatch(bytes, seed, done);
      elapsed = Math.min(elapsed, performance.now() - before);
    }
    slowestMs = Math.max(slowestMs, elapsed);
    if (elapsed > SLOW_MS) throw failure(`took ${elapsed.toFixed(0)} ms`, bytes, seed, done);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (done % 10_000 === 0) onProgress(done);
  }
  return { inputs, outcomes, slowestMs };
}

function tryBatch(bytes: Buffer, seed: number, input: number): string {
  const once = outcomeOf(bytes, 0x00, seed, input);
  const again = outcomeOf(bytes, 0xff, seed, input);
  if (once.text !== again.text) {
    throw failure(`depends on bytes around it: ${once.text} / ${again.text}`, bytes, seed, input);
  }
  return once.kind;
}

/** What the decoders make of `bytes` with bytes of `fill` on both sides of them. */
function outcomeOf(bytes: Buffer, fill: number, seed: number, input: number) {
  const around = Buffer.alloc(bytes.length + 2 * MARGIN, fill);
  bytes.copy(around, MARGIN);
  const view = new DataView(around.buffer, around.byteOffset, around.byteLength);
  const end = MARGIN + bytes.length;
  const problem = checkBatch(around, view, MARGIN, end, { crc: true, maxBytes: 1 << 20 });
  const found = PROBLEMS[problem]!;
  // A batch that is refused only now is read all the same: readers must hold by themselves.
  if (problem !== BatchProblem.BATCH_OK && problem < BatchProblem.BAD_CRC) {
    return { kind: found, text: found };
  }
  try {
    const text = readAll(around, view, end);
    if (problem === BatchProblem.BATCH_OK) filterHalf(around, view, bytes, seed, input);
    return { kind: problem === BatchProblem.BATCH_OK ? 'read' : found, text };
  } catch (error) {
    if (!isVarveError(error) || !EXPECTED_CODES.has(error.code)) {
      throw failure(`threw ${String(error)}`, bytes, seed, input, error);
    }
    return { kind: problem === BatchProblem.BATCH_OK ? error.code : found, text: error.message };
  }
}

/** Every record, as text to compare. */
function readAll(buffer: Buffer, view: DataView, end: number): string {
  const limits = { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES };
  const cursor = new RecordCursor().reset(buffer, view, MARGIN, limits);
  const inPlace = cursor.buffer === buffer;
  const low = inPlace ? MARGIN + BATCH_OVERHEAD : 0;
  const high = inPlace ? Math.min(MARGIN + sizeInBytes(view, MARGIN), end) : cursor.buffer.length;
  if (!inPlace && high > MAX_DECOMPRESSED_BYTES) throw new Error('decompressed beyond the limit');
  let text = '';
  while (cursor.next()) {
    const record = cursor.record();
    for (const part of [record.key, record.value, ...record.headers.map((each) => each.value)]) {
      const start = part === null ? low : part.byteOffset - cursor.buffer.byteOffset;
      if (start < low || start + (part?.length ?? 0) > high) throw new Error('a view lies outside');
    }
    text += describe(record);
  }
  return text;
}

/** What can be read can be filtered, and what comes out is a good batch of the records kept. */
function filterHalf(around: Buffer, view: DataView, bytes: Buffer, seed: number, input: number) {
  const limits = { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES, deleteHorizonMs: 1.7e12 };
  const kept = filter.filter(around, view, MARGIN, ({ offset }) => offset % 2 === 0, limits);
  if (kept === null) return;
  const keptView = new DataView(kept.buffer, kept.byteOffset, kept.byteLength);
  const options = { crc: true, maxBytes: MAX_DECOMPRESSED_BYTES + BATCH_OVERHEAD };
  const problem = checkBatch(kept, keptView, 0, kept.length, options);
  if (problem !== BatchProblem.BATCH_OK) {
    throw failure(`is ${PROBLEMS[problem]} once filtered`, bytes, seed, input);
  }
  const cursor = new RecordCursor().reset(kept, keptView, 0, limits);
  let count = 0;
  while (cursor.next()) count++;
  if (count !== filter.retained) throw failure(`lost records in a filter`, bytes, seed, input);
}

const filter = new BatchFilter();

function describe({ offset, timestamp, key, value, headers }: LogRecord): string {
  const parts = headers.map((header) => `${header.key}=${hexOf(header.value)}`);
  return `${offset}@${timestamp} ${hexOf(key)} ${hexOf(value)} ${parts.join()}\n`;
}

function hexOf(bytes: Uint8Array | null): string {
  return bytes === null ? '-' : Buffer.from(bytes).toString('hex');
}

function makeBatch(random: Random): Buffer {
  const inputs: RecordInput[] = Array.from({ length: random.between(1, 8) }, () => ({
    key: random.chance(0.3) ? null : random.bytes(random.below(12)),
    value: random.chance(0.1) ? null : someValue(random),
    timestamp: random.chance(0.9) ? 1.7e12 + random.below(1000) : random.below(2 ** 31) * 2 ** 20,
    headers: Array.from({ length: random.chance(0.3) ? random.below(4) : 0 }, (_, i) => ({
      key: `header-${i}`,
      value: random.chance(0.2) ? null : random.bytes(random.below(6)),
    })),
  }));
  const options = new BatchOptions();
  options.compression = random.pick(COMPRESSION_TYPES);
  options.timestampType = random.chance(0.2) ? 'LogAppendTime' : 'CreateTime';
  options.baseOffset = random.below(2 ** 31);
  options.now = 1.7e12;
  const buffer = Buffer.alloc(batchSizeBound(inputs, 0, inputs.length));
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  return buffer.subarray(0, writeBatch(buffer, view, 0, inputs, 0, inputs.length, options));
}

function someValue(random: Random): Uint8Array {
  return random.chance(0.5)
    ? random.bytes(random.below(80))
    : Buffer.from('some text that repeats, '.repeat(random.below(8)));
}

function damage(original: Buffer, random: Random): Buffer {
  let bytes = Buffer.from(original);
  for (let left = random.between(1, 4); left > 0 && bytes.length > 0; left--) {
    // Most damage goes to the records and the end of the header: a header alone is soon refused.
    const from = random.chance(0.8) ? Math.min(21, bytes.length - 1) : 0;
    const at = random.between(from, bytes.length - 1);
    switch (random.below(6)) {
      case 0:
        bytes[at] = bytes[at]! ^ (1 << random.below(8));
        break;
      case 1:
        bytes[at] = random.pick(EDGES);
        break;
      case 2:
        bytes = bytes.subarray(0, at);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.between(1, 9))]);
        break;
      case 4: {
        const added = random.bytes(random.between(1, 9));
        bytes = Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
        break;
      }
      default:
        random.fill(bytes.subarray(at, at + random.between(1, 12)));
    }
  }
  if (random.chance(0.85) && bytes.length >= BATCH_OVERHEAD) reseal(bytes);
  return bytes;
}

/** Makes length, magic and checksum right, so that what else is wrong gets its turn. */
function reseal(bytes: Buffer): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setInt32(BATCH_LENGTH_AT, bytes.length - LOG_OVERHEAD);
  view.setInt8(16, 2);
  writeCrc(bytes, view, 0);
}

function failure(what: string, bytes: Buffer, seed: number, input: number, cause?: unknown): Error {
  return new Error(`fuzz: seed ${seed}, input ${input} ${what}; bytes ${bytes.toString('hex')}`, {
    cause,
  });
}

/** Bytes that are no compressed stream, and damaged ones that were, straight into the codecs. */
export function fuzzCodecs(inputs: number, seed: number): Readonly<Record<string, number>> {
  const random = new Random(seed);
  const outcomes: Record<string, number> = {};
  for (let done = 0; done < inputs; done++) {
    const type = random.pick(COMPRESSION_TYPES.slice(1));
    const bytes = random.bytes(random.below(200));
    let outcome = `${type} read`;
    try {
      const { length } = decompress(type, bytes, { maxBytes: MAX_DECOMPRESSED_BYTES });
      if (length > MAX_DECOMPRESSED_BYTES) throw failure('passed the limit', bytes, seed, done);
    } catch (error) {
      if (!isVarveError(error) || !EXPECTED_CODES.has(error.code)) {
        throw failure(`made ${type} throw ${String(error)}`, bytes, seed, done, error);
      }
      outcome = `${type} ${error.code}`;
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  return outcomes;
}

function main(args: readonly string[]): void {
  const inputs = Number(args[0] ?? 100_000);
  const seed = Number(args[1] ?? Date.now());
  if (!Number.isSafeInteger(inputs) || inputs < 1 || !Number.isSafeInteger(seed)) {
    throw new RangeError('usage: fuzz-format [inputs, at least 1] [seed, a whole number]');
  }
  console.log(`fuzzing record batches: ${inputs} inputs, seed ${seed}`);
  const showProgress = (done: number): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${inputs}`);
  };
  const report = fuzzFormat(inputs, seed, showProgress);
  if (process.stderr.isTTY) process.stderr.write('\r');
  console.log(report);
  console.log(fuzzCodecs(Math.ceil(inputs / 10), seed));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.slice(2));
