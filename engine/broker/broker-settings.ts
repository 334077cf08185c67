import {
  BOOLEAN,
  choice,
  choiceOfLists,
  int,
  long,
  propertyOf,
  RATIO,
  type Setting,
  type SettingKind,
  type SettingUnit,
  type SettingValue,
  TEXT,
} from '../settings.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const KIB = 1024;
const MIB = 1024 * KIB;
const MAX_INT = 0x7fffffff;
const MAX_SHORT = 0x7fff;
const INFINITE = Number.POSITIVE_INFINITY;

/** A row of the table; `Value` is the type of what the setting holds. */
export interface BrokerSetting<N extends string = string, Value = SettingValue | null>
  extends Setting<CamelCase<N>> {
  readonly name: N;
  /** Whether it can be changed while the broker runs, with AlterConfigs. Kafka: dynamic update mode. */
  readonly isDynamic: boolean;
  /** Only for the compiler. */
  readonly value?: Value;
}

export type CamelCase<N extends string> = N extends `${infer Head}.${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : N;
type Widen<V> = V extends number ? number : V extends boolean ? boolean : V;

function row(isDynamic: boolean) {
  return <const N extends string, V extends SettingValue | null>(
    name: N,
    unit: SettingUnit,
    kind: SettingKind,
    defaultValue: V,
    meaning: string,
  ): BrokerSetting<N, Widen<V>> => ({
    name,
    property: propertyOf(name) as CamelCase<N>,
    unit,
    kind,
    default: defaultValue,
    meaning,
    isDynamic,
  });
}
const fixed = row(false);
const dynamic = row(true);

const NO_NUMBER = null as number | null;
const NO_TEXT = null as string | null;

/** The one table: names, defaults, ranges and what can be changed at run time as in Kafka 4.2; differences said. */
export const BROKER_SETTINGS = [
  // --- topics and their defaults
  fixed(
    'broker.rack',
    '',
    TEXT,
    NO_TEXT,
    'Rack of this broker, told to clients and to the controller.',
  ),
  fixed(
    'num.partitions',
    'partitions',
    int(1),
    1,
    'Partitions of a topic made without saying how many.',
  ),
  fixed(
    'default.replication.factor',
    'replicas',
    int(1, MAX_SHORT),
    1,
    'Replicas of each partition of a topic made without saying how many.',
  ),
  fixed(
    'auto.create.topics.enable',
    '',
    BOOLEAN,
    true,
    'Whether a topic that a client asks the metadata of is made when it is not there.',
  ),
  fixed('delete.topic.enable', '', BOOLEAN, true, 'Whether topics can be deleted.'),
  fixed(
    'auto.leader.rebalance.enable',
    '',
    BOOLEAN,
    true,
    'Whether leadership goes back to the first replica of each partition when that is in sync again.',
  ),
  fixed(
    'leader.imbalance.check.interval.seconds',
    'seconds',
    long(1),
    300,
    'How often leadership is looked at for auto.leader.rebalance.enable.',
  ),
  dynamic(
    'message.max.bytes',
    'bytes',
    int(0),
    MIB + 12,
    'Largest record batch, after compression, of a topic that does not set max.message.bytes.',
  ),
  dynamic(
    'min.insync.replicas',
    'replicas',
    int(1),
    1,
    'Replicas that must have a record before acks=all is answered, of a topic that does not set it.',
  ),
  dynamic(
    'unclean.leader.election.enable',
    '',
    BOOLEAN,
    false,
    'Whether a replica that may lack acknowledged records can become leader, of a topic that does not set it.',
  ),
  dynamic(
    'compression.type',
    '',
    choice('producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'),
    'producer' as string,
    'compression.type of a topic that does not set it. Ready batches are stored as they come in any case.',
  ),
  dynamic(
    'producer.id.expiration.ms',
    'ms',
    int(1),
    DAY,
    'Idle time after which an idempotent producer is forgotten.',
  ),

  // --- logs
  dynamic(
    'log.segment.bytes',
    'bytes',
    int(MIB),
    1024 * MIB,
    'segment.bytes of a topic that does not set it.',
  ),
  dynamic('log.roll.ms', 'ms', long(1), NO_NUMBER, 'segment.ms of a topic that does not set it.'),
  fixed('log.roll.hours', 'hours', int(1), 168, 'As log.roll.ms, which goes before it, in hours.'),
  dynamic(
    'log.roll.jitter.ms',
    'ms',
    long(0),
    NO_NUMBER,
    'segment.jitter.ms of a topic that does not set it.',
  ),
  fixed(
    'log.roll.jitter.hours',
    'hours',
    int(0),
    0,
    'As log.roll.jitter.ms, which goes before it, in hours.',
  ),
  dynamic(
    'log.index.size.max.bytes',
    'bytes',
    int(24),
    10 * MIB,
    'segment.index.bytes of a topic that does not set it. Kafka takes 4 and more.',
  ),
  dynamic(
    'log.index.interval.bytes',
    'bytes',
    int(0),
    4096,
    'index.interval.bytes of a topic that does not set it.',
  ),
  dynamic(
    'log.retention.ms',
    'ms',
    long(0, '-1'),
    NO_NUMBER,
    'retention.ms of a topic that does not set it. -1: never.',
  ),
  fixed(
    'log.retention.minutes',
    'minutes',
    int(1),
    NO_NUMBER,
    'As log.retention.ms, which goes before it, in minutes.',
  ),
  fixed(
    'log.retention.hours',
    'hours',
    { type: 'integer', min: 1, max: MAX_INT, none: '-1' },
    168,
    'As log.retention.minutes, which goes before it, in hours. -1: never.',
  ),
  dynamic(
    'log.retention.bytes',
    'bytes',
    long(0, 'negative'),
    INFINITE,
    'retention.bytes of a topic that does not set it. -1: no limit.',
  ),
  fixed(
    'log.retention.check.interval.ms',
    'ms',
    long(1),
    5 * MINUTE,
    'How often segments to be deleted are looked for.',
  ),
  dynamic(
    'log.cleanup.policy',
    '',
    choiceOfLists('delete', 'compact', 'compact,delete'),
    'delete' as string,
    'cleanup.policy of a topic that does not set it.',
  ),
  fixed(
    'log.cleaner.backoff.ms',
    'ms',
    long(0),
    15 * SECOND,
    'How often logs to be compacted are looked for.',
  ),
  dynamic(
    'log.cleaner.min.cleanable.ratio',
    '',
    RATIO,
    0.5,
    'min.cleanable.dirty.ratio of a topic that does not set it.',
  ),
  dynamic(
    'log.cleaner.delete.retention.ms',
    'ms',
    long(0),
    DAY,
    'delete.retention.ms of a topic that does not set it.',
  ),
  dynamic(
    'log.cleaner.min.compaction.lag.ms',
    'ms',
    long(0),
    0,
    'min.compaction.lag.ms of a topic that does not set it.',
  ),
  dynamic(
    'log.cleaner.max.compaction.lag.ms',
    'ms',
    long(1),
    INFINITE,
    'max.compaction.lag.ms of a topic that does not set it.',
  ),
  dynamic(
    'log.segment.delete.delay.ms',
    'ms',
    long(0),
    MINUTE,
    'file.delete.delay.ms of a topic that does not set it.',
  ),
  dynamic(
    'log.flush.interval.messages',
    'records',
    long(1),
    INFINITE,
    'flush.messages of a topic that does not set it.',
  ),
  dynamic(
    'log.flush.interval.ms',
    'ms',
    long(0),
    NO_NUMBER,
    'flush.ms of a topic that does not set it.',
  ),
  fixed(
    'log.flush.scheduler.interval.ms',
    'ms',
    long(0),
    INFINITE,
    'As log.flush.interval.ms, which goes before it.',
  ),
  fixed(
    'log.flush.offset.checkpoint.interval.ms',
    'ms',
    int(0),
    MINUTE,
    'How often recovery points are written, which bound what an unclean stop makes the next start read.',
  ),
  dynamic(
    'log.message.timestamp.type',
    '',
    choice('CreateTime', 'LogAppendTime'),
    'CreateTime' as string,
    'message.timestamp.type of a topic that does not set it.',
  ),
  dynamic(
    'log.message.timestamp.before.max.ms',
    'ms',
    long(0),
    INFINITE,
    'message.timestamp.before.max.ms of a topic that does not set it.',
  ),
  dynamic(
    'log.message.timestamp.after.max.ms',
    'ms',
    long(0),
    HOUR,
    'message.timestamp.after.max.ms of a topic that does not set it.',
  ),
  dynamic('log.preallocate', '', BOOLEAN, false, 'preallocate of a topic that does not set it.'),
  fixed(
    'num.recovery.threads.per.data.dir',
    'partitions',
    int(1),
    2,
    'Partitions recovered at the same time after an unclean stop.',
  ),

  // --- requests and connections
  fixed(
    'socket.request.max.bytes',
    'bytes',
    int(1),
    100 * MIB,
    'Largest request; the connection is closed above it.',
  ),
  fixed(
    'socket.listen.backlog.size',
    'connections',
    int(1),
    50,
    'Connections the kernel holds until they are accepted.',
  ),
  dynamic('max.connections', 'connections', int(0), MAX_INT, 'Connections at the same time.'),
  dynamic(
    'max.connections.per.ip',
    'connections',
    int(0),
    MAX_INT,
    'Connections at the same time from one address.',
  ),
  fixed(
    'connections.max.idle.ms',
    'ms',
    long(0, 'negative'),
    10 * MINUTE,
    'A connection that is silent for longer is closed. -1: never.',
  ),
  fixed(
    'connection.failed.authentication.delay.ms',
    'ms',
    int(0),
    100,
    'How long the answer to a failed authentication is held back.',
  ),
  fixed(
    'queued.max.request.bytes',
    'bytes',
    long(1, '-1'),
    INFINITE,
    'Bytes of requests under way, above which no more are read. -1: no limit.',
  ),
  fixed(
    'fetch.max.bytes',
    'bytes',
    int(1024),
    55 * MIB,
    'Most bytes in the answer to one fetch, whatever the client asks for.',
  ),
  fixed(
    'max.request.partition.size.limit',
    'partitions',
    int(1),
    2000,
    'Most partitions in one answer to DescribeTopicPartitions.',
  ),

  // --- consumer groups
  fixed(
    'group.min.session.timeout.ms',
    'ms',
    int(0),
    6 * SECOND,
    'Least session timeout a member may ask for.',
  ),
  fixed(
    'group.max.session.timeout.ms',
    'ms',
    int(0),
    30 * MINUTE,
    'Largest session timeout a member may ask for.',
  ),
  fixed(
    'group.initial.rebalance.delay.ms',
    'ms',
    int(0),
    3 * SECOND,
    'How long an empty group waits for more members after the first.',
  ),
  fixed('group.max.size', 'members', int(1), MAX_INT, 'Most members of one group.'),
  fixed('offset.metadata.max.bytes', 'bytes', int(0), 4096, 'Most text committed with an offset.'),
  fixed(
    'offsets.topic.num.partitions',
    'partitions',
    int(1),
    50,
    'Partitions of __consumer_offsets, fixed when it is made.',
  ),
  fixed(
    'offsets.topic.replication.factor',
    'replicas',
    int(1, MAX_SHORT),
    3,
    'Replicas of __consumer_offsets; it is not made until there are as many brokers.',
  ),
  fixed(
    'offsets.topic.segment.bytes',
    'bytes',
    int(MIB),
    100 * MIB,
    'segment.bytes of __consumer_offsets. Kafka takes 1 and more.',
  ),
  fixed(
    'offsets.load.buffer.size',
    'bytes',
    int(1),
    5 * MIB,
    'Bytes of __consumer_offsets read at a time when a coordinator loads.',
  ),
  fixed(
    'offsets.retention.minutes',
    'minutes',
    int(1),
    7 * 24 * 60,
    'How long the offsets of a group without members are kept.',
  ),
  fixed(
    'offsets.retention.check.interval.ms',
    'ms',
    long(1),
    10 * MINUTE,
    'How often expired offsets are looked for.',
  ),
  fixed(
    'offsets.commit.timeout.ms',
    'ms',
    int(1),
    5 * SECOND,
    'How long a commit waits for the replicas of __consumer_offsets.',
  ),

  // --- replication
  fixed(
    'replica.lag.time.max.ms',
    'ms',
    long(1),
    30 * SECOND,
    'A follower that has not caught up for this long leaves the in-sync replicas.',
  ),
  fixed(
    'replica.fetch.max.bytes',
    'bytes',
    int(0),
    MIB,
    'Bytes a follower asks for of each partition.',
  ),
  fixed(
    'replica.fetch.response.max.bytes',
    'bytes',
    int(0),
    10 * MIB,
    'Bytes a follower asks for in one fetch.',
  ),
  fixed(
    'replica.fetch.min.bytes',
    'bytes',
    int(0),
    1,
    'Bytes a leader waits for before it answers a follower.',
  ),
  fixed(
    'replica.fetch.wait.max.ms',
    'ms',
    int(0),
    500,
    'Longest a leader waits before it answers a follower.',
  ),
  fixed(
    'replica.fetch.backoff.ms',
    'ms',
    int(0),
    SECOND,
    'Pause of a follower after a failed fetch.',
  ),
  fixed(
    'replica.socket.timeout.ms',
    'ms',
    int(1),
    30 * SECOND,
    'How long a follower waits for an answer.',
  ),
  fixed(
    'replica.high.watermark.checkpoint.interval.ms',
    'ms',
    long(1),
    5 * SECOND,
    'How often high watermarks are written to disk.',
  ),

  // --- life
  fixed(
    'broker.heartbeat.interval.ms',
    'ms',
    int(1),
    2 * SECOND,
    'How often a broker tells the controller that it is alive.',
  ),
  fixed(
    'broker.session.timeout.ms',
    'ms',
    int(1),
    9 * SECOND,
    'A broker not heard of for longer is fenced: its partitions are led elsewhere.',
  ),
  fixed(
    'initial.broker.registration.timeout.ms',
    'ms',
    int(1),
    MINUTE,
    'How long a starting broker tries to register with the controller.',
  ),
  fixed(
    'controlled.shutdown.enable',
    '',
    BOOLEAN,
    true,
    'Whether a stopping broker first has its partitions led elsewhere.',
  ),
  fixed(
    'controlled.shutdown.max.retries',
    '',
    int(0),
    3,
    'Times controlled.shutdown.retry.backoff.ms that a stopping broker waits for that.',
  ),
  fixed(
    'controlled.shutdown.retry.backoff.ms',
    'ms',
    long(1),
    5 * SECOND,
    'See controlled.shutdown.max.retries.',
  ),
] as const;
