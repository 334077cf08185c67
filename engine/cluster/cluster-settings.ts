import {
  type BrokerConfig,
  type BrokerConfigInput,
  brokerSetting,
} from '../broker/broker-config.js';
import type { SettingValue } from '../settings.js';
import type { ControllerConfigInput } from './controller-config.js';

const MAX_OFFSETS_REPLICAS = 3;

/**
 * Settings as given, and where they say nothing what the configuration that comes with Kafka says too: a first
 * rebalance that does not wait, and committed offsets on as many brokers as there are.
 */
export function developmentConfig(
  given: BrokerConfigInput | Readonly<Record<string, SettingValue>>,
  brokers: number,
): Record<string, SettingValue> {
  const config: Record<string, SettingValue> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && value !== null) config[name] = value as SettingValue;
  }
  const unlessGiven = (name: string, value: SettingValue): void => {
    const property = brokerSetting(name)?.property;
    if (name in config || (property !== undefined && property in config)) return;
    config[name] = value;
  };
  unlessGiven('group.initial.rebalance.delay.ms', 0);
  unlessGiven('offsets.topic.replication.factor', Math.min(brokers, MAX_OFFSETS_REPLICAS));
  return config;
}

/** What of the brokers' settings the controller goes by. */
export function controllerConfig(config: BrokerConfig): ControllerConfigInput {
  return {
    sessionTimeoutMs: config.brokerSessionTimeoutMs,
    numPartitions: config.numPartitions,
    defaultReplicationFactor: config.defaultReplicationFactor,
    autoLeaderRebalance: config.autoLeaderRebalanceEnable,
    leaderImbalanceCheckIntervalMs: config.leaderImbalanceCheckIntervalSeconds * 1_000,
    allowsUncleanElection: config.uncleanLeaderElectionEnable,
  };
}
