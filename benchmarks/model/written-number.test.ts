import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NUMBER, parseWholeNumber } from './written-number.js';

const isNumber = (text: string): boolean => new RegExp(`^${NUMBER}$`).test(text);

test('what JavaScript writes of a number that is not negative is one, and means the same', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(isNumber(String(value))).toBe(true);
      expect(isNumber(value.toExponential())).toBe(true);
      expect(Number(value.toExponential())).toBe(value);
    }),
  );
});

test.each(['', 'e3', '5e', '5e+', '5e1.5', '1.', '0x10', '1_000', 'Infinity', '5 e6', '-5'])(
  '%j is none',
  (text) => {
    expect(isNumber(text)).toBe(false);
    expect(parseWholeNumber(text)).toBeNaN();
  },
);

test.each([
  ['0', 0],
  ['007', 7],
  ['1e3', 1000],
  ['1.5e3', 1500],
  ['2E+6', 2_000_000],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
])('%s is whole', (text, value) => expect(parseWholeNumber(text)).toBe(value));

test.each(['1.5', '1.25e1', '10e-1', '9007199254740992', '1e16', '1e400'])(
  '%s is not whole, or too large to be exact',
  (text) => expect(parseWholeNumber(text)).toBeNaN(),
);
