import { RemoteError } from '../client/client-error.js';
import {
  type ClusterView,
  EARLIEST,
  LATEST,
  listOffsets,
  partitionKey,
} from '../client/cluster-view.js';
import type { KafkaClient } from '../client/kafka-client.js';
import type { Place, Until } from './places.js';

export type OffsetOf = (topic: string, partition: number) => number;

/** Turns places into offsets: what a cluster says when it is asked. */
export class Places {
  readonly #client: KafkaClient;
  readonly #isolation: 0 | 1;

  constructor(client: KafkaClient, isolation: 0 | 1) {
    this.#client = client;
    this.#isolation = isolation;
  }

  /** Where reading begins. */
  async start(view: ClusterView, place: Place): Promise<OffsetOf> {
    switch (place.at) {
      case 'beginning':
        return this.#list(view, EARLIEST);
      case 'end':
        return this.#list(view, LATEST);
      case 'time':
        return this.#atTime(view, place.timestampMs);
      case 'offset':
      case 'last': {
        const [start, end] = await Promise.all([
          this.#list(view, EARLIEST),
          this.#list(view, LATEST),
        ]);
        // An offset outside the log is its nearest end, as with --from-offset of varve log cat.
        return (topic, partition) => {
          const [first, last] = [start(topic, partition), end(topic, partition)];
          const wanted = place.at === 'offset' ? place.offset : last - place.records;
          return Math.min(Math.max(wanted, first), last);
        };
      }
    }
  }

  /** Where reading ends; Infinity for a time that has not come. */
  async stop(view: ClusterView, until: Until | undefined): Promise<OffsetOf> {
    if (until === undefined) return () => Number.POSITIVE_INFINITY;
    if (until.at === 'end') return this.#list(view, LATEST);
    if (until.at === 'offset') return () => until.offset;
    if (until.timestampMs > Date.now()) return () => Number.POSITIVE_INFINITY;
    return this.#atTime(view, until.timestampMs);
  }

  /** The first record at or after it; the end where there is none yet. */
  async #atTime(view: ClusterView, timestampMs: number): Promise<OffsetOf> {
    const [end, found] = await Promise.all([
      this.#list(view, LATEST),
      listOffsets(this.#client, view, () => timestampMs, this.#isolation),
    ]);
    return (topic, partition) => {
      const offset = found.get(partitionKey(topic, partition)) ?? -1;
      return offset < 0 ? end(topic, partition) : offset;
    };
  }

  async #list(view: ClusterView, timestamp: number): Promise<OffsetOf> {
    const found = await listOffsets(this.#client, view, () => timestamp, this.#isolation);
    return (topic, partition) => {
      const offset = found.get(partitionKey(topic, partition));
      if (offset !== undefined) return offset;
      throw new RemoteError(
        'LEADER_NOT_AVAILABLE',
        `${topic}-${partition} has no leader now; varve topic describe ${topic} shows its replicas`,
      );
    };
  }
}
