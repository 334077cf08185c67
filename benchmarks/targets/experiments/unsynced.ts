import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodeOffsetCheckpoint,
  RECOVERY_POINT_CHECKPOINT_FILE,
} from '../../../engine/format/offset-checkpoint.js';
import { batchesIn, logFilesIn } from './log-files.js';
import type { FirstUnwritten } from './page-cache.js';

/** How far replicas' logs are on disk. */
export interface OnDisk {
  /** Offset below which records of the partition are on disk. */
  endOffset(dataDirectory: string, topic: string, partition: number): number;
  /** How that is known. */
  readonly how: string;
}

/** What the kernel has not written yet, to within what it writes at once: a page, or some. */
export function byPageCache(firstUnwritten: FirstUnwritten): OnDisk {
  return {
    how: 'on pages that the kernel had not written to disk at the kill',
    endOffset(dataDirectory, topic, partition) {
      let endOffset = 0;
      for (const path of logFilesIn(join(dataDirectory, `${topic}-${partition}`))) {
        const { size } = statSync(path);
        const end = firstUnwritten(path, size) ?? 0;
        for (const batch of batchesIn(path, size)) {
          if (batch.end > end) return endOffset;
          endOffset = batch.nextOffset;
        }
      }
      return endOffset;
    },
  };
}

/** What brokers remember having synced, which is older than what they have synced. */
export const byCheckpoint: OnDisk = {
  how: 'beyond the recovery points in the checkpoint files, which are up to a minute old',
  endOffset: (dataDirectory, topic, partition) => recoveryPointIn(dataDirectory, topic, partition),
};

/** A log that stands alone has the file in its own directory. */
export const byCheckpointOfLog: OnDisk = {
  how: 'beyond the recovery points in the checkpoint files, which are old',
  endOffset: (directory, topic, partition) =>
    recoveryPointIn(join(directory, `${topic}-${partition}`), topic, partition),
};

function recoveryPointIn(directory: string, topic: string, partition: number): number {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(directory, RECOVERY_POINT_CHECKPOINT_FILE));
  } catch (error) {
    // Not written yet: nothing is known to be on disk.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  const found = decodeOffsetCheckpoint(bytes).find(
    (entry) => entry.topic === topic && entry.partition === partition,
  );
  return found?.offset ?? 0;
}

/** Acknowledged records that were on no replica's disk. */
export function unsyncedRecords(
  onDisk: OnDisk,
  acknowledged: readonly number[],
  replicaDirectories: (partition: number) => readonly string[],
  topic: string,
): number {
  let sum = 0;
  for (const [partition, count] of acknowledged.entries()) {
    const ends = replicaDirectories(partition).map((directory) =>
      onDisk.endOffset(directory, topic, partition),
    );
    sum += Math.max(0, count - Math.max(0, ...ends));
  }
  return sum;
}
