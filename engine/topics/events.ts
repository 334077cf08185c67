import type { RecoveryReport } from '../log/log-loader.js';
import type { LogEvent } from '../log/log-options.js';

/** What a data directory tells its owner; for logging and metrics. Nothing here needs an answer. */
export type DataDirectoryEvent =
  /** Something one partition's log did. */
  | {
      readonly kind: 'log';
      readonly topic: string;
      readonly partition: number;
      readonly event: LogEvent;
    }
  /** A partition was scanned after an unclean stop, or had to be mended. */
  | {
      readonly kind: 'recovered';
      readonly topic: string;
      readonly partition: number;
      readonly report: RecoveryReport;
    }
  /** A partition is set aside, or its log takes no more writes. */
  | {
      readonly kind: 'partition-offline';
      readonly topic: string;
      readonly partition: number;
      readonly cause: unknown;
    }
  /** A directory that belongs to nothing known. Left as it is. */
  | { readonly kind: 'unknown-directory'; readonly path: string; readonly message: string }
  /** A directory that is known and not opened. Left as it is. */
  | { readonly kind: 'directory-skipped'; readonly path: string; readonly message: string }
  | { readonly kind: 'directory-removed'; readonly path: string }
  /** Tried again at the next open. */
  | { readonly kind: 'removal-failed'; readonly path: string; readonly cause: unknown }
  /** Partition directories without an entry in the catalog, as Kafka leaves them, are topics now. */
  | {
      readonly kind: 'topic-adopted';
      readonly topic: string;
      readonly topicId: string;
      readonly partitions: readonly number[];
      readonly message: string;
    }
  /** Directories with the id of a topic that did not have these partitions: they have been moved in. */
  | {
      readonly kind: 'partitions-adopted';
      readonly topic: string;
      readonly partitions: readonly number[];
    }
  /** Partitions of a topic that were not there were made: its creation had been interrupted. */
  | {
      readonly kind: 'topic-completed';
      readonly topic: string;
      readonly partitions: readonly number[];
    }
  /** An interrupted deletion was finished. */
  | { readonly kind: 'topic-deleted'; readonly topic: string }
  /** partition.metadata was missing (cause null) or damaged and is written anew. */
  | {
      readonly kind: 'metadata-rewritten';
      readonly topic: string;
      readonly partition: number;
      readonly cause: unknown;
    }
  /** A checkpoint file cannot be read: its partitions are scanned as if it were not there. */
  | { readonly kind: 'checkpoint-damaged'; readonly path: string; readonly cause: unknown }
  /** Nothing is lost; tried again in the next round. */
  | { readonly kind: 'checkpoint-failed'; readonly cause: unknown }
  | { readonly kind: 'catalog-failed'; readonly cause: unknown }
  | {
      readonly kind: 'retention-failed';
      readonly topic: string;
      readonly partition: number;
      readonly cause: unknown;
    }
  | {
      readonly kind: 'compaction-failed';
      readonly topic: string;
      readonly partition: number;
      readonly cause: unknown;
    }
  | { readonly kind: 'task-failed'; readonly task: string; readonly cause: unknown }
  /** A partition could not be closed cleanly: the next open recovers it. */
  | {
      readonly kind: 'close-failed';
      readonly topic: string;
      readonly partition: number;
      readonly cause: unknown;
    };

export type EmitEvent = (event: DataDirectoryEvent) => void;

/** Calls `onEvent` so that an error it throws reaches the process as uncaught and not the engine's own work. */
export function emitterOf(onEvent: EmitEvent | undefined): EmitEvent {
  if (onEvent === undefined) return () => undefined;
  return (event) => {
    try {
      onEvent(event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}
