import { maxTimestamp } from '../format/batch-header.js';
import type { Clock } from '../io/port.js';
import type { AppendBatchesOptions } from '../log/log-options.js';
import type { PartitionLog } from '../log/partition-log.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { kafkaErrorOf } from '../protocol/from-varve-error.js';
import { ACKS_ALL, errorBeforeAppend, isValidAcks, outcomeAfterAppend } from './acks.js';
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
      if (acks !== ACKS_ALL || result.errorCode !== KafkaError.NONE) continue;
      const leader = replica!.leader!;
      const requiredOffset = this.#lastAppended + 1;
      const outcome = outcomeAfterAppend(leader, requiredOffset);
      if (outcome === null) {
        delayed ??= new DelayedProduce(results, this.#context.deadlines);
        delayed.await(replica!, i, requiredOffset);
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

/** A produce request with acks=all until all of its partitions have been committed, or its time is over. */
class DelayedProduce implements Expiring {
  readonly #results: ProduceResult[];
  readonly #deadlines: Deadlines;
  #open: PendingPartition[] = [];
  #left = 0;
  #deadline: Deadline | null = null;
  #resolve: ((results: PartitionProduceResult[]) => void) | null = null;

  constructor(results: ProduceResult[], deadlines: Deadlines) {
    this.#results = results;
    this.#deadlines = deadlines;
  }

  await(replica: Replica, index: number, requiredOffset: number): void {
    const pending = new PendingPartition(this, replica, index, requiredOffset);
    this.#open.push(pending);
    this.#left += 1;
    replica.waitForCommit(pending);
  }

  /** Waking may have completed it meanwhile. */
  start(timeoutMs: number): PartitionProduceResult[] | Promise<PartitionProduceResult[]> {
    if (this.#left === 0) return this.#results;
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#deadline = this.#deadlines.add(this, Math.max(0, timeoutMs));
    });
  }

  partitionDone(index: number, errorCode: KafkaErrorCode): void {
    this.#results[index]!.errorCode = errorCode;
    this.#left -= 1;
    if (this.#left > 0) return;
    if (this.#deadline !== null) this.#deadlines.remove(this, this.#deadline);
    this.#resolve?.(this.#results);
  }

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
    if (this.isGone) return;
    this.isGone = true;
    this.#produce.partitionDone(this.#index, errorCode);
  }

  /** What was appended may be committed all the same. */
  expire(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.#replica.commitWaiterGone();
    this.#produce.partitionDone(this.#index, KafkaError.REQUEST_TIMED_OUT);
  }
}
