import { VarveError } from '../errors.js';

/** What the controller goes by; the names of Kafka's settings are in the comments. */
export interface ControllerConfig {
  /** `broker.session.timeout.ms`: a broker not heard of for so long is fenced. Default 9,000. */
  readonly sessionTimeoutMs: number;
  /** `num.partitions`: of a new topic that does not say. Default 1. */
  readonly numPartitions: number;
  /** `default.replication.factor`. Default 1. */
  readonly defaultReplicationFactor: number;
  /** `auto.leader.rebalance.enable`. Default true. */
  readonly autoLeaderRebalance: boolean;
  /** `leader.imbalance.check.interval.seconds`, in milliseconds. Default 300,000. */
  readonly leaderImbalanceCheckIntervalMs: number;
  /** `unclean.leader.election.enable` of topics that do not say. Default false. */
  readonly allowsUncleanElection: boolean;
}

export type ControllerConfigInput = Partial<ControllerConfig>;

const DEFAULTS: ControllerConfig = {
  sessionTimeoutMs: 9_000,
  numPartitions: 1,
  defaultReplicationFactor: 1,
  autoLeaderRebalance: true,
  leaderImbalanceCheckIntervalMs: 300_000,
  allowsUncleanElection: false,
};

/** Fails with INVALID_CONFIG, naming the setting. */
export function completeControllerConfig(input: ControllerConfigInput): ControllerConfig {
  const config = { ...DEFAULTS, ...input };
  for (const [name, value] of Object.entries(config)) {
    const isSwitch = typeof DEFAULTS[name as keyof ControllerConfig] === 'boolean';
    if (isSwitch ? typeof value === 'boolean' : Number.isSafeInteger(value) && Number(value) >= 1)
      continue;
    const rule = isSwitch ? 'true or false' : 'a whole number from 1';
    throw new VarveError('INVALID_CONFIG', `${name} is ${value}: it must be ${rule}`, {
      details: { name, value },
    });
  }
  return config;
}
