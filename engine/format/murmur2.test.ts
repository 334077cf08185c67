import { describe, expect, it } from 'vitest';
import { kafkaVectors } from '../testing/kafka-vectors.js';
import { murmur2, partitionForKey } from './murmur2.js';

describe('murmur2', () => {
  it.each(kafkaVectors.murmur2)('hashes "$utf8" to $value', ({ utf8, value, positive }) => {
    const bytes = Buffer.from(utf8!);
    expect(murmur2(bytes)).toBe(value | 0);
    for (const partitions of [1, 2, 7, 50]) {
      expect(partitionForKey(bytes, partitions)).toBe(positive % partitions);
    }
  });

  it('depends on every byte of every length to 64, and on nothing outside the array', () => {
    for (let length = 1; length <= 64; length++) {
      const around = Buffer.alloc(length + 8, 0xee);
      const bytes = around.subarray(4, 4 + length).fill(1);
      const before = murmur2(bytes);
      around[3] = 0;
      around[4 + length] = 0;
      expect(murmur2(bytes)).toBe(before);
      for (let at = 0; at < length; at++) {
        bytes[at] = 0x81;
        expect(murmur2(bytes)).not.toBe(before);
        bytes[at] = 1;
      }
    }
  });
});
