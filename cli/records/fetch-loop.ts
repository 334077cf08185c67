import { setTimeout as sleep } from 'node:timers/promises';
import type { fetchV17 } from '@platformatic/kafka';
import { RemoteError } from '../client/client-error.js';
import { type ClusterView, clusterView, partitionKey } from '../client/cluster-view.js';
import { kafkaError } from '../client/failed-items.js';
import type { KafkaClient } from '../client/kafka-client.js';
import { type ConsumedRecord, recordsOf } from './record-batches.js';

/** Where reading a partition is. */
export interface Position {
  readonly topic: string;
  readonly partition: number;
  /** The next record to read. */
  offset: number;
  /** Reading ends before it. */
  stopOffset: number;
}

export interface Fetched {
  readonly position: Position;
  readonly records: Iterable<ConsumedRecord>;
  /** Behind everything that was fetched, markers and aborted records too. */
  readonly nextOffset: number;
}

export interface FetchLoopOptions {
  readonly isolation: 0 | 1;
  readonly signal: AbortSignal;
  /** A position that is no longer, or not yet, in the log: a new one, or null to fail. */
  readonly onOutOfRange: (position: Position) => Promise<number | null>;
}

const MAX_WAIT_MS = 500;
const MAX_BYTES = 16 * 1024 * 1024;
const PARTITION_MAX_BYTES = 1024 * 1024;
const OFFSET_OUT_OF_RANGE = 1;
/** Errors that new metadata cures. */
const STALE = new Set([3, 5, 6, 9, 72, 74, 75, 76, 78, 100]);
const PAUSE_MS = 100;

/** Fetches from the leaders of partitions, from each as fast as it answers. */
export class FetchLoop {
  readonly #client: KafkaClient;
  readonly #options: FetchLoopOptions;
  #positions = new Map<string, Position>();
  readonly #underWay = new Map<number, Promise<{ leader: number; fetched: Fetched[] }>>();
  #view: ClusterView | null = null;
  /** When the partitions that now fail first failed. */
  #failingSinceMs: number | null = null;

  constructor(client: KafkaClient, options: FetchLoopOptions) {
    this.#client = client;
    this.#options = options;
  }

  get positions(): Iterable<Position> {
    return this.#positions.values();
  }

  get isAtEnd(): boolean {
    return [...this.#positions.values()].every(({ offset, stopOffset }) => offset >= stopOffset);
  }

  /** Reads these from now on. What is under way for others is dropped when it arrives. */
  assign(positions: readonly Position[]): void {
    this.#positions = new Map(
      positions.map((position) => [partitionKey(position.topic, position.partition), position]),
    );
    this.#view = null;
  }

  /** What the first leader to answer has: nothing, after a while, if there is nothing. */
  async next(): Promise<Fetched[]> {
    this.#view ??= await clusterView(this.#client, this.#topics());
    const view = this.#view;
    const byLeader = new Map<number, Position[]>();
    let leaderless = 0;
    for (const position of this.#positions.values()) {
      if (position.offset >= position.stopOffset) continue;
      const topic = view.topics.find(({ name }) => name === position.topic);
      const leader = topic?.partitions[position.partition]?.leader ?? -1;
      if (!view.brokers.has(leader)) leaderless += 1;
      else if (!this.#underWay.has(leader)) {
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), position]);
      }
    }
    for (const [leader, positions] of byLeader) {
      const fetch = this.#fetch(view, leader, positions);
      // Whoever stops looking at it does not need its error.
      fetch.catch(() => undefined);
      this.#underWay.set(leader, fetch);
    }
    if (leaderless > 0) await this.#lookAgain('LEADER_NOT_AVAILABLE');
    if (this.#underWay.size === 0) {
      await sleep(PAUSE_MS, undefined, { signal: this.#options.signal });
      return [];
    }
    const { leader, fetched } = await Promise.race(this.#underWay.values());
    this.#underWay.delete(leader);
    return fetched.filter(({ position }) => this.#isCurrent(position));
  }

  #topics(): string[] {
    return [...new Set([...this.#positions.values()].map(({ topic }) => topic))];
  }

  #isCurrent(position: Position): boolean {
    return this.#positions.get(partitionKey(position.topic, position.partition)) === position;
  }

  async #fetch(
    view: ClusterView,
    leader: number,
    positions: readonly Position[],
  ): Promise<{ leader: number; fetched: Fetched[] }> {
    const ids = new Map(view.topics.map(({ name, topicId }) => [name, topicId]));
    const byTopic = new Map<string, Position[]>();
    for (const position of positions) {
      byTopic.set(position.topic, [...(byTopic.get(position.topic) ?? []), position]);
    }
    const topics = [...byTopic].map(([topic, list]) => ({
      topicId: ids.get(topic),
      partitions: list.map(({ partition, offset }) => ({
        partition,
        fetchOffset: BigInt(offset),
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
        partitionMaxBytes: PARTITION_MAX_BYTES,
      })),
    }));
    let response: fetchV17.FetchResponse;
    try {
      response = await this.#client.ask<fetchV17.FetchResponse>(
        'Fetch',
        [MAX_WAIT_MS, 1, MAX_BYTES, this.#options.isolation, 0, -1, topics, [], ''],
        { broker: view.brokers.get(leader), isPartial: true, once: true },
      );
    } catch (error) {
      if (error instanceof RemoteError && isConnectionLost(error.code)) {
        await this.#lookAgain(error.code, error);
        return { leader, fetched: [] };
      }
      throw explained(error);
    }
    const fetched: Fetched[] = [];
    let isFine = true;
    for (const { topicId, partitions } of response.responses) {
      for (const part of partitions) {
        const position = positions.find(
          (one) => one.partition === part.partitionIndex && ids.get(one.topic) === topicId,
        );
        if (position === undefined) continue;
        if (part.errorCode === 0) {
          fetched.push({ position, ...recordsOf(part, position.offset, this.#options.isolation) });
        } else {
          isFine &&= await this.#failed(position, part.errorCode);
        }
      }
    }
    if (isFine) this.#failingSinceMs = null;
    return { leader, fetched };
  }

  /** True when it is cured. */
  async #failed(position: Position, errorCode: number): Promise<boolean> {
    const { id, text } = kafkaError(this.#client, errorCode);
    const at = `${position.topic}-${position.partition}`;
    if (errorCode === OFFSET_OUT_OF_RANGE) {
      const offset = await this.#options.onOutOfRange(position);
      if (offset === null) {
        throw new RemoteError(id, `${at}: offset ${position.offset} is not in the log`);
      }
      position.offset = offset;
      return true;
    }
    if (!STALE.has(errorCode)) throw new RemoteError(id, `${at}: ${text}`);
    await this.#lookAgain(id, new RemoteError(id, `${at}: ${text}`));
    return false;
  }

  /** Waits a moment for a leader; gives up when there has been none for `--timeout`. */
  async #lookAgain(code: string, cause?: RemoteError): Promise<void> {
    const nowMs = performance.now();
    this.#failingSinceMs ??= nowMs;
    if (nowMs - this.#failingSinceMs > this.#client.timeoutMs) {
      throw cause ?? new RemoteError(code, 'a partition has had no leader for too long');
    }
    this.#view = null;
    await sleep(PAUSE_MS, undefined, { signal: this.#options.signal });
  }
}

function isConnectionLost(code: string): boolean {
  return code === 'NETWORK_EXCEPTION' || code === 'REQUEST_TIMED_OUT';
}

function explained(error: unknown): unknown {
  if (!(error instanceof RemoteError) || error.code !== 'UNSUPPORTED_COMPRESSION_TYPE')
    return error;
  return new RemoteError(
    error.code,
    `these records are compressed with zstd, which the client library reads on Node.js 22.15 or later only; this is ${process.version}`,
    error,
  );
}
