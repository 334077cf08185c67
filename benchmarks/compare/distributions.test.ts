import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  chiSquare90,
  digamma,
  incompleteBeta,
  studentQuantile,
  studentTwoSided,
  trigamma,
  trigammaInverse,
} from './distributions.js';
import { holm } from './ratio-test.js';
import { moderated } from './spread.js';

describe('distributions', () => {
  test.each([
    // chance, freedom, t: from the tables that every textbook has
    [0.05, 1, 12.706],
    [0.05, 4, 2.776],
    [0.01, 8, 3.355],
    [0.001, 10, 4.587],
    [0.05, 30, 2.042],
    [0.05, 1e9, 1.96],
  ])('Student: %d with %d degrees of freedom is %d', (chance, freedom, t) => {
    expect(studentQuantile(chance, freedom)).toBeCloseTo(t, 2);
    expect(studentTwoSided(t, freedom)).toBeCloseTo(chance, 4);
  });

  test('one degree of freedom is the Cauchy distribution', () => {
    fc.assert(
      fc.property(fc.double({ min: -50, max: 50, noNaN: true }), (t) => {
        expect(studentTwoSided(t, 1)).toBeCloseTo(1 - (2 / Math.PI) * Math.atan(Math.abs(t)), 6);
      }),
    );
  });

  test('incomplete beta: the uniform case and symmetry', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        fc.double({ min: 0.1, max: 50, noNaN: true }),
        fc.double({ min: 0.1, max: 50, noNaN: true }),
        (x, a, b) => {
          expect(incompleteBeta(x, 1, 1)).toBeCloseTo(x, 9);
          expect(incompleteBeta(x, a, b) + incompleteBeta(1 - x, b, a)).toBeCloseTo(1, 6);
        },
      ),
    );
  });

  test('digamma and trigamma', () => {
    expect(digamma(1)).toBeCloseTo(-0.577_215_664_9, 9);
    expect(trigamma(1)).toBeCloseTo(Math.PI ** 2 / 6, 9);
    for (const x of [0.3, 1, 2.5, 40]) expect(trigammaInverse(trigamma(x)) / x).toBeCloseTo(1, 6);
  });

  test('chi-square, over its mean', () => {
    expect(chiSquare90(8) * 8).toBeCloseTo(13.36, 1);
    expect(chiSquare90(4) * 4).toBeCloseTo(7.78, 1);
  });
});

describe('Holm', () => {
  test('as by hand', () => {
    expect(holm([0.01, 0.04, 0.03]).map((p) => Number(p.toFixed(6)))).toEqual([0.03, 0.06, 0.06]);
    expect(holm([])).toEqual([]);
  });

  test('never below the chance itself, never above Bonferroni, in the same order', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (chances) => {
        holm(chances).forEach((adjusted, at) => {
          const own = chances[at] as number;
          expect(adjusted).toBeGreaterThanOrEqual(own);
          expect(adjusted).toBeLessThanOrEqual(Math.min(1, own * chances.length) + 1e-12);
        });
      }),
    );
  });
});

describe('moderated spread', () => {
  test('cells that are alike share all their degrees of freedom', () => {
    const own = Array.from({ length: 10 }, (_, at) => ({
      variance: 0.0009 * (1 + 0.05 * (at % 3)),
      freedom: 4,
    }));
    for (const { variance, freedom } of moderated(own)) {
      expect(freedom).toBe(40);
      expect(Math.sqrt(variance)).toBeCloseTo(0.0307, 3);
    }
  });

  test('a noisy cell among quiet ones keeps its noise', () => {
    const own = [
      ...Array.from({ length: 9 }, (_, at) => ({ variance: 1e-4 * (1 + at / 9), freedom: 4 })),
      { variance: 0.04, freedom: 4 },
    ];
    const noisy = moderated(own).at(-1);
    expect(noisy).toEqual({ variance: 0.04, freedom: 4 });
  });

  test('of few cells each keeps its own', () => {
    expect(moderated([{ variance: 0.01, freedom: 4 }])).toEqual([{ variance: 0.01, freedom: 4 }]);
  });

  test('equal values are no proof of exactness', () => {
    expect(moderated([{ variance: 0, freedom: 4 }])[0]?.variance).toBeGreaterThan(0);
  });
});
