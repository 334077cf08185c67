import { expect, it } from 'vitest';
import { ONE_GIB, runCompaction } from './compaction.js';

it('compacts a small log beside appends', async () => {
  const small = { bytes: 1024 * 1024, keys: 500, controlMs: 20 };
  const { report, idle, busy, beside } = await runCompaction({ ...ONE_GIB, ...small });
  expect(report).toMatchObject({ compacted: true, isMapFull: false });
  expect(report.recordsAfter).toBeLessThan(report.recordsBefore / 10);
  for (const { appends, delays } of [idle, busy, beside]) {
    expect(appends!.count).toBeGreaterThan(0);
    expect(delays!.count).toBe(appends!.count);
  }
});
