import { describe, expect, it } from 'vitest';
import { isVarveError } from '../errors.js';
import {
  CONTROL_RECORD_TYPES,
  decodeControlRecordKey,
  decodeTransactionMarkerValue,
  encodeControlRecordKey,
  encodeTransactionMarkerValue,
} from './control-record.js';

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (isVarveError(error)) return error.code;
    throw error;
  }
  return undefined;
}

it.each([
  ['ABORT', '00000000'],
  ['COMMIT', '00000001'],
  ['LEADER_CHANGE', '00000002'],
  ['SNAPSHOT_HEADER', '00000003'],
  ['SNAPSHOT_FOOTER', '00000004'],
  ['KRAFT_VERSION', '00000005'],
  ['KRAFT_VOTERS', '00000006'],
] as const)('key of %s', (type, hex) => {
  expect(encodeControlRecordKey(type).toString('hex')).toBe(hex);
  const key = decodeControlRecordKey(Buffer.from(hex, 'hex'));
  expect(key).toEqual({ version: 0, type, typeId: CONTROL_RECORD_TYPES.indexOf(type) });
});

it.each(['00000007', '0000ffff', '00007fff'])('type of key %s is unknown, not an error', (hex) => {
  expect(decodeControlRecordKey(Buffer.from(hex, 'hex')).type).toBe('UNKNOWN');
});

it('marker value is version and coordinator epoch', () => {
  expect(encodeTransactionMarkerValue(7).toString('hex')).toBe('000000000007');
  for (const epoch of [-1, 0, 7, 2 ** 31 - 1]) {
    const value = encodeTransactionMarkerValue(epoch);
    expect(decodeTransactionMarkerValue(value)).toEqual({ version: 0, coordinatorEpoch: epoch });
  }
});

it('a newer marker version is read as far as it is known', () => {
  expect(decodeTransactionMarkerValue(Buffer.from('00010000000900', 'hex'))).toEqual({
    version: 1,
    coordinatorEpoch: 9,
  });
});

describe('damage is CORRUPT_MESSAGE', () => {
  it.each([null, '', '000000', 'ffff0001'])('key %s', (hex) => {
    const key = hex === null ? null : Buffer.from(hex, 'hex');
    expect(codeOf(() => decodeControlRecordKey(key))).toBe('CORRUPT_MESSAGE');
  });

  it.each([null, '', '0000000000', 'ffff00000001'])('marker value %s', (hex) => {
    const value = hex === null ? null : Buffer.from(hex, 'hex');
    expect(codeOf(() => decodeTransactionMarkerValue(value))).toBe('CORRUPT_MESSAGE');
  });
});
