import type { Clock } from '../io/port.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type { Deadline, Deadlines, Expiring } from './deadlines.js';
import {
  failedRead,
  logToRead,
  type Reader,
  readableEnd,
  tryReadPartition,
} from './partition-read.js';
import type { ProgressWaiter, Replica } from './replica.js';
import type { ReplicaTable } from './replica-table.js';
import type { FetchOptions, FetchPartitionRequest, FetchPartitionResult } from './types.js';

export interface FetchingContext {
  readonly clock: Clock;
  readonly replicas: ReplicaTable;
  readonly deadlines: Deadlines;
  readonly logFailed: (replica: Replica, cause: unknown) => void;
  /** A follower has told how far it is: it may join the ISR. */
  readonly followerFetched: (replica: Replica, brokerId: number) => void;
}

/** Fetch requests on partitions led here. Kafka: ReplicaManager.fetchMessages, DelayedFetch. */
export class Fetching {
  readonly #context: FetchingContext;
  /** Fetches that waited, to be answered when this tick ends. */
  #due: DelayedFetch[] = [];

  constructor(context: FetchingContext) {
    this.#context = context;
  }

  fetch(options: FetchOptions): FetchPartitionResult[] | Promise<FetchPartitionResult[]> {
    const reader: Reader = {
      replicaId: options.replicaId,
      replicaEpoch: options.replicaEpoch,
      isReadCommitted: options.isolationLevel === 1,
    };
    const answer = this.read(options, reader);
    if (reader.replicaId >= 0) this.#noteProgress(options, answer.results);
    if (
      options.maxWaitMs <= 0 ||
      answer.bytes >= options.minBytes ||
      answer.isUrgent ||
      options.partitions.length === 0 ||
      options.signal?.aborted
    ) {
      return answer.results;
    }
    return new Promise((resolve) => {
      new DelayedFetch(this, this.#context, options, reader, resolve).start(answer.results);
    });
  }

  /**
   * Answers a fetch that waited, with all that came by the end of this tick: requests that arrived in one read, and
   * high watermarks that one fetch of a follower moved, are one answer instead of one each.
   */
  completeSoon(fetch: DelayedFetch): void {
    if (this.#due.push(fetch) === 1) process.nextTick(this.#completeDue);
  }

  readonly #completeDue = (): void => {
    const due = this.#due;
    this.#due = [];
    for (const fetch of due) fetch.complete();
  };

  /** Reads all partitions, as far as the answer's size allows. */
  read(
    options: FetchOptions,
    reader: Reader,
  ): {
    readonly results: FetchPartitionResult[];
    readonly bytes: number;
    /** An error or a divergence: told at once. */
    readonly isUrgent: boolean;
  } {
    const { replicas } = this.#context;
    const { partitions } = options;
    const results = new Array<FetchPartitionResult>(partitions.length);
    let bytes = 0;
    let isUrgent = false;
    for (let i = 0; i < partitions.length; i += 1) {
      const request = partitions[i]!;
      const log = logToRead(replicas, request, reader);
      const result =
        typeof log === 'number'
          ? this.#refusal(request, log)
          : tryReadPartition(
              log,
              request,
              reader,
              options.maxBytes - bytes,
              bytes === 0,
              (cause) => {
                const replica = replicas.get(request.topic, request.partition);
                if (replica !== undefined) this.#context.logFailed(replica, cause);
              },
            );
      if (result.errorCode !== KafkaError.NONE || result.divergingEpoch !== undefined) {
        isUrgent = true;
      }
      bytes += result.records.length;
      results[i] = result;
    }
    return { results, bytes, isUrgent };
  }

  #refusal(request: FetchPartitionRequest, errorCode: KafkaErrorCode): FetchPartitionResult {
    const result = failedRead(request, errorCode);
    const { topic, partition } = request;
    const currentLeader = this.#context.replicas.currentLeader(errorCode, topic, partition);
    return currentLeader === null ? result : { ...result, currentLeader };
  }

  /** A follower that asks for an offset has everything below it. */
  #noteProgress(options: FetchOptions, results: readonly FetchPartitionResult[]): void {
    const { replicas, clock } = this.#context;
    const nowMs = clock.monotonic();
    const { partitions, replicaId } = options;
    for (let i = 0; i < partitions.length; i += 1) {
      const { errorCode, divergingEpoch } = results[i]!;
      if (errorCode !== KafkaError.NONE || divergingEpoch !== undefined) continue;
      const request = partitions[i]!;
      const replica = replicas.get(request.topic, request.partition);
      const leader = replica?.leader;
      if (replica === undefined || leader === null || leader === undefined) continue;
      const follower = leader.followers.get(replicaId);
      const startMoved = follower?.logStartOffset !== request.logStartOffset;
      const marked = leader.fetched(replicaId, {
        fetchOffset: request.fetchOffset,
        logStartOffset: request.logStartOffset,
        // Nothing was appended since the read: this is all one turn.
        leaderEndOffset: replica.log!.logEndOffset,
        brokerEpoch: options.replicaEpoch,
        nowMs,
      });
      if (marked) replica.markMoved();
      this.#context.followerFetched(replica, replicaId);
      if (marked) replica.wake();
      if (startMoved && replica.logStartWaiters.size > 0) {
        for (const [waiter, index] of replica.logStartWaiters) waiter.touched(replica, index);
      }
    }
  }
}

/** A fetch request that waits for `minBytes`. */
class DelayedFetch implements ProgressWaiter, Expiring {
  readonly #fetching: Fetching;
  readonly #context: FetchingContext;
  readonly #options: FetchOptions;
  readonly #reader: Reader;
  readonly #resolve: (results: FetchPartitionResult[]) => void;
  readonly #replicas: (Replica | null)[];
  /** Bytes that each partition had at the last look, with `minBytes` above 1. */
  #available: number[] | null = null;
  #bytes = 0;
  #deadline: Deadline | null = null;
  #isDue = false;
  #isDone = false;

  constructor(
    fetching: Fetching,
    context: FetchingContext,
    options: FetchOptions,
    reader: Reader,
    resolve: (results: FetchPartitionResult[]) => void,
  ) {
    this.#fetching = fetching;
    this.#context = context;
    this.#options = options;
    this.#reader = reader;
    this.#resolve = resolve;
    this.#replicas = new Array<Replica | null>(options.partitions.length);
  }

  start(results: readonly FetchPartitionResult[]): void {
    const { partitions, signal, maxWaitMs, minBytes } = this.#options;
    if (minBytes > 1) {
      this.#available = results.map(({ records }) => records.length);
      for (const bytes of this.#available) this.#bytes += bytes;
    }
    for (let i = 0; i < partitions.length; i += 1) {
      const { topic, partition } = partitions[i]!;
      const replica = this.#context.replicas.get(topic, partition) ?? null;
      this.#replicas[i] = replica;
      if (replica !== null) this.#watched(replica).set(this, i);
    }
    this.#deadline = this.#context.deadlines.add(this, maxWaitMs);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Cheap while it is not what this waits for: it may come with every append. */
  touched(replica: Replica, index: number): void {
    if (this.#isDone || this.#isDue) return;
    const { partitions, minBytes } = this.#options;
    const request = partitions[index]!;
    const log = logToRead(this.#context.replicas, request, this.#reader);
    if (
      typeof log === 'number' ||
      replica !== this.#context.replicas.get(request.topic, request.partition)
    ) {
      this.#completeSoon();
      return;
    }
    if (request.fetchOffset >= readableEnd(log, this.#reader)) return;
    if (this.#available === null) {
      this.#completeSoon();
      return;
    }
    const { maxBytes } = this.#options;
    const read = tryReadPartition(log, request, this.#reader, maxBytes, true, () => undefined);
    this.#bytes += read.records.length - this.#available[index]!;
    this.#available[index] = read.records.length;
    if (this.#bytes >= minBytes || read.errorCode !== KafkaError.NONE) this.#completeSoon();
  }

  expire(): void {
    this.#deadline = null;
    this.complete();
  }

  readonly #onAbort = (): void => {
    if (this.#isDone) return;
    this.#leave();
    this.#resolve([]);
  };

  #completeSoon(): void {
    this.#isDue = true;
    this.#fetching.completeSoon(this);
  }

  complete(): void {
    if (this.#isDone) return;
    this.#leave();
    this.#resolve(this.#fetching.read(this.#options, this.#reader).results);
  }

  #leave(): void {
    this.#isDone = true;
    for (const replica of this.#replicas) {
      if (replica !== null) this.#watched(replica).delete(this);
    }
    if (this.#deadline !== null) this.#context.deadlines.remove(this, this.#deadline);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  #watched(replica: Replica): Map<ProgressWaiter, number> {
    return this.#reader.replicaId >= 0 ? replica.followerFetches : replica.consumerFetches;
  }
}
