import { gammaln } from 'simple-statistics';

/** The few distribution functions that the tests of `ratio-test.ts` need. */

/** Chance of a Student's t at least so far from zero, either way. Infinite `freedom` is the normal distribution. */
export function studentTwoSided(t: number, freedom: number): number {
  if (Number.isNaN(t) || !(freedom > 0)) throw new RangeError(`no t of ${t} with ${freedom}`);
  // Beyond this the two differ by less than a test could show.
  const nu = Math.min(freedom, 1e6);
  if (!Number.isFinite(t)) return 0;
  return incompleteBeta(nu / (nu + t * t), nu / 2, 0.5);
}

/** The t that is exceeded, either way, with this chance. */
export function studentQuantile(chance: number, freedom: number): number {
  if (!(chance > 0 && chance < 1)) throw new RangeError(`no chance of ${chance}`);
  let low = 0;
  let high = 1;
  while (studentTwoSided(high, freedom) > chance) high *= 2;
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (studentTwoSided(middle, freedom) > chance) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The value over its mean that a chi-square of `freedom` stays below with chance 0.9 (Wilson and Hilferty). */
export function chiSquare90(freedom: number): number {
  const part = 2 / (9 * freedom);
  return (1 - part + 1.281_55 * Math.sqrt(part)) ** 3;
}

/** I_x(a, b) by Lentz's continued fraction. */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(
    gammaln(a + b) - gammaln(a) - gammaln(b) + a * Math.log(x) + b * Math.log1p(-x),
  );
  return x < (a + 1) / (a + b + 2)
    ? (front * continuedFraction(x, a, b)) / a
    : 1 - (front * continuedFraction(1 - x, b, a)) / b;
}

const TINY = 1e-300;

function continuedFraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = nonZero(1 - ((a + b) * x) / (a + 1));
  d = 1 / d;
  let fraction = d;
  for (let m = 1; m <= 500; m++) {
    for (const numerator of [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ]) {
      d = 1 / nonZero(1 + numerator * d);
      c = nonZero(1 + numerator / c);
      fraction *= d * c;
    }
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return fraction;
}

function nonZero(value: number): number {
  return Math.abs(value) < TINY ? TINY : value;
}

/** Derivative of the logarithm of the gamma function. */
export function digamma(x: number): number {
  let shifted = x;
  let sum = 0;
  // The series is good from here on.
  for (; shifted < 10; shifted++) sum -= 1 / shifted;
  const inverse = 1 / (shifted * shifted);
  return (
    sum +
    Math.log(shifted) -
    0.5 / shifted -
    inverse * (1 / 12 - inverse * (1 / 120 - inverse / 252))
  );
}

/** Its derivative. */
export function trigamma(x: number): number {
  let shifted = x;
  let sum = 0;
  for (; shifted < 10; shifted++) sum += 1 / (shifted * shifted);
  const inverse = 1 / (shifted * shifted);
  return (
    sum +
    1 / shifted +
    inverse / 2 +
    (inverse / shifted) * (1 / 6 - inverse * (1 / 30 - inverse / 42))
  );
}

/** The x above zero whose trigamma is `value`. */
export function trigammaInverse(value: number): number {
  let low = 1e-8;
  let high = 1e8;
  for (let step = 0; step < 200; step++) {
    const middle = Math.sqrt(low * high);
    if (trigamma(middle) > value) low = middle;
    else high = middle;
  }
  return Math.sqrt(low * high);
}
