const P1 = 0x9e3779b1 | 0;
const P2 = 0x85ebca77 | 0;
const P3 = 0xc2b2ae3d | 0;
const P4 = 0x27d4eb2f;
const P5 = 0x165667b1;

/**
 * xxHash32 of `buffer[start, end)`, unsigned: the checksum of LZ4 frames. In plain JavaScript
 * because what Kafka's clients write has only a two-byte header to hash; whole-content checksums
 * are rare.
 */
export function xxh32(buffer: Uint8Array, start: number, end: number, seed = 0): number {
  const length = end - start;
  let position = start;
  let hash: number;
  if (length >= 16) {
    let a = (seed + P1 + P2) | 0;
    let b = (seed + P2) | 0;
    let c = seed | 0;
    let d = (seed - P1) | 0;
    for (const last = end - 16; position <= last; position += 16) {
      a = round(a, word(buffer, position));
      b = round(b, word(buffer, position + 4));
      c = round(c, word(buffer, position + 8));
      d = round(d, word(buffer, position + 12));
    }
    hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
  } else {
    hash = (seed + P5) | 0;
  }
  hash = (hash + length) | 0;
  for (; position + 4 <= end; position += 4) {
    hash = Math.imul(rotate((hash + Math.imul(word(buffer, position), P3)) | 0, 17), P4);
  }
  for (; position < end; position++) {
    hash = Math.imul(rotate((hash + Math.imul(buffer[position]!, P5)) | 0, 11), P1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), P2);
  hash = Math.imul(hash ^ (hash >>> 13), P3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function round(lane: number, input: number): number {
  return Math.imul(rotate((lane + Math.imul(input, P2)) | 0, 13), P1);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function word(buffer: Uint8Array, at: number): number {
  return buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24);
}
