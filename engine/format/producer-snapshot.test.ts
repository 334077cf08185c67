import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, isVarveError } from '../errors.js';
import { crc32c } from './crc32c.js';
import { decodeProducerSnapshot, encodeProducerSnapshot } from './producer-snapshot.js';

const golden = Buffer.from(
  JSON.parse(readFileSync(new URL('./fixtures/kafka-vectors.json', import.meta.url), 'utf8'))
    .constructed.producerSnapshotOneEntry,
  'hex',
);
const entry = {
  producerId: 4000,
  producerEpoch: 2,
  lastSequence: 9,
  lastOffset: 109,
  offsetDelta: 4,
  timestamp: 1_700_000_000_000,
  coordinatorEpoch: -1,
  currentTxnFirstOffset: -1,
};

/** Damages a copy of the golden snapshot and makes its checksum right again. */
function resealed(damage: (bytes: Buffer) => Buffer | undefined): Buffer {
  const copy = Buffer.from(golden);
  const bytes = damage(copy) ?? copy;
  bytes.writeUInt32BE(crc32c(bytes, 6, bytes.length), 2);
  return bytes;
}

function codeOf(bytes: Buffer): ErrorCode | undefined {
  try {
    decodeProducerSnapshot(bytes);
  } catch (error) {
    if (isVarveError(error)) return error.code;
    throw error;
  }
  return undefined;
}

it('reads and writes the golden snapshot', () => {
  const entries = decodeProducerSnapshot(golden);
  expect(entries).toEqual([entry]);
  expect(encodeProducerSnapshot(entries).equals(golden)).toBe(true);
});

it('gives back any entries', () => {
  const int16 = fc.integer({ min: -0x8000, max: 0x7fff });
  const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
  const orNone = fc.oneof(fc.constant(-1), fc.maxSafeNat());
  const entries = fc.array(
    fc.record({
      producerId: fc.maxSafeNat(),
      producerEpoch: int16,
      lastSequence: int32,
      lastOffset: orNone,
      offsetDelta: int32,
      timestamp: orNone,
      coordinatorEpoch: int32,
      currentTxnFirstOffset: orNone,
    }),
  );
  fc.assert(
    fc.property(entries, (list) => {
      expect(decodeProducerSnapshot(encodeProducerSnapshot(list))).toEqual(list);
    }),
  );
});

describe('damage', () => {
  const table: readonly [string, Buffer, ErrorCode][] = [
    ['empty file', Buffer.alloc(0), 'CORRUPT_CHECKPOINT'],
    ['cut inside the header', golden.subarray(0, 9), 'CORRUPT_CHECKPOINT'],
    ['cut inside an entry', golden.subarray(0, 40), 'CORRUPT_CHECKPOINT'],
    ['one byte more', Buffer.concat([golden, Buffer.alloc(1)]), 'CORRUPT_CHECKPOINT'],
    ['version 0', resealed((b) => void b.writeInt16BE(0, 0)), 'UNSUPPORTED_FORMAT'],
    ['version 2', resealed((b) => void b.writeInt16BE(2, 0)), 'UNSUPPORTED_FORMAT'],
    ['count -1', resealed((b) => void b.writeInt32BE(-1, 6)), 'CORRUPT_CHECKPOINT'],
    ['count of 2^31-1', resealed((b) => void b.writeInt32BE(2 ** 31 - 1, 6)), 'CORRUPT_CHECKPOINT'],
    ['count 2 with one entry', resealed((b) => void b.writeInt32BE(2, 6)), 'CORRUPT_CHECKPOINT'],
    ['count 0 with one entry', resealed((b) => void b.writeInt32BE(0, 6)), 'CORRUPT_CHECKPOINT'],
    ['cut, sealed again', resealed((b) => b.subarray(0, 55)), 'CORRUPT_CHECKPOINT'],
    ['producer id -1', resealed((b) => void b.fill(0xff, 10, 18)), 'CORRUPT_CHECKPOINT'],
    ['last offset -2', resealed((b) => void b.writeBigInt64BE(-2n, 24)), 'CORRUPT_CHECKPOINT'],
    [
      'timestamp 2^53',
      resealed((b) => void b.writeBigInt64BE(2n ** 53n, 36)),
      'CORRUPT_CHECKPOINT',
    ],
    ['txn offset -2', resealed((b) => void b.writeBigInt64BE(-2n, 48)), 'CORRUPT_CHECKPOINT'],
  ];

  it.each(table)('%s', (_name, bytes, code) => {
    expect(codeOf(bytes)).toBe(code);
  });

  it('any flipped bit is refused', () => {
    for (let bit = 0; bit < golden.length * 8; bit++) {
      const copy = Buffer.from(golden);
      copy[bit >>> 3]! ^= 1 << (bit & 7);
      expect(codeOf(copy)).toBe(bit < 16 ? 'UNSUPPORTED_FORMAT' : 'CORRUPT_CHECKPOINT');
    }
  });
});
