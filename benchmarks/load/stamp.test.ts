import { expect, test } from 'vitest';
import { nowNs } from './clock.js';
import {
  clearStamp,
  MAX_STAMP_PRODUCER,
  MAX_STAMP_SEQUENCE,
  readStamp,
  STAMP_BYTES,
  stampedNs,
  writeStamp,
} from './stamp.js';

test.each([
  { intendedNs: 1, producer: 0, sequence: 0 },
  { intendedNs: 2 ** 32 - 1, producer: 255, sequence: 2 ** 32 - 1 },
  { intendedNs: 2 ** 32, producer: 256, sequence: 2 ** 32 },
  {
    intendedNs: Number.MAX_SAFE_INTEGER,
    producer: MAX_STAMP_PRODUCER,
    sequence: MAX_STAMP_SEQUENCE,
  },
])('what is written is read: $intendedNs, $producer, $sequence', (stamp) => {
  const value = Buffer.alloc(STAMP_BYTES + 2, 0xee);
  writeStamp(value, 1, stamp.intendedNs, stamp.producer, stamp.sequence);
  expect(readStamp(value.subarray(1))).toEqual(stamp);
  expect([value[0], value[STAMP_BYTES + 1]]).toEqual([0xee, 0xee]);
});

test('a value too short, a cleared one and a foreign one carry no stamp', () => {
  expect(readStamp(null)).toBeNull();
  expect(readStamp(Buffer.alloc(STAMP_BYTES - 1, 1))).toBeNull();
  expect(readStamp(Buffer.from('{"t":1704067200000,"svc":"checkout"}'))).toBeNull();
  const value = Buffer.alloc(20, 0xee);
  clearStamp(value, 2);
  expect(stampedNs(value, 2)).toBe(0);
  expect(readStamp(value.subarray(2))).toBeNull();
});

test('the clock is that of process.hrtime, which other processes share', () => {
  const before = Number(process.hrtime.bigint());
  const now = nowNs();
  const after = Number(process.hrtime.bigint());
  const toleranceNs = 50_000;
  expect(now).toBeGreaterThan(before - toleranceNs);
  expect(now).toBeLessThan(after + toleranceNs);
});
