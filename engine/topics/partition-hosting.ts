import { VarveError } from '../errors.js';
import { validateTopicName } from '../format/topic-name.js';
import type { Mutex } from '../log/mutex.js';
import { forEachLimited } from './concurrency.js';
import { PartitionHandle } from './partition-handle.js';
import {
  closePartition,
  createPartition,
  partitionDirectory,
  setAside,
} from './partition-opener.js';
import { renamePartitions } from './removals.js';
import { isReservedTopic } from './root-entries.js';
import type { TopicAdminParts } from './topic-admin.js';
import { type CatalogEntry, MAX_PARTITIONS_PER_TOPIC, partitionsOf } from './topic-catalog.js';
import { effectiveConfig, type TopicOverrides, toOverrides } from './topic-settings.js';
import type { Topic } from './topic-table.js';

const PARTITIONS_AT_ONCE = 16;

/** Partitions of one topic that somebody else, a cluster's controller, has assigned to this directory. */
export interface HostedTopic {
  readonly topic: string;
  /** Kafka's text form of a UUID. A topic of this name with another id is deleted first. */
  readonly topicId: string;
  /** Those to be kept here, besides what is here already. */
  readonly partitions: readonly number[];
  /** All that the topic sets itself, by Kafka's names: replaces what was known. */
  readonly config: TopicOverrides;
}

/** Partitions of one topic that are given up. */
export interface DroppedTopic {
  readonly topic: string;
  /** Left out: whatever topic has the name. */
  readonly topicId?: string;
  /** Null: all. */
  readonly partitions: readonly number[] | null;
}

/** A partition that could not be made; it is set aside, and the others are in service. */
export interface HostFailure {
  readonly topic: string;
  readonly partition: number;
  readonly cause: unknown;
}

/**
 * Keeps the partitions of a data directory as a controller assigns them: any subset of a topic's partitions, under
 * the topic id that the controller chose. Many topics are taken in one request: the catalog is written once for all.
 */
export class PartitionHosting {
  readonly #parts: TopicAdminParts;
  readonly #requests: Mutex;

  constructor(parts: TopicAdminParts, requests: Mutex) {
    this.#parts = parts;
    this.#requests = requests;
  }

  async host(hosted: readonly HostedTopic[]): Promise<HostFailure[]> {
    for (const { topic, partitions, config } of hosted) {
      requireHostable(topic, partitions);
      // Before anything is changed: what is refused half-way would leave topics without their logs.
      effectiveConfig(this.#parts.defaults, toOverrides(config));
    }
    return this.#requests.run(async () => {
      const { catalog, defaults, environment, topics } = this.#parts;
      const strays = hosted
        .map(({ topic, topicId }) => ({ entry: catalog.get(topic), topicId }))
        .filter(({ entry, topicId }) => entry !== undefined && entry.id !== topicId);
      await this.#remove(strays.map(({ entry }) => ({ entry: entry!, doomed: null })));

      const work: { topic: Topic; partition: number }[] = [];
      const before = new Map<string, CatalogEntry | undefined>();
      for (const { topic: name, topicId, partitions, config } of hosted) {
        if (partitions.length === 0 && topics.find(name) === undefined) continue;
        const overrides = toOverrides(config);
        let topic = topics.find(name);
        const known = topic?.entry;
        const held = new Set(known === undefined ? [] : partitionsOf(known));
        const added = partitions.filter((partition) => !held.has(partition));
        const all = [...held, ...added].sort((a, b) => a - b);
        const partitionCount = all.at(-1)! + 1;
        const entry: CatalogEntry = {
          name,
          id: topicId,
          partitionCount,
          only: all.length === partitionCount ? null : all,
          config: overrides,
          isDeleting: false,
        };
        if (known !== undefined && added.length === 0 && sameSettings(known.config, overrides)) {
          continue;
        }
        before.set(name, known);
        catalog.set(entry);
        const inForce = effectiveConfig(defaults, overrides);
        topic ??= { entry, config: inForce, handles: new Map() };
        for (const partition of added) work.push({ topic, partition });
        for (const { log } of topic.handles.values()) log?.updateConfig(inForce);
        topic.entry = entry;
        topic.config = inForce;
        topics.add(topic);
      }
      if (before.size === 0) return [];
      await catalog.save();
      const failures: HostFailure[] = [];
      await forEachLimited(work, PARTITIONS_AT_ONCE, async ({ topic, partition }) => {
        const { name, id } = topic.entry;
        const spec = { topic: name, partition, topicId: id, config: topic.config };
        try {
          const directory = partitionDirectory(environment, spec);
          if (environment.fs.stat(directory) !== null) throw alreadyThere(directory);
          topic.handles.set(partition, await createPartition(environment, spec));
        } catch (cause) {
          const handle = new PartitionHandle(spec, partitionDirectory(environment, spec));
          setAside(environment, handle, cause);
          topic.handles.set(partition, handle);
          failures.push({ topic: name, partition, cause });
        }
      });
      if (work.length > 0) await environment.fs.syncDirectory(environment.directory);
      return failures;
    });
  }

  /** Gives partitions up; their files are removed behind that. Unknown ones are passed over. */
  drop(dropped: readonly DroppedTopic[]): Promise<void> {
    return this.#requests.run(async () => {
      const changes: { entry: CatalogEntry; doomed: readonly number[] | null }[] = [];
      for (const { topic, topicId, partitions } of dropped) {
        const entry = this.#parts.catalog.get(topic);
        if (entry === undefined || (topicId !== undefined && entry.id !== topicId)) continue;
        changes.push({ entry, doomed: partitions });
      }
      await this.#remove(changes);
    });
  }

  /**
   * Directories are renamed before the catalog is saved: what a crash leaves in between is made again empty at the
   * next open, and given up again by the controller's assignment. The other way round, it would be adopted.
   */
  async #remove(
    changes: readonly { readonly entry: CatalogEntry; readonly doomed: readonly number[] | null }[],
  ): Promise<void> {
    const { catalog, environment, removals, topics } = this.#parts;
    if (changes.length === 0) return;
    const paths: string[] = [];
    for (const { entry, doomed } of changes) {
      const topic = topics.find(entry.name);
      const there = new Set([...partitionsOf(entry), ...(topic?.handles.keys() ?? [])]);
      const numbers = doomed === null ? [...there] : doomed.filter((n) => there.has(n));
      await forEachLimited(numbers, PARTITIONS_AT_ONCE, async (partition) => {
        const handle = topic?.handles.get(partition);
        topic?.handles.delete(partition);
        if (handle !== undefined) await closePartition(environment, handle);
      });
      paths.push(...(await renamePartitions(environment, entry.name, numbers)));
      const gone = new Set(numbers);
      const left = partitionsOf(entry).filter((n) => !gone.has(n));
      if (left.length === 0) {
        catalog.delete(entry.name);
        topics.remove(entry.name);
        continue;
      }
      const partitionCount = left.at(-1)! + 1;
      const next = {
        ...entry,
        partitionCount,
        only: left.length === partitionCount ? null : left,
      };
      catalog.set(next);
      if (topic !== undefined) topic.entry = next;
    }
    await catalog.save();
    removals.add(paths);
  }
}

function sameSettings(a: TopicOverrides, b: TopicOverrides): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function requireHostable(topic: string, partitions: readonly number[]): void {
  validateTopicName(topic);
  if (isReservedTopic(topic)) {
    throw new VarveError('INVALID_TOPIC', `${topic} is Kafka's metadata log: no broker hosts it`, {
      details: { topic },
    });
  }
  for (const partition of partitions) {
    if (Number.isInteger(partition) && partition >= 0 && partition < MAX_PARTITIONS_PER_TOPIC) {
      continue;
    }
    throw new VarveError(
      'INVALID_PARTITIONS',
      `partition ${partition} of ${topic}: numbers go from 0 to ${MAX_PARTITIONS_PER_TOPIC - 1}`,
      { details: { topic, partition, max: MAX_PARTITIONS_PER_TOPIC - 1 } },
    );
  }
}

function alreadyThere(directory: string): VarveError {
  return new VarveError(
    'ALREADY_EXISTS',
    `${directory} is there already and is no partition that is open: move it away`,
    { details: { directory } },
  );
}
