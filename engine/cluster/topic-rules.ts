import { describeTopicConfig, parseTopicConfig } from '../config.js';
import { isVarveError } from '../errors.js';
import { topicNameProblem, topicNamesCollide } from '../format/topic-name.js';
import type { CreateTopicsCommand, Refusal } from '../metadata/controller-port.js';
import type { MetadataImage } from '../metadata/image.js';
import { METADATA_TOPIC } from '../metadata/records.js';
import { KafkaError } from '../protocol/error-codes.js';
import { refusal } from './decision.js';

/** Kafka's bound for one request (`MAX_PARTITIONS_PER_BATCH`). */
export const MAX_PARTITIONS_PER_REQUEST = 10_000;

export type NewTopic = CreateTopicsCommand['topics'][number];

const TOPIC_SETTINGS: ReadonlySet<string> = new Set(describeTopicConfig().map(({ name }) => name));

/**
 * What is wrong with a topic's name, or null. `names` are those of the other topics, with the ones of the same
 * request; kept by the form in which they would collide.
 */
export function topicNameRefusal(name: string, names: TopicNames): Refusal | null {
  if (name === METADATA_TOPIC) {
    return refusal(
      KafkaError.INVALID_REQUEST,
      `Creation of internal topic ${METADATA_TOPIC} is prohibited.`,
    );
  }
  const problem = topicNameProblem(name);
  if (problem !== null) {
    return refusal(
      KafkaError.INVALID_TOPIC_EXCEPTION,
      `Topic name is invalid: '${name}' ${problem}`,
    );
  }
  if (names.has(name)) {
    return refusal(KafkaError.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
  }
  const other = names.collision(name);
  if (other === null) return null;
  return refusal(
    KafkaError.INVALID_TOPIC_EXCEPTION,
    `Topic '${name}' collides with existing topic: ${other}`,
  );
}

/** Topic names, searched also for those that differ only in `.` and `_`, which Kafka's metrics mix up. */
export class TopicNames {
  readonly #image: MetadataImage;
  readonly #added = new Set<string>();

  constructor(image: MetadataImage) {
    this.#image = image;
  }

  add(name: string): void {
    this.#added.add(name);
  }

  has(name: string): boolean {
    return this.#image.topics.has(name) || this.#added.has(name);
  }

  collision(name: string): string | null {
    if (!/[._]/.test(name)) return null;
    for (const names of [this.#image.topics.keys(), this.#added]) {
      for (const other of names) if (topicNamesCollide(name, other)) return other;
    }
    return null;
  }
}

/** What is wrong with the numbers of a new topic, or null [Kafka `ReplicationControlManager.createTopic`]. */
export function topicShapeRefusal(topic: NewTopic): Refusal | null {
  const { partitions, replicationFactor, assignments } = topic;
  if (assignments !== null) {
    if (replicationFactor !== -1) {
      return refusal(
        KafkaError.INVALID_REQUEST,
        'A manual partition assignment was specified, but replication factor was not set to -1.',
      );
    }
    if (partitions !== -1) {
      return refusal(
        KafkaError.INVALID_REQUEST,
        'A manual partition assignment was specified, but numPartitions was not set to -1.',
      );
    }
    return assignments.length > 0
      ? null
      : refusal(KafkaError.INVALID_PARTITIONS, 'A manual partition assignment has no partition.');
  }
  if (!Number.isInteger(replicationFactor) || replicationFactor < -1 || replicationFactor === 0) {
    return refusal(
      KafkaError.INVALID_REPLICATION_FACTOR,
      'Replication factor must be larger than 0, or -1 to use the default value.',
    );
  }
  if (!Number.isInteger(partitions) || partitions < -1 || partitions === 0) {
    return refusal(
      KafkaError.INVALID_PARTITIONS,
      'Number of partitions was set to an invalid non-positive value.',
    );
  }
  return null;
}

export function isTopicSetting(name: string): boolean {
  return TOPIC_SETTINGS.has(name);
}

export function unknownTopicSetting(name: string): Refusal {
  return refusal(KafkaError.INVALID_CONFIG, `Unknown topic config name: ${name}`);
}

/** What is wrong with a topic's settings, or null. Only Kafka's names are known here. */
export function topicConfigRefusal(config: Readonly<Record<string, string>>): Refusal | null {
  const unknown = Object.keys(config).find((name) => !isTopicSetting(name));
  if (unknown !== undefined) return unknownTopicSetting(unknown);
  try {
    parseTopicConfig(config);
    return null;
  } catch (error) {
    if (!isVarveError(error, 'INVALID_CONFIG')) throw error;
    return refusal(KafkaError.INVALID_CONFIG, error.message);
  }
}

export const TOO_MANY_PARTITIONS: Refusal = refusal(
  KafkaError.POLICY_VIOLATION,
  `Excessively large number of partitions per request: at most ${MAX_PARTITIONS_PER_REQUEST} are allowed.`,
);
