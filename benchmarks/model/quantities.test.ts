import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BenchError } from './bench-error.js';
import { parseByteRate, parseBytes, parseCount, parseDuration, parseFactor } from './quantities.js';
import { byteRateText, bytesText, changeText, countText, microsText, percentText } from './text.js';

describe('what people write', () => {
  test.each([
    ['1KiB', 1024],
    ['64 kB', 64_000],
    ['64KB', 64_000],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['100B', 100],
    ['1024', 1024],
    ['1e6', 1_000_000],
    ['2.5E3 KiB', 2500 * 1024],
    ['5e-1MB', 500_000],
    ['  2mib ', 2 * 2 ** 20],
  ])('size %s', (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  test.each([
    ['50MB/s', 50e6],
    ['512KiB/s', 512 * 1024],
    ['3.6GB/h', 1e6],
    ['1 GB / min', 1e9 / 60],
    ['.5MB/s', 5e5],
    ['5e6B/s', 5e6],
  ])('rate %s', (text, rate) => expect(parseByteRate(text)).toBeCloseTo(rate, 6));

  test.each([
    ['20000records/s', 20_000 * 100],
    ['20k records/s', 20_000 * 100],
    ['1M/s', 1e8],
    ['2e4/s', 20_000 * 100],
    ['60 messages/min', 100],
    ['50MB/s', 50e6],
  ])('rate of 100 B records %s', (text, rate) =>
    expect(parseByteRate(text, 'a rate', { recordBytes: 100 })).toBeCloseTo(rate, 6),
  );

  test.each([
    ['20ms', 20],
    ['250us', 0.25],
    ['250µs', 0.25],
    ['1.5s', 1500],
    ['10min', 600_000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1e3ms', 1000],
  ])('duration %s', (text, ms) => expect(parseDuration(text)).toBeCloseTo(ms, 9));

  test.each([
    ['3x', 3],
    ['1.5X', 1.5],
    ['2', 2],
    ['1e1x', 10],
  ])('factor %s', (text, factor) => expect(parseFactor(text)).toBe(factor));
});

describe('refusals name the value and a form', () => {
  const cases: readonly [name: string, parse: () => unknown, parts: readonly string[]][] = [
    ['nothing', () => parseBytes('', 'record size'), ['""', 'record size', '1KiB']],
    ['unknown unit', () => parseBytes('3XB'), ['"3XB"', '1KiB']],
    ['below a byte', () => parseBytes('0.2B'), ['"0.2B"', 'from 1B']],
    ['zero bytes', () => parseBytes('0'), ['"0"', 'from 1B']],
    ['negative', () => parseBytes('-1KiB'), ['"-1KiB"']],
    ['rate without time', () => parseByteRate('50MB', '--rate'), ['"50MB"', '--rate', '50MB/s']],
    ['rate of records unasked', () => parseByteRate('5k records/s'), ['bytes over time']],
    ['zero rate', () => parseByteRate('0MB/s'), ['above zero']],
    ['two slashes', () => parseByteRate('1MB/s/s'), ['"1MB/s/s"']],
    ['half an exponent', () => parseBytes('5e'), ['"5e"', '1KiB']],
    ['an exponent of halves', () => parseBytes('5e1.5'), ['"5e1.5"']],
    ['out of all range', () => parseBytes('1e400'), ['"1e400"', 'from 1B']],
    ['a rate out of all range', () => parseByteRate('1e400MB/s'), ['"1e400MB/s"']],
    ['millibits', () => parseByteRate('5mbit/s'), ['"5mbit/s"']],
    ['a bare duration', () => parseDuration('20'), ['"20"', 'with its unit']],
    ['zero duration', () => parseDuration('0ms'), ['above zero']],
    ['factor below 1', () => parseFactor('0.5x'), ['"0.5x"', '1x or more']],
    ['count too high', () => parseCount('12', 'brokers', { low: 1, high: 9 }), ['"12"', '1 to 9']],
    ['count of halves', () => parseCount('1.5', 'brokers', { low: 1, high: 9 }), ['"1.5"']],
  ];
  test.each(cases)('%s', (_name, parse, parts) => {
    let thrown: unknown;
    try {
      parse();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(BenchError);
    for (const part of parts) expect((thrown as BenchError).message).toContain(part);
  });

  test('no text gives anything but a positive number or a refusal', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const parse of [parseBytes, parseByteRate, parseDuration, parseFactor]) {
          try {
            const value = parse(text);
            expect(value).toBeGreaterThan(0);
            expect(Number.isFinite(value)).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(BenchError);
          }
        }
      }),
    );
  });
});

describe('what is printed can be read back', () => {
  test('sizes and rates, to three digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e13 }), (bytes) => {
        expect(Math.abs(parseBytes(bytesText(bytes)) / bytes - 1)).toBeLessThan(0.006);
        expect(Math.abs(parseByteRate(byteRateText(bytes)) / bytes - 1)).toBeLessThan(0.006);
      }),
    );
  });

  test('examples', () => {
    expect(bytesText(16_384)).toBe('16 KiB');
    expect(bytesText(1536)).toBe('1.5 KiB');
    expect(bytesText(194_560)).toBe('190 KiB');
    expect(bytesText(1000)).toBe('1 kB');
    expect(byteRateText(52_428_800)).toBe('52.4 MB/s');
    expect(byteRateText(999_999)).toBe('1 MB/s');
    expect(microsText(12.34)).toBe('12.3 us');
    expect(microsText(4560)).toBe('4.56 ms');
    expect(microsText(1.2e6)).toBe('1.2 s');
    expect(countText(1234)).toBe('1,234');
    expect(countText(123_456)).toBe('123 k');
    expect(percentText(0.0123)).toBe('1.2 %');
    expect(changeText(0.69)).toBe('-31 %');
    expect(changeText(1.052)).toBe('+5.2 %');
    expect(changeText(1.0001)).toBe('0 %');
  });
});
