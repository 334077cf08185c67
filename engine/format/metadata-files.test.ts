import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVarveError, type VarveError } from '../errors.js';
import { decodeCleanShutdown, encodeCleanShutdown } from './clean-shutdown.js';
import { decodeProperties, encodeProperties } from './java-properties.js';
import { decodeMetaProperties, encodeMetaProperties } from './meta-properties.js';
import { decodePartitionMetadata, encodePartitionMetadata } from './partition-metadata.js';
import { isUuid, randomUuid, uuidFromBytes, uuidToBytes, ZERO_UUID } from './uuid.js';

const ID = 'AAECAwQFBgcICQoLDA0ODw';

function thrownBy(action: () => unknown): VarveError {
  try {
    action();
  } catch (error) {
    if (isVarveError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('uuid', () => {
  it('bytes 00..0f are the golden text', () => {
    const bytes = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
    expect(uuidFromBytes(bytes)).toBe(ID);
    expect(uuidToBytes(ID).equals(bytes)).toBe(true);
    expect(uuidFromBytes(Buffer.concat([Buffer.alloc(3, 9), bytes]), 3)).toBe(ID);
    expect(uuidFromBytes(Buffer.alloc(16))).toBe(ZERO_UUID);
  });

  it('gives back any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const text = uuidFromBytes(bytes);
        expect(text).toHaveLength(22);
        expect(isUuid(text)).toBe(true);
        expect(Buffer.compare(uuidToBytes(text), bytes)).toBe(0);
      }),
    );
  });

  it.each([
    '',
    ID.slice(1),
    `${ID}A`,
    `${ID}==`,
    'AAECAwQFBgcICQoLDA0OD/',
    'AAECAwQFBgcICQoLDA0ODx',
  ])('%j is no uuid', (text) => {
    expect(isUuid(text)).toBe(false);
    expect(thrownBy(() => uuidToBytes(text)).code).toBe('INVALID_ARGUMENT');
  });

  it('too few bytes are refused', () => {
    expect(thrownBy(() => uuidFromBytes(Buffer.alloc(15))).code).toBe('INVALID_ARGUMENT');
    expect(thrownBy(() => uuidFromBytes(Buffer.alloc(16), 1)).code).toBe('INVALID_ARGUMENT');
  });

  it('random ones differ, are version 4 and never look like an option', () => {
    const many = Array.from({ length: 2000 }, randomUuid);
    expect(new Set(many).size).toBe(many.length);
    for (const text of many) {
      expect(text.startsWith('-')).toBe(false);
      expect(uuidToBytes(text)[6]! >>> 4).toBe(4);
    }
  });
});

describe('partition.metadata', () => {
  const text = `version: 0\ntopic_id: ${ID}`;

  it('is the text Kafka writes, without a last line end', () => {
    expect(encodePartitionMetadata({ topicId: ID }).toString()).toBe(text);
    expect(decodePartitionMetadata(Buffer.from(text))).toEqual({ topicId: ID });
    expect(decodePartitionMetadata(Buffer.from(`${text}\n`))).toEqual({ topicId: ID });
  });

  it.each([
    ['empty file', '', 1],
    ['other version', `version: 1\ntopic_id: ${ID}`, 1],
    ['no version', `topic_id: ${ID}`, 1],
    ['no topic id', 'version: 0\n', 2],
    ['zero uuid', `version: 0\ntopic_id: ${ZERO_UUID}`, 2],
    ['id cut short', `version: 0\ntopic_id: ${ID.slice(0, 20)}`, 2],
    ['id too long', `version: 0\ntopic_id: ${ID}AA`, 2],
    ['id of zero bytes', `version: 0\ntopic_id: ${'\0'.repeat(22)}`, 2],
    ['a third line', `${text}\nmore: 1`, 3],
  ])('%s is CORRUPT_CHECKPOINT with its line', (_name, damaged, line) => {
    const error = thrownBy(() => decodePartitionMetadata(Buffer.from(damaged)));
    expect(error.code).toBe('CORRUPT_CHECKPOINT');
    expect(error.details).toMatchObject({ file: 'partition.metadata', line });
  });

  it.each([ZERO_UUID, 'nonsense'])('%s is not written', (topicId) => {
    expect(thrownBy(() => encodePartitionMetadata({ topicId })).code).toBe('INVALID_ARGUMENT');
  });
});

describe('Java properties', () => {
  it.each([
    ['a=1', 'a', '1'],
    ['a : 1', 'a', '1'],
    ['a 1', 'a', '1'],
    ['  a\t=\t 1 ', 'a', '1 '],
    ['a', 'a', ''],
    ['a==b', 'a', '=b'],
    ['a\\=b=c', 'a=b', 'c'],
    ['a\\ b=c', 'a b', 'c'],
    ['a=\\u00e4\\n\\t\\\\\\q', 'a', 'ä\n\t\\q'],
    ['a=one\\\n   two', 'a', 'onetwo'],
    ['a=one\\\\', 'a', 'one\\'],
    ['# c\n! c\n\n\r\na=1\r\n', 'a', '1'],
    ['a=1\na=2', 'a', '2'],
    ['a=x#y', 'a', 'x#y'],
    ['a=\\', 'a', ''],
    ['__proto__=1', '__proto__', '1'],
  ])('%j', (text, key, value) => {
    expect([...decodeProperties(Buffer.from(text, 'latin1'), 'f')]).toEqual([[key, value]]);
  });

  it('a malformed escape is CORRUPT_CHECKPOINT with its line', () => {
    const error = thrownBy(() => decodeProperties(Buffer.from('a=1\nb=\\u12g4'), 'f'));
    expect(error.code).toBe('CORRUPT_CHECKPOINT');
    expect(error.details).toMatchObject({ file: 'f', line: 2 });
  });

  it('give back any keys and values', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 });
    const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(fc.tuple(key, text)), (pairs) => {
        const entries = new Map(pairs);
        const decoded = decodeProperties(encodeProperties(entries, 'c\nx=1'), 'f');
        expect(decoded).toEqual(entries);
      }),
    );
  });
});

describe('meta.properties', () => {
  it('reads what Kafka writes', () => {
    const text = `#\n#Sun Nov 22 10:00:00 UTC 2026\ncluster.id=${ID}\ndirectory.id=${ID}\nnode.id=1\nversion=1\n`;
    expect(decodeMetaProperties(Buffer.from(text))).toEqual({
      version: 1,
      clusterId: ID,
      nodeId: 1,
      directoryId: ID,
    });
  });

  it('reads version 0, whose node id is broker.id', () => {
    expect(decodeMetaProperties(Buffer.from('version=0\nbroker.id=3\n'))).toEqual({
      version: 0,
      clusterId: null,
      nodeId: 3,
      directoryId: null,
    });
  });

  it('gives back any properties', () => {
    const any = fc.record({
      clusterId: fc.option(fc.string({ unit: 'binary' })),
      nodeId: fc.option(fc.integer({ min: 0, max: 0x7fffffff })),
      directoryId: fc.constantFrom(null, ID),
    });
    fc.assert(
      fc.property(any, (properties) => {
        const decoded = decodeMetaProperties(encodeMetaProperties(properties));
        expect(decoded).toEqual({ version: 1, ...properties });
      }),
    );
  });

  it.each([
    ['empty file', '', 'CORRUPT_CHECKPOINT'],
    ['no version', 'node.id=1', 'CORRUPT_CHECKPOINT'],
    ['version not a number', 'version=one', 'CORRUPT_CHECKPOINT'],
    ['version 2', 'version=2', 'UNSUPPORTED_FORMAT'],
    ['negative node id', 'version=1\nnode.id=-1', 'CORRUPT_CHECKPOINT'],
    ['node id beyond int32', 'version=1\nnode.id=2147483648', 'CORRUPT_CHECKPOINT'],
    ['directory id no uuid', 'version=1\ndirectory.id=x', 'CORRUPT_CHECKPOINT'],
  ])('%s', (_name, text, code) => {
    expect(thrownBy(() => decodeMetaProperties(Buffer.from(text))).code).toBe(code);
  });
});

describe('clean shutdown marker', () => {
  it('is the JSON Kafka writes', () => {
    expect(encodeCleanShutdown({ brokerEpoch: 17 }).toString()).toBe(
      '{"version":0,"brokerEpoch":17}',
    );
    expect(decodeCleanShutdown(Buffer.from('{"version":0,"brokerEpoch":17}'))).toEqual({
      brokerEpoch: 17,
    });
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '7',
    '{"version":1,"brokerEpoch":1}',
    '{"version":0,"brokerEpoch":"1"}',
  ])('%j still counts, without an epoch', (text) => {
    expect(decodeCleanShutdown(Buffer.from(text))).toEqual({ brokerEpoch: null });
  });
});
