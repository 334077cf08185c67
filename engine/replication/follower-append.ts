import {
  baseOffset,
  lastOffset,
  partitionLeaderEpoch,
  sizeInBytes,
} from '../format/batch-header.js';
import { BATCH_OVERHEAD } from '../format/layout.js';
import type { PartitionLog } from '../log/partition-log.js';

/** How a follower takes what its leader sent. Kafka: Partition.appendRecordsToFollowerOrFutureReplica. */

const REPLICATION = { origin: 'replication' } as const;

export type AppendOutcome =
  | { readonly kind: 'appended' }
  /** There is no whole batch of an epoch that this follower may take. */
  | { readonly kind: 'nothing' }
  /**
   * The log is empty and the leader's start lies inside the first batch: the log must start where that batch does.
   * Kafka: UnexpectedAppendOffsetException.
   */
  | { readonly kind: 'restart'; readonly offset: number };

/**
 * Appends whole batches up to the first one of a later epoch than `leaderEpoch`, which another leader must have
 * written. In pieces that fit a segment. Throws as `PartitionLog.appendBatches` does.
 */
export function appendAsFollower(
  log: PartitionLog,
  records: Buffer,
  leaderEpoch: number,
): AppendOutcome {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  const { segmentBytes } = log.config;
  let from = 0;
  let at = 0;
  while (at + BATCH_OVERHEAD <= records.length) {
    const size = sizeInBytes(view, at);
    // Cut off, or senseless: the next fetch begins there.
    if (size < BATCH_OVERHEAD || at + size > records.length) break;
    if (partitionLeaderEpoch(view, at) > leaderEpoch) break;
    if (at === 0 && startsInside(log, view)) {
      return { kind: 'restart', offset: baseOffset(view, 0) };
    }
    if (at > from && at + size - from > segmentBytes) {
      log.appendBatches(records.subarray(from, at), REPLICATION);
      from = at;
    }
    at += size;
  }
  if (at === 0) return { kind: 'nothing' };
  log.appendBatches(records.subarray(from, at), REPLICATION);
  return { kind: 'appended' };
}

function startsInside(log: PartitionLog, view: DataView): boolean {
  const end = log.logEndOffset;
  return log.logStartOffset === end && baseOffset(view, 0) < end && lastOffset(view, 0) >= end;
}
