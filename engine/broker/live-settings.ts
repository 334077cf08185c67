import { formatTopicConfig, parseTopicConfig } from '../config.js';
import { VarveError } from '../errors.js';
import type { ConfigValues, MetadataImage } from '../metadata/image.js';
import { formatSettingValue, parseSettingValue, type SettingValue } from '../settings.js';
import {
  type BrokerConfig,
  brokerSetting,
  formatBrokerConfig,
  parseBrokerConfig,
  topicDefaults,
} from './broker-config.js';
import { BROKER_SETTINGS } from './broker-settings.js';

/** Where a value comes from, as DescribeConfigs says it. Kafka: DescribeConfigsResponse.ConfigSource. */
export const ConfigSource = {
  TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
} as const;
export type ConfigSource = (typeof ConfigSource)[keyof typeof ConfigSource];

/** One value of a setting, with its place in the order of precedence. */
export interface ConfigLayer {
  readonly name: string;
  readonly value: string;
  readonly source: ConfigSource;
}

const DEFAULTS: Readonly<Record<string, string>> = formatBrokerConfig(parseBrokerConfig());

/**
 * The settings of a running broker: those it was started with, and over them those the cluster gave to every broker
 * and to this one while it ran.
 */
export class LiveSettings {
  readonly brokerId: number;
  #current: BrokerConfig;
  readonly #given: Readonly<Record<string, SettingValue>>;
  readonly #staticTexts: Readonly<Record<string, string>>;
  #forAll: ConfigValues = {};
  #own: ConfigValues = {};

  /** Fails with INVALID_CONFIG. */
  constructor(brokerId: number, given: Readonly<Record<string, SettingValue | undefined>> = {}) {
    this.brokerId = brokerId;
    const values: Record<string, SettingValue> = {};
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined && value !== null) values[name] = value;
    }
    this.#given = byKafkaName(values);
    this.#current = parseBrokerConfig(this.#given);
    const texts = formatBrokerConfig(this.#current);
    this.#staticTexts = Object.fromEntries(
      Object.keys(this.#given).map((name) => [name, texts[name] as string]),
    );
  }

  /** Everything in force now. */
  get current(): BrokerConfig {
    return this.#current;
  }

  /**
   * Takes the cluster's settings over. Returns whether anything changed. Values that do not fit (an older broker
   * may know other settings) fail with INVALID_CONFIG; those before stay in force then.
   */
  apply(image: MetadataImage): boolean {
    const forAll = image.configOf('broker', '');
    const own = image.configOf('broker', String(this.brokerId));
    if (forAll === this.#forAll && own === this.#own) return false;
    this.#forAll = forAll;
    this.#own = own;
    this.#current = parseBrokerConfig({ ...this.#given, ...forAll, ...own });
    return true;
  }

  /** The values of one setting, the one in force first. */
  layers(name: string): ConfigLayer[] {
    const layers: ConfigLayer[] = [];
    const add = (texts: ConfigValues, source: ConfigSource): void => {
      const value = Object.hasOwn(texts, name) ? texts[name] : undefined;
      if (value !== undefined) layers.push({ name, value, source });
    };
    add(this.#own, ConfigSource.DYNAMIC_BROKER);
    add(this.#forAll, ConfigSource.DYNAMIC_DEFAULT_BROKER);
    add(this.#staticTexts, ConfigSource.STATIC_BROKER);
    add(DEFAULTS, ConfigSource.DEFAULT);
    return layers;
  }

  /** What every broker is told and this one does not override: for DescribeConfigs of the empty broker name. */
  get forAll(): ConfigValues {
    return this.#forAll;
  }

  /** The defaults of topics as far as the cluster changed them while the broker runs, by Kafka's names. */
  topicDefaultsAtRunTime(): Record<string, string> {
    const atStart = topicDefaults(parseBrokerConfig(this.#given));
    const now = topicDefaults(this.#current);
    const changed = Object.entries(now).filter(([name, value]) => atStart[name] !== value);
    const texts = formatTopicConfig(parseTopicConfig(now));
    return Object.fromEntries(changed.map(([name]) => [name, texts[name] as string]));
  }

  /** Fails with INVALID_CONFIG for a setting that is unknown or cannot be changed while the broker runs. */
  requireDynamic(changes: Readonly<Record<string, string | null>>): void {
    for (const [name, value] of Object.entries(changes)) {
      const setting = brokerSetting(name);
      // What is not there is at its default: Kafka's tools take away settings that they never made.
      if (setting === undefined && value === null) continue;
      if (setting === undefined) {
        throw new VarveError('INVALID_CONFIG', `unknown broker setting ${JSON.stringify(name)}`);
      }
      if (!setting.isDynamic) {
        throw new VarveError(
          'INVALID_CONFIG',
          `${name} cannot be changed while the broker runs: set it at its next start`,
          { details: { name } },
        );
      }
      if (value !== null) parseSettingValue(name, setting.kind, value);
    }
    const merged: Record<string, SettingValue> = { ...this.#given, ...this.#forAll, ...this.#own };
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) delete merged[name];
      else merged[name] = value;
    }
    parseBrokerConfig(merged);
  }
}

function byKafkaName(given: Readonly<Record<string, SettingValue>>): Record<string, SettingValue> {
  // First as given: it refuses unknown names and those given twice.
  parseBrokerConfig(given);
  const named: Record<string, SettingValue> = {};
  for (const { name, property, kind } of BROKER_SETTINGS) {
    const value = given[name] ?? given[property];
    if (value !== undefined) {
      named[name] = formatSettingValue(kind, parseSettingValue(name, kind, value));
    }
  }
  return named;
}
