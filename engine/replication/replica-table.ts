import type { MetadataImage } from '../metadata/image.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type { Replica } from './replica.js';
import type { CurrentLeader } from './types.js';

/** The replicas of this broker, by topic and partition. */
export class ReplicaTable {
  /** As last applied; for what is not here. */
  image: MetadataImage;
  readonly #topics = new Map<string, (Replica | undefined)[]>();

  constructor(image: MetadataImage) {
    this.image = image;
  }

  get(topic: string, partition: number): Replica | undefined {
    return this.#topics.get(topic)?.[partition];
  }

  add(replica: Replica): void {
    let replicas = this.#topics.get(replica.topic);
    if (replicas === undefined) {
      replicas = [];
      this.#topics.set(replica.topic, replicas);
    }
    // No holes: a sparse array would be slow to look into.
    while (replicas.length < replica.partition) replicas.push(undefined);
    replicas[replica.partition] = replica;
  }

  remove(replica: Replica): void {
    const replicas = this.#topics.get(replica.topic);
    if (replicas?.[replica.partition] !== replica) return;
    replicas[replica.partition] = undefined;
    if (replicas.every((other) => other === undefined)) this.#topics.delete(replica.topic);
  }

  *ofTopic(topic: string): Generator<Replica, void, void> {
    for (const replica of this.#topics.get(topic) ?? []) if (replica !== undefined) yield replica;
  }

  *[Symbol.iterator](): Generator<Replica, void, void> {
    for (const replicas of this.#topics.values()) {
      for (const replica of replicas) if (replica !== undefined) yield replica;
    }
  }

  /** The error for a partition without a replica here: somewhere else, or nowhere. */
  errorForMissing(topic: string, partition: number): KafkaErrorCode {
    return this.image.partition(topic, partition) === undefined
      ? KafkaError.UNKNOWN_TOPIC_OR_PARTITION
      : KafkaError.NOT_LEADER_OR_FOLLOWER;
  }

  /** Whom to ask instead, where `errorCode` says that it is not this broker. */
  currentLeader(errorCode: KafkaErrorCode, topic: string, partition: number): CurrentLeader | null {
    if (
      errorCode !== KafkaError.NOT_LEADER_OR_FOLLOWER &&
      errorCode !== KafkaError.FENCED_LEADER_EPOCH
    ) {
      return null;
    }
    const state = this.image.partition(topic, partition);
    return state === undefined ? null : { leaderId: state.leader, leaderEpoch: state.leaderEpoch };
  }
}
