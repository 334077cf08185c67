import { describe, expect, test } from 'vitest';
import { cellId, cellLabel } from './cell-name.js';
import { cellOf } from './knobs.js';
import {
  axesOf,
  cellsOf,
  crossAxes,
  labelAmong,
  parseKnobValue,
  parseKnobValues,
  parseKnobWords,
  rangeOf,
  refusalOf,
} from './matrix.js';
import { parseSuite, presetNames, readPreset } from './suite-file.js';

describe('cells', () => {
  test('every combination once, other knobs at their defaults', () => {
    const cells = crossAxes({ partitions: [1, 4], acks: [0, 'all'] });
    expect(cells.map(({ partitions, acks }) => [partitions, acks])).toEqual([
      [1, 0],
      [1, 'all'],
      [4, 0],
      [4, 'all'],
    ]);
    expect(cells[0]?.recordBytes).toBe(1024);
    expect(axesOf(cells)).toEqual(['partitions', 'acks']);
  });

  test('a cell of two matrices is measured once', () => {
    expect(cellsOf([{ partitions: [1, 2] }, { partitions: [2, 4] }])).toHaveLength(3);
  });

  test('too many cells are refused before they are made', () => {
    const many = Array.from({ length: 1000 }, (_, i) => i + 1);
    expect(() => crossAxes({ partitions: many, recordBytes: many })).toThrow(
      /more than 5000 cells/,
    );
  });

  test('an id holds what is not default, the target always', () => {
    expect(cellId(cellOf({ partitions: 4, acks: 0 }))).toBe('target=cluster partitions=4 acks=0');
    expect(cellId(cellOf({ partitions: 4 }), ['target'])).toBe('partitions=4');
    expect(cellId(cellOf({}), ['target'])).toBe('defaults');
  });

  test('a label names what differs, with units', () => {
    const cell = cellOf({ partitions: 1, batchBytes: 16_384, rate: '50%' });
    expect(cellLabel(cell, ['partitions', 'batchBytes', 'rate'])).toBe(
      '1 partition, 16 KiB batches, 50% of the highest rate',
    );
  });
});

test('a name among others: only what differs on its own target', () => {
  const cells = [
    cellOf({ target: 'cluster', replicationFactor: 3, partitions: 2 }),
    cellOf({ target: 'cluster', partitions: 1 }),
    cellOf({ target: 'engine', partitions: 2 }),
    cellOf({ target: 'engine', partitions: 1 }),
  ];
  expect(cells.map((cell) => labelAmong(cell, cells))).toEqual([
    'cluster, 2 partitions, RF 3',
    'cluster, 1 partition, RF 1',
    'engine, 2 partitions',
    'engine, 1 partition',
  ]);
});

describe('values on a command line', () => {
  test.each([
    ['partitions', '4', 4],
    ['acks', 'all', 'all'],
    ['acks', '0', 0],
    ['recordBytes', '1KiB', 1024],
    ['batchBytes', '64k', 64_000],
    ['rate', '50MB/s', 50e6],
    ['rate', '50%', '50%'],
    ['rate', '5e6', 5e6],
    ['rate', '1.5E+3', 1500],
    ['rate', '5e3k/s', 5e6],
    ['rate', '5e1%', '50%'],
    ['consumerRate', '2e6', 2e6],
    ['partitions', '1e2', 100],
    ['lingerMs', '5e-1', 0.5],
    ['flush', '1e3ms', '1000ms'],
    ['rate', 'max', 'max'],
    ['flush', '1000ms', '1000ms'],
    ['codec', 'lz4', 'lz4'],
  ] as const)('%s %s', (name, text, value) => {
    expect(parseKnobValue(name, text)).toBe(value);
  });

  test.each([
    ['partitions', '0', /partitions "0": a whole number from 1 to 10000/],
    ['partitions', '-1', /a whole number from 1 to 10000/],
    ['acks', '2', /acks "2": 0, or 1, or all/],
    ['codec', 'rar', /one of none, gzip, snappy, lz4, zstd/],
    ['rate', 'fast', /rate "fast"/],
    ['rate', '5e', /rate "5e"/],
    ['rate', '1e13', /rate "1e13": .*a number up to 1000000000000/],
    ['partitions', '1e-1', /a whole number from 1 to 10000/],
    ['partitions', '1e9', /a whole number from 1 to 10000/],
    ['flush', '5e-1ms', /milliseconds such as 1000ms/],
  ] as const)('%s %s is refused with its range', (name, text, message) => {
    expect(() => parseKnobValue(name, text)).toThrow(message);
  });

  test.each(['5e6', '2.5e3', '1E4', '5000'])('%s means the same in a suite file', (text) => {
    const suite = parseSuite(`description: x\nmatrices:\n  - rate: ${text}\n`, 'x', 'x.yaml');
    expect(suite.matrices).toEqual([{ rate: [parseKnobValue('rate', text)] }]);
  });

  test('a list; an address with commas stays whole', () => {
    expect(parseKnobValues('partitions', '1,2,2,4')).toEqual([1, 2, 4]);
    expect(parseKnobValues('target', 'kafka://a:1,b:2,cluster')).toEqual([
      'kafka://a:1,b:2',
      'cluster',
    ]);
  });

  test('words; an unknown knob is refused with those there are', () => {
    expect(parseKnobWords(['partitions=1,2', 'acks=all'])).toEqual({
      partitions: [1, 2],
      acks: ['all'],
    });
    expect(() => parseKnobWords(['partition=1'])).toThrow(
      /not knob=value; knobs: target, experiment/,
    );
  });

  test('every knob with a simple range can say it', () => {
    expect(rangeOf('partitions')).toBe('a whole number from 1 to 10000');
  });
});

describe('what no target can do', () => {
  test.each([
    [{ minInsyncReplicas: 2 }, /minInsyncReplicas 2 is above replicationFactor 1/],
    [{ recordBytes: 32_768 }, /recordBytes 32768 is above batchBytes 16384/],
    [{ experiment: 'crash', producers: 2 }, /producers 2 must be 1/],
    [{ consumers: 0, groups: 2 }, /groups 2 need consumers/],
  ] as const)('%j', (knobs, message) => {
    expect(refusalOf(cellOf(knobs))).toMatch(message);
  });

  test('defaults are fine', () => {
    expect(refusalOf(cellOf({}))).toBeNull();
  });
});

describe('suite files', () => {
  test.each(presetNames())('preset %s is well-formed and asks for nothing impossible', (name) => {
    const suite = readPreset(name);
    const cells = cellsOf(suite.matrices);
    expect(cells.length).toBeGreaterThan(1);
    expect(cells.map(refusalOf).filter((reason) => reason !== null)).toEqual([]);
  });

  test('one value or a list', () => {
    const suite = parseSuite(
      'description: x\nmatrices:\n  - partitions: 4\n    acks: [0, all]\n',
      'x',
      'x.yaml',
    );
    expect(suite.matrices).toEqual([{ partitions: [4], acks: [0, 'all'] }]);
    expect(suite.repeats).toBe(3);
  });

  test.each([
    ['matrices:\n  - partitons: 4\n', /"partitons", which is no knob/],
    ['matrices:\n  - partitions: 0\n', /matrices\.0\.partitions/],
    ['matrices: []\n', /matrices/],
    ['- 1\n', /the file/],
    ['a: [', /x\.yaml/],
  ])('wrong: %j', (text, message) => {
    const whole = text.startsWith('matrices') ? `description: x\n${text}` : text;
    expect(() => parseSuite(whole, 'x', 'x.yaml')).toThrow(message);
  });

  test('an unknown preset is refused with those there are', () => {
    expect(() => readPreset('quik')).toThrow(/presets: batching, .*quick/);
    expect(() => readPreset('../x')).toThrow(/there is no preset/);
  });
});
