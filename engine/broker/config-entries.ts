import { describeTopicConfig, formatTopicConfig } from '../config.js';
import type { ConfigValues } from '../metadata/image.js';
import { formatSettingValue, type SettingKind } from '../settings.js';
import { brokerSetting, TOPIC_SYNONYMS, topicConfigOf } from './broker-config.js';
import { BROKER_SETTINGS } from './broker-settings.js';
import { type ConfigLayer, ConfigSource, type LiveSettings } from './live-settings.js';

/** Kafka: DescribeConfigsResponse.ConfigType. */
export const ConfigType = {
  BOOLEAN: 1,
  STRING: 2,
  INT: 3,
  SHORT: 4,
  LONG: 5,
  DOUBLE: 6,
  LIST: 7,
} as const;

/** A setting as DescribeConfigs shows it. */
export interface ConfigEntry {
  readonly name: string;
  /** Kafka's text; null: no value. */
  readonly value: string | null;
  readonly source: ConfigSource;
  readonly isReadOnly: boolean;
  /** Where the value could come from, the one in force first. */
  readonly synonyms: readonly ConfigLayer[];
  readonly type: number;
  readonly documentation: string;
}

/** Of a broker in Kafka, or only for tests: shown where a topic sets them. */
const NOT_KAFKAS = new Set(['internal.segment.bytes', 'producer.id.expiration.ms']);
const TOPIC_ROWS = describeTopicConfig();

/** All settings of a topic. Kafka: ConfigHelper.createTopicConfigEntry. */
export function describeTopic(own: ConfigValues, settings: LiveSettings): ConfigEntry[] {
  const texts = formatTopicConfig(topicConfigOf(own, settings.current));
  const entries: ConfigEntry[] = [];
  for (const { name, meaning } of TOPIC_ROWS) {
    const isOwn = Object.hasOwn(own, name);
    const value = texts[name];
    if (value === undefined || (!isOwn && NOT_KAFKAS.has(name))) continue;
    const synonyms: ConfigLayer[] = isOwn ? [{ name, value, source: ConfigSource.TOPIC }] : [];
    for (const source of SOURCES_BELOW_TOPIC) {
      for (const synonym of TOPIC_SYNONYMS[name] ?? []) {
        const layer = settings.layers(synonym.name).find((its) => its.source === source);
        if (layer !== undefined) synonyms.push(layer);
      }
    }
    entries.push({
      name,
      value,
      source: synonyms[0]?.source ?? ConfigSource.DEFAULT,
      isReadOnly: false,
      synonyms,
      type: topicType(name),
      documentation: meaning,
    });
  }
  return entries;
}

const SOURCES_BELOW_TOPIC = [
  ConfigSource.DYNAMIC_BROKER,
  ConfigSource.DYNAMIC_DEFAULT_BROKER,
  ConfigSource.STATIC_BROKER,
  ConfigSource.DEFAULT,
] as const;

/** All settings of this broker. */
export function describeBroker(settings: LiveSettings): ConfigEntry[] {
  const { current } = settings;
  return BROKER_SETTINGS.map((setting) => {
    const value = current[setting.property];
    const synonyms = settings.layers(setting.name);
    return {
      name: setting.name,
      value: value === null ? null : formatSettingValue(setting.kind, value),
      source: synonyms[0]?.source ?? ConfigSource.DEFAULT,
      isReadOnly: !setting.isDynamic,
      synonyms,
      type: typeOf(setting.kind),
      documentation: setting.meaning,
    };
  });
}

/** What was given to every broker at run time: what the empty broker name stands for. */
export function describeAllBrokers(settings: LiveSettings): ConfigEntry[] {
  return Object.entries(settings.forAll).map(([name, value]) => {
    const setting = brokerSetting(name);
    const source = ConfigSource.DYNAMIC_DEFAULT_BROKER;
    return {
      name,
      value,
      source,
      isReadOnly: setting === undefined ? true : !setting.isDynamic,
      synonyms: [{ name, value, source }],
      type: setting === undefined ? ConfigType.STRING : typeOf(setting.kind),
      documentation: setting?.meaning ?? '',
    };
  });
}

const MAX_INT = 0x7fffffff;
const MAX_SHORT = 0x7fff;

function typeOf(kind: SettingKind): number {
  switch (kind.type) {
    case 'integer':
      if (kind.max > MAX_INT) return ConfigType.LONG;
      return kind.max <= MAX_SHORT ? ConfigType.SHORT : ConfigType.INT;
    case 'ratio':
      return ConfigType.DOUBLE;
    case 'boolean':
      return ConfigType.BOOLEAN;
    case 'choice':
      return kind.isList === true ? ConfigType.LIST : ConfigType.STRING;
    case 'text':
      return ConfigType.STRING;
  }
}

/** A topic setting has the type of the broker setting that gives its default. */
function topicType(name: string): number {
  const [synonym] = TOPIC_SYNONYMS[name] ?? [];
  const setting = synonym === undefined ? undefined : brokerSetting(synonym.name);
  return setting === undefined ? ConfigType.INT : typeOf(setting.kind);
}
