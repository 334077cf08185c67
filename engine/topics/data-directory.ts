import { join } from 'node:path';
import type { TopicConfig } from '../config.js';
import { VarveError } from '../errors.js';
import { CLEAN_SHUTDOWN_FILE, encodeCleanShutdown } from '../format/clean-shutdown.js';
import type { MetaProperties } from '../format/meta-properties.js';
import type { Clock, DirectoryLock, FileSystemUsage } from '../io/port.js';
import { Mutex } from '../log/mutex.js';
import type { PartitionLog } from '../log/partition-log.js';
import { BackgroundTasks, systemScheduler } from './background.js';
import { forEachLimited } from './concurrency.js';
import type { DirectoryCheckpoints } from './directory-checkpoints.js';
import type { EmitEvent } from './events.js';
import { compactAll, type MaintenanceRound, retainAll } from './maintenance.js';
import { type DataDirectoryParts, openParts } from './open-data-directory.js';
import type { OpenDataDirectoryOptions } from './options.js';
import {
  type DroppedTopic,
  type HostedTopic,
  type HostFailure,
  PartitionHosting,
} from './partition-hosting.js';
import type { PartitionEnvironment } from './partition-opener.js';
import type { Removals } from './removals.js';
import { type CreateTopicOptions, TopicAdmin, type TopicSettingChanges } from './topic-admin.js';
import type { TopicCatalog } from './topic-catalog.js';
import type { TopicOverrides } from './topic-settings.js';
import type { TopicTable } from './topic-table.js';

/** A partition that is not fully in service. */
export interface OfflinePartition {
  readonly topic: string;
  readonly partition: number;
  readonly directory: string;
  /** What opening it failed with, or what poisoned its log. */
  readonly cause: unknown;
  /** True for a poisoned log: it goes on serving reads. */
  readonly isReadable: boolean;
}

export interface PartitionDescription {
  readonly partition: number;
  readonly isOnline: boolean;
  /** The three are null while the partition is offline. */
  readonly logStartOffset: number | null;
  readonly logEndOffset: number | null;
  readonly sizeBytes: number | null;
}

export interface TopicDescription {
  readonly name: string;
  /** Kafka's text form of a UUID. */
  readonly id: string;
  readonly partitionCount: number;
  readonly partitions: readonly PartitionDescription[];
  /** Everything in force. */
  readonly config: TopicConfig;
  /** What the topic sets itself, by Kafka's names. */
  readonly overrides: TopicOverrides;
}

export interface DataDirectoryUsage {
  readonly topics: number;
  readonly partitions: number;
  readonly offlinePartitions: number;
  readonly segments: number;
  /** Data of all segments. */
  readonly bytes: number;
  readonly indexCacheBytes: number;
  readonly files: FileSystemUsage;
}

const DEFAULT_RETENTION_CHECK_MS = 5 * 60 * 1000;
const DEFAULT_CHECKPOINT_MS = 60 * 1000;
/** Kafka: log.cleaner.backoff.ms. */
const DEFAULT_COMPACTION_CHECK_MS = 15 * 1000;
const CLOSES_AT_ONCE = 16;

/**
 * A data directory: topics, each of one or more partition logs, in the layout of a Kafka broker's `log.dir`.
 *
 * One process at a time has it open. Retention and checkpoints run in the background until `close`. A crash at
 * any moment loses nothing that `PartitionLog` promises to keep; the next `open` recovers what was not closed.
 */
export class DataDirectory {
  readonly directory: string;
  /** `meta.properties`: cluster, node and directory id. */
  readonly identity: MetaProperties;
  /** The last stop was a clean close, so nothing had to be recovered. */
  readonly wasClean: boolean;
  /**
   * Every partition is as a registered broker's clean stop left it: whatever the controller knows this broker to have
   * is here. Not so where nothing is: that may be a lost disk.
   */
  readonly isWhole: boolean;
  /**
   * Of the registration under which it is in use, for the mark of a clean stop; -1: none. To be set by the broker once
   * it has registered. Before that it is the one of the last stop if everything is whole: a life of which the
   * controller never heard must not make whole what it found in pieces [Kafka KIP-966: `previousBrokerEpoch`].
   */
  brokerEpoch: number;
  readonly #environment: PartitionEnvironment;
  readonly #checkpoints: DirectoryCheckpoints;
  readonly #emit: EmitEvent;
  readonly #lock: DirectoryLock;
  readonly #catalog: TopicCatalog;
  readonly #topics: TopicTable;
  readonly #removals: Removals;
  readonly #admin: TopicAdmin;
  readonly #hosting: PartitionHosting;
  readonly #background: BackgroundTasks;
  readonly #stopping = new AbortController();
  #closing: Promise<void> | null = null;

  private constructor(parts: DataDirectoryParts, options: OpenDataDirectoryOptions) {
    this.directory = options.directory;
    this.identity = parts.identity;
    this.wasClean = parts.wasClean;
    this.isWhole = parts.isWhole;
    this.brokerEpoch = parts.brokerEpoch;
    this.#environment = parts.environment;
    this.#checkpoints = parts.environment.checkpoints;
    this.#emit = parts.environment.emit;
    this.#lock = parts.lock;
    this.#catalog = parts.catalog;
    this.#topics = parts.topics;
    this.#removals = parts.removals;
    const requests = new Mutex();
    this.#admin = new TopicAdmin(parts, requests);
    this.#hosting = new PartitionHosting(parts, requests);
    this.#background = new BackgroundTasks(options.scheduler ?? systemScheduler, (task, cause) =>
      this.#emit({ kind: 'task-failed', task, cause }),
    );
    this.#background.add('checkpoint', options.checkpointMs ?? DEFAULT_CHECKPOINT_MS, () =>
      this.#checkpointRound(),
    );
    this.#background.add(
      'retention',
      options.retentionCheckMs ?? DEFAULT_RETENTION_CHECK_MS,
      async () => {
        await this.applyRetention();
      },
    );
    this.#background.add(
      'compaction',
      options.compactionCheckMs ?? DEFAULT_COMPACTION_CHECK_MS,
      async () => {
        await this.compact();
      },
    );
  }

  /**
   * Opens the directory, taking its lock, and every partition in it, recovering first what was not closed. A
   * partition that cannot be opened is set aside (`offline`) and the others open.
   *
   * Fails with DIRECTORY_LOCKED (`details.holder` says who has it), INVALID_CONFIG, READ_ONLY, DISK_FULL, and with
   * CORRUPT_CHECKPOINT or UNSUPPORTED_FORMAT for a damaged `meta.properties` or catalog.
   */
  static async open(options: OpenDataDirectoryOptions): Promise<DataDirectory> {
    return new DataDirectory(await openParts(options), options);
  }

  get clock(): Clock {
    return this.#environment.fs.clock;
  }

  /** Names of all topics, sorted. */
  listTopics(): string[] {
    return [...this.#topics.topics()].map(({ entry }) => entry.name).sort();
  }

  hasTopic(topic: string): boolean {
    return this.#topics.find(topic) !== undefined;
  }

  /** Fails with UNKNOWN_TOPIC_OR_PARTITION. */
  describeTopic(topic: string): TopicDescription {
    const { entry, config, handles } = this.#topics.get(topic);
    return {
      name: entry.name,
      id: entry.id,
      partitionCount: entry.partitionCount,
      partitions: [...handles.values()]
        .sort((a, b) => a.partition - b.partition)
        .map(({ partition, log, cause }) => ({
          partition,
          isOnline: cause === null,
          logStartOffset: log?.logStartOffset ?? null,
          logEndOffset: log?.logEndOffset ?? null,
          sizeBytes: log?.sizeBytes ?? null,
        })),
      config,
      overrides: entry.config,
    };
  }

  /** One more than the highest partition number. Fails with UNKNOWN_TOPIC_OR_PARTITION. */
  partitionCount(topic: string): number {
    return this.#topics.get(topic).entry.partitionCount;
  }

  /**
   * The log of a partition. Fails with UNKNOWN_TOPIC_OR_PARTITION, or PARTITION_OFFLINE if it could not be opened.
   * A poisoned log is given: it serves reads, and refuses writes with its cause.
   */
  partition(topic: string, partition: number): PartitionLog {
    if (this.#closing !== null) throw closedError(this.directory);
    return this.#topics.handle(topic, partition).require();
  }

  /** Partitions that are set aside or whose log is poisoned, with the cause. */
  get offline(): OfflinePartition[] {
    const offline: OfflinePartition[] = [];
    for (const { topic, partition, directory, cause, log } of this.#topics.handles()) {
      if (cause === null) continue;
      offline.push({ topic, partition, directory, cause, isReadable: log !== null });
    }
    return offline;
  }

  /**
   * Makes a topic with all its partitions; they survive power loss when it resolves. After a crash half-way the
   * topic is there with all partitions, or not at all. Fails with INVALID_TOPIC, TOPIC_ALREADY_EXISTS,
   * INVALID_PARTITIONS, INVALID_CONFIG, DISK_FULL; nothing is left then.
   */
  async createTopic(topic: string, options: CreateTopicOptions = {}): Promise<TopicDescription> {
    this.#requireOpen();
    await this.#admin.create(topic, options);
    return this.describeTopic(topic);
  }

  /**
   * Deletes a topic: it is gone, also after a crash, when this resolves. Its files are removed behind that; views
   * of its records stay valid. Fails with UNKNOWN_TOPIC_OR_PARTITION.
   */
  async deleteTopic(topic: string): Promise<void> {
    this.#requireOpen();
    await this.#admin.delete(topic);
  }

  /** Gives the topic `total` partitions. Fails with INVALID_PARTITIONS if that is not more than it has. */
  async addPartitions(topic: string, total: number): Promise<void> {
    this.#requireOpen();
    await this.#admin.addPartitions(topic, total);
  }

  /**
   * Changes the settings named and leaves the others; null takes the topic's own value away. In force, and on
   * disk, when it resolves. Fails with INVALID_CONFIG; nothing has changed then.
   */
  async alterConfig(topic: string, changes: TopicSettingChanges): Promise<void> {
    this.#requireOpen();
    await this.#admin.alterConfig(topic, changes);
  }

  /**
   * Takes partitions that a cluster's controller has assigned to this directory, with the topic id it chose; those
   * that are here already stay, and get the settings given. What it resolves with could not be made and is set aside
   * (`offline`). Fails with INVALID_TOPIC, INVALID_PARTITIONS, INVALID_CONFIG, DISK_FULL.
   */
  async hostPartitions(hosted: readonly HostedTopic[]): Promise<HostFailure[]> {
    this.#requireOpen();
    return this.#hosting.host(hosted);
  }

  /** Gives partitions of topics up (null: all of the topic's); their files are removed behind that. */
  async dropPartitions(dropped: readonly DroppedTopic[]): Promise<void> {
    this.#requireOpen();
    await this.#hosting.drop(dropped);
  }

  /** Every partition kept here, with its topic's id, in service or set aside. */
  *hosted(): Generator<{ topic: string; topicId: string; partition: number }, void, void> {
    for (const { entry, handles } of this.#topics.topics()) {
      for (const partition of handles.keys()) {
        yield { topic: entry.name, topicId: entry.id, partition };
      }
    }
  }

  /**
   * The high watermark of a replicated partition as the last checkpoint of an earlier run has it, or 0. It may be
   * above the log's end when the tail was lost. Kafka: replication-offset-checkpoint.
   */
  checkpointedHighWatermark(topic: string, partition: number): number {
    return this.#checkpoints.highWatermark(topic, partition);
  }

  /** Writes the checkpoints now. Resolves when they survive power loss. */
  async checkpoint(): Promise<void> {
    this.#requireOpen();
    await this.#checkpoints.write();
  }

  /** Applies retention to every partition now. Returns the number of segments deleted. */
  async applyRetention(): Promise<number> {
    this.#requireOpen();
    return retainAll(this.#round());
  }

  /** Compacts every log that is due now (cleanup.policy with compact). Returns how many were. */
  async compact(): Promise<number> {
    this.#requireOpen();
    return compactAll(this.#round());
  }

  usage(): DataDirectoryUsage {
    let topics = 0;
    let partitions = 0;
    let segments = 0;
    let bytes = 0;
    for (const { handles } of this.#topics.topics()) {
      topics += 1;
      partitions += handles.size;
      for (const { log } of handles.values()) {
        segments += log?.segmentCount ?? 0;
        bytes += log?.sizeBytes ?? 0;
      }
    }
    return {
      topics,
      partitions,
      offlinePartitions: this.offline.length,
      segments,
      bytes,
      indexCacheBytes: this.#environment.indexes.bytes,
      files: this.#environment.fs.usage(),
    };
  }

  /**
   * Closes every log, writes the checkpoints and, if all of it went well, the mark that lets the next open skip
   * recovery; then gives the lock back. Idempotent. Fails with the first thing that went wrong, after the rest has
   * been closed; nothing that was flushed is lost by that, the next open recovers.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const failures: unknown[] = [];
    const attempt = (work: Promise<void>) =>
      work.catch((cause: unknown) => {
        failures.push(cause);
      });
    try {
      this.#stopping.abort();
      await this.#background.stop();
      await this.#admin.idle();
      await this.#removals.stop();
      await forEachLimited(this.#topics.handles(), CLOSES_AT_ONCE, async (handle) => {
        const { topic, partition, log } = handle;
        try {
          await log?.close();
        } catch (cause) {
          this.#emit({ kind: 'close-failed', topic, partition, cause });
          failures.push(cause);
        }
      });
      await attempt(this.#checkpoints.write());
      await attempt(this.#catalog.save());
      const isClean = [...this.#topics.handles()].every(({ isIntact }) => isIntact);
      if (isClean && failures.length === 0) await attempt(this.#writeMark());
    } finally {
      this.#lock.release();
    }
    if (failures.length > 0) throw failures[0];
  }

  #writeMark(): Promise<void> {
    const path = join(this.directory, CLEAN_SHUTDOWN_FILE);
    const { brokerEpoch } = this;
    return this.#environment.fs.writeFileAtomic(path, encodeCleanShutdown({ brokerEpoch }));
  }

  #round(): MaintenanceRound {
    return {
      handles: this.#topics.handles(),
      emit: this.#emit,
      signal: this.#stopping.signal,
    };
  }

  async #checkpointRound(): Promise<void> {
    await this.#checkpoints
      .write()
      .catch((cause: unknown) => this.#emit({ kind: 'checkpoint-failed', cause }));
    await this.#catalog
      .save()
      .catch((cause: unknown) => this.#emit({ kind: 'catalog-failed', cause }));
  }

  #requireOpen(): void {
    if (this.#closing !== null) throw closedError(this.directory);
  }
}

function closedError(directory: string): VarveError {
  return new VarveError('CLOSED', `data directory ${directory} is closed`);
}
