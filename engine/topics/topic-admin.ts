import { VarveError } from '../errors.js';
import { topicNamesCollide, validateTopicName } from '../format/topic-name.js';
import { randomUuid } from '../format/uuid.js';
import type { TopicSettings } from '../log/log-options.js';
import type { Mutex } from '../log/mutex.js';
import { forEachLimited } from './concurrency.js';
import type { PartitionHandle } from './partition-handle.js';
import {
  closePartition,
  createPartition,
  type PartitionEnvironment,
  partitionDirectory,
} from './partition-opener.js';
import { type Removals, renamePartitions } from './removals.js';
import { isReservedTopic } from './root-entries.js';
import {
  type CatalogEntry,
  MAX_PARTITIONS_PER_TOPIC,
  partitionsOf,
  type TopicCatalog,
} from './topic-catalog.js';
import {
  effectiveConfig,
  settingName,
  type TopicOverrides,
  toOverrides,
} from './topic-settings.js';
import type { Topic, TopicTable } from './topic-table.js';

/** Partitions made or closed at the same time: enough to keep a disk's queue busy with their syncs. */
const PARTITIONS_AT_ONCE = 16;

export interface CreateTopicOptions {
  /** Default 1. */
  readonly partitions?: number;
  readonly config?: TopicSettings;
}

/** Settings to change; null takes the topic's own value away, so that the default holds again. */
export type TopicSettingChanges = Readonly<Record<string, string | number | boolean | null>>;

export interface TopicAdminParts {
  readonly environment: PartitionEnvironment;
  readonly catalog: TopicCatalog;
  readonly topics: TopicTable;
  readonly removals: Removals;
  readonly defaults: TopicOverrides;
}

/**
 * Makes, changes and deletes topics, one request at a time. The catalog decides: a topic is there from the moment
 * its entry is on disk, and gone from the moment the entry says so. What a crash leaves in between is finished
 * when the directory opens, see `discoverTopics`.
 */
export class TopicAdmin {
  readonly #parts: TopicAdminParts;
  readonly #requests: Mutex;

  /** `requests` is shared with whoever else changes topics here. */
  constructor(parts: TopicAdminParts, requests: Mutex) {
    this.#parts = parts;
    this.#requests = requests;
  }

  /** Resolves when no request is under way. */
  idle(): Promise<void> {
    return this.#requests.run(async () => undefined);
  }

  create(name: string, options: CreateTopicOptions): Promise<Topic> {
    return this.#requests.run(async () => {
      const { catalog, defaults, topics } = this.#parts;
      const { partitions = 1, config = {} } = options;
      validateTopicName(name);
      requirePartitionCount(name, partitions, 1);
      this.#requireFree(name);
      const overrides = toOverrides(config);
      const topic: Topic = {
        entry: {
          name,
          id: randomUuid(),
          partitionCount: partitions,
          only: null,
          config: overrides,
          isDeleting: false,
        },
        config: effectiveConfig(defaults, overrides),
        handles: new Map(),
      };
      const numbers = partitionsOf(topic.entry);
      this.#requireNoDirectories(name, numbers);
      await this.#commit(topic.entry, undefined);
      await this.#makePartitions(topic, numbers, () => catalog.delete(name));
      topics.add(topic);
      return topic;
    });
  }

  addPartitions(name: string, total: number): Promise<void> {
    return this.#requests.run(async () => {
      const { catalog, topics } = this.#parts;
      const topic = topics.get(name);
      const before = topic.entry;
      requirePartitionCount(name, total, before.partitionCount + 1, before.partitionCount);
      const numbers = Array.from(
        { length: total - before.partitionCount },
        (_, i) => before.partitionCount + i,
      );
      this.#requireNoDirectories(name, numbers);
      const only = before.only === null ? null : [...before.only, ...numbers];
      const entry = { ...before, partitionCount: total, only };
      await this.#commit(entry, before);
      await this.#makePartitions(topic, numbers, () => catalog.set(before));
      topic.entry = entry;
    });
  }

  alterConfig(name: string, changes: TopicSettingChanges): Promise<void> {
    return this.#requests.run(async () => {
      const { defaults, topics } = this.#parts;
      const topic = topics.get(name);
      const overrides: Record<string, string> = { ...topic.entry.config };
      const set: Record<string, string | number | boolean> = {};
      for (const [given, value] of Object.entries(changes)) {
        if (value === null) delete overrides[settingName(given)];
        else set[given] = value;
      }
      Object.assign(overrides, toOverrides(set));
      const config = effectiveConfig(defaults, overrides);
      const entry = { ...topic.entry, config: overrides };
      await this.#commit(entry, topic.entry);
      topic.entry = entry;
      topic.config = config;
      for (const { log } of topic.handles.values()) log?.updateConfig(config);
    });
  }

  delete(name: string): Promise<void> {
    return this.#requests.run(async () => {
      const { catalog, environment, removals, topics } = this.#parts;
      const topic = topics.find(name);
      const entry = topic?.entry ?? catalog.get(name);
      if (entry === undefined) topics.get(name);
      else {
        await this.#commit({ ...entry, isDeleting: true }, entry);
        topics.remove(name);
        await forEachLimited(topic?.handles.values() ?? [], PARTITIONS_AT_ONCE, (handle) =>
          closePartition(environment, handle),
        );
        const doomed = await renamePartitions(environment, name, [
          ...new Set([...partitionsOf(entry), ...(topic?.handles.keys() ?? [])]),
        ]);
        catalog.delete(name);
        // Not saved, the entry still says that the topic is being deleted: true, and finished at the next open.
        await catalog
          .save()
          .catch((cause: unknown) => environment.emit({ kind: 'catalog-failed', cause }));
        removals.add(doomed);
      }
    });
  }

  #requireFree(name: string): void {
    if (isReservedTopic(name)) {
      throw new VarveError(
        'INVALID_TOPIC',
        `${name} is Kafka's metadata log; choose another name`,
        { details: { topic: name } },
      );
    }
    for (const entry of this.#parts.catalog.entries()) {
      if (entry.name === name) {
        const state = entry.isDeleting ? 'is being deleted' : 'exists already';
        throw new VarveError('TOPIC_ALREADY_EXISTS', `topic ${name} ${state}`, {
          retriable: entry.isDeleting,
          details: { topic: name },
        });
      }
      if (topicNamesCollide(entry.name, name)) {
        throw new VarveError(
          'INVALID_TOPIC',
          `topic ${name} collides with ${entry.name}: names may not differ only in '.' and '_', which metrics cannot tell apart`,
          { details: { topic: name, collidesWith: entry.name } },
        );
      }
    }
  }

  /** Found at opening it would belong to a topic: what is there now came since, or is a file. */
  #requireNoDirectories(topic: string, numbers: readonly number[]): void {
    const { environment } = this.#parts;
    for (const partition of numbers) {
      const directory = partitionDirectory(environment, { topic, partition });
      if (environment.fs.stat(directory) === null) continue;
      throw new VarveError(
        'ALREADY_EXISTS',
        `${directory} is there already and is no partition that is open: move it away`,
        { details: { directory } },
      );
    }
  }

  /** The entry is on disk when this resolves; on failure nothing has changed. */
  async #commit(entry: CatalogEntry, before: CatalogEntry | undefined): Promise<void> {
    const { catalog } = this.#parts;
    catalog.set(entry);
    try {
      await catalog.save();
    } catch (error) {
      if (before === undefined) catalog.delete(entry.name);
      else catalog.set(before);
      throw error;
    }
  }

  /** Makes all of them or, after a failure, none. */
  async #makePartitions(
    topic: Topic,
    numbers: readonly number[],
    undoEntry: () => void,
  ): Promise<void> {
    const { environment, catalog, removals } = this.#parts;
    const { name, id } = topic.entry;
    const made: PartitionHandle[] = [];
    let failure: unknown = null;
    try {
      await forEachLimited(numbers, PARTITIONS_AT_ONCE, async (partition) => {
        if (failure !== null) return;
        try {
          const spec = { topic: name, partition, topicId: id, config: topic.config };
          made.push(await createPartition(environment, spec));
        } catch (error) {
          failure ??= error;
        }
      });
      if (failure !== null) throw failure;
      await environment.fs.syncDirectory(environment.directory);
    } catch (error) {
      for (const handle of made) await closePartition(environment, handle);
      // Directories before the entry: a crash in between leaves a topic that is completed, not half of one.
      const doomed = await renamePartitions(environment, name, numbers).catch(() => []);
      undoEntry();
      await catalog
        .save()
        .catch((cause: unknown) => environment.emit({ kind: 'catalog-failed', cause }));
      removals.add(doomed);
      throw error;
    }
    for (const handle of made) topic.handles.set(handle.partition, handle);
  }
}

function requirePartitionCount(name: string, count: number, min: number, now = 0): void {
  if (Number.isInteger(count) && count >= min && count <= MAX_PARTITIONS_PER_TOPIC) return;
  const why =
    now > 0 && count <= now
      ? `it has ${now}, and partitions are never taken away: their records, and where keys go, would be lost`
      : `it must be a whole number from ${min} to ${MAX_PARTITIONS_PER_TOPIC}`;
  throw new VarveError('INVALID_PARTITIONS', `${count} partitions for topic ${name}: ${why}`, {
    details: { topic: name, partitions: count, min, max: MAX_PARTITIONS_PER_TOPIC },
  });
}
