import { GROUP_SETTINGS, type GroupConfig, parseGroupConfig } from '../groups/config.js';
import { GroupCoordinator } from '../groups/coordinator.js';
import { type GroupEvent, OFFSETS_TOPIC } from '../groups/ports.js';
import { openFileSystem } from '../io/index.js';
import type { Clock, FileSystem } from '../io/port.js';
import type { ControllerPort } from '../metadata/controller-port.js';
import { MetadataImage } from '../metadata/image.js';
import type { ReplicaTransport } from '../replication/ports.js';
import { ReplicaManager } from '../replication/replica-manager.js';
import type { PartitionStatus, ReplicationEvent } from '../replication/types.js';
import type { SettingValue } from '../settings.js';
import { systemTimers, type Timers } from '../timers.js';
import type { Scheduler } from '../topics/background.js';
import { DataDirectory } from '../topics/data-directory.js';
import type { DataDirectoryEvent } from '../topics/events.js';
import type { OpenProgress } from '../topics/options.js';
import { AutoCreation } from './auto-create.js';
import { type BrokerConfig, topicDefaults } from './broker-config.js';
import { BrokerLife, type Endpoint } from './broker-life.js';
import { DirectoryLogs } from './directory-logs.js';
import { Dispatcher, type RequestObserver } from './dispatch.js';
import type { BrokerEvent } from './events.js';
import { LiveSettings } from './live-settings.js';
import { MetadataCache } from './metadata-cache.js';
import { MetadataLoop } from './metadata-loop.js';
import { ProducerIds } from './producer-ids.js';
import { ReplicatedOffsets } from './replicated-offsets.js';
import type { RequestHandler } from './request-handler.js';
import type { BrokerServices } from './services.js';

/** What happened in any part of a broker. */
export type BrokerNodeEvent =
  | { readonly source: 'broker'; readonly event: BrokerEvent }
  | { readonly source: 'replication'; readonly event: ReplicationEvent }
  | { readonly source: 'groups'; readonly event: GroupEvent }
  | { readonly source: 'directory'; readonly event: DataDirectoryEvent };

export interface BrokerNodeOptions {
  readonly brokerId: number;
  /** The data directory; made if it is not there. */
  readonly directory: string;
  readonly controller: ControllerPort;
  readonly transport: ReplicaTransport;
  /** By Kafka's names or in camel case; see `describeBrokerConfig`. */
  readonly settings?: Readonly<Record<string, SettingValue | undefined>>;
  /** Refuse the data directory if it belongs to another cluster. */
  readonly clusterId?: string;
  /** Must not throw. */
  readonly onEvent?: (event: BrokerNodeEvent) => void;
  /** Told of every request, after its answer. Must not throw. */
  readonly onRequest?: RequestObserver;
  readonly onProgress?: (progress: OpenProgress) => void;
  /** The following have the machine's as defaults and are replaced in tests and simulations. */
  readonly fs?: FileSystem;
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly scheduler?: Scheduler;
  readonly random?: () => number;
}

/**
 * One broker without its sockets: a data directory, the replicas in it, the group coordinator, and its standing with
 * the controller. `open`, then let requests reach `handler`, then `start` with the address they come in by.
 */
export class BrokerNode {
  readonly brokerId: number;
  readonly directory: DataDirectory;
  readonly replicas: ReplicaManager;
  readonly groups: GroupCoordinator;
  readonly settings: LiveSettings;
  /** Serves requests from the moment it is there; until `start` has resolved it knows of no topics. */
  readonly handler: RequestHandler;
  readonly #metadata: MetadataCache;
  readonly #loop: MetadataLoop;
  readonly #life: BrokerLife;
  readonly #logs: DirectoryLogs;
  readonly #clock: Clock;
  readonly #emit: (event: BrokerEvent) => void;
  #newestImage = MetadataImage.EMPTY;
  #isStopping = false;
  #closing: Promise<void> | null = null;

  private constructor(
    options: BrokerNodeOptions,
    settings: LiveSettings,
    directory: DataDirectory,
    fs: FileSystem,
  ) {
    const { brokerId, controller, onEvent = () => undefined, timers = systemTimers } = options;
    const clock = options.clock ?? fs.clock;
    const emit = (event: BrokerEvent) => onEvent({ source: 'broker', event });
    this.brokerId = brokerId;
    this.directory = directory;
    this.settings = settings;
    this.#clock = clock;
    this.#emit = emit;
    this.#metadata = new MetadataCache(timers);
    this.#logs = new DirectoryLogs(directory);
    const config = () => settings.current;
    const brokerEpoch = () => this.#life.brokerEpoch;
    this.replicas = new ReplicaManager({
      brokerId,
      clock,
      timers,
      logs: this.#logs,
      transport: options.transport,
      controller,
      config: replicationConfig(settings.current),
      brokerEpoch,
      onEvent: (event) => onEvent({ source: 'replication', event }),
    });
    const storage = new ReplicatedOffsets({
      replicas: this.replicas,
      metadata: this.#metadata,
      partitionsByDefault: () => settings.current.offsetsTopicNumPartitions,
      appendTimeoutMs: () => settings.current.offsetsCommitTimeoutMs,
    });
    this.groups = new GroupCoordinator({
      clock,
      timers,
      random: options.random ?? Math.random,
      config: groupConfig(settings.current),
      storage,
      onEvent: (event) => onEvent({ source: 'groups', event }),
    });
    this.#life = new BrokerLife({
      brokerId,
      controller,
      timers,
      config,
      version: () => this.#metadata.image.version,
      offline: () => this.replicas.offlinePartitions(),
      onEvent: emit,
    });
    this.#loop = new MetadataLoop({
      controller,
      clock,
      timers,
      onImage: (image) => this.#apply(image),
      onEvent: emit,
    });
    this.replicas.onLeadership({
      elected: (topic, partition, leaderEpoch) => {
        if (topic === OFFSETS_TOPIC) void this.groups.elected(partition, leaderEpoch);
      },
      resigned: (topic, partition, leaderEpoch) => {
        if (topic === OFFSETS_TOPIC) this.groups.resigned(partition, leaderEpoch);
      },
    });
    const services: BrokerServices = {
      brokerId,
      clock,
      settings,
      metadata: this.#metadata,
      controller,
      replicas: this.replicas,
      groups: this.groups,
      producerIds: new ProducerIds(controller, brokerId, brokerEpoch),
      autoCreation: new AutoCreation({
        controller,
        metadata: this.#metadata,
        settings,
        onEvent: emit,
      }),
      directory: directory.directory,
      onEvent: emit,
    };
    this.handler = new Dispatcher(services, options.onRequest);
  }

  /**
   * Opens the data directory, recovering what was not closed. Fails with INVALID_CONFIG, and as `DataDirectory.open`
   * does.
   */
  static async open(options: BrokerNodeOptions): Promise<BrokerNode> {
    const settings = new LiveSettings(options.brokerId, options.settings);
    const fs = options.fs ?? openFileSystem({ preparesWhenIdle: false });
    const { current } = settings;
    const { onEvent } = options;
    const directory = await DataDirectory.open({
      directory: options.directory,
      fs,
      nodeId: options.brokerId,
      topicDefaults: topicDefaults(current),
      retentionCheckMs: current.logRetentionCheckIntervalMs,
      compactionCheckMs: Math.max(1, current.logCleanerBackoffMs),
      checkpointMs: Math.max(1, current.logFlushOffsetCheckpointIntervalMs),
      recoveryConcurrency: current.numRecoveryThreadsPerDataDir,
      ...(options.clusterId !== undefined && { clusterId: options.clusterId }),
      ...(options.scheduler && { scheduler: options.scheduler }),
      ...(options.onProgress && { onProgress: options.onProgress }),
      ...(onEvent && { onEvent: (event) => onEvent({ source: 'directory', event }) }),
    });
    return new BrokerNode(options, settings, directory, fs);
  }

  /** What this broker knows of the cluster. */
  get image(): MetadataImage {
    return this.#metadata.image;
  }

  /** Being taken over, or `image`: followers must find their leaders before their roles are in place. */
  get newestImage(): MetadataImage {
    return this.#newestImage;
  }

  /** Of the present registration; -1 before the first. */
  get brokerEpoch(): number {
    return this.#life.brokerEpoch;
  }

  /** It has caught up with the metadata, and the controller lets it lead. */
  get isReady(): boolean {
    return !this.#isStopping && this.#life.brokerEpoch >= 0 && !this.#life.isFenced;
  }

  /** A replica here, or null. */
  partition(topic: string, partition: number): PartitionStatus | null {
    return this.replicas.partition(topic, partition);
  }

  /**
   * Registers with the controller under the address that clients reach this broker by, and follows the metadata.
   * Resolves when the controller lets it lead (`isReady`), and clients are told of it. Rejects when it cannot
   * register; `close` it then.
   */
  async start(endpoint: Endpoint): Promise<void> {
    await this.#life.register(endpoint, this.directory.isWhole);
    this.#loop.start();
    const isKnown = ({ brokers }: MetadataImage) => {
      const own = brokers.get(this.brokerId);
      return own !== undefined && own.brokerEpoch === this.brokerEpoch && !own.isFenced;
    };
    while (!(await this.#metadata.waitFor(isKnown, START_WAIT_MS)) && !this.#isStopping) {
      this.#life.beat();
    }
    if (this.#isStopping) return;
    const strays = await this.replicas.removeStrays();
    if (strays.length > 0) this.#emit({ kind: 'strays-removed', partitions: strays });
  }

  /**
   * Controlled shutdown, then `close`: partitions are led elsewhere first, where another replica is in sync. Waits for
   * that for at most controlled.shutdown.max.retries times controlled.shutdown.retry.backoff.ms.
   */
  async shutdown(): Promise<void> {
    const startMs = this.#clock.monotonic();
    const { current } = this.settings;
    let isControlled = false;
    if (this.#closing === null && !this.#isStopping) {
      this.#isStopping = true;
      this.#emit({ kind: 'stopping' });
      if (current.controlledShutdownEnable) {
        const timeoutMs =
          current.controlledShutdownMaxRetries * current.controlledShutdownRetryBackoffMs;
        isControlled = await this.#life.requestShutdown(timeoutMs);
      }
    }
    await this.close();
    const durationMs = this.#clock.monotonic() - startMs;
    this.#emit({ kind: 'stopped', isControlled, durationMs });
  }

  /** Stops at once and closes the data directory cleanly. Requests under way get errors. Idempotent. */
  close(): Promise<void> {
    this.#isStopping = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#life.stop();
    this.#metadata.close();
    await this.#loop.stop();
    this.groups.close();
    if (this.brokerEpoch >= 0) this.directory.brokerEpoch = this.brokerEpoch;
    try {
      await this.replicas.close();
    } finally {
      await this.directory.close();
    }
  }

  async #apply(image: MetadataImage): Promise<void> {
    this.#newestImage = image;
    await this.#applySettings(image);
    await this.replicas.applyImage(image);
    const before = this.#metadata.image;
    this.#metadata.publish(image);
    const gone = [...before.topics.values()]
      .filter(({ name, topicId }) => image.topics.get(name)?.topicId !== topicId)
      .map(({ name }) => name);
    // Not waited for: replicas may be away, which only the metadata that comes next says.
    if (gone.length > 0) void this.groups.topicsDeleted(gone);
    // The controller lets a fenced broker lead as soon as it has caught up.
    if (this.#life.isFenced || this.#isStopping) this.#life.beat();
  }

  async #applySettings(image: MetadataImage): Promise<void> {
    try {
      if (!this.settings.apply(image)) return;
      this.#emit({ kind: 'settings-changed' });
      await this.#logs.setCommonConfig(this.settings.topicDefaultsAtRunTime());
    } catch (cause) {
      this.#emit({ kind: 'settings-refused', cause });
    }
  }
}

/** Between heartbeats of a broker that waits to be let in; metadata ends the wait at once. */
const START_WAIT_MS = 250;

function replicationConfig(config: BrokerConfig) {
  return {
    replicaLagTimeMaxMs: config.replicaLagTimeMaxMs,
    replicaFetchWaitMaxMs: config.replicaFetchWaitMaxMs,
    replicaFetchMinBytes: config.replicaFetchMinBytes,
    replicaFetchMaxBytes: config.replicaFetchMaxBytes,
    replicaFetchResponseMaxBytes: config.replicaFetchResponseMaxBytes,
    replicaFetchBackoffMs: config.replicaFetchBackoffMs,
    highWatermarkCheckpointIntervalMs: config.replicaHighWatermarkCheckpointIntervalMs,
  };
}

function groupConfig(config: BrokerConfig): GroupConfig {
  return parseGroupConfig(
    Object.fromEntries(GROUP_SETTINGS.map(({ name, property }) => [name, config[property]])),
  );
}
