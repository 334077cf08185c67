import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Rests } from './consumer.js';

/** Reads pieces of so many bytes, as fast as its rests allow, for a second. */
async function bytesOfASecond(rests: Rests, pieceBytes: number): Promise<number> {
  const untilMs = performance.now() + 1000;
  let bytes = 0;
  while (performance.now() < untilMs) {
    if (rests.isDue) await rested(rests);
    // A read takes its own time.
    await vi.advanceTimersByTimeAsync(1);
    bytes += pieceBytes;
    rests.read(pieceBytes);
  }
  return bytes;
}

async function rested(rests: Rests): Promise<void> {
  const resting = rests.take();
  await vi.runAllTimersAsync();
  await resting;
}

describe('rests', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([100, 10_000, 500_000])(
    'work of its own: 1 MB/s in pieces of %d bytes',
    async (pieceBytes) => {
      const rests = new Rests({ reading: 'tail', consumerRate: 1e6 });
      const bytes = await bytesOfASecond(rests, pieceBytes);
      // Small pieces are read more slowly than that already: 1 ms each.
      const expected = Math.min(1e6, pieceBytes * 1000);
      expect(bytes).toBeGreaterThanOrEqual(expected * 0.98);
      // What it read ahead, and the piece at the end.
      expect(bytes).toBeLessThanOrEqual(expected + 20_000 + 2 * pieceBytes);
    },
  );

  test('no work of its own: never due', async () => {
    const rests = new Rests({ reading: 'tail', consumerRate: 'max' });
    rests.read(1e9);
    await vi.advanceTimersByTimeAsync(1000);
    expect(rests.isDue).toBe(false);
  });

  test('a slow one rests a tenth of its time', async () => {
    const rests = new Rests({ reading: 'slow', consumerRate: 'max' });
    expect(rests.isDue).toBe(false);
    await vi.advanceTimersByTimeAsync(90);
    expect(rests.isDue).toBe(true);
    const beforeMs = performance.now();
    await rested(rests);
    expect(performance.now() - beforeMs).toBe(10);
    expect(rests.isDue).toBe(false);
  });
});
