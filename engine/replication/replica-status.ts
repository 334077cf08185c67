import type { Replica } from './replica.js';
import type { FollowerStatus, PartitionStatus } from './types.js';

/** What metrics and administrators are shown. */
export function statusOf(replica: Replica, nowMs: number): PartitionStatus {
  const { topic, topicId, partition, state, log, leader, follower } = replica;
  return {
    topic,
    topicId,
    partition,
    role: roleOf(replica),
    leaderId: state.leader,
    leaderEpoch: state.leaderEpoch,
    partitionEpoch: leader?.partitionEpoch ?? state.partitionEpoch,
    replicas: state.replicas,
    isr: leader?.isr ?? state.isr,
    logStartOffset: log?.logStartOffset ?? -1,
    logEndOffset: log?.logEndOffset ?? -1,
    highWatermark: log?.highWatermark ?? -1,
    sizeBytes: log?.sizeBytes ?? 0,
    followers: leader === null ? [] : followersOf(replica, nowMs),
    isUnderReplicated: leader?.isUnderReplicated ?? false,
    isUnderMinIsr: leader?.isUnderMinIsr ?? false,
    fetchPhase: follower?.phase ?? null,
  };
}

function roleOf(replica: Replica): PartitionStatus['role'] {
  if (replica.offline !== null) return 'offline';
  if (replica.leader !== null) return 'leader';
  return replica.follower === null ? 'none' : 'follower';
}

function followersOf({ leader, log }: Replica, nowMs: number): FollowerStatus[] {
  return [...leader!.followers.values()].map((follower) => {
    const { brokerId, logEndOffset, lastCaughtUpMs } = follower;
    const isAtEnd = logEndOffset === log!.logEndOffset;
    return {
      brokerId,
      logEndOffset,
      lag: logEndOffset < 0 ? -1 : Math.max(0, log!.logEndOffset - logEndOffset),
      isInSync: leader!.isr.includes(brokerId),
      behindMs: isAtEnd ? 0 : Math.max(0, nowMs - lastCaughtUpMs),
    };
  });
}
