import { VarveError } from '../errors.js';
import { OFFSETS_TOPIC } from '../groups/ports.js';
import type { FileSystem } from '../io/port.js';
import type { PartitionLog } from '../log/partition-log.js';
import type { DataDirectory } from '../topics/data-directory.js';
import { scanRoot } from '../topics/root-entries.js';
import type { Draft } from './decision.js';
import { newPartition } from './elections.js';

/** What a data directory holds that a cluster without a history can begin with. */
export interface FoundTopics {
  readonly topics: readonly {
    readonly name: string;
    readonly topicId: string;
    readonly config: Readonly<Record<string, string>>;
    /** The latest in each partition's log, by partition number; -1: none. */
    readonly leaderEpochs: readonly number[];
  }[];
  /** Above every id that wrote to one of the logs and is remembered there. */
  readonly nextProducerId: number;
}

/**
 * To be called before a directory is opened to be taken over: opening it makes partitions that are missing. Fails with
 * INVALID_CONFIG for a topic of which some are, as in the directory of one broker of several.
 */
export function requireWholeTopics(fs: FileSystem, directory: string): void {
  if (fs.stat(directory) === null) return;
  for (const [topic, numbers] of scanRoot(fs, directory, () => undefined).partitions) {
    const missing = numbers.findIndex((number, i) => number !== i);
    if (missing < 0) continue;
    throw refused(
      directory,
      topic,
      missing,
      "missing: move the topic's partitions away, or add it",
    );
  }
}

/**
 * The topics of a data directory that Kafka wrote. Settings are not in it: retention stays off, as the directory has
 * it, and the offsets topic gets what it always has. Fails with INVALID_CONFIG for a partition that cannot be opened:
 * what epochs and producers it has seen is not known then.
 */
export function findTopics(
  directory: DataDirectory,
  offsetsTopicConfig: Readonly<Record<string, string>>,
): FoundTopics {
  let lastProducerId = -1;
  const topics = directory.listTopics().map((name) => {
    const { id, overrides, partitionCount } = directory.describeTopic(name);
    const leaderEpochs = Array.from({ length: partitionCount }, (_, partition) => {
      const log = openLog(directory, name, partition);
      for (const { producerId } of log.producers()) {
        lastProducerId = Math.max(lastProducerId, producerId);
      }
      return log.latestEpoch;
    });
    const config = name === OFFSETS_TOPIC ? offsetsTopicConfig : overrides;
    return { name, topicId: id, config, leaderEpochs };
  });
  return { topics, nextProducerId: afterBlockOf(lastProducerId) };
}

/** Makes them the cluster's, all on one broker, unless it has a history. Says whether it did. */
export function adoptTopics(draft: Draft, found: FoundTopics, brokerId: number): boolean {
  const { brokers, topics } = draft.image;
  if (found.topics.length === 0 || brokers.size > 0 || topics.size > 0) return false;
  const { nextProducerId } = found;
  if (nextProducerId > 0) draft.records.push({ type: 'producer-ids', next: nextProducerId });
  for (const { name, topicId, config, leaderEpochs } of found.topics) {
    draft.records.push({ type: 'topic', name, topicId });
    for (const [partition, epoch] of leaderEpochs.entries()) {
      // Nobody leads yet: the first leader's epoch is one more, above all that the log has.
      const state = newPartition([brokerId], () => false, Math.max(0, epoch));
      draft.records.push({ type: 'partition', topicId, partition, ...state });
    }
    for (const [key, value] of Object.entries(config)) {
      draft.records.push({ type: 'config', resource: 'topic', name, key, value });
    }
  }
  return true;
}

function openLog(directory: DataDirectory, topic: string, partition: number): PartitionLog {
  const bad = directory.offline.find((p) => p.topic === topic && p.partition === partition);
  if (bad === undefined) return directory.partition(topic, partition);
  const why = bad.cause instanceof Error ? bad.cause.message : String(bad.cause);
  throw refused(directory.directory, topic, partition, `out of order: ${why}`);
}

function refused(directory: string, topic: string, partition: number, why: string): VarveError {
  return new VarveError(
    'INVALID_CONFIG',
    `${directory} is to be taken over, but of topic ${topic} partition ${partition} is ${why}`,
    { details: { directory, topic, partition } },
  );
}

/** Kafka hands ids out in blocks of a thousand. */
const PRODUCER_ID_BLOCK = 1000;

/**
 * Behind the block of the highest id that is remembered: producers that were idle for producer.id.expiration.ms are
 * forgotten, and may still be there.
 */
function afterBlockOf(producerId: number): number {
  return (Math.floor(Math.max(0, producerId) / PRODUCER_ID_BLOCK) + 1) * PRODUCER_ID_BLOCK;
}
