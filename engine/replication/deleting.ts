import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { kafkaErrorOf } from '../protocol/from-varve-error.js';
import type { Deadline, Deadlines, Expiring } from './deadlines.js';
import { isLogFailure, type ProgressWaiter, type Replica } from './replica.js';
import type { ReplicaTable } from './replica-table.js';
import type { DeleteRecordsPartition, DeleteRecordsResult } from './types.js';

export interface DeletingContext {
  readonly replicas: ReplicaTable;
  readonly deadlines: Deadlines;
  readonly logFailed: (replica: Replica, cause: unknown) => void;
}

/** The least log start of all live replicas. */
export function lowWatermark(replicas: ReplicaTable, replica: Replica): number {
  const { brokers } = replicas.image;
  return replica.leader!.lowWatermark(replica.log!.logStartOffset, (id) => {
    const broker = brokers.get(id);
    return broker !== undefined && !broker.isFenced;
  });
}

/** Moves one partition's log start up, here and on its followers. Kafka: ReplicaManager.deleteRecords. */
export async function deleteRecords(
  context: DeletingContext,
  request: DeleteRecordsPartition,
  timeoutMs: number,
): Promise<DeleteRecordsResult> {
  const { topic, partition } = request;
  const { replicas } = context;
  const answer = (errorCode: KafkaErrorCode, mark = -1): DeleteRecordsResult => ({
    topic,
    partitionIndex: partition,
    errorCode,
    lowWatermark: mark,
  });
  const replica = replicas.get(topic, partition);
  if (replica === undefined) return answer(replicas.errorForMissing(topic, partition));
  const log = replica.leaderLog(-1);
  if (typeof log === 'number') return answer(log);
  const offset = request.offset === -1 ? log.highWatermark : request.offset;
  if (!Number.isSafeInteger(offset) || offset < 0) return answer(KafkaError.OFFSET_OUT_OF_RANGE);
  try {
    await log.deleteRecordsBefore(offset);
  } catch (error) {
    if (isLogFailure(error)) context.logFailed(replica, error);
    return answer(kafkaErrorOf(error));
  }
  if (replica.leader === null) return answer(KafkaError.NOT_LEADER_OR_FOLLOWER);
  const mark = lowWatermark(replicas, replica);
  if (mark >= offset || timeoutMs <= 0) {
    return mark >= offset
      ? answer(KafkaError.NONE, mark)
      : answer(KafkaError.REQUEST_TIMED_OUT, mark);
  }
  return new Promise((resolve) => {
    new DelayedDelete(context, replica, offset, (code, its) => resolve(answer(code, its))).start(
      timeoutMs,
    );
  });
}

/** Waits until the followers' log starts have followed. Kafka: DelayedDeleteRecords. */
class DelayedDelete implements ProgressWaiter, Expiring {
  readonly #context: DeletingContext;
  readonly #replica: Replica;
  readonly #offset: number;
  readonly #done: (errorCode: KafkaErrorCode, lowWatermark: number) => void;
  #deadline: Deadline | null = null;

  constructor(
    context: DeletingContext,
    replica: Replica,
    offset: number,
    done: (errorCode: KafkaErrorCode, lowWatermark: number) => void,
  ) {
    this.#context = context;
    this.#replica = replica;
    this.#offset = offset;
    this.#done = done;
  }

  start(timeoutMs: number): void {
    this.#replica.logStartWaiters.set(this, 0);
    this.#deadline = this.#context.deadlines.add(this, timeoutMs);
  }

  touched(replica: Replica): void {
    if (replica.offline !== null) this.#finish(KafkaError.KAFKA_STORAGE_ERROR, -1);
    else if (replica.leader === null) this.#finish(KafkaError.NOT_LEADER_OR_FOLLOWER, -1);
    else {
      const mark = lowWatermark(this.#context.replicas, replica);
      if (mark >= this.#offset) this.#finish(KafkaError.NONE, mark);
    }
  }

  expire(): void {
    this.#deadline = null;
    const { leader } = this.#replica;
    const mark = leader === null ? -1 : lowWatermark(this.#context.replicas, this.#replica);
    this.#finish(KafkaError.REQUEST_TIMED_OUT, mark);
  }

  #finish(errorCode: KafkaErrorCode, mark: number): void {
    this.#replica.logStartWaiters.delete(this);
    if (this.#deadline !== null) this.#context.deadlines.remove(this, this.#deadline);
    this.#done(errorCode, mark);
  }
}
