import { ZERO_UUID } from '../format/uuid.js';
import { unencodable } from './malformed.js';

/*
 * Topic ids in messages. A broker sees the same few all the time, so decoded ones are remembered in a
 * table of fixed size: a hit costs four comparisons instead of a string.
 */
const SLOTS = 512;
const words = new Int32Array(SLOTS * 4);
const texts: string[] = new Array(SLOTS).fill(ZERO_UUID);

/** The text of the 16 bytes at `at`, which must be there. */
export function readUuid(buffer: Buffer, at: number): string {
  const a = buffer.readInt32BE(at);
  const b = buffer.readInt32BE(at + 4);
  const c = buffer.readInt32BE(at + 8);
  const d = buffer.readInt32BE(at + 12);
  if ((a | b | c | d) === 0) return ZERO_UUID;
  const mixed = Math.imul(a ^ Math.imul(b, 31) ^ Math.imul(c, 961) ^ d, 0x9e3779b1);
  const slot = (mixed >>> 23) & (SLOTS - 1);
  const first = slot * 4;
  if (
    words[first] === a &&
    words[first + 1] === b &&
    words[first + 2] === c &&
    words[first + 3] === d
  ) {
    return texts[slot]!;
  }
  const text = buffer.toString('base64url', at, at + 16);
  words[first] = a;
  words[first + 1] = b;
  words[first + 2] = c;
  words[first + 3] = d;
  texts[slot] = text;
  return text;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const SIX_BITS = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) SIX_BITS[ALPHABET.charCodeAt(i)] = i;

/**
 * Writes the 16 bytes of Kafka's text of a UUID.
 * @throws VarveError INVALID_ARGUMENT unless it is one.
 */
export function writeUuid(buffer: Uint8Array, at: number, text: string): void {
  if (text === ZERO_UUID) {
    buffer.fill(0, at, at + 16);
    return;
  }
  if (text.length !== 22) throw notAUuid(text);
  // A bad character gives a negative value, which stays visible in the sign of what is or-ed together.
  let seen = 0;
  let from = 0;
  let to = at;
  while (from < 20) {
    const a = sixBits(text, from);
    const b = sixBits(text, from + 1);
    const c = sixBits(text, from + 2);
    const d = sixBits(text, from + 3);
    seen |= a | b | c | d;
    buffer[to] = (a << 2) | (b >> 4);
    buffer[to + 1] = (b << 4) | (c >> 2);
    buffer[to + 2] = (c << 6) | d;
    from += 4;
    to += 3;
  }
  const a = sixBits(text, 20);
  const b = sixBits(text, 21);
  buffer[to] = (a << 2) | (b >> 4);
  if ((seen | a | b) < 0 || (b & 0xf) !== 0) throw notAUuid(text);
}

function sixBits(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 128 ? SIX_BITS[code]! : -1;
}

function notAUuid(text: unknown): Error {
  return unencodable(`${JSON.stringify(text)?.slice(0, 40)} is not a UUID of 22 characters`);
}
