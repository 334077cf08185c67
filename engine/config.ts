import {
  BOOLEAN,
  choice,
  choiceOfLists,
  int,
  long,
  propertyOf,
  RATIO,
  refuseSetting,
  type Setting,
  type SettingDescription,
  type SettingKind,
  SettingsTable,
  type SettingUnit,
  type SettingValue,
} from './settings.js';

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

export type TopicConfigValue = SettingValue;

/** Settings by their camel case names; what is left out or undefined gets its default. */
export type TopicConfigInput = {
  readonly [Name in keyof TopicConfig]?: TopicConfig[Name] | undefined;
};

/** A row of the table of settings. */
export type TopicConfigDescription = SettingDescription<keyof TopicConfig>;

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const MIB = 1024 * 1024;
const INFINITE = Number.POSITIVE_INFINITY;

function setting(
  name: string,
  unit: SettingUnit,
  kind: SettingKind,
  defaultValue: TopicConfigValue | null,
  meaning: string,
): Setting<keyof TopicConfig> {
  const property = propertyOf(name) as keyof TopicConfig;
  return { name, property, unit, kind, default: defaultValue, meaning };
}

/** The one table: names, defaults and ranges as in Kafka 4.2 (`LogConfig`), differences said. */
const TABLE = new SettingsTable<keyof TopicConfig>('topic', [
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
    choiceOfLists('delete', 'compact', 'compact,delete'),
    'delete',
    'What happens to old data: delete drops whole segments by age and size, compact keeps the newest record of each key.',
  ),
  setting(
    'min.cleanable.dirty.ratio',
    '',
    RATIO,
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
    'Records appended before the log is synced to disk; a broker acknowledges the one that reaches this number when ' +
      'it is there. Infinity leaves it to the kernel: a crash of the process loses nothing, a power failure may.',
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
]);

/**
 * Checks settings given by Kafka's names (`segment.bytes`, values also as text) or by camel case
 * names, and fills in the defaults. Fails with INVALID_CONFIG, naming the setting, the value and the
 * range, for an unknown name, a setting given twice, or a value of the wrong type or out of range.
 */
export function parseTopicConfig(
  input: TopicConfigInput | Readonly<Record<string, TopicConfigValue>> = {},
): TopicConfig {
  const given = TABLE.collect(input);
  const internal = given.get('internalSegmentBytes');
  if (internal !== undefined && internal !== null) {
    // A config that was parsed before carries the replaced value too; it has been checked there.
    if (given.get('segmentBytes') === internal) given.delete('segmentBytes');
  }
  const values = TABLE.complete(given);
  if (values.internalSegmentBytes !== null) values.segmentBytes = values.internalSegmentBytes;

  // Sound because the table has every property of TopicConfig: a test compares the two.
  const config = values as unknown as TopicConfig;
  if (config.minCompactionLagMs > config.maxCompactionLagMs) {
    throw refuseSetting(
      'min.compaction.lag.ms',
      config.minCompactionLagMs,
      `it must not be above max.compaction.lag.ms, ${config.maxCompactionLagMs}`,
    );
  }
  return config;
}

/** The settings as a table, for documentation and the command line. */
export function describeTopicConfig(): TopicConfigDescription[] {
  return TABLE.describe();
}

/** The settings by Kafka's names with Kafka's text for each value: what a Kafka client is shown. */
export function formatTopicConfig(config: TopicConfig): Record<string, string> {
  return TABLE.format(config);
}
