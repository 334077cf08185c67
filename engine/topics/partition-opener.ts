import { join } from 'node:path';
import type { TopicConfig } from '../config.js';
import { isVarveError, VarveError } from '../errors.js';
import {
  formatPartitionDirectoryName,
  type PartitionName,
} from '../format/partition-directory-name.js';
import {
  decodePartitionMetadata,
  encodePartitionMetadata,
  PARTITION_METADATA_FILE,
} from '../format/partition-metadata.js';
import type { FileSystem } from '../io/port.js';
import type { IndexCache } from '../log/index-cache.js';
import type { LoadProgress, RecoveryReport } from '../log/log-loader.js';
import { PartitionLog } from '../log/partition-log.js';
import type { DirectoryCheckpoints, PartitionOffsets } from './directory-checkpoints.js';
import type { EmitEvent } from './events.js';
import { PartitionHandle } from './partition-handle.js';
import { finishTakeOver, takeOver } from './take-over.js';

const MAX_METADATA_BYTES = 4096;

/** What the partitions of a data directory share. */
export interface PartitionEnvironment {
  readonly fs: FileSystem;
  readonly directory: string;
  readonly indexes: IndexCache;
  readonly checkpoints: DirectoryCheckpoints;
  readonly emit: EmitEvent;
}

export interface PartitionSpec extends PartitionName {
  readonly topicId: string;
  readonly config: TopicConfig;
}

export function partitionDirectory(environment: PartitionEnvironment, name: PartitionName): string {
  return join(environment.directory, formatPartitionDirectoryName(name));
}

/**
 * Opens a partition's directory. Never fails: a partition that cannot be opened comes back with its cause.
 *
 * @param isClean The data directory was closed cleanly.
 */
export async function openPartition(
  environment: PartitionEnvironment,
  spec: PartitionSpec,
  options: {
    readonly isClean: boolean;
    readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  },
): Promise<PartitionHandle> {
  const handle = new PartitionHandle(spec, partitionDirectory(environment, spec));
  let { isClean } = options;
  try {
    await checkMetadata(environment, spec, handle.directory);
    const { fs, checkpoints } = environment;
    const taken = await takeOver(fs, handle.directory);
    if (taken === null) await load(environment, spec, handle, options);
    else {
      isClean = taken.isClean;
      await load(environment, spec, handle, { ...options, ...taken });
      await checkpoints.write();
      await finishTakeOver(fs, handle.directory);
    }
  } catch (cause) {
    handle.isIntact = isClean;
    await handle.log?.close().catch(() => undefined);
    setAside(environment, handle, cause);
  }
  return handle;
}

/**
 * Makes a partition whose directory is not there yet. When it resolves, its directory's content survives power loss; the
 * caller syncs the root. On failure something may be left of the directory.
 */
export async function createPartition(
  environment: PartitionEnvironment,
  spec: PartitionSpec,
): Promise<PartitionHandle> {
  const { fs, checkpoints } = environment;
  const handle = new PartitionHandle(spec, partitionDirectory(environment, spec));
  const { topic, partition } = spec;
  if (checkpoints.has(topic, partition)) await checkpoints.forgetDurably(topic, partition);
  fs.makeDirectory(handle.directory);
  // Its name is made durable with the log's own files, by the sync of the directory that creating them ends with.
  await fs.writeFile(
    join(handle.directory, PARTITION_METADATA_FILE),
    encodePartitionMetadata({ topicId: spec.topicId }),
  );
  await load(environment, spec, handle, { isClean: true });
  return handle;
}

export function setAside(
  environment: PartitionEnvironment,
  handle: PartitionHandle,
  cause: unknown,
): void {
  handle.setAside(cause);
  const { topic, partition } = handle;
  environment.emit({ kind: 'partition-offline', topic, partition, cause });
}

/** Closes a partition that is going away; what goes wrong is told and does not matter any more. */
export async function closePartition(
  environment: PartitionEnvironment,
  handle: PartitionHandle,
): Promise<void> {
  const { topic, partition } = handle;
  environment.checkpoints.forget(topic, partition);
  try {
    await handle.log?.close();
  } catch (cause) {
    environment.emit({ kind: 'close-failed', topic, partition, cause });
  }
}

/** The topic id that a partition's directory names, or null; fails with CORRUPT_CHECKPOINT. */
export function readTopicId(fs: FileSystem, directory: string): string | null {
  try {
    const path = join(directory, PARTITION_METADATA_FILE);
    const bytes = fs.readFile(path, { maxBytes: MAX_METADATA_BYTES });
    return decodePartitionMetadata(bytes).topicId;
  } catch (error) {
    if (isVarveError(error, 'NOT_FOUND')) return null;
    throw error;
  }
}

/** The file only names the topic, which the caller knows: missing or damaged it is written again. */
async function checkMetadata(
  { fs, emit }: PartitionEnvironment,
  { topic, partition, topicId }: PartitionSpec,
  directory: string,
): Promise<void> {
  let cause: unknown = null;
  try {
    const found = readTopicId(fs, directory);
    if (found === topicId) return;
    if (found !== null) throw otherTopic(directory, found, topicId);
  } catch (error) {
    if (!isVarveError(error, 'CORRUPT_CHECKPOINT')) throw error;
    cause = error;
  }
  const path = join(directory, PARTITION_METADATA_FILE);
  await fs.writeFileAtomic(path, encodePartitionMetadata({ topicId }));
  emit({ kind: 'metadata-rewritten', topic, partition, cause });
}

/** For a directory whose topic id is not its topic's [Kafka: InconsistentTopicIdException]. */
export function otherTopic(directory: string, found: string, expected: string): VarveError {
  return new VarveError(
    'INVALID_TOPIC',
    `${directory} belongs to topic id ${found}, its topic has ${expected}: it is left of a deleted topic, or of another cluster`,
    { details: { directory, found, expected } },
  );
}

async function load(
  environment: PartitionEnvironment,
  spec: PartitionSpec,
  handle: PartitionHandle,
  options: {
    readonly isClean: boolean;
    readonly offsets?: PartitionOffsets | undefined;
    readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  },
): Promise<void> {
  const { fs, indexes, checkpoints, emit } = environment;
  const { topic, partition } = spec;
  const log = await PartitionLog.load({
    directory: handle.directory,
    fs,
    indexes,
    config: spec.config,
    checkpoints: checkpoints.of({
      topic,
      partition,
      isClean: options.isClean,
      offsets: options.offsets,
      onRelease: (clean) => {
        handle.isIntact = clean;
      },
    }),
    ...(options.onProgress && { onProgress: options.onProgress }),
    onEvent: (event) => {
      emit({ kind: 'log', topic, partition, event });
      if (event.kind === 'poisoned') {
        emit({ kind: 'partition-offline', topic, partition, cause: event.cause });
      }
    },
  });
  checkpoints.follow(topic, partition, log);
  handle.opened(log);
  if (isWorthTelling(log.recovery)) {
    emit({ kind: 'recovered', topic, partition, report: log.recovery });
  }
}

function isWorthTelling(report: RecoveryReport): boolean {
  const { segments, deletedFiles, rebuiltFiles } = report;
  return segments.length > 0 || deletedFiles.length > 0 || rebuiltFiles.length > 0;
}
