import { parseTopicConfig, type TopicConfig, type TopicConfigInput } from '../config.js';
import {
  refuseSetting,
  type SettingDescription,
  SettingsTable,
  type SettingValue,
} from '../settings.js';
import { BROKER_SETTINGS, type BrokerSetting } from './broker-settings.js';

type Rows = (typeof BROKER_SETTINGS)[number];
type ValueOf<R> = R extends BrokerSetting<string, infer V> ? V : never;

/**
 * Every setting of a broker, complete and checked: what {@link parseBrokerConfig} returns. Names are Kafka's in camel
 * case; `Infinity` stands for no limit, null for none.
 */
export type BrokerConfig = {
  readonly [R in Rows as R['property']]: ValueOf<R>;
};
export type BrokerConfigProperty = keyof BrokerConfig;

/** Settings by their camel case names; what is left out or undefined gets its default. */
export type BrokerConfigInput = {
  readonly [P in BrokerConfigProperty]?: BrokerConfig[P] | undefined;
};

const TABLE = new SettingsTable<BrokerConfigProperty>('broker', BROKER_SETTINGS);

/**
 * Checks settings given by Kafka's names (`num.partitions`, values also as text) or by camel case names, and fills in
 * the defaults. Fails with INVALID_CONFIG, naming the setting, the value and the range, for an unknown name, a setting
 * given twice, a value of the wrong type or out of range, and for settings that contradict each other.
 */
export function parseBrokerConfig(
  input: BrokerConfigInput | Readonly<Record<string, SettingValue>> = {},
): BrokerConfig {
  // Sound because the type is made from the table.
  const config = TABLE.complete(TABLE.collect(input)) as unknown as BrokerConfig;
  requireAtMost(config, 'group.min.session.timeout.ms', 'group.max.session.timeout.ms');
  requireAtMost(config, 'replica.fetch.wait.max.ms', 'replica.socket.timeout.ms');
  requireAtMost(config, 'replica.fetch.wait.max.ms', 'replica.lag.time.max.ms');
  requireAtMost(config, 'broker.heartbeat.interval.ms', 'broker.session.timeout.ms');
  parseTopicConfig(topicDefaults(config));
  return config;
}

/** The settings as a table, for documentation and the command line. */
export function describeBrokerConfig(): SettingDescription<BrokerConfigProperty>[] {
  return TABLE.describe();
}

/** The settings by Kafka's names with Kafka's text for each value. */
export function formatBrokerConfig(config: BrokerConfig): Record<string, string> {
  return TABLE.format(config);
}

/** By Kafka's name. */
export function brokerSetting(name: string): BrokerSetting | undefined {
  return BROKER_SETTINGS.find((row) => row.name === name);
}

interface Synonym {
  readonly name: Rows['name'];
  readonly property: BrokerConfigProperty;
  /** Milliseconds of the broker setting's unit. */
  readonly factor: number;
}

const MINUTES = 60_000;
const HOURS = 60 * MINUTES;

function synonym(name: Rows['name'], factor = 1): Synonym {
  const row = BROKER_SETTINGS.find((setting) => setting.name === name);
  if (row === undefined) throw new Error(`no broker setting ${name}`);
  return { name, property: row.property, factor };
}

/**
 * For each topic setting, the broker settings that give its default, the first that has a value. Kafka:
 * ServerTopicConfigSynonyms.
 */
export const TOPIC_SYNONYMS: {
  readonly [P in Exclude<keyof TopicConfig, 'internalSegmentBytes'>]: readonly Synonym[];
} = {
  segmentBytes: [synonym('log.segment.bytes')],
  segmentMs: [synonym('log.roll.ms'), synonym('log.roll.hours', HOURS)],
  segmentJitterMs: [synonym('log.roll.jitter.ms'), synonym('log.roll.jitter.hours', HOURS)],
  segmentIndexBytes: [synonym('log.index.size.max.bytes')],
  indexIntervalBytes: [synonym('log.index.interval.bytes')],
  retentionMs: [
    synonym('log.retention.ms'),
    synonym('log.retention.minutes', MINUTES),
    synonym('log.retention.hours', HOURS),
  ],
  retentionBytes: [synonym('log.retention.bytes')],
  cleanupPolicy: [synonym('log.cleanup.policy')],
  minCleanableDirtyRatio: [synonym('log.cleaner.min.cleanable.ratio')],
  deleteRetentionMs: [synonym('log.cleaner.delete.retention.ms')],
  minCompactionLagMs: [synonym('log.cleaner.min.compaction.lag.ms')],
  maxCompactionLagMs: [synonym('log.cleaner.max.compaction.lag.ms')],
  fileDeleteDelayMs: [synonym('log.segment.delete.delay.ms')],
  flushMessages: [synonym('log.flush.interval.messages')],
  flushMs: [synonym('log.flush.interval.ms'), synonym('log.flush.scheduler.interval.ms')],
  maxMessageBytes: [synonym('message.max.bytes')],
  messageTimestampType: [synonym('log.message.timestamp.type')],
  messageTimestampBeforeMaxMs: [synonym('log.message.timestamp.before.max.ms')],
  messageTimestampAfterMaxMs: [synonym('log.message.timestamp.after.max.ms')],
  compressionType: [synonym('compression.type')],
  preallocate: [synonym('log.preallocate')],
  minInsyncReplicas: [synonym('min.insync.replicas')],
  uncleanLeaderElectionEnable: [synonym('unclean.leader.election.enable')],
  producerIdExpirationMs: [synonym('producer.id.expiration.ms')],
};

/** What topics get that do not set it themselves. */
export function topicDefaults(config: BrokerConfig): TopicConfigInput {
  const defaults: Record<string, SettingValue> = {};
  for (const [property, synonyms] of Object.entries(TOPIC_SYNONYMS)) {
    const found = synonyms.find((its) => config[its.property] !== null);
    if (found === undefined) continue;
    const value = config[found.property] as SettingValue;
    defaults[property] = typeof value === 'number' ? value * found.factor : value;
  }
  return defaults as TopicConfigInput;
}

function requireAtMost(config: BrokerConfig, low: Rows['name'], high: Rows['name']): void {
  const least = config[synonym(low).property] as number;
  const most = config[synonym(high).property] as number;
  if (least > most) throw refuseSetting(low, least, `it must not be above ${high}, ${most}`);
}
