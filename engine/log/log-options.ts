import type { TopicConfigInput, TopicConfigValue } from '../config.js';
import type { FileSystem } from '../io/port.js';
import type { CompressionType } from '../types.js';
import type { BatchOrigin } from './batch-validation.js';
import type { CompactionReport } from './cleaner.js';
import type { IndexCache } from './index-cache.js';
import type { LoadProgress } from './log-loader.js';
import type { RollReason } from './roll.js';

export interface AppendOptions {
  /** Default `none`. */
  readonly compression?: CompressionType;
  /** The codec's own scale; default: the codec's default. */
  readonly compressionLevel?: number;
  /** Idempotence: a producer id at or above 0 makes duplicates recognisable by epoch and sequence. */
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
}

export interface AppendBatchesOptions {
  readonly origin?: BatchOrigin;
  /** Check each batch's CRC before it is accepted. Default true; false only for bytes checked a moment ago. */
  readonly checkCrcs?: boolean;
  /** Look at every record of uncompressed batches too. Default false: readers check them. */
  readonly checkRecords?: boolean;
}

/** What an append did. */
export class AppendResult {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** True: the producer's batch was there already; nothing was appended and the offsets are the original's. */
  readonly isDuplicate: boolean;

  constructor(baseOffset: number, lastOffset: number, isDuplicate: boolean) {
    this.baseOffset = baseOffset;
    this.lastOffset = lastOffset;
    this.isDuplicate = isDuplicate;
  }
}

export interface CheckpointedOffsets {
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  /** Everything below it has been compacted; 0 or left out: nothing is known to be. */
  readonly cleanerOffset?: number;
}

export interface TakenCheckpoints extends CheckpointedOffsets {
  readonly clean: boolean;
  /** Whether `recoveryPoint` was kept, or is 0 because nothing was: then a gap may be older than any crash. Default true. */
  readonly isRecoveryPointKnown?: boolean;
}

/** Where a log's offsets and its clean-shutdown mark are kept between runs. */
export interface LogCheckpoints {
  /** What was kept; removes the clean-shutdown mark, so that a crash from now on is seen. */
  take(): Promise<TakenCheckpoints>;
  /** Durable when it resolves. */
  write(state: CheckpointedOffsets): Promise<void>;
  /** After a clean close: writes the mark and lets go of the directory. */
  release(clean: boolean): Promise<void>;
}

/** Settings by Kafka's dotted names or in camel case. */
export type TopicSettings = TopicConfigInput | Readonly<Record<string, TopicConfigValue>>;

export interface OpenLogOptions {
  /** Made if it is not there. Named `<topic>-<partition>` it can be moved under a Kafka broker. */
  readonly directory: string;
  /** Topic settings by Kafka's name or in camel case; see `describeTopicConfig`. */
  readonly config?: TopicSettings;
  /** Default: mmap where it is to be had, else positioned reads and writes. */
  readonly fs?: FileSystem;
  readonly leaderEpoch?: number;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly onEvent?: (event: LogEvent) => void;
}

export interface LoadLogOptions {
  readonly directory: string;
  readonly fs: FileSystem;
  readonly config?: TopicSettings;
  readonly checkpoints: LogCheckpoints;
  readonly indexes?: IndexCache;
  /** Epoch of batches appended here. Default 0. */
  readonly leaderEpoch?: number;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly onEvent?: (event: LogEvent) => void;
}

/** What a log tells its owner; for logging and metrics. */
export type LogEvent =
  | { readonly kind: 'rolled'; readonly baseOffset: number; readonly reason: RollReason | 'asked' }
  | { readonly kind: 'index-rebuilt'; readonly path: string; readonly cause: unknown }
  | { readonly kind: 'deleted'; readonly baseOffset: number; readonly reason: string }
  | { readonly kind: 'truncated'; readonly offset: number }
  | { readonly kind: 'compacted'; readonly report: CompactionReport }
  /** A full disk put off work that only saves time at the next open; it is tried again. */
  | { readonly kind: 'postponed'; readonly cause: unknown }
  | { readonly kind: 'poisoned'; readonly cause: unknown };
