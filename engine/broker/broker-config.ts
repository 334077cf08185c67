import { describeTopicConfig, parseTopicConfig, type TopicConfig } from '../config.js';
import { VarveError } from '../errors.js';
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
export const TOPIC_SYNONYMS: Readonly<Record<string, readonly Synonym[]>> = {
  'segment.bytes': [synonym('log.segment.bytes')],
  'segment.ms': [synonym('log.roll.ms'), synonym('log.roll.hours', HOURS)],
  'segment.jitter.ms': [synonym('log.roll.jitter.ms'), synonym('log.roll.jitter.hours', HOURS)],
  'segment.index.bytes': [synonym('log.index.size.max.bytes')],
  'index.interval.bytes': [synonym('log.index.interval.bytes')],
  'retention.ms': [
    synonym('log.retention.ms'),
    synonym('log.retention.minutes', MINUTES),
    synonym('log.retention.hours', HOURS),
  ],
  'retention.bytes': [synonym('log.retention.bytes')],
  'cleanup.policy': [synonym('log.cleanup.policy')],
  'min.cleanable.dirty.ratio': [synonym('log.cleaner.min.cleanable.ratio')],
  'delete.retention.ms': [synonym('log.cleaner.delete.retention.ms')],
  'min.compaction.lag.ms': [synonym('log.cleaner.min.compaction.lag.ms')],
  'max.compaction.lag.ms': [synonym('log.cleaner.max.compaction.lag.ms')],
  'file.delete.delay.ms': [synonym('log.segment.delete.delay.ms')],
  'flush.messages': [synonym('log.flush.interval.messages')],
  'flush.ms': [synonym('log.flush.interval.ms'), synonym('log.flush.scheduler.interval.ms')],
  'max.message.bytes': [synonym('message.max.bytes')],
  'message.timestamp.type': [synonym('log.message.timestamp.type')],
  'message.timestamp.before.max.ms': [synonym('log.message.timestamp.before.max.ms')],
  'message.timestamp.after.max.ms': [synonym('log.message.timestamp.after.max.ms')],
  'compression.type': [synonym('compression.type')],
  preallocate: [synonym('log.preallocate')],
  'min.insync.replicas': [synonym('min.insync.replicas')],
  'unclean.leader.election.enable': [synonym('unclean.leader.election.enable')],
  'producer.id.expiration.ms': [synonym('producer.id.expiration.ms')],
};

/** What topics get that do not set it themselves, by Kafka's names of topic settings. */
export function topicDefaults(config: BrokerConfig): Record<string, SettingValue> {
  const defaults: Record<string, SettingValue> = {};
  for (const [name, synonyms] of Object.entries(TOPIC_SYNONYMS)) {
    const found = synonyms.find(({ property }) => config[property] !== null);
    if (found === undefined) continue;
    const value = config[found.property] as SettingValue;
    defaults[name] = typeof value === 'number' ? value * found.factor : value;
  }
  return defaults;
}

/**
 * What is in force for a topic that sets `own`, by Kafka's names only. Fails with INVALID_CONFIG.
 */
export function topicConfigOf(
  own: Readonly<Record<string, string>>,
  broker: BrokerConfig,
): TopicConfig {
  for (const name of Object.keys(own)) {
    if (!TOPIC_SETTING_NAMES.has(name)) {
      throw new VarveError('INVALID_CONFIG', `unknown topic setting ${JSON.stringify(name)}`, {
        details: { name },
      });
    }
  }
  return parseTopicConfig({ ...topicDefaults(broker), ...own });
}

const TOPIC_SETTING_NAMES = new Set(describeTopicConfig().map(({ name }) => name));

function requireAtMost(config: BrokerConfig, low: Rows['name'], high: Rows['name']): void {
  const least = config[synonym(low).property] as number;
  const most = config[synonym(high).property] as number;
  if (least > most) throw refuseSetting(low, least, `it must not be above ${high}, ${most}`);
}
