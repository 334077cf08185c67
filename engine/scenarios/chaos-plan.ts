import { Random } from '../testing/random.js';

/**
 * What one seed of the chaos campaign does. Which instruction a fault hits is the machine's choice; what is done when,
 * and to whom, is drawn from the seed.
 */
export interface ChaosPlan {
  readonly seed: number;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string | number | boolean>>;
  /** Of the topic, beside min.insync.replicas=2. */
  readonly topicConfig: Readonly<Record<string, string>>;
  readonly producers: readonly ProducerPlan[];
  readonly group: GroupPlan;
  /** In the order of their times. */
  readonly faults: readonly Fault[];
  /** Producers stop beginning anything new, and everything heals. */
  readonly durationMs: number;
}

export const CLIENTS = ['kafkajs', 'platformatic'] as const;
export type ClientKind = (typeof CLIENTS)[number];

export interface ProducerPlan {
  readonly client: ClientKind;
  readonly maxBatchRecords: number;
  readonly maxValueBytes: number;
  /** Between an acknowledgement and the next batch of that partition, at most. */
  readonly maxPauseMs: number;
  readonly isCompressed: boolean;
}

export interface GroupPlan {
  /** Of every member: clients of different makes do not share an assignor. */
  readonly client: ClientKind;
  readonly members: number;
  readonly sessionTimeoutMs: number;
  readonly commitIntervalMs: number;
}

export type Fault = { readonly atMs: number } & (
  | { readonly kind: 'kill' | 'terminate' | 'restart'; readonly broker: number }
  | { readonly kind: 'kill-all' | 'roll' | 'supervisor-kill' | 'supervisor-stop' }
  | { readonly kind: 'pause'; readonly broker: number; readonly forMs: number }
  | {
      /** One broker from all clients, from one other broker, or from everybody. */
      readonly kind: 'cut';
      readonly to: number;
      readonly from: number | 'clients' | 'all';
      readonly fate: 'reset' | 'silent';
      readonly forMs: number;
    }
  /** Nobody reaches it and it reaches nobody but the controller. */
  | {
      readonly kind: 'isolate';
      readonly broker: number;
      readonly fate: 'reset' | 'silent';
      readonly forMs: number;
    }
  | { readonly kind: 'move'; readonly partition: number }
  /** Its connections break and it is not heard of again; another takes its place. */
  | { readonly kind: 'member-dies' | 'member-leaves'; readonly member: number }
);
export type FaultKind = Fault['kind'];

export const TOPIC = 'events';
export const GROUP = 'readers';
export const BROKERS = 3;

/** How often each kind is drawn, relative to each other. */
const WEIGHTS: Readonly<Record<FaultKind, number>> = {
  kill: 22,
  'kill-all': 2,
  pause: 16,
  terminate: 10,
  restart: 6,
  roll: 3,
  'supervisor-kill': 3,
  'supervisor-stop': 3,
  cut: 16,
  isolate: 6,
  move: 8,
  'member-dies': 6,
  'member-leaves': 4,
};

export function planOf(seed: number): ChaosPlan {
  const random = new Random(seed);
  const partitions = random.pick([1, 2, 3, 6]);
  const durationMs = random.between(5_000, 9_000);
  const sessionTimeoutMs = random.pick([1_000, 2_000, 3_000]);
  return {
    seed,
    partitions,
    config: {
      'broker.session.timeout.ms': sessionTimeoutMs,
      'broker.heartbeat.interval.ms': Math.round(sessionTimeoutMs / random.between(4, 8)),
      'replica.lag.time.max.ms': random.pick([1_000, 3_000, 10_000]),
      'replica.fetch.wait.max.ms': random.pick([50, 500]),
      'group.min.session.timeout.ms': 1_000,
      'offsets.topic.num.partitions': random.pick([1, 3, 10]),
      'auto.leader.rebalance.enable': random.chance(0.7),
      'auto.create.topics.enable': false,
    },
    topicConfig: {
      'segment.bytes': String(random.pick([1 << 20, 1 << 24])),
      ...(random.chance(0.2) && { 'flush.messages': '100' }),
    },
    producers: Array.from({ length: random.between(1, 3) }, () => ({
      client: random.pick(CLIENTS),
      maxBatchRecords: random.pick([1, 10, 100]),
      maxValueBytes: random.pick([20, 200, 2_000]),
      maxPauseMs: random.pick([5, 20, 100]),
      isCompressed: random.chance(0.3),
    })),
    group: {
      client: random.chance(0.7) ? 'kafkajs' : 'platformatic',
      members: random.between(2, 4),
      sessionTimeoutMs: random.pick([3_000, 6_000]),
      commitIntervalMs: random.pick([50, 300, 1_000]),
    },
    faults: faultsOf(random.fork(), partitions, durationMs),
    durationMs,
  };
}

const FIRST_FAULT_MS = 700;

function faultsOf(random: Random, partitions: number, durationMs: number): Fault[] {
  const faults: Fault[] = [];
  const mostBetweenMs = random.pick([600, 1_200, 2_500]);
  let atMs = FIRST_FAULT_MS;
  while (atMs < durationMs) {
    faults.push(faultAt(random, atMs, partitions));
    // Now and then two at once.
    if (!random.chance(0.2)) atMs += random.between(50, mostBetweenMs);
  }
  return faults;
}

function faultAt(random: Random, atMs: number, partitions: number): Fault {
  const kind = draw(random);
  const broker = random.between(1, BROKERS);
  const forMs = random.pick([random.between(50, 800), random.between(800, 4_000)]);
  const fate = random.pick(['reset', 'silent'] as const);
  switch (kind) {
    case 'kill':
    case 'terminate':
    case 'restart':
      return { atMs, kind, broker };
    case 'pause':
      return { atMs, kind, broker, forMs };
    case 'isolate':
      return { atMs, kind, broker, fate, forMs };
    case 'cut': {
      const other = 1 + (broker % BROKERS);
      return { atMs, kind, to: broker, from: random.pick([other, 'clients', 'all']), fate, forMs };
    }
    case 'move':
      return { atMs, kind, partition: random.below(partitions) };
    case 'member-dies':
    case 'member-leaves':
      return { atMs, kind, member: random.below(4) };
    default:
      return { atMs, kind };
  }
}

function draw(random: Random): FaultKind {
  const kinds = Object.entries(WEIGHTS) as [FaultKind, number][];
  let dice = random.float() * kinds.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of kinds) {
    dice -= weight;
    if (dice < 0) return kind;
  }
  return 'kill';
}
