import { join } from 'node:path';
import { parsePartitionDirectoryName } from '../format/partition-directory-name.js';
import type { FileSystem } from '../io/port.js';
import type { EmitEvent } from './events.js';

/** Kafka's own directory for its metadata log, in a data directory it shares with topics. */
const CLUSTER_METADATA_TOPIC = '__cluster_metadata';
const REMOTE_LOG_INDEX_CACHE = 'remote-log-index-cache';

/** What the root of a data directory holds. Files are never looked at: Kafka passes over them too. */
export interface RootEntries {
  /** Partition numbers by topic, ascending. */
  readonly partitions: Map<string, number[]>;
  /** Directories left of deleted partitions. */
  readonly doomed: string[];
}

/** True for a topic whose directories a data directory leaves alone. */
export function isReservedTopic(topic: string): boolean {
  return topic === CLUSTER_METADATA_TOPIC;
}

/** Sorts the root's directories; reports those that are left alone. */
export function scanRoot(fs: FileSystem, directory: string, emit: EmitEvent): RootEntries {
  const partitions = new Map<string, number[]>();
  const doomed: string[] = [];
  for (const { name, isDirectory } of fs.list(directory)) {
    if (!isDirectory) continue;
    const path = join(directory, name);
    const parsed = parsePartitionDirectoryName(name);
    if (parsed === null || isReservedTopic(parsed.topic)) {
      const isKafkas = parsed !== null || name === REMOTE_LOG_INDEX_CACHE;
      emit({
        kind: isKafkas ? 'directory-skipped' : 'unknown-directory',
        path,
        message: isKafkas
          ? 'it is Kafka’s own and no topic of this directory'
          : 'it is no partition’s directory (TOPIC-NUMBER); Kafka would refuse to start with it here, so move it away',
      });
    } else if (parsed.mark === 'delete') {
      doomed.push(path);
    } else if (parsed.mark !== null) {
      const why =
        parsed.mark === 'future'
          ? 'it is a copy that Kafka was moving in'
          : 'Kafka set it aside as belonging to no topic';
      emit({ kind: 'directory-skipped', path, message: why });
    } else {
      const numbers = partitions.get(parsed.topic);
      if (numbers === undefined) partitions.set(parsed.topic, [parsed.partition]);
      else numbers.push(parsed.partition);
    }
  }
  for (const numbers of partitions.values()) numbers.sort((a, b) => a - b);
  return { partitions, doomed };
}
