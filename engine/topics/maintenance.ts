import { isVarveError } from '../errors.js';
import type { PartitionLog } from '../log/partition-log.js';
import { Turns } from './concurrency.js';
import type { EmitEvent } from './events.js';
import type { PartitionHandle } from './partition-handle.js';

/** What one round over all partitions works with. */
export interface MaintenanceRound {
  readonly handles: Iterable<PartitionHandle>;
  readonly emit: EmitEvent;
  /** Ends the round after, or in, the partition under way. */
  readonly signal: AbortSignal;
}

/** Applies retention to each partition in turn. Returns the number of segments deleted. */
export async function retainAll({ handles, emit, signal }: MaintenanceRound): Promise<number> {
  const turns = new Turns();
  let deleted = 0;
  for (const { topic, partition, log } of workable(handles)) {
    if (signal.aborted) break;
    try {
      deleted += await log.applyRetention();
    } catch (cause) {
      // A topic deleted meanwhile.
      if (!log.isClosed) emit({ kind: 'retention-failed', topic, partition, cause });
    }
    await turns.yieldIfDue();
  }
  return deleted;
}

/**
 * Compacts the logs that are due, the dirtiest first, one at a time. Returns how many were compacted.
 * Kafka: LogCleanerManager.grabFilthiestCompactedLog, with one cleaner thread.
 */
export async function compactAll({ handles, emit, signal }: MaintenanceRound): Promise<number> {
  const turns = new Turns();
  const candidates: (Workable & { readonly ratio: number })[] = [];
  for (const found of workable(handles)) {
    if (found.log.isClosed || !found.log.config.cleanupPolicy.includes('compact')) continue;
    try {
      candidates.push({ ...found, ratio: found.log.cleanableRatio });
    } catch (cause) {
      const { topic, partition } = found;
      emit({ kind: 'compaction-failed', topic, partition, cause });
    }
    await turns.yieldIfDue();
  }
  candidates.sort((a, b) => b.ratio - a.ratio);
  let compacted = 0;
  for (const { topic, partition, log } of candidates) {
    if (signal.aborted) break;
    try {
      if ((await log.compact({ signal })).compacted) compacted += 1;
    } catch (cause) {
      // Closed, truncated or told to stop meanwhile: the next round goes on.
      if (log.isClosed || isVarveError(cause, 'ABORTED')) continue;
      emit({ kind: 'compaction-failed', topic, partition, cause });
    }
    await turns.yieldIfDue();
  }
  return compacted;
}

interface Workable {
  readonly topic: string;
  readonly partition: number;
  readonly log: PartitionLog;
}

/** As of now: topics come and go while a round is under way. */
function workable(handles: Iterable<PartitionHandle>): Workable[] {
  const found: Workable[] = [];
  for (const { topic, partition, log, cause } of handles) {
    if (log !== null && cause === null && !log.isClosed) found.push({ topic, partition, log });
  }
  return found;
}
