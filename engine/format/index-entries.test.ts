import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVarveError } from '../errors.js';
import * as entries from './index-entries.js';

const int32 = fc.integer({ min: 0, max: 0x7fffffff });
const offset = fc.maxSafeNat();

function viewOf(hex: string): DataView {
  const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
  return new DataView(bytes.buffer);
}

function hexOf(view: DataView): string {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('hex');
}

describe('layout', () => {
  it('of .index: int32 relative offset, int32 position', () => {
    const view = new DataView(new ArrayBuffer(8));
    entries.writeOffsetIndexEntry(view, 0, { relativeOffset: 5, position: 4096 });
    expect(hexOf(view)).toBe('0000000500001000');
  });

  it('of .timeindex: int64 timestamp, int32 relative offset', () => {
    const view = new DataView(new ArrayBuffer(12));
    entries.writeTimeIndexEntry(view, 0, { timestamp: 1_700_000_000_000, relativeOffset: 7 });
    expect(hexOf(view)).toBe('0000018bcfe5680000000007');
  });

  it('of .txnindex: version, producer id, first, last, last stable offset', () => {
    const view = new DataView(new ArrayBuffer(34));
    entries.writeTransactionIndexEntry(view, 0, {
      producerId: 4000,
      firstOffset: 10,
      lastOffset: 20,
      lastStableOffset: 21,
    });
    expect(hexOf(view)).toBe(
      '0000' + '0000000000000fa0' + '000000000000000a' + '0000000000000014' + '0000000000000015',
    );
  });
});

describe('round trip, at any entry', () => {
  it('.index', () => {
    fc.assert(
      fc.property(int32, int32, fc.nat(9), (relativeOffset, position, slot) => {
        const view = new DataView(new ArrayBuffer(80));
        const at = slot * entries.OFFSET_INDEX_ENTRY_BYTES;
        entries.writeOffsetIndexEntry(view, at, { relativeOffset, position });
        expect(entries.readOffsetIndexEntry(view, at)).toEqual({ relativeOffset, position });
        expect(entries.offsetIndexRelativeOffset(view, at)).toBe(relativeOffset);
        expect(entries.offsetIndexPosition(view, at)).toBe(position);
      }),
    );
  });

  it('.timeindex', () => {
    const timestamps = fc.oneof(offset, fc.constant(-1));
    fc.assert(
      fc.property(timestamps, int32, fc.nat(9), (timestamp, relativeOffset, slot) => {
        const view = new DataView(new ArrayBuffer(120));
        const at = slot * entries.TIME_INDEX_ENTRY_BYTES;
        entries.writeTimeIndexEntry(view, at, { timestamp, relativeOffset });
        expect(entries.readTimeIndexEntry(view, at)).toEqual({ timestamp, relativeOffset });
        expect(entries.timeIndexTimestamp(view, at)).toBe(timestamp);
        expect(entries.timeIndexRelativeOffset(view, at)).toBe(relativeOffset);
      }),
    );
  });

  it('.txnindex', () => {
    fc.assert(
      fc.property(offset, offset, offset, offset, (producerId, a, b, lastStableOffset) => {
        const view = new DataView(new ArrayBuffer(68));
        const entry = {
          producerId,
          firstOffset: Math.min(a, b),
          lastOffset: Math.max(a, b),
          lastStableOffset,
        };
        entries.writeTransactionIndexEntry(view, 34, entry);
        expect(entries.readTransactionIndexEntry(view, 34)).toEqual(entry);
      }),
    );
  });
});

describe('damage', () => {
  const zero = '0'.repeat(16);
  const one = `${'0'.repeat(15)}1`;
  const beyond = '0020000000000000';
  const table: readonly [string, keyof typeof readers, string, number][] = [
    ['negative relative offset', 'offset', 'ffffffff00000000', 0],
    ['negative position', 'offset', '0000000080000000', 0],
    ['cut short', 'offset', '00000000000000', 0],
    ['starts past the end', 'offset', '0000000000000000', 8],
    ['starts before the beginning', 'offset', '0000000000000000', -1],
    ['timestamp below -1', 'time', 'fffffffffffffffe00000000', 0],
    ['timestamp beyond safe integers', 'time', `${beyond}00000000`, 0],
    ['time entry, negative relative offset', 'time', '00000000000000018fffffff', 0],
    ['time entry cut short', 'time', '0000000000000001800000', 0],
    ['other version', 'transaction', `0001${zero}${zero}${zero}${zero}`, 0],
    ['negative producer id', 'transaction', `0000ffffffffffffffff${zero}${zero}${zero}`, 0],
    ['last below first', 'transaction', `0000${zero}${one}${zero}${zero}`, 0],
    ['last stable beyond safe integers', 'transaction', `0000${zero}${zero}${zero}${beyond}`, 0],
    ['transaction entry cut short', 'transaction', `0000${zero}${zero}${zero}0000`, 0],
  ];
  const readers = {
    offset: entries.readOffsetIndexEntry,
    time: entries.readTimeIndexEntry,
    transaction: entries.readTransactionIndexEntry,
  };

  it.each(table)('%s is CORRUPT_INDEX', (_name, kind, hex, at) => {
    let thrown: unknown;
    try {
      readers[kind](viewOf(hex), at);
    } catch (error) {
      thrown = error;
    }
    expect(isVarveError(thrown, 'CORRUPT_INDEX')).toBe(true);
  });
});

it('whole entries of a file exclude a torn last one', () => {
  expect(entries.wholeEntryBytes(10_485_760, entries.TIME_INDEX_ENTRY_BYTES)).toBe(10_485_756);
  expect(entries.wholeEntryBytes(7, entries.OFFSET_INDEX_ENTRY_BYTES)).toBe(0);
});

it.each([
  [100, 100, true],
  [100 + 0x7fffffff, 100, true],
  [101 + 0x7fffffff, 100, false],
  [99, 100, false],
])('offset %d fits a segment at %d: %s', (value, base, fits) => {
  expect(entries.fitsRelativeOffset(value, base)).toBe(fits);
});
