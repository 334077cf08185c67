import { VarveError } from '../errors.js';
import { lastOffset, producerId } from '../format/batch-header.js';
import { decodeProducerSnapshot } from '../format/producer-snapshot.js';
import { parseSegmentFileName } from '../format/segment-file-name.js';
import { type LogState, readableEnd } from './log-state.js';
import { replayBatch } from './producer-replay.js';
import type { Segment } from './segment.js';
import { segmentPath } from './segment-files.js';
import { TransactionIndex } from './transaction-index.js';

export const MAX_SIDE_FILE_BYTES = 64 * 1024 * 1024;

/** What is rebuilt, and from where. */
export type ReloadTarget = Pick<
  LogState,
  'context' | 'producers' | 'transactions' | 'logStartOffset'
>;

/**
 * Producer state and aborted transactions, made again: the newest usable snapshot, then the batches after it in their
 * order. They come from `visitSegment`, or from a scan that reads them anyway. Kafka: UnifiedLog.rebuildProducerState.
 */
export class ProducerReload {
  readonly #target: ReloadTarget;
  readonly #found = new TransactionIndex(0);
  #from: number;

  private constructor(target: ReloadTarget, from: number) {
    this.#target = target;
    this.#from = from;
  }

  /** Loads the newest snapshot at or below `atMost`; where there is none the batches from `from` on count. */
  static async begin(
    target: ReloadTarget,
    { atMost, from }: { readonly atMost: number; readonly from: number },
  ): Promise<ProducerReload> {
    const { context, producers, logStartOffset } = target;
    const { fs, directory } = context;
    const reload = new ProducerReload(target, from);
    producers.clear(from);
    for (const offset of snapshotOffsets(context)) {
      if (offset > atMost) continue;
      if (offset < logStartOffset) break;
      const path = segmentPath(directory, offset, 'snapshot');
      try {
        const bytes = fs.readFile(path, { maxBytes: MAX_SIDE_FILE_BYTES });
        producers.loadSnapshot(decodeProducerSnapshot(bytes), offset, fs.clock.now());
        reload.#from = offset;
        break;
      } catch (error) {
        if (!(error instanceof VarveError) || error.code === 'IO_FAILED') throw error;
        await fs.remove(path);
      }
    }
    return reload;
  }

  /** Batches that end below it are covered by the snapshot, or gone. */
  get from(): number {
    return this.#from;
  }

  /** The batch at byte `at`, whole. */
  visit(buffer: Buffer, view: DataView, at: number): void {
    if (producerId(view, at) < 0 || lastOffset(view, at) < this.#from) return;
    replayBatch(this.#target.producers, this.#found, buffer, view, at);
  }

  /** Every batch of one segment that counts. */
  visitSegment(segment: Segment): void {
    const position = segment.positionOf(this.#from);
    if (position < 0) return;
    segment.forEachBatch(position, (buffer, view, at) => this.visit(buffer, view, at));
  }

  /** All batches below `endOffset` have been visited. */
  finish(endOffset: number): void {
    const { producers, transactions } = this.#target;
    const decided = transactions.entries.at(-1)?.lastOffset ?? -1;
    for (const entry of this.#found.entries) {
      if (entry.lastOffset > decided) transactions.append(entry);
    }
    producers.advanceTo(endOffset);
  }
}

/**
 * Producer state as of the log end, read from the log. After a clean stop without any snapshot there is nothing to
 * rebuild from: as in Kafka, that means no producers. The batches from `rebuildFrom` on are read in any case, for the
 * transactions that end there.
 */
export async function reloadProducers(
  state: LogState,
  options: { readonly clean?: boolean; readonly rebuildFrom?: number } = {},
): Promise<void> {
  const { clean = false, rebuildFrom = Number.POSITIVE_INFINITY } = options;
  const { context, segments, nextOffset, logStartOffset } = state;
  const isUnknown = clean && snapshotOffsets(context).length === 0;
  await removeSnapshotsAbove(context, nextOffset);
  const reload = await ProducerReload.begin(state, {
    atMost: Math.min(rebuildFrom, nextOffset),
    from: isUnknown ? nextOffset : logStartOffset,
  });
  if (reload.from < nextOffset) {
    for (let i = Math.max(0, segments.floorIndex(reload.from)); i < segments.count; i += 1) {
      reload.visitSegment(segments.at(i));
    }
  }
  reload.finish(nextOffset);
  settleTransactions(state);
}

/** Transactions whose markers can be read are decided; replaying cannot know how far that is. */
export function settleTransactions(state: LogState): void {
  state.producers.onHighWatermark(readableEnd(state));
}

/** Snapshots of what the log has lost. */
export async function removeSnapshotsAbove(
  { fs, directory }: LogState['context'],
  endOffset: number,
): Promise<void> {
  for (const offset of snapshotOffsets({ fs, directory })) {
    if (offset > endOffset) await fs.remove(segmentPath(directory, offset, 'snapshot'));
  }
}

/** Newest first. */
function snapshotOffsets({
  fs,
  directory,
}: Pick<LogState['context'], 'fs' | 'directory'>): number[] {
  const offsets: number[] = [];
  for (const { name } of fs.list(directory)) {
    const file = parseSegmentFileName(name);
    if (file?.kind === 'snapshot' && file.suffix === null) offsets.push(file.baseOffset);
  }
  return offsets.sort((a, b) => b - a);
}
