import type { PartitionLog } from '../log/partition-log.js';
import type { HighWatermarkEntry, HostedPartition, LogProvider } from '../replication/ports.js';
import type { DataDirectory } from '../topics/data-directory.js';
import type { HostedTopic } from '../topics/partition-hosting.js';

type Config = Readonly<Record<string, string>>;

interface Pending {
  readonly topic: HostedTopic & { readonly partitions: number[] };
  readonly waiting: {
    readonly partition: number;
    readonly resolve: (log: PartitionLog) => void;
    readonly reject: (cause: unknown) => void;
  }[];
}

/**
 * The data directory as replication sees it. Partitions asked for in the same turn are made together: the directory
 * writes its catalog once for all of them.
 */
export class DirectoryLogs implements LogProvider {
  readonly #directory: DataDirectory;
  /** What the cluster gave every topic at run time, below each topic's own settings. */
  #common: Config = {};
  readonly #own = new Map<string, { readonly topicId: string; readonly config: Config }>();
  #pending = new Map<string, Pending>();

  constructor(directory: DataDirectory) {
    this.#directory = directory;
  }

  hostPartition(request: HostedPartition & { readonly config: Config }): Promise<PartitionLog> {
    const { topic, topicId, partition, config } = request;
    this.#own.set(topic, { topicId, config });
    if (this.#pending.size === 0) queueMicrotask(() => this.#hostPending());
    return new Promise((resolve, reject) => {
      const key = `${topicId}/${topic}`;
      let entry = this.#pending.get(key);
      if (entry === undefined) {
        entry = {
          topic: { topic, topicId, partitions: [], config: this.#merged(config) },
          waiting: [],
        };
        this.#pending.set(key, entry);
      }
      entry.topic.partitions.push(partition);
      entry.waiting.push({ partition, resolve, reject });
    });
  }

  #hostPending(): void {
    const pending = [...this.#pending.values()];
    this.#pending = new Map();
    this.#host(pending).catch((error: unknown) => {
      // One topic that is refused must not keep the others out of service.
      for (const entry of pending) {
        if (pending.length === 1) fail(entry, error);
        else this.#host([entry]).catch((its: unknown) => fail(entry, its));
      }
    });
  }

  async #host(pending: readonly Pending[]): Promise<void> {
    await this.#directory.hostPartitions(pending.map(({ topic }) => topic));
    for (const { topic, waiting } of pending) {
      for (const { partition, resolve, reject } of waiting) {
        try {
          // Fails with its cause for a partition that could not be made or opened.
          resolve(this.#directory.partition(topic.topic, partition));
        } catch (error) {
          reject(error);
        }
      }
    }
  }

  async dropTopic(topicId: string): Promise<void> {
    const names = new Set<string>();
    for (const hosted of this.#directory.hosted()) {
      if (hosted.topicId === topicId) names.add(hosted.topic);
    }
    for (const name of names) {
      if (this.#own.get(name)?.topicId === topicId) this.#own.delete(name);
    }
    if (names.size === 0) return;
    // Another topic may be taking its name at this moment.
    await this.#directory.dropPartitions(
      [...names].map((topic) => ({ topic, topicId, partitions: null })),
    );
  }

  dropPartition(topic: string, partition: number): Promise<void> {
    return this.#directory.dropPartitions([{ topic, partitions: [partition] }]);
  }

  async setTopicConfig(topic: string, config: Config): Promise<void> {
    const topicId = this.#idOf(topic);
    if (topicId === undefined) return;
    this.#own.set(topic, { topicId, config });
    await this.#directory.hostPartitions([
      { topic, topicId, partitions: [], config: this.#merged(config) },
    ]);
  }

  /**
   * Puts defaults in force that changed while the broker runs, for every topic here. Fails as the first topic does
   * that cannot take them; the others have.
   */
  async setCommonConfig(common: Config): Promise<void> {
    this.#common = common;
    const topics = [...this.#own].map(([topic, { topicId, config }]) => ({
      topic,
      topicId,
      partitions: [],
      config: this.#merged(config),
    }));
    if (topics.length === 0) return;
    const failures: unknown[] = [];
    await this.#directory.hostPartitions(topics).catch(async () => {
      for (const topic of topics) {
        await this.#directory.hostPartitions([topic]).catch((error: unknown) => {
          failures.push(error);
        });
      }
    });
    if (failures.length > 0) throw failures[0];
  }

  hosted(): Iterable<HostedPartition> {
    return this.#directory.hosted();
  }

  highWatermarks(): ReadonlyMap<string, number> {
    const offsets = new Map<string, number>();
    for (const { topic, partition } of this.#directory.hosted()) {
      const offset = this.#directory.checkpointedHighWatermark(topic, partition);
      offsets.set(`${topic}-${partition}`, offset);
    }
    return offsets;
  }

  /** The directory asks each log for its high watermark itself. */
  saveHighWatermarks(_entries: readonly HighWatermarkEntry[]): Promise<void> {
    return this.#directory.checkpoint();
  }

  #merged(config: Config): Config {
    return { ...this.#common, ...config };
  }

  #idOf(topic: string): string | undefined {
    const own = this.#own.get(topic);
    if (own !== undefined) return own.topicId;
    for (const hosted of this.#directory.hosted()) {
      if (hosted.topic === topic) return hosted.topicId;
    }
    return undefined;
  }
}

function fail({ waiting }: Pending, error: unknown): void {
  for (const { reject } of waiting) reject(error);
}
