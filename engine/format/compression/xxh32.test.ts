import { expect, it } from 'vitest';
import { xxh32 } from './xxh32.js';

// Values of the reference implementation (xxhsum -H32, python-xxhash).
it.each([
  ['', 0, 0x02cc5d05],
  ['a', 0, 0x550d7456],
  ['abc', 0, 0x32d153ff],
  ['Nobody inspects the spammish repetition', 0, 0xe2293b2f],
])('of %j with seed %d', (text, seed, hash) => {
  const bytes = Buffer.from(`..${text}..`);
  expect(xxh32(bytes, 2, bytes.length - 2, seed)).toBe(hash);
});

it("of Kafka's LZ4 frame descriptor gives its header checksum", () => {
  expect((xxh32(Uint8Array.of(0x60, 0x40), 0, 2) >>> 8) & 0xff).toBe(0x82);
});
