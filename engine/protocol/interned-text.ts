/*
 * Names come again in every message: topics, groups, members, client ids. Short ones are remembered in
 * a table of fixed size, so that a name seen before costs a comparison with its bytes instead of a new
 * string. From some 20 bytes on Node's own decoder is faster (decision 0004). Which names share a slot only
 * decides what is found, never what is read.
 */
const SLOTS = 1024;
const LONGEST = 20;
const table: string[] = new Array(SLOTS).fill('');

/** The UTF-8 text of `length` bytes at `at`, which must be there. Bytes that are no UTF-8 become U+FFFD. */
export function readText(buffer: Buffer, at: number, length: number): string {
  if (length > LONGEST) return buffer.toString('utf8', at, at + length);
  let hash = length;
  let seen = 0;
  for (let i = at; i < at + length; i++) {
    const byte = buffer[i]!;
    seen |= byte;
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  if (seen >= 0x80) return buffer.toString('utf8', at, at + length);
  const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
  const known = table[slot]!;
  if (known.length === length && isTextAt(known, buffer, at)) return known;
  const text = buffer.toString('latin1', at, at + length);
  table[slot] = text;
  return text;
}

function isTextAt(text: string, buffer: Buffer, at: number): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== buffer[at + i]) return false;
  }
  return true;
}
