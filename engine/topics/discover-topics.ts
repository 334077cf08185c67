import { join } from 'node:path';
import { isVarveError } from '../errors.js';
import {
  formatMarkedDirectoryName,
  formatPartitionDirectoryName,
  type PartitionName,
} from '../format/partition-directory-name.js';
import { randomUuid, uuidToBytes } from '../format/uuid.js';
import type { FileSystem } from '../io/port.js';
import type { EmitEvent } from './events.js';
import { otherTopic, readTopicId } from './partition-opener.js';
import type { RootEntries } from './root-entries.js';
import { type CatalogEntry, partitionsOf, type TopicCatalog } from './topic-catalog.js';
import { ADOPTED_OVERRIDES } from './topic-settings.js';

/** What to do for one topic when its data directory opens. */
export interface TopicPlan {
  readonly entry: CatalogEntry;
  readonly open: readonly number[];
  readonly create: readonly number[];
  /** Directories of its name that belong to another topic. */
  readonly strangers: readonly { readonly partition: number; readonly cause: unknown }[];
}

export interface Discovery {
  readonly plans: readonly TopicPlan[];
  /** Directories that interrupted deletions left, renamed; the root is to be synced. */
  readonly doomed: readonly string[];
}

/**
 * Compares the catalog with the directories that are there and makes it say what is true:
 *
 * | in the catalog | directories | then |
 * |---|---|---|
 * | yes | all | opened |
 * | yes | some missing | made, empty: creating the topic or adding partitions was interrupted |
 * | yes | more, same topic id | adopted: a partition was moved in |
 * | yes | other topic id | set aside |
 * | being deleted | any of its id | renamed for removal, the entry goes |
 * | no | any | adopted as a topic, retention off: written by Kafka |
 *
 * The catalog is changed in memory; the caller saves it.
 */
export function discoverTopics(
  fs: FileSystem,
  directory: string,
  catalog: TopicCatalog,
  root: RootEntries,
  emit: EmitEvent,
): Discovery {
  const doomed: string[] = [];
  const plans: TopicPlan[] = [];
  const found = new Map([...root.partitions].map(([topic, numbers]) => [topic, new Set(numbers)]));
  const idOf = (topic: string, partition: number) =>
    readTopicId(fs, join(directory, formatPartitionDirectoryName({ topic, partition })));

  for (const entry of [...catalog.entries()].filter(({ isDeleting }) => isDeleting)) {
    const numbers = found.get(entry.name) ?? new Set();
    for (const partition of numbers) {
      if ((idOrNull(() => idOf(entry.name, partition)) ?? entry.id) !== entry.id) continue;
      doomed.push(renameForDeletion(fs, directory, { topic: entry.name, partition }));
      numbers.delete(partition);
    }
    catalog.delete(entry.name);
    emit({ kind: 'topic-deleted', topic: entry.name });
  }

  for (const entry of [...catalog.entries()]) {
    const numbers = found.get(entry.name) ?? new Set<number>();
    found.delete(entry.name);
    plans.push(planKnown(entry, numbers, directory, idOf, emit));
  }
  for (const [topic, numbers] of found) {
    if (numbers.size > 0) plans.push(planAdopted(topic, numbers, idOf, emit));
  }
  for (const { entry } of plans) if (catalog.get(entry.name) !== entry) catalog.set(entry);
  return { plans, doomed };
}

function planKnown(
  entry: CatalogEntry,
  numbers: ReadonlySet<number>,
  directory: string,
  idOf: (topic: string, partition: number) => string | null,
  emit: EmitEvent,
): TopicPlan {
  const expected = partitionsOf(entry);
  const known = new Set(expected);
  const strangers: { partition: number; cause: unknown }[] = [];
  const added: number[] = [];
  for (const partition of numbers) {
    if (known.has(partition)) continue;
    try {
      const id = idOf(entry.name, partition);
      const name = formatPartitionDirectoryName({ topic: entry.name, partition });
      if (id !== entry.id) throw otherTopic(join(directory, name), id ?? 'none', entry.id);
      added.push(partition);
    } catch (cause) {
      strangers.push({ partition, cause });
    }
  }
  if (added.length > 0) emit({ kind: 'partitions-adopted', topic: entry.name, partitions: added });
  return {
    entry: added.length === 0 ? entry : withPartitions(entry, [...expected, ...added]),
    open: [...expected.filter((n) => numbers.has(n)), ...added],
    create: expected.filter((n) => !numbers.has(n)),
    strangers,
  };
}

function planAdopted(
  topic: string,
  numbers: ReadonlySet<number>,
  idOf: (topic: string, partition: number) => string | null,
  emit: EmitEvent,
): TopicPlan {
  const partitions = [...numbers];
  let id: string | null = null;
  for (const partition of partitions) id ??= idOrNull(() => idOf(topic, partition));
  const empty: CatalogEntry = {
    name: topic,
    id: id ?? randomUuid(),
    partitionCount: 0,
    only: null,
    config: ADOPTED_OVERRIDES,
    isDeleting: false,
  };
  const entry = withPartitions(empty, partitions);
  emit({
    kind: 'topic-adopted',
    topic,
    topicId: entry.id,
    partitions,
    message:
      'its settings are not in this directory, so retention is off until alterConfig sets retention.ms or retention.bytes',
  });
  return { entry, open: partitions, create: [], strangers: [] };
}

/** An id that cannot be read does not decide anything here: opening the partition says what is wrong with it. */
function idOrNull(read: () => string | null): string | null {
  try {
    return read();
  } catch (error) {
    if (isVarveError(error, 'CORRUPT_CHECKPOINT') || isVarveError(error, 'IO_FAILED')) return null;
    throw error;
  }
}

function withPartitions(entry: CatalogEntry, numbers: readonly number[]): CatalogEntry {
  const only = [...numbers].sort((a, b) => a - b);
  const partitionCount = Math.max(entry.partitionCount, only.at(-1)! + 1);
  return { ...entry, partitionCount, only: only.length === partitionCount ? null : only };
}

/** Renames a partition's directory for removal; durable after a sync of the root. Returns its new path. */
export function renameForDeletion(fs: FileSystem, directory: string, name: PartitionName): string {
  const uniqueId = uuidToBytes(randomUuid()).toString('hex');
  const to = join(directory, formatMarkedDirectoryName(name, 'delete', uniqueId));
  fs.rename(join(directory, formatPartitionDirectoryName(name)), to);
  return to;
}
