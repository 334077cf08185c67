import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVarveError, type VarveError } from '../errors.js';
import {
  decodeLeaderEpochCheckpoint,
  encodeLeaderEpochCheckpoint,
} from './leader-epoch-checkpoint.js';
import { decodeOffsetCheckpoint, encodeOffsetCheckpoint } from './offset-checkpoint.js';

function thrownBy(action: () => unknown): VarveError {
  try {
    action();
  } catch (error) {
    if (isVarveError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const topic = fc.stringMatching(/^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,40}$/);
const partition = fc.integer({ min: 0, max: 0x7fffffff });

describe('offset checkpoint', () => {
  const entries = [
    { topic: 'orders', partition: 0, offset: 1500 },
    { topic: 'a.b_c-d', partition: 12, offset: Number.MAX_SAFE_INTEGER },
  ];
  const text = '0\n2\norders 0 1500\na.b_c-d 12 9007199254740991\n';

  it('is the text Kafka writes', () => {
    expect(encodeOffsetCheckpoint(entries).toString()).toBe(text);
    expect(encodeOffsetCheckpoint([]).toString()).toBe('0\n0\n');
    expect(decodeOffsetCheckpoint(Buffer.from(text))).toEqual(entries);
    expect(decodeOffsetCheckpoint(Buffer.from('0\n0\n'))).toEqual([]);
  });

  it('may lack its last line end, or have Windows ones', () => {
    expect(decodeOffsetCheckpoint(Buffer.from(text.trimEnd()))).toEqual(entries);
    expect(decodeOffsetCheckpoint(Buffer.from(text.replaceAll('\n', '\r\n')))).toEqual(entries);
  });

  it('gives back any entries', () => {
    const list = fc.uniqueArray(fc.record({ topic, partition, offset: fc.maxSafeNat() }), {
      selector: (entry) => `${entry.topic} ${entry.partition}`,
    });
    fc.assert(
      fc.property(list, (some) => {
        expect(decodeOffsetCheckpoint(encodeOffsetCheckpoint(some))).toEqual(some);
      }),
    );
  });

  it.each([
    ['empty file', '', 1],
    ['no count', '0\n', 2],
    ['other version', '1\n0\n', 1],
    ['version not a number', 'x\n0\n', 1],
    ['count not a number', '0\nmany\n', 2],
    ['negative count', '0\n-1\n', 2],
    ['count beyond memory', '0\n9007199254740991\n', 2],
    ['fewer entries than announced', '0\n2\na 0 1\n', 2],
    ['more entries than announced', '0\n1\na 0 1\nb 0 1\n', 2],
    ['blank line among those announced', '0\n2\na 0 1\n\n', 4],
    ['blank line beyond those announced', '0\n2\na 0 1\n\nb 0 1\n', 2],
    ['line cut short', '0\n2\na 0 1\nb 0\n', 4],
    ['a field too many', '0\n1\na 0 1 2\n', 3],
    ['leading blank', '0\n1\n a 0 1\n', 3],
    ['negative offset', '0\n1\na 0 -1\n', 3],
    ['offset beyond safe integers', '0\n1\na 0 9007199254740992\n', 3],
    ['offset in hexadecimal', '0\n1\na 0 0x10\n', 3],
    ['partition beyond int32', '0\n1\na 2147483648 1\n', 3],
    ['topic that is a path', '0\n1\n../etc 0 1\n', 3],
    ['same partition twice', '0\n2\na 0 1\na 0 2\n', 4],
    ['zeros', '\0\0\0\0', 1],
  ])('%s is CORRUPT_CHECKPOINT with its line', (_name, damaged, line) => {
    const error = thrownBy(() => decodeOffsetCheckpoint(Buffer.from(damaged), 'recovery-point'));
    expect(error.code).toBe('CORRUPT_CHECKPOINT');
    expect(error.details).toMatchObject({ file: 'recovery-point', line });
    expect(error.message).toContain(`recovery-point, line ${line}`);
  });
});

it.each([-1, 1.5, 2 ** 53, Number.NaN])('offset %d is not written', (offset) => {
  const entries = [{ topic: 'a', partition: 0, offset }];
  expect(() => encodeOffsetCheckpoint(entries)).toThrow('varve bug');
  expect(() => encodeLeaderEpochCheckpoint([{ epoch: 0, startOffset: offset }])).toThrow(
    'varve bug',
  );
});

describe('leader epoch checkpoint', () => {
  it('is the text Kafka writes', () => {
    const entries = [
      { epoch: 0, startOffset: 0 },
      { epoch: 5, startOffset: 120 },
    ];
    expect(encodeLeaderEpochCheckpoint(entries).toString()).toBe('0\n2\n0 0\n5 120\n');
    expect(decodeLeaderEpochCheckpoint(Buffer.from('0\n2\n0 0\n5 120\n'))).toEqual(entries);
  });

  it('gives back any ascending entries', () => {
    const list = fc
      .array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 2 ** 40 })))
      .map((steps) => {
        let epoch = -1;
        let startOffset = -1;
        return steps.map(([epochs, offsets]) => {
          epoch += epochs;
          startOffset += offsets;
          return { epoch, startOffset };
        });
      });
    fc.assert(
      fc.property(list, (some) => {
        expect(decodeLeaderEpochCheckpoint(encodeLeaderEpochCheckpoint(some))).toEqual(some);
      }),
    );
  });

  it.each([
    ['other version', '1\n0\n', 1],
    ['same epoch twice', '0\n2\n1 5\n1 6\n', 4],
    ['epoch goes back', '0\n3\n1 5\n3 6\n2 7\n', 5],
    ['start offset goes back', '0\n2\n1 5\n2 4\n', 4],
    ['same start offset twice', '0\n2\n1 5\n2 5\n', 4],
    ['negative epoch', '0\n1\n-1 5\n', 3],
    ['epoch beyond int32', '0\n1\n2147483648 5\n', 3],
    ['three fields', '0\n1\n1 5 6\n', 3],
  ])('%s is CORRUPT_CHECKPOINT with its line', (_name, damaged, line) => {
    const error = thrownBy(() => decodeLeaderEpochCheckpoint(Buffer.from(damaged)));
    expect(error.code).toBe('CORRUPT_CHECKPOINT');
    expect(error.details).toMatchObject({ file: 'leader-epoch-checkpoint', line });
  });
});
