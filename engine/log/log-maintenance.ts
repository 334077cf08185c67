import { join } from 'node:path';
import {
  encodeLeaderEpochCheckpoint,
  LEADER_EPOCH_CHECKPOINT_FILE,
} from '../format/leader-epoch-checkpoint.js';
import { encodeProducerSnapshot } from '../format/producer-snapshot.js';
import { parseSegmentFileName } from '../format/segment-file-name.js';
import { type LogState, readableEnd } from './log-state.js';
import { reloadProducers } from './producer-reload.js';
import { decideRetention, type RetentionDecision, type RetentionLimits } from './retention.js';
import { drawRollJitterMs } from './roll.js';
import { Segment } from './segment.js';
import { segmentPath } from './segment-files.js';
import { writeTransactions } from './transaction-files.js';

/** The work on whole segments and side files. Callers run these one at a time, with no sync under way. */

export function writeEpochs(state: LogState): Promise<void> {
  const path = join(state.context.directory, LEADER_EPOCH_CHECKPOINT_FILE);
  return state.context.fs.writeFileAtomic(
    path,
    encodeLeaderEpochCheckpoint(state.epochs.entries()),
  );
}

export function snapshotOf(state: LogState): Buffer {
  return encodeProducerSnapshot(state.producers.takeSnapshot());
}

/** Writes the producer snapshot named by `offset`; as in Kafka there is one for each segment's base. */
export async function writeSnapshot(
  state: LogState,
  offset: number,
  snapshot: Buffer,
): Promise<void> {
  const { fs, directory } = state.context;
  await fs.writeFileAtomic(segmentPath(directory, offset, 'snapshot'), snapshot);
}

/** Moves the log start; nothing is deleted yet. */
export function moveLogStart(state: LogState, offset: number): void {
  state.logStartOffset = offset;
  state.epochs.truncateFromStart(offset);
  state.producers.onLogStart(offset);
}

/** `limits` go before the topic's own. */
export function retentionOf(
  state: LogState,
  nowMs: number,
  limits: Partial<RetentionLimits> = {},
): RetentionDecision {
  const { segments, nextOffset } = state;
  return decideRetention({
    segments: segments.all().map((segment, i) => ({
      baseOffset: segment.baseOffset,
      sizeBytes: segment.size,
      endOffset: segments.endOffset(i, nextOffset),
      get largestTimestampMs() {
        return segment.largestTimestampMs;
      },
    })),
    config: { ...state.context.config, ...limits },
    nowMs,
    logStartOffset: state.logStartOffset,
    highWatermark: readableEnd(state),
  });
}

/** Takes the first `count` segments out of the log; the caller deletes them. */
export function detachFirst(state: LogState, count: number): Segment[] {
  const gone = state.segments.replace(0, count);
  state.epochs.truncateFromStart(state.logStartOffset);
  state.producers.onLogStart(state.logStartOffset);
  return gone;
}

/** Renames first, so that a crash half-way never leaves a half segment, then deletes. */
export async function deleteSegments(state: LogState, segments: readonly Segment[]): Promise<void> {
  const { fs, directory } = state.context;
  const doomed: string[] = [];
  for (const segment of segments) {
    await segment.discard();
    for (const path of segment.filePaths()) {
      if (fs.stat(path) === null) continue;
      fs.rename(path, `${path}.deleted`);
      doomed.push(`${path}.deleted`);
    }
  }
  await fs.syncDirectory(directory);
  for (const path of doomed) await fs.remove(path);
}

export async function deleteSnapshots(
  state: LogState,
  isDoomed: (offset: number) => boolean,
): Promise<void> {
  const { fs, directory } = state.context;
  for (const { name } of fs.list(directory)) {
    const file = parseSegmentFileName(name);
    if (file?.kind !== 'snapshot' || file.suffix !== null || !isDoomed(file.baseOffset)) continue;
    await fs.remove(join(directory, name));
  }
}

/**
 * Cuts the log at `offset` (Kafka: UnifiedLog.truncateTo): segments that start above it go, the one that holds it
 * is cut at the start of the batch containing it, and the log end becomes `offset` even if that leaves a gap.
 * Returns the new active segment when everything went.
 */
export async function truncateTo(state: LogState, offset: number): Promise<Segment | null> {
  const { segments } = state;
  if (offset >= state.nextOffset) {
    state.epochs.truncateFromEnd(offset);
    return null;
  }
  if (offset < segments.first.baseOffset) {
    await startAt(state, offset);
    return segments.active;
  }
  const keep = segments.floorIndex(offset);
  // Before anything changes: it reads the file, and what cannot be read is not cut.
  const position = segments.at(keep).positionOf(offset);
  // Later segments first and from the end: after a crash half-way the log is merely cut less.
  const later = segments.replace(keep + 1, segments.count - keep - 1);
  const active = segments.active;
  state.nextOffset = offset;
  state.recoveryPoint = Math.min(state.recoveryPoint, offset);
  state.logStartOffset = Math.min(state.logStartOffset, offset);
  if (state.highWatermark !== null) state.highWatermark = Math.min(state.highWatermark, offset);
  state.epochs.truncateFromEnd(offset);
  state.transactions.truncateTo(offset);
  await deleteSegments(state, later.reverse());
  await active.truncate(position < 0 ? active.size : position, offset);
  await deleteSnapshots(state, (at) => at > offset);
  if (!state.producers.truncateTo(offset)) await reloadProducers(state);
  return null;
}

/** Deletes everything; the log is empty at `offset`. Kafka: truncateFullyAndStartAt. */
export async function startAt(state: LogState, offset: number): Promise<void> {
  const { segments, context } = state;
  const gone = segments.replace(0, segments.count);
  const isReplaced = gone.some((segment) => segment.baseOffset === offset);
  state.nextOffset = offset;
  state.logStartOffset = offset;
  state.recoveryPoint = offset;
  if (state.highWatermark !== null) state.highWatermark = offset;
  state.epochs.clear();
  state.transactions.truncateTo(0);
  state.producers.clear(offset);
  if (isReplaced) await deleteSegments(state, gone.reverse());
  const segment = Segment.create(context, offset);
  segment.rollJitterMs = drawRollJitterMs(context.config);
  segments.add(segment);
  if (!isReplaced) await deleteSegments(state, gone.reverse());
  await deleteSnapshots(state, () => true);
}

/** For a clean close: the active segment's last time entry, indexes, aborted transactions, producer snapshot. */
export async function sealActive(state: LogState): Promise<void> {
  const { active } = state.segments;
  active.becomeInactive();
  await active.seal();
  await writeTransactions(state, active);
  state.producers.advanceTo(state.nextOffset);
  await writeSnapshot(state, state.nextOffset, snapshotOf(state));
}
