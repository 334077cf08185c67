import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVarveError, type VarveError } from '../errors.js';
import * as names from './file-names.js';

function thrownBy(action: () => unknown): VarveError {
  try {
    action();
  } catch (error) {
    if (isVarveError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const hex32 = fc.stringMatching(/^[0-9a-f]{32}$/);
const topic = fc
  .stringMatching(/^[a-zA-Z0-9._-]{1,249}$/)
  .filter((name) => name !== '.' && name !== '..');
const partition = fc.integer({ min: 0, max: 0x7fffffff });

describe('segment files', () => {
  it.each([
    ['00000000000000000000.log', { baseOffset: 0, kind: 'log', suffix: null }],
    ['00000000000000000042.index', { baseOffset: 42, kind: 'index', suffix: null }],
    [
      '00000000000000000042.timeindex.deleted',
      { baseOffset: 42, kind: 'timeindex', suffix: 'deleted' },
    ],
    ['00000000000000000042.log.cleaned', { baseOffset: 42, kind: 'log', suffix: 'cleaned' }],
    ['00000000000000000042.txnindex.swap', { baseOffset: 42, kind: 'txnindex', suffix: 'swap' }],
    ['00009007199254740991.snapshot', { baseOffset: 2 ** 53 - 1, kind: 'snapshot', suffix: null }],
  ] as const)('%s', (name, parsed) => {
    expect(names.parseSegmentFileName(name)).toEqual(parsed);
    expect(names.formatSegmentFileName(parsed)).toBe(name);
  });

  it('give back any name', () => {
    const any = fc.record({
      baseOffset: fc.maxSafeNat(),
      kind: fc.constantFrom(...names.SEGMENT_FILE_KINDS),
      suffix: fc.constantFrom(null, ...names.SEGMENT_FILE_SUFFIXES),
    });
    fc.assert(
      fc.property(any, (file) => {
        expect(names.parseSegmentFileName(names.formatSegmentFileName(file))).toEqual(file);
      }),
    );
  });

  it.each([
    '',
    '0.log',
    '0000000000000000000.log',
    '000000000000000000000.log',
    '00000000000000000000',
    '00000000000000000000.txt',
    '00000000000000000000.log.tmp',
    '00000000000000000000.log.deleted.deleted',
    ' 00000000000000000000.log',
    '00000000000000000000.log\n',
    '-0000000000000000001.log',
    '٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠.log',
    'leader-epoch-checkpoint',
  ])('not %j', (name) => {
    expect(names.parseSegmentFileName(name)).toBeNull();
  });

  it('with an offset varve cannot count are refused, not passed over', () => {
    const error = thrownBy(() => names.parseSegmentFileName('00009007199254740992.log'));
    expect(error.code).toBe('UNSUPPORTED_FORMAT');
  });
});

describe('partition directories', () => {
  const id = '0123456789abcdef0123456789abcdef';

  it.each([
    ['orders-0', 'orders', 0],
    ['a-b-c-12', 'a-b-c', 12],
    ['a--1', 'a-', 1],
    ['3-4', '3', 4],
    ['x-2147483647', 'x', 2147483647],
    ['x-delete-0', 'x-delete', 0],
  ])('%s', (name, of, number) => {
    const expected = { topic: of, partition: number, mark: null, uniqueId: null };
    expect(names.parsePartitionDirectoryName(name)).toEqual(expected);
    expect(names.formatPartitionDirectoryName({ topic: of, partition: number })).toBe(name);
  });

  it.each(['delete', 'stray', 'future'] as const)('marked %s', (mark) => {
    const name = names.formatMarkedDirectoryName({ topic: 'a-b', partition: 3 }, mark, id);
    expect(name).toBe(`a-b-3.${id}-${mark}`);
    expect(names.parsePartitionDirectoryName(name)).toEqual({
      topic: 'a-b',
      partition: 3,
      mark,
      uniqueId: id,
    });
  });

  it('to be deleted or set aside cut the topic to fit 255 bytes; future ones keep it', () => {
    fc.assert(
      fc.property(topic, partition, hex32, (of, number, uniqueId) => {
        for (const mark of names.DIRECTORY_MARKS) {
          const at = { topic: of, partition: number };
          const name = names.formatMarkedDirectoryName(at, mark, uniqueId);
          const kept = name.slice(0, name.lastIndexOf(`-${number}.${uniqueId}`));
          expect(of.startsWith(kept)).toBe(true);
          if (mark === 'future') expect(kept).toBe(of);
          else expect(name.length).toBeLessThanOrEqual(255);
          if (kept.length < of.length) expect(name.length).toBe(mark === 'future' ? -1 : 255);
          if (kept !== '.' && kept !== '..') {
            expect(names.parsePartitionDirectoryName(name)).toEqual({
              topic: kept,
              partition: number,
              mark,
              uniqueId,
            });
          }
        }
      }),
    );
  });

  it('give back any topic and partition', () => {
    fc.assert(
      fc.property(topic, partition, (of, number) => {
        const name = names.formatPartitionDirectoryName({ topic: of, partition: number });
        expect(names.parsePartitionDirectoryName(name)).toEqual({
          topic: of,
          partition: number,
          mark: null,
          uniqueId: null,
        });
      }),
    );
  });

  it.each([
    '',
    'orders',
    'orders-',
    '-0',
    'orders-x',
    'orders-01',
    'orders--',
    'orders-2147483648',
    'orders-1.5',
    '..-0',
    'a/b-0',
    'a b-0',
    `orders-0.${id}-deleted`,
    `orders-0.${id.slice(1)}-delete`,
    `orders.${id}-delete`,
    'lost+found',
    'x-0\n',
  ])('not %j', (name) => {
    expect(names.parsePartitionDirectoryName(name)).toBeNull();
  });
});

describe('topic names', () => {
  it.each(['a', 'A.b_c-9', '...', '-', 'x'.repeat(249), '__consumer_offsets'])(
    '%s is one',
    (name) => {
      names.validateTopicName(name);
      expect(names.topicNameProblem(name)).toBeNull();
    },
  );

  it.each([
    ['', 'is empty'],
    ['.', "'.' or '..'"],
    ['..', "'.' or '..'"],
    ['x'.repeat(250), '250 characters'],
    ['a/b', 'letters and digits'],
    ['a\\b', 'letters and digits'],
    ['a b', 'letters and digits'],
    ['a\0', 'letters and digits'],
    ['a\n', 'letters and digits'],
    ['über', 'letters and digits'],
  ])('%j is none', (name, rule) => {
    const error = thrownBy(() => names.validateTopicName(name));
    expect(error.code).toBe('INVALID_TOPIC');
    expect(error.details.topic).toBe(name);
    expect(error.message).toContain(rule);
  });

  it('that are no string are refused', () => {
    const error = thrownBy(() => names.validateTopicName(7 as unknown as string));
    expect(error.code).toBe('INVALID_TOPIC');
  });

  it('collide where only . and _ differ', () => {
    expect(names.topicNamesCollide('a.b', 'a_b')).toBe(true);
    expect(names.topicNamesCollide('a.b', 'a-b')).toBe(false);
  });
});
