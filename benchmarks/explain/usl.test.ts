import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../random.js';
import { leastSquares } from './least-squares.js';
import { madeUpCell } from './made-up.js';
import { normal } from './noise.js';
import { scalingOf } from './scaling.js';
import { fitUsl, predictUsl, type UslFit, uslRate } from './usl.js';

const COUNTS = [1, 2, 4, 8, 16, 32];

function fitOf(
  truth: { lambda: number; sigma: number; kappa: number },
  options: { spread?: number; repeats?: number; counts?: readonly number[]; seed?: number } = {},
): UslFit {
  const { spread = 0, repeats = 5, counts = COUNTS, seed = 1 } = options;
  const random = createRandom(seed);
  const outcome = fitUsl(
    counts.map((n) => ({
      n,
      rates: Array.from(
        { length: repeats },
        () => uslRate(truth, n) * Math.exp(spread * normal(random)),
      ),
    })),
  );
  if (outcome.kind !== 'fit') throw new Error(outcome.reason);
  return outcome.fit;
}

describe('what is known comes back', () => {
  test('any law without noise, to seven digits', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 1e9, noNaN: true }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        fc.double({ min: 0, max: 0.1, noNaN: true }),
        (lambda, sigma, kappa) => {
          const fit = fitOf({ lambda, sigma, kappa });
          expect(fit.lambda.value / lambda).toBeCloseTo(1, 7);
          expect(fit.sigma.value).toBeCloseTo(sigma, 6);
          expect(fit.kappa.value).toBeCloseTo(kappa, 6);
          expect(predictUsl(fit, 64) / uslRate({ lambda, sigma, kappa }, 64)).toBeCloseTo(1, 4);
        },
      ),
    );
  });

  test('with 3 % noise and 5 runs the intervals hold the truth nine times in ten or more', () => {
    const truth = { lambda: 50e6, sigma: 0.08, kappa: 0.004 };
    let inside = 0;
    const trials = 100;
    for (let seed = 1; seed <= trials; seed++) {
      const fit = fitOf(truth, { spread: 0.03, seed });
      for (const name of ['lambda', 'sigma', 'kappa'] as const) {
        if (fit[name].low <= truth[name] && truth[name] <= fit[name].high) inside += 1;
      }
    }
    expect(inside / (3 * trials)).toBeGreaterThan(0.9);
  });

  test('the peak is found where it is', () => {
    const fit = fitOf({ lambda: 50e6, sigma: 0.1, kappa: 0.01 }, { spread: 0.02 });
    expect(fit.peak.kind).toBe('within');
    if (fit.peak.kind !== 'within') return;
    expect(fit.peak.n).toBeGreaterThan(8);
    expect(fit.peak.n).toBeLessThan(11);
    expect(fit.peak.low).toBeLessThanOrEqual(fit.peak.n);
    expect(fit.rSquared).toBeGreaterThan(0.95);
    expect(fit.doubts).toEqual([]);
  });
});

describe('what cannot be told is not told', () => {
  test('two counts', () => {
    const outcome = fitUsl([
      { n: 1, rates: [1, 1] },
      { n: 2, rates: [2, 2] },
    ]);
    expect(outcome).toMatchObject({ kind: 'cannot-tell' });
    expect(outcome.kind === 'cannot-tell' && outcome.reason).toContain('there are 2');
  });

  test('rates of zero are no rates', () => {
    const points = [1, 2, 4].map((n) => ({ n, rates: n === 4 ? [0, 0] : [n] }));
    expect(fitUsl(points).kind).toBe('cannot-tell');
  });

  test('three counts fit anything: no peak, and a doubt', () => {
    const fit = fitOf({ lambda: 1e6, sigma: 0.1, kappa: 0.01 }, { counts: [1, 8, 32] });
    expect(fit.peak.kind).toBe('unknown');
    expect(fit.doubts.join()).toContain('cannot be judged');
  });

  test('one run of each: no intervals, no peak', () => {
    const fit = fitOf({ lambda: 1e6, sigma: 0.1, kappa: 0.01 }, { repeats: 1 });
    expect(fit.peak).toMatchObject({ kind: 'unknown' });
    expect(fit.spread).toBeNull();
  });

  test('a straight line has no peak within what was measured', () => {
    const fit = fitOf({ lambda: 1e6, sigma: 0, kappa: 0 }, { spread: 0.01 });
    expect(fit.peak).toMatchObject({ kind: 'beyond', atLeast: 32 });
  });

  test('noise as large as the effect leaves the peak open', () => {
    const fit = fitOf({ lambda: 1e6, sigma: 0.9, kappa: 0.0001 }, { spread: 0.2, repeats: 3 });
    expect(fit.peak.kind).toBe('unknown');
  });

  test('a flat curve is sigma 1, and explains nothing', () => {
    const fit = fitOf({ lambda: 1e6, sigma: 1, kappa: 0 }, { spread: 0.03 });
    expect(fit.sigma.low).toBeLessThanOrEqual(1);
    expect(fit.sigma.high).toBeGreaterThan(0.9);
    expect(fit.rSquared).toBeNull();
  });

  test('a step is no law of this kind', () => {
    const outcome = fitUsl(
      COUNTS.map((n) => ({ n, rates: Array<number>(5).fill(n < 8 ? 1e6 : 8e6) })),
    );
    expect(outcome.kind === 'fit' && outcome.fit.doubts.join()).toMatch(/another form/);
  });

  test('more than its share is named', () => {
    const outcome = fitUsl(COUNTS.map((n) => ({ n, rates: [n ** 1.3, n ** 1.3 * 1.01] })));
    expect(outcome.kind === 'fit' && outcome.fit.doubts.join()).toMatch(/more than their share/);
  });
});

test('least squares: exact for a square system, null for columns that say the same', () => {
  const rows = [
    [1, 2],
    [1, 3],
  ];
  const solution = leastSquares(rows, [8, 11], [1, 5]);
  expect(solution?.[0]).toBeCloseTo(2, 9);
  expect(solution?.[1]).toBeCloseTo(3, 9);
  expect(
    leastSquares(
      [
        [1, 2],
        [2, 4],
      ],
      [1, 2],
      [1, 1],
    ),
  ).toBeNull();
});

test('scaling groups cells that differ in one axis only, and leaves open loops out', () => {
  const cells = [1, 2, 4, 8].flatMap((partitions) =>
    [1, 3].map((replicationFactor) =>
      madeUpCell({ partitions, replicationFactor }, [
        { bytesPerSecond: 1e7 * partitions },
        { bytesPerSecond: 1.02e7 * partitions },
      ]),
    ),
  );
  const open = madeUpCell({ partitions: 16, rate: 1e6 }, [{ achievedShare: 1 }]);
  const found = scalingOf({ cells: [...cells, open] });
  expect(found.map(({ axis, held }) => `${axis}: ${held}`)).toEqual([
    'partitions: target=cluster',
    'partitions: target=cluster replicationFactor=3',
  ]);
  expect(found[0]?.outcome).toMatchObject({ kind: 'fit' });
  expect(found[0]?.cellIds).toHaveLength(4);
});
