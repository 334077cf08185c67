import { pathToFileURL } from 'node:url';
import { isVarveError } from '../errors.js';
import { decodeBody, encodeBody, encodeWith } from '../protocol/codec.js';
import { MAX_REQUEST_ELEMENTS } from '../protocol/frames.js';
import { ProtocolReader } from '../protocol/reader.js';
import type { Message } from '../protocol/schema.js';
import { ALL_MESSAGES, sampleOf, versionsOf } from '../testing/protocol-samples.js';
import { Random } from '../testing/random.js';

/*
 * Damaged messages of every kind and version against the decoders. An input passes when it is read, or
 * refused with INVALID_REQUEST, and:
 *  - nothing outside its bytes has a say: with other bytes around it the outcome is the same;
 *  - what was read can be encoded, and then reads the same;
 *  - it takes no longer than SLOW_MS.
 *
 * node dist/engine/scenarios/fuzz-protocol.js [inputs] [seed]
 */

export interface ProtocolFuzzReport {
  readonly inputs: number;
  readonly read: number;
  readonly refused: number;
  readonly slowestMs: number;
}

const SLOW_MS = 1000;
const MARGIN = 32;
const INPUTS_PER_MESSAGE = 16;
/** Values at the edges of lengths and counts. */
const EDGES = [0, 1, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff];

/** Runs `inputs` damaged messages; throws with seed and bytes at the first that does not pass. */
export function fuzzProtocol(
  inputs: number,
  seed: number,
  onProgress: (done: number) => void = () => {},
): ProtocolFuzzReport {
  const random = new Random(seed);
  let read = 0;
  let slowestMs = 0;
  let message = ALL_MESSAGES[0]!;
  let version = message.versions.lowest;
  let original: Buffer = Buffer.alloc(0);
  for (let done = 0; done < inputs; done++) {
    if (done % INPUTS_PER_MESSAGE === 0) {
      message = random.pick(ALL_MESSAGES);
      version = random.pick(versionsOf(message));
      original = encoded(message, version, sampleOf(message, version, random).input);
    }
    const bytes = damage(original, random);
    let before = performance.now();
    const outcome = tryMessage(message, version, bytes, random);
    let elapsed = performance.now() - before;
    if (elapsed > slowestMs) {
      // A pause of the machine's is not the input's: what is slow is slow twice.
      before = performance.now();
      tryMessage(message, version, bytes, random);
      elapsed = Math.min(elapsed, performance.now() - before);
    }
    slowestMs = Math.max(slowestMs, elapsed);
    const problem = elapsed > SLOW_MS ? `took ${elapsed.toFixed(0)} ms` : outcome.problem;
    if (problem !== undefined) {
      throw new Error(
        `${message.name} version ${version}, seed ${seed}, input ${done}: ${problem}: ${bytes.toString('hex')}`,
        { cause: outcome.cause },
      );
    }
    if (outcome.read) read++;
    if (done % 10_000 === 0) onProgress(done);
  }
  return { inputs, read, refused: inputs - read, slowestMs };
}

interface Outcome {
  readonly read: boolean;
  readonly problem?: string | undefined;
  readonly cause?: unknown;
}

function tryMessage(message: Message, version: number, bytes: Buffer, random: Random): Outcome {
  const margin = random.below(256);
  let value: unknown;
  try {
    value = decoded(message, version, bytes, margin);
  } catch (error) {
    if (!isVarveError(error, 'INVALID_REQUEST')) {
      return { read: false, problem: 'an error of another kind', cause: error };
    }
    return decodes(message, version, bytes, margin ^ 0xff)
      ? { read: false, problem: 'depends on the bytes around it' }
      : { read: false };
  }
  // Compared as bytes: a text of bytes that are no UTF-8 reads as another text of the same meaning.
  const first = encoded(message, version, value);
  const again = encoded(message, version, decoded(message, version, first, margin));
  const other = encoded(message, version, decoded(message, version, bytes, margin ^ 0xff));
  if (!first.equals(again)) return { read: true, problem: 'does not read back' };
  if (!first.equals(other)) return { read: true, problem: 'depends on the bytes around it' };
  return { read: true };
}

function decodes(message: Message, version: number, bytes: Buffer, margin: number): boolean {
  try {
    decoded(message, version, bytes, margin);
    return true;
  } catch {
    return false;
  }
}

function decoded(message: Message, version: number, bytes: Buffer, margin: number): unknown {
  const around = Buffer.alloc(bytes.length + 2 * MARGIN, margin);
  bytes.copy(around, MARGIN);
  const end = MARGIN + bytes.length;
  const reader = new ProtocolReader(around, MARGIN, end, MAX_REQUEST_ELEMENTS);
  return decodeBody(message, version, reader);
}

function encoded(message: Message, version: number, value: unknown): Buffer {
  const input = value as Readonly<Record<string, unknown>>;
  return Buffer.concat(encodeWith((writer) => encodeBody(message, version, input, writer), false));
}

function damage(original: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(original);
  const at = random.below(bytes.length + 1);
  switch (random.below(6)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([
        bytes.subarray(0, at),
        random.bytes(random.between(1, 8)),
        bytes.subarray(at),
      ]);
    case 2:
      return Buffer.concat([
        bytes.subarray(0, at),
        bytes.subarray(Math.min(bytes.length, at + random.between(1, 8))),
      ]);
    case 3:
      return random.bytes(random.below(64));
    default:
      for (let changes = random.between(1, 4); changes > 0 && bytes.length > 0; changes--) {
        // Lengths and counts are near the front of short messages: that is where most is decided.
        const where = random.below(random.chance(0.5) ? Math.min(bytes.length, 64) : bytes.length);
        bytes[where] = random.chance(0.5) ? random.pick(EDGES) : random.below(256);
      }
      return bytes;
  }
}

function main(): void {
  const inputs = Number(process.argv[2] ?? 100_000);
  const seed = Number(process.argv[3] ?? 1);
  const report = fuzzProtocol(inputs, seed, (done) => {
    if (done % 100_000 === 0) console.log(`${done} of ${inputs}`);
  });
  console.log(JSON.stringify({ seed, ...report }));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
