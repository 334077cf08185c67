import { expect, test } from 'vitest';
import { Random } from '../testing/random.js';
import { RecentBatches } from './recent-batches.js';

test('the property: what it knows is what a scan of all batches finds', () => {
  const random = new Random(7);
  const recent = new RecentBatches();
  const all: { position: number; end: number; lastOffset: number }[] = [];
  let position = 0;
  let offset = 0;
  let known = 0;
  for (let i = 0; i < 400; i += 1) {
    const bytes = 61 + random.below(2000);
    // Compaction leaves gaps between batches.
    offset += 1 + random.below(5);
    recent.add(position, bytes, offset);
    all.push({ position, end: position + bytes, lastOffset: offset });
    position += bytes;

    const asked = random.below(offset + 3);
    const found = recent.positionOf(asked);
    const holder = all.find(({ lastOffset }) => lastOffset >= asked);
    if (found >= 0) expect(found).toBe(holder?.position);
    if (found >= 0) known += 1;

    const limit = random.below(position + 100);
    const boundary = recent.boundaryAtOrBelow(limit);
    const boundaries = [...all.map((its) => its.position), position];
    if (boundary >= 0) expect(boundary).toBe(Math.max(...boundaries.filter((at) => at <= limit)));

    const some = all[random.below(all.length)]!;
    const size = recent.bytesAt(some.position);
    if (size >= 0) expect(size).toBe(some.end - some.position);
    expect(recent.bytesAt(some.position + 1)).toBe(-1);
  }
  expect(known).toBeGreaterThan(20);
});

test('the last 32 are known, without the oldest of them where an older one could hold the offset', () => {
  const recent = new RecentBatches();
  expect(recent.positionOf(0)).toBe(-1);
  expect(recent.bytesAt(0)).toBe(-1);
  expect(recent.boundaryAtOrBelow(0)).toBe(-1);
  for (let i = 0; i < 100; i += 1) recent.add(i * 100, 100, i * 10 + 9);
  expect(recent.positionOf(999)).toBe(9900);
  expect(recent.positionOf(990)).toBe(9900);
  expect(recent.positionOf(690)).toBe(6900);
  expect(recent.positionOf(689)).toBe(-1);
  expect(recent.positionOf(1000)).toBe(-1);
  expect(recent.bytesAt(6800)).toBe(100);
  expect(recent.bytesAt(6700)).toBe(-1);
  expect(recent.bytesAt(9900)).toBe(100);
  expect(recent.boundaryAtOrBelow(10_000)).toBe(10_000);
  expect(recent.boundaryAtOrBelow(9999)).toBe(9900);
  expect(recent.boundaryAtOrBelow(6799)).toBe(-1);
});
