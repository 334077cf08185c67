import { InvalidArgumentError } from 'commander';
import { describe, expect, test } from 'vitest';
import { byteCount, timestamp, wholeNumber, wholeNumberFrom } from './arguments.js';

describe('numbers of options', () => {
  test.each([
    ['an offset', wholeNumber, '1000', 1000],
    ['an offset with an exponent', wholeNumber, '1e3', 1000],
    ['a count', wholeNumberFrom(1, 100), '1e2', 100],
    ['bytes', byteCount(1), '65536', 65_536],
    ['bytes with a unit', byteCount(1), '64KiB', 65_536],
    ['bytes with an exponent', byteCount(1), '1.5e3k', 1500 * 1024],
    ['milliseconds', timestamp, '1.7e12', 1_700_000_000_000],
    ['a date', timestamp, '2024-01-31T12:00:00Z', Date.UTC(2024, 0, 31, 12)],
  ] as const)('%s', (_name, parse, text, value) => expect(parse(text)).toBe(value));

  test.each([
    ['halves', wholeNumber, '1.5', /a whole number from 0 to 9007199254740991/],
    ['below one', wholeNumber, '1e-1', /a whole number/],
    ['not exact', wholeNumber, '1e16', /a whole number/],
    ['too many', wholeNumberFrom(1, 100), '1e3', /a whole number from 1 to 100/],
    ['a part of a byte', byteCount(1), '1.5', /bytes from 1 to/],
    ['no unit', byteCount(1), '5 parsecs', /bytes from 1 to/],
    ['half an exponent', byteCount(1), '5e', /bytes from 1 to/],
    ['no date', timestamp, 'yesterday', /milliseconds since 1970, or a date/],
    ['past all dates', timestamp, '9e15', /milliseconds since 1970/],
  ] as const)('%s: refused with what would do', (_name, parse, text, message) => {
    expect(() => parse(text)).toThrow(InvalidArgumentError);
    expect(() => parse(text)).toThrow(message);
  });
});
