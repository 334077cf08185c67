import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coverage, estimate, median, pairedRatios, quantile } from './stats.js';

describe('median and quantile', () => {
  test('the middle of an odd count and the mean of the middle two of an even one', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  test('quantiles interpolate and the ends are the extremes', () => {
    expect(quantile([10, 20, 30], 0)).toBe(10);
    expect(quantile([10, 20, 30], 0.25)).toBe(15);
    expect(quantile([10, 20, 30], 1)).toBe(30);
  });

  test('no values is an error, not NaN', () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => estimate([])).toThrow(RangeError);
  });
});

describe('estimate', () => {
  test('three values give their whole range and admit 75 %', () => {
    expect(estimate([3, 1, 2])).toEqual({
      median: 2,
      low: 1,
      high: 3,
      confidence: 0.75,
      count: 3,
    });
  });

  test('coverage follows the binomial distribution', () => {
    expect(coverage(5, 1)).toBeCloseTo(1 - 2 / 32, 12);
    expect(coverage(6, 1)).toBeCloseTo(1 - 2 / 64, 12);
    expect(coverage(20, 6)).toBeCloseTo(0.9586, 4);
  });

  test('twenty values use the 6th and the 15th', () => {
    const values = Array.from({ length: 20 }, (_, at) => at + 1);
    expect(estimate(values)).toMatchObject({ low: 6, high: 15, median: 10.5 });
  });

  test('the interval holds the sample median and only sample values', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1, maxLength: 60 }), (values) => {
        const { low, high, median: middle } = estimate(values);
        expect(low).toBeLessThanOrEqual(middle);
        expect(high).toBeGreaterThanOrEqual(middle);
        expect(values).toContain(low);
        expect(values).toContain(high);
      }),
    );
  });

  test('the stated confidence is what random samples show', () => {
    let inside = 0;
    let state = 1;
    const uniform = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 4_294_967_296;
    };
    const trials = 4000;
    for (let trial = 0; trial < trials; trial++) {
      const { low, high } = estimate(Array.from({ length: 5 }, uniform));
      if (low <= 0.5 && high >= 0.5) inside += 1;
    }
    expect(inside / trials).toBeGreaterThan(0.92);
    expect(inside / trials).toBeLessThan(0.955);
  });
});

test('paired ratios divide each run by its own control', () => {
  expect(pairedRatios([10, 30], [5, 10])).toEqual([2, 3]);
  expect(() => pairedRatios([1], [])).toThrow('every run needs its control');
});
