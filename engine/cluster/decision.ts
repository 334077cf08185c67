import type { Refusal } from '../metadata/controller-port.js';
import type { MetadataImage, TopicImage } from '../metadata/image.js';
import type { BrokerState, MetadataRecord, PartitionState } from '../metadata/records.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { changePartition, type ElectionRules, type PartitionChange } from './elections.js';

/** What the controller does about a request: the records that make it so, as one batch, and what it answers then. */
export interface Decision<T> {
  readonly records: readonly MetadataRecord[];
  readonly answer: T;
}

/** What decisions depend on besides the image. */
export interface ClusterRules {
  /** The broker said that it cannot write this partition's log. */
  isOffline(brokerId: number, topicId: string, partition: number): boolean;
  allowsUnclean(image: MetadataImage, topic: TopicImage): boolean;
}

export const DONE: Refusal = { errorCode: KafkaError.NONE, errorMessage: null };

export function refusal(errorCode: KafkaErrorCode, errorMessage: string | null): Refusal {
  return { errorCode, errorMessage };
}

/** Alive and not stopping. */
export function isActive(broker: BrokerState | undefined): boolean {
  return broker !== undefined && !broker.isFenced && !broker.isShuttingDown;
}

/** One decision being made: its records so far, on top of the image that it began with. */
export class Draft {
  readonly image: MetadataImage;
  readonly records: MetadataRecord[] = [];
  readonly #rules: ClusterRules;
  readonly #brokers: Map<number, BrokerState>;

  constructor(image: MetadataImage, rules: ClusterRules) {
    this.image = image;
    this.#rules = rules;
    this.#brokers = new Map(image.brokers);
  }

  /** Brokers as they are after this decision so far. */
  get brokers(): ReadonlyMap<number, BrokerState> {
    return this.#brokers;
  }

  setBroker(broker: BrokerState): void {
    this.#brokers.set(broker.brokerId, broker);
    this.records.push({ type: 'broker', ...broker });
  }

  mayLead(brokerId: number, topicId: string, partition: number): boolean {
    return (
      isActive(this.#brokers.get(brokerId)) && !this.#rules.isOffline(brokerId, topicId, partition)
    );
  }

  /** Records the partition's new state, if there is one, and returns it. To be called once per partition. */
  change(
    topic: TopicImage,
    partition: number,
    change: PartitionChange,
    election: Pick<ElectionRules, 'allowsUnclean' | 'prefersFirst'> = {},
  ): PartitionState | null {
    const state = changePartition(topic.partitions[partition]!, change, {
      mayLead: (brokerId) => this.mayLead(brokerId, topic.topicId, partition),
      allowsUnclean: this.#rules.allowsUnclean(this.image, topic),
      ...election,
    });
    if (state !== null) {
      this.records.push({ type: 'partition', topicId: topic.topicId, partition, ...state });
    }
    return state;
  }

  /** `change` for every partition for which `wanted` gives one. */
  changeEvery(
    wanted: (state: PartitionState, topic: TopicImage, partition: number) => PartitionChange | null,
  ): void {
    for (const topic of this.image.topics.values()) {
      for (const [partition, state] of topic.partitions.entries()) {
        const change = wanted(state, topic, partition);
        if (change !== null) this.change(topic, partition, change);
      }
    }
  }

  decide<T>(answer: T): Decision<T> {
    return { records: this.records, answer };
  }
}
