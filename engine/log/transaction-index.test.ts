import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssertionError } from '../assert.js';
import { isVarveError } from '../errors.js';
import { type AbortedTransaction, TransactionIndex } from './transaction-index.js';

const BASE = 1000;

function txn(
  producerId: number,
  firstOffset: number,
  lastOffset: number,
  lastStableOffset = lastOffset + 1,
): AbortedTransaction {
  return { producerId, firstOffset, lastOffset, lastStableOffset };
}

function indexOf(...entries: AbortedTransaction[]): TransactionIndex {
  const index = new TransactionIndex(BASE);
  for (const entry of entries) index.append(entry);
  return index;
}

const transactions = fc
  .array(fc.tuple(fc.nat(2 ** 40), fc.nat(500), fc.integer({ min: 1, max: 50 })), { maxLength: 30 })
  .map((steps) => {
    let last = BASE - 1;
    return steps.map(([producerId, length, step]) => {
      last += step;
      return txn(producerId, Math.max(0, last - length), last);
    });
  });

describe('TransactionIndex', () => {
  it('writes 34 big-endian bytes an entry as Kafka does', () => {
    const index = indexOf(txn(4000, 998, 1010, 1005));
    expect(index.encode().toString('hex')).toBe(
      '0000' + '0000000000000fa0' + '00000000000003e6' + '00000000000003f2' + '00000000000003ed',
    );
  });

  it('reads back what it writes, and truncates by marker offset', () => {
    fc.assert(
      fc.property(transactions, fc.integer({ min: 0, max: 3000 }), (entries, cut) => {
        const index = indexOf(...entries);
        expect(TransactionIndex.decode(index.encode(), BASE).entries).toEqual(entries);
        expect(index.encode(1)).toEqual(index.encode().subarray(34));
        index.truncateTo(cut);
        expect(index.entries).toEqual(entries.filter((entry) => entry.lastOffset < cut));
      }),
    );
  });

  it('collects exactly the transactions that overlap the range', () => {
    fc.assert(
      fc.property(transactions, fc.nat(2500), fc.nat(500), (entries, from, length) => {
        const index = indexOf(...entries);
        const upTo = from + length;
        const { aborted, complete } = index.collectAborted(from, upTo);
        const stop = entries.findIndex((entry) => entry.lastStableOffset >= upTo);
        const searched = stop < 0 ? entries : entries.slice(0, stop + 1);
        expect(complete).toBe(stop >= 0);
        expect(aborted).toEqual(
          searched.filter((entry) => entry.lastOffset >= from && entry.firstOffset < upTo),
        );
      }),
    );
  });

  it('goes on to the next segment until the last stable offset passes the range', () => {
    const index = indexOf(txn(1, 990, 1005, 1001), txn(2, 1001, 1010, 1011));
    expect(index.collectAborted(1000, 1011)).toMatchObject({ complete: true });
    expect(index.collectAborted(1000, 1012)).toMatchObject({ complete: false });
    expect(index.collectAborted(1006, 1009).aborted).toEqual([txn(2, 1001, 1010, 1011)]);
  });

  it('holds nothing while empty', () => {
    const index = new TransactionIndex(BASE);
    expect(index.count).toBe(0);
    expect(index.encode()).toHaveLength(0);
    expect(index.collectAborted(0, 10_000)).toEqual({ aborted: [], complete: false });
    index.truncateTo(0);
    expect(index.entries).toEqual([]);
  });

  it('refuses markers that do not ascend or lie below the segment', () => {
    expect(() => indexOf(txn(1, 5, 999))).toThrow(AssertionError);
    expect(() => indexOf(txn(1, 1000, 1005), txn(2, 1001, 1005))).toThrow(AssertionError);
    expect(() => indexOf(txn(1, 1006, 1005))).toThrow(AssertionError);
  });

  describe('decode', () => {
    const good = indexOf(txn(1, 1000, 1005), txn(2, 1001, 1010)).encode();
    const damaged = (change: (bytes: Buffer) => void) => {
      const bytes = Buffer.from(good);
      change(bytes);
      return bytes;
    };

    it.each<[string, Buffer, number]>([
      ['cut inside an entry', good.subarray(0, 60), 1],
      ['an unknown version', damaged((bytes) => bytes.writeInt16BE(1, 34)), 1],
      ['a negative producer id', damaged((bytes) => bytes.writeBigInt64BE(-1n, 2)), 0],
      [
        'an offset beyond safe integers',
        damaged((bytes) => bytes.writeBigInt64BE(2n ** 53n, 26)),
        0,
      ],
      ['a marker below the segment', damaged((bytes) => bytes.writeBigInt64BE(999n, 18)), 0],
      ['markers that do not ascend', damaged((bytes) => bytes.writeBigInt64BE(1005n, 52)), 1],
      ['an end before its start', damaged((bytes) => bytes.writeBigInt64BE(1011n, 44)), 1],
    ])('refuses a file with %s, naming the entry', (_, bytes, entry) => {
      try {
        TransactionIndex.decode(bytes, BASE);
        expect.unreachable();
      } catch (error) {
        expect(isVarveError(error, 'CORRUPT_INDEX'), String(error)).toBe(true);
        expect(error).toMatchObject({ details: { entry, index: 'transaction index' } });
      }
    });

    it('throws only CORRUPT_INDEX for any bytes', () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 110 }),
          fc.nat(67),
          fc.nat(255),
          (noise, at, value) => {
            for (const bytes of [noise, damaged((copy) => copy.writeUInt8(value, at))]) {
              try {
                TransactionIndex.decode(bytes, BASE);
              } catch (error) {
                expect(isVarveError(error, 'CORRUPT_INDEX'), String(error)).toBe(true);
              }
            }
          },
        ),
      );
    });
  });
});
