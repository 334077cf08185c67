import { ASSIGNOR_NAMES, type AssignorName } from '../groups/assignors/index.js';
import type { SettingValue } from '../settings.js';
import type { Random } from '../testing/random.js';

export const FAULTS = [
  'kill',
  'power',
  'pause',
  'restart',
  'cut',
  'cut-controller',
  'isolate',
  'slow',
  'disk',
  'controller-crash',
  'blackout',
  'clock-jump',
  'elect-preferred',
  'reassign',
  'add-partitions',
  'change-config',
  'churn-topic',
  'member-dies',
  'member-leaves',
] as const;
export type FaultKind = (typeof FAULTS)[number];

/** What one seed simulates. */
export interface Plan {
  readonly brokers: number;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly minInsyncReplicas: number;
  readonly isUncleanAllowed: boolean;
  readonly topicConfig: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly latencyMs: readonly [number, number];
  readonly breakProbability: number;
  readonly lateProbability: number;
  readonly longestSyncMs: number;
  readonly replicaTimeoutMs: number;
  readonly controllerTimeoutMs: number;
  readonly clientTimeoutMs: number;
  readonly producersPerPartition: number;
  readonly inFlight: number;
  readonly pauseMs: number;
  readonly valueBytes: number;
  readonly hasAcksOne: boolean;
  readonly groups: readonly {
    readonly members: number;
    readonly assignor: AssignorName;
    readonly isStatic: boolean;
  }[];
  /** Which kinds of faults this seed has. */
  readonly faults: readonly FaultKind[];
  readonly faultEveryMs: number;
  readonly troubleMs: number;
}

/** Seeds differ in what can go wrong, not only in when: faults that hide each other are found apart. */
export function planOf(random: Random): Plan {
  const brokers = random.pick([3, 3, 3, 3, 4, 5]);
  const replicationFactor = random.pick([3, 3, 3, 2]);
  const isUncleanAllowed = random.chance(0.08);
  const share = random.pick([0.25, 0.5, 0.8]);
  const faults = FAULTS.filter(() => random.chance(share));
  const lagMs = random.pick([600, 1500, 3000]);
  const sessionMs = random.pick([800, 1500, 3000]);
  const hasSmallSegments = random.chance(0.4);
  return {
    brokers,
    partitions: random.between(1, 3),
    replicationFactor,
    minInsyncReplicas: random.pick([1, 2, 2]),
    isUncleanAllowed,
    topicConfig: {
      'file.delete.delay.ms': '1000',
      ...(hasSmallSegments && { 'internal.segment.bytes': '4000' }),
      ...(random.chance(0.2) && { 'flush.messages': '5' }),
    },
    settings: {
      'broker.heartbeat.interval.ms': Math.floor(sessionMs / 4),
      'broker.session.timeout.ms': sessionMs,
      'replica.lag.time.max.ms': lagMs,
      'replica.fetch.wait.max.ms': random.pick([50, 200, 500]),
      'replica.fetch.backoff.ms': random.pick([50, 300, 1000]),
      'replica.fetch.max.bytes': random.pick([500, 1024 * 1024]),
      'replica.high.watermark.checkpoint.interval.ms': random.pick([300, 2000]),
      'log.flush.offset.checkpoint.interval.ms': 2000,
      'controlled.shutdown.retry.backoff.ms': 500,
      'leader.imbalance.check.interval.seconds': 2,
      'auto.leader.rebalance.enable': random.chance(0.5),
      'auto.create.topics.enable': false,
      'offsets.topic.num.partitions': 2,
      'offsets.topic.replication.factor': 3,
      'offsets.commit.timeout.ms': 1000,
      'group.min.session.timeout.ms': 500,
      'group.initial.rebalance.delay.ms': random.pick([0, 200]),
      'min.insync.replicas': random.pick([1, 2]),
      'num.partitions': 1,
      'default.replication.factor': 3,
    },
    latencyMs: random.pick([
      [0, 1],
      [0, 3],
      [1, 10],
      [2, 40],
    ] as const),
    breakProbability: random.pick([0, 0.001, 0.01, 0.03]),
    lateProbability: random.pick([0, 0.5, 1]),
    longestSyncMs: random.pick([0, 2, 10, 60]),
    replicaTimeoutMs: random.pick([1000, 5000]),
    controllerTimeoutMs: random.pick([500, 2000]),
    clientTimeoutMs: random.pick([1800, 3000]),
    producersPerPartition: random.between(1, 2),
    inFlight: random.pick([1, 2, 5]),
    pauseMs: random.pick([20, 100, 300]),
    valueBytes: random.pick([0, 50, 400]),
    hasAcksOne: random.chance(0.6),
    groups: Array.from({ length: random.pick([0, 1, 1, 2]) }, () => ({
      members: random.between(1, 3),
      assignor: random.pick(ASSIGNOR_NAMES),
      isStatic: random.chance(0.25),
    })),
    faults,
    faultEveryMs: random.pick([150, 400, 1000]),
    troubleMs: random.pick([4000, 8000, 12_000]),
  };
}
