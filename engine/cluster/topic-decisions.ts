import { isVarveError } from '../errors.js';
import type {
  ControllerPort,
  CreateTopicAnswer,
  CreateTopicsCommand,
  Refusal,
  TopicAnswer,
} from '../metadata/controller-port.js';
import type { TopicImage } from '../metadata/image.js';
import type { PartitionState } from '../metadata/records.js';
import { KafkaError } from '../protocol/error-codes.js';
import { DONE, type Draft, isActive, refusal } from './decision.js';
import { newPartition } from './elections.js';
import { newPartitionProblem, targetProblem } from './isr-decisions.js';
import { placeReplicas } from './placement.js';
import {
  MAX_PARTITIONS_PER_REQUEST,
  type NewTopic,
  TOO_MANY_PARTITIONS,
  TopicNames,
  topicConfigRefusal,
  topicNameRefusal,
  topicShapeRefusal,
} from './topic-rules.js';

export interface TopicDefaults {
  readonly partitions: number;
  readonly replicationFactor: number;
}

export interface NewTopicContext {
  readonly defaults: TopicDefaults;
  readonly random: () => number;
  readonly newTopicId: () => string;
}

/** Each topic is made or refused on its own; with `validateOnly` none is made. */
export function createTopics(
  draft: Draft,
  { topics, validateOnly }: CreateTopicsCommand,
  context: NewTopicContext,
): CreateTopicAnswer[] {
  const names = new TopicNames(draft.image);
  const repeated = repeatedOf(topics.map(({ name }) => name));
  let partitionsMade = 0;
  return topics.map((topic) => {
    const { name } = topic;
    const refuse = (its: Refusal): CreateTopicAnswer => ({ name, ...its, ...NOTHING_MADE });
    if (repeated.has(name)) {
      return refuse(refusal(KafkaError.INVALID_REQUEST, 'Duplicate topic name.'));
    }
    const problem =
      topicNameRefusal(name, names) ?? topicShapeRefusal(topic) ?? topicConfigRefusal(topic.config);
    if (problem !== null) return refuse(problem);
    const count = partitionCount(topic, context.defaults);
    if (partitionsMade + count > MAX_PARTITIONS_PER_REQUEST) return refuse(TOO_MANY_PARTITIONS);
    const placed = placeNewTopic(draft, topic, context);
    if ('errorCode' in placed) return refuse(placed);

    partitionsMade += count;
    names.add(name);
    const topicId = context.newTopicId();
    if (!validateOnly) makeTopic(draft, topic, topicId, placed);
    const replicationFactor = placed[0]!.length;
    return { name, ...DONE, topicId, partitions: placed.length, replicationFactor };
  });
}

const NOTHING_MADE = { topicId: '', partitions: -1, replicationFactor: -1 };

function makeTopic(
  draft: Draft,
  { name, config }: NewTopic,
  topicId: string,
  placed: readonly (readonly number[])[],
): void {
  draft.records.push({ type: 'topic', name, topicId });
  for (const [partition, replicas] of placed.entries()) {
    const state = newPartition(replicas, (id) => isActive(draft.brokers.get(id)));
    draft.records.push({ type: 'partition', topicId, partition, ...state });
  }
  for (const [key, value] of Object.entries(config)) {
    draft.records.push({ type: 'config', resource: 'topic', name, key, value });
  }
}

function partitionCount({ assignments, partitions }: NewTopic, defaults: TopicDefaults): number {
  if (assignments !== null) return assignments.length;
  return partitions === -1 ? defaults.partitions : partitions;
}

function placeNewTopic(
  draft: Draft,
  topic: NewTopic,
  { defaults, random }: NewTopicContext,
): readonly (readonly number[])[] | Refusal {
  if (topic.assignments !== null) {
    return checkAssignments(draft, topic.assignments, topic.assignments[0]!.length, 0);
  }
  const replicationFactor =
    topic.replicationFactor === -1 ? defaults.replicationFactor : topic.replicationFactor;
  return place(draft, partitionCount(topic, defaults), replicationFactor, random);
}

function place(
  draft: Draft,
  partitions: number,
  replicationFactor: number,
  random: () => number,
): number[][] | Refusal {
  const brokers = draft.brokers.values();
  try {
    return placeReplicas({ brokers, partitions, replicationFactor, random });
  } catch (error) {
    if (!isVarveError(error, 'INVALID_ARGUMENT')) throw error;
    return refusal(KafkaError.INVALID_REPLICATION_FACTOR, error.message);
  }
}

function checkAssignments(
  draft: Draft,
  assignments: readonly (readonly number[])[],
  replicationFactor: number,
  firstPartition: number,
): readonly (readonly number[])[] | Refusal {
  const refuse = (why: string) => refusal(KafkaError.INVALID_REPLICA_ASSIGNMENT, why);
  for (const [i, replicas] of assignments.entries()) {
    const problem = targetProblem(draft, replicas);
    if (problem !== null) return refuse(problem);
    if (replicas.length !== replicationFactor) {
      return refuse(
        `The manual partition assignment includes a partition with ${replicas.length} replica(s), but this is not consistent with previous partitions, which have ${replicationFactor} replica(s).`,
      );
    }
    const fenced = newPartitionProblem(draft, firstPartition + i, replicas);
    if (fenced !== null) return refuse(fenced);
  }
  return assignments;
}

/** By name or by id, each exactly one of them. */
export function deleteTopics(
  draft: Draft,
  topics: Parameters<ControllerPort['deleteTopics']>[0]['topics'],
): (TopicAnswer & { topicId: string })[] {
  const gone = new Set<string>();
  return topics.map(({ name, topicId }) => {
    const given = { name: name ?? '', topicId: topicId ?? '' };
    const refuse = (its: Refusal) => ({ ...given, ...its });
    if (name === null && topicId === null) {
      return refuse(
        refusal(KafkaError.INVALID_REQUEST, 'Neither topic name nor id were specified.'),
      );
    }
    if (name !== null && topicId !== null) {
      return refuse(
        refusal(KafkaError.INVALID_REQUEST, 'You may not specify both topic name and topic id.'),
      );
    }
    const topic =
      topicId === null ? draft.image.topics.get(name ?? '') : draft.image.topicById(topicId);
    if (topic === undefined) {
      return refuse(
        topicId === null
          ? refusal(
              KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
              'This server does not host this topic-partition.',
            )
          : refusal(KafkaError.UNKNOWN_TOPIC_ID, 'This server does not host this topic ID.'),
      );
    }
    if (gone.has(topic.topicId)) {
      const what = topicId === null ? 'name' : 'id';
      return refuse(refusal(KafkaError.INVALID_REQUEST, `Duplicate topic ${what}.`));
    }
    gone.add(topic.topicId);
    draft.records.push({ type: 'topic-removed', topicId: topic.topicId });
    return { name: topic.name, topicId: topic.topicId, ...DONE };
  });
}

type NewPartitions = Parameters<ControllerPort['createPartitions']>[0]['topics'][number];

/** A topic's partitions become more, never fewer. */
export function createPartitions(
  draft: Draft,
  topics: readonly NewPartitions[],
  validateOnly: boolean,
  random: () => number,
): TopicAnswer[] {
  const repeated = repeatedOf(topics.map(({ name }) => name));
  let made = 0;
  return topics.map((wanted) => {
    const { name } = wanted;
    if (repeated.has(name)) {
      return { name, ...refusal(KafkaError.INVALID_REQUEST, 'Duplicate topic name.') };
    }
    const topic = draft.image.topics.get(name);
    const problem = partitionsRefusal(topic, wanted);
    if (problem !== null || topic === undefined) return { name, ...(problem ?? DONE) };
    const from = topic.partitions.length;
    made += wanted.count - from;
    if (made > MAX_PARTITIONS_PER_REQUEST) return { name, ...TOO_MANY_PARTITIONS };
    const replicationFactor = replicationFactorOf(topic.partitions[0]!);
    const placed =
      wanted.assignments === null
        ? place(draft, wanted.count - from, replicationFactor, random)
        : checkAssignments(draft, wanted.assignments, replicationFactor, from);
    if ('errorCode' in placed) return { name, ...placed };
    if (!validateOnly) addPartitions(draft, topic, placed);
    return { name, ...DONE };
  });
}

function addPartitions(
  draft: Draft,
  { topicId, partitions }: TopicImage,
  placed: readonly (readonly number[])[],
): void {
  for (const [i, replicas] of placed.entries()) {
    const state = newPartition(replicas, (id) => isActive(draft.brokers.get(id)));
    const partition = partitions.length + i;
    draft.records.push({ type: 'partition', topicId, partition, ...state });
  }
}

function partitionsRefusal(topic: TopicImage | undefined, wanted: NewPartitions): Refusal | null {
  if (topic === undefined) {
    return refusal(
      KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
      'This server does not host this topic-partition.',
    );
  }
  const now = topic.partitions.length;
  const { count, assignments } = wanted;
  if (count === now) {
    return refusal(KafkaError.INVALID_PARTITIONS, `Topic already has ${now} partition(s).`);
  }
  if (!Number.isInteger(count) || count < now) {
    return refusal(
      KafkaError.INVALID_PARTITIONS,
      `The topic ${topic.name} currently has ${now} partition(s); ${count} would not be an increase.`,
    );
  }
  if (assignments !== null && assignments.length !== count - now) {
    return refusal(
      KafkaError.INVALID_REPLICA_ASSIGNMENT,
      `Attempted to add ${count - now} additional partition(s), but only ${assignments.length} assignment(s) were specified.`,
    );
  }
  return null;
}

/** A partition being moved has its new replicas and its old ones. */
function replicationFactorOf({ replicas, adding, removing }: PartitionState): number {
  return adding.length === 0 ? replicas.length : replicas.length - removing.length;
}

function repeatedOf(names: readonly string[]): Set<string> {
  const seen = new Set<string>();
  return new Set(names.filter((name) => seen.size === seen.add(name).size));
}
