import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type { LeaderState } from './leader-state.js';

/* What a producer's `acks` asks for. Kafka: ReplicaManager.isValidRequiredAcks, Partition.appendRecordsToLeader. */

/** Answered by the leader alone. */
export const ACKS_LEADER = 1;
export const ACKS_NONE = 0;
/** Answered when every in-sync replica has the records. */
export const ACKS_ALL = -1;

export function isValidAcks(acks: number): boolean {
  return acks === ACKS_ALL || acks === ACKS_LEADER || acks === ACKS_NONE;
}

/** Before anything is appended: acks=all needs enough replicas in sync; the others do not ask. */
export function errorBeforeAppend(leader: LeaderState, acks: number): KafkaErrorCode {
  return acks === ACKS_ALL && leader.isUnderMinIsr
    ? KafkaError.NOT_ENOUGH_REPLICAS
    : KafkaError.NONE;
}

/**
 * Whether records up to `requiredOffset` (exclusive) are committed: null while they are not, else what to answer. The
 * ISR may have become too small after the append: then the records are there, but on fewer replicas than asked.
 * Kafka: checkEnoughReplicasReachOffset.
 */
export function outcomeAfterAppend(
  leader: LeaderState,
  requiredOffset: number,
): KafkaErrorCode | null {
  if (leader.highWatermark < requiredOffset) return null;
  return leader.maximalIsr.length < leader.effectiveMinIsr
    ? KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND
    : KafkaError.NONE;
}
