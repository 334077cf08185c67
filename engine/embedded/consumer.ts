import { isVarveError, VarveError } from '../errors.js';
import { type ConsumedRecord, type ConsumerIsolation, FetchState } from './fetch-state.js';
import { type PartitionSource, partitionKey, type TopicPartition } from './partition-source.js';

/** Where to read from: an offset, an end of the log, or the first record at or after a time (ms since 1970). */
export type SeekTarget = number | 'beginning' | 'end' | { readonly timestampMs: number };

export interface ConsumerOptions {
  /** Most records one `poll` returns. Kafka: max.poll.records. Default 500. */
  readonly maxPollRecords?: number;
  /** Bytes read from a partition at a time. Kafka: max.partition.fetch.bytes. Default 1 MiB. */
  readonly maxBytesPerPartition?: number;
  /** Check each batch's CRC. Kafka: check.crcs. Default true. */
  readonly checkCrcs?: boolean;
  /** Kafka: isolation.level. Default `read_uncommitted`. */
  readonly isolation?: ConsumerIsolation;
  /** Where a new assignment starts, and where to go on when the position was deleted. `none`: fail. Default `earliest`. */
  readonly autoOffsetReset?: 'earliest' | 'latest' | 'none';
}

export interface PollOptions {
  /** Milliseconds to wait for a first record; 0: do not wait. Default: as long as it takes. */
  readonly timeoutMs?: number;
  readonly maxRecords?: number;
  readonly signal?: AbortSignal;
}

/**
 * Reads assigned partitions in this process, without sockets. Records of one partition come in offset order;
 * partitions take turns. Keys and values are views of the log: they stay valid and unchanged while they are held.
 * Who assigns is up to the caller; a group coordinator does it through the same `assign`, `seek` and `positions`.
 */
export class Consumer {
  readonly #source: PartitionSource;
  readonly #options: Required<ConsumerOptions>;
  #assigned = new Map<string, FetchState>();
  #turn = 0;
  #closed = false;
  readonly #onClose: () => void;
  readonly #closing = new AbortController();

  /** `onClose` tells an owner that keeps a list of its clients. */
  constructor(source: PartitionSource, options: ConsumerOptions = {}, onClose = () => {}) {
    this.#source = source;
    this.#onClose = onClose;
    this.#options = {
      maxPollRecords: options.maxPollRecords ?? 500,
      maxBytesPerPartition: options.maxBytesPerPartition ?? 1024 * 1024,
      checkCrcs: options.checkCrcs ?? true,
      isolation: options.isolation ?? 'read_uncommitted',
      autoOffsetReset: options.autoOffsetReset ?? 'earliest',
    };
    for (const name of ['maxPollRecords', 'maxBytesPerPartition'] as const) {
      const value = this.#options[name];
      if (!Number.isInteger(value) || value < 1) {
        throw new VarveError('INVALID_CONFIG', `${name} ${value} is not a whole number above 0`);
      }
    }
  }

  /** Replaces the assignment. Partitions kept from the last one keep their position, unless `offset` is given. */
  assign(partitions: readonly (TopicPartition & { readonly offset?: SeekTarget })[]): void {
    this.#requireOpen();
    const assigned = new Map<string, FetchState>();
    for (const { topic, partition, offset } of partitions) {
      const key = partitionKey(topic, partition);
      const kept = this.#assigned.get(key);
      // The log of a topic that was deleted, and maybe made again, stays closed.
      const state =
        kept === undefined || kept.log.isClosed ? this.#newState(topic, partition) : kept;
      if (offset !== undefined) state.seek(resolveTarget(state, offset));
      assigned.set(key, state);
    }
    this.#assigned = assigned;
  }

  /** Assigns every partition of the topics. */
  assignTopics(...topics: string[]): void {
    const partitions: TopicPartition[] = [];
    for (const topic of topics) {
      const count = this.#source.partitionCount(topic);
      for (let partition = 0; partition < count; partition += 1)
        partitions.push({ topic, partition });
    }
    this.assign(partitions);
  }

  #newState(topic: string, partition: number): FetchState {
    const log = this.#source.partition(topic, partition);
    const isLatest = this.#options.autoOffsetReset === 'latest';
    const position = isLatest ? log.highWatermark : log.logStartOffset;
    const { maxBytesPerPartition, checkCrcs, isolation } = this.#options;
    return new FetchState({ topic, partition, position }, log, {
      maxBytes: maxBytesPerPartition,
      checkCrcs,
      isolation,
    });
  }

  get assignment(): TopicPartition[] {
    return [...this.#assigned.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  /** Moves to an offset, an end or a time. An offset outside the log is met by `autoOffsetReset` at the next poll. */
  seek(place: TopicPartition, target: SeekTarget): void {
    const state = this.#stateOf(place);
    state.seek(resolveTarget(state, target));
  }

  /** Offset of the next record `poll` will return. */
  position(place: TopicPartition): number {
    return this.#stateOf(place).position;
  }

  /** Positions of all assigned partitions: what a group would commit. */
  positions(): (TopicPartition & { offset: number })[] {
    return [...this.#assigned.values()].map(({ topic, partition, position }) => ({
      topic,
      partition,
      offset: position,
    }));
  }

  /** Records between the position and the end, per partition. */
  lag(): (TopicPartition & { lag: number })[] {
    return [...this.#assigned.values()].map(({ topic, partition, position, end }) => ({
      topic,
      partition,
      lag: Math.max(0, end - position),
    }));
  }

  /** Leaves the partitions out of `poll` until `resume`. */
  pause(...places: TopicPartition[]): void {
    for (const place of places) this.#stateOf(place).isPaused = true;
  }

  resume(...places: TopicPartition[]): void {
    for (const place of places) this.#stateOf(place).isPaused = false;
  }

  /**
   * The next records, waiting for the first one as long as `timeoutMs` says; empty when that is over. Rejects
   * ABORTED by the signal, CLOSED, CORRUPT_MESSAGE (the position stays before the bad batch) or OFFSET_OUT_OF_RANGE
   * with `autoOffsetReset: 'none'`.
   */
  async poll(options: PollOptions = {}): Promise<ConsumedRecord[]> {
    const deadline = performance.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
    const maxRecords = options.maxRecords ?? this.#options.maxPollRecords;
    if (!Number.isInteger(maxRecords) || maxRecords < 1) {
      throw new VarveError(
        'INVALID_ARGUMENT',
        `maxRecords ${maxRecords} is not a whole number above 0`,
        { details: { maxRecords } },
      );
    }
    for (;;) {
      this.#requireOpen();
      if (options.signal?.aborted) throw abortedBy(options.signal);
      const records = this.#take(maxRecords);
      const remainingMs = deadline - performance.now();
      if (records.length > 0 || remainingMs <= 0) return records;
      await this.#waitForRecords(remainingMs, options.signal);
    }
  }

  #take(max: number): ConsumedRecord[] {
    const records: ConsumedRecord[] = [];
    const states = [...this.#assigned.values()];
    for (let i = 0; i < states.length && records.length < max; i += 1) {
      const state = states[(this.#turn + i) % states.length]!;
      if (!state.isPaused) this.#takeFrom(state, max - records.length, records);
    }
    // The next poll starts with the next partition, so that a busy one does not starve the others.
    this.#turn = states.length === 0 ? 0 : (this.#turn + 1) % states.length;
    return records;
  }

  #takeFrom(state: FetchState, max: number, into: ConsumedRecord[]): void {
    try {
      state.take(max, into);
    } catch (error) {
      const reset = this.#options.autoOffsetReset;
      // What was read before the failure is handed out first; the failure comes back with the next poll.
      if (into.length > 0) return;
      if (!isVarveError(error, 'OFFSET_OUT_OF_RANGE') || reset === 'none') throw error;
      state.seek(reset === 'latest' ? state.end : state.log.logStartOffset);
      state.take(max, into);
    }
  }

  async #waitForRecords(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const done = new AbortController();
    const stop = () => done.abort();
    signal?.addEventListener('abort', stop, { once: true });
    this.#closing.signal.addEventListener('abort', stop, { once: true });
    const timer =
      ms === Number.POSITIVE_INFINITY ? null : setTimeout(stop, Math.min(ms, 2 ** 31 - 1));
    try {
      const waits = [...this.#assigned.values()]
        .filter(({ isPaused }) => !isPaused)
        // All that may be read has been taken, so any growth may free more: also a marker that ends a transaction.
        // Asynchronous, so that a log that is closed rejects and leaves no other wait without its race.
        .map(async ({ log }) => log.waitFor(log.highWatermark, done.signal));
      await Promise.race(waits.length > 0 ? waits : [untilAborted(done.signal)]);
    } catch (error) {
      if (!isVarveError(error, 'ABORTED')) throw error;
    } finally {
      done.abort();
      if (timer !== null) clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      this.#closing.signal.removeEventListener('abort', stop);
    }
  }

  /** Records one by one, for ever: ends when the consumer is closed or the signal aborts. */
  async *records(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<ConsumedRecord> {
    while (!this.#closed && !options.signal?.aborted) {
      let batch: ConsumedRecord[];
      try {
        batch = await this.poll(options);
      } catch (error) {
        if (isVarveError(error, 'ABORTED') || (isVarveError(error, 'CLOSED') && this.#closed))
          return;
        throw error;
      }
      yield* batch;
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<ConsumedRecord> {
    return this.records();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing.abort();
    this.#assigned.clear();
    this.#onClose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #requireOpen(): void {
    if (this.#closed) throw new VarveError('CLOSED', 'the consumer is closed');
  }

  #stateOf({ topic, partition }: TopicPartition): FetchState {
    this.#requireOpen();
    const state = this.#assigned.get(partitionKey(topic, partition));
    if (state !== undefined) return state;
    throw new VarveError(
      'INVALID_ARGUMENT',
      `${topic}-${partition} is not assigned to this consumer; assign it first`,
      { details: { topic, partition } },
    );
  }
}

function resolveTarget(state: FetchState, target: SeekTarget): number {
  if (target === 'beginning') return state.log.logStartOffset;
  if (target === 'end') return state.end;
  if (typeof target === 'object') {
    return state.log.findByTimestamp(target.timestampMs)?.offset ?? state.end;
  }
  if (Number.isSafeInteger(target) && target >= 0) return target;
  throw new VarveError(
    'INVALID_ARGUMENT',
    `${target} is not an offset: it must be a whole number from 0 on`,
    {
      details: { offset: target },
    },
  );
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function abortedBy(signal: AbortSignal): VarveError {
  return new VarveError('ABORTED', 'polling was aborted by its signal', { cause: signal.reason });
}
