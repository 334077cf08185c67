import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BenchError } from '../model/bench-error.js';
import type { CellResult } from '../model/result.js';
import { highestRateWithin, kneeOf, type LatencyCurve, latencyCurves } from './knee.js';
import { madeUpCell } from './made-up.js';
import { parseSlo, parseSlos, sloText } from './slo.js';

const MAX = 100e6;
const FACTORS = [1, 10, 25, 50, 75, 90, 100, 105];

/** An M/M/1 queue of 1 ms: the power of a queue is highest at half its capacity. */
function queueCells(): CellResult[] {
  const open = FACTORS.map((percent) => {
    const load = percent / 100;
    const ms = load < 1 ? 1 / (1 - load) : 500;
    return madeUpCell({ rate: `${percent}%` }, [
      {
        bytesPerSecond: Math.min(load, 0.99) * MAX,
        achievedShare: Math.min(1, 0.99 / load),
        publishMs: [ms],
      },
    ]);
  });
  return [madeUpCell({ rate: 'max' }, [{ bytesPerSecond: MAX }]), ...open];
}

function onlyCurve(cells: readonly CellResult[]): LatencyCurve {
  const curves = latencyCurves({ cells });
  expect(curves).toHaveLength(1);
  return curves[0] as LatencyCurve;
}

describe('a curve', () => {
  test('is of cells that differ in their rate, by offered rate, with load factors', () => {
    const curve = onlyCurve(queueCells());
    expect(curve.maxBytesPerSecond).toBeCloseTo(MAX, -4);
    expect(curve.points.map(({ loadFactor }) => Math.round((loadFactor ?? 0) * 100))).toEqual(
      FACTORS,
    );
  });

  test('closed loops alone are none', () => {
    expect(latencyCurves({ cells: [madeUpCell({}, [{}])] })).toEqual([]);
  });
});

describe('knee', () => {
  test('of a queue is at half its capacity', () => {
    const knee = kneeOf(onlyCurve(queueCells()));
    expect(knee.kind).toBe('found');
    if (knee.kind !== 'found') return;
    expect(knee.loadFactor).toBeCloseTo(0.5, 2);
    expect(knee.latencyMs).toBeCloseTo(2, 1);
    expect(knee.text).toContain('50 MB/s (50 % of the maximum)');
  });

  test('few rates cannot tell', () => {
    const knee = kneeOf(onlyCurve(queueCells().slice(0, 4)));
    expect(knee).toMatchObject({ kind: 'cannot-tell' });
  });

  test('latency that never turned up cannot tell', () => {
    const cells = [10e6, 20e6, 30e6, 40e6].map((rate) =>
      madeUpCell({ rate }, [{ bytesPerSecond: rate, achievedShare: 1, publishMs: [1] }]),
    );
    const knee = kneeOf(onlyCurve(cells));
    expect(knee.kind === 'cannot-tell' && knee.reason).toContain('40 MB/s');
  });

  test('nothing reached cannot tell', () => {
    const cells = [10e6, 20e6, 30e6, 40e6].map((rate) =>
      madeUpCell({ rate }, [{ bytesPerSecond: 5e6, achievedShare: 0.5, publishMs: [1] }]),
    );
    expect(kneeOf(onlyCurve(cells)).kind).toBe('cannot-tell');
  });
});

describe('highest rate within a bound', () => {
  test('between the last that meets it and the first that does not', () => {
    const answer = highestRateWithin(onlyCurve(queueCells()), parseSlo('p99=5ms'));
    expect(answer.met?.bytesPerSecond).toBeCloseTo(75e6, -5);
    expect(answer.failed?.bytesPerSecond).toBeCloseTo(90e6, -5);
    expect(answer.text).toBe(
      'p99 of 5 ms holds up to 75 MB/s (4 ms; 1 of 1 runs), not at 90 MB/s (10 ms)',
    );
  });

  test('a rate that was not reached does not count, however low its latency', () => {
    const cells = [10e6, 20e6].map((rate) =>
      madeUpCell({ rate }, [{ bytesPerSecond: 10e6, achievedShare: 10e6 / rate, publishMs: [1] }]),
    );
    const answer = highestRateWithin(onlyCurve(cells), parseSlo('p99=5ms'));
    expect(answer.met?.bytesPerSecond).toBe(10e6);
    expect(answer.text).toContain('only 50 % of it was reached');
  });

  test('most runs must meet it by themselves', () => {
    const cell = madeUpCell({ rate: 10e6 }, [
      { bytesPerSecond: 10e6, achievedShare: 1, publishMs: Array<number>(1000).fill(1) },
      { bytesPerSecond: 10e6, achievedShare: 1, publishMs: [9] },
      { bytesPerSecond: 10e6, achievedShare: 1, publishMs: [9] },
    ]);
    const answer = highestRateWithin(onlyCurve([cell]), parseSlo('p99=5ms'));
    expect(answer.met).toBeNull();
    expect(answer.text).toContain('1 of 3 runs');
  });

  test('all met and none met say so', () => {
    const curve = onlyCurve(queueCells().slice(1, 5));
    expect(highestRateWithin(curve, parseSlo('p99=1s')).text).toContain('highest rate measured');
    expect(highestRateWithin(curve, parseSlo('max=1us')).text).toContain('measure lower rates');
  });
});

describe('bounds', () => {
  test.each([
    ['p99=10ms', { kind: 'publish', percentile: 'p99', limitMs: 10 }],
    ['publish.p50 = 250us', { kind: 'publish', percentile: 'p50', limitMs: 0.25 }],
    ['e2e.p99.9=1s', { kind: 'endToEnd', percentile: 'p99.9', limitMs: 1000 }],
    ['p9999=20ms', { kind: 'publish', percentile: 'p99.99', limitMs: 20 }],
    ['max=1s', { kind: 'publish', percentile: 'max', limitMs: 1000 }],
  ])('%s', (text, slo) => expect(parseSlo(text)).toEqual(slo));

  test('several', () => {
    expect(parseSlos('p50=1ms,e2e.p99=20ms').map(sloText)).toEqual([
      'p50 of 1 ms',
      'end-to-end p99 of 20 ms',
    ]);
  });

  test.each([
    '',
    'p99',
    '10ms',
    'p98=10ms',
    'p99=10',
    'p99=fast',
    'p99=1ms=2ms',
    'x.p99=1ms',
    'constructor=1ms',
  ])('refused with value and form: %j', (text) => {
    let thrown: unknown;
    try {
      parseSlo(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(BenchError);
    expect((thrown as BenchError).message).toMatch(/such as|at least/);
  });

  test('any text is a bound or a refusal', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(parseSlo(text).limitMs).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(BenchError);
        }
      }),
    );
  });
});
