import type { PartitionLog } from '../log/partition-log.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { kafkaErrorOf } from '../protocol/from-varve-error.js';
import type { Replica } from './replica.js';
import type { ReplicaTable } from './replica-table.js';
import type {
  ListOffsetOptions,
  ListOffsetRequest,
  ListOffsetResult,
  OffsetForEpochRequest,
  OffsetForEpochResult,
} from './types.js';

/** Kafka's special timestamps: ListOffsetsRequest. */
export const LATEST_TIMESTAMP = -1;
export const EARLIEST_TIMESTAMP = -2;
export const MAX_TIMESTAMP = -3;
export const EARLIEST_LOCAL_TIMESTAMP = -4;
export const LATEST_TIERED_TIMESTAMP = -5;

interface Found {
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}
const NOTHING: Found = { timestamp: -1, offset: -1, leaderEpoch: -1 };

/** Kafka: ReplicaManager.fetchOffset, Partition.fetchOffsetForTimestamp. */
export function listOffset(
  replicas: ReplicaTable,
  request: ListOffsetRequest,
  options: ListOffsetOptions,
): ListOffsetResult {
  const { topic, partition, currentLeaderEpoch } = request;
  const answer = (errorCode: KafkaErrorCode, found = NOTHING): ListOffsetResult => ({
    partitionIndex: partition,
    errorCode,
    ...found,
  });
  const replica = replicas.get(topic, partition);
  if (replica === undefined) return answer(replicas.errorForMissing(topic, partition));
  const log = replica.leaderLog(currentLeaderEpoch);
  if (typeof log === 'number') return answer(log);
  try {
    const found = find(replica, log, request.timestamp, options);
    return typeof found === 'number' ? answer(found) : answer(KafkaError.NONE, found);
  } catch (error) {
    return answer(kafkaErrorOf(error));
  }
}

function find(
  replica: Replica,
  log: PartitionLog,
  timestamp: number,
  { replicaId, isolationLevel }: ListOffsetOptions,
): Found | KafkaErrorCode {
  const leader = replica.leader!;
  const isConsumer = replicaId < 0;
  // After an election, until the high watermark is back: what was the latest offset may look higher than now.
  const isLagging = isConsumer && leader.isHighWatermarkLagging;
  const committed = isolationLevel === 1 ? log.lastStableOffset : log.highWatermark;
  const end = isConsumer ? committed : log.logEndOffset;
  switch (timestamp) {
    case LATEST_TIMESTAMP:
      if (isLagging) return KafkaError.OFFSET_NOT_AVAILABLE;
      return { timestamp: -1, offset: end, leaderEpoch: leader.leaderEpoch };
    case EARLIEST_TIMESTAMP:
    case EARLIEST_LOCAL_TIMESTAMP: {
      const offset = log.logStartOffset;
      return { timestamp: -1, offset, leaderEpoch: log.epochFor(offset) };
    }
    // Without tiered storage there is none.
    case LATEST_TIERED_TIMESTAMP:
      return NOTHING;
    case MAX_TIMESTAMP: {
      const largest = log.largestTimestampMs;
      return largest < 0 ? NOTHING : findAt(log, largest, end, isLagging);
    }
    default:
      return timestamp < 0 ? KafkaError.INVALID_REQUEST : findAt(log, timestamp, end, isLagging);
  }
}

function findAt(
  log: PartitionLog,
  timestampMs: number,
  end: number,
  isLagging: boolean,
): Found | KafkaErrorCode {
  const found = log.findByTimestamp(timestampMs);
  if (found !== null && found.offset < end) {
    const { offset, leaderEpoch } = found;
    return { timestamp: found.timestampMs, offset, leaderEpoch };
  }
  return isLagging ? KafkaError.OFFSET_NOT_AVAILABLE : NOTHING;
}

/** Kafka: Partition.lastOffsetForLeaderEpoch. */
export function offsetForLeaderEpoch(
  replicas: ReplicaTable,
  request: OffsetForEpochRequest,
): OffsetForEpochResult {
  const { topic, partition, currentLeaderEpoch, leaderEpoch } = request;
  const answer = (errorCode: KafkaErrorCode, epoch = -1, endOffset = -1): OffsetForEpochResult => ({
    partition,
    errorCode,
    leaderEpoch: epoch,
    endOffset,
  });
  const replica = replicas.get(topic, partition);
  if (replica === undefined) return answer(replicas.errorForMissing(topic, partition));
  const log = replica.leaderLog(currentLeaderEpoch);
  if (typeof log === 'number') return answer(log);
  const end = log.endOffsetForEpoch(leaderEpoch);
  return answer(KafkaError.NONE, end.epoch, end.endOffset);
}
