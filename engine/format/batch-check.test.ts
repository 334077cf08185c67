import { describe, expect, it } from 'vitest';
import { bytesOf, kafkaVectors } from '../testing/kafka-vectors.js';
import { BatchProblem, checkBatch, describeProblem } from './batch-check.js';
import { writeCrc } from './batch-header.js';
import { writeInt64 } from './int64.js';

const P = BatchProblem;
const hex = kafkaVectors.recordBatches.find(({ name }) => name === 'kcat-idemp-v7')!.hex;
const size = hex.length / 2;

type Damage = (view: DataView, buffer: Buffer) => void;

/** Damage the checksum does not cover, or is corrected for, so that only the named rule can object. */
const rows: readonly (readonly [string, BatchProblem, RegExp, Damage])[] = [
  ['nothing', P.BATCH_OK, /no problem/, () => {}],
  ['zeros', P.TOO_SMALL, /length field is 0, below/, (_, b) => b.fill(0)],
  ['length 13', P.TOO_SMALL, /length field is 13/, (v) => v.setInt32(8, 13)],
  ['length 48', P.TOO_SMALL, /length field is 48/, (v) => v.setInt32(8, 48)],
  ['negative length', P.TOO_SMALL, /length field is -1/, (v) => v.setInt32(8, -1)],
  [
    'length one more',
    P.TRUNCATED,
    /needs 76 bytes, but the data ends after 75/,
    (v) => v.setInt32(8, 64),
  ],
  [
    'length one less',
    P.BAD_CRC,
    /checksum is 0x02c11a89, the bytes give 0x/,
    (v) => v.setInt32(8, 62),
  ],
  [
    'length beyond the limit',
    P.TOO_LARGE,
    /112 bytes, above the limit of 100/,
    (v) => v.setInt32(8, 100),
  ],
  ['largest length', P.TOO_LARGE, /2147483659 bytes/, (v) => v.setInt32(8, 0x7fff_ffff)],
  ['magic 0', P.OLD_MAGIC, /message format 0 .* before 0\.11/, (v) => v.setInt8(16, 0)],
  ['magic 1', P.OLD_MAGIC, /message format 1/, (v) => v.setInt8(16, 1)],
  ['magic 3', P.BAD_MAGIC, /magic byte is 3/, (v) => v.setInt8(16, 3)],
  ['magic -1', P.BAD_MAGIC, /magic byte is -1/, (v) => v.setInt8(16, -1)],
  [
    'magic 0 with a length of 14',
    P.OLD_MAGIC,
    /format 0/,
    (v) => {
      v.setInt32(8, 14);
      v.setInt8(16, 0);
    },
  ],
  ['crc', P.BAD_CRC, /checksum is 0x00000000/, (v) => v.setUint32(17, 0)],
  ['a bit of the value', P.BAD_CRC, /the bytes give/, (v) => v.setUint8(70, v.getUint8(70) ^ 4)],
  ['a bit of the attributes', P.BAD_CRC, /the bytes give/, (v) => v.setUint8(21, 0x80)],
  ['negative base offset', P.BAD_OFFSET, /base offset -1 /, (v) => writeInt64(v, 0, -1)],
  [
    'base offset 2^53',
    P.BAD_OFFSET,
    /base offset 9007199254740992 /,
    (v) => writeInt64(v, 0, 2 ** 53),
  ],
  ['largest base offset', P.BATCH_OK, /no problem/, (v) => writeInt64(v, 0, 2 ** 53 - 1)],
  [
    'last offset 2^53',
    P.BAD_OFFSET,
    /last offset delta 1 is outside/,
    resealed((v) => {
      writeInt64(v, 0, 2 ** 53 - 1);
      v.setInt32(23, 1);
    }),
  ],
  ['negative last offset delta', P.BAD_OFFSET, /delta -2/, resealed((v) => v.setInt32(23, -2))],
  ['negative count', P.BAD_COUNT, /records count -1/, resealed((v) => v.setInt32(57, -1))],
  ['count above the offsets', P.BAD_COUNT, /records count 2 /, resealed((v) => v.setInt32(57, 2))],
  [
    'count above the bytes',
    P.BAD_COUNT,
    /records count 3 .* 14 bytes/,
    resealed((v) => {
      v.setInt32(57, 3);
      v.setInt32(23, 10);
    }),
  ],
  ['count 0 with bytes left', P.BAD_COUNT, /records count 0 /, resealed((v) => v.setInt32(57, 0))],
  ['codec 5', P.UNKNOWN_COMPRESSION, /code 5/, resealed((v) => v.setInt16(21, 5))],
  ['codec 7', P.UNKNOWN_COMPRESSION, /code 7/, resealed((v) => v.setInt16(21, 7))],
];

function resealed(damage: Damage): Damage {
  return (view, buffer) => {
    damage(view, buffer);
    writeCrc(buffer, view, 0);
  };
}

describe('checkBatch', () => {
  it.each(rows)('%s', (_, problem, text, damage) => {
    const { buffer, view } = bytesOf(hex);
    damage(view, buffer);
    const options = { crc: true, maxBytes: 100 };
    const found = checkBatch(buffer, view, 0, size, options);
    expect(found).toBe(problem);
    expect(describeProblem(found, buffer, view, 0, size, options)).toMatch(text);
  });

  it('has a row for every problem', () => {
    expect(new Set(rows.map(([, problem]) => problem)).size).toBe(Object.keys(P).length);
  });

  it('finds a batch cut at any byte truncated, and reads nothing beyond the cut', () => {
    for (let end = 0; end < size; end++) {
      const { buffer, view } = bytesOf(hex.slice(0, end * 2));
      const options = { crc: true, maxBytes: 100 };
      expect(checkBatch(buffer, view, 0, end, options)).toBe(P.TRUNCATED);
      expect(describeProblem(P.TRUNCATED, buffer, view, 0, end, options)).toContain(`after ${end}`);
    }
  });

  it('works anywhere in a buffer, and does not look at what follows', () => {
    const { buffer, view } = bytesOf(`ffff${hex}ffff`);
    expect(checkBatch(buffer, view, 2, 2 + size, { crc: true, maxBytes: size })).toBe(P.BATCH_OK);
    expect(checkBatch(buffer, view, 2, 1 + size, { crc: true, maxBytes: size })).toBe(P.TRUNCATED);
  });

  it('passes a bad checksum only when told not to compare it', () => {
    const { buffer, view } = bytesOf(hex);
    view.setUint32(17, 1);
    expect(checkBatch(buffer, view, 0, size, { crc: false, maxBytes: 100 })).toBe(P.BATCH_OK);
    expect(checkBatch(buffer, view, 0, size, { crc: true, maxBytes: 100 })).toBe(P.BAD_CRC);
  });

  it('accepts an emptied batch, which keeps its offsets', () => {
    const empty = bytesOf(kafkaVectors.constructed.emptyRetainedBatch);
    expect(checkBatch(empty.buffer, empty.view, 0, 61, { crc: true, maxBytes: 61 })).toBe(
      P.BATCH_OK,
    );
  });
});
