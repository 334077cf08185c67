import type { TopicConfig } from '../config.js';
import { VarveError } from '../errors.js';
import type { PartitionHandle } from './partition-handle.js';
import type { CatalogEntry } from './topic-catalog.js';

/** A topic that is open. */
export interface Topic {
  entry: CatalogEntry;
  /** The settings in force. */
  config: TopicConfig;
  readonly handles: Map<number, PartitionHandle>;
}

/** The open topics of a data directory, by name. */
export class TopicTable {
  readonly #topics = new Map<string, Topic>();

  add(topic: Topic): void {
    this.#topics.set(topic.entry.name, topic);
  }

  remove(name: string): void {
    this.#topics.delete(name);
  }

  find(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  /** Fails with UNKNOWN_TOPIC_OR_PARTITION. */
  get(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic !== undefined) return topic;
    throw new VarveError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `there is no topic ${JSON.stringify(String(name).slice(0, 260))} here; create it first`,
      { details: { topic: name } },
    );
  }

  /** Fails with UNKNOWN_TOPIC_OR_PARTITION. */
  handle(name: string, partition: number): PartitionHandle {
    const topic = this.get(name);
    const handle = topic.handles.get(partition);
    if (handle !== undefined) return handle;
    const { partitionCount, only } = topic.entry;
    const held =
      only === null
        ? `partitions 0 to ${partitionCount - 1}`
        : `${only.length} of ${partitionCount} partitions here`;
    throw new VarveError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `topic ${name} has no partition ${partition}: it has ${held}`,
      { details: { topic: name, partition, partitionCount } },
    );
  }

  topics(): IterableIterator<Topic> {
    return this.#topics.values();
  }

  *handles(): IterableIterator<PartitionHandle> {
    for (const { handles } of this.#topics.values()) yield* handles.values();
  }
}
