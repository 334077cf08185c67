import { maxTimestamp } from '../format/batch-header.js';
import type { Clock } from '../io/port.js';
import type { AppendBatchesOptions } from '../log/log-options.js';
import type { PartitionLog } from '../log/partition-log.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { kafkaErrorOf } from '../protocol/from-varve-error.js';
import { ACKS_ALL, ACKS_NONE, errorBeforeAppend, isValidAcks, outcomeAfterAppend } from './acks.js';
import type { Deadline, Deadlines, Expiring } from './deadlines.js';
import { type CommitWaiter, isLogFailure, type Replica } from './replica.js';
import type { ReplicaTable } from './replica-table.js';
import type { PartitionProduceResult, ProduceOptions, ProducePartition } from './types.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type ProduceResult = Writable<PartitionProduceResult>;

/** Kafka: Topic.INTERNAL_TOPICS. */
const INTERNAL_TOPICS: ReadonlySet<string> = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
]);

const CLIENT: AppendBatchesOptions = { origin: 'client' };
const COORDINATOR: AppendBatchesOptions = { origin: 'coordinator' };

export interface ProducingContext {
  readonly clock: Clock;
  readonly replicas: ReplicaTable;
  readonly deadlines: Deadlines;
  /** The log has failed: the replica goes offline. */
  readonly logFailed: (replica: Replica, cause: unknown) => void;
}

/** Produce requests on partitions led here. Kafka: ReplicaManager.appendRecords, DelayedProduce. */
export class Producing {
  readonly #context: ProducingContext;

  constructor(context: ProducingContext) {
    this.#context = context;
  }

  produce(
    requests: readonly ProducePartition[],
    options: ProduceOptions,
  ): PartitionProduceResult[] | Promise<PartitionProduceResult[]> {
    const { acks, origin = 'client' } = options;
    const count = requests.length;
    const results = new Array<ProduceResult>(count);
    if (!isValidAcks(acks)) {
      for (let i = 0; i < count; i += 1) {
        results[i] = failure(
          requests[i]!,
          KafkaError.INVALID_REQUIRED_ACKS,
          `acks must be 0, 1 or -1, not ${acks}`,
        );
      }
      return results;
    }
    const { replicas } = this.#context;
    const nowMs = this.#context.clock.monotonic();
    let delayed: DelayedProduce | null = null;
    for (let i = 0; i < count; i += 1) {
      const request = requests[i]!;
      const replica = replicas.get(request.topic, request.partition);
      const result = this.#append(request, replica, acks, origin, nowMs);
      results[i] = result;
      if (acks === ACKS_NONE || result.errorCode !== KafkaError.NONE) continue;
      const requiredOffset = this.#lastAppended + 1;
      // Also of a duplicate: what it repeats may still be on its way to disk.
      const sync = replica!.log!.syncBeforeAck(requiredOffset);
      const outcome =
        acks === ACKS_ALL ? outcomeAfterAppend(replica!.leader!, requiredOffset) : KafkaError.NONE;
      if (outcome === null || sync !== null) {
        delayed ??= new DelayedProduce(results, this.#context);
        delayed.await(replica!, i, requiredOffset, outcome, sync);
      } else {
        result.errorCode = outcome;
      }
    }
    // Only now: who is woken finds what all of the request brought.
    for (let i = 0; i < count; i += 1) {
      const request = requests[i]!;
      replicas.get(request.topic, request.partition)?.wake();
    }
    return delayed === null ? results : delayed.start(options.timeoutMs);
  }

  /** Last offset of the append that succeeded last: the result as answered does not say. */
  #lastAppended = -1;

  #append(
    request: ProducePartition,
    replica: Replica | undefined,
    acks: number,
    origin: 'client' | 'coordinator',
    nowMs: number,
  ): ProduceResult {
    const { topic, partition, records } = request;
    const { replicas } = this.#context;
    if (origin === 'client' && INTERNAL_TOPICS.has(topic)) {
      return failure(
        request,
        KafkaError.INVALID_TOPIC_EXCEPTION,
        `cannot append to internal topic ${topic}`,
      );
    }
    if (replica === undefined) {
      return this.#notHere(request, replicas.errorForMissing(topic, partition));
    }
    const log = replica.leaderLog(-1);
    if (typeof log === 'number') return this.#notHere(request, log);
    const leader = replica.leader!;
    const refusal = errorBeforeAppend(leader, acks);
    if (refusal !== KafkaError.NONE) {
      return failure(
        request,
        refusal,
        `${leader.isr.length} replicas are in sync, ${leader.effectiveMinIsr} are needed (min.insync.replicas)`,
      );
    }
    if (records === null) {
      return failure(request, KafkaError.INVALID_RECORD, 'there are no records');
    }
    try {
      const appended = log.appendBatches(records, origin === 'client' ? CLIENT : COORDINATOR);
      this.#lastAppended = appended.lastOffset;
      if (!appended.isDuplicate) replica.appended(nowMs);
      return {
        topic,
        index: partition,
        errorCode: KafkaError.NONE,
        baseOffset: appended.baseOffset,
        logAppendTimeMs: appendTimeOf(log, appended.baseOffset),
        logStartOffset: log.logStartOffset,
        errorMessage: null,
      };
    } catch (error) {
      if (isLogFailure(error)) this.#context.logFailed(replica, error);
      return failure(
        request,
        kafkaErrorOf(error),
        error instanceof Error ? error.message : String(error),
      );
    }
  }

  #notHere(request: ProducePartition, errorCode: KafkaErrorCode): ProduceResult {
    const { topic, partition } = request;
    const result = failure(request, errorCode, null);
    const currentLeader = this.#context.replicas.currentLeader(errorCode, topic, partition);
    if (currentLeader !== null) result.currentLeader = currentLeader;
    return result;
  }
}

function failure(
  { topic, partition }: ProducePartition,
  errorCode: KafkaErrorCode,
  errorMessage: string | null,
): ProduceResult {
  return {
    topic,
    index: partition,
    errorCode,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    errorMessage,
  };
}

/** The time that the log gave the batch, -1 where the producer's counts. */
function appendTimeOf(log: PartitionLog, offset: number): number {
  if (log.config.messageTimestampType === 'CreateTime') return -1;
  const { bytes } = log.read(offset, { maxBytes: 1, isolation: 'log_end' });
  return maxTimestamp(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
}

/**
 * A produce request until each of its partitions has been committed (acks=all) and is on this broker's disk as far as
 * flush.messages asks for that, or its time is over.
 */
class DelayedProduce implements Expiring {
  readonly #results: ProduceResult[];
  readonly #context: ProducingContext;
  #open: PendingPartition[] = [];
  #left = 0;
  #deadline: Deadline | null = null;
  #resolve: ((results: PartitionProduceResult[]) => void) | null = null;

  constructor(results: ProduceResult[], context: ProducingContext) {
    this.#results = results;
    this.#context = context;
  }

  /** `outcome` null: the commit is waited for; `sync` not null: the disk. */
  await(
    replica: Replica,
    index: number,
    requiredOffset: number,
    outcome: KafkaErrorCode | null,
    sync: Promise<void> | null,
  ): void {
    const pending = new PendingPartition(this, replica, index, requiredOffset);
    this.#left += 1;
    if (sync !== null) {
      pending.isUnsynced = true;
      sync.then(
        () => pending.synced(),
        (error: unknown) => {
          // First: the failure of the log tells all who wait, without the cause.
          pending.syncFailed(error);
          if (isLogFailure(error)) this.#context.logFailed(replica, error);
        },
      );
    }
    if (outcome === null) {
      this.#open.push(pending);
      replica.waitForCommit(pending);
    } else {
      pending.committed(outcome);
    }
  }

  /** Waking may have completed it meanwhile. */
  start(timeoutMs: number): PartitionProduceResult[] | Promise<PartitionProduceResult[]> {
    if (this.#left === 0) return this.#results;
    return new Promise((resolve) => {
      this.#resolve = resolve;
      if (this.#open.length === 0) return;
      this.#deadline = this.#context.deadlines.add(this, Math.max(0, timeoutMs));
    });
  }

  partitionDone(index: number, errorCode: KafkaErrorCode): void {
    this.#results[index]!.errorCode = errorCode;
    this.#left -= 1;
    if (this.#left > 0) return;
    if (this.#deadline !== null) this.#context.deadlines.remove(this, this.#deadline);
    this.#resolve?.(this.#results);
  }

  partitionFailed(index: number, error: unknown): void {
    const { topic, index: partition } = this.#results[index]!;
    const errorMessage = error instanceof Error ? error.message : String(error);
    const errorCode = kafkaErrorOf(error);
    this.#results[index] = failure({ topic, partition, records: null }, errorCode, errorMessage);
    this.partitionDone(index, errorCode);
  }

  /** Only followers are given up: a sync ends by itself, and in Kafka no append that syncs is cut short. */
  expire(): void {
    this.#deadline = null;
    const open = this.#open;
    this.#open = [];
    for (const pending of open) pending.expire();
  }
}

class PendingPartition implements CommitWaiter {
  readonly requiredOffset: number;
  isGone = false;
  /** A sync is waited for. */
  isUnsynced = false;
  #isCommitted = false;
  readonly #produce: DelayedProduce;
  readonly #replica: Replica;
  readonly #index: number;

  constructor(produce: DelayedProduce, replica: Replica, index: number, requiredOffset: number) {
    this.#produce = produce;
    this.#replica = replica;
    this.#index = index;
    this.requiredOffset = requiredOffset;
  }

  committed(errorCode: KafkaErrorCode): void {
    if (this.isGone || this.#isCommitted) return;
    this.#isCommitted = true;
    if (errorCode !== KafkaError.NONE || !this.isUnsynced) this.#done(errorCode);
  }

  synced(): void {
    this.isUnsynced = false;
    if (!this.isGone && this.#isCommitted) this.#done(KafkaError.NONE);
  }

  syncFailed(error: unknown): void {
    if (this.isGone) return;
    this.#leave();
    this.#produce.partitionFailed(this.#index, error);
  }

  /** What was appended may be committed all the same. */
  expire(): void {
    if (this.isGone || this.#isCommitted) return;
    this.#leave();
    this.#produce.partitionDone(this.#index, KafkaError.REQUEST_TIMED_OUT);
  }

  #leave(): void {
    this.isGone = true;
    if (!this.#isCommitted) this.#replica.commitWaiterGone();
  }

  #done(errorCode: KafkaErrorCode): void {
    this.isGone = true;
    this.#produce.partitionDone(this.#index, errorCode);
  }
}
