import { ReplicatedOffsets } from '../broker/replicated-offsets.js';
import { ProducerState } from '../log/producer-state.js';
import { KafkaError } from '../protocol/error-codes.js';
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
    adjust: (plan) => ({
      ...plan,
      groups: [
        { members: 3, assignor: 'range', isStatic: false },
        { members: 2, assignor: 'sticky', isStatic: false },
      ],
      faults: ['isolate', 'kill', 'cut', 'pause', 'member-dies'],
      faultEveryMs: 300,
    }),
    rules: ['committed offsets do not go back'],
    apply: () =>
      replaced(
        ReplicatedOffsets.prototype,
        'append',
        (original) =>
          async function append(this: ReplicatedOffsets, partition, batch) {
            void original.call(this, partition, batch);
            return KafkaError.NONE;
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
];
