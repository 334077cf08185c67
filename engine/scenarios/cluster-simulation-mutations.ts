import { BrokerLife } from '../broker/broker-life.js';
import { ReplicatedOffsets } from '../broker/replicated-offsets.js';
import { Controller } from '../cluster/controller.js';
import { ProducerState } from '../log/producer-state.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { Following } from '../replication/following.js';
import { LeaderState } from '../replication/leader-state.js';
import { Producing } from '../replication/producing.js';
import { ReplicaManager } from '../replication/replica-manager.js';
import type { FetchOptions, ProduceOptions, ProducePartition } from '../replication/types.js';
import type { Plan } from './cluster-simulation-plan.js';

/*
 * Rules broken on purpose, by changing the classes while a test runs: what the simulation must find. Nothing of the
 * product has a switch for them.
 */

export interface Mutation {
  /** The rule as it would read if it were broken. */
  readonly name: string;
  /** What may show first. */
  readonly rules: readonly string[];
  /** What seeds are changed to, where it would take many of them as they are. */
  readonly adjust?: (plan: Plan) => Plan;
  /** Breaks it; returns what mends it. */
  apply(): () => void;
}

/** Replaces a method of a class; `make` is given the one there was. */
function replaced<T extends object, K extends keyof T & string>(
  prototype: T,
  method: K,
  make: (original: T[K]) => T[K],
): () => void {
  const original = prototype[method];
  prototype[method] = make(original);
  return () => {
    prototype[method] = original;
  };
}

type Writable<T> = { -readonly [P in keyof T]: T[P] };

/** Groups that commit all the time, and brokers that do not agree who coordinates them. */
const busyGroups = (plan: Plan): Plan => ({
  ...plan,
  groups: [
    { members: 3, assignor: 'range', isStatic: false },
    { members: 2, assignor: 'sticky', isStatic: false },
  ],
  faults: ['isolate', 'kill', 'cut', 'pause', 'member-dies'],
  faultEveryMs: 300,
});

export const MUTATIONS: readonly Mutation[] = [
  {
    // Kafka before KIP-101.
    name: 'a follower cuts its log to its high watermark instead of by epoch',
    rules: ['the ISR has what is committed'],
    apply: () =>
      replaced(
        Following.prototype,
        'start',
        (original) =>
          async function start(this: Following, replica, follower) {
            const { log } = replica;
            if (log !== null) await log.truncateTo(Math.min(log.highWatermark, log.logEndOffset));
            return original.call(this, replica, follower);
          },
      ),
  },
  {
    name: 'the high watermark is the log end of the leader alone',
    rules: ['the ISR has what is committed'],
    apply: () =>
      replaced(
        LeaderState.prototype,
        'advance',
        (original) =>
          function advance(this: LeaderState, nowMs) {
            const its = this as Writable<LeaderState>;
            const { followers } = its;
            its.followers = new Map();
            try {
              return original.call(this, nowMs);
            } finally {
              its.followers = followers;
            }
          },
      ),
  },
  {
    name: 'a follower joins the ISR before it has caught up',
    rules: ['the ISR has what is committed'],
    apply: () =>
      replaced(
        LeaderState.prototype,
        'proposeExpansion',
        (original) =>
          function proposeExpansion(this: LeaderState, brokerId) {
            const follower = this.followers.get(brokerId);
            if (follower === undefined) return original.call(this, brokerId);
            const { logEndOffset } = follower;
            follower.logEndOffset = Number.MAX_SAFE_INTEGER;
            try {
              return original.call(this, brokerId);
            } finally {
              follower.logEndOffset = logEndOffset;
            }
          },
      ),
  },
  {
    name: 'acks=all is answered when the leader has the records',
    rules: ['acks=all means committed'],
    apply: () =>
      replaced(
        Producing.prototype,
        'produce',
        (original) =>
          function produce(
            this: Producing,
            requests: readonly ProducePartition[],
            options: ProduceOptions,
          ) {
            return original.call(this, requests, {
              ...options,
              acks: options.acks === -1 ? 1 : options.acks,
            });
          },
      ),
  },
  {
    name: 'a leader looks neither at the epoch of a fetch nor at where its log came from',
    rules: ['replicas are identical below the high watermark', 'consumers read what is committed'],
    apply: () =>
      replaced(
        ReplicaManager.prototype,
        'fetch',
        (original) =>
          function fetch(this: ReplicaManager, options: FetchOptions) {
            const partitions = options.partitions.map((partition) => ({
              ...partition,
              currentLeaderEpoch: -1,
              lastFetchedEpoch: -1,
            }));
            return original.call(this, { ...options, partitions });
          },
      ),
  },
  {
    name: 'a commit of offsets is answered before it is stored',
    adjust: busyGroups,
    rules: ['committed offsets do not go back'],
    apply: () =>
      replaced(
        ReplicatedOffsets.prototype,
        'append',
        (original) =>
          function append(this: ReplicatedOffsets, partition, batch) {
            original.call(this, partition, batch);
            const answered = Promise.resolve<KafkaErrorCode>(KafkaError.NONE);
            return { answered, settled: answered };
          },
      ),
  },
  {
    name: 'an elected coordinator serves before it has loaded',
    rules: ['committed offsets do not go back', 'one member per partition in a generation'],
    apply: () =>
      replaced(
        ReplicatedOffsets.prototype,
        'read',
        () =>
          async function read() {
            return Buffer.alloc(0);
          },
      ),
  },
  {
    name: 'sequences of idempotent producers are not looked at',
    rules: ['no duplicates and the order kept'],
    apply: () =>
      replaced(
        ProducerState.prototype,
        'check',
        () =>
          function check() {
            return null;
          },
      ),
  },
  {
    name: 'the controller does not fence a leader of before',
    rules: ['the ISR has what is committed'],
    adjust: (plan) => ({
      ...plan,
      isUncleanAllowed: false,
      faults: ['cut-controller', 'isolate', 'slow'],
      faultEveryMs: 150,
    }),
    apply: () =>
      replaced(
        Controller.prototype,
        'alterPartitions',
        (original) =>
          function alterPartitions(this: Controller, request) {
            const { image } = this;
            // As if whoever leads now had asked for it, with the newest epochs.
            const changes = request.changes.map((change) => {
              const state = image.topicById(change.topicId)?.partitions[change.partition];
              if (state === undefined) return change;
              const { leader, leaderEpoch, partitionEpoch } = state;
              const broker = image.brokers.get(leader);
              const misses = !change.newIsr.some(({ brokerId }) => brokerId === leader);
              const newIsr = misses && broker ? [...change.newIsr, broker] : change.newIsr;
              return { ...change, leaderEpoch, partitionEpoch, newIsr };
            });
            const [only] = changes;
            const state =
              only && changes.length === 1
                ? image.topicById(only.topicId)?.partitions[only.partition]
                : undefined;
            const brokerId = state?.leader ?? request.brokerId;
            const brokerEpoch = image.brokers.get(brokerId)?.brokerEpoch ?? request.brokerEpoch;
            return original.call(this, { ...request, brokerId, brokerEpoch, changes });
          },
      ),
  },
  {
    name: 'a coordinator serves what it has loaded before that is committed',
    rules: ['committed offsets do not go back'],
    adjust: (plan) => ({
      ...busyGroups(plan),
      faults: [...busyGroups(plan).faults, 'slow'],
      latencyMs: [2, 40],
    }),
    apply: () =>
      replaced(
        ReplicatedOffsets.prototype,
        'waitForHighWatermark',
        () =>
          async function waitForHighWatermark() {
            return true;
          },
      ),
  },
  {
    name: 'a broker that lost power says that it stopped cleanly',
    rules: ['who lost power leaves the ISR'],
    adjust: (plan) => ({
      ...plan,
      brokers: 3,
      replicationFactor: 3,
      faults: ['power', 'kill', 'blackout'],
      faultEveryMs: 400,
    }),
    apply: () =>
      replaced(
        BrokerLife.prototype,
        'register',
        (original) =>
          function register(this: BrokerLife, endpoint) {
            return original.call(this, endpoint, true);
          },
      ),
  },
  {
    name: 'a truncation keeps what is known of producers behind it',
    rules: ['no acknowledged record is lost', 'no gaps', 'producers finish'],
    adjust: (plan) => ({
      ...plan,
      inFlight: 5,
      topicConfig: { ...plan.topicConfig, 'internal.segment.bytes': '3000' },
      faults: ['isolate', 'kill', 'cut', 'pause', 'cut-controller'],
      faultEveryMs: 300,
    }),
    apply: () =>
      replaced(
        ProducerState.prototype,
        'truncateTo',
        () =>
          function truncateTo(this: ProducerState, offset) {
            this.advanceTo(offset);
            return true;
          },
      ),
  },
];
