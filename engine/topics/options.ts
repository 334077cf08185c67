import type { FileSystem } from '../io/port.js';
import type { LoadProgress } from '../log/log-loader.js';
import type { TopicSettings } from '../log/log-options.js';
import type { Scheduler } from './background.js';
import type { DataDirectoryEvent } from './events.js';

export interface OpenDataDirectoryOptions {
  /** Made if it is not there. */
  readonly directory: string;
  /** Default: mmap where it is to be had, else positioned reads and writes. */
  readonly fs?: FileSystem;
  /** Settings of topics that do not have their own; see `describeTopicConfig`. */
  readonly topicDefaults?: TopicSettings;
  /** Refuse the directory if it belongs to another cluster or node; given to it when it is new. */
  readonly clusterId?: string;
  readonly nodeId?: number;
  readonly onEvent?: (event: DataDirectoryEvent) => void;
  readonly onProgress?: (progress: OpenProgress) => void;
  /** Partitions recovered at the same time after an unclean stop. Default 4. Kafka: num.recovery.threads.per.data.dir. */
  readonly recoveryConcurrency?: number;
  /** Partitions opened at the same time after a clean stop. Default 16. */
  readonly openConcurrency?: number;
  /** Default 5 minutes; Infinity: never. Kafka: log.retention.check.interval.ms. */
  readonly retentionCheckMs?: number;
  /** How often logs to be compacted are looked for. Default 15 seconds; Infinity: never. Kafka: log.cleaner.backoff.ms. */
  readonly compactionCheckMs?: number;
  /** Default 60 seconds; Infinity: only at close. Kafka: log.flush.offset.checkpoint.interval.ms. */
  readonly checkpointMs?: number;
  /** Memory for indexes of sealed segments, all partitions together. Default 64 MiB. */
  readonly indexCacheBytes?: number;
  /** Replaced in tests. */
  readonly scheduler?: Scheduler;
}

/** How far opening has come. Reported after each partition and, during recovery, every few megabytes. */
export interface OpenProgress {
  readonly partitionsOpened: number;
  readonly partitions: number;
  /** What is being scanned just now, or null. */
  readonly recovering: LoadProgress | null;
}
