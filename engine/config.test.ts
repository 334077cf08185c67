import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  describeTopicConfig,
  formatTopicConfig,
  parseTopicConfig,
  type TopicConfigInput,
  type TopicConfigValue,
} from './config.js';
import { isVarveError } from './errors.js';

const LONG_MAX = '9223372036854775807';

function refusal(input: object): { message: string; details: Record<string, unknown> } {
  try {
    parseTopicConfig(input as TopicConfigInput);
  } catch (error) {
    if (isVarveError(error, 'INVALID_CONFIG')) {
      return { message: error.message, details: { ...error.details } };
    }
    throw error;
  }
  throw new Error(`accepted ${JSON.stringify(input)}`);
}

describe('parseTopicConfig', () => {
  it('gives Kafka 4.2 defaults', () => {
    expect(parseTopicConfig()).toEqual({
      segmentBytes: 1073741824,
      internalSegmentBytes: null,
      segmentMs: 604800000,
      segmentJitterMs: 0,
      segmentIndexBytes: 10485760,
      indexIntervalBytes: 4096,
      retentionMs: 604800000,
      retentionBytes: Number.POSITIVE_INFINITY,
      cleanupPolicy: 'delete',
      minCleanableDirtyRatio: 0.5,
      deleteRetentionMs: 86400000,
      minCompactionLagMs: 0,
      maxCompactionLagMs: Number.POSITIVE_INFINITY,
      fileDeleteDelayMs: 60000,
      flushMessages: Number.POSITIVE_INFINITY,
      flushMs: Number.POSITIVE_INFINITY,
      maxMessageBytes: 1048588,
      messageTimestampType: 'CreateTime',
      messageTimestampBeforeMaxMs: Number.POSITIVE_INFINITY,
      messageTimestampAfterMaxMs: 3600000,
      compressionType: 'producer',
      preallocate: false,
      minInsyncReplicas: 1,
      uncleanLeaderElectionEnable: false,
      producerIdExpirationMs: 86400000,
    });
  });

  it.each<[string, TopicConfigInput | Record<string, TopicConfigValue>, TopicConfigInput]>([
    ['a dotted name', { 'segment.ms': 5000 }, { segmentMs: 5000 }],
    ['a camel case name', { segmentMs: 5000 }, { segmentMs: 5000 }],
    ['text for a number', { 'segment.bytes': ' 2097152 ' }, { segmentBytes: 2097152 }],
    ['text for a ratio', { 'min.cleanable.dirty.ratio': '0.25' }, { minCleanableDirtyRatio: 0.25 }],
    ['text for a boolean', { preallocate: 'TRUE' }, { preallocate: true }],
    [
      'a boolean',
      { 'unclean.leader.election.enable': true },
      { uncleanLeaderElectionEnable: true },
    ],
    ['undefined as not given', { segmentMs: undefined }, { segmentMs: 604800000 }],
    ['the least segment.bytes', { 'segment.bytes': 1048576 }, { segmentBytes: 1048576 }],
    [
      'a policy of two, in any order',
      { 'cleanup.policy': 'delete, compact' },
      { cleanupPolicy: 'compact,delete' },
    ],
    [
      '-1 for no retention limits',
      { 'retention.ms': -1, 'retention.bytes': '-1' },
      { retentionMs: Infinity, retentionBytes: Infinity },
    ],
    [
      'any negative retention.bytes, as Kafka',
      { 'retention.bytes': -2 },
      { retentionBytes: Infinity },
    ],
    [
      'retention of 0',
      { 'retention.ms': 0, 'retention.bytes': 0 },
      { retentionMs: 0, retentionBytes: 0 },
    ],
    [
      'Long.MAX_VALUE as no limit',
      { 'flush.ms': LONG_MAX, 'flush.messages': Number(LONG_MAX) },
      { flushMs: Infinity, flushMessages: Infinity },
    ],
    ['Infinity', { segmentMs: Number.POSITIVE_INFINITY }, { segmentMs: Infinity }],
    ['a long beyond safe integers', { 'segment.ms': '9007199254740993' }, { segmentMs: Infinity }],
    [
      'a tiny segment for tests',
      { 'internal.segment.bytes': 512 },
      { segmentBytes: 512, internalSegmentBytes: 512 },
    ],
    [
      'internal.segment.bytes before segment.bytes',
      { 'internal.segment.bytes': 512, segmentBytes: 2097152 },
      { segmentBytes: 512 },
    ],
  ])('takes %s', (_, input, expected) => {
    expect(parseTopicConfig(input)).toMatchObject(expected);
  });

  it.each<[string, object, string]>([
    ['an unknown name', { 'segment.byte': 5 }, 'unknown topic setting "segment.byte"'],
    ['a name of the prototype', { constructor: 5 }, 'unknown topic setting "constructor"'],
    ['one setting by both names', { 'segment.ms': 5, segmentMs: 5 }, 'given twice'],
    [
      'segment.bytes below 1 MiB',
      { 'segment.bytes': 1048575 },
      'segment.bytes is 1048575: it must be an integer from 1048576 to 2147483647',
    ],
    ['segment.bytes above an int', { 'segment.bytes': 2147483648 }, '2147483647'],
    ['Infinity for an int', { 'segment.bytes': Infinity }, 'segment.bytes is Infinity'],
    [
      'NaN',
      { 'retention.ms': Number.NaN },
      'retention.ms is NaN: it must be an integer from 0 to Infinity, or -1 for no limit',
    ],
    ['a fraction', { 'segment.ms': 1.5 }, 'segment.ms is 1.5'],
    ['text that is no number', { 'segment.ms': '7d' }, 'segment.ms is "7d"'],
    ['empty text', { 'segment.ms': '' }, 'segment.ms is ""'],
    ['hexadecimal', { 'segment.ms': '0x10' }, 'segment.ms is "0x10"'],
    ['more than Long.MAX_VALUE', { 'segment.ms': '99999999999999999999' }, '99999999999999999999'],
    ['-1 where there is no such thing', { 'segment.ms': -1 }, 'segment.ms is -1'],
    ['-2 for retention.ms', { 'retention.ms': -2 }, 'retention.ms is -2'],
    ['-Infinity for retention.ms', { 'retention.ms': -Infinity }, 'retention.ms is -Infinity'],
    ['a ratio above 1', { 'min.cleanable.dirty.ratio': 1.01 }, 'a number from 0 to 1'],
    [
      'a boolean that is a number',
      { preallocate: 1 },
      'preallocate is 1: it must be one of true, false',
    ],
    [
      'an unknown policy',
      { 'cleanup.policy': 'archive' },
      'it must be one of delete, compact, "compact,delete"',
    ],
    ['an empty policy', { 'cleanup.policy': '' }, 'cleanup.policy is ""'],
    ['a policy twice', { 'cleanup.policy': 'delete,delete' }, 'cleanup.policy'],
    ['null', { 'segment.ms': null }, 'segment.ms is null'],
    ['an object', { 'segment.ms': {} }, 'segment.ms is of type object'],
    ['another case of a codec', { 'compression.type': 'GZIP' }, 'compression.type is "GZIP"'],
    [
      'a lag above the largest lag',
      { 'min.compaction.lag.ms': 10, 'max.compaction.lag.ms': 9 },
      'must not be above max.compaction.lag.ms, 9',
    ],
    ['an index without room for an entry', { 'segment.index.bytes': 23 }, 'from 24'],
  ])('refuses %s', (_, input, message) => {
    expect(refusal(input).message).toContain(message);
  });

  it('names the setting, the value and the range for programs', () => {
    expect(refusal({ segmentBytes: 5 }).details).toEqual({
      name: 'segment.bytes',
      value: 5,
      range: '1048576 to 2147483647',
    });
  });

  it('takes its own result, and its result as Kafka writes it', () => {
    const number = fc.integer({ min: 1, max: 1000 });
    fc.assert(
      fc.property(
        fc.record(
          {
            segmentMs: fc.oneof(number, fc.constant(Number.POSITIVE_INFINITY)),
            retentionMs: fc.oneof(fc.nat(1000), fc.constant(-1)),
            retentionBytes: fc.oneof(fc.nat(1000), fc.constant(-1)),
            flushMs: fc.oneof(fc.nat(9), fc.constant(Number.POSITIVE_INFINITY)),
            minCleanableDirtyRatio: fc.double({ min: 0, max: 1, noNaN: true }),
            cleanupPolicy: fc.constantFrom(
              'delete' as const,
              'compact' as const,
              'compact,delete' as const,
            ),
            preallocate: fc.boolean(),
            internalSegmentBytes: fc.oneof(fc.constant(null), fc.integer({ min: 14, max: 5000 })),
          },
          { requiredKeys: [] },
        ),
        (input) => {
          const config = parseTopicConfig(input);
          expect(parseTopicConfig(config)).toEqual(config);
          expect(parseTopicConfig(formatTopicConfig(config))).toEqual(config);
        },
      ),
    );
  });

  it('never throws anything but INVALID_CONFIG', () => {
    const names = describeTopicConfig().map(({ name }) => name);
    fc.assert(
      fc.property(fc.constantFrom(...names, '__proto__', 'x'), fc.anything(), (name, value) => {
        try {
          const config = parseTopicConfig(Object.fromEntries([[name, value]]) as TopicConfigInput);
          for (const setting of Object.values(config)) expect(setting).not.toBeNaN();
        } catch (error) {
          expect(isVarveError(error, 'INVALID_CONFIG'), String(error)).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('formatTopicConfig', () => {
  it('writes no limit as Kafka does', () => {
    const texts = formatTopicConfig(parseTopicConfig());
    expect(texts).toMatchObject({
      'retention.bytes': '-1',
      'retention.ms': '604800000',
      'flush.ms': LONG_MAX,
      'flush.messages': LONG_MAX,
      'max.compaction.lag.ms': LONG_MAX,
      'cleanup.policy': 'delete',
      preallocate: 'false',
    });
    expect(texts).not.toHaveProperty('internal.segment.bytes');
  });
});

describe('describeTopicConfig', () => {
  it('has every setting of a TopicConfig, with its default, and no other', () => {
    const rows = describeTopicConfig();
    const config = parseTopicConfig();
    expect(rows.map((row) => row.property).sort()).toEqual(Object.keys(config).sort());
    for (const row of rows) expect(config[row.property], row.name).toBe(row.default);
  });

  it('says what each means, in which unit and range', () => {
    for (const row of describeTopicConfig()) {
      expect(row.meaning.length, row.name).toBeGreaterThan(20);
      expect(row.range.length, row.name).toBeGreaterThan(0);
      if (row.name.endsWith('.ms')) expect(row.unit, row.name).toBe('ms');
      if (row.name.endsWith('.bytes')) expect(row.unit, row.name).toBe('bytes');
    }
  });
});
