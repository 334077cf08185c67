import { VarveError } from './errors.js';

export type CleanupPolicy = 'delete' | 'compact' | 'compact,delete';
export type TimestampType = 'CreateTime' | 'LogAppendTime';
export type TopicCompressionType = 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/**
 * Every setting of a topic, complete and checked: what {@link parseTopicConfig} returns. Names are
 * Kafka's in camel case; what each means, its unit and its range is in {@link describeTopicConfig}.
 * `Infinity` stands for no limit, where Kafka writes -1 or 9223372036854775807.
 */
export interface TopicConfig {
  readonly segmentBytes: number;
  /** Set only to go below the least `segment.bytes`: `segmentBytes` has this value then. */
  readonly internalSegmentBytes: number | null;
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly cleanupPolicy: CleanupPolicy;
  readonly minCleanableDirtyRatio: number;
  readonly deleteRetentionMs: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly fileDeleteDelayMs: number;
  readonly flushMessages: number;
  readonly flushMs: number;
  readonly maxMessageBytes: number;
  readonly messageTimestampType: TimestampType;
  readonly messageTimestampBeforeMaxMs: number;
  readonly messageTimestampAfterMaxMs: number;
  readonly compressionType: TopicCompressionType;
  readonly preallocate: boolean;
  readonly minInsyncReplicas: number;
  readonly uncleanLeaderElectionEnable: boolean;
  readonly producerIdExpirationMs: number;
}

export type TopicConfigValue = string | number | boolean;

/** Settings by their camel case names; what is left out or undefined gets its default. */
export type TopicConfigInput = {
  readonly [Name in keyof TopicConfig]?: TopicConfig[Name] | undefined;
};

/** A row of the table of settings. */
export interface TopicConfigDescription {
  /** Kafka's name: `segment.bytes`. */
  readonly name: string;
  /** The same in camel case: `segmentBytes`. */
  readonly property: keyof TopicConfig;
  readonly type: 'integer' | 'ratio' | 'boolean' | 'choice';
  /** As in {@link TopicConfig}. */
  readonly default: TopicConfigValue | null;
  readonly unit: 'bytes' | 'ms' | 'records' | 'replicas' | '';
  /** For people: `1048576 to 2147483647`. */
  readonly range: string;
  readonly meaning: string;
}

interface Setting {
  readonly name: string;
  readonly property: keyof TopicConfig;
  readonly unit: TopicConfigDescription['unit'];
  readonly meaning: string;
  readonly kind: Kind;
  readonly default: TopicConfigValue | null;
}

type Kind =
  | {
      readonly type: 'integer';
      readonly min: number;
      readonly max: number;
      readonly none?: Unlimited;
    }
  | { readonly type: 'ratio' }
  | { readonly type: 'boolean' }
  | { readonly type: 'choice'; readonly choices: readonly string[] };

/** Which numbers besides Infinity say "no limit": -1, or every negative one. */
type Unlimited = '-1' | 'negative';

const MAX_INT = 0x7fffffff;
const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const MIB = 1024 * 1024;
/** Kafka's Long.MAX_VALUE, which a double cannot hold. */
const LONG_MAX = '9223372036854775807';

const int = (min: number): Kind => ({ type: 'integer', min, max: MAX_INT });
const long = (min: number, none?: Unlimited): Kind =>
  none === undefined
    ? { type: 'integer', min, max: Number.POSITIVE_INFINITY }
    : { type: 'integer', min, max: Number.POSITIVE_INFINITY, none };
const choice = (...choices: string[]): Kind => ({ type: 'choice', choices });
const BOOLEAN: Kind = { type: 'boolean' };
const INFINITE = Number.POSITIVE_INFINITY;

function setting(
  name: string,
  unit: Setting['unit'],
  kind: Kind,
  defaultValue: TopicConfigValue | null,
  meaning: string,
): Setting {
  const property = name.replace(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());
  return {
    name,
    property: property as keyof TopicConfig,
    unit,
    kind,
    default: defaultValue,
    meaning,
  };
}

/** The one table: names, defaults and ranges as in Kafka 4.2 (`LogConfig`), differences said. */
const SETTINGS: readonly Setting[] = [
  setting(
    'segment.bytes',
    'bytes',
    int(MIB),
    1024 * MIB,
    'Largest size of a segment file. A new one begins before an append would pass it.',
  ),
  setting(
    'internal.segment.bytes',
    'bytes',
    int(14),
    null,
    'Replaces segment.bytes, below its least value too. For tests only.',
  ),
  setting(
    'segment.ms',
    'ms',
    long(1),
    7 * DAY,
    'Age at which a segment that holds records is rolled even if not full, counted from its first batch.',
  ),
  setting(
    'segment.jitter.ms',
    'ms',
    long(0),
    0,
    'Most that is subtracted at random from segment.ms, so that many partitions do not roll at once.',
  ),
  setting(
    'segment.index.bytes',
    'bytes',
    int(24),
    10 * MIB,
    'Largest size of each index file of a segment; a full index rolls the segment. Kafka takes 4 and more, ' +
      'but below 24 no index has room for an entry and every append rolls.',
  ),
  setting(
    'index.interval.bytes',
    'bytes',
    int(0),
    4096,
    'An index entry is added for the first batch after more than this many bytes of log.',
  ),
  setting(
    'retention.ms',
    'ms',
    long(0, '-1'),
    7 * DAY,
    'A segment is deleted when its newest record is older (cleanup.policy with delete). -1: never.',
  ),
  setting(
    'retention.bytes',
    'bytes',
    long(0, 'negative'),
    INFINITE,
    'The oldest segments are deleted while the partition without them still has this much ' +
      '(cleanup.policy with delete). -1: no limit.',
  ),
  setting(
    'cleanup.policy',
    '',
    choice('delete', 'compact', 'compact,delete'),
    'delete',
    'What happens to old data: delete drops whole segments by age and size, compact keeps the newest record of each key.',
  ),
  setting(
    'min.cleanable.dirty.ratio',
    '',
    { type: 'ratio' },
    0.5,
    'Share of a compacted log that must be uncompacted before compaction is worth it.',
  ),
  setting(
    'delete.retention.ms',
    'ms',
    long(0),
    DAY,
    'How long compaction keeps a tombstone (a record with a null value), for readers to see it.',
  ),
  setting(
    'min.compaction.lag.ms',
    'ms',
    long(0),
    0,
    'A record stays uncompacted at least this long.',
  ),
  setting(
    'max.compaction.lag.ms',
    'ms',
    long(1),
    INFINITE,
    'A record becomes eligible for compaction at the latest after this long; also bounds segment.ms.',
  ),
  setting(
    'file.delete.delay.ms',
    'ms',
    long(0),
    60 * SECOND,
    'How long a deleted segment stays on disk as .deleted before its file goes.',
  ),
  setting(
    'flush.messages',
    'records',
    long(1),
    INFINITE,
    'Records appended before the log is synced to disk. Infinity leaves it to the kernel: a crash of the ' +
      'process loses nothing, a power failure may.',
  ),
  setting('flush.ms', 'ms', long(0), INFINITE, 'Longest time an appended record stays unsynced.'),
  setting(
    'max.message.bytes',
    'bytes',
    int(0),
    MIB + 12,
    'Largest record batch, as stored: after compression, with its header.',
  ),
  setting(
    'message.timestamp.type',
    '',
    choice('CreateTime', 'LogAppendTime'),
    'CreateTime',
    'Whether records carry the time the producer gave them or the time of their append.',
  ),
  setting(
    'message.timestamp.before.max.ms',
    'ms',
    long(0),
    INFINITE,
    'How far a CreateTime timestamp may lie before the clock of the log.',
  ),
  setting(
    'message.timestamp.after.max.ms',
    'ms',
    long(0),
    HOUR,
    'How far a CreateTime timestamp may lie after the clock of the log.',
  ),
  setting(
    'compression.type',
    '',
    choice('producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'),
    'producer',
    'Codec for records that varve makes into batches itself, unless their producer names one; producer: ' +
      'none. Ready batches are stored as they come: the log never recompresses.',
  ),
  setting(
    'preallocate',
    '',
    BOOLEAN,
    false,
    'Reserve the whole segment on disk when it is made, instead of in steps ahead of the data.',
  ),
  setting(
    'min.insync.replicas',
    'replicas',
    int(1),
    1,
    'Replicas, the leader among them, that must have a record before acks=all is answered.',
  ),
  setting(
    'unclean.leader.election.enable',
    '',
    BOOLEAN,
    false,
    'Whether a replica that may lack acknowledged records can become leader when no other is left.',
  ),
  setting(
    'producer.id.expiration.ms',
    'ms',
    int(1),
    DAY,
    'Idle time after which an idempotent producer is forgotten. In Kafka a setting of the broker.',
  ),
];

const BY_NAME = new Map<string, Setting>();
for (const entry of SETTINGS) {
  BY_NAME.set(entry.name, entry);
  BY_NAME.set(entry.property, entry);
}

/**
 * Checks settings given by Kafka's names (`segment.bytes`, values also as text) or by camel case
 * names, and fills in the defaults. Fails with INVALID_CONFIG, naming the setting, the value and the
 * range, for an unknown name, a setting given twice, or a value of the wrong type or out of range.
 */
export function parseTopicConfig(
  input: TopicConfigInput | Readonly<Record<string, TopicConfigValue>> = {},
): TopicConfig {
  const values: Partial<Record<keyof TopicConfig, TopicConfigValue | null>> = {};
  for (const { property, default: defaultValue } of SETTINGS) values[property] = defaultValue;

  const given = new Map<keyof TopicConfig, unknown>();
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue;
    const found = BY_NAME.get(name);
    if (found === undefined) throw unknownName(name);
    if (given.has(found.property)) {
      throw refuse(
        found.name,
        value,
        `it is given twice, as ${found.name} and as ${found.property}`,
      );
    }
    given.set(found.property, value);
  }

  const internal = given.get('internalSegmentBytes');
  if (internal !== undefined && internal !== null) {
    // A config that was parsed before carries the replaced value too; it has been checked there.
    if (given.get('segmentBytes') === internal) given.delete('segmentBytes');
  }
  for (const { property, name, kind } of SETTINGS) {
    const value = given.get(property);
    if (value === undefined || (value === null && property === 'internalSegmentBytes')) continue;
    values[property] = parseValue(name, kind, value);
  }
  if (values.internalSegmentBytes !== null && values.internalSegmentBytes !== undefined) {
    values.segmentBytes = values.internalSegmentBytes;
  }

  // Sound because the table has every property of TopicConfig: a test compares the two.
  const config = values as unknown as TopicConfig;
  if (config.minCompactionLagMs > config.maxCompactionLagMs) {
    throw refuse(
      'min.compaction.lag.ms',
      config.minCompactionLagMs,
      `it must not be above max.compaction.lag.ms, ${config.maxCompactionLagMs}`,
    );
  }
  return config;
}

/** The settings as a table, for documentation and the command line. */
export function describeTopicConfig(): TopicConfigDescription[] {
  return SETTINGS.map(({ name, property, kind, default: defaultValue, unit, meaning }) => ({
    name,
    property,
    type: kind.type,
    default: defaultValue,
    unit,
    range: rangeOf(kind),
    meaning,
  }));
}

/** The settings by Kafka's names with Kafka's text for each value: what a Kafka client is shown. */
export function formatTopicConfig(config: TopicConfig): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const { name, property, kind } of SETTINGS) {
    const value = config[property];
    if (value === null) continue;
    const noLimit = kind.type === 'integer' && kind.none !== undefined ? '-1' : LONG_MAX;
    texts[name] = value === Number.POSITIVE_INFINITY ? noLimit : String(value);
  }
  return texts;
}

function parseValue(name: string, kind: Kind, value: unknown): TopicConfigValue {
  switch (kind.type) {
    case 'integer':
      return parseInteger(name, kind, value);
    case 'ratio': {
      const number = toNumber(value);
      if (!(number >= 0 && number <= 1)) throw outOfRange(name, kind, value);
      return number;
    }
    case 'boolean': {
      const text = typeof value === 'string' ? value.trim().toLowerCase() : value;
      if (text !== true && text !== false && text !== 'true' && text !== 'false') {
        throw outOfRange(name, kind, value);
      }
      return text === true || text === 'true';
    }
    case 'choice':
      return parseChoice(name, kind, value);
  }
}

function parseInteger(
  name: string,
  kind: Extract<Kind, { readonly type: 'integer' }>,
  value: unknown,
): number {
  let number = toNumber(value);
  if (kind.none === '-1' && number === -1) return Number.POSITIVE_INFINITY;
  if (kind.none === 'negative' && number < 0) return Number.POSITIVE_INFINITY;
  // From 2^53 on a double skips integers, and the next limit that means anything is none at all.
  const longMax = Number(LONG_MAX);
  if (number > Number.MAX_SAFE_INTEGER && number <= longMax) number = Number.POSITIVE_INFINITY;
  if (!Number.isSafeInteger(number) && number !== Number.POSITIVE_INFINITY) {
    throw outOfRange(name, kind, value);
  }
  if (number < kind.min || number > kind.max) throw outOfRange(name, kind, value);
  return number;
}

function parseChoice(
  name: string,
  kind: Extract<Kind, { readonly type: 'choice' }>,
  value: unknown,
): string {
  if (typeof value === 'string') {
    const text = name === 'cleanup.policy' ? canonicalList(value) : value;
    if (kind.choices.includes(text)) return text;
  }
  throw outOfRange(name, kind, value);
}

/** `delete, compact` and `compact,delete` are the same policy. */
function canonicalList(text: string): string {
  const parts = text.split(',').map((part) => part.trim());
  return parts.sort().join(',');
}

function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return Number.NaN;
  const text = value.trim();
  if (text === 'Infinity') return Number.POSITIVE_INFINITY;
  return /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}

function rangeOf(kind: Kind): string {
  switch (kind.type) {
    case 'integer': {
      const upTo = kind.max === Number.POSITIVE_INFINITY ? 'Infinity' : String(kind.max);
      const noLimit = kind.none === undefined ? '' : ', or -1 for no limit';
      return `${kind.min} to ${upTo}${noLimit}`;
    }
    case 'ratio':
      return '0 to 1';
    case 'boolean':
      return 'true, false';
    case 'choice':
      return kind.choices.map((text) => (text.includes(',') ? `"${text}"` : text)).join(', ');
  }
}

const TYPE_NAMES = {
  integer: 'an integer from ',
  ratio: 'a number from ',
  boolean: 'one of ',
  choice: 'one of ',
} as const;

function outOfRange(name: string, kind: Kind, value: unknown): VarveError {
  return refuse(name, value, `it must be ${TYPE_NAMES[kind.type]}${rangeOf(kind)}`, rangeOf(kind));
}

function refuse(name: string, value: unknown, rule: string, range?: string): VarveError {
  const shown = showValue(value);
  return new VarveError('INVALID_CONFIG', `${name} is ${shown}: ${rule}`, {
    details: range === undefined ? { name, value } : { name, value, range },
  });
}

/** Never runs code of the value: an object's own toString may throw. */
function showValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return `${value}`;
  return `of type ${typeof value}`;
}

function unknownName(name: string): VarveError {
  return new VarveError(
    'INVALID_CONFIG',
    `unknown topic setting ${JSON.stringify(name)}; known are ${SETTINGS.map((known) => known.name).join(', ')}`,
    { details: { name } },
  );
}
