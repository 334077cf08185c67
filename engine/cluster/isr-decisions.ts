import type {
  AlterPartitionAnswer,
  AlterPartitionsRequest,
  Refusal,
} from '../metadata/controller-port.js';
import type { TopicImage } from '../metadata/image.js';
import type { PartitionState } from '../metadata/records.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { DONE, type Draft, isActive, refusal } from './decision.js';

type Change = AlterPartitionsRequest['changes'][number];

/** Leaders change their partitions' ISRs: each change holds or fails on its own [Kafka `alterPartition`]. */
export function alterPartitions(
  draft: Draft,
  request: AlterPartitionsRequest,
): AlterPartitionAnswer[] {
  const isStale = draft.brokers.get(request.brokerId)?.brokerEpoch !== request.brokerEpoch;
  const seen = new Set<string>();
  return request.changes.map((change) => {
    const { topicId, partition } = change;
    const topic = draft.image.topicById(topicId);
    const state = topic?.partitions[partition];
    const answer = (errorCode: KafkaErrorCode, now = state): AlterPartitionAnswer => ({
      topicId,
      partition,
      errorCode,
      state: now ?? null,
    });
    if (isStale) return answer(KafkaError.STALE_BROKER_EPOCH);
    if (topic === undefined) return answer(KafkaError.UNKNOWN_TOPIC_ID);
    if (state === undefined) return answer(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
    const id = `${topicId}/${partition}`;
    if (seen.has(id)) return answer(KafkaError.INVALID_REQUEST);
    seen.add(id);
    const problem = problemOf(draft, request.brokerId, topic, state, change);
    if (problem !== null) return answer(problem);

    const isr = change.newIsr.map(({ brokerId }) => brokerId);
    const { isRecovering } = change;
    const now = draft.change(topic, partition, { isr, isRecovering }) ?? state;
    // The change ended a reassignment that took the partition from the leader who asked.
    if (now.leader !== request.brokerId) return answer(KafkaError.NEW_LEADER_ELECTED, now);
    return answer(KafkaError.NONE, now);
  });
}

function problemOf(
  draft: Draft,
  leader: number,
  topic: TopicImage,
  state: PartitionState,
  change: Change,
): KafkaErrorCode | null {
  // The leader knows of something newer than this controller does.
  if (change.leaderEpoch > state.leaderEpoch || change.partitionEpoch > state.partitionEpoch) {
    return KafkaError.NOT_CONTROLLER;
  }
  if (change.leaderEpoch < state.leaderEpoch) return KafkaError.FENCED_LEADER_EPOCH;
  if (state.leader !== leader) return KafkaError.INVALID_REQUEST;
  if (change.partitionEpoch < state.partitionEpoch) return KafkaError.INVALID_UPDATE_VERSION;

  const ids = change.newIsr.map(({ brokerId }) => brokerId);
  const isWellFormed =
    ids.includes(leader) &&
    new Set(ids).size === ids.length &&
    ids.every((id) => state.replicas.includes(id));
  if (!isWellFormed) return KafkaError.INVALID_REQUEST;
  if (change.isRecovering && (ids.length > 1 || !state.isRecovering)) {
    return KafkaError.INVALID_REQUEST;
  }
  const isEligible = ({ brokerId, brokerEpoch }: Change['newIsr'][number]): boolean =>
    draft.mayLead(brokerId, topic.topicId, change.partition) &&
    draft.brokers.get(brokerId)?.brokerEpoch === brokerEpoch;
  return change.newIsr.every(isEligible) ? null : KafkaError.INELIGIBLE_REPLICA;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export type PartitionAnswer = TopicPartition & Refusal;

/** Somebody asks for other leaders now. Asked for every partition, those that need nothing are left out. */
export function electLeaders(
  draft: Draft,
  type: 'preferred' | 'unclean',
  partitions: readonly TopicPartition[] | null,
): PartitionAnswer[] {
  if (partitions !== null) {
    return distinct(partitions).map((which) => electLeader(draft, type, which));
  }
  return everyPartition(draft)
    .map((which) => electLeader(draft, type, which))
    .filter(({ errorCode }) => errorCode !== KafkaError.ELECTION_NOT_NEEDED);
}

function electLeader(
  draft: Draft,
  type: 'preferred' | 'unclean',
  { topic: name, partition }: TopicPartition,
): PartitionAnswer {
  const answer = (its: Refusal): PartitionAnswer => ({ topic: name, partition, ...its });
  const topic = draft.image.topics.get(name);
  const state = topic?.partitions[partition];
  if (topic === undefined || state === undefined) {
    const what = topic === undefined ? `topic as ${name}` : `partition as ${name}-${partition}`;
    return answer(refusal(KafkaError.UNKNOWN_TOPIC_OR_PARTITION, `No such ${what}`));
  }
  if (type === 'preferred') {
    const preferred = state.replicas[0]!;
    if (state.leader === preferred) return answer(refusal(KafkaError.ELECTION_NOT_NEEDED, null));
    if (!state.isr.includes(preferred) || !draft.mayLead(preferred, topic.topicId, partition)) {
      return answer(refusal(KafkaError.PREFERRED_LEADER_NOT_AVAILABLE, null));
    }
    draft.change(topic, partition, {}, { prefersFirst: true });
    return answer(DONE);
  }
  if (state.leader !== -1) return answer(refusal(KafkaError.ELECTION_NOT_NEEDED, null));
  // Asked for by name, so the topic's own setting does not count.
  const after = draft.change(topic, partition, {}, { allowsUnclean: true });
  const isElected = after !== null && after.leader !== -1;
  return answer(isElected ? DONE : refusal(KafkaError.ELIGIBLE_LEADERS_NOT_AVAILABLE, null));
}

/** Gives leadership back to first replicas, at most `limit` partitions at a time; true: there may be more. */
export function balanceLeaders(draft: Draft, limit: number): boolean {
  for (const topic of draft.image.topics.values()) {
    for (const [partition, state] of topic.partitions.entries()) {
      if (state.leader === state.replicas[0]) continue;
      if (draft.records.length >= limit) return true;
      if (state.isr.includes(state.replicas[0]!)) {
        draft.change(topic, partition, {}, { prefersFirst: true });
      }
    }
  }
  return false;
}

/** New replicas join and catch up; the old ones go when all new ones are in the ISR. Null: the way back. */
export function reassignPartitions(
  draft: Draft,
  partitions: readonly (TopicPartition & { readonly replicas: readonly number[] | null })[],
): PartitionAnswer[] {
  return distinct(partitions).map(({ topic: name, partition, replicas }) => {
    const answer = (its: Refusal): PartitionAnswer => ({ topic: name, partition, ...its });
    const topic = draft.image.topics.get(name);
    const state = topic?.partitions[partition];
    if (topic === undefined || state === undefined) {
      const message = 'This server does not host this topic-partition.';
      return answer(refusal(KafkaError.UNKNOWN_TOPIC_OR_PARTITION, message));
    }
    if (replicas === null) return answer(cancelReassignment(draft, topic, partition, state));
    const problem = targetProblem(draft, replicas);
    if (problem !== null) return answer(refusal(KafkaError.INVALID_REPLICA_ASSIGNMENT, problem));
    // Replicas that an earlier reassignment was still adding have not been replicas yet.
    const original = state.replicas.filter((id) => !state.adding.includes(id));
    const removing = state.replicas.filter((id) => !replicas.includes(id));
    draft.change(topic, partition, {
      replicas: [...replicas, ...removing],
      adding: replicas.filter((id) => !original.includes(id)),
      removing,
    });
    return answer(DONE);
  });
}

function cancelReassignment(
  draft: Draft,
  topic: TopicImage,
  partition: number,
  state: PartitionState,
): Refusal {
  if (state.adding.length === 0 && state.removing.length === 0) {
    return refusal(
      KafkaError.NO_REASSIGNMENT_IN_PROGRESS,
      'No partition reassignment is in progress.',
    );
  }
  const replicas = state.replicas.filter((id) => !state.adding.includes(id));
  const isr = state.isr.filter((id) => replicas.includes(id));
  if (isr.length === 0 || replicas.length === 0) {
    return refusal(
      KafkaError.INVALID_REPLICA_ASSIGNMENT,
      `Unable to revert the reassignment of ${topic.name}-${partition}: no replica of before is in sync.`,
    );
  }
  draft.change(topic, partition, { replicas, adding: [], removing: [], isr });
  return DONE;
}

/** Kafka's rules for a list of replicas that somebody chose. Null: fine. */
export function targetProblem(draft: Draft, replicas: readonly number[]): string | null {
  if (replicas.length === 0) {
    return 'The manual partition assignment includes an empty replica list.';
  }
  const sorted = [...replicas].sort((a, b) => a - b);
  const negative = sorted.find((id) => id < 0);
  if (negative !== undefined) {
    return `The manual partition assignment includes an invalid broker id of ${negative}.`;
  }
  const repeated = sorted.find((id, i) => id === sorted[i - 1]);
  if (repeated !== undefined) {
    return `The manual partition assignment includes the broker ${repeated} more than once.`;
  }
  const unknown = sorted.find((id) => !draft.brokers.has(id));
  if (unknown !== undefined) {
    return `The manual partition assignment includes broker ${unknown}, but no such broker is registered.`;
  }
  return null;
}

/** Kafka's rule for chosen replicas of a new partition: one of them must be able to lead. Null: fine. */
export function newPartitionProblem(
  draft: Draft,
  partition: number,
  replicas: readonly number[],
): string | null {
  if (replicas.some((id) => isActive(draft.brokers.get(id)))) return null;
  return `All brokers specified in the manual partition assignment for partition ${partition} are fenced or in controlled shutdown.`;
}

function everyPartition(draft: Draft): TopicPartition[] {
  return [...draft.image.topics.values()].flatMap((topic) =>
    topic.partitions.map((_, partition) => ({ topic: topic.name, partition })),
  );
}

/** The first of each partition: a decision changes none twice. */
function distinct<T extends TopicPartition>(partitions: readonly T[]): T[] {
  const byId = new Map<string, T>();
  for (const which of partitions) {
    const id = `${which.topic}/${which.partition}`;
    if (!byId.has(id)) byId.set(id, which);
  }
  return [...byId.values()];
}
