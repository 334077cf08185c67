import { ZERO_UUID } from '../format/uuid.js';
import type { ReadIsolation } from '../log/log-reader.js';
import type { PartitionLog } from '../log/partition-log.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { kafkaErrorOf } from '../protocol/from-varve-error.js';
import { isLogFailure, type Replica } from './replica.js';
import type { ReplicaTable } from './replica-table.js';
import type { FetchPartitionRequest, FetchPartitionResult } from './types.js';

export const NO_RECORDS: Buffer = Buffer.alloc(0);

/** Who reads: what may be seen. */
export interface Reader {
  /** -1: a consumer. */
  readonly replicaId: number;
  readonly replicaEpoch: number;
  readonly isReadCommitted: boolean;
}

export function isolationOf(reader: Reader): ReadIsolation {
  if (reader.replicaId >= 0) return 'log_end';
  return reader.isReadCommitted ? 'last_stable_offset' : 'high_watermark';
}

/** Where `reader` must stop. */
export function readableEnd(log: PartitionLog, reader: Reader): number {
  if (reader.replicaId >= 0) return log.logEndOffset;
  return reader.isReadCommitted ? log.lastStableOffset : log.highWatermark;
}

/** The log to read for a request, or the error to answer. */
export function logToRead(
  replicas: ReplicaTable,
  request: FetchPartitionRequest,
  reader: Reader,
): PartitionLog | KafkaErrorCode {
  const replica = replicas.get(request.topic, request.partition);
  if (replica === undefined) return replicas.errorForMissing(request.topic, request.partition);
  const { topicId } = request;
  if (topicId !== replica.topicId && topicId !== '' && topicId !== ZERO_UUID) {
    return KafkaError.INCONSISTENT_TOPIC_ID;
  }
  const log = replica.leaderLog(request.currentLeaderEpoch);
  if (typeof log === 'number' || reader.replicaId < 0) return log;
  return followerError(replicas, replica, request, reader) ?? log;
}

function followerError(
  replicas: ReplicaTable,
  replica: Replica,
  request: FetchPartitionRequest,
  { replicaId, replicaEpoch }: Reader,
): KafkaErrorCode | null {
  if (!replica.leader!.followers.has(replicaId)) {
    // It may know of a reassignment before this leader does.
    return request.currentLeaderEpoch >= 0
      ? KafkaError.UNKNOWN_LEADER_EPOCH
      : KafkaError.NOT_LEADER_OR_FOLLOWER;
  }
  // What an earlier life of the follower asks says nothing about what this one has. One that is not known yet waits
  // for the metadata, and a client that reads under the number of a follower would be believed to have the records.
  const isKnown = replicas.image.brokers.get(replicaId)?.brokerEpoch === replicaEpoch;
  return isKnown ? null : KafkaError.NOT_LEADER_OR_FOLLOWER;
}

/**
 * Reads one partition. `maxBytes` is what the whole answer may still take; the first batch comes whole if
 * `mayExceed`, however large. Kafka: Partition.fetchRecords, readRecords.
 */
export function readPartition(
  log: PartitionLog,
  request: FetchPartitionRequest,
  reader: Reader,
  maxBytes: number,
  mayExceed: boolean,
): FetchPartitionResult {
  const { topic, topicId, partition, fetchOffset, lastFetchedEpoch } = request;
  const { highWatermark, lastStableOffset, logStartOffset } = log;
  let records: Buffer = NO_RECORDS;
  let nextOffset = fetchOffset;
  if (lastFetchedEpoch >= 0) {
    const end = log.endOffsetForEpoch(lastFetchedEpoch);
    if (end.endOffset < 0 || fetchOffset < logStartOffset) {
      return failedRead(request, KafkaError.OFFSET_OUT_OF_RANGE);
    }
    if (end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset) {
      return {
        topic,
        topicId,
        partitionIndex: partition,
        errorCode: KafkaError.NONE,
        highWatermark,
        lastStableOffset,
        logStartOffset,
        divergingEpoch: { epoch: end.epoch, endOffset: end.endOffset },
        abortedTransactions: null,
        records,
      };
    }
  }
  if (fetchOffset < logStartOffset || fetchOffset > log.logEndOffset) {
    return failedRead(request, KafkaError.OFFSET_OUT_OF_RANGE);
  }
  const limit = Math.min(maxBytes, request.partitionMaxBytes);
  if (fetchOffset < readableEnd(log, reader) && (limit > 0 || mayExceed)) {
    const read = log.read(fetchOffset, {
      maxBytes: Math.max(0, limit),
      isolation: isolationOf(reader),
    });
    // A log gives one whole batch in any case.
    if (mayExceed || read.bytes.length <= limit) {
      records = read.bytes;
      nextOffset = read.nextOffset;
    }
  }
  const isCommitted = reader.replicaId < 0 && reader.isReadCommitted;
  return {
    topic,
    topicId,
    partitionIndex: partition,
    errorCode: KafkaError.NONE,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    abortedTransactions: isCommitted ? log.abortedTransactions(fetchOffset, nextOffset) : null,
    records,
  };
}

/** `readPartition` with what goes wrong as an error code. */
export function tryReadPartition(
  log: PartitionLog,
  request: FetchPartitionRequest,
  reader: Reader,
  maxBytes: number,
  mayExceed: boolean,
  logFailed: (cause: unknown) => void,
): FetchPartitionResult {
  try {
    return readPartition(log, request, reader, maxBytes, mayExceed);
  } catch (error) {
    if (isLogFailure(error)) logFailed(error);
    return failedRead(request, kafkaErrorOf(error));
  }
}

export function failedRead(
  { topic, topicId, partition }: FetchPartitionRequest,
  errorCode: KafkaErrorCode,
): FetchPartitionResult {
  return {
    topic,
    topicId,
    partitionIndex: partition,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    abortedTransactions: null,
    records: NO_RECORDS,
  };
}
