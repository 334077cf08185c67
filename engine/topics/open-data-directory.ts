import { join } from 'node:path';
import { isVarveError, VarveError } from '../errors.js';
import {
  CLEAN_SHUTDOWN_FILE,
  type CleanShutdown,
  decodeCleanShutdown,
} from '../format/clean-shutdown.js';
import type { MetaProperties } from '../format/meta-properties.js';
import { openFileSystem } from '../io/index.js';
import type { DirectoryLock, FileSystem } from '../io/port.js';
import { makeDurableDirectory, syncAncestors } from '../log/durable-directory.js';
import { IndexCache } from '../log/index-cache.js';
import type { LoadProgress } from '../log/log-loader.js';
import { LOCK_FILE } from '../log/own-checkpoints.js';
import { forEachLimited } from './concurrency.js';
import { DirectoryCheckpoints } from './directory-checkpoints.js';
import { discoverTopics, type TopicPlan } from './discover-topics.js';
import { emitterOf } from './events.js';
import { loadIdentity } from './identity.js';
import type { OpenDataDirectoryOptions, OpenProgress } from './options.js';
import { PartitionHandle } from './partition-handle.js';
import {
  createPartition,
  openPartition,
  type PartitionEnvironment,
  type PartitionSpec,
  partitionDirectory,
  setAside,
} from './partition-opener.js';
import { Removals } from './removals.js';
import { scanRoot } from './root-entries.js';
import { TopicCatalog } from './topic-catalog.js';
import { effectiveConfig, type TopicOverrides, toOverrides } from './topic-settings.js';
import { type Topic, TopicTable } from './topic-table.js';

/** What `open` puts together. */
export interface DataDirectoryParts {
  readonly environment: PartitionEnvironment;
  readonly lock: DirectoryLock;
  readonly identity: MetaProperties;
  readonly wasClean: boolean;
  readonly isWhole: boolean;
  /** Under which it was stopped cleanly, where it is whole; else -1. */
  readonly brokerEpoch: number;
  readonly catalog: TopicCatalog;
  readonly topics: TopicTable;
  readonly removals: Removals;
  readonly defaults: TopicOverrides;
}

const DEFAULT_INDEX_CACHE_BYTES = 64 * 1024 * 1024;
const DEFAULT_RECOVERIES = 4;
const DEFAULT_OPENS = 16;

/** Takes the lock and opens everything; on failure the lock is given back. */
export async function openParts(options: OpenDataDirectoryOptions): Promise<DataDirectoryParts> {
  const { directory, fs = openFileSystem() } = options;
  const limits = {
    recovery: requireLimit('recoveryConcurrency', options.recoveryConcurrency, DEFAULT_RECOVERIES),
    open: requireLimit('openConcurrency', options.openConcurrency, DEFAULT_OPENS),
  };
  requireInterval('retentionCheckMs', options.retentionCheckMs);
  requireInterval('checkpointMs', options.checkpointMs);
  requireInterval('compactionCheckMs', options.compactionCheckMs);
  const defaults = toOverrides(options.topicDefaults ?? {});
  await makeDurableDirectory(fs, directory);
  const lock = fs.lock(join(directory, LOCK_FILE));
  const topics = new TopicTable();
  try {
    const emit = emitterOf(options.onEvent);
    const identity = await loadIdentity(fs, directory, options);
    const checkpoints = new DirectoryCheckpoints(fs, directory, emit);
    checkpoints.load();
    const catalog = new TopicCatalog(fs, directory);
    catalog.load();
    const mark = await takeMark(fs, directory);
    const wasClean = mark !== null;
    const root = scanRoot(fs, directory, emit);
    const isNew = root.partitions.size === 0;
    const { plans, doomed } = discoverTopics(fs, directory, catalog, root, emit);
    if (doomed.length > 0) await fs.syncDirectory(directory);
    await catalog.save().catch((cause: unknown) => emit({ kind: 'catalog-failed', cause }));
    const removals = new Removals(fs, emit);
    const numbersOf = new Map(plans.map(({ entry, open }) => [entry.name, new Set(open)] as const));
    checkpoints.retain((topic, partition) => numbersOf.get(topic)?.has(partition) ?? false);
    const indexes = new IndexCache(options.indexCacheBytes ?? DEFAULT_INDEX_CACHE_BYTES);
    const environment = { fs, directory, indexes, checkpoints, emit };
    await openTopics(environment, topics, plans, {
      defaults,
      isClean: wasClean || isNew,
      limit: wasClean ? limits.open : limits.recovery,
      onProgress: options.onProgress,
    });
    removals.add([...root.doomed, ...doomed]);
    const isAsLeft = wasClean && !isNew && plans.every(({ create }) => create.length === 0);
    const brokerEpoch = (isAsLeft ? mark.brokerEpoch : null) ?? -1;
    return {
      environment,
      lock,
      identity,
      wasClean: wasClean || isNew,
      isWhole: brokerEpoch >= 0,
      brokerEpoch,
      catalog,
      topics,
      removals,
      defaults,
    };
  } catch (error) {
    for (const { log } of topics.handles()) await log?.close().catch(() => undefined);
    lock.release();
    throw error;
  }
}

const MAX_MARK_BYTES = 4096;

/**
 * What the last stop said, or null where it was not clean. The mark goes before anything is opened, durably: were it
 * to come back after a power failure, what is appended now would go unchecked [Kafka removes it at the start of
 * loading].
 */
async function takeMark(fs: FileSystem, directory: string): Promise<CleanShutdown | null> {
  const mark = join(directory, CLEAN_SHUTDOWN_FILE);
  if (fs.stat(mark) === null) {
    // A process that was killed may have left names here that no sync has covered.
    await syncAncestors(fs, mark);
    return null;
  }
  const said = readMark(fs, mark);
  await fs.remove(mark);
  await fs.syncDirectory(directory);
  return said;
}

/** That it is there is what counts [Kafka]: one that cannot be read does not say under which epoch it was written. */
function readMark(fs: FileSystem, path: string): CleanShutdown {
  try {
    return decodeCleanShutdown(fs.readFile(path, { maxBytes: MAX_MARK_BYTES }));
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return { brokerEpoch: null };
  }
}

interface OpenTopicsOptions {
  readonly defaults: TopicOverrides;
  readonly isClean: boolean;
  readonly limit: number;
  readonly onProgress: ((progress: OpenProgress) => void) | undefined;
}

async function openTopics(
  environment: PartitionEnvironment,
  topics: TopicTable,
  plans: readonly TopicPlan[],
  options: OpenTopicsOptions,
): Promise<void> {
  const { onProgress } = options;
  const work: { topic: Topic; spec: PartitionSpec; isThere: boolean }[] = [];
  for (const { entry, open, create, strangers } of plans) {
    const config = effectiveConfig(options.defaults, entry.config);
    const topic: Topic = { entry, config, handles: new Map() };
    topics.add(topic);
    const specOf = (partition: number) => ({
      topic: entry.name,
      partition,
      topicId: entry.id,
      config,
    });
    for (const partition of open) work.push({ topic, spec: specOf(partition), isThere: true });
    for (const partition of create) work.push({ topic, spec: specOf(partition), isThere: false });
    if (create.length > 0) {
      environment.emit({ kind: 'topic-completed', topic: entry.name, partitions: create });
    }
    for (const { partition, cause } of strangers) {
      const handle = offlineHandle(environment, specOf(partition), cause);
      handle.isIntact = options.isClean;
      topic.handles.set(partition, handle);
    }
  }
  let partitionsOpened = 0;
  const report = (recovering: LoadProgress | null) =>
    onProgress?.({ partitionsOpened, partitions: work.length, recovering });
  const opening = { isClean: options.isClean, onProgress: onProgress && report };
  await forEachLimited(work, options.limit, async ({ topic, spec, isThere }) => {
    const handle = isThere
      ? await openPartition(environment, spec, opening)
      : await createPartition(environment, spec).catch((cause: unknown) =>
          offlineHandle(environment, spec, cause),
        );
    topic.handles.set(spec.partition, handle);
    partitionsOpened += 1;
    report(null);
  });
  if (work.some(({ isThere }) => !isThere)) {
    await environment.fs.syncDirectory(environment.directory);
  }
}

function offlineHandle(
  environment: PartitionEnvironment,
  spec: PartitionSpec,
  cause: unknown,
): PartitionHandle {
  const handle = new PartitionHandle(spec, partitionDirectory(environment, spec));
  setAside(environment, handle, cause);
  return handle;
}

function requireLimit(name: string, value: number | undefined, byDefault: number): number {
  const limit = value ?? byDefault;
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1024) return limit;
  throw new VarveError('INVALID_ARGUMENT', `${name} is ${limit}: it must be 1 to 1024`, {
    details: { name, value: limit, min: 1, max: 1024 },
  });
}

function requireInterval(name: string, value: number | undefined): void {
  if (value === undefined || value > 0) return;
  throw new VarveError(
    'INVALID_ARGUMENT',
    `${name} is ${value}: it must be above 0 milliseconds; Infinity means never`,
    { details: { name, value } },
  );
}
