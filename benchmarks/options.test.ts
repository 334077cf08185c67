import { describe, expect, test } from 'vitest';
import { type BenchRequest, EXIT_USAGE, parseArguments } from './options.js';

function parse(...args: string[]): { parsed: ReturnType<typeof parseArguments>; text: string } {
  let text = '';
  const write = (more: string): void => {
    text += more;
  };
  return { parsed: parseArguments(args, ['engine', 'raw'], { out: write, err: write }), text };
}

function request(...args: string[]): BenchRequest {
  const { parsed, text } = parse(...args);
  if (!('request' in parsed)) throw new Error(text);
  return parsed.request;
}

test('without arguments: the quick preset, the first target, a random seed', () => {
  const { settings, json, out } = request();
  expect(settings).toMatchObject({ preset: 'quick', target: 'engine', repeats: 3, name: 'quick' });
  expect(settings.axes.partitions).toEqual([1, 16]);
  expect(settings.seed).toBeGreaterThanOrEqual(0);
  expect({ json, out }).toEqual({ json: false, out: null });
});

test('every axis can be set, and repeated values count once', () => {
  const { settings } = request(
    ...'--partitions 1,4,4 --record-bytes 10,20 --batch-records 5 --durability batch,end'.split(
      ' ',
    ),
    ...'--repeat 5 --seed 9 --seconds 0.5 --max-mib 2 --name disk-1'.split(' '),
  );
  expect(settings.axes).toEqual({
    partitions: [1, 4],
    recordBytes: [10, 20],
    batchRecords: [5],
    durability: ['batch', 'end'],
  });
  expect(settings).toMatchObject({ repeats: 5, seed: 9, cellSeconds: 0.5, cellBytes: 2 ** 21 });
});

test('a payload file takes the place of the record sizes', () => {
  const { settings } = request('--payload', 'package.json');
  expect(settings.axes.recordBytes).toEqual([]);
  expect(settings.payloadFile).toMatch(/package\.json$/);
});

describe('nonsense is refused with the range', () => {
  test.each([
    ['--partitions 0', 'from 1 to 10000'],
    ['--partitions 1,,2', 'from 1 to 10000'],
    ['--record-bytes 1e3', 'from 1 to 10485760'],
    ['--record-bytes -5', 'from 1 to 10485760'],
    ['--batch-records 100001', 'from 1 to 100000'],
    ['--durability always', 'none, end, batch'],
    ['--repeat 2', 'at least 3'],
    ['--repeat 101', 'from 1 to 100'],
    ['--seed 4294967296', 'from 0 to 4294967295'],
    ['--seconds 0', 'from 0.01 to 600'],
    ['--preset fast', 'quick, full, smoke'],
    ['--target disk', 'engine, raw'],
    ['--name ../x', '1 to 100 letters'],
    ['--payload /no/such/file', 'no such file'],
    ['--payload package.json --record-bytes 5', 'exclude each other'],
    ['--payload package.json --mixed-sizes', 'needs generated records'],
    ['--record-bytes 1048576 --batch-records 1000', 'at most 67108864'],
    ['--no-such-option', 'unknown option'],
    ['stray', 'too many arguments'],
  ])('%s', (args, message) => {
    const { parsed, text } = parse(...args.split(' '));
    expect(parsed).toEqual({ exitCode: EXIT_USAGE });
    expect(text).toContain(message);
  });
});

test('--help prints examples and every preset, and is no failure', () => {
  const { parsed, text } = parse('--help');
  expect(parsed).toEqual({ exitCode: 0 });
  for (const word of ['Examples:', 'quick', 'full', 'smoke', '--payload', 'Exit codes']) {
    expect(text).toContain(word);
  }
});
